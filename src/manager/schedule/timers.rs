//! The timers of a systemd with what they start: which there are, also those that are not loaded, and how the answers
//! read. Starts, enables and reloads nothing.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::strtime;

use crate::manager::reach::Reach;
use crate::manager::systemd::{absent, systemctl};
use crate::model::schedule::Timer;
use crate::model::unit::ManagerKind;
use crate::sys::clock::Deadline;
use crate::sys::exec::Command;

/// What is asked of timers (org.freedesktop.systemd1(5)).
const OF_TIMER: &str = "Id,ActiveState,SubState,UnitFileState,Result,Persistent,TimersCalendar,TimersMonotonic,\
NextElapseUSecRealtime,NextElapseUSecMonotonic,Triggers,LoadState";
/// And of the services that they start.
const OF_SERVICE: &str =
    "Id,LoadState,Result,User,ExecStart,Environment,EnvironmentFiles,UnitFileState";
/// So many firings in a row are looked at for the longest time between two.
const FIRINGS: usize = 16;

/// The timers of this systemd whose service runs something that `wanted` takes; nothing where there is no systemd.
pub fn timers(
    manager: ManagerKind,
    reach: &Reach,
    limit: Duration,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<Timer>, String> {
    if absent(manager, reach).is_some() {
        return Ok(Vec::new());
    }
    let deadline = Deadline::after(limit);
    let ask = |args: &[&str], units: &[&str]| {
        let output = systemctl(manager, args, units, reach, deadline.left()).run();
        if output.ok() {
            Ok(output.text())
        } else {
            Err(format!("{} does not answer: {}", manager.word(), output.reason()))
        }
    };
    // Those that are not loaded have files all the same.
    let files = ask(&["list-unit-files", "--type=timer", "--no-legend", "--full"], &[])?;
    let mut names: Vec<&str> =
        files.lines().filter_map(|line| line.split_whitespace().next()).collect();
    // Templates have no times before they have an instance.
    names.retain(|name| !name.contains("@."));
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut timers = parse_timers(&ask(&["show", "-p", OF_TIMER], &names)?);
    let mut services: Vec<String> = timers.iter().map(|timer| timer.service.clone()).collect();
    services.retain(|service| !service.is_empty());
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    if !services.is_empty() {
        add_services(&mut timers, &ask(&["show", "-p", OF_SERVICE], &services)?);
    }
    // Of one that is masked nothing is known but its name.
    let hidden =
        |timer: &Timer| timer.file_state == "masked" && timer.name.starts_with("miraclemax");
    timers.retain(|timer| timer.commands.iter().any(|command| wanted(command)) || hidden(timer));
    for timer in &mut timers {
        timer.user_scope = manager == ManagerKind::SystemdUser;
        timer.every = every(timer, deadline);
    }
    Ok(timers)
}

/// The longest time between two firings: of several triggers the most frequent one counts.
fn every(timer: &Timer, deadline: Deadline) -> Option<Duration> {
    let calendars = timer.calendar.iter().filter_map(|calendar| {
        let iterations = format!("--iterations={FIRINGS}");
        let argv = ["systemd-analyze", "calendar", iterations.as_str(), "--", calendar.as_str()];
        let output =
            Command::new(argv, deadline.left()).env("LC_ALL", "C.UTF-8").env("TZ", "UTC").run();
        longest(&output.text())
    });
    timer.again.iter().copied().chain(calendars).min()
}

/// What `systemd-analyze calendar --iterations=N` prints: `Next elapse: Sun 2026-11-29 20:15:00 UTC`, and for those after
/// it `Iteration #2: …` (systemd 243 on; `Iter. #2:` in some).
fn longest(text: &str) -> Option<Duration> {
    let at = |line: &str| -> Option<Timestamp> {
        let (key, value) = line.split_once(": ")?;
        let key = key.trim();
        if key != "Next elapse" && !key.starts_with("Iter") {
            return None;
        }
        let value = value.trim().strip_suffix(" UTC")?;
        let value = value.split_once(' ')?.1;
        let time = strtime::parse("%Y-%m-%d %H:%M:%S", value.split('.').next()?).ok()?;
        time.to_datetime().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp())
    };
    let firings: Vec<Timestamp> = text.lines().filter_map(at).collect();
    let gaps = firings.windows(2).map(|two| two[1].duration_since(two[0]));
    gaps.filter_map(|gap| Duration::try_from(gap).ok()).max()
}

fn parse_timers(text: &str) -> Vec<Timer> {
    let block = |block: &str| {
        let value = |key: &str| of(block, key).next().unwrap_or_default().to_owned();
        let name = value("Id");
        let loaded = ["loaded", "masked"].contains(&value("LoadState").as_str());
        let braced = |key: &'static str| of(block, key).filter_map(inner);
        let mut again = Vec::new();
        for entry in braced("TimersMonotonic") {
            if let Some((key, value)) = entry.split_once('=')
                && ["OnUnitActiveUSec", "OnUnitInactiveUSec"].contains(&key)
            {
                again.extend(humantime::parse_duration(value));
            }
        }
        let calendar = braced("TimersCalendar")
            .filter_map(|entry| entry.strip_prefix("OnCalendar=").map(str::to_owned))
            .collect();
        let next =
            |key: &str| ![String::new(), "0".into(), "infinity".into()].contains(&value(key));
        loaded.then(|| Timer {
            name,
            active: value("ActiveState"),
            file_state: value("UnitFileState"),
            result: value("Result"),
            persistent: value("Persistent") == "yes",
            // While what it starts is running there is no next time.
            has_next: value("SubState") == "running"
                || next("NextElapseUSecRealtime")
                || next("NextElapseUSecMonotonic"),
            calendar,
            again,
            service: value("Triggers").split_whitespace().next().unwrap_or_default().to_owned(),
            ..Timer::default()
        })
    };
    text.split("\n\n").filter_map(block).collect()
}

