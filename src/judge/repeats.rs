//! When it is told that a service has to be healed again and again. Counts what was proven; heals nothing, sends
//! nothing.

use std::time::Duration;

use crate::model::policy::Policy;
use crate::model::repeats::{PastHeal, Repeats};
use crate::model::state::ServiceState;
use crate::model::time::Now;

/// So long, and so many, heals are remembered.
const KEPT: (Duration, usize) = (Duration::from_hours(30 * 24), 100);
/// It is told at most this often.
const EVERY: Duration = Duration::from_hours(7 * 24);

/// Remembers a heal; the oldest make room.
pub fn remember(state: &mut ServiceState, heal: PastHeal, now: &Now) {
    state.heals.push(heal);
    state.heals.retain(|heal| now.elapsed(&heal.at) < KEPT.0);
    let over = state.heals.len().saturating_sub(KEPT.1);
    state.heals.drain(..over);
}

/// What is to be told now; it is then remembered as told.
pub fn due(state: &mut ServiceState, policy: &Policy, now: &Now) -> Option<Repeats> {
    let repeats = Repeats::of(&state.heals, policy.repeats, now).filter(|found| found.reached)?;
    if state.repeats_told.as_ref().is_some_and(|told| now.elapsed(told) < EVERY) {
        return None;
    }
    state.repeats_told = Some(now.stamp());
    Some(repeats)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::{new_state, now, rebooted, secs};
    use crate::model::policy::Budget;

    const DAY: u64 = 24 * 3600;

    fn heal(at: &Now, cause: &str) -> PastHeal {
        PastHeal { at: at.stamp(), remedy: "service_restart".into(), cause: cause.into() }
    }

    /// The days on which it is told, of heals on these days.
    fn told(days: &[u64], policy: &Policy) -> Vec<u64> {
        let mut state = new_state();
        let tell = |day: &&u64| {
            let at = now(**day * DAY);
            remember(&mut state, heal(&at, ""), &at);
            due(&mut state, policy, &at).is_some()
        };
        days.iter().filter(tell).copied().collect()
    }

    #[test]
    fn the_third_heal_in_a_week_is_told_and_then_at_most_weekly() {
        let policy = Policy::default();
        assert_eq!(told(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], &policy), [3, 10]);
        assert_eq!(told(&[1, 5, 9, 13, 17], &policy), [0; 0], "never three within seven days");
        assert_eq!(told(&[1, 1, 1], &Policy { repeats: None, ..policy.clone() }), [0; 0]);
        let often = Policy { repeats: Some(Budget { count: 2, window: secs(2 * DAY) }), ..policy };
        assert_eq!(told(&[1, 3, 4, 20, 21], &often), [4, 21]);
    }

    #[test]
    fn a_reboot_and_a_clock_set_back_lose_and_invent_nothing() {
        let mut state = new_state();
        for day in [1, 2] {
            remember(&mut state, heal(&now(day * DAY), ""), &now(day * DAY));
        }
        let after = rebooted(3 * DAY, 30);
        remember(&mut state, heal(&after, ""), &after);
        assert!(due(&mut state, &Policy::default(), &after).is_some());
        let back = Now { wall: now(0).wall, ..rebooted(3 * DAY, 60) };
        assert_eq!(due(&mut state, &Policy::default(), &back), None, "told a minute ago");
    }

    #[test]
    fn what_is_remembered_is_bounded_in_time_and_number() {
        let mut state = new_state();
        remember(&mut state, heal(&now(0), ""), &now(0));
        remember(&mut state, heal(&now(30 * DAY), ""), &now(30 * DAY));
        assert_eq!(state.heals.len(), 1);
        for _ in 0..300 {
            remember(&mut state, heal(&now(30 * DAY), ""), &now(30 * DAY));
        }
        assert_eq!(state.heals.len(), KEPT.1);
    }

    #[test]
    fn it_is_told_how_often_of_what_and_by_what() {
        let at = now(7 * DAY);
        let heals = [heal(&now(DAY), ""), heal(&now(2 * DAY), "x"), heal(&now(3 * DAY), "x")];
        let repeats = |limit| Repeats::of(&heals, limit, &at).unwrap();
        let three = repeats(Some(Budget { count: 3, window: secs(7 * DAY) }));
        assert_eq!(three.words(), "healed 3 times in 7 days: fix the cause");
        assert_eq!(three.causes(), [("x", 2), ("not known", 1)]);
        assert_eq!(three.remedies(), [("service_restart", 3)]);
        assert_eq!(repeats(None).words(), "healed 3 times in 7 days");
        let once = repeats(Some(Budget { count: 1, window: secs(4 * DAY + 1) }));
        assert_eq!(once.words(), "healed once in 4d: fix the cause");
        assert_eq!(Repeats::of(&heals, None, &now(40 * DAY)), None);
    }
}
