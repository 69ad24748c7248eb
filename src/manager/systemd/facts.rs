//! How `systemctl show` reads: its text to [`UnitFacts`], pure. Starts nothing and decides nothing about healing
//! but what systemd itself says: masked, disabled, not to be loaded, a job queued.

use std::collections::HashMap;
use std::time::Duration;

use crate::model::text::one_line;
use crate::model::unit::{Exit, Found, HandsOff, ManagerKind, UnitFacts, UnitState};
use crate::model::units::parse_duration;

/// What is asked for; `org.freedesktop.systemd1(5)` says what each means.
pub(crate) const PROPERTIES: &str = "Id,Names,LoadState,LoadError,ActiveState,SubState,UnitFileState,Result,\
MainPID,ExecMainCode,ExecMainStatus,ExecMainExitTimestampMonotonic,StateChangeTimestampMonotonic,Restart,\
RestartUSec,NRestarts,InvocationID,Job,WantedBy,RequiredBy,TriggeredBy";

/// One unit of the answer.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// Every name it answers to: its own and its aliases.
    pub(crate) names: Vec<String>,
    /// What is known of it.
    pub(crate) found: Found,
}

/// Reads the answer to `systemctl show -p PROPERTIES -- A B C`: `Key=value` lines, a blank line between units,
/// in systemd's own order. `monotonic` is the present reading of `CLOCK_MONOTONIC`.
pub(crate) fn parse(text: &str, manager: ManagerKind, monotonic: Duration) -> Vec<Shown> {
    text.split("\n\n")
        .filter_map(|block| {
            let block = Block(block.lines().filter_map(|line| line.split_once('=')).collect());
            let id = block.text("Id");
            (!id.is_empty()).then(|| {
                let mut names: Vec<_> =
                    block.text("Names").split_whitespace().map(str::to_owned).collect();
                names.push(id.to_owned());
                Shown { names, found: block.found(manager, monotonic) }
            })
        })
        .collect()
}

/// The properties of one unit.
struct Block<'t>(HashMap<&'t str, &'t str>);