fn add_services(timers: &mut [Timer], text: &str) {
    for block in text.split("\n\n") {
        let value = |key: &str| of(block, key).next().unwrap_or_default();
        for timer in timers.iter_mut().filter(|timer| timer.service == value("Id")) {
            value("LoadState").clone_into(&mut timer.service_load);
            value("Result").clone_into(&mut timer.service_result);
            value("User").clone_into(&mut timer.user);
            timer.commands = of(block, "ExecStart").filter_map(argv).collect();
            let variables = value("Environment").split_whitespace();
            timer.variables = variables
                .filter_map(|set| Some(set.trim_start_matches('"').split_once('=')?.0.to_owned()))
                .collect();
            timer.more_variables = !value("EnvironmentFiles").is_empty();
        }
    }
}

/// The values of `key`, which may be there several times.
fn of<'t>(block: &'t str, key: &str) -> impl Iterator<Item = &'t str> {
    block.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}

/// `OnCalendar=*:0/5` of `{ OnCalendar=*:0/5 ; next_elapse=… }`.
fn inner(value: &str) -> Option<&str> {
    let inner = value.trim().strip_prefix('{')?;
    Some(inner.split(" ; ").next()?.trim())
}

/// `/bin/x heal -q` of `{ path=/bin/x ; argv[]=/bin/x heal -q ; ignore_errors=no ; … }`.
fn argv(value: &str) -> Option<String> {
    let (_, after) = value.split_once("argv[]=")?;
    Some(after.split(" ; ").next()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As systemd 252 prints it.
    const TIMERS: &str = "\
Id=miraclemax-heal.timer
LoadState=loaded
ActiveState=active
UnitFileState=enabled
Triggers=miraclemax-heal.service
TimersCalendar={ OnCalendar=*-*-* *:*:00 ; next_elapse=Sun 2026-11-29 20:16:00 UTC }
NextElapseUSecRealtime=Sun 2026-11-29 20:16:00 UTC
NextElapseUSecMonotonic=infinity
Result=success
Persistent=no

Id=other.timer
LoadState=loaded
ActiveState=inactive
UnitFileState=disabled
Triggers=other.service
TimersMonotonic={ OnUnitActiveUSec=1min 30s ; next_elapse=0 }
TimersMonotonic={ OnBootUSec=5min ; next_elapse=0 }
NextElapseUSecRealtime=
NextElapseUSecMonotonic=infinity
Result=success
Persistent=yes

Id=gone.timer
LoadState=not-found
";
    const SERVICES: &str = "\
User=
ExecStart={ path=/usr/local/bin/miraclemax ; argv[]=/usr/local/bin/miraclemax heal -q ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
Environment=A=1 \"B=x\"
Id=miraclemax-heal.service
LoadState=loaded
Result=exit-code
";

    #[test]
    fn timers_are_read_with_what_they_start() {
        let mut timers = parse_timers(TIMERS);
        add_services(&mut timers, SERVICES);
        let [heal, other] = &timers[..] else { panic!("{timers:#?}") };
        assert_eq!(heal.calendar, ["*-*-* *:*:00"]);
        assert_eq!(heal.commands, ["/usr/local/bin/miraclemax heal -q"]);
        assert_eq!(heal.variables, ["A", "B"]);
        assert_eq!((heal.has_next, heal.persistent, heal.user.as_str()), (true, false, ""));
        assert_eq!(
            (heal.service_load.as_str(), heal.service_result.as_str()),
            ("loaded", "exit-code")
        );
        let busy = TIMERS.replace("ActiveState=inactive", "ActiveState=active\nSubState=running");
        assert!(parse_timers(&busy)[1].has_next, "what it starts is running");
        assert_eq!(other.again, [Duration::from_secs(90)]);
        assert_eq!(
            (other.has_next, other.persistent, other.active.as_str()),
            (false, true, "inactive")
        );
    }

    #[test]
    fn the_longest_gap_is_read_from_the_firings_in_a_row() {
        let text = "  Original form: Mon 09:23\n\
                    Normalized form: Mon *-*-* 09:23:00\n\
                    \x20   Next elapse: Mon 2026-11-30 09:23:00 UTC\n\
                    \x20      From now: 13h left\n\
                    \x20  Iteration #2: Mon 2026-12-07 09:23:00 UTC\n\
                    \x20      From now: 1 week 0 days left\n";
        assert_eq!(longest(text), Some(Duration::from_secs(7 * 86_400)));
        let uneven = "    Next elapse: Mon 2026-11-30 09:00:00 UTC\n   Iteration #2: Mon 2026-11-30 09:05:00 UTC\n   \
                      Iteration #3: Mon 2026-11-30 10:05:00 UTC\n";
        assert_eq!(longest(uneven), Some(Duration::from_secs(3600)));
        for odd in ["", "Failed to parse calendar specification 'x'", "    Next elapse: never\n"] {
            assert_eq!(longest(odd), None, "{odd}");
        }
    }
}
