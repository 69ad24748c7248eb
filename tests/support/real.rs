//! What every real counterpart needs: skipped by name or demanded, started so that it cannot outlive the test, waited
//! for without sleeping blindly. It never pretends that something absent was there.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs, io};

/// The one place in these modules that names programs of the host.
#[expect(
    clippy::disallowed_methods,
    reason = "the counterparts are started by the tests themselves, not by the product under test"
)]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// Whether `what` is here. When it is not: says so on stderr, past the test harness's capture, and answers false;
/// under `MIRACLEMAX_TEST_REAL=1` a missing counterpart is a failure instead.
pub(crate) fn or_skip(what: &str, present: bool) -> bool {
    if !present {
        assert!(
            env::var_os("MIRACLEMAX_TEST_REAL").is_none_or(|value| value != "1"),
            "MIRACLEMAX_TEST_REAL=1, but {what} is not here; `tests/run` brings it"
        );
        // `eprintln!` would be captured, and a skipped test would look like a passed one.
        let _ = writeln!(io::stderr(), "skipped: {what}");
    }
    present
}

/// The program under test: what `tests/run` built for release, else what cargo built for this test.
pub(crate) fn miraclemax() -> PathBuf {
    env::var_os("MIRACLEMAX_TEST_BIN")
        .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_miraclemax")), PathBuf::from)
}

/// The Python that has what `tests/real/requirements.txt` lists, if `tests/run` made one.
pub(crate) fn python() -> Option<PathBuf> {
    env::var_os("MIRACLEMAX_TEST_PYTHON").map(PathBuf::from).filter(|path| path.is_file())
}

/// Where in PATH a program is.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Whether these tests run as root.
pub(crate) fn is_root() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|text| {
        text.lines()
            .filter_map(|line| line.strip_prefix("Uid:"))
            .any(|ids| ids.split_whitespace().nth(1) == Some("0"))
    })
}

/// What a test has seen, for whoever reads its output: shown when it fails, or with `--nocapture`.
#[expect(clippy::print_stdout, reason = "the harness captures what is printed, and nothing else")]
pub(crate) fn saw(what: &str, text: impl std::fmt::Display) {
    println!("---- {what}\n{text}");
}

/// A text in one line: where it was wrapped says nothing.
pub(crate) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A TCP port on 127.0.0.1 that nobody listened on a moment ago: nothing answers there until a test makes it so.
pub(crate) fn free_port() -> u16 {
    let [port] = free_ports();
    port
}

/// The same, all of them different.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| {
        std::net::TcpListener::bind(("127.0.0.1", 0))
            .expect("the loopback interface has free ports")
    });
    held.map(|socket| socket.local_addr().expect("it is bound").port())
}

/// Asks `look` again and again until it answers, and panics with `what` once `deadline` has passed.
pub(crate) fn wait_until<T>(what: &str, deadline: Duration, look: impl FnMut() -> Option<T>) -> T {
    try_until(deadline, look).unwrap_or_else(|| panic!("waited {deadline:?} in vain until {what}"))
}

/// The same, for those who have more to say than "in vain".
pub(crate) fn try_until<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    let mut pause = Duration::from_millis(5);
    loop {
        // Looked at once more after the end, so that a slow look does not count against what it finds.
        let last = Instant::now() >= end;
        if let Some(found) = look() {
            return Some(found);
        }
        if last {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// What a finished command left.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// As the system reports it; [`Output::code`] is what tests mostly want.
    pub(crate) status: ExitStatus,
    /// Decoded, with anything that is not UTF-8 replaced.
    pub(crate) stdout: String,
    /// Decoded likewise.
    pub(crate) stderr: String,
}

impl Output {
    /// The exit code; a signal counts as 128 + its number, as in a shell.
    pub(crate) fn code(&self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// Itself, or a panic with everything the command said.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(
            self.status.success(),
            "ended with {}\nstdout:\n{}\nstderr:\n{}",
            self.code(),
            self.stdout,
            self.stderr
        );
        self
    }
}

/// The wall clock, in which counterparts say what they did when.
#[expect(clippy::disallowed_methods, reason = "a test has no clock of its own to take it from")]
pub(crate) fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Runs a command to its end, or kills its whole process group at the deadline and panics.
///
/// Output goes through files: something left running in the background may keep a pipe open for ever, not a file.
#[track_caller]
pub(crate) fn run(command: Command, stdin: &[u8], deadline: Duration) -> Output {
    run_watched(command, stdin, deadline, |_| ())
}