impl Block<'_> {
    fn text(&self, key: &str) -> &str {
        self.0.get(key).copied().unwrap_or_default()
    }

    fn number(&self, key: &str) -> u64 {
        self.text(key).parse().unwrap_or_default()
    }

    /// An error property is a D-Bus name and its words in quotes; the words are for people.
    fn load_error(&self) -> String {
        let error = self.text("LoadError");
        let words = error.split_once(' ').map_or(error, |(_, words)| words.trim_matches('"'));
        let words = if words.is_empty() { self.text("LoadState") } else { words };
        one_line(words.trim_end_matches('.'), 200)
    }

    fn found(&self, manager: ManagerKind, monotonic: Duration) -> Found {
        let state = state(self.text("ActiveState"), self.text("SubState"));
        let Some(state) = state else {
            let said = one_line(self.text("ActiveState"), 40);
            return Found::Unknown(format!(
                "systemd says `ActiveState={said}`, which is not known"
            ));
        };
        if self.text("LoadState") == "not-found" && state == UnitState::Stopped {
            return Found::Nowhere(format!("{} `{}`", manager.word(), self.text("Id")));
        }
        let main_pid = u32::try_from(self.number("MainPID")).ok().filter(|pid| *pid != 0);
        let result = Some(self.text("Result")).filter(|word| !matches!(*word, "" | "success"));
        let changed = Duration::from_micros(self.number("StateChangeTimestampMonotonic"));
        let in_state = (!changed.is_zero()).then(|| monotonic.saturating_sub(changed));
        Found::Facts(UnitFacts {
            manager,
            unit: self.text("Id").to_owned(),
            state,
            words: self.words(result),
            hands_off: self.hands_off(state),
            main_pid,
            instance: Some(self.text("InvocationID").to_owned()).filter(|id| !id.is_empty()),
            result: result.map(|word| one_line(word, 40)),
            exit: self.exit(),
            restarts: self.text("NRestarts").parse().ok(),
            in_state_ms: in_state.and_then(|time| u64::try_from(time.as_millis()).ok()),
            start_limited: state == UnitState::Failed && self.start_limited(),
        })
    }

    /// As `systemctl status` words it: `failed (Result: signal)`, `active (running)`.
    fn words(&self, result: Option<&str>) -> String {
        let (active, sub) = (self.text("ActiveState"), self.text("SubState"));
        let load = self.text("LoadState");
        let words = if active == sub { active.to_owned() } else { format!("{active} ({sub})") };
        let result = result.map_or_else(String::new, |result| format!(" (Result: {result})"));
        let load = if load == "loaded" { String::new() } else { format!(", {load}") };
        one_line(&format!("{words}{result}{load}"), 200)
    }

    /// Disabled counts only where nothing else wants the unit: another unit, a socket, a timer. Of a template's
    /// instance (`x@1.service`) `disabled` says only that nobody linked this very instance, which is usual for
    /// one that is started by hand or by a script: it is respected once it has been stopped (systemd then
    /// forgets it), not when it has crashed.
    fn hands_off(&self, state: UnitState) -> Option<HandsOff> {
        let load = self.text("LoadState");
        let wanted =
            ["WantedBy", "RequiredBy", "TriggeredBy"].iter().any(|key| !self.text(key).is_empty());
        let crashed_instance = self.text("Id").contains('@') && state != UnitState::Stopped;
        if load == "masked" || self.text("UnitFileState").starts_with("masked") {
            Some(HandsOff::Masked)
        } else if load != "loaded" {
            Some(HandsOff::NotFound(self.load_error()))
        } else if self.text("UnitFileState").starts_with("disabled") && !wanted && !crashed_instance
        {
            Some(HandsOff::Disabled)
        } else if !matches!(self.text("Job"), "" | "0") {
            Some(HandsOff::JobQueued)
        } else {
            None
        }
    }

    /// `ExecMainCode` is the `CLD_*` code of waitid(2): 1 exited, 2 killed, 3 dumped core.
    fn exit(&self) -> Option<Exit> {
        let status = i32::try_from(self.number("ExecMainStatus")).ok()?;
        match self.number("ExecMainCode") {
            1 => Some(Exit::Code(status)),
            2 | 3 => Some(Exit::Signal(status)),
            _ => None,
        }
    }

    /// `Result` says so only when nothing had failed before: after a crash loop it keeps the first failure
    /// (seen with systemd 252). There the last change of state is then not the end of a process but, the
    /// pause of `RestartSec` later, the restart that was refused.
    fn start_limited(&self) -> bool {
        if self.text("Result") == "start-limit-hit" {
            return true;
        }
        let ended = Duration::from_micros(self.number("ExecMainExitTimestampMonotonic"));
        let changed = Duration::from_micros(self.number("StateChangeTimestampMonotonic"));
        let Ok(pause) = parse_duration(self.text("RestartUSec")) else { return false };
        !matches!(self.text("Restart"), "" | "no")
            && self.number("NRestarts") > 0
            && !ended.is_zero()
            && changed.saturating_sub(ended) >= pause
    }
}

