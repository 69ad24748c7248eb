//! What runs here, asked of everybody who knows: the managers, the container engines, and the kernel's table of
//! sockets. Opens no connection to a service.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::manager::Reach;
use crate::manager::{supervisord, systemd};
use crate::model::discovery::{Container, Listening, Owner, Program, Seen};
use crate::model::unit::ManagerKind;
use crate::report::screen::Screen;
use crate::sys::clock::Deadline;
use crate::sys::engine::{Engine, Listed, Published};
use crate::sys::process;
use crate::sys::sockets::{Listener, Sockets};

/// The unit that runs a container, in its labels (podman-generate-systemd(1), podman-systemd.unit(5)).
const UNIT_LABEL: &str = "PODMAN_SYSTEMD_UNIT";
/// How long one manager or engine may take to answer.
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
    let mut containers = HashMap::new();
    screen.progress("asking the container engines");
    for engine in Engine::all().iter().filter(|engine| engine.may_run_here()) {
        match engine.list(limit()) {
            Ok(listed) => {
                let names = listed.iter().map(|one| (one.id.clone(), one.name.clone()));
                containers.extend(names);
                seen.containers.extend(listed.into_iter().filter_map(|one| container(engine, one)));
            }
            Err(why) => troubles.push(why.to_string()),
        }
    }
    screen.progress("looking who listens");
    match Sockets::read() {
        Ok(sockets) => {
            seen.listening = listening(&sockets.all(), |one| owner(one, &programs, &containers));
        }
        Err(why) => troubles.push(why),
    }
    Gathered { seen, troubles }
}

/// One that runs, or that its engine starts again and again.
fn container(engine: &Engine, mut listed: Listed) -> Option<Container> {
    let runs = matches!(listed.state.as_str(), "running" | "restarting");
    let ports = listed.ports.iter().filter(|port| port.protocol == "tcp").filter_map(published);
    runs.then(|| Container {
        engine: engine.brand.word().to_owned(),
        unit: listed.labels.remove(UNIT_LABEL),
        ports: ports.collect(),
        name: listed.name,
        image: listed.image,
    })
}

fn published(port: &Published) -> Option<SocketAddr> {
    let all = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let ip = if port.ip.is_empty() { all } else { port.ip.parse().ok()? };
    Some(SocketAddr::new(ip, port.port))
}

/// One entry an address, with everybody who shares it.
fn listening(all: &[Listener], owner: impl Fn(&Listener) -> Owner) -> Vec<Listening> {
    let mut found: Vec<Listening> = Vec::new();
    let mut sorted: Vec<&Listener> = all.iter().collect();
    // The one that opened it is the oldest: it speaks for its workers.
    sorted.sort_by_key(|one| (plain(one.addr), one.start.is_none(), one.start));
    for listener in sorted {
        let addr = plain(listener.addr);
        let owner = owner(listener);
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

/// `programs` by their pid, the names of `containers` by their id.
fn owner(
    listener: &Listener,
    programs: &HashMap<u32, Program>,
    containers: &HashMap<String, String>,
) -> Owner {
    let Some(pid) = listener.pid else { return Owner::Hidden };
    if let Some(name) = process::container(pid).and_then(|id| containers.get(&id)) {
        return Owner::Container(name.clone());
    }
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
    use crate::sys::engine::Brand;
    use std::collections::BTreeMap;

    #[test]
    fn a_container_that_runs_has_its_tcp_ports_and_its_unit() {
        let port = |ip: &str, port, protocol: &str| Published {
            ip: ip.into(),
            port,
            inside: 80,
            protocol: protocol.into(),
        };
        let listed = |state: &str| Listed {
            id: "1".into(),
            name: "web".into(),
            image: "books:1".into(),
            state: state.into(),
            ports: vec![port("", 80, "tcp"), port("::", 80, "tcp"), port("0.0.0.0", 53, "udp")],
            labels: BTreeMap::from([(UNIT_LABEL.to_owned(), "web.service".to_owned())]),
        };
        let podman = Engine { brand: Brand::Podman, socket: None };
        let found = container(&podman, listed("running")).unwrap();
        assert_eq!((found.engine.as_str(), found.unit.as_deref()), ("podman", Some("web.service")));
        assert_eq!(found.ports, ["0.0.0.0:80", "[::]:80"].map(|addr| addr.parse().unwrap()));
        for (state, runs) in [("restarting", true), ("exited", false), ("created", false)] {
            assert_eq!(container(&podman, listed(state)).is_some(), runs, "{state}");
        }
    }

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
        let found = listening(&all, |one| owner(one, &programs, &HashMap::new()));
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
