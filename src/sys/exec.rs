//! The only module that starts processes. Every one has a deadline, and its whole group is killed at it.
//! Never uses a shell, never passes standard input on from the caller.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::sys::clock::{Deadline, Stopwatch};

/// A daemon left behind may hold the pipe open, so after the child's own end output is waited for only this long.
const DRAIN: Duration = Duration::from_millis(100);
/// A killed child that cannot be reaped by then (uninterruptible sleep) is left to the kernel.
const REAP: Duration = Duration::from_millis(500);
/// How often the child is asked for while its pipes say nothing.
const TICK: Duration = Duration::from_millis(20);

/// A program to run, its bounds, and nothing of the caller's but the environment.
#[derive(Debug, Clone)]
pub struct Command {
    argv: Vec<String>,
    env: Vec<(String, String)>,
    stdin: Vec<u8>,
    limit: Duration,
    keep: usize,
}

/// How it ended. There is no success by default: each way is a word of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this exit status.
    Exited(i32),
    /// By a signal, not of ours.
    Signaled(i32),
    /// It was still running at the deadline; its group was killed.
    TimedOut,
    /// It could not be started, and why.
    NotStarted(String),
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Output {
    /// See [`Ended`].
    pub ended: Ended,
    /// Standard output, its last bytes if it was longer than kept.
    pub stdout: Vec<u8>,
    /// Standard error, its last bytes if it was longer than kept.
    pub stderr: Vec<u8>,
    /// How long it ran.
    pub took: Duration,
}

impl Output {
    /// Whether it ended by itself with status 0.
    pub fn ok(&self) -> bool {
        self.ended == Ended::Exited(0)
    }

    /// Standard output as text; bytes that are not UTF-8 become `�`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Why it did not go well, in words: the end, and the last line it complained with.
    pub fn reason(&self) -> String {
        let end = match &self.ended {
            Ended::Exited(code) => format!("exit status {code}"),
            Ended::Signaled(signal) => format!("killed by signal {signal}"),
            Ended::TimedOut => {
                format!("no answer within {}", crate::model::text::human_duration(self.took))
            }
            Ended::NotStarted(why) => format!("cannot be started: {why}"),
        };
        let said = String::from_utf8_lossy(&self.stderr);
        match said.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{end}: {}", crate::model::text::one_line(line.trim(), 200)),
            None => end,
        }
    }
}

impl Command {
    /// `argv[0]` is looked up in `PATH`; `limit` bounds the whole run.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>, limit: Duration) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        Self { argv, env: Vec::new(), stdin: Vec::new(), limit, keep: 64 * 1024 }
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// What it reads; nothing unless given.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// How many of the last bytes of each stream are kept; 64 KiB unless given.
    #[must_use]
    pub fn keep(mut self, bytes: usize) -> Self {
        self.keep = bytes;
        self
    }

    /// As a person would type it.
    pub fn shown(&self) -> String {
        shown(&self.argv)
    }

    /// Runs it to its end or its deadline, whichever is first.
    pub fn run(&self) -> Output {
        let mut stdout = Tail::new(self.keep);
        let output = self.run_into(&mut |chunk| {
            stdout.push(chunk);
            true
        });
        stdout.cut();
        Output { stdout: stdout.bytes, ..output }
    }

    /// Runs it like [`Self::run`], and hands its standard output on as it comes instead of keeping it. When `take`
    /// says false it has had enough: nothing more is handed on, and it ends as at its deadline.
    pub fn run_into(&self, take: &mut dyn FnMut(&[u8]) -> bool) -> Output {
        let watch = Stopwatch::start();
        let deadline = Deadline::after(self.limit);
        let failed = |why: String| Output {
            ended: Ended::NotStarted(why),
            stdout: vec![],
            stderr: vec![],
            took: watch.read(),
        };
        let Some((program, args)) = self.argv.split_first() else {
            return failed("no program was named".into());
        };
        #[expect(clippy::disallowed_methods, reason = "this is the door")]
        let mut command = std::process::Command::new(program);
        command.args(args).envs(self.env.iter().map(|(k, v)| (k, v))).process_group(0);
        command.stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
                return failed(format!("`{program}` not found"));
            }
            Err(err) => return failed(format!("`{program}`: {err}")),
        };
        if let Some(mut pipe) = child.stdin.take() {
            // In a thread: a child that does not read must not hold us; the thread ends with the pipe.
            let bytes = self.stdin.clone();
            std::thread::spawn(move || {
                let _ = std::io::Write::write_all(&mut pipe, &bytes);
            });
        }
        let mut stderr = Tail::new(self.keep);
        let ended = follow(&mut child, take, &mut stderr, deadline);
        Output { ended, stdout: Vec::new(), stderr: stderr.bytes, took: watch.read() }
    }
}

