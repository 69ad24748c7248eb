//! A host of its own for each test: a config, a state directory, fake programs that log their calls, and the built
//! binary run on it with cron's bare environment. Exit status, standard output and standard error are compared
//! together, and silence is what is expected unless something else is said. Never touches anything outside its
//! temporary directory.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::real;

/// No run may take longer, whatever it meets; far more than any of them needs on a busy machine.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// Policy keys for tests: one look, short proofs.
pub(crate) const FAST: &str = "name = \"Test\"\n[defaults]\ntries = 1\nverify_for = \"1s\"\nstable_for = \"1s\"\nboot_grace = \"0s\"\n";

/// A temporary directory that plays a host.
pub(crate) struct Host {
    dir: tempfile::TempDir,
    env: Vec<(OsString, OsString)>,
    drop_root: bool,
}

impl Host {
    /// An empty one: no config, no state.
    pub(crate) fn new() -> Self {
        // In /tmp and of fixed length, so that lines are wrapped in the same places everywhere.
        let dir = tempfile::Builder::new().prefix("mm").tempdir_in("/tmp").expect("/tmp is there");
        for name in ["bin", "home"] {
            fs::create_dir(dir.path().join(name)).expect("a new directory takes another");
        }
        let path = format!("{}/bin:/usr/bin:/bin", dir.path().display());
        let home = dir.path().join("home").into_os_string();
        let env = vec![
            ("PATH".into(), path.into()),
            ("HOME".into(), home),
            ("SHELL".into(), "/bin/sh".into()),
        ];
        Self { dir, env, drop_root: false }
    }

    /// One with this config; `$DIR` in it is the host's directory.
    pub(crate) fn with(config: &str) -> Self {
        let host = Self::new();
        host.config(config);
        host
    }

    /// Writes the config anew.
    pub(crate) fn config(&self, text: &str) -> &Self {
        self.write("config.toml", &self.fill(text))
    }

