//! Timers of systemd and jobs of launchd: what they run of this program's, and what keeps them from it. Pure: it is told
//! what was read.

use std::time::Duration;

use crate::judge::cron::command::ours;
use crate::judge::schedule::Firing;
use crate::model::finding::Finding;
use crate::model::schedule::{Job, Timer};
use crate::model::text::{human_duration, one_line};

/// What findings here are about.
const ABOUT: &str = "schedule";
/// From this long on, a firing that was missed while the host was off is worth making up for.
const RARE: Duration = Duration::from_secs(3600);

/// What a timer fires of ours, and what is the matter with it; `user` is who asks.
pub fn timer(timer: &Timer, user: &str) -> (Vec<Firing>, Vec<Finding>) {
    let mut found = Vec::new();
    let name = &timer.name;
    let typed = if timer.user_scope { "systemctl --user" } else { "systemctl" };
    let journal = if timer.user_scope { "journalctl --user-unit" } else { "journalctl -u" };
    let enable = format!("`{typed} enable --now {name}`");
    let active = timer.active == "active";
    let mut fires = active && timer.has_next;
    if timer.file_state == "masked" {
        let said = format!("{name} is masked: it never fires");
        let hint = format!("`{typed} unmask {name}`, then {enable}");
        return (Vec::new(), vec![Finding::critical(ABOUT, said).hint(hint)]);
    }
    if timer.active == "failed" {
        let said = format!("{name} has failed ({}): it does not fire", one_line(&timer.result, 40));
        found
            .push(Finding::critical(ABOUT, said).hint(format!("see why: `{typed} status {name}`")));
    } else if !active {
        let said = format!("{name} is {}: it does not fire", one_line(&timer.active, 40));
        found.push(Finding::critical(ABOUT, said).hint(enable));
    } else if !timer.has_next {
        let said = format!("{name} is active, but has no next time");
        found.push(
            Finding::critical(ABOUT, said)
                .hint(format!("see it: `systemctl list-timers --all {name}`")),
        );
    } else if timer.file_state == "disabled" {
        let said = format!("{name} is not enabled: after a restart of the host it does not fire");
        found.push(Finding::warning(ABOUT, said).hint(format!("`{typed} enable {name}`")));
    }
    let service = &timer.service;
    if timer.service_load != "loaded" {
        fires = false;
        let said = format!(
            "{name} starts {service}, which cannot be loaded ({})",
            one_line(&timer.service_load, 40)
        );
        found.push(
            Finding::critical(ABOUT, said).hint(format!("see why: `{typed} status {service}`")),
        );
    } else if !["success", ""].contains(&timer.service_result.as_str()) {
        let said =
            format!("the last run of {service} failed ({})", one_line(&timer.service_result, 40));
        found.push(
            Finding::warning(ABOUT, said).hint(format!("see why: `{journal} {service} -n 50`")),
        );
    }
    if let Some(every) = timer
        .every
        .filter(|every| *every >= RARE && !timer.persistent && !timer.calendar.is_empty())
    {
        let said = format!(
            "{name} fires every {}, and what is missed while the host is off is not made up for",
            human_duration(every)
        );
        found.push(Finding::warning(ABOUT, said).hint("write `Persistent=true` into its [Timer]"));
    }
    let whom = match timer.user.as_str() {
        "" if timer.user_scope => user,
        "" => "root",
        user => user,
    };
    let firing = |ours| Firing {
        place: name.clone(),
        ours,
        user: whom.to_owned(),
        every: timer.every,
        fires,
        path: None,
        variables: timer.variables.clone(),
        more_variables: timer.more_variables,
    };
    let firings = timer.commands.iter().flat_map(|command| ours(command)).map(firing).collect();
    (firings, found)
}

