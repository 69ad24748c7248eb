//! What a service manager knows about a unit, in one vocabulary for all managers. Never acts on it.

use serde::{Deserialize, Serialize};

/// Who runs a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ManagerKind {
    /// The system's systemd.
    Systemd,
    /// The user's own systemd (`systemctl --user`).
    #[serde(rename = "systemd-user")]
    SystemdUser,
    /// supervisord.
    Supervisord,
    /// Plain start, stop and restart commands from the config.
    Command,
}

impl ManagerKind {
    /// The name as it is written in state and output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::SystemdUser => "systemd-user",
            Self::Supervisord => "supervisord",
            Self::Command => "command",
        }
    }
}

/// A unit of a manager, to be asked for or acted on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnitName {
    /// Whom to ask.
    pub manager: ManagerKind,
    /// Its name there: `nginx.service`, supervisord's `web` or `group:web`.
    pub unit: String,
}

/// Where a unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitState {
    /// Runs: systemd `active (running)` and its like, supervisord `RUNNING`.
    Running,
    /// Ended as it should: a oneshot with `RemainAfterExit`, systemd `active (exited)`.
    Done,
    /// On its way up: `activating`, `reloading`, supervisord `STARTING`. Never restarted.
    Starting,
    /// The manager itself is trying again: systemd `auto-restart`, supervisord `BACKOFF`. Not up.
    Retrying,
    /// On its way down: `deactivating`, `STOPPING`. Never restarted.
    Stopping,
    /// Not running and nobody says that it failed: stopped by somebody, never started, or ended with success.
    Stopped,
    /// Ended badly: systemd `failed`, supervisord `FATAL`, or `EXITED` unexpectedly.
    Failed,
}

/// How the main process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exit {
    /// With this exit status.
    Code(i32),
    /// By this signal number.
    Signal(i32),
}

/// Why a unit must be left alone whatever its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "because", content = "detail", rename_all = "kebab-case")]
pub enum HandsOff {
    /// Masked by the administrator.
    Masked,
    /// Disabled by the administrator: not wanted to run.
    Disabled,
    /// The manager does not know it, or cannot load it; the manager's words.
    NotFound(String),
    /// A start or stop job is queued for it already.
    JobQueued,
}

/// What a manager said about one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFacts {
    /// Who said it.
    pub manager: ManagerKind,
    /// The unit's name there: `nginx.service`, supervisord's `group:name`.
    pub unit: String,
    /// Where it stands.
    pub state: UnitState,
    /// The manager's own words: `failed (Result: signal)`, `FATAL Exited too quickly`. One line.
    pub words: String,
    /// Set when it must not be started or restarted.
    pub hands_off: Option<HandsOff>,
    /// Main process, when it has one.
    pub main_pid: Option<u32>,
    /// Names this very run of it: systemd's `InvocationID`, else `pid:start time`. Another one after a
    /// restart proves a new instance.
    pub instance: Option<String>,
    /// systemd's `Result` when it is not `success`: `exit-code`, `signal`, `start-limit-hit`, `oom-kill` …
    pub result: Option<String>,
    /// How the last main process ended, when it has.
    pub exit: Option<Exit>,
    /// Automatic restarts counted by the manager.
    pub restarts: Option<u32>,
    /// How long it has been in this state, in milliseconds, when the manager tells.
    pub in_state_ms: Option<u64>,
    /// The manager refuses further starts until the failure is reset (systemd `start-limit-hit`).
    pub start_limited: bool,
}

/// What could be found out about a service's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The manager told.
    Facts(UnitFacts),
    /// No manager on this host knows it; the names that were tried.
    Nowhere(String),
    /// The manager could not be asked, and why. Never a ground for healing.
    Unknown(String),
}
