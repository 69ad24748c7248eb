//! How supervisord's `getAllProcessInfo` reads, in the vocabulary of all managers. Pure: calls nobody.

use std::time::Duration;

use crate::model::text::one_line;
use crate::model::unit::{Exit, Found, ManagerKind, UnitFacts, UnitState};
use crate::sys::xmlrpc::Value;

/// One process of a program, as supervisord describes it (supervisord.org/api.html, `getProcessInfo`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) group: String,
    /// None for a state that is none of supervisord's (`UNKNOWN` is its own bug).
    pub(crate) state: Option<UnitState>,
    pub(crate) statename: String,
    pub(crate) pid: Option<u32>,
    start: i64,
    stop: i64,
    now: i64,
    /// -1 when a signal ended it; which one is not told.
    exitstatus: i64,
    spawnerr: String,
}

impl Process {
    /// As `supervisorctl` names it: `web`, or `group:web` where the group has another name.
    pub(crate) fn full_name(&self) -> String {
        if self.group == self.name {
            self.name.clone()
        } else {
            format!("{}:{}", self.group, self.name)
        }
    }

    fn read(info: &Value) -> Option<Self> {
        let number = |name| info.int(name).unwrap_or_default();
        let (code, name) = (number("state"), info.text("name"));
        if name.is_empty() {
            return None;
        }
        let exitstatus = number("exitstatus");
        Some(Self {
            name: name.to_owned(),
            group: info.text("group").to_owned(),
            state: state(code, exitstatus),
            statename: one_line(info.text("statename"), 20),
            pid: u32::try_from(number("pid")).ok().filter(|pid| *pid != 0),
            start: number("start"),
            stop: number("stop"),
            now: number("now"),
            exitstatus,
            spawnerr: one_line(info.text("spawnerr"), 150),
        })
    }

    fn facts(&self, unit: String) -> Found {
        let Some(state) = self.state else {
            let name = &self.statename;
            return Found::Unknown(format!("supervisord says that `{unit}` is in state `{name}`"));
        };
        let up = matches!(state, UnitState::Running | UnitState::Starting | UnitState::Stopping);
        let since = if up { self.start } else { self.stop };
        let in_state = u64::try_from(self.now - since).ok().filter(|_| since > 0);
        let words = if up || self.spawnerr.is_empty() {
            self.statename.clone()
        } else if self.exitstatus == -1 {
            format!("{} (ended by a signal)", self.statename)
        } else {
            format!("{} ({})", self.statename, self.spawnerr)
        };
        Found::Facts(UnitFacts {
            words,
            main_pid: self.pid,
            instance: self.pid.map(|pid| format!("{pid}:{}", self.start)),
            exit: self.exit(),
            in_state_ms: in_state
                .and_then(|secs| u64::try_from(Duration::from_secs(secs).as_millis()).ok()),
            ..UnitFacts::bare(ManagerKind::Supervisord, unit, state)
        })
    }

    /// Told of a process that has ended by itself; in the other states the number is an old one or none.
    fn exit(&self) -> Option<Exit> {
        if self.statename == "EXITED" {
            i32::try_from(self.exitstatus).ok().filter(|code| *code >= 0).map(Exit::Code)
        } else {
            None
        }
    }
}

/// supervisord's `states.py`: an end with exit status 0 is a clean one, whatever made it end.
fn state(code: i64, exitstatus: i64) -> Option<UnitState> {
    Some(match code {
        0 => UnitState::Stopped,
        10 => UnitState::Starting,
        20 => UnitState::Running,
        30 => UnitState::Retrying,
        40 => UnitState::Stopping,
        100 if exitstatus == 0 => UnitState::Stopped,
        100 | 200 => UnitState::Failed,
        _ => return None,
    })
}

/// Reads the answer; what is no process is left out.
pub(crate) fn parse(answer: &Value) -> Vec<Process> {
    let Value::List(items) = answer else { return Vec::new() };
    items.iter().filter_map(Process::read).collect()
}

/// The processes that `unit` names: `web` (the program of its own group, else the only one of that name, else
/// the whole group of that name), `group:web`, or `group:*`.
pub(crate) fn named<'p>(unit: &str, all: &'p [Process]) -> Vec<&'p Process> {
    let of = |test: &dyn Fn(&Process) -> bool| all.iter().filter(|p| test(p)).collect::<Vec<_>>();
    match unit.split_once(':') {
        Some((group, "*")) => of(&|p| p.group == group),
        Some((group, name)) => of(&|p| p.group == group && p.name == name),
        None => {
            let own = of(&|p| p.name == unit && p.group == unit);
            let alone = of(&|p| p.name == unit);
            if !own.is_empty() {
                own
            } else if alone.len() == 1 {
                alone
            } else {
                of(&|p| p.group == unit)
            }
        }
    }
}

