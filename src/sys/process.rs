//! The process table: the few facts by which a process is known, each read only when asked for. Never signals
//! one, and never reads a command line unless it must, because that can wait on a process that hangs.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
use other as system;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::time::{Now, lapse};
use crate::sys::clock::{self, Deadline};

/// Linux cuts a process's name to this many bytes.
pub const NAME_MAX: usize = 15;

/// A process, as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id; given to another process once this one has gone.
    pub pid: u32,
    /// Its parent's id.
    pub parent: u32,
    /// Its name; on Linux at most [`NAME_MAX`] bytes of it.
    pub name: String,
    /// When it started, in the system's own count. Only for comparing: the same pid with another start is
    /// another process.
    pub start: u64,
    /// It has ended and waits to be reaped: not alive.
    pub zombie: bool,
    /// A signal has stopped it (`kill -STOP`): alive, but it does nothing until it is continued.
    pub stopped: bool,
    /// It waits in the kernel, for a disk or a network file system, and no signal reaches it: as a rule for a moment.
    pub waiting: bool,
}

/// What a process has used and holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Processor time since it started, of all its threads; its children's is not counted.
    pub cpu: Duration,
    /// Bytes of memory that it has resident, shared ones included.
    pub memory: u64,
    /// Its threads; none where the system does not tell.
    pub threads: Option<u64>,
}

/// A container of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The program that knows it: `docker`, `podman`, `crictl`.
    pub engine: &'static str,
    /// The beginning of its id, as the engine shows and takes it.
    pub id: String,
}

impl Process {
    /// When it started by the wall clock, exact to about a second.
    pub fn started(&self, now: &Now) -> Timestamp {
        system::started(self.start, now)
    }

    /// How long it has been running, exact to about a second.
    pub fn age(&self) -> Duration {
        let now = clock::now();
        lapse(self.started(&now), now.wall)
    }
}

/// Every process that this user may see; see [`all_visible`].
pub fn all() -> Result<Vec<Process>, String> {
    system::all()
}

/// The process `pid`; none when there is none, or it may not be seen.
pub fn one(pid: u32) -> Option<Process> {
    system::one(pid)
}

/// False where the system hides other users' processes from this one (`hidepid`): then a process that is
/// not listed may exist all the same.
pub fn all_visible() -> bool {
    system::all_visible()
}

/// The program that `pid` runs; none for kernel threads and where this user has no right to know.
pub fn exe(pid: u32) -> Option<PathBuf> {
    system::exe(pid)
}

/// The effective user of `pid`.
pub fn uid(pid: u32) -> Option<u32> {
    system::uid(pid)
}

/// See [`Usage`]; none once it has gone.
pub fn usage(pid: u32) -> Option<Usage> {
    system::usage(pid)
}

/// How many files `pid` has open; none where this user has no right to know, and where the system does not tell.
pub fn open_files(pid: u32) -> Option<u64> {
    system::open_files(pid)
}

/// How many files `pid` may have open, by its soft limit; none when there is no limit, or it is not known.
pub fn most_files(pid: u32) -> Option<u64> {
    system::most_files(pid)
}

/// Those of `paths`, without links in them, that a process has open for writing, as far as this user may know and
/// can be told by the deadline. None where the system does not tell.
pub fn written(paths: &BTreeSet<PathBuf>, deadline: Deadline) -> BTreeSet<PathBuf> {
    system::written(paths, deadline)
}

/// The words it was started with. May wait for a process that hangs: only for a thread that can be left behind.
pub fn argv(pid: u32) -> Vec<String> {
    system::argv(pid)
}

/// The systemd unit whose cgroup `pid` is in: `nginx.service`. None elsewhere.
pub fn unit(pid: u32) -> Option<String> {
    system::unit(pid)
}

/// The id of the container whose cgroup `pid` is in, 64 hexadecimal digits. None elsewhere.
pub fn container(pid: u32) -> Option<String> {
    system::container(pid)
}

/// The container that `pid` runs in, by its cgroup. None for what runs on the host itself.
pub fn runs_in(pid: u32) -> Option<Container> {
    system::runs_in(pid)
}

/// A user's name from the host's own list; the number for users of a directory service, because asking
/// that could wait for the network.
pub fn user_name(uid: u32) -> String {
    system::user_name(uid).unwrap_or_else(|| uid.to_string())
}

/// `now` less `ago`.
fn before(now: &Now, ago: Duration) -> Timestamp {
    let ago = SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX);
    now.wall.checked_sub(ago).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_is_found_with_its_facts() {
        let me = std::process::id();
        let found = one(me).expect("this process");
        assert!(all().unwrap().contains(&found) && !found.zombie);
        assert!(found.parent > 0 && found.start > 0);
        assert_eq!(exe(me), std::env::current_exe().ok());
        assert_eq!(uid(me), Some(rustix::process::geteuid().as_raw()));
        assert!(argv(me)[0].contains("miraclemax"), "{:?}", argv(me));
        assert!(found.age() < Duration::from_secs(3600), "{:?}", found.age());
        let used = usage(me).expect("this process");
        assert!(used.memory > 0 && used.threads > Some(0) && open_files(me) > Some(0), "{used:?}");
        assert_eq!(user_name(0), "root");
        assert_eq!(one(u32::MAX), None);
    }

    #[test]
    fn a_zombie_is_known_as_one() {
        // The child ends when its parent has become a `sleep`, which does not reap.
        let script = "sleep 0.1 & exec sleep 5";
        let child = std::thread::spawn(move || {
            crate::sys::exec::Command::new(["sh", "-c", script], Duration::from_secs(2)).run()
        });
        let me = std::process::id();
        let limit = clock::Deadline::after(Duration::from_secs(2));
        let mut seen = false;
        while !seen && !limit.passed() {
            let table = all().unwrap();
            let mine = |pid: u32| table.iter().any(|p| p.pid == pid && p.parent == me);
            seen = table.iter().any(|p| p.zombie && mine(p.parent));
            std::thread::yield_now();
        }
        assert!(seen, "{:?}", child.join());
    }
}