fn state(active: &str, sub: &str) -> Option<UnitState> {
    Some(match (active, sub) {
        ("active", "exited") => UnitState::Done,
        // It serves meanwhile, as systemd(1) has it; whether it does is for the other probes to say.
        ("active" | "reloading" | "refreshing", _) => UnitState::Running,
        ("activating", "auto-restart" | "auto-restart-queued") => UnitState::Retrying,
        ("activating", _) => UnitState::Starting,
        ("deactivating" | "maintenance", _) => UnitState::Stopping,
        ("inactive", _) => UnitState::Stopped,
        ("failed", _) => UnitState::Failed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `systemctl show` of a booted Debian 12 (systemd 252).
    const SHOWN: &str = include_str!("../../../tests/fixtures/systemd/show-252.txt");

    fn all() -> Vec<Shown> {
        parse(SHOWN, ManagerKind::Systemd, Duration::from_secs(2500))
    }

    fn found(name: &str) -> Found {
        let all = all();
        let shown = all.iter().find(|s| s.names.iter().any(|n| n == name));
        shown.unwrap_or_else(|| panic!("{name} is not in the fixture")).found.clone()
    }

    fn facts(name: &str) -> UnitFacts {
        match found(name) {
            Found::Facts(facts) => facts,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn every_block_is_read_and_an_alias_answers_for_its_unit() {
        assert_eq!(all().len(), 27);
        assert_eq!(facts("www.service").unit, "web.service");
    }

    #[test]
    fn each_state_has_its_word() {
        for (name, state, words) in [
            ("web.service", UnitState::Running, "active (running)"),
            ("setup.service", UnitState::Done, "active (exited)"),
            ("once.service", UnitState::Stopped, "inactive (dead)"),
            ("crash.service", UnitState::Failed, "failed (Result: signal)"),
            ("slow.service", UnitState::Starting, "activating (start-pre)"),
            ("retry.service", UnitState::Retrying, "activating (auto-restart) (Result: exit-code)"),
            ("deaf.service", UnitState::Stopping, "deactivating (stop-sigterm)"),
            ("transient.service", UnitState::Running, "active (running)"),
            ("dbus.socket", UnitState::Running, "active (running)"),
            ("hidden.service", UnitState::Stopped, "inactive (dead), masked"),
        ] {
            let facts = facts(name);
            assert_eq!((facts.state, facts.words.as_str()), (state, words), "{name}");
        }
    }

    #[test]
    fn what_must_be_left_alone_says_why() {
        let not_loaded = |words: &str| Some(HandsOff::NotFound(words.into()));
        for (name, want) in [
            ("web.service", None),
            ("plain.service", None),
            ("transient.service", None),
            ("hidden.service", Some(HandsOff::Masked)),
            ("hidden2.service", Some(HandsOff::Masked)),
            ("disabled.service", Some(HandsOff::Disabled)),
            ("wanted.service", None),
            ("sock.service", None),
            ("waiting.service", Some(HandsOff::JobQueued)),
            ("slow.service", Some(HandsOff::JobQueued)),
            ("broken.service", not_loaded("Unit broken.service has a bad unit file setting")),
            ("gone.service", not_loaded("Unit gone.service not found")),
            ("tpl@2.service", None),
            ("tpl@3.service", Some(HandsOff::Disabled)),
            ("tpl@4.service", None),
        ] {
            assert_eq!(facts(name).hands_off, want, "{name}");
        }
        assert_eq!(found("nosuch.service"), Found::Nowhere("systemd `nosuch.service`".into()));
    }

    #[test]
    fn the_start_limit_is_seen_also_when_result_keeps_the_first_failure() {
        for (name, result, limited) in [
            ("manual.service", Some("start-limit-hit"), true),
            ("limited.service", Some("exit-code"), true),
            ("exits.service", Some("exit-code"), false),
            ("crash.service", Some("signal"), false),
            ("retry.service", Some("exit-code"), false),
            ("web.service", None, false),
        ] {
            let facts = facts(name);
            assert_eq!((facts.result.as_deref(), facts.start_limited), (result, limited), "{name}");
        }
        assert_eq!(facts("limited.service").restarts, Some(3));
    }

    #[test]
    fn the_last_end_is_a_code_or_a_signal() {
        assert_eq!(facts("exits.service").exit, Some(Exit::Code(3)));
        assert_eq!(facts("crash.service").exit, Some(Exit::Signal(9)));
        assert_eq!(facts("web.service").exit, None);
    }

    #[test]
    fn the_instance_is_the_invocation_and_the_time_is_monotonic() {
        let web = facts("web.service");
        assert_eq!(web.instance.as_deref(), Some("7480c3fd6e2a4a0fb466c4caf705287e"));
        assert_eq!((web.main_pid, web.in_state_ms), (Some(81), Some(376_298)));
        let once = facts("once.service");
        assert_eq!((once.instance, once.main_pid, once.in_state_ms), (None, None, None));
    }

    #[test]
    fn what_reloads_runs_and_a_word_of_tomorrow_is_unknown() {
        let told = |active: &str| {
            let text =
                format!("Id=a.service\nLoadState=loaded\nActiveState={active}\nSubState=x\n");
            parse(&text, ManagerKind::Systemd, Duration::ZERO).remove(0).found
        };
        assert!(matches!(told("reloading"), Found::Facts(f) if f.state == UnitState::Running));
        assert!(matches!(told("hibernating"), Found::Unknown(_)));
        assert!(parse("", ManagerKind::Systemd, Duration::ZERO).is_empty());
    }
}