    /// `text` with the host's directory put in for `$DIR`.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("$DIR", &self.dir.path().display().to_string())
    }

    /// Runs of `env` get this, too.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.retain(|(key, _)| key != name);
        self.env.push((name.into(), value.into()));
        self
    }

    /// From now on the binary runs without root's rights, on a directory that is its own.
    /// False, and said so, where root cannot give its rights away.
    pub(crate) fn without_root(&mut self) -> bool {
        if !real::is_root() {
            return true;
        }
        if !real::or_skip(
            "`setpriv`, to run without root's rights",
            real::which("setpriv").is_some(),
        ) {
            return false;
        }
        self.drop_root = true;
        let mut chown = real::command("chown");
        chown.args(["-R", "65534:65534"]).arg(self.dir.path());
        real::run(chown, b"", BOUND).ok();
        true
    }

    /// A path in the host.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file in the host.
    pub(crate) fn write(&self, name: &str, text: &str) -> &Self {
        fs::write(self.path(name), text).unwrap_or_else(|err| panic!("cannot write {name}: {err}"));
        self
    }

    /// The text of a file in the host; empty when it is not there.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Removes a file in the host, which must be there.
    pub(crate) fn remove(&self, name: &str) -> &Self {
        fs::remove_file(self.path(name))
            .unwrap_or_else(|err| panic!("cannot remove {name}: {err}"));
        self
    }

    /// Puts a FIFO there; whoever opens it waits for ever.
    pub(crate) fn fifo(&self, name: &str) -> &Self {
        let mut mkfifo = real::command("mkfifo");
        mkfifo.arg(self.path(name));
        real::run(mkfifo, b"", BOUND).ok();
        self
    }

    /// A fake program, first in PATH: logs its call, then runs `body` as a shell script.
    pub(crate) fn fake(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path("bin").join(name);
        let log = self.path("calls");
        let script =
            format!("#!/bin/sh\necho \"{name} $*\" >> '{}'\n{}\n", log.display(), self.fill(body));
        // Renamed into place: a script still open for writing cannot be run (`Text file busy`).
        let beside = path.with_extension("new");
        fs::write(&beside, script).expect("bin/ can be written");
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o755)).expect("it is ours");
        fs::rename(&beside, &path).expect("bin/ can be written");
        path
    }

    /// The calls of all fake programs so far: `NAME ARGUMENTS`.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.read("calls").lines().map(str::to_owned).collect()
    }

    /// Every file below `name`, with its mtime and bytes: equal before and after means untouched.
    pub(crate) fn snapshot(&self, name: &str) -> Vec<(PathBuf, SystemTime, Vec<u8>)> {
        let mut found = Vec::new();
        let mut open = vec![self.path(name)];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
                let (path, about) = (entry.path(), entry.metadata().expect("it was just listed"));
                let bytes =
                    if about.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
                let inside = path.strip_prefix(self.dir.path()).expect("it is inside").to_owned();
                found.push((inside, about.modified().expect("Linux keeps mtimes"), bytes));
                if about.is_dir() {
                    open.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// The command line, ready to run on this host.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.command_as(&real::miraclemax(), args)
    }

    /// The same by another name of the binary.
    pub(crate) fn command_as(&self, program: &Path, args: &[&str]) -> Command {
        let mut all: Vec<OsString> =
            vec![program.into(), "--config".into(), self.path("config.toml").into()];
        all.extend(["--state-dir".into(), self.path("state").into()]);
        all.extend(args.iter().map(|arg| self.fill(arg).into()));
        self.bare(all)
    }

    /// The command line behind these words.
    pub(crate) fn traced(&self, mut words: Vec<OsString>, args: &[&str]) -> Command {
        let command = self.command(args);
        words.push(command.get_program().to_owned());
        words.extend(command.get_args().map(OsString::from));
        self.bare(words)
    }

    /// Exactly these words, in the host's environment.
    pub(crate) fn bare(&self, words: Vec<OsString>) -> Command {
        let mut words: Vec<OsString> = words;
        if self.drop_root {
            let drop = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
            words.splice(0..0, drop.map(OsString::from));
        }
        let mut command = real::command(words.remove(0));
        command.args(words).env_clear().envs(self.env.iter().map(|(k, v)| (k, v))).current_dir("/");
        command
    }

    /// Runs the binary with these arguments to its end.
    #[track_caller]
    #[must_use = "a run that nobody looks at proves nothing"]
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, "")
    }

    /// The same, with this on its standard input.
    #[track_caller]
    #[must_use = "a run that nobody looks at proves nothing"]
    pub(crate) fn run_with(&self, args: &[&str], stdin: &str) -> Ran {
        self.finish(self.command(args), &args.join(" "), stdin)
    }

    /// Runs a command line to its end.
    #[track_caller]
    #[must_use = "a run that nobody looks at proves nothing"]
    pub(crate) fn finish(&self, command: Command, shown: &str, stdin: &str) -> Ran {
        self.ran(shown, &real::run(command, stdin.as_bytes(), BOUND))
    }

    /// Runs the binary to its end; and its peak memory in KiB, as it was shortly before.
    #[track_caller]
    #[must_use = "a run that nobody looks at proves nothing"]
    pub(crate) fn run_watched(&self, args: &[&str]) -> (Ran, u64) {
        let mut peak = 0;
        let watch = |pid| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            peak = peak.max(kib.unwrap_or(0));
        };
        let output = real::run_watched(self.command(args), b"", BOUND, watch);
        assert!(peak > 0, "nothing was measured: `{}`", args.join(" "));
        (self.ran(&args.join(" "), &output), peak)
    }

    /// Whether a process runs that was started with this file of the host as one of its first words.
    pub(crate) fn runs(&self, name: &str) -> bool {
        let path = self.path(name).into_os_string().into_encoded_bytes();
        fs::read_dir("/proc").expect("Linux has it").flatten().any(|entry| {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            words.split(|byte| *byte == 0).take(2).any(|word| word == path)
        })
    }

    fn ran(&self, shown: &str, output: &real::Output) -> Ran {
        Ran {
            shown: shown.to_owned(),
            code: output.code(),
            stdout: self.plain(&output.stdout),
            stderr: self.plain(&output.stderr),
        }
    }

    /// A shell command line; `miraclemax` in it is the binary, on this host.
    #[track_caller]
    #[must_use = "a run that nobody looks at proves nothing"]
    pub(crate) fn shell(&self, line: &str) -> Ran {
        let binary = format!(
            "{} --config {} --state-dir {}",
            real::miraclemax().display(),
            self.path("config.toml").display(),
            self.path("state").display()
        );
        let line = self.fill(line).replace("miraclemax", &binary);
        self.finish(self.bare(vec!["sh".into(), "-c".into(), line.clone().into()]), &line, "")
    }

    /// Starts the binary and goes on.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let mut command = self.command(args);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Running(command.spawn().expect("the binary was built"))
    }

    /// What must differ from run to run, taken out: the directory and the host's name.
    fn plain(&self, text: &str) -> String {
        let text = text.replace(&self.dir.path().display().to_string(), "$DIR");
        match rustix::system::uname().nodename().to_str() {
            Ok(name) if !name.is_empty() => text
                .lines()
                .map(|line| match line.strip_prefix(name).filter(|rest| rest.starts_with(": ")) {
                    Some(rest) => format!("$HOST{rest}\n"),
                    None => format!("{line}\n"),
                })
                .collect::<String>()
                .strip_suffix(if text.ends_with('\n') { "" } else { "\n" })
                .unwrap_or_default()
                .to_owned(),
            _ => text,
        }
    }

    /// What is remembered.
    #[track_caller]
    pub(crate) fn state(&self) -> Value {
        serde_json::from_str(&self.read("state/state.json")).expect("there is a state")
    }

    /// What is remembered of one service.
    #[track_caller]
    pub(crate) fn service(&self, name: &str) -> Value {
        self.state()["services"][name].clone()
    }

    /// The state file's mtime.
    #[track_caller]
    pub(crate) fn mtime(&self) -> SystemTime {
        let about = fs::metadata(self.path("state/state.json")).expect("there is a state");
        about.modified().expect("Linux keeps mtimes")
    }

    /// Makes all that is remembered, and the state file, this much older: time passes without waiting for it.
    pub(crate) fn age(&self, by: Duration) -> &Self {
        let mtime = self.mtime();
        let mut state = self.state();
        older(&mut state, by);
        self.write("state/state.json", &state.to_string());
        self.touch("state/state.json", mtime - by)
    }

    /// Makes the holds this much older.
    pub(crate) fn age_holds(&self, by: Duration) -> &Self {
        for (path, _, bytes) in self.snapshot("state/holds") {
            let mut hold: Value = serde_json::from_slice(&bytes).expect("a hold is JSON");
            older(&mut hold, by);
            self.write(path.to_str().expect("a plain name"), &hold.to_string());
        }
        self
    }

    /// Sets a file's mtime.
    pub(crate) fn touch(&self, name: &str, mtime: SystemTime) -> &Self {
        let file = fs::File::open(self.path(name)).expect("it is there");
        file.set_modified(mtime).expect("it is ours");
        self
    }

    /// The events so far, each as its JSON.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.read("state/events.jsonl")
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }
}

