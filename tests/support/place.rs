//! The program under test on this host, with a config and a state of its own. It never sees those of whoever runs the
//! tests.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::real::{self, Output};
use super::supervisor::{NOBODY, Who, as_user};

/// How long a run may take when nothing else is said.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home of its own, gone when this is dropped.
pub(crate) struct Place {
    who: Who,
    binary: PathBuf,
    folder: tempfile::TempDir,
}

/// A run that has ended.
pub(crate) struct Ran {
    /// What it left.
    pub(crate) output: Output,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Place {
    /// Makes one for somebody.
    pub(crate) fn new(who: Who) -> Self {
        let who = if real::is_root() { who } else { Who::Same };
        let folder = tempfile::Builder::new()
            .prefix("mm-place-")
            .tempdir_in("/tmp")
            .expect("/tmp can be written");
        let mut binary = real::miraclemax();
        if who == Who::Nobody {
            // Where it was built may be closed to others.
            let copy = folder.path().join("miraclemax");
            fs::copy(&binary, &copy).expect("the program can be copied");
            binary = copy;
        }
        let place = Self { who, binary, folder };
        for name in ["", "config", "config/miraclemax", "home"] {
            let path = place.folder.path().join(name);
            fs::create_dir_all(&path).expect("the folder is ours");
            place.give(&path, 0o755);
        }
        place
    }

    /// The folder that all of it is in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its config, in TOML.
    pub(crate) fn config(&self, text: &str) {
        self.write("config/miraclemax/config.toml", text);
    }

    /// Writes a file that its owner alone can read; the path it is found by.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("the folder is ours");
        self.give(&path, 0o600);
        path
    }

    /// The state directory.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state/miraclemax")
    }

    /// `state.json`, read.
    #[track_caller]
    pub(crate) fn state(&self) -> Value {
        let text = fs::read(self.state_dir().join("state.json")).expect("there is a state");
        serde_json::from_slice(&text).expect("the state is JSON")
    }

    /// Runs it as cron would: a bare environment and no terminal.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(&[], arguments)
    }

    /// The same with more in its environment.
    #[track_caller]
    pub(crate) fn run_with(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut line = as_user(self.who);
        line.push(self.binary.clone().into());
        if self.who == Who::Same {
            // Root has its own places, which are not found by these variables.
            let config = self.folder.path().join("config/miraclemax/config.toml");
            line.extend(["--config".into(), config.into()] as [OsString; 2]);
            line.extend(["--state-dir".into(), self.state_dir().into()] as [OsString; 2]);
        }
        let mut command = real::command(&line[0]);
        command
            .args(&line[1..])
            .args(arguments)
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path().join("home"))
            .env("XDG_CONFIG_HOME", self.folder.path().join("config"))
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .envs(environment.iter().copied());
        let began = Instant::now();
        let output = real::run(command, b"", PATIENCE);
        let ran = Ran { output, took: began.elapsed() };
        real::saw(&format!("miraclemax {}", arguments.join(" ")), &ran);
        ran
    }

    fn give(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the folder is ours");
        if self.who == Who::Nobody {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("root can give a file away");
        }
    }
}

impl Ran {
    /// Its exit code, or 128 and the signal.
    pub(crate) fn code(&self) -> i32 {
        self.output.code()
    }

    /// What it printed, on stdout and then on stderr, in one line.
    pub(crate) fn text(&self) -> String {
        real::flat(&format!("{}{}", self.output.stdout, self.output.stderr))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Output { stdout, stderr, .. } = &self.output;
        write!(f, "{stdout}{stderr}[{} after {:?}]", self.code(), self.took)
    }
}
