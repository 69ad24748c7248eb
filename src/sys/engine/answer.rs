//! What engines answer, as far as it is used: `GET /containers/NAME/json`, which the commands' `inspect` prints too, and
//! `GET /containers/json`. Podman's is the same but for the places named here. Asks nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::model::text::one_line;
use crate::model::unit::signal_name;

/// One container.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    /// 64 hexadecimal digits.
    pub id: String,
    /// With a `/` before it, but not where podman's command says it.
    name: String,
    /// How it is.
    pub state: State,
    /// How often the engine has restarted it by itself; counted anew when a person starts it.
    #[serde(default)]
    pub restart_count: u32,
    #[serde(default)]
    config: Settings,
    #[serde(default)]
    host_config: HostSettings,
    #[serde(default)]
    network_settings: Network,
}

/// How a container is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct State {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`; podman has more of them, such as
    /// `stopped`.
    pub status: String,
    /// Of its last end.
    #[serde(default)]
    pub exit_code: i32,
    /// Memory ran out, and the kernel killed it.
    #[serde(default, rename = "OOMKilled")]
    pub oom_killed: bool,
    /// Why it could not be started.
    #[serde(default)]
    pub error: String,
    /// RFC 3339; the year 1 when it never was.
    #[serde(default)]
    pub started_at: String,
    #[serde(default)]
    finished_at: String,
    /// Of its first process, in the host's numbers; 0 when none runs.
    #[serde(default)]
    pub pid: u32,
    // Podman before 4 calls it so; later ones leave the status of a container without a check empty.
    #[serde(default, alias = "Healthcheck")]
    health: Option<Health>,
}

/// What its own check says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Health {
    /// `starting`, `healthy`, `unhealthy`.
    pub status: String,
    /// How many checks in a row failed.
    #[serde(default)]
    pub failing_streak: u32,
    #[serde(default)]
    log: Option<Vec<Ran>>,
}

/// One run of the check.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ran {
    /// 0 is well.
    #[serde(default)]
    pub exit_code: i32,
    /// What it printed, both streams.
    #[serde(default)]
    pub output: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Settings {
    image: String,
    labels: Option<BTreeMap<String, String>>,
    healthcheck: Option<Check>,
    tty: bool,
    /// In seconds; negative is for ever.
    stop_timeout: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostSettings {
    restart_policy: RestartPolicy,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct RestartPolicy {
    name: String,
}

/// In nanoseconds; 0 is the engine's own default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Check {
    interval: u64,
    start_period: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Network {
    /// `80/tcp` to where it is published, or to nothing.
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Binding {
    host_ip: String,
    host_port: String,
}

/// A container in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// As it was named when the container was made.
    pub image: String,
    /// As [`State::status`].
    pub state: String,
    /// Only those that can be reached from the host.
    pub ports: Vec<Published>,
    /// All of them: those of the image, too.
    pub labels: BTreeMap<String, String>,
}

/// A port of the host that leads into a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Published {
    /// `0.0.0.0`, `::`, or one address; podman leaves it empty for all.
    pub ip: String,
    /// On the host.
    pub port: u16,
    /// In the container.
    pub inside: u16,
    /// `tcp`, `udp`, `sctp`.
    pub protocol: String,
}

/// A container in the answer to `GET /containers/json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Row {
    #[serde(default)]
    id: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    image: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    ports: Option<Vec<Mapping>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct Mapping {
    #[serde(default, rename = "IP")]
    ip: String,
    #[serde(rename = "PrivatePort")]
    inside: u16,
    #[serde(default, rename = "PublicPort")]
    port: u16,
    #[serde(default, rename = "Type")]
    protocol: String,
}

impl Container {
    /// Its name.
    pub fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    /// Whether `name` names it. Both engines take the beginning of an id for a name when there is no such name, and `db` is
    /// hexadecimal: at least 12 digits are an id.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name() == name || name.len() >= 12 && self.id.starts_with(name)
    }

    /// What its own check says, if it has one.
    pub fn health(&self) -> Option<&Health> {
        self.state.health.as_ref().filter(|health| !matches!(health.status.as_str(), "" | "none"))
    }

    /// What it is marked with under this name; the labels of its image count, too.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// When the engine restarts it by itself: `no` or nothing, `on-failure`, `unless-stopped`, `always`.
    pub fn restart_policy(&self) -> &str {
        &self.host_config.restart_policy.name
    }

    /// What it writes goes to a terminal: one stream, as it is.
    pub(super) fn has_terminal(&self) -> bool {
        self.config.tty
    }

    /// How many seconds it is given to stop before it is killed; 10 where it does not say. None: for ever.
    pub(super) fn stop_timeout(&self) -> Option<u64> {
        u64::try_from(self.config.stop_timeout.unwrap_or(10)).ok()
    }

    /// How long its check may take to come to its first word: the time that it was given to start, and the pause before a
    /// check, 30 seconds where nothing is said (docs.docker.com/reference/dockerfile, HEALTHCHECK).
    pub fn first_word(&self) -> Duration {
        let check = self.config.healthcheck.clone().unwrap_or_default();
        let pause = if check.interval == 0 { 30_000_000_000 } else { check.interval };
        Duration::from_nanos(check.start_period.saturating_add(pause))
    }
}