/// `argv` as a person would type it.
pub fn shown(argv: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty()
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c))
    };
    let words = argv.iter().map(|word| {
        if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Starts a program in a group of its own, with nothing of ours open, and leaves it to itself.
pub fn detach(argv: &[String]) -> anyhow::Result<u32> {
    let (program, args) = argv.split_first().context("no program was named")?;
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door; what is detached has no deadline of ours"
    )]
    let mut command = std::process::Command::new(program);
    command.args(args).process_group(0).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().with_context(|| format!("cannot start `{program}`"))?;
    Ok(child.id())
}

/// Waits until there is something to read or to accept; false when there was not within `limit`.
pub fn readable_within(fd: &impl AsFd, limit: Duration) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)];
    let limit = rustix::event::Timespec::try_from(limit).ok();
    matches!(poll(&mut fds, limit.as_ref()), Ok(count) if count > 0)
}

/// The last bytes of a stream.
pub(super) struct Tail {
    /// At most twice `keep` until [`Tail::cut`].
    pub(super) bytes: Vec<u8>,
    keep: usize,
}

impl Tail {
    pub(super) fn new(keep: usize) -> Self {
        Self { bytes: Vec::new(), keep }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend_from_slice(chunk);
        if self.bytes.len() > self.keep * 2 {
            self.cut();
        }
    }

    pub(super) fn cut(&mut self) {
        let surplus = self.bytes.len().saturating_sub(self.keep);
        self.bytes.drain(..surplus);
    }
}

fn follow(
    child: &mut Child,
    take: &mut dyn FnMut(&[u8]) -> bool,
    stderr: &mut Tail,
    deadline: Deadline,
) -> Ended {
    let mut enough = false;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let mut buffer = [0; 16 * 1024];
    let mut gone: Option<(Ended, Deadline)> = None;
    let mut idle = Duration::from_millis(1);
    loop {
        let limit = gone.as_ref().map_or(deadline, |(_, drain)| *drain);
        let open = out.is_some() || err.is_some();
        if gone.is_some() && (!open || limit.passed()) {
            break;
        }
        if gone.is_none() && (enough || limit.passed()) {
            gone = Some((kill(child), Deadline::after(DRAIN)));
            continue;
        }
        if open {
            let wait = limit.left().min(TICK);
            let quiet = !readable(out.as_ref(), err.as_ref(), wait);
            if !quiet {
                drain(&mut out, &mut buffer, &mut |chunk| enough = enough || !take(chunk));
                drain(&mut err, &mut buffer, &mut |chunk| stderr.push(chunk));
            }
            if !quiet && (out.is_some() || err.is_some()) {
                continue;
            }
        } else {
            std::thread::sleep(idle.min(limit.left()));
            idle = (idle * 2).min(TICK);
        }
        if gone.is_none()
            && let Ok(Some(status)) = child.try_wait()
        {
            let ended = status
                .code()
                .map_or_else(|| Ended::Signaled(status.signal().unwrap_or(0)), Ended::Exited);
            gone = Some((ended, Deadline::after(DRAIN)));
        }
    }
    stderr.cut();
    gone.map_or(Ended::TimedOut, |(ended, _)| ended)
}

fn readable(
    out: Option<&std::process::ChildStdout>,
    err: Option<&std::process::ChildStderr>,
    wait: Duration,
) -> bool {
    let mut fds = Vec::with_capacity(2);
    fds.extend(out.map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
    fds.extend(err.map(|pipe| PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)));
    let wait = rustix::event::Timespec::try_from(wait).ok();
    matches!(poll(&mut fds, wait.as_ref()), Ok(count) if count > 0)
}

