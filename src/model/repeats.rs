//! How often a service was healed of late: a service that has to be healed again and again has a cause that no restart
//! mends. Counts only; when that is told, the judge says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::policy::Budget;
use crate::model::text::human_duration;
use crate::model::time::{Now, Stamp};
use crate::model::verdict::millis;

/// What is counted when nothing is to be told (`repeats = "off"`).
const USUAL: Duration = Duration::from_hours(7 * 24);
/// A day.
const DAY: u64 = 24 * 3600;

/// A heal that was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastHeal {
    /// When.
    pub at: Stamp,
    /// By which remedy.
    pub remedy: String,
    /// Of what, as far as that was proven; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause: String,
}

/// The heals of a service within a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeats {
    /// Them, oldest first.
    pub heals: Vec<PastHeal>,
    /// The window, in milliseconds.
    #[serde(with = "millis", rename = "window_ms")]
    pub window: Duration,
    /// So many that the cause should be mended.
    pub reached: bool,
}

impl Repeats {
    /// Those among `heals` that count now; none when there is none. `limit` is the service's `repeats`.
    pub fn of(heals: &[PastHeal], limit: Option<Budget>, now: &Now) -> Option<Self> {
        let window = limit.map_or(USUAL, |limit| limit.window);
        let within = |heal: &&PastHeal| now.elapsed(&heal.at) < window;
        let heals: Vec<PastHeal> = heals.iter().filter(within).cloned().collect();
        let many =
            |limit: Budget| heals.len() >= usize::try_from(limit.count).unwrap_or(usize::MAX);
        let reached = limit.is_some_and(many);
        (!heals.is_empty()).then_some(Self { heals, window, reached })
    }

    /// `healed 3 times in 7 days: fix the cause`.
    pub fn words(&self) -> String {
        let times = match self.heals.len() {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        let window = match self.window.as_secs() {
            secs if secs > DAY && secs.is_multiple_of(DAY) => format!("{} days", secs / DAY),
            _ => human_duration(self.window),
        };
        let fix = if self.reached { ": fix the cause" } else { "" };
        format!("healed {times} in {window}{fix}")
    }

    /// Each cause and how often it was, the most frequent first.
    pub fn causes(&self) -> Vec<(&str, usize)> {
        counted(self.heals.iter().map(|heal| match heal.cause.as_str() {
            "" => "not known",
            cause => cause,
        }))
    }

    /// Each remedy and how often it helped, the most frequent first.
    pub fn remedies(&self) -> Vec<(&str, usize)> {
        counted(self.heals.iter().map(|heal| heal.remedy.as_str()))
    }
}

fn counted<'t>(words: impl Iterator<Item = &'t str>) -> Vec<(&'t str, usize)> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for word in words {
        match counts.iter_mut().find(|(other, _)| *other == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}