/// How long the boot lasted in which what is older than this one was, in milliseconds.
const LONG_BOOT_MS: u64 = 1000 * 86_400_000;

/// Shifts every moment in a state into the past.
fn older(value: &mut Value, by: Duration) {
    match value {
        Value::Object(map) => {
            if map.contains_key("since_boot_ms") {
                let ms = map["since_boot_ms"].as_u64().expect("milliseconds");
                let by = u64::try_from(by.as_millis()).expect("a short time");
                if let Some(ms) = ms.checked_sub(by) {
                    map["since_boot_ms"] = ms.into();
                } else {
                    // Before this boot: then it was another one, a long one, and the wall clock tells.
                    map["boot"] = "another-boot".into();
                    map["since_boot_ms"] = (ms + LONG_BOOT_MS - by).into();
                }
            }
            for (key, value) in map.iter_mut() {
                match value {
                    Value::Number(ms) if key == "awake_ms" => {
                        let by = u64::try_from(by.as_millis()).expect("a short time");
                        *value = ms.as_u64().unwrap_or_default().saturating_sub(by).into();
                    }
                    Value::String(text) if key == "wall" => {
                        let wall: Timestamp = text.parse().expect("a time");
                        let by = SignedDuration::try_from(by).expect("a short time");
                        *value = wall.checked_sub(by).expect("a sane clock").to_string().into();
                    }
                    // A host that is up for less than a test's hours was not restarted for it.
                    Value::Object(cycle) if key == "cycle" => {
                        let boot = cycle["finished"]["boot"].clone();
                        older(value, by);
                        value["finished"]["boot"] = boot;
                    }
                    other => older(other, by),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| older(item, by)),
        _ => {}
    }
}

/// A run that goes on; killed with its group when dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// `kill -9` of the binary alone, not of what it started.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it is our child");
        self.0.wait().expect("it is our child");
    }

    /// Its exit status, once it has ended by itself.
    #[track_caller]
    pub(crate) fn code(mut self) -> Option<i32> {
        real::wait_until("the run ended", BOUND, || self.0.try_wait().expect("it is our child"))
            .code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    shown: String,
    /// A signal counts as 128 + its number.
    pub(crate) code: i32,
    /// With `$DIR` for the host's directory.
    pub(crate) stdout: String,
    /// Likewise.
    pub(crate) stderr: String,
}

impl Ran {
    /// Ended with 0 and said nothing.
    #[track_caller]
    pub(crate) fn silent(self) {
        self.is(0, "", "");
    }

    /// All three are as expected. In the expected texts `[T]` stands for a duration, `[N]` for digits, `[TIME]` for
    /// a time, `[..]` for anything within the line; `[...]` alone on the last line for whatever follows.
    #[track_caller]
    pub(crate) fn is(self, code: i32, stdout: &str, stderr: &str) {
        let fits =
            self.code == code && matches(stdout, &self.stdout) && matches(stderr, &self.stderr);
        if !fits {
            let mut said = String::new();
            diff(&mut said, "exit status", &format!("{code}\n"), &format!("{}\n", self.code));
            diff(&mut said, "stdout", stdout, &self.stdout);
            diff(&mut said, "stderr", stderr, &self.stderr);
            panic!("`miraclemax {}` did not end as expected\n{said}", self.shown);
        }
    }

    /// The exit status is this; the rest is the caller's to look at.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "`miraclemax {}`: exit status\nstdout:\n{}\nstderr:\n{}",
            self.shown, self.stdout, self.stderr
        );
        self
    }

    /// Standard output, which must be JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|err| panic!("`miraclemax {}`: {err}\n{}", self.shown, self.stdout))
    }
}

