//! What runs here, asked of everybody who knows: the managers, and the kernel's table of sockets. Opens no
//! connection to a service.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::manager::Reach;
use crate::manager::{supervisord, systemd};
use crate::model::discovery::{Listening, Owner, Program, Seen};
use crate::model::unit::ManagerKind;
use crate::report::screen::Screen;
use crate::sys::clock::Deadline;
use crate::sys::process;
use crate::sys::sockets::{Listener, Sockets};

/// How long one manager may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// No process is this deep below another; a loop in a table that changes while it is read is.
const DEEPEST: usize = 64;

/// What was seen, and who did not answer.
pub(super) struct Gathered {
    pub(super) seen: Seen,
    pub(super) troubles: Vec<String>,
}

/// Asks them one after the other.
pub(super) fn gather(reach: &Reach, deadline: Deadline, screen: &Screen) -> Gathered {
    let mut seen = Seen::default();
    let mut troubles = Vec::new();
    let limit = || deadline.within(PATIENCE).left();
    screen.progress("asking the managers");
    // Root's own systemd runs no services; another user's cannot be asked by root.
    let systemds = [Some(ManagerKind::Systemd), (!reach.root).then_some(ManagerKind::SystemdUser)];
    for manager in systemds.into_iter().flatten() {
        match systemd::listing::active(manager, reach, limit()) {
            Ok(active) => {
                seen.units.extend(active.units);
                seen.sockets.extend(active.sockets);
            }
            Err(why) => troubles.push(why),
        }
    }
    let mut programs = HashMap::new();
    match supervisord::listing::running(reach, limit()) {
        Ok(running) => {
            seen.supervisor = running.pid.and_then(process::unit);
            programs.extend(running.programs.iter().map(|(program, pid)| (*pid, program.clone())));
            seen.programs = running.programs.into_iter().map(|(program, _)| program).collect();
        }
        Err(why) => troubles.push(why),
    }
    screen.progress("looking who listens");
    match Sockets::read() {
        Ok(sockets) => seen.listening = listening(&sockets.all(), &programs),
        Err(why) => troubles.push(why),
    }
    Gathered { seen, troubles }
}

/// One entry an address, with everybody who shares it.
fn listening(all: &[Listener], programs: &HashMap<u32, Program>) -> Vec<Listening> {
    let mut found: Vec<Listening> = Vec::new();
    let mut sorted: Vec<&Listener> = all.iter().collect();
    // The one that opened it is the oldest: it speaks for its workers.
    sorted.sort_by_key(|one| (plain(one.addr), one.start.is_none(), one.start));
    for listener in sorted {
        let addr = plain(listener.addr);
        let owner = owner(listener, programs);
        let of_init = owner == Owner::Init;
        // Not the program's file: Debian's redis-server is a link to redis-check-rdb.
        let called = || listener.name.clone().or_else(|| listener.called()).filter(|_| !of_init);
        match found.last_mut().filter(|last| last.addr == addr) {
            Some(last) => {
                if !last.owners.contains(&owner) {
                    last.owners.push(owner);
                }
                last.program = last.program.take().or_else(called);
            }
            None => found.push(Listening { addr, owners: vec![owner], program: called() }),
        }
    }
    for listening in &mut found {
        listening.owners.sort();
    }
    found
}

/// `::ffff:127.0.0.1` is 127.0.0.1, as Java binds it.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

fn owner(listener: &Listener, programs: &HashMap<u32, Program>) -> Owner {
    let Some(pid) = listener.pid else { return Owner::Hidden };
    let ancestor = |pid: &u32| process::one(*pid).map(|process| process.parent);
    let mut line = std::iter::successors(Some(pid), ancestor).take(DEEPEST);
    if let Some(program) = line.find_map(|pid| programs.get(&pid)) {
        return Owner::Program(program.group.clone(), program.name.clone());
    }
    match &listener.unit {
        _ if pid == 1 => Owner::Init,
        Some(unit) if unit.ends_with(".service") => Owner::Unit(unit.clone()),
        _ => Owner::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_share_a_socket_are_one_entry_and_the_oldest_names_it() {
        let listener = |addr: &str, pid: Option<u32>, name: &str, unit: Option<&str>| Listener {
            addr: addr.parse().unwrap(),
            pid,
            start: pid.map(u64::from),
            name: Some(name.into()),
            exe: None,
            user: None,
            unit: unit.map(str::to_owned),
        };
        // No process has ids like these: Linux ends at 4194304.
        let high = 1 << 24;
        let all = [
            listener("127.0.0.1:80", Some(high + 2), "worker", Some("web.service")),
            listener("127.0.0.1:80", Some(high + 1), "master", Some("web.service")),
            listener("0.0.0.0:22", Some(1), "systemd", Some("init.scope")),
            listener("0.0.0.0:90", Some(high + 3), "python3", Some("session-3.scope")),
            listener("0.0.0.0:91", None, "", None),
            listener("[::ffff:127.0.0.1]:92", Some(high + 4), "java", None),
        ];
        let programs =
            HashMap::from([(high + 4, Program { name: "app".into(), group: "site".into() })]);
        let found = listening(&all, &programs);
        let told: Vec<_> = found
            .iter()
            .map(|l| (l.addr.to_string(), l.owners.clone(), l.program.as_deref()))
            .collect();
        let want = [
            ("0.0.0.0:22", Owner::Init, None),
            ("0.0.0.0:90", Owner::Nobody, Some("python3")),
            ("0.0.0.0:91", Owner::Hidden, Some("")),
            ("127.0.0.1:80", Owner::Unit("web.service".into()), Some("master")),
            ("127.0.0.1:92", Owner::Program("site".into(), "app".into()), Some("java")),
        ];
        let want: Vec<_> = want
            .into_iter()
            .map(|(addr, owner, name)| (addr.to_owned(), vec![owner], name))
            .collect();
        assert_eq!(told, want);
    }
}
