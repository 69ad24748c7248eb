//! Ends a stale copy of the service that holds its port, then restarts the service. Signals only who listens
//! there and is proven to be such a copy (see `owner`), through a handle that cannot come to mean another
//! process. Never a client of the port, never another service's process; of those it says who they are.

mod owner;
mod report;

use std::time::Duration;

use crate::manager::{Acted, Claims, Reach, plain};
use crate::model::time::Now;
use crate::remedy::port_conflict::owner::{Holder, Side, Whose, whose};
use crate::remedy::{Patient, service_restart};
use crate::sys::aside::aside;
use crate::sys::clock::Deadline;
use crate::sys::process;
use crate::sys::signal::{Held, Tell};
use crate::sys::sockets::{Listener, listeners};

/// How long a process may take to end in good order.
const TERM_WAIT: Duration = Duration::from_secs(10);
/// How long the kernel may take to end one that had no choice; longer means uninterruptible.
const KILL_WAIT: Duration = Duration::from_secs(2);
/// Bound on asking the manager, and on reading a command line (which can wait on a process that hangs).
const ASK: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(1);
/// No process has more ancestors than this; a longer chain is a table that changed while it was read.
const GENERATIONS: usize = 64;

/// Frees the port and restarts the service, or says who holds it.
pub(crate) fn apply(patient: &Patient<'_>, reach: &Reach, limit: Duration) -> Acted {
    let deadline = Deadline::after(limit);
    let Some(port) = patient.port else {
        return Acted::refused(format!("no `port` is configured for `{}`", patient.service));
    };
    let runner = match service_restart::ready(patient, reach, deadline) {
        Ok((runner, _)) => runner,
        Err(why) => return Acted::refused(why),
    };
    let holders = match held_by(port, patient) {
        Ok(holders) => holders,
        Err(why) => return Acted::refused(why),
    };
    let claims = runner.claims(reach, deadline.left().min(ASK));
    let stale = match judged(&holders, &claims, patient, port) {
        Ok(stale) => stale,
        Err(why) => return Acted::refused(why),
    };
    let freed = end(&stale, deadline);
    if freed.result.is_err() {
        return freed;
    }
    // The lost port may have driven it into its start limit meanwhile: looked at again.
    let restarted = service_restart::apply(patient, reach, deadline.left());
    let unrestarted = restarted.result.clone().err();
    let mut acted = freed.then(restarted);
    if let Some(refusal) = unrestarted {
        // Processes were ended: that is an attempt, whatever came of the restart.
        acted.result = Ok(());
        acted.said.push(format!("not restarted: {}", refusal.why));
    }
    acted
}

/// Who holds the port and what would be done about it, in words; none when nobody else does. Changes nothing.
pub(crate) fn foreseen(patient: &Patient<'_>, reach: &Reach, limit: Duration) -> Option<String> {
    let (port, runner) = (patient.port?, patient.runner?);
    if matches!(listeners(port), Ok(none) if none.is_empty()) {
        return None;
    }
    let holders = match held_by(port, patient) {
        Ok(holders) => holders,
        Err(why) => return Some(why),
    };
    let claims = runner.claims(reach, limit.min(ASK));
    let words = match judged(&holders, &claims, patient, port) {
        Ok(stale) => {
            let words = |(holder, proof): &(&Holder, String)| {
                format!("would end {}: {proof}", report::described(holder))
            };
            stale.iter().map(words).collect::<Vec<_>>().join("; ")
        }
        Err(why) => why,
    };
    Some(words)
}

fn held_by(port: u16, patient: &Patient<'_>) -> Result<Vec<Holder>, String> {
    let listening =
        listeners(port).map_err(|why| format!("cannot tell who holds port {port}: {why}"))?;
    holders(&listening, port, patient.now)
}

fn judged<'h>(
    holders: &'h [Holder],
    claims: &Claims,
    patient: &Patient<'_>,
    port: u16,
) -> Result<Vec<(&'h Holder, String)>, String> {
    let own_ancestry = ancestry(std::process::id());
    let side = Side {
        claims,
        exe: patient.exe,
        may_kill: patient.may_kill,
        managed_units: patient.managed_units,
        own_ancestry: &own_ancestry,
    };
    stale(holders, &side, port)
}

