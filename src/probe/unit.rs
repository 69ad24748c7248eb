//! `systemd:nginx`, `supervisord:web`, `docker:web`: a unit is active, and was not restarted too often since the last look. A
//! pure judge of what its manager said beforehand; cannot ask a manager, still less act on one.

use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::text::{human_duration, one_line};
use crate::model::trail::Before;
use crate::model::unit::{
    Exit, Found, HandsOff, ManagerKind, UnitFacts, UnitName, UnitState, signal_name,
};
use crate::probe::restarts::Restarts;
use crate::probe::{Answer, At};

/// Which unit.
#[derive(Debug, Clone)]
pub struct Unit {
    name: UnitName,
    restarts: Restarts,
}

impl Unit {
    /// `target` is the unit's name; for systemd `.service` may be left out. Key: `restarts`
    /// (limits of how often it was restarted since the last look, by whomever but this program).
    pub(super) fn read(
        manager: ManagerKind,
        target: &str,
        fields: &mut Fields<'_>,
    ) -> Option<Self> {
        let target = target.trim();
        let slash = manager != ManagerKind::Launchd;
        let odd = |c: char| c.is_whitespace() || c == '/' && slash;
        if target.is_empty() || target.contains(odd) || !slash && target.starts_with('-') {
            let message = format!("`{target}` is not a {}'s name", manager.noun());
            let hint = format!("write `{}:nginx`", manager.word());
            fields.problem("target", message, Some(hint));
            return None;
        }
        let systemd = matches!(manager, ManagerKind::Systemd | ManagerKind::SystemdUser);
        let unit = if systemd { with_suffix(target) } else { target.to_owned() };
        let restarts = Restarts::read(fields);
        Some(Self { name: UnitName { manager, unit }, restarts })
    }

    pub(super) fn of(name: UnitName) -> Self {
        Self { name, restarts: Restarts::any() }
    }

    pub(super) fn name(&self) -> &UnitName {
        &self.name
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let unit = &self.name.unit;
        match at.seen.units.get(&self.name) {
            Some(Found::Facts(facts)) => {
                self.since_last(judge(facts, at.start_grace), facts, at.before)
            }
            Some(Found::Nowhere(tried)) => {
                Answer::unknown(format!("`{unit}`: no manager here knows it ({tried})"))
            }
            Some(Found::Unknown(why)) => Answer::unknown(format!("`{unit}`: {why}")),
            None => Answer::unknown(format!("`{unit}`: its manager was not asked")),
        }
    }
}

impl Unit {
    fn since_last(&self, answer: Answer, facts: &UnitFacts, before: &Before) -> Answer {
        let Some(instance) = facts.instance.as_deref() else { return answer };
        let (name, counted) = (one_line(&facts.unit, 100), facts.restarts.unwrap_or_default());
        self.restarts.since_last(answer, &name, instance, counted, before)
    }
}

/// As systemctl does: a name without a unit type's suffix is a service's (systemctl(1), systemd.unit(5)).
pub(super) fn with_suffix(name: &str) -> String {
    const TYPES: [&str; 11] = [
        "service",
        "socket",
        "device",
        "mount",
        "automount",
        "swap",
        "target",
        "path",
        "timer",
        "slice",
        "scope",
    ];
    match name.rsplit_once('.') {
        Some((_, kind)) if TYPES.contains(&kind) => name.to_owned(),
        _ => format!("{name}.service"),
    }
}

fn judge(facts: &UnitFacts, grace: Duration) -> Answer {
    let unit = one_line(&facts.unit, 100);
    let words = one_line(&facts.words, 200);
    let said = format!("`{unit}` is {words}");
    if let Some(HandsOff::NotFound(why)) = &facts.hands_off {
        let noun = facts.manager.noun();
        return Answer::down(format!("there is no {noun} `{unit}`: {}", one_line(why, 200)));
    }
    let answer = match facts.state {
        UnitState::Running | UnitState::Done => Answer::up(""),
        UnitState::Starting => return starting(facts, &unit, grace),
        UnitState::Retrying | UnitState::Stopping | UnitState::Stopped | UnitState::Failed => {
            let mut reason = said;
            if let Some(cause) = cause(facts) {
                reason = format!("{reason}: {cause}");
            }
            // systemd's own words name a mask already.
            if let Some(hands_off) = &facts.hands_off
                && !words.contains("masked")
            {
                reason = format!("{reason}; {}", left_alone(hands_off));
            }
            Answer::down(reason)
        }
    };
    let pid = facts.main_pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
    answer.saying(format!("{words}{pid}"))
}