fn diff(out: &mut String, what: &str, want: &str, got: &str) {
    let (want_lines, got_lines): (Vec<_>, Vec<_>) = (want.lines().collect(), got.lines().collect());
    let _ = writeln!(out, "--- {what}");
    for index in 0..want_lines.len().max(got_lines.len()) {
        match (want_lines.get(index), got_lines.get(index)) {
            (Some(want), Some(got)) if line_matches(want, got) => writeln!(out, "  {got}"),
            (want, got) => {
                for (sign, line) in [("-", want), ("+", got)] {
                    if let Some(line) = line {
                        let _ = writeln!(out, "{sign} {line}");
                    }
                }
                Ok(())
            }
        }
        .expect("a string takes everything");
    }
}

fn matches(want: &str, got: &str) -> bool {
    if let Some(head) = want.strip_suffix("[...]\n") {
        let count = head.lines().count();
        let first: String = got.lines().take(count).map(|line| format!("{line}\n")).collect();
        return got.lines().count() > count && matches(head, &first);
    }
    want.ends_with('\n') == got.ends_with('\n')
        && want.lines().count() == got.lines().count()
        && want.lines().zip(got.lines()).all(|(want, got)| line_matches(want, got))
}

fn line_matches(want: &str, got: &str) -> bool {
    let tokens = [
        ("[T]", r"<?\d+(?:\.\d+)?(?:ms|s|m|h|d)(?: \d+(?:s|m|h))?"),
        ("[N]", r"\d+"),
        ("[TIME]", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"),
        ("[..]", r".*"),
    ];
    let mut pattern = String::from("^");
    let mut rest = want;
    'outer: while !rest.is_empty() {
        for (token, regex) in tokens {
            if let Some(after) = rest.strip_prefix(token) {
                pattern.push_str(regex);
                rest = after;
                continue 'outer;
            }
        }
        let c = rest.chars().next().expect("it is not empty");
        pattern.push_str(&regex_lite::escape(c.encode_utf8(&mut [0; 4])));
        rest = &rest[c.len_utf8()..];
    }
    pattern.push('$');
    regex_lite::Regex::new(&pattern).expect("everything else is escaped").is_match(got)
}

/// A server on 127.0.0.1 that answers every connection with these bytes, until it is dropped.
pub(crate) struct Answers {
    port: u16,
}

impl Answers {
    /// Starts one.
    pub(crate) fn with(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).expect("the loopback interface has free ports");
        let port = listener.local_addr().expect("a listener has an address").port();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                // One read holds the whole of a small request; a bare connect sends nothing.
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(&bytes);
            }
        });
        Self { port }
    }

    /// An HTTP server with this head and body.
    pub(crate) fn http(status: &str, headers: &str, body: &str) -> Self {
        Self::with(format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ))
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port it listens on.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "file times are set and judged by it")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// This long before now.
pub(crate) fn ago(by: Duration) -> SystemTime {
    now() - by
}

/// A moment as an HTTP header writes it.
pub(crate) fn http_date(at: SystemTime) -> String {
    let secs = at.duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let at = Timestamp::from_second(i64::try_from(secs).expect("a sane clock")).expect("likewise");
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[test]
fn expected_texts_match_what_they_say_and_nothing_else() {
    for (want, got, yes) in [
        ("up for [T]\n", "up for 1.5s\n", true),
        ("up for [T]\n", "up for 1m 5s\n", true),
        ("up for [T]\n", "up for long\n", false),
        ("pid [N]\n", "pid 17\n", true),
        ("pid [N]\n", "pid 17", false),
        ("a\nb\n", "a\n", false),
        ("a\n", "a\nb\n", false),
        ("a\n[...]\n", "a\nb\nc\n", true),
        ("a\n[...]\n", "a\n", false),
        ("a.c\n", "abc\n", false),
        ("", "", true),
        ("", "\n", false),
    ] {
        assert_eq!(matches(want, got), yes, "{want:?} {got:?}");
    }
}
