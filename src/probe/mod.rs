//! What is. One file a kind: its settings, its look, its tests. Looking never changes anything: nothing here
//! can reach a manager's acts, the state or the config.

mod certificate;
mod clock;
mod command;
mod container;
mod content;
mod disk;
mod dns;
mod failed_units;
mod file;
mod http;
mod inodes;
mod limits;
mod load;
mod log;
mod memory;
mod plugin;
mod port;
mod process;
mod restarts;
mod room;
mod seen;
mod side_by_side;
mod stream;
mod swap;
mod talk;
mod tcp;
mod tls;
mod took;
mod unit;
mod unix;
mod workers;

use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::measure::Measure;
use crate::model::secret::{Secret, shown_of_option};
use crate::model::text::nearest;
use crate::model::trail::{Before, Trail};
use crate::model::unit::{ManagerKind, UnitName};
use crate::model::verdict::Verdict;
use crate::sys::clock::Deadline;

pub use clock::Clock;
pub use command::Command;
pub use container::Container;
pub use disk::Disk;
pub use dns::Dns;
pub use failed_units::FailedUnits;
pub use file::File;
pub use http::Http;
pub use inodes::Inodes;
pub use load::Load;
pub use log::Log;
pub use memory::Memory;
pub use plugin::Plugin;
pub use port::Port;
pub use process::Process;
pub use seen::Seen;
pub use side_by_side::{Aim, Ask, Bounds, Progress, look_all};
pub use swap::Swap;
pub use tcp::Tcp;
pub use tls::Tls;
pub use unit::Unit;
pub use unix::Unix;

/// One configured probe.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Its short form, secrets left out: how it is shown everywhere.
    pub text: String,
    /// What it looks at.
    pub kind: Kind,
    /// Bound on one look; the policy's when none.
    pub timeout: Option<Duration>,
    /// Looks in one run before one that is not up is believed, at least 1; the policy's when none.
    pub tries: Option<u32>,
    /// Pause between them; the policy's when none.
    pub gap: Option<Duration>,
}

/// What can be looked at.
#[derive(Debug, Clone)]
pub enum Kind {
    /// An HTTP or HTTPS URL answers as it should.
    Http(Http),
    /// A TCP server accepts connections.
    Tcp(Tcp),
    /// A server accepts connections at a unix socket.
    Unix(Unix),
    /// A TLS server has a certificate that is good, and for how long.
    Tls(Tls),
    /// A name resolves, and to what it should.
    Dns(Dns),
    /// Somebody on this host listens on a port, and who.
    Port(Port),
    /// A process runs.
    Process(Process),
    /// A unit of a service manager is active.
    Unit(Unit),
    /// A container runs, and its own check is content.
    Container(Container),
    /// Any command says that all is well.
    Command(Command),
    /// A monitoring plugin says how it is, and in numbers.
    Plugin(Plugin),
    /// A file is there, and as old and large as it should be.
    File(File),
    /// A log has no lines in it that tell of errors.
    Log(Log),
    /// A file system has space left.
    Disk(Disk),
    /// A file system has inodes left.
    Inodes(Inodes),
    /// The host has memory left.
    Memory(Memory),
    /// The host is not overloaded.
    Load(Load),
    /// The host has not swapped out too much.
    Swap(Swap),
    /// The host's clock is right.
    Clock(Clock),
    /// No unit of the host's systemd has failed.
    FailedUnits(FailedUnits),
}

impl Probe {
    /// The names that a probe's short form can begin with, before the `:`. `http` and `https` are not among
    /// them: there the whole URL is the short form.
    pub const KINDS: &[&str] = &[
        "tcp",
        "unix",
        "tls",
        "dns",
        "port",
        "process",
        "pidfile",
        "systemd",
        "systemd-user",
        "supervisord",
        "launchd",
        "docker",
        "podman",
        "container",
        "exec",
        "plugin",
        "file",
        "log",
        "disk",
        "inodes",
        "memory",
        "load",
        "swap",
        "clock",
        "failed-units",
    ];

