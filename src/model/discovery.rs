//! What runs on a host: the plain facts that discovery gathers, and what it makes of them. Neither gathers nor
//! decides.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// All that was seen at one moment.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Units of systemd that are active.
    pub units: Vec<Unit>,
    /// Socket units that are active.
    pub sockets: Vec<SocketUnit>,
    /// Processes of supervisord that run.
    pub programs: Vec<Program>,
    /// Unit of supervisord itself, if it has one.
    pub supervisor: Option<String>,
    /// Containers that run.
    pub containers: Vec<Container>,
    /// TCP addresses that somebody listens on.
    pub listening: Vec<Listening>,
}

/// A service unit of systemd, as `systemctl show` tells it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unit {
    /// Its full name.
    pub name: String,
    /// Its aliases, itself among them.
    pub names: Vec<String>,
    /// It is the user's own systemd's.
    pub user: bool,
    /// Its `UnitFileState`: `enabled`, `disabled`, `static`, `transient` …
    pub file_state: String,
    /// Its file was written on this host, not brought by a package.
    pub own: bool,
    /// A process of it runs; else it is active without one.
    pub running: bool,
    /// What it cannot be without: `Requires`, `Requisite`, `BindsTo`.
    pub requires: Vec<String>,
    /// After what it starts.
    pub after: Vec<String>,
    /// What it starts along.
    pub wants: Vec<String>,
    /// Whose stop and restart it follows: a wrapper such as `postgresql.service`.
    pub part_of: Vec<String>,
}

/// A socket unit, which listens for a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketUnit {
    /// Its full name.
    pub name: String,
    /// It is the user's own systemd's.
    pub user: bool,
    /// Its `UnitFileState`.
    pub file_state: String,
    /// Its TCP addresses.
    pub listens: Vec<SocketAddr>,
    /// What it starts at the first connection.
    pub triggers: Vec<String>,
}

/// A process of supervisord's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its own name.
    pub name: String,
    /// Its group's; the same where it is alone in it.
    pub group: String,
}

/// A container that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The command of its engine: `docker`, `podman`.
    pub engine: String,
    /// What it was made from.
    pub image: String,
    /// The unit that runs it, where it says so (podman's `PODMAN_SYSTEMD_UNIT`).
    pub unit: Option<String>,
    /// Its TCP ports on the host.
    pub ports: Vec<SocketAddr>,
}

/// Whose a listening socket is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A unit's, by its cgroup.
    Unit(String),
    /// A supervisord group's, by descent; the group and the process.
    Program(String, String),
    /// A container's that is in the host's own network, by its cgroup; its name.
    Container(String),
    /// systemd's own: a socket unit listens.
    Init,
    /// A process that nothing restarts.
    Nobody,
    /// Who it is cannot be seen.
    Hidden,
}

/// A TCP address that somebody listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// Where.
    pub addr: SocketAddr,
    /// Whose; several processes may share a socket.
    pub owners: Vec<Owner>,
    /// What the process is called.
    pub program: Option<String>,
}

/// Who runs a service that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runner {
    /// systemd, the system's or the user's own.
    Unit {
        /// The unit.
        unit: String,
        /// The user's own.
        user: bool,
    },
    /// supervisord: `web`, `group:web` or `group:*`.
    Program(String),
    /// A container engine, by its command.
    Container {
        /// `docker` or `podman`.
        engine: String,
        /// The container.
        name: String,
    },
}

/// How far a port may be asked whether it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Connect, and ask for a page.
    Http,
    /// Only connect: its protocol is known to be another one, and a request would be a line in its log.
    Connect,
    /// Not at all: a connection would start the service.
    Nothing,
}

/// A port of a service that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// All addresses it is listened on at, sorted.
    pub addrs: Vec<SocketAddr>,
    /// What the process is called.
    pub program: Option<String>,
    /// What may be asked of it.
    pub ask: Ask,
    /// The check for it, in short form, once it has been asked.
    pub check: Option<String>,
    /// What it said, for people.
    pub said: Option<String>,
}

/// A service that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its name in the config.
    pub name: String,
    /// Who runs it.
    pub runner: Runner,
    /// All names it is known by, as `systemd:web.service`, `supervisord:web`, `container:web`.
    pub marks: Vec<String>,
    /// Its ports, lowest first.
    pub ports: Vec<Port>,
    /// Names of others that must be up first.
    pub needs: Vec<String>,
    /// What else is worth knowing about it.
    pub remarks: Vec<String>,
}

/// What was made of it all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The services, by name.
    pub services: Vec<Finding>,
    /// What listens and was left out on purpose: unit, with its addresses.
    pub base: BTreeMap<String, Vec<SocketAddr>>,
    /// What listens and is run by nobody: program, with its addresses.
    pub unmanaged: BTreeMap<String, Vec<SocketAddr>>,
    /// How many listening addresses belong to processes that cannot be seen.
    pub hidden: usize,
}

/// A service that is configured already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Present {
    /// Its name.
    pub name: String,
    /// As [`Finding::marks`].
    pub marks: Vec<String>,
    /// Its ports.
    pub ports: Vec<u16>,
}
