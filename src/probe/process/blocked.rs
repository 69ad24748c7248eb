//! Processes that wait in the kernel (the state `D`): every process does for a moment when it reads a disk, so one counts
//! as blocked only when it did at the last look too, long enough ago, and has done nothing in between. Reads the
//! processor time of those that wait, and of no other.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::model::trail::{Before, Trail};
use crate::probe::Answer;
use crate::sys::clock;
use crate::sys::process::{self, Process};

/// A slow disk has a process wait for seconds, and a look of the same run comes back sooner than this.
const LONG: f64 = 30.0;
/// Of so many it is kept for the next look.
const KEPT: usize = 100;
/// Where in the trail.
const NAME: &str = "waiting";

/// Those of one look that wait: since when they have been seen to, and with how much processor time used by then.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    boot: String,
    /// Seconds since boot.
    now: f64,
    seen: Map<String, Json>,
}

impl Waiting {
    /// How long `process` is known to have been blocked, if it is.
    pub(super) fn blocked(&mut self, process: &Process, at: &Before) -> Option<Duration> {
        if !process.waiting || !at.is_kept() {
            return None;
        }
        if self.seen.is_empty() {
            let now = clock::now();
            (self.boot, self.now) = (now.boot, now.since_boot.as_secs_f64());
        }
        let used = process::usage(process.pid)?.cpu;
        self.judge(process, used, at)
    }

    fn judge(&mut self, process: &Process, used: Duration, at: &Before) -> Option<Duration> {
        let (key, used) = (super::key(process), used.as_secs_f64());
        let kept = at.get(NAME).filter(|kept| kept["boot"] == self.boot.as_str());
        let sample = kept.map(|kept| &kept["seen"][&key]);
        let sample = sample.and_then(|sample| Some((sample[0].as_f64()?, sample[1].as_f64()?)));
        // Any work in between, and it has not been waiting for one and the same thing.
        let since = sample.filter(|(_, cpu)| used <= *cpu).map_or(self.now, |(since, _)| since);
        if self.seen.len() < KEPT {
            self.seen.insert(key, json!([since, used]));
        }
        let long = self.now - since;
        (long >= LONG).then(|| Duration::try_from_secs_f64(long).unwrap_or_default())
    }

    /// Leaves them for the next look, beside what the answer leaves itself.
    pub(super) fn left_by(self, mut answer: Answer, at: &Before) -> Answer {
        if !at.is_kept() || self.seen.is_empty() && at.get(NAME).is_none() {
            return answer;
        }
        let mut trail: Trail = answer.trail.unwrap_or_else(|| (*at.kept()).clone());
        if self.seen.is_empty() {
            trail.remove(NAME);
        } else {
            trail.insert(NAME.to_owned(), json!({ "boot": self.boot, "seen": self.seen }));
        }
        answer.trail = Some(trail);
        answer
    }
}

/// What a person can see of a process that waits.
pub(super) fn hint(pid: u32) -> String {
    format!("see what it waits for: `cat /proc/{pid}/stack`, `dmesg | tail`; no signal ends it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn process(start: u64) -> Process {
        let (name, waiting) = ("db".to_owned(), true);
        Process { pid: 7, parent: 1, name, start, zombie: false, stopped: false, waiting }
    }

    /// One look at `now` seconds since boot, with this much processor time used; what it finds is what `before` left.
    fn look(now: f64, start: u64, used: u64, before: &mut Before) -> Option<u64> {
        let mut waiting = Waiting { boot: "b".into(), now, ..Waiting::default() };
        let found = waiting.judge(&process(start), Duration::from_secs(used), before);
        let answer = waiting.left_by(Answer::up(""), before);
        *before = Before::Kept(Arc::new(answer.trail.unwrap()));
        found.map(|long| long.as_secs())
    }

    #[test]
    fn one_that_waits_at_two_looks_and_did_nothing_in_between_is_blocked() {
        let mut before = Before::Kept(Arc::default());
        assert_eq!(look(100.0, 5, 9, &mut before), None, "once proves nothing");
        assert_eq!(look(110.0, 5, 9, &mut before), None, "a slow disk");
        assert_eq!(look(160.0, 5, 9, &mut before), Some(60));
        assert_eq!(look(460.0, 5, 9, &mut before), Some(360));
        assert_eq!(look(520.0, 5, 10, &mut before), None, "it has worked since");
        assert_eq!(look(580.0, 6, 10, &mut before), None, "another process of that pid");
    }

    #[test]
    fn what_another_boot_left_does_not_count_and_what_others_left_stays() {
        let trail = json!({ "boot": "a", "seen": { "7/5": [1.0, 9.0] } });
        let other = Trail::from([("oldest".to_owned(), json!("7/5")), (NAME.to_owned(), trail)]);
        let mut before = Before::Kept(Arc::new(other));
        assert_eq!(look(500.0, 5, 9, &mut before), None);
        assert_eq!(before.get("oldest"), Some(&json!("7/5")));
        // Nobody waits any more.
        let answer = Waiting::default().left_by(Answer::up(""), &before);
        assert_eq!(answer.trail, Some(Trail::from([("oldest".to_owned(), json!("7/5"))])));
        assert_eq!(Waiting::default().left_by(Answer::up(""), &Before::Nowhere).trail, None);
    }
}
