//! The last resort: what shows that nothing less than a reboot of the host can help, and the reboot. Never forced:
//! what runs is stopped in good order. Whether it may be done at all is decided elsewhere.

use std::time::Duration;

use crate::manager::{Acted, Reach, Runner};
use crate::model::text::one_line;
use crate::model::unit::{Found, ManagerKind, UnitState};
use crate::remedy::Patient;
use crate::sys::clock::{self, Deadline};
use crate::sys::exec::{Command, Ended};
use crate::sys::process;

/// What is executed, as a person would type it.
pub const TYPED: &str = "systemctl reboot";
/// Bound on asking for it: systemd answers as soon as the job is queued.
const ACT: Duration = Duration::from_secs(30);
/// Pause between the two looks: a busy disk lets a process go sooner.
const BETWEEN: Duration = Duration::from_secs(10);
/// Bound on asking the manager in one look.
const ASK: Duration = Duration::from_secs(10);

/// One look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    /// Why the manager gave no answer.
    silent: Option<String>,
    /// The manager has sent SIGKILL and waits in vain; its words.
    outlived: Option<String>,
    /// The unit's processes that cannot be interrupted.
    stuck: Vec<Stuck>,
}

/// A process that waits in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stuck {
    pid: u32,
    start: u64,
    name: String,
    /// Processor time so far: one that gets on is not stuck.
    cpu: Duration,
}

/// What shows, by two looks, that only a reboot can help the service; else why nothing does.
pub fn evidence(patient: &Patient<'_>, reach: &Reach, limit: Duration) -> Result<String, String> {
    if !reach.root {
        return Err(format!("no right to reboot the host as {}", reach.user));
    }
    let deadline = Deadline::after(limit);
    let first = look(patient, reach, deadline);
    if first == Seen::default() {
        return Err(nothing());
    }
    clock::pause(BETWEEN.min(deadline.left() / 2));
    weigh(&first, &look(patient, reach, deadline))
}

fn nothing() -> String {
    "nothing shows that only a reboot can help: no process of it hangs in the kernel, and its manager answers".into()
}

fn weigh(first: &Seen, second: &Seen) -> Result<String, String> {
    if let (Some(_), Some(why)) = (&first.silent, &second.silent) {
        return Ok(format!("systemd does not answer, twice: {why}"));
    }
    if let (Some(_), Some(words)) = (&first.outlived, &second.outlived) {
        return Ok(format!("systemd could not end it with SIGKILL: {words}"));
    }
    // Equal in all: the same process, and not a moment of processor time further.
    let stuck = second.stuck.iter().find(|stuck| first.stuck.contains(stuck));
    stuck.map_or_else(
        || Err(nothing()),
        |Stuck { pid, name, .. }| {
            let name = one_line(name, 40);
            Ok(format!("pid {pid} ({name}) hangs in the kernel, where no signal can end it"))
        },
    )
}

fn look(patient: &Patient<'_>, reach: &Reach, deadline: Deadline) -> Seen {
    // Nobody that was asked knows the service: perhaps because systemd does not answer about anything.
    let pid_1 = reach.systemd.then(|| Runner::unit(ManagerKind::Systemd, "init.scope"));
    let runner = patient.runner.or(pid_1.as_ref());
    let Some(runner) = runner.filter(|runner| runner.kind != ManagerKind::Command) else {
        return Seen::default();
    };
    let mut seen = Seen::default();
    let (mut main, mut unit) = (patient.facts.and_then(|facts| facts.main_pid), None);
    match runner.look(reach, deadline.left().min(ASK)) {
        Found::Facts(facts) => {
            let killing = facts.state == UnitState::Stopping && facts.words.contains("sigkill");
            seen.outlived = killing.then(|| format!("{}: {}", facts.unit, facts.words));
            main = facts.main_pid.or(main);
            unit = Some(facts.unit);
        }
        // That a user's own manager or supervisord is silent is mended by less.
        Found::Unknown(why) if runner.kind == ManagerKind::Systemd => seen.silent = Some(why),
        Found::Nowhere(_) | Found::Unknown(_) => {}
    }
    let unit = unit.or_else(|| Some(runner.unit.clone()));
    let own = |pid: u32| {
        main == Some(pid) || runner.kind == ManagerKind::Systemd && process::unit(pid) == unit
    };
    let all = process::all().unwrap_or_default();
    let hanging = all.into_iter().filter(|one| one.waiting && own(one.pid));
    seen.stuck = hanging
        .filter_map(|one| {
            let cpu = process::usage(one.pid)?.cpu;
            Some(Stuck { pid: one.pid, start: one.start, name: one.name, cpu })
        })
        .collect();
    seen
}

