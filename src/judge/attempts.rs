//! Attempts as they are remembered and counted. Decides nothing; `plan` does.

use std::time::Duration;

use crate::model::incident::{Attempt, Outcome};
use crate::model::policy::Policy;
use crate::model::state::{ServiceState, Tally};
use crate::model::time::Now;

/// Attempts remembered at most, unless the budget must know of more.
const KEPT: usize = 64;

/// Notes that a remedy is about to be applied. The caller saves the state before it acts, so that an attempt
/// of a run that is killed counts.
pub fn begin_attempt(state: &mut ServiceState, remedy: &str, now: &Now) {
    let incident = state.incident.as_mut().map_or_else(String::new, |incident| {
        incident.attempts = incident.attempts.saturating_add(1);
        incident.id.clone()
    });
    state.left_alone = None;
    state.attempts.push(Attempt {
        incident,
        remedy: remedy.to_owned(),
        at: now.stamp(),
        did: Vec::new(),
        said: Vec::new(),
        took: Duration::ZERO,
        outcome: None,
    });
}

/// Notes what the attempt that was begun last is about to do: for one that ends the run before its outcome is known.
pub fn about_to(state: &mut ServiceState, did: &str) {
    if let Some(attempt) = state.attempts.last_mut().filter(|a| a.outcome.is_none()) {
        attempt.did = vec![did.to_owned()];
    }
}

/// Notes how the attempt that was begun last ended. Does nothing when none is going on.
pub fn end_attempt(
    state: &mut ServiceState,
    did: Vec<String>,
    said: Vec<String>,
    outcome: Outcome,
    took: Duration,
) {
    let Some(attempt) = state.attempts.last_mut().filter(|a| a.outcome.is_none()) else { return };
    attempt.did = did;
    attempt.said = said;
    attempt.took = took;
    let worked = u32::from(outcome == Outcome::Healed);
    attempt.outcome = Some(outcome);
    if !attempt.counts() {
        return;
    }
    let tally = state.remedies.entry(attempt.remedy.clone()).or_insert_with(|| Tally {
        tried: 0,
        worked: 0,
        last: attempt.at.clone(),
        skip_told: false,
        rest: serde_json::Map::new(),
    });
    tally.tried = tally.tried.saturating_add(1);
    tally.worked = tally.worked.saturating_add(worked);
    tally.last = attempt.at.clone();
    tally.skip_told = false;
}

/// Attempts that count, in the window that ends now.
pub fn used(state: &ServiceState, window: Duration, now: &Now) -> u32 {
    let within = |a: &&Attempt| a.counts() && now.elapsed_at_least(&a.at) < window;
    u32::try_from(state.attempts.iter().filter(within).count()).unwrap_or(u32::MAX)
}

/// How long until the window has room for an attempt; zero when it has. An attempt whose age is not known
/// (another boot) is as old as this boot.
pub fn until_room(state: &ServiceState, policy: &Policy, now: &Now) -> Duration {
    let window = policy.max_heals.window;
    let mut left: Vec<Duration> = state
        .attempts
        .iter()
        .filter(|a| a.counts())
        .map(|a| window.saturating_sub(now.elapsed_at_least(&a.at)))
        .filter(|left| !left.is_zero())
        .collect();
    left.sort_unstable();
    let room = usize::try_from(policy.max_heals.count).unwrap_or(usize::MAX);
    // Of `n` attempts in the window all but `room - 1` must leave it.
    match (left.len() + 1).checked_sub(room) {
        None | Some(0) => Duration::ZERO,
        Some(leave) => left.get(leave - 1).copied().unwrap_or(window),
    }
}

/// The attempts of the open incident that count, oldest first. While it is down none of them has healed it.
pub fn of_incident(state: &ServiceState) -> impl Iterator<Item = &Attempt> {
    let id = state.incident.as_ref().map(|i| i.id.as_str());
    state.attempts.iter().filter(move |a| a.counts() && Some(a.incident.as_str()) == id)
}