    /// Reads the settings of a probe of this `kind` looking at `target` (`tcp`, `localhost:5432`; for `http` and
    /// `https` the target is the whole URL, or what follows the scheme's `:`). Mistakes go into the fields'
    /// problems.
    pub fn read(kind: &str, target: &str, mut fields: Fields<'_>) -> Option<Self> {
        let timeout = fields.duration("timeout");
        let tries = fields.whole("tries", 1..=100).and_then(|tries| u32::try_from(tries).ok());
        let gap = fields.duration_or_zero("gap");
        let options = match kind {
            "http" | "https" => fields.short(shown_of_option),
            _ => fields.short(|_, text| text.len()),
        };
        let unit = |manager, fields: &mut Fields<'_>| Unit::read(manager, target, fields);
        let read = match kind {
            "http" | "https" => Http::read(kind, target, &mut fields).map(Kind::Http),
            "tcp" => Tcp::read(target, &mut fields).map(Kind::Tcp),
            "unix" => Unix::read(target, &mut fields).map(Kind::Unix),
            "tls" => Tls::read(target, &mut fields).map(Kind::Tls),
            "dns" => Dns::read(target, &mut fields).map(Kind::Dns),
            "port" => Port::read(target, &mut fields).map(Kind::Port),
            "process" => Process::read(target, &mut fields).map(Kind::Process),
            "pidfile" => Process::read_pidfile(target, &mut fields).map(Kind::Process),
            "systemd" => unit(ManagerKind::Systemd, &mut fields).map(Kind::Unit),
            "systemd-user" => unit(ManagerKind::SystemdUser, &mut fields).map(Kind::Unit),
            "supervisord" => unit(ManagerKind::Supervisord, &mut fields).map(Kind::Unit),
            "launchd" => unit(ManagerKind::Launchd, &mut fields).map(Kind::Unit),
            "docker" => unit(ManagerKind::Docker, &mut fields).map(Kind::Unit),
            "podman" => unit(ManagerKind::Podman, &mut fields).map(Kind::Unit),
            "container" => Container::read(target, &mut fields).map(Kind::Container),
            "exec" => Command::read(target, &mut fields).map(Kind::Command),
            "plugin" => Plugin::read(target, &mut fields).map(Kind::Plugin),
            "file" => File::read(target, &mut fields).map(Kind::File),
            "log" => Log::read(target, &mut fields).map(Kind::Log),
            "disk" => Disk::read(target, &mut fields).map(Kind::Disk),
            "inodes" => Inodes::read(target, &mut fields).map(Kind::Inodes),
            "memory" => Memory::read(target, &mut fields).map(Kind::Memory),
            "load" => Load::read(target, &mut fields).map(Kind::Load),
            "swap" => Swap::read(target, &mut fields).map(Kind::Swap),
            "clock" => Clock::read(target, &mut fields).map(Kind::Clock),
            "failed-units" => FailedUnits::read(target, &mut fields).map(Kind::FailedUnits),
            _ => {
                unknown(kind, &mut fields);
                // Its keys cannot be judged, so they are not reported on top.
                return None;
            }
        };
        fields.finish();
        let kind_read = read?;
        let text = kind_read.text(kind, target, &options);
        Some(Self { text, kind: kind_read, timeout, tries, gap })
    }

    /// The probe that a service's `port = N` stands for.
    pub fn implied_port(port: u16) -> Self {
        Self::implied(format!("port:{port}"), Kind::Port(Port::of(port)))
    }

    /// The probe that a service's unit stands for.
    pub fn implied_unit(name: &UnitName) -> Self {
        let text = format!("{}:{}", name.manager.word(), name.unit);
        Self::implied(text, Kind::Unit(Unit::of(name.clone())))
    }

    fn implied(text: String, kind: Kind) -> Self {
        Self { text, kind, timeout: None, tries: None, gap: None }
    }

    /// The host that must be reached for it to be up, which may be this one; none for what never leaves it.
    pub fn host(&self) -> Option<String> {
        match &self.kind {
            Kind::Http(http) => http.host_name().map(ToOwned::to_owned),
            Kind::Tcp(tcp) => tcp.host().map(ToOwned::to_owned),
            Kind::Tls(tls) => Some(tls.host().to_owned()),
            Kind::Dns(dns) => dns.host().map(ToOwned::to_owned),
            _ => None,
        }
    }

    /// The TCP port that it looks at, on [`Self::host`] or, without one, on this host.
    pub fn port(&self) -> Option<u16> {
        match &self.kind {
            Kind::Http(http) => http.port(),
            Kind::Tcp(tcp) => tcp.port(),
            Kind::Tls(tls) => Some(tls.port()),
            Kind::Port(port) => Some(port.number()),
            _ => None,
        }
    }

    /// The unit whose facts it needs to find in [`Seen::units`]: all managers are asked beforehand, once.
    pub fn unit(&self) -> Option<&UnitName> {
        match &self.kind {
            Kind::Unit(unit) => Some(unit.name()),
            _ => None,
        }
    }
}

fn unknown(kind: &str, fields: &mut Fields<'_>) {
    let known = || ["http", "https"].into_iter().chain(Probe::KINDS.iter().copied());
    let hint = match nearest(kind, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", known().collect::<Vec<_>>().join(", ")),
    };
    fields.problem("kind", format!("there is no kind of probe `{kind}`"), Some(hint));
}