/// The processes that listen, each once. An error when there is none, or one that cannot be seen.
fn holders(listening: &[Listener], port: u16, at: &Now) -> Result<Vec<Holder>, String> {
    if listening.is_empty() {
        return Err(format!("nothing else holds port {port}"));
    }
    let mut holders: Vec<Holder> = Vec::new();
    for listener in listening {
        let seen = listener.pid.zip(listener.start);
        let Some((pid, start)) = seen else {
            let user = listener.user.as_deref().unwrap_or("another user");
            return Err(format!(
                "port {port} is held by a process of {user} that this user may not see; as root: \
                 `ss -ltnp 'sport = :{port}'`"
            ));
        };
        if holders.iter().any(|holder| holder.pid == pid) {
            continue;
        }
        let argv = aside(READ, move || process::argv(pid)).unwrap_or_default();
        holders.push(Holder {
            pid,
            start,
            name: listener.name.clone().unwrap_or_default(),
            exe: listener.exe.clone(),
            line: plain(&argv.join(" ")),
            user: listener.user.clone(),
            unit: listener.unit.clone(),
            ancestry: ancestry(pid),
            container: process::runs_in(pid),
            since: process::one(pid).filter(|now| now.start == start).map(|now| now.started(at)),
        });
    }
    Ok(holders)
}

/// A process, its parent, and so on up to the first.
fn ancestry(pid: u32) -> Vec<u32> {
    let mut line = vec![pid];
    while let Some(process) = line.last().and_then(|pid| process::one(*pid))
        && process.parent != 0
        && line.len() < GENERATIONS
    {
        line.push(process.parent);
    }
    line
}

/// Those to end, each with its proof. An error as soon as one holder is neither stale nor the service itself:
/// then ending the others would not free the port.
fn stale<'h>(
    holders: &'h [Holder],
    side: &Side<'_>,
    port: u16,
) -> Result<Vec<(&'h Holder, String)>, String> {
    let mut stale = Vec::new();
    for holder in holders {
        let (why, typed) = match whose(holder, side) {
            Whose::Present => continue,
            Whose::Stale(proof) => {
                stale.push((holder, proof));
                continue;
            }
            Whose::Untouchable(why) => (why, report::look(holder, port)),
            Whose::Foreign(why) => (why, report::end(holder)),
        };
        return Err(format!(
            "port {port} is held by {}: {why}; {typed}",
            report::described(holder)
        ));
    }
    if stale.is_empty() {
        return Err(format!("port {port} is held by the service itself: nothing else holds it"));
    }
    Ok(stale)
}

