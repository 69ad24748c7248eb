//! From text to checked values. Every mistake is found in one go and has a place: file, line and column, what
//! was expected, and the nearest name that exists. Parsing is pure; only [`gather`] touches files, and
//! nothing here reads a secret, resolves a name or looks at a service.

mod former;
mod from_json;
mod from_toml;
mod gather;
mod lines;
mod merge;
mod needs;
mod policy;
mod service;
mod short;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::gather::{GatherError, default_path, gather};
pub use self::service::Service;

use self::lines::Lines;
use crate::heartbeat::Heartbeat;
use crate::model::fields::{Entry, Fields, Node, Value};
use crate::model::place::{Place, Problem, Problems};
use crate::model::policy::Policy;
use crate::model::text::human_duration;
use crate::notify::Channel;
use crate::probe::Probe;

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
    /// In the order of the files.
    pub notify: Vec<Channel>,
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

/// What to write when nothing is there.
const EXAMPLE: &str = "write at least\n[[service]]\nname = \"nginx\"\nport = 80";

/// [`gather`] and [`parse`].
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
        if source.path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("json")) {
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
    let config = read(entries, &files, complete, &mut problems);

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

/// Reads the top level. `complete` is false when a text is missing from it for its syntax errors: then
/// nothing is said about what is not there.
fn read(
    entries: Vec<Entry>,
    files: &[Lines<'_>],
    complete: bool,
    problems: &mut Problems,
) -> Config {
    let start = match files.first() {
        Some(first) => first.place(0),
        None => Place::command_line(1),
    };
    let before = problems.0.len();
    let entries = former::without_former(entries, problems);
    let mut fields = Fields::new("the config", start.clone(), entries, problems);
    let name = fields.word("name");
    let fresh_for = at_least(&mut fields, "fresh_for", Duration::from_secs(60), Duration::MAX);
    let hour = Duration::from_secs(3600);
    let deadline = at_least(&mut fields, "deadline", Duration::from_secs(1), hour);
    let deadline = deadline.unwrap_or(Duration::from_secs(240));
    let jobs = fields.whole("jobs", 1..=1024).and_then(|jobs| usize::try_from(jobs).ok());
    let defaults = fields.node("defaults");
    let services = fields.tables("service");
    let heartbeats = fields.tables("heartbeat");
    let channels = fields.tables("notify");
    fields.finish();

    let base = Policy::default();
    let policy = match defaults {
        Some(node) => {
            let mut fields = Fields::of_node("`[defaults]`", node, problems);
            let policy = policy::read(&mut fields, &base, deadline);
            fields.finish();
            policy
        }
        None => base,
    };
    let spot = |text: &str, place: &Place, byte: usize| spot_in(files, text, place, byte);
    let around = service::Around { defaults: &policy, deadline, spot: &spot };
    let services: Vec<_> =
        services.into_iter().map(|node| service::read(node, &around, problems)).collect();
    unique("service", services.iter().map(|s| (s.service.name.as_str(), &s.place)), problems);
    if complete {
        needs::check(&services, problems);
    }

    let named = |node: &Node| {
        let Value::Table(entries) = &node.value else { return None };
        let entry = entries.iter().find(|entry| entry.key == "name")?;
        let Value::Text(name) = &entry.node.value else { return None };
        Some((name.clone(), entry.node.place.clone()))
    };
    for (what, nodes) in [("heartbeat", &heartbeats), ("notify", &channels)] {
        let names: Vec<_> = nodes.iter().filter_map(named).collect();
        unique(what, names.iter().map(|(name, place)| (name.as_str(), place)), problems);
    }
    let heartbeats: Vec<_> = heartbeats
        .into_iter()
        .filter_map(|node| Heartbeat::read(Fields::of_node("heartbeat", node, problems)))
        .collect();
    let notify = channels
        .into_iter()
        .filter_map(|node| Channel::read(Fields::of_node("notify", node, problems)))
        .collect();

    let nothing = services.is_empty() && heartbeats.is_empty();
    if nothing && complete && problems.0.len() == before {
        problems.at_with_hint(&start, "no services and no heartbeats: nothing to do", EXAMPLE);
    }
    Config {
        name,
        fresh_for: fresh_for.unwrap_or(Duration::from_secs(20 * 60)),
        deadline,
        jobs: jobs.unwrap_or(32),
        services: services.into_iter().map(|placed| placed.service).collect(),
        heartbeats,
        notify,
    }
}

/// A duration within bounds.
fn at_least(
    fields: &mut Fields<'_>,
    key: &'static str,
    least: Duration,
    most: Duration,
) -> Option<Duration> {
    let place = fields.place_of(key);
    let given = fields.duration(key)?;
    let message = if given < least {
        format!("`{key}` is shorter than {}", human_duration(least))
    } else if given > most {
        format!("`{key}` is longer than {}", human_duration(most))
    } else {
        return Some(given);
    };
    fields.problems().at(&place, message);
    None
}

/// Reports every name that was there before.
fn unique<'a>(
    what: &str,
    names: impl Iterator<Item = (&'a str, &'a Place)>,
    problems: &mut Problems,
) {
    let mut first = HashMap::new();
    for (name, place) in names.filter(|(name, _)| !name.is_empty()) {
        if let Some(earlier) = first.get(name) {
            problems.at(place, format!("two are named `{name}`: the first {what} is at {earlier}"));
        } else {
            first.insert(name, place);
        }
    }
}

/// The place of the character at `byte` of a string's `text`, when the string at `place` is written without
/// escapes; else where the string begins.
fn spot_in(files: &[Lines<'_>], text: &str, place: &Place, byte: usize) -> Place {
    let written = files.iter().find(|lines| *lines.file() == place.file);
    let quoted = written.map_or("", |lines| lines.rest_at(place));
    let mut place = place.clone();
    if !quoted.starts_with("\"\"\"") && quoted.get(1..).is_some_and(|rest| rest.starts_with(text)) {
        place.col += 1 + u32::try_from(text[..byte].chars().count()).unwrap_or(0);
    }
    place
}