/// Asks for the reboot. Done means that it is on its way.
pub fn apply(limit: Duration) -> Acted {
    let argv: Vec<&str> = TYPED.split(' ').chain(["--no-ask-password"]).collect();
    ask(&argv, limit.min(ACT))
}

fn ask(argv: &[&str], limit: Duration) -> Acted {
    let output = Command::new(argv.iter().copied(), limit).env("LC_ALL", "C.UTF-8").run();
    let mut acted = Acted::nothing();
    match output.ended {
        Ended::Exited(0) => {}
        Ended::TimedOut => acted.said.push(format!("`{TYPED}`: {}", output.reason())),
        Ended::Exited(_) | Ended::Signaled(_) | Ended::NotStarted(_) => {
            return acted.refuse(format!(
                "`{TYPED}`: {}; where systemd is dead: `{TYPED} --force`, or the host's power switch",
                output.reason()
            ));
        }
    }
    acted.did.push(TYPED.into());
    acted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remedy::patient::testing;

    fn stuck(pid: u32, start: u64, cpu: u64) -> Stuck {
        Stuck { pid, start, name: "nfsd".into(), cpu: Duration::from_millis(cpu) }
    }

    fn hanging(stuck: Stuck) -> Seen {
        Seen { stuck: vec![stuck], ..Seen::default() }
    }

    fn silent() -> Seen {
        Seen { silent: Some("no answer within 10s".into()), ..Seen::default() }
    }

    fn outlived() -> Seen {
        let words = "web.service: deactivating (stop-sigkill)".to_owned();
        Seen { outlived: Some(words), ..Seen::default() }
    }

    #[test]
    fn only_what_is_so_in_both_looks_is_evidence() {
        let none = Seen::default();
        for (first, second, want) in [
            (silent(), silent(), Some("systemd does not answer")),
            (silent(), none.clone(), None),
            (outlived(), outlived(), Some("SIGKILL: web.service: deactivating (stop-sigkill)")),
            (outlived(), none.clone(), None),
            (hanging(stuck(7, 1, 50)), hanging(stuck(7, 1, 50)), Some("pid 7 (nfsd) hangs")),
            (hanging(stuck(7, 1, 50)), hanging(stuck(7, 1, 60)), None), // it gets on
            (hanging(stuck(7, 1, 50)), hanging(stuck(7, 2, 50)), None), // another process
            (hanging(stuck(7, 1, 50)), hanging(stuck(8, 1, 50)), None),
            (hanging(stuck(7, 1, 50)), none.clone(), None),
            (none.clone(), hanging(stuck(7, 1, 50)), None),
            (none.clone(), none.clone(), None),
        ] {
            let got = weigh(&first, &second);
            match (&got, want) {
                (Ok(got), Some(want)) if got.contains(want) => {}
                (Err(_), None) => {}
                _ => panic!("{first:?}, {second:?}: {got:?}, wanted {want:?}"),
            }
        }
    }

    #[test]
    fn without_evidence_or_without_the_right_there_is_no_reboot() {
        let reach = Reach { root: true, ..Reach::nothing() };
        let limit = Duration::from_secs(5);
        let why = testing::with(|patient| evidence(patient, &reach, limit)).unwrap_err();
        assert!(why.starts_with("nothing shows"), "{why}");
        let why = testing::with(|patient| evidence(patient, &Reach::nothing(), limit)).unwrap_err();
        assert_eq!(why, "no right to reboot the host as nobody");
    }

    #[test]
    fn what_systemctl_refuses_was_not_done() {
        let limit = Duration::from_secs(5);
        let sh = |script| ask(&["sh", "-c", script], limit);
        let acted = sh("exit 0");
        assert_eq!((acted.did, acted.result), (vec![TYPED.to_owned()], Ok(())));
        let acted = sh("echo 'Failed to connect to bus: Host is down' >&2; exit 1");
        assert!(acted.did.is_empty());
        let why = acted.result.unwrap_err().why;
        assert!(why.contains("Host is down") && why.contains("--force"), "{why}");
        let acted = ask(&["sh", "-c", "sleep 60"], Duration::from_millis(200));
        assert_eq!((acted.did.len(), acted.said.len()), (1, 1), "it may be on its way");
        assert!(ask(&["/no/such/systemctl"], limit).result.is_err());
    }
}
