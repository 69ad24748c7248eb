//! Whether what is remembered may be believed: the state file, the lock and the config put together for the
//! judge. Shared by `stale`, `ping` and `status`; takes no lock and changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use crate::commands::holding::in_force;
use crate::commands::setup::{Configured, Setup};
use crate::commands::shown;
use crate::config::Service;
use crate::judge::freshness::{self, Freshness, freshness};
use crate::judge::hold::held;
use crate::model::policy::{Budget, Policy};
use crate::model::state::State;
use crate::model::text::one_line;
use crate::outcome::Outcome;
use crate::store::holds::Kept;
use crate::store::{self, Dir, Unreadable, lock};
use crate::sys::clock;

/// How old the last complete cycle may be when no config says: a check every 15 minutes and 5 of grace.
pub(super) const FRESH_FOR: Duration = Duration::from_secs(20 * 60);
/// There is a state, and it cannot be read.
const UNREADABLE: &str = "UNREADABLE";
/// Less sleep than this since the last cycle does not excuse anything.
const SLEPT: Duration = Duration::from_secs(60);

/// What the config says of a service that the state does not.
#[derive(Clone)]
struct Known {
    critical: bool,
    repeats: Option<Budget>,
}

impl Known {
    fn of(service: &Service) -> Self {
        Self { critical: service.critical, repeats: service.policy.repeats }
    }
}

/// What is remembered, and what that is worth.
pub(super) struct Remembered {
    pub(super) dir: Option<Dir>,
    pub(super) state: State,
    pub(super) outcome: Outcome,
    /// In one word: `FRESH`, `STALE`, `LOCK-HELD` …
    pub(super) word: &'static str,
    /// Why, in words: `last complete cycle 40s ago`.
    pub(super) words: String,
    /// The holds in force.
    pub(super) holds: Vec<Kept>,
    /// What the configured services say of themselves; none without a config.
    services: BTreeMap<String, Known>,
}

impl Remembered {
    /// Whether the outage of a service is critical; so it is when the config does not know it.
    pub(super) fn critical(&self, name: &str) -> bool {
        self.services.get(name).is_none_or(|known| known.critical)
    }

    /// From how many heals on its cause should be mended.
    pub(super) fn repeats(&self, name: &str) -> Option<Budget> {
        self.services.get(name).map_or(Policy::default().repeats, |known| known.repeats)
    }

    /// Why nothing that is remembered proves that all is well now, in a word and in words.
    pub(super) fn doubt(&self) -> Option<(&'static str, String)> {
        (self.outcome != Outcome::Ok).then(|| (self.word, self.words.clone()))
    }

    /// Configured services of which nothing is remembered, and why not.
    pub(super) fn unseen(&self) -> impl Iterator<Item = (&str, &str)> {
        let why =
            if self.word == UNREADABLE { "the state cannot be read" } else { "not looked at yet" };
        let unseen = self.services.keys().filter(|name| !self.state.services.contains_key(*name));
        unseen.map(move |name| (name.as_str(), why))
    }

    /// The host that wrote the state.
    pub(super) fn host(&self) -> &str {
        if self.state.host.is_empty() { "this host" } else { &self.state.host }
    }
}

/// Reads what is remembered. `configured` is the config when the caller has it already.
pub(super) fn remember(
    setup: &Setup,
    configured: Option<&Configured>,
    max_age: Option<Duration>,
) -> Result<Remembered> {
    let read;
    let configured = if configured.is_some() {
        configured
    } else {
        // A config that does not load must not hide the state: what is remembered is asked for.
        read = setup.config_if_any().unwrap_or_else(|err| {
            setup.screen.note(&format!("warning: {err:#}"));
            None
        });
        read.as_ref()
    };
    let config = configured.map(|configured| &configured.config);
    let services: BTreeMap<String, Known> = config.map_or_else(BTreeMap::new, |c| {
        c.services.iter().map(|s| (s.name.clone(), Known::of(s))).collect()
    });
    let fresh_for = max_age.or(config.map(|config| config.fresh_for)).unwrap_or(FRESH_FOR);
    let path = setup.state_path()?;
    let missing = |outcome, word, words: String, dir: Option<Dir>| Remembered {
        state: State::default(),
        outcome,
        word,
        words,
        holds: dir.as_ref().map_or_else(Vec::new, |dir| in_force(dir, &setup.now)),
        dir,
        services: services.clone(),
    };
    let dir = match Dir::existing(&path) {
        Ok(Some(dir)) => dir,
        Ok(None) => {
            let words = Freshness::NeverRan { holder: None }.words();
            return Ok(missing(
                Outcome::Critical,
                "NEVER-RAN",
                format!(
                    "{words} (there is no `{}`); `miraclemax check` completes one",
                    path.display()
                ),
                None,
            ));
        }
        Err(err) => {
            return Ok(missing(
                Outcome::Unknown,
                UNREADABLE,
                format!("{err:#}").replace("\nhint: ", "; hint: "),
                None,
            ));
        }
    };
    let peeked = match store::state::peek(&dir) {
        Ok(peeked) => peeked,
        Err(Unreadable::Missing) => {
            let holder = holder(setup, &dir);
            let words = Freshness::NeverRan { holder }.words();
            return Ok(missing(Outcome::Critical, "NEVER-RAN", words, Some(dir)));
        }
        Err(other) => {
            return Ok(missing(Outcome::Unknown, UNREADABLE, other.to_string(), Some(dir)));
        }
    };
    let names: Vec<&str> = services.keys().map(String::as_str).collect();
    let seen = freshness::Seen {
        cycle: peeked.state.cycle.as_ref(),
        modified: Some(peeked.mtime),
        fresh_for,
        awake: awake(setup, &peeked.state),
        holder: holder(setup, &dir),
        configured: &names,
    };
    let found = freshness(&seen, &setup.now);
    let outcome = shown::of(found.severity());
    let word = found.word();
    let words = one_line(&found.words(), 600);
    let holds = in_force(&dir, &setup.now);
    let mut state = peeked.state;
    for (name, known) in &mut state.services {
        let service = config.and_then(|config| config.services.iter().find(|s| s.name == *name));
        let windows = service.map_or(&[][..], |service| &service.policy.maintenance);
        // As it is now, not as the last cycle found it.
        known.held = held(name, windows, holds.iter().map(|kept| &kept.hold), &setup.now);
    }
    Ok(Remembered { dir: Some(dir), state, outcome, word, words, holds, services })
}

fn holder(setup: &Setup, dir: &Dir) -> Option<freshness::Holder> {
    match lock::holder(dir) {
        lock::Seen::Held(Some(holder)) => Some(freshness::Holder {
            pid: holder.pid,
            held_for: setup.now.elapsed(&holder.started),
        }),
        _ => None,
    }
}

/// How long the host has been awake since the last cycle, if it slept in between.
fn awake(setup: &Setup, state: &State) -> Option<Duration> {
    let cycle = state.cycle.as_ref().filter(|cycle| cycle.finished.boot == setup.now.boot)?;
    let awake = clock::monotonic().checked_sub(Duration::from_millis(cycle.awake_ms?))?;
    (setup.now.elapsed(&cycle.finished) > awake + SLEPT).then_some(awake)
}
