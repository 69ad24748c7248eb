//! A real supervisord for one test, in a folder of its own, spoken to over its unix socket. It never touches a supervisord
//! of the host.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::real::{self, Keeper, Output};

const PATIENCE: Duration = Duration::from_secs(30);

/// Whose rights it runs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Of whoever runs the tests.
    Same,
    /// Nobody's, where the tests run as root; where they do not, the same.
    Nobody,
}

/// Debian's `nobody` and `nogroup`: they own nothing.
pub(crate) const NOBODY: u32 = 65534;

/// A running supervisord; it is ended with all its programs when this is dropped.
pub(crate) struct Supervisor {
    // Ended before its folder goes.
    keeper: Keeper,
    who: Who,
    folder: tempfile::TempDir,
}

impl Supervisor {
    /// Starts one with these sections, written as in `supervisord.conf`:
    /// `[("program:web", "command=/usr/bin/sleep 1000\nstartsecs=0")]`. None where supervisord is not installed.
    pub(crate) fn start(who: Who, sections: &[(&str, &str)]) -> Option<Self> {
        let program = real::which("supervisord");
        if !real::or_skip("supervisord", program.is_some()) {
            return None;
        }
        let program = program?;
        let who = if real::is_root() { who } else { Who::Same };
        // Not where TMPDIR says: a unix socket's path has to be short.
        let folder = tempfile::Builder::new()
            .prefix("mm-sv-")
            .tempdir_in("/tmp")
            .expect("/tmp can be written");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))
            .expect("the folder is ours");
        let config = folder.path().join("supervisord.conf");
        fs::write(&config, config_text(folder.path(), sections))
            .expect("a temporary folder can be written");
        if who == Who::Nobody {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root can give a folder away");
        }
        let mut line = as_user(who);
        line.extend([
            program.into(),
            OsString::from("--nodaemon"),
            "--configuration".into(),
            config.into(),
        ]);
        let line: Vec<&OsStr> = line.iter().map(AsRef::as_ref).collect();
        let keeper = Keeper::spawn(&line, &folder.path().join("console.log"), Keeper::TERM);
        let supervisor = Self { keeper, who, folder };
        let socket = supervisor.socket();
        supervisor.keeper.ready("supervisord answers", PATIENCE, || {
            std::os::unix::net::UnixStream::connect(&socket).ok()
        });
        Some(supervisor)
    }

    /// Its unix socket; `POST /RPC2` there is its XML-RPC.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("supervisor.sock")
    }

    /// Its `supervisord.conf`.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("supervisord.conf")
    }

    /// The folder that it runs in; programs may write there.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    pub(crate) const fn pid(&self) -> u32 {
        self.keeper.pid()
    }

    /// Runs the real `supervisorctl` against it.
    #[track_caller]
    pub(crate) fn ctl(&self, arguments: &[&str]) -> Output {
        let program = real::which("supervisorctl").expect("supervisorctl comes with supervisord");
        let line = as_user(self.who);
        let mut command = match line.split_first() {
            Some((first, rest)) => {
                let mut command = real::command(first);
                command.args(rest).arg(program);
                command
            }
            None => real::command(program),
        };
        command.arg("--configuration").arg(self.config()).args(arguments);
        real::run(command, b"", PATIENCE)
    }

    /// A program's state as `supervisorctl status` names it: RUNNING, STOPPED, EXITED, FATAL, BACKOFF …
    #[track_caller]
    pub(crate) fn state(&self, program: &str) -> String {
        let output = self.ctl(&["status", program]);
        output.stdout.split_whitespace().nth(1).unwrap_or_default().to_owned()
    }

    /// Waits until a program is in a state.
    #[track_caller]
    pub(crate) fn wait_for(&self, program: &str, state: &str, deadline: Duration) {
        let reached = real::try_until(deadline, || (self.state(program) == state).then_some(()));
        assert!(
            reached.is_some(),
            "waited {deadline:?} until {program} is {state}; it is {}; supervisord says:\n{}",
            self.state(program),
            self.keeper.log()
        );
    }

    /// The process id of a program that runs.
    #[track_caller]
    pub(crate) fn pid_of(&self, program: &str) -> Option<u32> {
        let pid = self.ctl(&["pid", program]).stdout.trim().parse().ok()?;
        (pid != 0).then_some(pid)
    }
}

/// What a command line begins with to run with these rights.
pub(crate) fn as_user(who: Who) -> Vec<OsString> {
    match who {
        Who::Same => vec![],
        Who::Nobody => {
            let id = NOBODY.to_string();
            ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "--"]
                .map(OsString::from)
                .to_vec()
        }
    }
}

fn config_text(folder: &Path, sections: &[(&str, &str)]) -> String {
    let folder = folder.display();
    let mut text = format!(
        "[unix_http_server]\nfile={folder}/supervisor.sock\n\n\
         [supervisord]\nlogfile=/dev/null\nlogfile_maxbytes=0\nloglevel=info\npidfile={folder}/supervisord.pid\n\
         childlogdir={folder}\ndirectory={folder}\n\n\
         [rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\n\
         [supervisorctl]\nserverurl=unix://{folder}/supervisor.sock\n"
    );
    for (name, body) in sections {
        let _ = write!(text, "\n[{name}]\n{body}\n");
    }
    text
}