/// What a job of launchd fires of ours, and what is the matter with it; `user` is who asks.
pub fn job(job: &Job, user: &str) -> (Vec<Firing>, Vec<Finding>) {
    let mut found = Vec::new();
    if let Some(why) = &job.idle {
        let domain = if job.system { "system" } else { "gui/$(id -u)" };
        let said = format!("{} does not fire: {}", job.label, one_line(why, 200));
        let hint = format!("`launchctl bootstrap {domain} '{}'`", job.path);
        found.push(Finding::critical(ABOUT, said).hint(hint));
    }
    let firing = |ours| Firing {
        place: job.label.clone(),
        ours,
        user: if job.system { "root" } else { user }.to_owned(),
        every: job.every,
        fires: job.idle.is_none(),
        path: None,
        variables: job.variables.clone(),
        more_variables: false,
    };
    (ours(&job.command).into_iter().map(firing).collect(), found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::secs;
    use crate::model::finding::Standing;

    fn good() -> Timer {
        Timer {
            name: "miraclemax-heal.timer".into(),
            active: "active".into(),
            file_state: "enabled".into(),
            result: "success".into(),
            has_next: true,
            calendar: vec!["*-*-* *:*:00".into()],
            every: Some(secs(60)),
            service: "miraclemax-heal.service".into(),
            service_load: "loaded".into(),
            service_result: "success".into(),
            commands: vec!["/usr/local/bin/miraclemax heal -q".into()],
            ..Timer::default()
        }
    }

    #[test]
    fn a_timer_that_fires_is_as_it_should_be() {
        let (firings, found) = timer(&good(), "max");
        assert_eq!(found, []);
        assert_eq!((firings.len(), firings[0].fires, firings[0].user.as_str()), (1, true, "root"));
        let own = Timer { user_scope: true, ..good() };
        assert_eq!(timer(&own, "max").0[0].user, "max");
        let weekly = Timer { every: Some(secs(7 * 86_400)), persistent: true, ..good() };
        assert_eq!(timer(&weekly, "max").1, []);
    }

    #[test]
    fn what_keeps_a_timer_from_firing_is_named() {
        let with = |change: &dyn Fn(&mut Timer)| {
            let mut timer = good();
            change(&mut timer);
            timer
        };
        for (bad, standing, fires, want) in [
            (
                with(&|t| t.active = "inactive".into()),
                Standing::Critical,
                false,
                "is inactive: it does not fire",
            ),
            (with(&|t| t.active = "failed".into()), Standing::Critical, false, "has failed"),
            (with(&|t| t.has_next = false), Standing::Critical, false, "has no next time"),
            (
                with(&|t| t.file_state = "disabled".into()),
                Standing::Warning,
                true,
                "after a restart of the host",
            ),
            (
                with(&|t| t.service_load = "not-found".into()),
                Standing::Critical,
                false,
                "cannot be loaded (not-found)",
            ),
            (
                with(&|t| t.service_result = "exit-code".into()),
                Standing::Warning,
                true,
                "the last run of miraclemax-heal.service failed (exit-code)",
            ),
            (
                with(&|t| t.every = Some(secs(86_400))),
                Standing::Warning,
                true,
                "is not made up for",
            ),
        ] {
            let (firings, found) = timer(&bad, "root");
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].status, firings[0].fires), (standing, fires), "{found:?}");
            assert!(found[0].said.contains(want) && found[0].hint.is_some(), "{found:?}");
        }
    }

    #[test]
    fn a_masked_timer_is_named() {
        let (firings, found) = timer(&Timer { file_state: "masked".into(), ..good() }, "root");
        assert_eq!(firings, []);
        assert!(found[0].said.contains("is masked"), "{found:?}");
    }

    #[test]
    fn a_job_that_launchd_does_not_have_does_not_fire() {
        let known = Job {
            path: "/Library/LaunchDaemons/org.miraclemax.heal.plist".into(),
            label: "org.miraclemax.heal".into(),
            command: "/usr/local/bin/miraclemax heal -q".into(),
            every: Some(secs(60)),
            variables: Vec::new(),
            system: true,
            idle: None,
        };
        let (firings, found) = job(&known, "max");
        assert_eq!((found.len(), firings[0].fires, firings[0].user.as_str()), (0, true, "root"));
        let (firings, found) = job(&Job { idle: Some("not loaded".into()), ..known }, "max");
        assert!(
            !firings[0].fires && found[0].said.contains("does not fire: not loaded"),
            "{found:?}"
        );
    }
}
