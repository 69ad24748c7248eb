//! How `launchctl print` and `print-disabled` read, in the vocabulary of all managers. Pure: calls nobody. launchctl(1)
//! says that this output is no interface, so every word that is not known is unknown, never down; nothing of it is kept
//! but what is named here, for it holds the service's environment. Written after outputs of macOS 10.10 to 26 that
//! others recorded; it was not run on a Mac.

use crate::manager::launchd::domain;
use crate::model::text::one_line;
use crate::model::unit::{Exit, Found, HandsOff, ManagerKind, UnitFacts, UnitState};

/// SIGTERM: how launchd itself ends a service.
const TERM: i32 = 15;

/// What `print` told of the service itself: blocks inside it have keys of the same names.
pub(crate) struct Told<'t>(Vec<&'t str>);

impl<'t> Told<'t> {
    pub(crate) fn read(text: &'t str) -> Self {
        let mut lines = text.lines().skip(1).filter(|line| !line.trim().is_empty());
        let indent = |line: &str| line.len() - line.trim_start().len();
        let Some(first) = lines.next() else { return Self(Vec::new()) };
        let depth = indent(first);
        let own = std::iter::once(first).chain(lines).filter(|line| indent(line) == depth);
        Self(own.map(str::trim).collect())
    }

    pub(crate) fn value(&self, key: &str) -> Option<&'t str> {
        self.0.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))
    }

    fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        self.value(key)?.parse().ok()
    }

    /// `78`, `78: EX_CONFIG`; `(never exited)` is none.
    fn code(&self) -> Option<i32> {
        self.value("last exit code")?.split(':').next()?.trim().parse().ok()
    }

    /// `Killed: 9`.
    fn signal(&self) -> Option<i32> {
        self.value("last terminating signal")?.rsplit(':').next()?.trim().parse().ok()
    }

    /// It runs when something wants it, and is not expected to run else.
    fn on_demand(&self, text: &str) -> bool {
        let kept = self.value("properties").is_some_and(|all| {
            all.split('|').any(|property| property.trim().starts_with("keepalive"))
        });
        let blocks = ["event triggers", "endpoints", "sockets"];
        !kept
            && (self.value("run interval").is_some()
                || blocks.iter().any(|block| has_something(text, block)))
    }

    fn words(&self, state: &str) -> String {
        let mut words = one_line(state, 40);
        if let Some(job) = self.value("job state").filter(|job| *job != state) {
            words = format!("{words} ({})", one_line(job, 40));
        }
        if let Some(reason) = self.value("last exit reason") {
            words = format!("{words}, last exit reason {}", one_line(reason, 80));
        }
        words
    }
}

/// Whether `block = {` is followed by anything but its end.
fn has_something(text: &str, block: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    lines.any(|line| line.strip_prefix(block).is_some_and(|rest| rest == " = {"))
        && lines.next().is_some_and(|line| line != "}")
}

/// What `launchctl print TARGET` told.
pub(crate) fn found(text: &str, target: &str, disabled: bool) -> Found {
    let told = Told::read(text);
    let said = told.value("state").unwrap_or_default();
    let (code, signal) = (told.code(), told.signal());
    let state = match said {
        "running" => UnitState::Running,
        "xpcproxy" | "spawning" => UnitState::Starting,
        "spawn scheduled" | "spawn failed" => UnitState::Retrying,
        "exiting" => UnitState::Stopping,
        said if said.starts_with("SIG") && said.ends_with("ed") => UnitState::Stopping,
        "not running" | "waiting" | "exited" => match (signal, code) {
            (Some(TERM), _) => UnitState::Stopped,
            (Some(_), _) => UnitState::Failed,
            (None, Some(code)) if code != 0 => UnitState::Failed,
            (None, _) if said == "waiting" || told.on_demand(text) => UnitState::Done,
            (None, _) => UnitState::Stopped,
        },
        other => {
            let said = one_line(other, 40);
            return Found::Unknown(format!(
                "launchd says that `{target}` is `{said}`, which is not known"
            ));
        }
    };
    let main_pid = told.number::<u32>("pid").filter(|pid| *pid != 0);
    let runs = told.number::<u32>("runs");
    let ended = !matches!(state, UnitState::Running | UnitState::Starting | UnitState::Stopping);
    let exit = signal.map(Exit::Signal).or(code.map(Exit::Code)).filter(|_| ended);
    Found::Facts(UnitFacts {
        manager: ManagerKind::Launchd,
        unit: target.to_owned(),
        state,
        words: told.words(said),
        hands_off: disabled.then_some(HandsOff::Disabled),
        main_pid,
        instance: main_pid.map(|pid| format!("{pid}:{}", runs.unwrap_or_default())),
        result: None,
        exit,
        restarts: runs,
        in_state_ms: None,
        start_limited: false,
    })
}

/// That launchd has no such service: it is not loaded.
pub(crate) fn missing(target: &str, disabled: bool) -> UnitFacts {
    let folder = if domain(target) == "system" { "Daemons" } else { "Agents" };
    let why = format!(
        "launchd has not loaded it; load it: `launchctl bootstrap {} /Library/Launch{folder}/NAME.plist`",
        domain(target)
    );
    UnitFacts {
        words: "not loaded".into(),
        hands_off: Some(if disabled { HandsOff::Disabled } else { HandsOff::NotFound(why) }),
        ..UnitFacts::bare(ManagerKind::Launchd, target, UnitState::Stopped)
    }
}

