//! What is known of a channel beyond one letter: whether it takes any. Values and their rules; who sends fills it in.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::letter::Sent;
use crate::model::scrub::scrub;
use crate::model::text::one_line;
use crate::model::time::{Now, Stamp};

/// A channel that has failed in so many runs is broken.
const RUNS: u32 = 2;
/// And so is one that takes nothing for longer than this.
const LONG: Duration = Duration::from_secs(5 * 60);
/// The most that is kept of an answer, in characters.
const LONGEST: usize = 300;

/// By the channel's name.
pub type Channels = BTreeMap<String, Reachable>;

/// One channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reachable {
    /// When it last took a letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_accepted: Option<Timestamp>,
    /// When it first did not take one since; none while it takes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Stamp>,
    /// What it said last, when it did not; secrets left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// In how many runs it has taken nothing that it was sent, since it last took something.
    #[serde(default)]
    pub runs: u32,
    /// When it last refused a letter for good, since it last took one: somebody was never told of something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_for_good: Option<Timestamp>,
    /// When the others were told that it takes nothing, since it last took something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Timestamp>,
    /// Keys of a newer version, kept as they are.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Reachable {
    /// Takes in what became of a letter; `first` when it is the first of this run.
    pub fn sent(&mut self, sent: &Sent, first: bool, now: &Now) {
        let why = match sent {
            Sent::Accepted(_) => {
                let rest = std::mem::take(&mut self.rest);
                *self = Self { last_accepted: Some(now.wall), rest, ..Self::default() };
                return;
            }
            Sent::Later(why) | Sent::Busy { why, .. } => why,
            Sent::Never(why) => {
                self.refused_for_good = Some(now.wall);
                why
            }
        };
        self.failing_since.get_or_insert_with(|| now.stamp());
        self.why = one_line(&scrub(why), LONGEST);
        self.runs = self.runs.saturating_add(u32::from(first));
    }

    /// Whether people are not reached by it: not for one letter that it did not take a moment ago.
    pub fn is_broken(&self, now: &Now) -> bool {
        let lasts = |since: &Stamp| self.runs >= RUNS || now.elapsed(since) > LONG;
        self.failing_since.as_ref().is_some_and(lasts)
    }

    /// Since when it takes nothing, by the clock as it is now.
    pub fn since(&self, now: &Now) -> Option<Timestamp> {
        self.failing_since.as_ref().map(|since| now.when(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(secs: u64) -> Now {
        Now {
            wall: Timestamp::from_second(1_000_000 + i64::try_from(secs).unwrap()).unwrap(),
            boot: "b".into(),
            since_boot: Duration::from_secs(secs),
        }
    }

    #[test]
    fn it_is_broken_after_two_runs_or_five_minutes_and_whole_when_it_takes_one() {
        let no = || Sent::Later("refused".into());
        // What it was sent, in which run, and whether it is broken so many seconds after the first.
        for (sent, at, want) in [
            (vec![], 0, false),
            (vec![(no(), 0)], 1, false),
            (vec![(no(), 0)], 300, false),
            (vec![(no(), 0)], 301, true),
            (vec![(no(), 0), (no(), 0), (no(), 0)], 60, false),
            (vec![(no(), 0), (no(), 60)], 60, true),
            (vec![(Sent::Never("no such chat".into()), 0)], 301, true),
            (vec![(Sent::Busy { why: "429".into(), after: LONG }, 0)], 301, true),
            (vec![(no(), 0), (no(), 60), (Sent::Accepted("ok".into()), 120)], 400, false),
            (vec![(no(), 0), (Sent::Accepted("ok".into()), 60), (no(), 120)], 180, false),
        ] {
            let mut channel = Reachable::default();
            let mut runs = Vec::new();
            for (sent, secs) in &sent {
                channel.sent(sent, !runs.contains(secs), &now(*secs));
                runs.push(*secs);
            }
            assert_eq!(channel.is_broken(&now(at)), want, "{sent:?} at {at}");
        }
    }

    #[test]
    fn what_it_said_is_kept_without_secrets_and_forgotten_when_it_takes_one() {
        let mut channel = Reachable::default();
        let why = "https://user:hunter22@mx/: 401\nUnauthorized".to_owned();
        channel.sent(&Sent::Never(why), true, &now(5));
        assert!(!channel.why.contains("hunter22") && !channel.why.contains('\n'), "{channel:?}");
        assert!(channel.why.contains("401"), "{channel:?}");
        assert_eq!(channel.refused_for_good, Some(now(5).wall));
        channel.rest.insert("newer".into(), 1.into());
        channel.sent(&Sent::Accepted("250".into()), true, &now(9));
        let whole = Reachable {
            last_accepted: Some(now(9).wall),
            rest: channel.rest.clone(),
            ..Reachable::default()
        };
        assert_eq!((channel, whole.rest.len()), (whole, 1));
    }
}
