//! `check --self`: the checker's own installation, looked at from every side; each finding with what to type. Changes
//! nothing, takes no lock, sends no message. What is found is judged in `judge`; here it is only gathered.

mod channels;
mod clock;
mod config;
mod heartbeats;
mod schedule;
mod shown;
mod state;

use std::time::Duration;

use anyhow::Result;

use crate::cli::Check;
use crate::commands::fresh;
use crate::commands::setup::Setup;
use crate::config::Config;
use crate::model::finding::{Finding, Standing};
use crate::model::text::one_line;
use crate::outcome::Outcome;
use crate::sys::clock::Deadline;
use crate::sys::crew::{self, Work};

/// What is asked of others at once.
const AT_ONCE: usize = 16;
/// Who is asked over the network has so long to answer: a person waits, and a test that is sent waits longer.
const PATIENCE: Duration = Duration::from_secs(4);
/// What is under way ends so much before the run has to, so that it can still say what it was at.
const SLACK: Duration = Duration::from_millis(300);

/// Something that takes its time.
struct Part {
    about: String,
    work: Work<Vec<Finding>>,
}

impl Part {
    fn new(about: impl Into<String>, work: impl FnOnce() -> Vec<Finding> + Send + 'static) -> Self {
        Self { about: about.into(), work: Box::new(work) }
    }
}

/// Looks at all of it, and says what was found, worst first.
pub(super) fn run(setup: &Setup, args: &Check) -> Result<Outcome> {
    let loaded = setup.config_if_any();
    let configured = loaded.as_ref().ok().and_then(Option::as_ref);
    let config = configured.map(|configured| &configured.config);
    let deadline = setup.deadline(config);
    let by = deadline.within(deadline.left().saturating_sub(SLACK));
    let mut found = config::findings(setup, &loaded);
    let remembered = fresh::remember(setup, configured, None);
    let known = remembered.as_ref().map_err(|err| format!("{err:#}"));
    found.extend(state::findings(setup, config.is_some(), known));
    let took = remembered.as_ref().ok().and_then(|remembered| remembered.state.cycle.as_ref());
    let took = took.map(|cycle| Duration::from_millis(cycle.took_ms));
    if let Ok(remembered) = &remembered {
        found.extend(clock::past(setup, remembered));
    }
    found.extend(config.map(|config| heartbeats::remembered(setup, config)).unwrap_or_default());
    let parts = parts(setup, config, took, by);
    let (names, works): (Vec<_>, Vec<_>) =
        parts.into_iter().map(|part| (part.about, part.work)).unzip();
    for (about, done) in names.into_iter().zip(crew::all(works, AT_ONCE, deadline)) {
        let late = || vec![Finding::unknown(about, "it was not found out by the deadline")];
        found.extend(done.unwrap_or_else(late));
    }
    found.sort_by_key(|finding| finding.status);
    shown::say(setup, args.format, &found)
}

fn parts(
    setup: &Setup,
    config: Option<&Config>,
    took: Option<Duration>,
    by: Deadline,
) -> Vec<Part> {
    let wanted = schedule::Wanted::new(setup, config, took);
    let mut parts = vec![
        Part::new("schedule", move || schedule::findings(&wanted, by)),
        Part::new("clock", move || clock::findings(by)),
    ];
    if let Some(config) = config {
        let soon = by.within(PATIENCE);
        parts.extend(channels::parts(config, soon));
        parts.extend(heartbeats::parts(config, soon));
    }
    parts
}

/// What a secret is of, and where it is.
type Secrets<'c> = Vec<(String, &'c crate::model::secret::SecretSource)>;

fn secrets(config: &Config) -> Secrets<'_> {
    let heartbeats = config.heartbeats.iter().flat_map(|heartbeat| {
        let of = format!("heartbeat {}", one_line(&heartbeat.name, 60));
        heartbeat.secrets().into_iter().map(move |secret| (of.clone(), secret))
    });
    let channels = config.notify.iter().flat_map(|channel| {
        let of = format!("channel {}", one_line(&channel.name, 60));
        channel.secrets().into_iter().map(move |secret| (of.clone(), secret))
    });
    heartbeats.chain(channels).collect()
}

/// As an exit code tells it.
fn outcome(standing: Standing) -> Outcome {
    match standing {
        Standing::Ok => Outcome::Ok,
        Standing::Warning => Outcome::Warning,
        Standing::Critical => Outcome::Critical,
        Standing::Unknown => Outcome::Unknown,
    }
}
