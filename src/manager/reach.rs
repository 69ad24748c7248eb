//! How the managers of this host can be reached: found once a run from files, environment and config. Asks none
//! of them.

use std::path::PathBuf;

use crate::manager::supervisord::server::{self, Server};
use crate::sys::engine::Engine;
use crate::sys::host;
use crate::sys::process::user_name;

/// What there is to ask, and who is asking.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one thing is there")]
pub struct Reach {
    /// The effective user is root.
    pub root: bool,
    /// The effective user's number.
    pub uid: u32,
    /// The user's name, for messages; the number where the host's own list has no name.
    pub user: String,
    /// The host was booted with systemd (`sd_booted(3)`: `/run/systemd/system` is a directory).
    pub systemd: bool,
    /// A systemd of the user's own runs.
    pub user_systemd: bool,
    /// `XDG_RUNTIME_DIR`, or `/run/user/UID` where cron left it out.
    pub runtime_dir: Option<PathBuf>,
    /// `DBUS_SESSION_BUS_ADDRESS`, if it is set.
    pub session_bus: Option<String>,
    /// supervisord's address, if there is one.
    pub supervisord: Option<Server>,
    /// The host is a Mac, where launchd runs what runs.
    pub launchd: bool,
    /// The ways to the container engines; nothing says that one of them answers.
    pub engines: Vec<Engine>,
}

impl Reach {
    /// Of this host and user; `supervisord` is what the config says about it, else it is searched for.
    pub fn here(supervisord: Option<Server>) -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let runtime_dir = variable("XDG_RUNTIME_DIR").map_or_else(
            || Some(PathBuf::from(format!("/run/user/{uid}"))).filter(|dir| dir.is_dir()),
            |dir| Some(PathBuf::from(dir)),
        );
        Self {
            root: uid == 0,
            uid,
            user: user_name(uid),
            systemd: host::booted_with_systemd(),
            user_systemd: runtime_dir
                .as_ref()
                .is_some_and(|dir| dir.join("systemd/private").exists()),
            runtime_dir,
            session_bus: variable("DBUS_SESSION_BUS_ADDRESS"),
            supervisord: supervisord.or_else(|| server::search(uid)),
            launchd: cfg!(target_os = "macos"),
            engines: Engine::all(),
        }
    }

    /// A host with no manager at all.
    pub fn nothing() -> Self {
        Self {
            root: false,
            uid: 65534,
            user: "nobody".into(),
            systemd: false,
            user_systemd: false,
            runtime_dir: None,
            session_bus: None,
            supervisord: None,
            launchd: false,
            engines: Vec::new(),
        }
    }
}