/// The same; `watch` is given its pid again and again while it runs.
#[track_caller]
pub(crate) fn run_watched(
    mut command: Command,
    stdin: &[u8],
    deadline: Duration,
    mut watch: impl FnMut(u32),
) -> Output {
    let file = || tempfile::tempfile().expect("a temporary file can be made");
    let (mut input, mut out, mut err) = (file(), file(), file());
    input.write_all(stdin).and_then(|()| input.rewind()).expect("a temporary file can be written");
    let same = |file: &fs::File| Stdio::from(file.try_clone().expect("a file can be opened twice"));
    command.stdin(same(&input)).stdout(same(&out)).stderr(same(&err)).process_group(0);
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let ended = try_until(deadline, || {
        watch(child.id());
        child.try_wait().expect("a child can be waited for")
    });
    if ended.is_none() {
        signal("KILL", &format!("-{}", child.id()));
        let _ = child.wait();
    }
    let text = |file: &mut fs::File| {
        let mut bytes = Vec::new();
        file.rewind()
            .and_then(|()| file.read_to_end(&mut bytes))
            .expect("a temporary file can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (stdout, stderr) = (text(&mut out), text(&mut err));
    let Some(status) = ended else {
        panic!("{command:?} did not end in {deadline:?}\nstdout:\n{stdout}\nstderr:\n{stderr}");
    };
    Output { status, stdout, stderr }
}

/// Sends a signal by name to a pid, or to a group written as `-PGID`.
fn signal(name: &str, target: &str) {
    let _ = command("kill")
        .args([&format!("-{name}"), "--", target])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// A counterpart that runs beside the test, and ends with it, however the test ends.
///
/// A small shell keeps it, in a session of its own, and reads from a pipe whose other end is here. When that end closes,
/// by `drop`, by a panic or because the test program was killed, the shell ends the counterpart and all its descendants.
pub(crate) struct Keeper {
    shell: Child,
    pid: u32,
    log: PathBuf,
}

impl Keeper {
    /// The usual way to ask: TERM, and KILL if it has not gone some seconds later.
    pub(crate) const TERM: &str =
        r#"kill -TERM "$child"; (sleep 8; kill -KILL "$child") & wait "$child""#;

    /// Starts `command` with its output in `log`. `stop` is shell text that ends `$child` and waits for it; whatever is
    /// left of the session after that is killed.
    pub(crate) fn spawn(command_line: &[&OsStr], log: &Path, stop: &str) -> Self {
        let script = format!(
            r#"
            log=$1; shift
            "$@" </dev/null >"$log" 2>&1 &
            child=$!
            echo "$child"
            exec >/dev/null 2>>"$log"
            cat
            {stop}
            pkill -KILL -s 0
            "#
        );
        let mut shell = command("setsid")
            .args(["sh", "-c", &script, "keeper"])
            .arg(log)
            .args(command_line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`setsid` of util-linux is on every Linux");
        let mut line = String::new();
        let answered =
            BufReader::new(shell.stdout.take().expect("stdout is piped")).read_line(&mut line);
        let pid = answered.ok().and_then(|_| line.trim().parse().ok());
        Self {
            shell,
            pid: pid.unwrap_or_else(|| {
                panic!("the shell that starts {command_line:?} did not name its child")
            }),
            log: log.to_owned(),
        }
    }

    /// The counterpart's own process id.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has ended by itself. A zombie has: it may stay for seconds until somebody reaps it.
    pub(crate) fn has_ended(&self) -> bool {
        is_gone(self.pid)
    }

    /// All that it printed.
    pub(crate) fn log(&self) -> String {
        fs::read(&self.log).map_or_else(
            |error| format!("cannot read its log: {error}"),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    /// Waits until `look` answers; panics with the counterpart's log when it ends first, or at the deadline.
    pub(crate) fn ready<T>(
        &self,
        what: &str,
        deadline: Duration,
        mut look: impl FnMut() -> Option<T>,
    ) -> T {
        let end = Instant::now() + deadline;
        let found = try_until(deadline, || {
            let found = look();
            (found.is_some() || self.has_ended()).then_some(found)
        });
        found.flatten().unwrap_or_else(|| {
            let why = if Instant::now() < end { "it ended first" } else { "time is up" };
            panic!("waited in vain until {what}: {why}; its log:\n{}", self.log())
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let gone = try_until(Duration::from_secs(20), || self.shell.try_wait().ok().flatten());
        if gone.is_none() {
            signal("KILL", &format!("-{}", self.shell.id()));
            let _ = self.shell.wait();
        }
    }
}

/// Whether a process has ended: gone, or a zombie that nobody has reaped yet.
pub(crate) fn is_gone(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    // The name in parentheses may itself contain parentheses and blanks.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}
