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
    /// launchd of macOS.
    Launchd,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
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
            Self::Launchd => "launchd",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Command => "command",
        }
    }

    /// What it calls what it runs.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Docker | Self::Podman => "container",
            Self::Launchd => "service",
            Self::Systemd | Self::SystemdUser | Self::Supervisord | Self::Command => "unit",
        }
    }

    /// A container engine.
    pub fn is_engine(self) -> bool {
        matches!(self, Self::Docker | Self::Podman)
    }
}

/// A unit of a manager, to be asked for or acted on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UnitName {
    /// Whom to ask.
    pub manager: ManagerKind,
    /// Its name there: `nginx.service`, supervisord's `web` or `group:web`, launchd's `system/com.example.web`, a
    /// container's name.
    pub unit: String,
}

/// Where a unit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitState {
    /// Runs: systemd `active (running)`, `reloading` and their like, supervisord `RUNNING`, a container that runs and is not unwell.
    Running,
    /// Ended as it should: a oneshot with `RemainAfterExit`, systemd `active (exited)`; a job of launchd's that runs
    /// at its times.
    Done,
    /// On its way up: `activating`, supervisord `STARTING`, a container whose check has not
    /// spoken yet. Never restarted.
    Starting,
    /// The manager itself is trying again: systemd `auto-restart`, supervisord `BACKOFF`, a container that
    /// is `restarting`. Not up.
    Retrying,
    /// On its way down: `deactivating`, `STOPPING`. Never restarted.
    Stopping,
    /// Not running and nobody says that it failed: stopped by somebody, never started, or ended with success.
    Stopped,
    /// Ended badly: systemd `failed`, supervisord `FATAL`, or `EXITED` unexpectedly. Of a container also: it runs, and
    /// its own check says `unhealthy`.
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
    /// Frozen by somebody, and to be let go on by hand: a paused container.
    Paused,
    /// Another manager runs it, whose unit this is: a restart behind its back would confuse the two.
    RunBy(String),
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
    /// Names this very run of it: systemd's `InvocationID`, a container's id and when it was started, else
    /// `pid:start time`. Another one after a restart proves a new instance.
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

impl UnitFacts {
    /// Nothing but where it stands is known of it.
    pub fn bare(manager: ManagerKind, unit: impl Into<String>, state: UnitState) -> Self {
        Self {
            manager,
            unit: unit.into(),
            state,
            words: String::new(),
            hands_off: None,
            main_pid: None,
            instance: None,
            result: None,
            exit: None,
            restarts: None,
            in_state_ms: None,
            start_limited: false,
        }
    }
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

/// `SIGKILL` for 9; only the numbers that are the same on every system, else empty.
pub fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => "",
    }
}
