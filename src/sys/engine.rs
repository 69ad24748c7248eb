//! A client of the container engines of this host, Docker and Podman, which speak the same API
//! (docs.docker.com/reference/api/engine, docs.podman.io/en/latest/_static/api.html, "compat"): by their unix socket, or by
//! their command where there is none. Every answer is bounded in time and size, and a container is only the one that was
//! named, never one whose id happens to begin like the name. The one thing that it changes is a restart, in `act`.

mod act;
mod answer;
mod cli;
mod find;
mod logs;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::model::text::one_line;
use crate::sys::clock::Deadline;
use crate::sys::http::{self, Request, Response};
use crate::sys::tls::Trust;

pub use act::Restarted;
pub use answer::{Container, Health, Listed, Published, Ran, State};

/// An answer longer than this is cut, and then no JSON: some thousand containers.
const LARGEST: usize = 8 << 20;

/// Which engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brand {
    /// Docker, or what answers at its socket.
    Docker,
    /// Podman.
    Podman,
}

/// A way to an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Which.
    pub brand: Brand,
    /// Its socket; with none, its command is run.
    pub socket: Option<PathBuf>,
}

/// Why an engine said nothing about what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It answered: it has no container of this name.
    Missing,
    /// This user may not ask it.
    NoRight(String),
    /// It does not answer, or not as an engine does.
    Silent(String),
}

impl Brand {
    /// `docker`, `podman`: the name of the command, too.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no such container"),
            Self::NoRight(why) | Self::Silent(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Trouble {}

impl fmt::Display for Engine {
    /// `docker at /run/docker.sock`; of one without a socket, its command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(path) => write!(f, "{} at {}", self.brand.word(), path.display()),
            None => write!(f, "`{}`", self.brand.word()),
        }
    }
}

/// Whether `name` can be a container's: a letter or digit, then also `_`, `.` and `-`. So it is also safe in a path and as
/// an argument.
pub fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

impl Engine {
    /// The container of this name, or of this id if at least 12 digits of it are given. It comes back by `limit`.
    pub fn inspect(&self, name: &str, limit: Duration) -> Result<Container, Trouble> {
        if !is_name(name) {
            return Err(Trouble::Missing);
        }
        let found: Container = match &self.socket {
            Some(_) => self.get(&format!("containers/{name}/json"), limit)?,
            None => cli::inspect(self.brand, &[name], limit)?.pop().ok_or(Trouble::Missing)?,
        };
        if found.is_called(name) { Ok(found) } else { Err(Trouble::Missing) }
    }

    /// As [`Self::inspect`], of each of `names`, in their order: by its command they are asked about together, and an
    /// engine that is silent once is not asked again.
    pub fn inspect_all(&self, names: &[&str], limit: Duration) -> Vec<Result<Container, Trouble>> {
        let deadline = Deadline::after(limit);
        if self.socket.is_none() {
            let asked: Vec<&str> = names.iter().copied().filter(|name| is_name(name)).collect();
            let found = if asked.is_empty() {
                Ok(Vec::new())
            } else {
                cli::inspect(self.brand, &asked, limit)
            };
            let one = |name: &&str| match &found {
                Ok(found) => {
                    let found = found.iter().find(|container| container.is_called(name));
                    found.cloned().ok_or(Trouble::Missing)
                }
                Err(trouble) => Err(trouble.clone()),
            };
            return names.iter().map(one).collect();
        }
        let mut silent = None;
        let mut one = |name: &&str| {
            if let Some(trouble) = &silent {
                return Err(Trouble::clone(trouble));
            }
            let found = self.inspect(name, deadline.left());
            silent = found.as_ref().err().filter(|trouble| **trouble != Trouble::Missing).cloned();
            found
        };
        names.iter().map(&mut one).collect()
    }

    /// All containers, also those that do not run. It comes back by `limit`.
    pub fn list(&self, limit: Duration) -> Result<Vec<Listed>, Trouble> {
        match &self.socket {
            Some(_) => {
                let found: Vec<answer::Row> = self.get("containers/json?all=1", limit)?;
                Ok(found.into_iter().map(Listed::from).collect())
            }
            None => Ok(cli::all(self.brand, limit)?.into_iter().map(Listed::from).collect()),
        }
    }

    fn get<T: DeserializeOwned>(&self, path: &str, limit: Duration) -> Result<T, Trouble> {
        let answer = self.ask("GET", path, LARGEST, limit).map_err(|err| self.trouble(err))?;
        match answer.status {
            200 => serde_json::from_slice(&answer.body)
                .map_err(|err| self.silent(&answer::not_understood(&err))),
            _ => Err(self.refused(&answer)),
        }
    }

    /// One request at its socket.
    fn ask(
        &self,
        method: &str,
        path: &str,
        most: usize,
        limit: Duration,
    ) -> Result<Response, http::Trouble> {
        http::send(&Request {
            method: method.into(),
            url: format!("http://localhost/{path}"),
            headers: vec![],
            body: vec![],
            limit,
            redirects: 0,
            most,
            unix: self.socket.clone(),
            trust: Trust::default(),
        })
    }

    fn trouble(&self, trouble: http::Trouble) -> Trouble {
        match trouble {
            http::Trouble::Connect(why) if why.contains("permission denied") => {
                Trouble::NoRight(format!("{self}: {why}"))
            }
            other => self.silent(&other.to_string()),
        }
    }

    /// An answer that is none of those that were asked for.
    fn refused(&self, answer: &Response) -> Trouble {
        let status = answer.status;
        match answer::refused(&answer.body) {
            Some(words) if answer::is_missing(&words) => Trouble::Missing,
            Some(words) => self.silent(&format!("HTTP {status}: {}", one_line(&words, 200))),
            None => self.silent(&format!("it answers with HTTP {status}")),
        }
    }

    fn silent(&self, why: &str) -> Trouble {
        Trouble::Silent(format!("{self}: {why}"))
    }
}

#[cfg(test)]
mod tests;