/// Drops the attempts that nothing can ask for any more: not the open incident's, not those that a budget, a
/// cooldown or a retry still counts; and the oldest of too many, those that did nothing first.
pub fn prune(state: &mut ServiceState, policy: &Policy, now: &Now) {
    let horizon = policy.max_heals.window.max(policy.retry_after);
    let open = state.incident.as_ref().map(|i| i.id.as_str());
    state
        .attempts
        .retain(|a| Some(a.incident.as_str()) == open || now.elapsed_at_least(&a.at) < horizon);
    let kept = KEPT.max(usize::try_from(policy.max_heals.count).unwrap_or(usize::MAX));
    while state.attempts.len() > kept {
        let oldest = state.attempts.iter().position(|a| !a.counts()).unwrap_or(0);
        state.attempts.remove(oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::{attempt, cycles, new_state, now, rebooted, secs};
    use crate::model::policy::Budget;

    fn still() -> Outcome {
        Outcome::StillDown("refused".into())
    }

    fn refused() -> Outcome {
        Outcome::Refused("no right".into())
    }

    #[test]
    fn an_attempt_counts_from_its_beginning_and_a_refused_one_never() {
        let (mut state, at) = cycles("d", &Policy::default());
        begin_attempt(&mut state, "service_restart", &now(at));
        assert_eq!(used(&state, secs(600), &now(at)), 1, "a killed run leaves it like this");
        end_attempt(
            &mut state,
            Vec::new(),
            Vec::new(),
            Outcome::Refused("no right".into()),
            secs(1),
        );
        assert_eq!(used(&state, secs(600), &now(at)), 0);
        attempt(&mut state, &now(at), still());
        assert_eq!(used(&state, secs(600), &now(at)), 1);
        assert_eq!(state.incident.unwrap().attempts, 2);
    }

    #[test]
    fn each_remedy_is_counted_for_itself_and_what_was_refused_is_not() {
        let (mut state, at) = cycles("d", &Policy::default());
        for (second, outcome) in [(0, still()), (1, refused()), (2, Outcome::Healed), (3, still())]
        {
            attempt(&mut state, &now(at + second), outcome);
        }
        attempt(&mut state, &now(at + 9), None);
        let tally = &state.remedies["service_restart"];
        assert_eq!((tally.tried, tally.worked, &tally.last), (3, 1, &now(at + 3).stamp()));
        assert_eq!(state.remedies.len(), 1);
    }

    #[test]
    fn ending_what_has_ended_changes_nothing() {
        let (mut state, at) = cycles("d", &Policy::default());
        attempt(&mut state, &now(at), still());
        let before = state.clone();
        end_attempt(&mut state, Vec::new(), Vec::new(), Outcome::Healed, secs(9));
        assert_eq!(state, before);
    }

    #[test]
    fn the_window_slides_and_a_reboot_never_shortens_it() {
        let mut state = new_state();
        for at in [1000, 1100, 1200] {
            attempt(&mut state, &now(at), still());
        }
        let policy =
            Policy { max_heals: Budget { count: 3, window: secs(600) }, ..Policy::default() };
        for (at, want, room_in) in [
            (now(1200), 3, 400),
            (now(1599), 3, 1),
            (now(1600), 2, 0),
            (now(1700), 1, 0),
            (now(1800), 0, 0),
            (rebooted(1900, 30), 3, 570), // perhaps they were seconds before the boot
            (rebooted(9000, 599), 3, 1),
            (rebooted(9000, 600), 0, 0),
        ] {
            assert_eq!(used(&state, secs(600), &at), want, "{at:?}");
            assert_eq!(until_room(&state, &policy, &at), secs(room_in), "{at:?}");
        }
    }

    #[test]
    fn what_a_budget_can_ask_for_and_what_the_open_incident_tells_is_kept() {
        let policy = Policy { retry_after: secs(700), ..Policy::default() };
        let (mut state, _) = cycles("d", &policy);
        let incident = state.incident.take();
        attempt(&mut state, &now(1000), still());
        state.incident = incident;
        attempt(&mut state, &now(1001), still());
        prune(&mut state, &policy, &now(1699));
        assert_eq!(state.attempts.len(), 2);
        prune(&mut state, &policy, &now(1700));
        assert_eq!(state.attempts.len(), 1, "the other belongs to the open incident");
        assert_eq!(of_incident(&state).count(), 1);
    }

    #[test]
    fn of_too_many_the_refused_go_first_and_the_budget_is_never_forgotten() {
        let (mut state, at) = cycles("d", &Policy::default());
        for i in 0..200 {
            attempt(&mut state, &now(at), if i % 2 == 0 { refused() } else { still() });
        }
        let policy =
            |count| Policy { max_heals: Budget { count, window: secs(600) }, ..Policy::default() };
        prune(&mut state, &policy(90), &now(at));
        assert_eq!(state.attempts.len(), 90);
        assert_eq!(used(&state, secs(600), &now(at)), 90);
        prune(&mut state, &policy(5), &now(at));
        assert_eq!(state.attempts.len(), KEPT);
        assert!(state.attempts.iter().all(Attempt::counts));
    }
}
