//! What may start a program on a host at times: crontabs, timers, jobs of launchd; as they were read. Values only.

use std::time::Duration;

/// Whose crontab, and so which form its lines have (crontab(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// A file in `/etc/cron.d`: a user in each line, and rules for its name.
    Dropped,
    /// `/etc/crontab`: a user in each line.
    System,
    /// Of one user, whose name this is: no user in its lines.
    User(String),
}

/// A crontab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab {
    /// How it is called: its path, or `crontab of root`.
    pub name: String,
    /// See [`Whose`].
    pub whose: Whose,
    /// What is known of the file itself; none of what `crontab -l` printed.
    pub file: Option<TabFile>,
    /// What is in it, or why that could not be read.
    pub text: Result<String, String>,
}

/// What cron looks at before it reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TabFile {
    /// The owner's number.
    pub uid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// The cron daemon, by what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// `cron`: Debian's, with the rules of run-parts(8) for names in `/etc/cron.d`.
    Cron,
    /// `crond`: cronie's, dcron's or busybox's.
    Crond,
    /// None runs.
    Absent,
    /// Others' processes cannot be seen here.
    Hidden,
}

/// A timer of systemd with the service that it starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of systemd's own")]
pub struct Timer {
    /// `miraclemax-heal.timer`.
    pub name: String,
    /// It is of a user's own systemd.
    pub user_scope: bool,
    /// `ActiveState`.
    pub active: String,
    /// `UnitFileState`.
    pub file_state: String,
    /// `Result` of the timer.
    pub result: String,
    /// It makes up for what it missed while the host was off.
    pub persistent: bool,
    /// It knows when it fires next.
    pub has_next: bool,
    /// Its `OnCalendar=`, as systemd writes them.
    pub calendar: Vec<String>,
    /// Its `OnUnitActiveSec=` and `OnUnitInactiveSec=`.
    pub again: Vec<Duration>,
    /// The longest time between two firings, as far as that can be told.
    pub every: Option<Duration>,
    /// The service.
    pub service: String,
    /// Whether the service is there: `LoadState`.
    pub service_load: String,
    /// How its last run ended: `Result`.
    pub service_result: String,
    /// Whom it runs as; empty for the one whose systemd it is.
    pub user: String,
    /// Its command lines.
    pub commands: Vec<String>,
    /// Names of variables that it gets.
    pub variables: Vec<String>,
    /// It gets more of them from files.
    pub more_variables: bool,
}

impl Timer {
    /// Nobody turned it on.
    pub fn is_off(&self) -> bool {
        self.active == "inactive" && self.file_state == "disabled"
    }
}

/// A job of launchd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its property list.
    pub path: String,
    /// Its label.
    pub label: String,
    /// Its command line.
    pub command: String,
    /// `StartInterval`.
    pub every: Option<Duration>,
    /// Names of variables that it gets.
    pub variables: Vec<String>,
    /// It is for the whole host, and runs as root.
    pub system: bool,
    /// Why it does not fire; none when launchd has it.
    pub idle: Option<String>,
}
