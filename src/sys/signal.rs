//! Signals one process, and only that one: it is held by a pidfd before its start time is compared, so that its
//! number cannot have been given to another in between. Decides nothing about whom to signal.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::sys::process;
use crate::sys::why::why;

/// A process that is held.
#[derive(Debug)]
pub struct Held {
    pid: u32,
    fd: OwnedFd,
}

/// What it is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// `SIGTERM`: end in good order.
    Term,
    /// `SIGKILL`: no choice.
    Kill,
}

impl Held {
    /// Holds `pid` if it is still the process that started at `start` (see [`process::Process::start`]).
    /// None: that one has ended.
    pub fn open(pid: u32, start: u64) -> Result<Option<Self>, String> {
        let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return Err(format!("`{pid}` is no process id"));
        };
        let fd = match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(err) => return Err(format!("cannot hold pid {pid}: {}", why(&err.into()))),
        };
        let same = process::one(pid).is_some_and(|now| now.start == start && !now.zombie);
        Ok(same.then_some(Self { pid, fd }))
    }

    /// Signals it; one that has ended meanwhile is well.
    pub fn tell(&self, what: Tell) -> Result<(), String> {
        let signal = match what {
            Tell::Term => Signal::TERM,
            Tell::Kill => Signal::KILL,
        };
        match pidfd_send_signal(&self.fd, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(err) => Err(format!("cannot signal pid {}: {}", self.pid, why(&err.into()))),
        }
    }

    /// Whether it has ended, waiting for that at most `limit`. A zombie has ended.
    pub fn ended(&self, limit: Duration) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        let limit = Timespec::try_from(limit).ok();
        matches!(poll(&mut fds, limit.as_ref()), Ok(count) if count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::exec::{Command, Ended};

    /// Runs a script aside and hands its pid to `act` as soon as it is known.
    fn with_child(script: &str, act: impl FnOnce(u32)) -> Ended {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script =
            format!("{script} echo $$ > {0}.new; mv {0}.new {0}; exec sleep 20", file.display());
        let child = std::thread::spawn(move || {
            Command::new(["sh", "-c", &script], Duration::from_secs(10)).run().ended
        });
        let limit = crate::sys::clock::Deadline::after(Duration::from_secs(10));
        let pid = loop {
            if let Ok(text) = std::fs::read_to_string(&file) {
                break text.trim().parse().unwrap();
            }
            assert!(!limit.passed(), "the child never came up");
            std::thread::yield_now();
        };
        act(pid);
        child.join().unwrap()
    }

    #[test]
    fn the_very_process_is_ended() {
        let ended = with_child("", |pid| {
            let start = process::one(pid).unwrap().start;
            let held = Held::open(pid, start).unwrap().unwrap();
            assert!(!held.ended(Duration::ZERO));
            held.tell(Tell::Term).unwrap();
            assert!(held.ended(Duration::from_secs(5)));
            held.tell(Tell::Kill).unwrap();
        });
        assert_eq!(ended, Ended::Signaled(15));
    }

    #[test]
    fn one_that_ignores_term_goes_with_kill() {
        let ended = with_child("trap '' TERM;", |pid| {
            let start = process::one(pid).unwrap().start;
            let held = Held::open(pid, start).unwrap().unwrap();
            held.tell(Tell::Term).unwrap();
            assert!(!held.ended(Duration::from_millis(100)));
            held.tell(Tell::Kill).unwrap();
            assert!(held.ended(Duration::from_secs(5)));
        });
        assert_eq!(ended, Ended::Signaled(9));
    }

    #[test]
    fn the_same_number_with_another_start_is_another_process() {
        let me = process::one(std::process::id()).unwrap();
        assert!(Held::open(me.pid, me.start).unwrap().is_some());
        assert!(Held::open(me.pid, me.start + 1).unwrap().is_none());
        assert!(Held::open(u32::MAX, 1).is_err());
    }
}
