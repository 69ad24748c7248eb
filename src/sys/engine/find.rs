//! Where the engines of this host are. Connects to none of them and starts nothing.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::sys::engine::{Brand, Engine};

impl Engine {
    /// The ways to the engines of this host, each engine once: `DOCKER_HOST` as Docker's own command reads it, the usual
    /// sockets, and the command of an engine that has no socket. Nothing says that one of them answers.
    pub fn all() -> Vec<Self> {
        Places::here().engines()
    }

    /// Whether it may have containers that run on this host.
    pub fn may_run_here(&self) -> bool {
        Places::here().may_run(self)
    }

    /// The engine at this socket; which one it is, its path says.
    pub fn at(socket: &Path) -> Self {
        let podman = socket.to_string_lossy().contains("podman");
        let brand = if podman { Brand::Podman } else { Brand::Docker };
        Self { brand, socket: Some(socket.to_owned()) }
    }
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// What says where they are.
pub(super) struct Places {
    pub(super) docker_host: Option<OsString>,
    pub(super) runtime_dir: PathBuf,
    pub(super) path: OsString,
    /// The usual sockets are below it.
    pub(super) root: PathBuf,
    /// Whether root asks.
    pub(super) as_root: bool,
}

impl Places {
    fn here() -> Self {
        Self {
            docker_host: variable("DOCKER_HOST"),
            runtime_dir: variable("XDG_RUNTIME_DIR").map_or_else(
                // Cron leaves it out; systemd makes this one for everybody who is logged in or lingers.
                || format!("/run/user/{}", rustix::process::getuid().as_raw()).into(),
                PathBuf::from,
            ),
            path: variable("PATH").unwrap_or_default(),
            root: PathBuf::from("/"),
            as_root: rustix::process::geteuid().is_root(),
        }
    }

    pub(super) fn may_run(&self, engine: &Engine) -> bool {
        match (&engine.socket, engine.brand) {
            (Some(_), _) => true,
            // It runs on another host, or not at all.
            (None, Brand::Docker) => false,
            // Asked before it has been used since the boot, it would make its storage, only to say that there is nothing.
            // It keeps what is so until the next boot in this folder (containers.conf(5), `tmp_dir`).
            (None, Brand::Podman) if self.as_root => self.root.join("run/libpod").exists(),
            (None, Brand::Podman) => self.below("libpod").exists(),
        }
    }

    pub(super) fn engines(&self) -> Vec<Engine> {
        let mut found: Vec<Engine> = Vec::new();
        let mut add = |engine: Engine| {
            if !found.contains(&engine) {
                found.push(engine);
            }
        };
        let told = self.docker_host.as_ref().map(|host| host.to_string_lossy().into_owned());
        match told.as_deref().map(|host| host.strip_prefix("unix://")) {
            Some(Some(path)) => add(Engine::at(Path::new(path))),
            // By TCP or SSH: that is left to the command, which knows the keys for it.
            Some(None) => add(Engine { brand: Brand::Docker, socket: None }),
            None => {
                for path in [self.root.join("var/run/docker.sock"), self.below("docker.sock")] {
                    if let Some(path) = socket(&path) {
                        add(Engine::at(&path));
                    }
                }
            }
        }
        for path in [self.root.join("run/podman/podman.sock"), self.below("podman/podman.sock")] {
            if let Some(path) = socket(&path) {
                add(Engine::at(&path));
            }
        }
        for brand in [Brand::Docker, Brand::Podman] {
            if !found.iter().any(|engine| engine.brand == brand) && self.has_command(brand) {
                found.push(Engine { brand, socket: None });
            }
        }
        found
    }

    fn below(&self, name: &str) -> PathBuf {
        self.runtime_dir.join(name)
    }

    fn has_command(&self, brand: Brand) -> bool {
        std::env::split_paths(&self.path).any(|dir| dir.join(brand.word()).is_file())
    }
}

/// The socket behind this path, if there is one: Debian's `podman-docker` makes Docker's a link to podman's. One that may
/// not be seen may be there.
fn socket(path: &Path) -> Option<PathBuf> {
    match path.canonicalize() {
        Ok(path) => Some(path),
        Err(err) if err.kind() == ErrorKind::PermissionDenied => Some(path.to_owned()),
        Err(_) => None,
    }
}
