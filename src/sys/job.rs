//! Runs somebody's own command in our place: its input is ours, its output goes to ours unchanged and is also
//! kept, the signals that we get are passed on, and its end becomes ours. Never holds it up for a network, and is
//! held up neither by a reader that does not read nor by a daemon that it leaves behind.
//!
//! **Process group.** With a controlling terminal the job stays in our group: the terminal sends Ctrl-C to the whole
//! foreground group, so the job gets it once, by itself, and may read the terminal; INT and QUIT are then
//! not passed on (it would get them twice), and the time limit reaches the job's own process only (the group
//! is also that of whoever shares our pipeline), as with `timeout --foreground`. Without a terminal (cron,
//! timers, ssh) it gets a group of its own: what ends a job (TERM, INT, QUIT, the time limit) goes to the whole
//! group, as from a terminal; HUP, USR1 and USR2, which mean something only to who expects them, to the job alone.
//!
//! **Order.** Where our standard output and error are one and the same file (`2>&1`, cron, a journal, a terminal)
//! the job gets one pipe for both, so that the order is exact. Where they differ, it is that of arrival.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::model::text::human_duration;
use crate::sys::clock::{Deadline, Stopwatch};

mod held;
mod outlet;
mod running;
mod signals;

use outlet::Outlet;
use running::Running;

/// A command to run in our place.
#[derive(Debug, Clone)]
pub struct Job {
    /// The program, looked up in `PATH`, and its arguments. No shell looks at it.
    pub argv: Vec<OsString>,
    /// TERM when it has passed; no limit unless given.
    pub limit: Option<Duration>,
    /// Between that TERM and a KILL; 10 s unless given.
    pub kill_after: Duration,
    /// How many of the last bytes of its output are kept; 100 kB unless given.
    pub keep: usize,
    /// Keep its output back, and hand it on only if it does not end with 0: the last 4 MiB of it.
    pub hold: bool,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnded {
    /// By itself, with this exit status.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
    /// It was still running at its time limit, and was ended.
    TimedOut,
    /// It could not be started.
    NotStarted {
        /// False when there is no such program.
        found: bool,
        /// Why, in words.
        why: String,
    },
}

impl JobEnded {
    /// The exit status that a shell, or timeout(1), would give it: its own; 128 and the signal; 124 at the
    /// time limit; 127 not found; 126 found, but cannot be executed.
    pub fn exit_code(&self) -> u8 {
        let code = match self {
            Self::Exited(code) => *code,
            Self::Signaled(signal) => 128 + signal,
            Self::TimedOut => 124,
            Self::NotStarted { found: false, .. } => 127,
            Self::NotStarted { found: true, .. } => 126,
        };
        // An unknown end must not look like success.
        u8::try_from(code).unwrap_or(u8::MAX)
    }

    /// In words: `exit status 3`, `killed by signal 9 (SIGKILL)`, `ended at its time limit`.
    pub fn words(&self) -> String {
        match self {
            Self::Exited(code) => format!("exit status {code}"),
            Self::Signaled(signal) => match signal_hook::low_level::signal_name(*signal) {
                Some(name) => format!("killed by signal {signal} ({name})"),
                None => format!("killed by signal {signal}"),
            },
            Self::TimedOut => "ended at its time limit".into(),
            Self::NotStarted { why, .. } => format!("cannot be started: {why}"),
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub struct JobReport {
    /// See [`JobEnded`].
    pub ended: JobEnded,
    /// How long it ran.
    pub took: Duration,
    /// The last bytes of its output, both streams together.
    pub tail: Vec<u8>,
    /// How many bytes it wrote in all.
    pub wrote: u64,
    /// How many of the first of them were kept back and had no room.
    pub left_out: u64,
    outlets: Vec<Outlet>,
}

impl JobReport {
    /// The kept output as text; bytes that are not UTF-8 become `�`, a character cut at the start is left out.
    pub fn text(&self) -> String {
        let torn = self.tail.iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count();
        let from = if self.wrote > self.tail.len() as u64 { torn } else { 0 };
        String::from_utf8_lossy(&self.tail[from..]).into_owned()
    }

    /// One line for the end of a ping's text: `exit status 3 after 2m 5s`.
    pub fn words(&self) -> String {
        match self.ended {
            JobEnded::NotStarted { .. } => self.ended.words(),
            _ => format!("{} after {}", self.ended.words(), human_duration(self.took)),
        }
    }

    /// Waits until our own output has taken what the job wrote: as long as its reader takes, as the job would have.
    /// To be called last, after the ping (a pager may keep us here), but before anything of our own is printed.
    /// From the job's end on a signal ends us as if nothing had been installed.
    pub fn deliver(self) {
        for outlet in self.outlets {
            outlet.finish();
        }
    }

    fn not_started(found: bool, why: String) -> Self {
        let ended = JobEnded::NotStarted { found, why };
        let (tail, outlets) = (Vec::new(), Vec::new());
        Self { ended, took: Duration::ZERO, tail, wrote: 0, left_out: 0, outlets }
    }
}

impl Job {
    /// `argv` without a limit.
    pub fn new(argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        let kill_after = Duration::from_secs(10);
        Self { argv, limit: None, kill_after, keep: 100_000, hold: false }
    }

    /// Runs it to its end. `started` is called once it runs, with its pid, and must come back at once.
    pub fn run(&self, started: impl FnOnce(u32)) -> JobReport {
        let terminal = std::fs::File::open("/dev/tty").is_ok();
        self.run_onto(std::io::stdout().as_fd(), std::io::stderr().as_fd(), terminal, started)
    }

    /// Like [`Self::run`], with our output, our errors and whether there is a controlling terminal as arguments.
    fn run_onto(
        &self,
        out: BorrowedFd<'_>,
        err: BorrowedFd<'_>,
        terminal: bool,
        started: impl FnOnce(u32),
    ) -> JobReport {
        let watch = Stopwatch::start();
        let mut running = match Running::start(self, out, err, terminal) {
            Ok(running) => running,
            Err((found, why)) => return JobReport::not_started(found, why),
        };
        started(running.pid());
        running.follow(self.limit.map(Deadline::after), self.kill_after);
        let ended = running.end();
        let left_out = if ended.exit_code() == 0 { 0 } else { running.let_out() };
        let (tail, wrote, outlets) = running.output();
        JobReport { ended, took: watch.read(), tail, wrote, left_out, outlets }
    }
}

#[cfg(test)]
mod tests;
