//! A job while it runs: moves its output, passes signals on, keeps its time limit, reaps it. One thread waits for
//! all of that at once; nothing in it waits for a reader of our output.

use std::io::{PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

use crate::sys::clock::Deadline;
use crate::sys::exec::Tail;
use crate::sys::job::held::Held;
use crate::sys::job::outlet::Outlet;
use crate::sys::job::signals::Signals;
use crate::sys::job::{Job, JobEnded};

/// After the job's own end its pipes may be held by a daemon that it left behind: waited for only this long.
const DRAIN: Duration = Duration::from_secs(1);
/// A killed job that cannot be reaped by then (uninterruptible sleep) is left to the kernel.
const REAP: Duration = Duration::from_secs(1);
/// The longest wait in one go. The end of the job wakes us; this is for a wake-up that got lost.
const TICK: Duration = Duration::from_secs(1);

/// A job that was started.
pub(super) struct Running {
    child: Child,
    pid: Pid,
    terminal: bool,
    streams: Vec<Stream>,
    tail: Tail,
    wrote: u64,
    /// None when the output goes on as it comes.
    held: Option<Held>,
    signals: Signals,
    timed_out: bool,
}

impl Running {
    /// Starts it, its output on the way to `out` and `err`. When that fails: whether there is such a program, and why.
    pub(super) fn start(
        job: &Job,
        out: BorrowedFd<'_>,
        err: BorrowedFd<'_>,
        terminal: bool,
    ) -> Result<Self, (bool, String)> {
        let (program, args) =
            job.argv.split_first().ok_or((false, "no command was named".to_owned()))?;
        let ours = |err: std::io::Error| (true, format!("no means to run it: {err}"));
        let signals = Signals::listen().map_err(ours)?;
        let (out_reader, out_writer) = std::io::pipe().map_err(ours)?;
        let mut streams = vec![Stream::new(out_reader, out, &signals).map_err(ours)?];
        let err_writer = if same_file(out, err) {
            out_writer.try_clone().map_err(ours)?
        } else {
            let (reader, writer) = std::io::pipe().map_err(ours)?;
            streams.push(Stream::new(reader, err, &signals).map_err(ours)?);
            writer
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "the other door: this child may outlast any deadline"
        )]
        let mut command = std::process::Command::new(program);
        command.args(args).stdin(Stdio::inherit()).stdout(out_writer).stderr(err_writer);
        if !terminal {
            command.process_group(0);
        }
        let child = command.spawn().map_err(|err| {
            let shown = program.to_string_lossy();
            let missing = err.kind() == std::io::ErrorKind::NotFound;
            // A script whose interpreter is missing is there, and cannot be executed.
            if missing && !(shown.contains('/') && Path::new(program).exists()) {
                (false, format!("`{shown}` not found"))
            } else {
                (true, format!("`{shown}`: {err}"))
            }
        })?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or((true, "it has no process id".to_owned()))?;
        let tail = Tail::new(job.keep);
        let held = job.hold.then(Held::default);
        Ok(Self { child, pid, terminal, streams, tail, wrote: 0, held, signals, timed_out: false })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Passes on output and signals until the job has ended, and its output too or [`DRAIN`] has passed. Does not
    /// reap it: until then its process group cannot become somebody else's.
    pub(super) fn follow(&mut self, limit: Option<Deadline>, kill_after: Duration) {
        let mut buffer = vec![0; 64 * 1024];
        let (mut kill, mut killed, mut gone) = (None::<Deadline>, false, None::<Deadline>);
        loop {
            for signal in self.signals.arrived() {
                if gone.is_none() {
                    self.pass_on(signal);
                }
            }
            if gone.is_none() && self.has_ended() {
                // After the time limit the rest of the group has as long as the job itself would have had.
                gone = Some(kill.unwrap_or_else(|| Deadline::after(DRAIN)));
                self.signals.stand_down();
            }
            let open = self.streams.iter().any(|stream| stream.reader.is_some());
            if gone.is_some_and(|drain| !open || drain.passed()) {
                return;
            }
            match kill {
                None if gone.is_none() && limit.is_some_and(|limit| limit.passed()) => {
                    self.timed_out = true;
                    self.end_by(Signal::TERM);
                    kill = Some(Deadline::after(kill_after));
                }
                Some(due) if !killed && due.passed() => {
                    killed = true;
                    self.end_by(Signal::KILL);
                    kill = Some(Deadline::after(REAP));
                }
                Some(due) if killed && due.passed() => return,
                _ => {}
            }
            let next = if kill.is_none() { limit } else { kill };
            let wait = [gone, next].iter().flatten().map(Deadline::left).fold(TICK, Duration::min);
            self.turn(wait, gone.is_some(), &mut buffer);
        }
    }

    /// Waits for something to happen, and moves what output there is. A stream whose reader is slow is left
    /// alone until there is room, which slows the job down as that reader itself would; at the job's end all of it
    /// is taken, so that the tail is whole.
    fn turn(&mut self, wait: Duration, all: bool, buffer: &mut [u8]) {
        for stream in &mut self.streams {
            stream.outlet.advance();
        }
        let wanted = |stream: &Stream| stream.reader.is_some() && (all || !stream.outlet.is_full());
        let mut fds = vec![PollFd::from_borrowed_fd(self.signals.wake_fd(), PollFlags::IN)];
        let readers = self.streams.iter().filter(|stream| wanted(stream));
        let readers = readers.filter_map(|stream| stream.reader.as_ref());
        fds.extend(readers.map(|reader| PollFd::from_borrowed_fd(reader.as_fd(), PollFlags::IN)));
        let wait = Timespec::try_from(wait).ok();
        if poll(&mut fds, wait.as_ref()).is_err() {
            return;
        }
        let mut ready = fds.iter().skip(1).map(|fd| !fd.revents().is_empty()).collect::<Vec<_>>();
        let woken = !fds[0].revents().is_empty();
        drop(fds);
        if woken {
            self.signals.drain();
        }
        let streams = self.streams.iter_mut().enumerate();
        for (index, stream) in streams.filter(|(_, stream)| wanted(stream)) {
            if !ready.remove(0) {
                continue;
            }
            let Some(reader) = &mut stream.reader else { continue };
            match reader.read(buffer) {
                Ok(0) => stream.reader = None,
                Ok(count) => {
                    self.wrote += count as u64;
                    self.tail.push(&buffer[..count]);
                    match &mut self.held {
                        Some(held) => held.push(index, &buffer[..count]),
                        None => stream.outlet.pass(&buffer[..count]),
                    }
                }
                Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => stream.reader = None,
            }
        }
    }

    fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        // An error means that there is no such child any more.
        !matches!(waitid(WaitId::Pid(self.pid), look), Ok(None))
    }

    fn pass_on(&self, signal: Signal) {
        let ending = [Signal::TERM, Signal::INT, Signal::QUIT].contains(&signal);
        let from_terminal = [Signal::INT, Signal::QUIT].contains(&signal);
        if self.terminal && from_terminal {
            return;
        }
        if ending {
            self.end_by(signal);
        } else {
            let _ = kill_process(self.pid, signal);
        }
    }

    fn end_by(&self, signal: Signal) {
        // Gone already is as good as sent.
        let _ = if self.terminal {
            kill_process(self.pid, signal)
        } else {
            kill_process_group(self.pid, signal)
        };
    }

    /// Reaps it, and says how it ended.
    pub(super) fn end(&mut self) -> JobEnded {
        if self.timed_out {
            self.end_by(Signal::KILL);
            let _ = self.child.try_wait();
            return JobEnded::TimedOut;
        }
        match self.child.wait() {
            Ok(status) => status
                .code()
                .map_or_else(|| JobEnded::Signaled(status.signal().unwrap_or(0)), JobEnded::Exited),
            Err(_) => JobEnded::Exited(255),
        }
    }

    /// Hands on the output that was kept back; how many bytes of it are gone.
    pub(super) fn let_out(&mut self) -> u64 {
        let Some(mut held) = self.held.take() else { return 0 };
        for (index, piece) in held.take() {
            self.streams[index].outlet.pass(&piece);
        }
        held.left_out
    }

    /// The kept end of its output, how many bytes it wrote, and what our own output has yet to take.
    pub(super) fn output(mut self) -> (Vec<u8>, u64, Vec<Outlet>) {
        self.tail.cut();
        let outlets = self.streams.into_iter().map(|stream| stream.outlet).collect();
        (self.tail.bytes, self.wrote, outlets)
    }
}

/// One of the job's outputs on its way to ours.
struct Stream {
    /// None at its end.
    reader: Option<PipeReader>,
    outlet: Outlet,
}

impl Stream {
    fn new(reader: PipeReader, to: BorrowedFd<'_>, signals: &Signals) -> std::io::Result<Self> {
        let to: OwnedFd = to.try_clone_to_owned()?;
        Ok(Self { reader: Some(reader), outlet: Outlet::new(to, signals.waker()?) })
    }
}

/// Whether both lead to the same place.
fn same_file(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    match (rustix::fs::fstat(one), rustix::fs::fstat(other)) {
        (Ok(one), Ok(other)) => (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino),
        _ => false,
    }
}
