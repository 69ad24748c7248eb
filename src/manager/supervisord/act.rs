//! Restarts a program of supervisord, and reads the end of its log. Returns before the deadline also when the
//! program ignores its TERM.

use std::time::Duration;

use crate::manager::acted::Acted;
use crate::manager::reach::Reach;
use crate::manager::supervisord::facts::{Process, named};
use crate::manager::supervisord::server::Server;
use crate::manager::supervisord::{all, ask, typed};
use crate::model::scrub;
use crate::model::unit::UnitState;
use crate::sys::clock::{self, Deadline};
use crate::sys::xmlrpc::{Failure, Value};

/// How often it is asked whether a program has stopped.
const POLL: Duration = Duration::from_millis(50);
/// How much of a log's end is fetched.
const TAIL: i64 = 16 * 1024;

/// supervisord's fault codes (`xmlrpc.py`).
mod fault {
    pub(super) const SHUTDOWN_STATE: i64 = 6;
    pub(super) const BAD_NAME: i64 = 10;
    pub(super) const ALREADY_STARTED: i64 = 60;
    pub(super) const NOT_RUNNING: i64 = 70;
}

/// Stops what runs or is being retried, then starts it: `FATAL` is left no other way, and a start of a program
/// in `BACKOFF` is refused as already started.
pub(crate) fn restart(unit: &str, reach: &Reach, limit: Duration) -> Acted {
    let deadline = Deadline::after(limit);
    let acted = Acted::nothing();
    let Some(server) = &reach.supervisord else {
        return acted.refuse("no supervisord on this host");
    };
    let processes = match all(server, deadline.left()) {
        Ok(all) => named(unit, &all).into_iter().cloned().collect::<Vec<_>>(),
        Err(failure) => return failed(acted, unit, server, &failure),
    };
    if processes.is_empty() {
        return acted.refuse(format!("supervisord does not know `{unit}`"));
    }
    processes.iter().fold(acted, |acted, process| {
        if acted.result.is_err() { acted } else { one(process, server, deadline, acted) }
    })
}

fn one(process: &Process, server: &Server, deadline: Deadline, mut acted: Acted) -> Acted {
    let name = process.full_name();
    let params = [Value::Text(name.clone()), Value::Bool(false)];
    let stop = match process.state {
        Some(UnitState::Running | UnitState::Retrying) => true,
        Some(UnitState::Stopped | UnitState::Failed | UnitState::Done) => false,
        Some(UnitState::Starting | UnitState::Stopping) | None => {
            return acted
                .refuse(format!("supervisord says that `{name}` is {}", process.statename));
        }
    };
    if stop {
        acted.did.push(typed(&["stop", &name], Some(server)));
        match ask(server, "stopProcess", &params, deadline.left()) {
            Ok(_) | Err(Failure::Fault(fault::NOT_RUNNING, _)) => {}
            Err(failure) => return failed(acted, &name, server, &failure),
        }
        match stopped(&name, server, deadline) {
            Ok(true) => {}
            // Not refused: something was done, and it counts. A later run finds it stopped, and starts it.
            Ok(false) => {
                acted.said.push(format!(
                    "`{name}` has not stopped yet; supervisord kills it after its `stopwaitsecs`"
                ));
                return acted;
            }
            Err(failure) => {
                acted.said.push(format!("supervisord stopped answering: {failure}"));
                return acted;
            }
        }
    }
    acted.did.push(typed(&["start", &name], Some(server)));
    match ask(server, "startProcess", &params, deadline.left()) {
        // Somebody was faster; whether it is up is for the probes to say.
        Ok(_) | Err(Failure::Fault(fault::ALREADY_STARTED, _)) => acted,
        Err(failure) => failed(acted, &name, server, &failure),
    }
}

/// Waits until it neither runs nor is on its way down. False: not by the deadline.
fn stopped(name: &str, server: &Server, deadline: Deadline) -> Result<bool, Failure> {
    loop {
        let all = all(server, deadline.left().max(POLL))?;
        let state = named(name, &all).first().and_then(|process| process.state);
        if matches!(state, Some(UnitState::Stopped | UnitState::Failed) | None) {
            return Ok(true);
        }
        if deadline.left() <= POLL {
            return Ok(false);
        }
        clock::pause(POLL);
    }
}

