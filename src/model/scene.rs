//! What the host and a service's surroundings looked like when it was found down, before a restart destroys it. Values
//! only; text in it comes from outside: escape it for where it goes.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::verdict::millis;

/// See the module. What could not be found out is left out, and named in [`Scene::missed`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scene {
    /// When it was looked at.
    pub at: Timestamp,
    /// How long that took.
    #[serde(with = "millis")]
    pub took: Duration,
    /// When the service's last main process ended, where its manager tells.
    pub ended: Option<Timestamp>,
    /// The service's port.
    pub port: Option<u16>,
    /// Who listens on that port, and what else of the unit's listens.
    pub listeners: Vec<Listening>,
    /// The five processes with the most memory, the largest first.
    pub processes: Vec<Heavy>,
    /// The host's memory.
    pub memory: Option<Memory>,
    /// The unit's own limit of memory, in bytes (systemd's `MemoryMax`), when it has one.
    pub memory_limit: Option<u64>,
    /// The host's load averages of 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
    /// The host's processors.
    pub cpus: usize,
    /// What tasks waited for, in per cent of the time (Linux's PSI), where the kernel counts it.
    pub pressure: Vec<Pressure>,
    /// The file systems that the service uses, and the host's own; each once.
    pub file_systems: Vec<FileSystem>,
    /// What the kernel wrote about killing processes of this unit for want of memory, oldest first.
    pub kernel: Vec<String>,
    /// Its config files that were changed since it was last seen up, the last changed first.
    pub changed: Vec<Changed>,
    /// What it needs and what is down.
    pub needs_down: Vec<String>,
    /// What could not be found out, and why.
    pub missed: Vec<String>,
}

/// A listening socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listening {
    /// `127.0.0.1:8080`.
    pub address: String,
    /// What its process is called, where that may be known.
    pub name: Option<String>,
    /// Its process, where that may be known.
    pub pid: Option<u32>,
    /// Whom it runs as.
    pub user: Option<String>,
    /// The systemd unit it belongs to.
    pub unit: Option<String>,
    /// It is of the service's own unit.
    pub own: bool,
}

/// A process with much memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heavy {
    /// Its id.
    pub pid: u32,
    /// What it is called.
    pub name: String,
    /// Whom it runs as.
    pub user: Option<String>,
    /// Bytes of memory that it has resident.
    pub memory: u64,
    /// The systemd unit it belongs to.
    pub unit: Option<String>,
}

/// Memory and swap, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What programs can still get without swapping.
    pub available: u64,
    /// All swap; 0 where there is none.
    pub swap_total: u64,
    /// Swap that is not in use.
    pub swap_free: u64,
}

/// One line of `/proc/pressure`: averages over 10, 60 and 300 seconds, in per cent of the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// `cpu`, `io` or `memory`.
    pub what: String,
    /// True when all tasks waited, false when some did.
    pub full: bool,
    /// The averages.
    pub averages: [f64; 3],
}

/// A file system that matters to the service, or to every one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystem {
    /// The first place on it that was asked about.
    pub place: PathBuf,
    /// The service itself has something there: its working directory, its state, a config file.
    pub used: bool,
    /// Bytes in all.
    pub total: u64,
    /// Bytes free for programs without privileges.
    pub free: u64,
    /// Inodes in all; 0 where there is no fixed number.
    pub inodes: u64,
    /// Inodes free.
    pub inodes_free: u64,
    /// Nothing can be written there.
    pub read_only: bool,
}

/// A config file that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Which.
    pub path: PathBuf,
    /// When, by its modification time.
    pub at: Timestamp,
}

impl Listening {
    /// `` `python3` (pid 4711, user www) ``.
    pub fn words(&self) -> String {
        let name =
            self.name.as_deref().map_or("another process".into(), |name| format!("`{name}`"));
        let pid = self.pid.map(|pid| format!("pid {pid}"));
        let user = self.user.as_ref().map(|user| format!("user {user}"));
        let about: Vec<String> = pid.into_iter().chain(user).collect();
        if about.is_empty() { name } else { format!("{name} ({})", about.join(", ")) }
    }
}

impl FileSystem {
    /// Why nothing can be written there, when nothing can.
    pub fn trouble(&self) -> Option<&'static str> {
        if self.read_only {
            Some("mounted read-only")
        } else if self.total > 0 && self.free == 0 {
            Some("full")
        } else if self.inodes > 0 && self.inodes_free == 0 {
            Some("out of inodes")
        } else {
            None
        }
    }
}