fn starting(facts: &UnitFacts, unit: &str, grace: Duration) -> Answer {
    let Some(since) = facts.in_state_ms.map(Duration::from_millis) else {
        return Answer::unknown(format!("`{unit}` is starting"));
    };
    let shown = human_duration(since);
    if since <= grace {
        Answer::unknown(format!("`{unit}` is starting, for {shown} so far"))
    } else {
        let grace = human_duration(grace);
        Answer::down(format!("`{unit}` has been starting for {shown}, more than {grace}"))
    }
}

fn left_alone(hands_off: &HandsOff) -> String {
    match hands_off {
        HandsOff::Masked => "it is masked".into(),
        HandsOff::Disabled => "it is disabled".into(),
        HandsOff::NotFound(_) => "it is not found".into(),
        HandsOff::JobQueued => "a job for it is queued".into(),
        HandsOff::Paused => "it is left so".into(),
        HandsOff::RunBy(by) => format!("it is run by systemd's `{by}`"),
    }
}

/// Why it is not running, as far as its manager knows. `Result` values are those of systemd.exec(5),
/// "Environment Variables Set or Propagated by the Service Manager", `$SERVICE_RESULT`.
fn cause(facts: &UnitFacts) -> Option<String> {
    let exit = facts.exit.map(|exit| match exit {
        Exit::Code(code) => format!("exit status {code}"),
        Exit::Signal(signal) => format!("killed by signal {signal}{}", signal_in_brackets(signal)),
    });
    let cause = match facts.result.as_deref() {
        None | Some("success" | "exit-code" | "signal") => {
            return exit.filter(|_| facts.result.is_some() || facts.state != UnitState::Stopped);
        }
        Some("oom-kill") => "killed because memory ran out",
        Some("timeout") => "it took too long and was ended",
        Some("watchdog") => "it did not report to its watchdog in time",
        Some("core-dump") => "it crashed and dumped core",
        Some("start-limit-hit") => "started too often, so its manager gave up",
        Some("protocol") => "it did not start as its type says",
        Some("resources") => "its manager lacked something that it needs",
        Some("exec-condition") => "its condition said not to start",
        Some(other) => return Some(one_line(other, 80)),
    };
    Some(match exit {
        Some(exit) => format!("{cause} ({exit})"),
        None => cause.to_owned(),
    })
}