/// TERM to all of them, and KILL to those that are still there after a while.
fn end(stale: &[(&Holder, String)], deadline: Deadline) -> Acted {
    let mut acted = Acted::nothing();
    let mut held = Vec::new();
    for (holder, proof) in stale {
        match Held::open(holder.pid, holder.start) {
            Ok(Some(handle)) => held.push((*holder, handle)),
            Ok(None) => acted.said.push(format!("pid {} has gone by itself", holder.pid)),
            Err(why) => return acted.refuse(why),
        }
        acted.said.push(format!("{} held the port: {proof}", report::described(holder)));
    }
    for (holder, handle) in &held {
        if let Err(why) = handle.tell(Tell::Term) {
            let denied = why.contains("permission") || why.contains("not permitted");
            return if denied { acted.no_right(why) } else { acted.refuse(why) };
        }
        acted.did.push(format!("kill -TERM {}", holder.pid));
    }
    // Half of the time at most: the restart needs some too.
    let patience = Deadline::after(TERM_WAIT.min(deadline.left() / 2));
    held.retain(|(_, handle)| !handle.ended(patience.left()));
    for (holder, handle) in &held {
        if handle.tell(Tell::Kill).is_ok() {
            acted.did.push(format!("kill -KILL {}", holder.pid));
        }
    }
    let patience = Deadline::after(KILL_WAIT);
    held.retain(|(_, handle)| !handle.ended(patience.left()));
    if held.is_empty() {
        return acted;
    }
    let pids: Vec<_> = held.iter().map(|(holder, _)| holder.pid.to_string()).collect();
    acted.said.push(format!(
        "pid {} outlived SIGKILL, as a process does that waits for a disk or a network file system",
        pids.join(", ")
    ));
    acted
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn holder_of(pid: u32) -> Holder {
        Holder {
            pid,
            start: process::one(pid).map_or(0, |process| process.start),
            name: "server".into(),
            exe: Some("/opt/server".into()),
            line: "/opt/server".into(),
            user: Some("www".into()),
            unit: None,
            ancestry: vec![pid],
            container: None,
            since: None,
        }
    }

    fn side<'a>(claims: &'a Claims, own_ancestry: &'a [u32]) -> Side<'a> {
        Side { claims, exe: None, may_kill: &[], managed_units: &[], own_ancestry }
    }

    #[test]
    fn a_free_port_is_no_conflict_and_a_listener_is_found_once() {
        assert_eq!(
            holders(&[], 8080, &crate::sys::clock::now()).unwrap_err(),
            "nothing else holds port 8080"
        );
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let listening = listeners(port).unwrap();
        let twice: Vec<_> = listening.iter().chain(&listening).cloned().collect();
        let found = holders(&twice, port, &crate::sys::clock::now()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].pid, std::process::id());
        assert!(found[0].line.contains("miraclemax") && found[0].since.is_some(), "{found:?}");
    }

    #[test]
    fn this_very_process_is_never_a_stale_copy() {
        let me = holder_of(std::process::id());
        let own = ancestry(std::process::id());
        assert!(own.len() > 1, "{own:?}");
        let why = stale(&[me], &side(&Claims::default(), &own), 8080).unwrap_err();
        assert!(why.contains("this very program"), "{why}");
    }

    #[test]
    fn one_foreign_holder_saves_them_all_and_is_named() {
        let claims = Claims {
            program: Some(crate::manager::Program {
                exe: "/opt/server".into(),
                line: "/opt/server".into(),
            }),
            user: Some("www".into()),
            ..Claims::default()
        };
        let copy = holder_of(70_001);
        let stranger = Holder {
            exe: Some("/usr/bin/nc".into()),
            user: Some("max".into()),
            ..holder_of(70_002)
        };
        let side = side(&claims, &[1]);
        assert_eq!(stale(std::slice::from_ref(&copy), &side, 80).unwrap().len(), 1);
        let why = stale(&[copy, stranger], &side, 80).unwrap_err();
        for part in ["port 80", "pid 70002 (/usr/bin/nc, user max)", "`kill 70002`"] {
            assert!(why.contains(part), "{why}");
        }
    }

    #[test]
    fn the_service_itself_is_no_conflict() {
        let claims = Claims { present: vec![70_001], ..Claims::default() };
        let why = stale(&[holder_of(70_001)], &side(&claims, &[1]), 80).unwrap_err();
        assert!(why.contains("nothing else holds it"), "{why}");
    }

    #[test]
    fn a_listener_that_may_not_be_seen_is_told_with_what_to_type() {
        let hidden = Listener {
            addr: "127.0.0.1:80".parse().unwrap(),
            pid: None,
            start: None,
            name: None,
            exe: None,
            user: Some("root".into()),
            unit: None,
        };
        let why = holders(&[hidden], 80, &crate::sys::clock::now()).unwrap_err();
        assert!(why.contains("of root") && why.contains("ss -ltnp"), "{why}");
    }

    #[test]
    fn one_that_has_gone_is_not_signalled() {
        let gone = Holder { start: 1, ..holder_of(std::process::id()) };
        let acted = end(&[(&gone, "proof".into())], Deadline::after(Duration::from_secs(5)));
        assert!(acted.did.is_empty() && acted.result.is_ok(), "{acted:?}");
        assert!(acted.said[0].contains("gone by itself"), "{acted:?}");
    }
}