impl State {
    /// When it was last started.
    pub fn started(&self) -> Option<Timestamp> {
        self.started_at.parse().ok()
    }

    /// When it last ended.
    pub fn finished(&self) -> Option<Timestamp> {
        self.finished_at.parse().ok()
    }

    /// The name of the signal that its exit status stands for: engines tell a signal as shells do, 128 more than its
    /// number. Empty for every other exit status.
    pub fn signal(&self) -> &'static str {
        signal_name(self.exit_code.saturating_sub(128))
    }
}

impl Health {
    /// The last run of the check.
    pub fn last(&self) -> Option<&Ran> {
        self.log.as_ref()?.last()
    }

    /// How long it has been failing, and with what words: ` for 3 checks: no answer`.
    pub fn complaint(&self) -> String {
        let streak = match self.failing_streak {
            0 => String::new(),
            1 => " for 1 check".to_owned(),
            count => format!(" for {count} checks"),
        };
        let Some(last) = self.last() else { return streak };
        match last.output.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{streak}: {}", one_line(line.trim(), 200)),
            None => format!("{streak}: its check says nothing, exit status {}", last.exit_code),
        }
    }
}

impl From<Row> for Listed {
    fn from(row: Row) -> Self {
        // A link gives a container a second name, with the other's before it: `/other/name`.
        let own = row.names.iter().find(|name| !name.trim_start_matches('/').contains('/'));
        let mut ports: Vec<_> = row
            .ports
            .unwrap_or_default()
            .into_iter()
            .filter(|port| port.port != 0)
            .map(|port| Published {
                ip: port.ip,
                port: port.port,
                inside: port.inside,
                protocol: port.protocol,
            })
            .collect();
        ports.sort_unstable();
        Self {
            id: row.id,
            name: own.map(|name| name.trim_start_matches('/').to_owned()).unwrap_or_default(),
            image: row.image,
            state: row.state,
            ports,
            labels: row.labels.unwrap_or_default(),
        }
    }
}

impl From<Container> for Listed {
    fn from(container: Container) -> Self {
        let mut ports = Vec::new();
        for (inside, bindings) in container.network_settings.ports.clone().unwrap_or_default() {
            let (inside, protocol) = inside.split_once('/').unwrap_or((&inside, "tcp"));
            for binding in bindings.unwrap_or_default() {
                // Numbers that are none belong to no port that could be reached.
                if let (Ok(inside), Ok(port)) = (inside.parse(), binding.host_port.parse()) {
                    let protocol = protocol.to_owned();
                    ports.push(Published { ip: binding.host_ip, port, inside, protocol });
                }
            }
        }
        ports.sort_unstable();
        Self {
            name: container.name().to_owned(),
            id: container.id,
            image: container.config.image,
            state: container.state.status,
            ports,
            labels: container.config.labels.unwrap_or_default(),
        }
    }
}

/// What the engine complains about in the body of an error.
pub(super) fn refused(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refused {
        message: String,
    }
    serde_json::from_slice::<Refused>(body).ok().map(|refused| refused.message)
}

/// Whether an engine's complaint means that it has no container of this name. Names are looked up before ids, so that
/// several ids begin like it says that none is called so.
pub(super) fn is_missing(complaint: &str) -> bool {
    let complaint = complaint.to_lowercase();
    ["no such container", "no such object", "multiple ids found", "more than one result"]
        .iter()
        .any(|words| complaint.contains(words))
}

/// In words that follow the engine's name.
pub(super) fn not_understood(err: &serde_json::Error) -> String {
    format!("its answer is not understood: {}", one_line(&err.to_string(), 120))
}