/// ` (SIGKILL)`, or nothing.
pub(super) fn signal_in_brackets(signal: i32) -> String {
    match signal_name(signal) {
        "" => String::new(),
        name => format!(" ({name})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::Verdict;
    use crate::probe::Seen;
    use crate::probe::tests::{look_seeing, probe, problem};
    use std::collections::HashMap;
    use std::sync::Arc;

    fn facts(state: UnitState, words: &str) -> UnitFacts {
        UnitFacts {
            words: words.into(),
            ..UnitFacts::bare(ManagerKind::Systemd, "web.service", state)
        }
    }

    fn seen(found: Option<Found>) -> Seen {
        let name = UnitName { manager: ManagerKind::Systemd, unit: "web.service".into() };
        Seen::new(found.into_iter().map(|found| (name.clone(), found)).collect::<HashMap<_, _>>())
    }

    #[test]
    fn every_state_has_its_verdict_and_words() {
        let base = |state, words| facts(state, words);
        let killed = UnitFacts {
            result: Some("signal".into()),
            exit: Some(Exit::Signal(9)),
            ..base(UnitState::Failed, "failed (Result: signal)")
        };
        let limited = UnitFacts {
            result: Some("start-limit-hit".into()),
            exit: Some(Exit::Code(3)),
            ..base(UnitState::Failed, "failed")
        };
        let stopped =
            UnitFacts { exit: Some(Exit::Code(0)), ..base(UnitState::Stopped, "inactive (dead)") };
        let with = |hands_off| UnitFacts { hands_off: Some(hands_off), ..stopped.clone() };
        let starting =
            |ms| UnitFacts { in_state_ms: ms, ..base(UnitState::Starting, "activating") };
        let running =
            UnitFacts { main_pid: Some(7), ..base(UnitState::Running, "active (running)") };
        for (facts, word, reason) in [
            (running, "up", ""),
            (base(UnitState::Done, "active (exited)"), "up", ""),
            (
                killed,
                "down",
                "`web.service` is failed (Result: signal): killed by signal 9 (SIGKILL)",
            ),
            (
                limited,
                "down",
                "`web.service` is failed: started too often, so its manager gave up (exit status 3)",
            ),
            (base(UnitState::Stopping, "deactivating"), "down", "`web.service` is deactivating"),
            (base(UnitState::Retrying, "BACKOFF x"), "down", "`web.service` is BACKOFF x"),
            (stopped.clone(), "down", "`web.service` is inactive (dead)"),
            (with(HandsOff::Masked), "down", "`web.service` is inactive (dead); it is masked"),
            (with(HandsOff::Disabled), "down", "`web.service` is inactive (dead); it is disabled"),
            (
                with(HandsOff::NotFound("not-found".into())),
                "down",
                "there is no unit `web.service`: not-found",
            ),
            (starting(Some(5_000)), "unknown", "`web.service` is starting, for 5s so far"),
            (starting(None), "unknown", "`web.service` is starting"),
            (
                starting(Some(91_000)),
                "down",
                "`web.service` has been starting for 1m 31s, more than 1m 30s",
            ),
        ] {
            let answer = judge(&facts, Duration::from_secs(90));
            assert_eq!(
                (answer.verdict.word(), answer.verdict.reason()),
                (word, reason),
                "{facts:?}"
            );
        }
    }

    #[test]
    fn what_the_manager_could_not_say_is_unknown_never_down() {
        for (found, want) in [
            (Some(Found::Nowhere("tried web".into())), "no manager here knows it (tried web)"),
            (Some(Found::Unknown("access denied".into())), "access denied"),
            (None, "its manager was not asked"),
        ] {
            let look = look_seeing("systemd:web", seen(found));
            assert_eq!(look.verdict, Verdict::Unknown(format!("`web.service`: {want}")));
        }
        let up = facts(UnitState::Running, "active (running)");
        let look = look_seeing("systemd:web", seen(Some(Found::Facts(up))));
        assert_eq!((look.verdict, look.detail.as_str()), (Verdict::Up, "active (running)"));
    }

    #[test]
    fn restarts_behind_our_back_are_counted_from_look_to_look() {
        let unit = |options: &str| match probe(&format!("systemd:web{options}")).kind {
            crate::probe::Kind::Unit(unit) => unit,
            other => panic!("{other:?}"),
        };
        let run = |instance: &str, restarts| UnitFacts {
            instance: Some(instance.into()),
            restarts: Some(restarts),
            ..facts(UnitState::Running, "active (running)")
        };
        let seen = |unit: &Unit, facts: &UnitFacts, before: &Before| {
            unit.since_last(judge(facts, Duration::ZERO), facts, before)
        };
        let first = seen(&unit(""), &run("a", 2), &Before::Kept(Arc::default()));
        assert_eq!((first.detail.as_str(), first.measures.len()), ("active (running)", 0));
        let before = Before::Kept(Arc::new(first.trail.unwrap()));
        for (options, facts, detail, worse) in [
            ("", run("a", 2), "active (running)", ""),
            ("", run("b", 6), "active (running); restarted 4 times since the last look", ""),
            ("", run("b", 2), "active (running); restarted once since the last look", ""),
            ("", run("b", 0), "active (running); restarted once since the last look", ""),
            (
                "?restarts_warn=0",
                run("b", 3),
                "active (running); restarted once since the last look",
                "`web.service` was restarted once since the last look, more than 0",
            ),
            (
                "?restarts=3",
                run("b", 6),
                "active (running); restarted 4 times since the last look",
                "`web.service` was restarted 4 times since the last look, more than 3",
            ),
        ] {
            let answer = seen(&unit(options), &facts, &before);
            let reason = answer.warning.as_deref().unwrap_or(answer.verdict.reason());
            assert_eq!((answer.detail.as_str(), reason), (detail, worse), "{options} {facts:?}");
            assert_eq!(answer.measures.len(), 1);
            assert_eq!(answer.trail.unwrap()["instance"], *facts.instance.unwrap());
        }
        let down = UnitFacts { instance: None, ..facts(UnitState::Stopped, "inactive (dead)") };
        assert_eq!(seen(&unit(""), &down, &before).trail, None, "the run before stays known");
    }

    #[test]
    fn names_are_completed_as_systemctl_does() {
        for (text, want) in [
            ("systemd:nginx", "nginx.service"),
            ("systemd:data.mount", "data.mount"),
            ("systemd:app.v2", "app.v2.service"),
            ("supervisord:group:web", "group:web"),
        ] {
            assert_eq!(probe(text).unit().unwrap().unit, want, "{text}");
        }
        assert!(problem("systemd:").contains("`` is not a unit's name"));
    }
}
