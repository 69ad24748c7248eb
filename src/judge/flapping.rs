//! Whether a service goes up and down in turns, so often that healing it hides the fault. Decides nothing
//! else; `plan` stops healing and `transition` keeps the incident open.
//!
//! The measure is the one Nagios documents: of the last 21 verdicts, each of the 20 places where it could have
//! changed weighs from 0.8 (oldest) to 1.2 (newest); the sum of those where it did, of 20, is the percentage.

use crate::model::policy::Flapping;
use crate::model::state::{RECENT, ServiceState};

/// One percent, in the units of [`changes`].
const PERCENT: u32 = 38;

/// Remembers a verdict (true: up) and judges anew. It can begin only when the service is found down, so that
/// the heal which just held is told as one; it can end at any time.
pub fn remember(state: &mut ServiceState, up: bool, limits: Option<Flapping>) {
    state.recent.push(if up { 'u' } else { 'd' });
    // Counted in characters: the text comes from a file that a person may have edited.
    while state.recent.chars().count() > RECENT {
        state.recent.remove(0);
    }
    let Some(limits) = limits else {
        state.flapping = false;
        return;
    };
    let changes = changes(&state.recent);
    if state.flapping {
        state.flapping = changes >= u32::from(limits.stop) * PERCENT;
    } else {
        state.flapping = !up && changes >= u32::from(limits.start) * PERCENT;
    }
}

/// How much of the remembered time it was changing, 0 to 100 percent.
pub fn percent(recent: &str) -> u32 {
    changes(recent) / PERCENT
}

/// The weighted changes. A weight is `0.8 + 0.4 * place / 19` with the newest of the 20 places as 19, here times
/// 190 so that it stays whole; all twenty make 3800. Verdicts that are not there yet count as no change.
fn changes(recent: &str) -> u32 {
    let newest_first: Vec<char> = recent.chars().rev().take(RECENT).collect();
    newest_first
        .windows(2)
        .zip((0..20).rev())
        .filter(|(pair, _)| pair[0] != pair[1])
        .map(|(_, place)| 152 + 4 * place)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::new_state;
    use crate::model::policy::Policy;

    fn feed(verdicts: &str) -> ServiceState {
        let mut state = new_state();
        for c in verdicts.chars() {
            remember(&mut state, c == 'u', Policy::default().flapping);
        }
        state
    }

    #[test]
    fn newer_changes_weigh_more_and_all_of_them_are_a_hundred() {
        for (recent, want) in [
            ("", 0),
            ("u", 0),
            ("uuuuuuuuuuuuuuuuuuuuu", 0),
            ("ud", 6),                     // 1.2 of 20
            ("uddddddddddddddddddddd", 0), // the change has left the ring
            ("udddddddddddddddddddd", 4),  // 0.8 of 20
            ("ududududududududududu", 100),
            ("dudududud", 45),
        ] {
            assert_eq!(percent(recent), want, "{recent}");
        }
    }

    #[test]
    fn the_five_heals_of_the_default_budget_are_not_flapping_and_the_sixth_is() {
        for before in ["", "u", "uuuuuuuuuuuuuuuuuuuuu"] {
            let flapping = |verdicts: &str| feed(&format!("{before}{verdicts}")).flapping;
            assert!(!flapping("dudududud"), "down for the fifth time after {before:?}");
            assert!(!flapping("dududududu"), "healed for the fifth time after {before:?}");
            assert!(flapping("dududududud"), "down for the sixth time after {before:?}");
        }
    }

    #[test]
    fn it_begins_high_and_ends_low() {
        let mut state = feed("dududududud");
        let mut calm = 0;
        while state.flapping {
            remember(&mut state, true, Policy::default().flapping);
            calm += 1;
            assert!(calm < 30, "it never ends: {}", state.recent);
            assert_eq!(state.flapping, percent(&state.recent) >= 25, "{}", state.recent);
        }
        assert!(calm > 5, "hysteresis: only {calm} calm cycles");
    }

    #[test]
    fn it_never_begins_on_being_found_up_and_never_when_switched_off() {
        for length in 1..60 {
            let verdicts: String = "du".chars().cycle().take(length).collect();
            let mut state = new_state();
            for c in verdicts.chars() {
                let before = state.flapping;
                remember(&mut state, c == 'u', Policy::default().flapping);
                assert!(before || !state.flapping || c == 'd', "began on up in {verdicts}");
            }
        }
        let mut state = feed("dududududud");
        remember(&mut state, false, None);
        assert!(!state.flapping);
    }

    #[test]
    fn a_ring_edited_by_hand_is_cut_to_size_without_a_panic() {
        let mut state = new_state();
        state.recent = "üüü—".repeat(20);
        remember(&mut state, true, Policy::default().flapping);
        assert_eq!(state.recent.chars().count(), RECENT);
    }
}
