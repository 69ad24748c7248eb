//! From the first confirmed down to the recovery: what happened and what was tried. Values only.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::time::Stamp;
use crate::model::verdict::millis;

/// A name that says what it is of and when that began: `web-20260102T030405Z`.
pub fn named(what: &str, at: Timestamp) -> String {
    format!("{what}-{}", at.strftime("%Y%m%dT%H%M%SZ"))
}

/// One service's outage, open until its probes find it up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Names it in state, events, journal and mail: `web-20260102T030405Z`.
    pub id: String,
    /// When it was confirmed.
    pub opened: Stamp,
    /// Why it was down when it was confirmed.
    pub reason: String,
    /// Attempts begun in it so far.
    #[serde(default)]
    pub attempts: u32,
    /// Set once, when it was given up: a person is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave_up: Option<Stamp>,
    /// When it was last told again, or first told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Stamp>,
    /// When each channel was last told of it, by the channel's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told_to: BTreeMap<String, Stamp>,
    /// What has kept hands off while it went on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Kept>,
}

/// Hands were kept off during an outage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// By what, in words: the hold or the maintenance window.
    pub why: String,
    /// When that was last seen to be so: what is counted of the outage from then on is counted from here.
    pub last: Stamp,
}

/// How one attempt at healing ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "why", rename_all = "kebab-case")]
pub enum Outcome {
    /// The probes that failed succeeded, and kept succeeding.
    Healed,
    /// It was done and did not help, and what the probes said.
    StillDown(String),
    /// It was not done, and why: no right, nothing to do it to, not safe. Costs no budget.
    Refused(String),
}

/// One remedy applied once. Saved before it is begun and again when it has ended, so that a run killed in
/// between neither loses it nor repeats it for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The incident it belongs to.
    pub incident: String,
    /// The remedy, as it is written in `healing_strategies`.
    pub remedy: String,
    /// When it was begun.
    pub at: Stamp,
    /// What was executed, as a person would type it: `systemctl restart web.service`.
    #[serde(default)]
    pub did: Vec<String>,
    /// What it found and had to leave for a person to know: a complaint of the config, where the other file went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<String>,
    /// How long it took until the outcome was known, verification included.
    #[serde(with = "millis", default)]
    pub took: Duration,
    /// None while it goes on, and for ever when the run was killed in the middle.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

impl Attempt {
    /// Whether it counts against the budget: everything that was, or may have been, done.
    pub fn counts(&self) -> bool {
        !matches!(self.outcome, Some(Outcome::Refused(_)))
    }
}

/// An incident that is over, as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastIncident {
    /// See [`Incident::id`].
    pub id: String,
    /// When it was confirmed.
    pub opened: Stamp,
    /// When the probes found it up again.
    pub closed: Stamp,
    /// Why it was down.
    pub reason: String,
    /// See [`Incident::told_to`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told_to: BTreeMap<String, Stamp>,
    /// The remedy that brought it back; none when it came back by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healed_by: Option<String>,
}