/// What is known about `unit`. Of several processes the worst one speaks, and its name is in the words.
pub(crate) fn found(unit: &str, all: &[Process]) -> Found {
    let processes = named(unit, all);
    match processes[..] {
        [] => Found::Nowhere(format!("supervisord `{unit}`")),
        [process] => process.facts(process.full_name()),
        [first, ..] => {
            let worst = processes.iter().max_by_key(|process| badness(process)).unwrap_or(&first);
            match worst.facts(format!("{}:*", first.group)) {
                Found::Facts(mut facts) => {
                    facts.words = format!("{} is {}", worst.full_name(), facts.words);
                    Found::Facts(facts)
                }
                other => other,
            }
        }
    }
}

/// A state that is to be waited for outweighs one that is to be healed: nothing is restarted in the middle.
fn badness(process: &Process) -> u8 {
    match process.state {
        None => 7,
        Some(UnitState::Stopping) => 6,
        Some(UnitState::Starting) => 5,
        Some(UnitState::Failed) => 4,
        Some(UnitState::Retrying) => 3,
        Some(UnitState::Stopped) => 2,
        Some(UnitState::Done) => 1,
        Some(UnitState::Running) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::xmlrpc;

    /// The answer of Debian 12's supervisord 4.2.5.
    const ANSWER: &str = include_str!("../../../tests/fixtures/supervisord/all-4.2.5.xml");

    fn all() -> Vec<Process> {
        parse(&xmlrpc::parse(ANSWER).unwrap())
    }

    fn facts(unit: &str) -> UnitFacts {
        match found(unit, &all()) {
            Found::Facts(facts) => facts,
            other => panic!("{unit}: {other:?}"),
        }
    }

    #[test]
    fn each_state_has_its_word() {
        assert_eq!(all().len(), 13);
        for (unit, state, words, exit) in [
            ("web", UnitState::Running, "RUNNING", None),
            ("idle", UnitState::Stopped, "STOPPED", None),
            ("gone", UnitState::Stopped, "EXITED", Some(Exit::Code(0))),
            ("died", UnitState::Failed, "EXITED (Bad exit code 3)", Some(Exit::Code(3))),
            ("shot", UnitState::Failed, "EXITED (ended by a signal)", None),
            (
                "fatal",
                UnitState::Failed,
                "FATAL (Exited too quickly (process log may have details))",
                None,
            ),
            ("missing", UnitState::Failed, "FATAL (can't find command '/no/such/program')", None),
            (
                "back",
                UnitState::Retrying,
                "BACKOFF (Exited too quickly (process log may have details))",
                None,
            ),
            ("slow", UnitState::Starting, "STARTING", None),
            ("deaf", UnitState::Stopping, "STOPPING", None),
        ] {
            let facts = facts(unit);
            assert_eq!(
                (facts.state, facts.words.as_str(), facts.exit),
                (state, words, exit),
                "{unit}"
            );
            assert_eq!((facts.hands_off, facts.start_limited), (None, false), "{unit}");
        }
    }

    #[test]
    fn a_run_is_named_by_pid_and_start() {
        let web = facts("web");
        assert_eq!(web.main_pid, Some(28183));
        assert_eq!(web.instance.as_deref(), Some("28183:1795397496"));
        assert_eq!(web.in_state_ms, Some(8000));
        assert_eq!((facts("died").instance, facts("idle").in_state_ms), (None, None));
    }

    #[test]
    fn a_name_finds_its_process_its_group_or_nothing() {
        for (unit, want) in [
            ("web", "web"),
            ("front", "site:front"),
            ("site:front", "site:front"),
            ("site", "site:front"),
            ("many", "many:*"),
            ("many:*", "many:*"),
            ("many:many_01", "many:many_01"),
        ] {
            assert_eq!(facts(unit).unit, want, "{unit}");
        }
        for unit in ["nope", "web:nope", "nope:web", "*", "we"] {
            assert_eq!(found(unit, &all()), Found::Nowhere(format!("supervisord `{unit}`")));
        }
    }

    #[test]
    fn of_a_group_the_worst_process_speaks() {
        let mut all = all();
        let second = all.iter_mut().find(|p| p.name == "many_01").unwrap();
        (second.state, second.statename) = (Some(UnitState::Failed), "FATAL".into());
        let Found::Facts(facts) = found("many", &all) else { panic!() };
        assert_eq!(
            (facts.state, facts.words.as_str()),
            (UnitState::Failed, "many:many_01 is FATAL")
        );
    }

    #[test]
    fn a_state_of_its_own_bugs_is_unknown() {
        let mut all = all();
        all[0].state = None;
        assert!(matches!(found("back", &all), Found::Unknown(_)));
    }
}
