//! When a ping is tried again: pauses that grow and are spread, inside a deadline. Knows nothing of HTTP and
//! never sleeps itself.

use std::time::Duration;

use crate::heartbeat::answer::Answer;
use crate::model::text::human_duration;
use crate::sys::clock::Deadline;

/// The first pause; each further one doubles, up to [`LONGEST`].
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause of our own; a service may ask for longer.
const LONGEST: Duration = Duration::from_secs(30);

/// How often, and until when.
pub(super) struct Bounds {
    /// At most.
    pub(super) tries: u32,
    /// Bound on one try.
    pub(super) timeout: Duration,
    /// Bound on all, pauses included.
    pub(super) deadline: Deadline,
}

/// What came of all tries.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Why it was not accepted; none when it was.
    pub(super) refused: Option<String>,
    /// Tries made.
    pub(super) tries: u32,
}

/// Tries with `once` (which is given its time limit) until it is accepted, refused for good, or the bounds
/// are reached. `pause` sleeps and says whether to go on; `spread` gives a factor from 0.5 to 1.5, so that a
/// fleet does not come back all at once.
pub(super) fn run(
    bounds: &Bounds,
    once: &mut dyn FnMut(Duration) -> Answer,
    pause: &mut dyn FnMut(Duration) -> bool,
    spread: &mut dyn FnMut() -> f64,
) -> Outcome {
    let mut tries = 0;
    let ended = |refused: Option<String>, tries| Outcome { refused, tries };
    let mut last = "not tried: the deadline has passed".to_owned();
    while tries < bounds.tries {
        let left = bounds.deadline.left();
        if left.is_zero() {
            break;
        }
        tries += 1;
        let (why, asked) = match once(bounds.timeout.min(left)) {
            Answer::Accepted => return ended(None, tries),
            Answer::Refused(why) => return ended(Some(why), tries),
            Answer::Later { why, after } => (why, after),
        };
        last = why;
        if tries == bounds.tries {
            break;
        }
        let own = FIRST.saturating_mul(1 << (tries - 1).min(16)).min(LONGEST).mul_f64(spread());
        let left = bounds.deadline.left();
        if let Some(asked) = asked.filter(|asked| *asked >= left) {
            let asked = human_duration(asked);
            last = format!("{last}: asked to come back in {asked}, later than this run may last");
            break;
        }
        let next = own.max(asked.unwrap_or_default());
        if next >= left {
            last = format!("{last}: no time left for another try");
            break;
        }
        if !pause(next) {
            last = format!("{last}: not tried again");
            break;
        }
    }
    ended(Some(last), tries)
}

/// A factor from 0.5 to 1.5 by chance.
pub(super) fn spread() -> f64 {
    let (high, _) = uuid::Uuid::new_v4().as_u64_pair();
    // The top 32 bits of a version 4 UUID are all random (RFC 9562 section 5.4).
    let chance = u32::try_from(high >> 32).unwrap_or_default();
    0.5 + f64::from(chance) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `answers`; the outcome and the pauses that were made, in milliseconds.
    fn play(tries: u32, deadline: u64, answers: Vec<Answer>) -> (Outcome, Vec<u128>) {
        let bounds = Bounds {
            tries,
            timeout: Duration::from_secs(10),
            deadline: Deadline::after(Duration::from_secs(deadline)),
        };
        let mut answers = answers.into_iter();
        let mut pauses = Vec::new();
        let outcome = run(
            &bounds,
            &mut |_| answers.next().expect("tried more often than was foreseen"),
            &mut |pause| {
                pauses.push(pause.as_millis());
                true
            },
            &mut || 1.0,
        );
        assert_eq!(answers.next(), None, "tried less often than was foreseen");
        (outcome, pauses)
    }

    fn later(after: Option<u64>) -> Answer {
        Answer::Later { why: "busy".into(), after: after.map(Duration::from_secs) }
    }

    fn refused(why: &str, tries: u32) -> Outcome {
        Outcome { refused: Some(why.into()), tries }
    }

    #[test]
    fn pauses_double_and_an_acceptance_ends_it() {
        let all = [vec![later(None); 7], vec![Answer::Accepted]].concat();
        let (outcome, pauses) = play(9, 3600, all);
        assert_eq!(outcome, Outcome { refused: None, tries: 8 });
        assert_eq!(pauses, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    }

    #[test]
    fn what_is_refused_for_good_is_not_tried_again() {
        let (outcome, pauses) = play(3, 60, vec![Answer::Refused("gone".into())]);
        assert_eq!((outcome, pauses), (refused("gone", 1), vec![]));
    }

    #[test]
    fn out_of_tries_the_last_reason_stands() {
        let (outcome, pauses) = play(3, 60, vec![later(None); 3]);
        assert_eq!((outcome, pauses), (refused("busy", 3), vec![1000, 2000]));
    }

    #[test]
    fn retry_after_is_waited_for_if_it_fits() {
        let (outcome, pauses) =
            play(3, 60, vec![later(Some(20)), later(Some(0)), Answer::Accepted]);
        assert_eq!((outcome, pauses), (Outcome { refused: None, tries: 3 }, vec![20_000, 2000]));
        let (outcome, pauses) = play(3, 60, vec![later(Some(7200))]);
        let want = "busy: asked to come back in 2h, later than this run may last";
        assert_eq!((outcome, pauses), (refused(want, 1), vec![]));
    }

    #[test]
    fn a_deadline_ends_it_before_a_pause_that_does_not_fit() {
        let bounds = |millis| Bounds {
            tries: 3,
            timeout: Duration::from_secs(10),
            deadline: Deadline::after(Duration::from_millis(millis)),
        };
        let mut limits = Vec::new();
        let mut once = |limit| {
            limits.push(limit);
            later(None)
        };
        let outcome = run(&bounds(500), &mut once, &mut |_| panic!("no pause fits"), &mut || 1.0);
        assert_eq!(outcome, refused("busy: no time left for another try", 1));
        assert!(limits.len() == 1 && limits[0] <= Duration::from_millis(500), "{limits:?}");
        let none = run(&bounds(0), &mut |_| panic!("too late"), &mut |_| true, &mut || 1.0);
        assert_eq!(none, refused("not tried: the deadline has passed", 0));
    }

    #[test]
    fn chance_stays_in_its_range_and_varies() {
        let all: Vec<f64> = (0..100).map(|_| spread()).collect();
        assert!(all.iter().all(|factor| (0.5..=1.5).contains(factor)), "{all:?}");
        assert!(all.iter().any(|factor| (factor - all[0]).abs() > 0.01), "{all:?}");
    }
}
