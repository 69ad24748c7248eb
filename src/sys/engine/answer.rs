//! What engines answer, as far as it is used: `GET /containers/NAME/json`, which the commands' `inspect` prints too, and
//! `GET /containers/json`. Podman's is the same but for the places named here. Asks nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::model::text::one_line;

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

    /// What its own check says, if it has one.
    pub fn health(&self) -> Option<&Health> {
        self.state.health.as_ref().filter(|health| !matches!(health.status.as_str(), "" | "none"))
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
}

impl Health {
    /// The last run of the check.
    pub fn last(&self) -> Option<&Ran> {
        self.log.as_ref()?.last()
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