pub(crate) fn is_disabled(facts: &UnitFacts) -> bool {
    facts.hands_off == Some(HandsOff::Disabled)
}

/// Whether `launchctl print-disabled DOMAIN` names it: `"LABEL" => disabled`, before macOS 13 `=> true`.
pub(crate) fn disabled(text: &str, label: &str) -> bool {
    text.lines().any(|line| {
        let Some((name, word)) = line.split_once("=>") else { return false };
        name.trim().trim_matches('"') == label && matches!(word.trim(), "disabled" | "true")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: &str = include_str!("../../../tests/fixtures/launchd/running.txt");
    const STOPPED: &str = include_str!("../../../tests/fixtures/launchd/not-running.txt");
    const TIMED: &str = include_str!("../../../tests/fixtures/launchd/calendar.txt");
    const BROKEN: &str = include_str!("../../../tests/fixtures/launchd/spawn-scheduled.txt");
    const OLD: &str = include_str!("../../../tests/fixtures/launchd/running-10.10.txt");
    const DISABLED: &str = include_str!("../../../tests/fixtures/launchd/print-disabled.txt");

    fn facts(text: &str) -> UnitFacts {
        match found(text, "system/com.example.web", false) {
            Found::Facts(facts) => facts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_launchd_prints_is_understood() {
        use UnitState::{Done, Failed, Retrying, Running, Starting, Stopped, Stopping};
        let code = |code: &str| STOPPED.replace("last exit code = 1", code);
        let state = |state: &str| RUNNING.replace("state = running", &format!("state = {state}"));
        for (text, want, words, exit) in [
            (RUNNING.into(), Running, "running", None),
            (OLD.into(), Running, "running", None),
            (state("xpcproxy"), Starting, "xpcproxy", None),
            (state("SIGTERMed"), Stopping, "SIGTERMed", None),
            (STOPPED.into(), Failed, "not running", Some(Exit::Code(1))),
            (code("last exit code = 78: EX_CONFIG"), Failed, "not running", Some(Exit::Code(78))),
            (code("last exit code = 0"), Stopped, "not running", Some(Exit::Code(0))),
            (code("last exit code = (never exited)"), Stopped, "not running", None),
            (
                code("last terminating signal = Killed: 9"),
                Failed,
                "not running",
                Some(Exit::Signal(9)),
            ),
            (
                code("last terminating signal = Terminated: 15"),
                Stopped,
                "not running",
                Some(Exit::Signal(15)),
            ),
            (TIMED.into(), Done, "not running", Some(Exit::Code(0))),
            (TIMED.replace("code = 0", "code = 2"), Failed, "not running", Some(Exit::Code(2))),
            (
                BROKEN.into(),
                Retrying,
                "spawn scheduled (spawn failed), last exit reason OS_REASON_CODESIGNING",
                Some(Exit::Code(78)),
            ),
        ] {
            let facts = facts(&text);
            let got = (facts.state, facts.words.as_str(), facts.exit);
            assert_eq!(got, (want, words, exit), "{text}");
        }
    }

    #[test]
    fn the_service_speaks_and_not_what_is_inside_it() {
        let running = facts(RUNNING);
        assert_eq!((running.main_pid, running.restarts), (Some(4711), Some(3)));
        assert_eq!(running.instance.as_deref(), Some("4711:3"));
        let old = facts(OLD);
        assert_eq!((old.main_pid, old.restarts), (Some(24784), Some(2)));
        assert_eq!(facts(STOPPED).instance, None);
        assert_eq!(Told::read(RUNNING).value("stderr path"), Some("/var/log/web.err.log"));
    }

    #[test]
    fn a_service_that_is_kept_alive_is_not_on_demand() {
        let kept = TIMED.replace("properties = ", "properties = keepalive | ");
        assert_eq!(facts(&kept).state, UnitState::Stopped);
        let interval = "x = {\n\tstate = not running\n\truns = 2\n\tlast exit code = 0\n\trun interval = 120 seconds\n}\n";
        assert_eq!(facts(interval).state, UnitState::Done);
    }

    #[test]
    fn what_it_never_said_before_is_unknown() {
        for text in ["", "x = {\n}\n", "x = {\n\tstate = levitating\n}\n"] {
            assert!(matches!(found(text, "system/x", false), Found::Unknown(_)), "{text}");
        }
    }

    #[test]
    fn what_is_disabled_is_left_alone_also_when_it_is_not_loaded() {
        for (label, want) in [
            ("com.example.web", true),
            ("com.example.old", true),
            ("com.example.db", false),
            ("com.example.fine", false),
            ("com.example", false),
        ] {
            assert_eq!(disabled(DISABLED, label), want, "{label}");
        }
        assert!(is_disabled(&missing("system/com.example.web", true)));
        let Some(HandsOff::NotFound(why)) = missing("gui/501/a.b", false).hands_off else {
            panic!()
        };
        assert!(why.contains("`launchctl bootstrap gui/501 /Library/LaunchAgents/"), "{why}");
    }
}
