//! From text to checked values. Every mistake is found in one go and has a place: file, line and column, what
//! was expected, and the nearest name that exists. Parsing is pure; only [`gather()`] touches files, and
//! nothing here reads a secret, resolves a name or looks at a service.

#[cfg(test)]
mod fixtures;
mod former;
mod from_json;
mod from_toml;
mod gather;
mod ladder;
mod lines;
mod merge;
mod needs;
mod policy;
mod service;
mod short;
mod top;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::gather::{GatherError, default_path, gather};
pub use self::service::Service;

use self::lines::Lines;
use crate::heartbeat::Heartbeat;
use crate::manager::supervisord::server::Server;
use crate::model::place::{Place, Problem, Problems};
use crate::model::policy::Allowance;
use crate::notify::Channel;
use crate::probe::Probe;

/// Probes side by side when the config does not say.
pub const JOBS: usize = 32;

/// What the whole configuration says, checked: names are unique, `needs` lead to services and in no circle.
#[derive(Debug, Clone)]
pub struct Config {
    /// What subjects begin with; the host's name when none.
    pub name: Option<String>,
    /// How old the last complete cycle may be before it is stale; at least a minute.
    pub fresh_for: Duration,
    /// A run ends by then, whatever hangs; from a second to an hour.
    pub deadline: Duration,
    /// Probes side by side; 1 to 1024.
    pub jobs: usize,
    /// In the order of the files.
    pub services: Vec<Service>,
    /// In the order of the files.
    pub heartbeats: Vec<Heartbeat>,
    /// In the order of the files, each under a name of its own.
    pub notify: Vec<Channel>,
    /// Probes that tell whether this host has a way out, asked when something beyond it is down.
    pub gate: Vec<Probe>,
    /// Files by which a deploy says that it is at work; nothing is healed then.
    pub deploy_locks: Vec<PathBuf>,
    /// Attempts that the whole host allows.
    pub allowance: Allowance,
    /// supervisord's address, when it is not where it usually is.
    pub supervisord: Option<Server>,
}

/// A config file's text, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it was; `.json` in its name makes it JSON, else it is TOML.
    pub path: PathBuf,
    /// What was in it.
    pub text: String,
}

/// A config with the texts that it came from, to be kept as the last that loaded.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What they say.
    pub config: Config,
    /// The file first, then those of `conf.d`.
    pub sources: Vec<Source>,
}

/// [`gather()`] and [`parse`].
pub fn load(path: &Path) -> Result<Loaded, GatherError> {
    let sources = gather(path)?;
    let config = parse(&sources).map_err(GatherError::Unusable)?;
    Ok(Loaded { config, sources })
}

/// Reads one probe in short form, as given on the command line.
pub fn probe(text: &str) -> Result<Probe, Problem> {
    let mut problems = Problems::default();
    let spot = |byte: usize| Place::command_line(text[..byte].chars().count() + 1);
    let probe = short::read(text, Vec::new(), spot, &mut problems);
    match (problems.0.into_iter().next(), probe) {
        (None, Some(probe)) => Ok(probe),
        (Some(problem), _) => Err(problem),
        (None, None) => Err(Problem {
            place: Some(spot(0)),
            message: format!("`{text}` is no probe"),
            hint: None,
            caret: None,
        }),
    }
}

/// Reads the texts as one config; else all problems of all of them, in the order of the files.
pub fn parse(sources: &[Source]) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let files: Vec<_> = sources
        .iter()
        .map(|source| Lines::new(&source.path.display().to_string(), &source.text))
        .collect();

    let mut entries = Vec::new();
    let (mut complete, mut broken) = (true, Vec::new());
    for (source, lines) in sources.iter().zip(&files) {
        if is_json(&source.path) {
            match from_json::parse(lines, &mut problems) {
                Some(more) => merge::add(&mut entries, more, &mut problems),
                None => complete = false,
            }
        } else {
            let parsed = from_toml::parse(lines, &mut problems);
            complete &= parsed.whole;
            if parsed.whole {
                merge::add(&mut entries, parsed.entries, &mut problems);
            }
            broken.extend(parsed.broken.into_iter().map(|line| (lines.file().clone(), line)));
        }
    }
    let syntax = std::mem::take(&mut problems.0);
    let config = top::read(entries, &files, complete, &mut problems);

    // What follows from a line that is no TOML is not worth a second message.
    let follows = |problem: &Problem| {
        let place = problem.place.as_ref();
        place.is_some_and(|at| {
            broken.iter().any(|(file, line)| *file == at.file && *line == at.line)
        })
    };
    problems.0.retain(|problem| !follows(problem));
    problems.0.splice(0..0, syntax);
    if problems.is_empty() {
        return Ok(config);
    }
    problems.0.sort_by_key(|problem| {
        let place = problem.place.as_ref();
        let file = place.and_then(|at| files.iter().position(|lines| *lines.file() == at.file));
        (file, place.map(|at| (at.line, at.col)))
    });
    Err(problems)
}

/// Whether a config file of this name is JSON; any other is TOML.
pub fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("json"))
}