impl Kind {
    fn text(&self, kind: &str, target: &str, options: &str) -> String {
        let (target, sign) = match self {
            Self::Http(http) => (http.shown(), "#"),
            Self::Command(command) => return format!("{kind}:{}", command.shown()),
            Self::Plugin(plugin) => return format!("{kind}:{}", plugin.shown()),
            _ => (format!("{kind}:{}", crate::model::text::one_line(target, 200)), "?"),
        };
        if options.is_empty() { target } else { format!("{target}{sign}{options}") }
    }

    /// Whether its look can wait for something outside; those that cannot need no thread.
    fn waits(&self) -> bool {
        !matches!(self, Self::Unit(_) | Self::Memory(_) | Self::Load(_) | Self::Swap(_))
    }

    fn look(&self, at: &At<'_>) -> Answer {
        match self {
            Self::Http(http) => http.look(at),
            Self::Tcp(tcp) => tcp.look(at),
            Self::Unix(unix) => unix.look(at),
            Self::Tls(tls) => tls.look(at),
            Self::Dns(dns) => dns.look(at),
            Self::Port(port) => port.look(at),
            Self::Process(process) => process.look(at),
            Self::Unit(unit) => unit.look(at),
            Self::Container(container) => container.look(at),
            Self::Command(command) => command.look(at),
            Self::Plugin(plugin) => plugin.look(at),
            Self::File(file) => file.look(at),
            Self::Log(log) => log.look(at),
            Self::Disk(disk) => disk.look(at),
            Self::Inodes(inodes) => inodes.look(at),
            Self::Memory(memory) => memory.look(at),
            Self::Load(load) => load.look(at),
            Self::Swap(swap) => swap.look(at),
            Self::Clock(clock) => clock.look(at),
            Self::FailedUnits(units) => units.look(at),
        }
    }
}

/// The circumstances of one look.
struct At<'a> {
    /// Bound on it.
    limit: Duration,
    /// The run's own, for what must be ended by us.
    deadline: Deadline,
    /// How long a unit may be on its way up.
    start_grace: Duration,
    /// A second try in the same run: what was read for all must be read anew.
    again: bool,
    /// What this very probe left in the run before.
    before: &'a Before,
    /// What the look is for.
    aim: Aim,
    /// What all looks share.
    seen: &'a Seen,
}

/// What one look came to.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    verdict: Verdict,
    detail: String,
    warning: Option<String>,
    hint: Option<String>,
    measures: Vec<Measure>,
    /// For the next look; with none, what there was before stays.
    trail: Option<Trail>,
}

impl Answer {
    fn new(verdict: Verdict, detail: String) -> Self {
        Self { verdict, detail, warning: None, hint: None, measures: Vec::new(), trail: None }
    }

    fn up(detail: impl Into<String>) -> Self {
        Self::new(Verdict::Up, detail.into())
    }

    fn down(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Down(reason.into()), String::new())
    }

    fn unknown(reason: impl Into<String>) -> Self {
        Self::new(Verdict::Unknown(reason.into()), String::new())
    }

    fn saying(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Down for this reason, too.
    fn failing(mut self, reason: impl Into<String>) -> Self {
        self.verdict = match self.verdict {
            Verdict::Down(first) => Verdict::Down(format!("{first}; {}", reason.into())),
            Verdict::Up | Verdict::Unknown(_) => Verdict::Down(reason.into()),
        };
        self
    }

    /// Degraded for this reason, too, if it is up.
    fn warning(mut self, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        self.warning = Some(match self.warning {
            Some(first) => format!("{first}; {reason}"),
            None => reason,
        });
        self
    }

    /// With what a person can type; the first hint stays.
    fn hinting(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Without these, wherever they came back.
    fn scrubbed(mut self, secrets: &[Secret]) -> Self {
        let scrub = |text: String| secrets.iter().fold(text, |text, secret| secret.scrub(&text));
        self.verdict = match self.verdict {
            Verdict::Up => Verdict::Up,
            Verdict::Down(reason) => Verdict::Down(scrub(reason)),
            Verdict::Unknown(reason) => Verdict::Unknown(scrub(reason)),
        };
        self.warning = self.warning.map(scrub);
        self.detail = scrub(self.detail);
        self
    }

    fn measuring(mut self, measure: Measure) -> Self {
        self.measures.push(measure);
        self
    }

    /// Leaves `value` under `name` for the next look.
    fn leaving(mut self, name: &str, value: serde_json::Value) -> Self {
        self.trail.get_or_insert_default().insert(name.to_owned(), value);
        self
    }
}

#[cfg(test)]
mod tests;