/// Reads what is there, once; an ended stream becomes `None`.
fn drain<R: Read + AsFd>(pipe: &mut Option<R>, buffer: &mut [u8], take: &mut dyn FnMut(&[u8])) {
    let Some(reader) = pipe else { return };
    let mut fds = [PollFd::from_borrowed_fd(reader.as_fd(), PollFlags::IN)];
    let none = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    if !matches!(poll(&mut fds, Some(&none)), Ok(count) if count > 0) {
        return;
    }
    match reader.read(buffer) {
        Ok(0) => *pipe = None,
        Ok(count) => take(&buffer[..count]),
        Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
        Err(_) => *pipe = None,
    }
}

/// Kills the whole group and reaps the child if the kernel lets us.
fn kill(child: &mut Child) -> Ended {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let reap = Deadline::after(REAP);
    while !reap.passed() {
        if !matches!(child.try_wait(), Ok(None)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ended::TimedOut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock;

    const LIMIT: Duration = Duration::from_secs(10);

    fn sh(script: &str, limit: Duration) -> Output {
        Command::new(["sh", "-c", script], limit).run()
    }

    #[test]
    fn each_end_has_its_own_word() {
        assert_eq!(sh("exit 3", LIMIT).ended, Ended::Exited(3));
        assert_eq!(sh("kill -9 $$", LIMIT).ended, Ended::Signaled(9));
        let missing = Command::new(["/no/such/program"], LIMIT).run();
        assert!(matches!(missing.ended, Ended::NotStarted(_)), "{missing:?}");
        assert_eq!(missing.reason(), "cannot be started: `/no/such/program` not found");
    }

    #[test]
    fn the_deadline_kills_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let pidfile = dir.path().join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", pidfile.display());
        let output = sh(&script, Duration::from_millis(300));
        assert_eq!(output.ended, Ended::TimedOut);
        assert!(output.took < Duration::from_secs(5), "{:?}", output.took);
        let pid = std::fs::read_to_string(pidfile).unwrap();
        // It was sent its signal; when the kernel gets round to it is another matter.
        let (stat, patience) = (format!("/proc/{}/stat", pid.trim()), Deadline::after(LIMIT));
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(!patience.passed(), "it still runs");
            clock::pause(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_daemon_that_keeps_the_pipe_open_does_not_hold_us() {
        let output = sh("sleep 5 & echo started", LIMIT);
        assert_eq!((output.ended.clone(), output.text().as_str()), (Ended::Exited(0), "started\n"));
        assert!(output.took < Duration::from_secs(3), "{:?}", output.took);
    }

    #[test]
    fn only_the_tail_of_endless_output_is_kept() {
        let output =
            Command::new(["sh", "-c", "yes x | head -c 3000000; echo end"], LIMIT).keep(100).run();
        assert!(
            output.stdout.len() <= 100 && output.text().ends_with("end\n"),
            "{}",
            output.stdout.len()
        );
    }

    #[test]
    fn who_takes_the_output_as_it_comes_can_have_enough() {
        let mut got = 0;
        let endless = Command::new(["yes"], LIMIT).run_into(&mut |chunk| {
            got += chunk.len();
            got < 100_000
        });
        assert_eq!(endless.ended, Ended::TimedOut);
        assert!(endless.took < Duration::from_secs(5), "{:?}", endless.took);
        assert!((100_000..200_000).contains(&got), "{got}");
        let mut whole = Vec::new();
        let output = Command::new(["echo", "all of it"], LIMIT).run_into(&mut |chunk| {
            whole.extend_from_slice(chunk);
            true
        });
        assert_eq!((output.ended, whole.as_slice()), (Ended::Exited(0), b"all of it\n".as_slice()));
    }

    #[test]
    fn input_reaches_it_and_its_last_complaint_is_the_reason() {
        let output =
            Command::new(["sh", "-c", "cat; echo first >&2; echo second >&2; exit 4"], LIMIT)
                .stdin("hello")
                .run();
        assert_eq!(
            (output.text().as_str(), output.reason().as_str()),
            ("hello", "exit status 4: second")
        );
    }

    #[test]
    fn shown_can_be_pasted_into_a_shell() {
        let argv = ["a", "b c", "d'e", ""].map(String::from);
        assert_eq!(shown(&argv), r"a 'b c' 'd'\''e' ''");
    }
}
