//! By what a process can be known to be this service, or another one's: what its manager has on record. Looks
//! at no process itself.

use std::path::PathBuf;

/// What a manager starts for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The file it executes.
    pub exe: PathBuf,
    /// The program and its arguments, joined by single spaces, quotes left out.
    pub line: String,
}

/// A manager's record about one service and its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// The cgroup that is this service's alone: whatever is in it is this service's.
    pub unit: Option<String>,
    /// The cgroup that it shares with its manager and its neighbours: being in it proves nothing.
    pub shared: Option<String>,
    /// Its main processes as they run now.
    pub present: Vec<u32>,
    /// Main processes of the manager's other services.
    pub others: Vec<u32>,
    /// What is executed for it.
    pub program: Option<Program>,
    /// The user it runs as; none where the manager does not say.
    pub user: Option<String>,
}

impl Program {
    /// From a command line as it stands in a config. None where its first word is no absolute path: what it
    /// would execute depends on somebody's `PATH`.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let line = plain(line);
        let exe = line.split(' ').next().filter(|word| word.starts_with('/'))?;
        Some(Self { exe: PathBuf::from(exe), line: line.clone() })
    }
}

/// A command line as it is compared: quotes left out, single spaces.
pub fn plain(line: &str) -> String {
    let unquoted: String = line.chars().filter(|c| !matches!(c, '"' | '\'')).collect();
    unquoted.split_whitespace().collect::<Vec<_>>().join(" ")
}