fn failed(mut acted: Acted, name: &str, server: &Server, failure: &Failure) -> Acted {
    let at = &server.address;
    match failure {
        Failure::Fault(fault::SHUTDOWN_STATE, _) => acted.refuse("supervisord is shutting down"),
        Failure::Fault(fault::BAD_NAME, _) => {
            acted.refuse(format!("supervisord does not know `{name}`"))
        }
        Failure::NoRight(why) => {
            acted.no_right(format!("no right to use supervisord at `{at}`: {why}"))
        }
        Failure::Trouble(why) => {
            acted.refuse(format!("supervisord at `{at}` cannot be used: {why}"))
        }
        // It tried: no such file, not executable, spawn error. That is an attempt, and its reason.
        Failure::Fault(_, words) => {
            acted.said.push(format!("supervisord: {words}"));
            acted
        }
    }
}

/// The last lines of what it wrote to standard error or, when that is nothing, to standard output.
pub(crate) fn log_tail(unit: &str, lines: usize, reach: &Reach, limit: Duration) -> Vec<String> {
    let deadline = Deadline::after(limit);
    let Some(server) = &reach.supervisord else { return Vec::new() };
    let Ok(all) = all(server, deadline.left()) else { return Vec::new() };
    // Of several, the first that does not run has something to tell.
    let processes = named(unit, &all);
    let ended = processes.iter().find(|process| process.state != Some(UnitState::Running));
    let Some(process) = ended.or(processes.first()) else { return Vec::new() };
    let params = [Value::Text(process.full_name()), Value::Int(-TAIL), Value::Int(0)];
    ["readProcessStderrLog", "readProcessStdoutLog"]
        .iter()
        .find_map(|method| {
            let Ok(Value::Text(text)) = ask(server, method, &params, deadline.left()) else {
                return None;
            };
            let tail = last_lines(&text, lines);
            (!tail.is_empty()).then_some(tail)
        })
        .unwrap_or_default()
}

fn last_lines(text: &str, lines: usize) -> Vec<String> {
    let all: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    scrub::lines(all[all.len().saturating_sub(lines)..].iter().copied(), 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server { address: "unix:///x.sock".into(), login: None, usual: true }
    }

    #[test]
    fn a_program_that_cannot_be_spawned_is_an_attempt_and_a_shutdown_is_not() {
        let fault = |code, words: &str| {
            failed(Acted::nothing(), "web", &server(), &Failure::Fault(code, words.into()))
        };
        let spawn = fault(20, "NO_FILE: can't find command '/no'");
        assert_eq!(spawn.result, Ok(()));
        assert_eq!(spawn.said, ["supervisord: NO_FILE: can't find command '/no'"]);
        assert!(fault(6, "SHUTDOWN_STATE").result.is_err());
        let login = failed(
            Acted::nothing(),
            "web",
            &server(),
            &Failure::NoRight("it wants a login (HTTP 401)".into()),
        );
        assert!(login.result.is_err_and(|refusal| refusal.no_right));
    }

    #[test]
    fn a_program_on_its_way_is_left_alone() {
        let text = include_str!("../../../tests/fixtures/supervisord/all-4.2.5.xml");
        let all = super::super::facts::parse(&crate::sys::xmlrpc::parse(text).unwrap());
        for unit in ["slow", "deaf"] {
            let process = named(unit, &all)[0];
            let acted = one(process, &server(), Deadline::after(Duration::ZERO), Acted::nothing());
            assert!(acted.did.is_empty() && acted.result.is_err(), "{unit}: {acted:?}");
        }
    }

    #[test]
    fn the_last_lines_are_the_last() {
        assert_eq!(last_lines("a\n\nb\nc\u{1b}[0m\n", 2), ["b", "c\\u{1b}[0m"]);
        assert!(last_lines("", 5).is_empty());
    }
}
