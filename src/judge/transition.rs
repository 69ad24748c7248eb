//! From one cycle's verdict to what is believed: counters, status, the incident. Plans nothing, acts on nothing.

use std::collections::BTreeMap;

use crate::judge::attempts::{of_incident, prune};
use crate::judge::flapping;
use crate::model::incident::{Incident, Outcome, PastIncident};
use crate::model::policy::Policy;
use crate::model::state::{Flip, ServiceState, Status};
use crate::model::time::{Now, Stamp};
use crate::model::verdict::{Look, Verdict};

/// One cycle's verdict for one service. The second look after a proven heal is a cycle of its own here.
///
/// A change of status is returned as a [`Flip`], but for new → up, which tells nobody. Only a flip with
/// `closed` is a recovery, and it comes once for each incident. Down is believed after `fail_after` consecutive
/// cycles, or at once when the service is flapping; that opens an incident, named by `incident_id`. Up is
/// believed again after `recover_after` consecutive cycles, once it does not flap any more. Unknown changes
/// neither counters nor status. The attempts of an incident are still there when it closes; they are pruned in
/// later cycles, when no budget can ask for them.
pub fn transition(
    service: &str,
    prev: Option<&ServiceState>,
    verdict: Verdict,
    looks: Vec<Look>,
    policy: &Policy,
    now: &Now,
    incident_id: impl FnOnce() -> String,
) -> (ServiceState, Option<Flip>) {
    let mut state = prev.cloned().unwrap_or_else(|| ServiceState::new(now.stamp()));
    let (from, since) = (state.status, state.since.clone());
    prune(&mut state, policy, now);
    let closed = match &verdict {
        Verdict::Up => found_up(&mut state, policy, now),
        Verdict::Down(reason) => {
            found_down(&mut state, reason, policy, now, incident_id);
            None
        }
        Verdict::Unknown(_) => None,
    };
    let why = match (&closed, &verdict) {
        (Some(PastIncident { healed_by: Some(remedy), .. }), _) => format!("healed by `{remedy}`"),
        (_, Verdict::Up) => "up again".to_owned(),
        (_, other) => other.reason().to_owned(),
    };
    state.verdict = verdict;
    state.looks = looks;
    state.looked = now.stamp();

    let quiet = from == state.status || (from, state.status) == (Status::New, Status::Up);
    let flip = (!quiet || closed.is_some()).then(|| Flip {
        service: service.to_owned(),
        from,
        to: state.status,
        reason: why,
        lasted: now.elapsed(&since),
        closed,
    });
    (state, flip)
}

fn found_up(state: &mut ServiceState, policy: &Policy, now: &Now) -> Option<PastIncident> {
    state.failures = 0;
    state.successes = state.successes.saturating_add(1);
    state.blocked_by = None;
    state.left_alone = None;
    flapping::remember(state, true, policy.flapping);
    if state.incident.is_some() && (state.successes < policy.recover_after || state.flapping) {
        return None;
    }
    let healed_by = of_incident(state)
        .last()
        .filter(|a| a.outcome == Some(Outcome::Healed))
        .map(|a| a.remedy.clone());
    become_status(state, Status::Up, now);
    let incident = state.incident.take()?;
    let past = PastIncident {
        id: incident.id,
        opened: incident.opened,
        closed: now.stamp(),
        reason: incident.reason,
        told_to: incident.told_to,
        healed_by,
    };
    state.last_incident = Some(past.clone());
    Some(past)
}

fn found_down(
    state: &mut ServiceState,
    reason: &str,
    policy: &Policy,
    now: &Now,
    incident_id: impl FnOnce() -> String,
) {
    state.successes = 0;
    state.failures = state.failures.saturating_add(1);
    flapping::remember(state, false, policy.flapping);
    did_not_hold(state, reason);
    if state.incident.is_some() {
        // The open incident is the truth; a status that contradicts it was edited or cut short.
        if state.status != Status::Failed {
            become_status(state, Status::Down, now);
        }
        return;
    }
    // Down or failed without an incident was edited or cut short too: it gets one, and is told.
    let known = matches!(state.status, Status::Down | Status::Failed);
    if known || state.failures >= policy.fail_after || state.flapping {
        become_status(state, Status::Down, now);
        state.incident = Some(Incident {
            id: incident_id(),
            opened: now.stamp(),
            reason: reason.to_owned(),
            attempts: 0,
            gave_up: None,
            told: None,
            told_to: BTreeMap::new(),
            held: None,
        });
    } else {
        become_status(state, Status::Suspect, now);
    }
}

/// An attempt of the open incident that seemed to heal, and now it is down again: it did not.
fn did_not_hold(state: &mut ServiceState, reason: &str) {
    let Some(id) = state.incident.as_ref().map(|i| i.id.as_str()) else { return };
    for attempt in state.attempts.iter_mut().filter(|a| a.incident == id) {
        if attempt.outcome == Some(Outcome::Healed) {
            if let Some(tally) = state.remedies.get_mut(&attempt.remedy) {
                tally.worked = tally.worked.saturating_sub(1);
            }
            attempt.outcome = Some(Outcome::StillDown(format!("it did not hold: {reason}")));
        }
    }
}

/// Sets the status and, if it is another one, since when.
pub(crate) fn become_status(state: &mut ServiceState, status: Status, now: &Now) -> Stamp {
    let since = state.since.clone();
    if state.status != status {
        state.status = status;
        state.since = now.stamp();
    }
    since
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::{attempt, cycle, cycles, now, secs};

    fn patient(fail_after: u32, recover_after: u32) -> Policy {
        Policy { fail_after, recover_after, ..Policy::default() }
    }

    #[test]
    fn verdicts_make_status_by_their_consecutive_count() {
        use Status::{Down, New, Suspect, Up};
        for (fail_after, recover_after, verdicts, want) in [
            (1, 1, "", New),
            (1, 1, "?", New),
            (1, 1, "u", Up),
            (1, 1, "d", Down),
            (3, 1, "d", Suspect),
            (3, 1, "udd", Suspect),
            (3, 1, "uddu", Up),
            (3, 1, "uddudd", Suspect),
            (3, 1, "uddd", Down),
            (3, 1, "udd?d", Down), // unknown breaks no row and adds to none
            (3, 1, "udd???", Suspect),
            (1, 3, "duu", Down),
            (1, 3, "duudu", Down),
            (1, 3, "duu?u", Up),
            (1, 3, "uuuuduu", Down),
            (1, 1, "d?", Down),
            (1, 1, "u?", Up),
        ] {
            let (state, _) = cycles(verdicts, &patient(fail_after, recover_after));
            assert_eq!(state.status, want, "{verdicts} with {fail_after}/{recover_after}");
            assert_eq!(state.incident.is_some(), want == Down, "{verdicts}");
        }
    }

    #[test]
    fn unknown_changes_nothing_but_the_last_verdict() {
        for before in ["u", "d", "udd", "ud"] {
            let (state, at) = cycles(before, &patient(2, 2));
            let (after, flip) = cycle(Some(&state), '?', &patient(2, 2), &now(at + 60));
            assert_eq!(flip, None, "{before}");
            assert_eq!(after.verdict, Verdict::Unknown("no answer".into()));
            let same = ServiceState {
                verdict: state.verdict.clone(),
                looked: state.looked.clone(),
                ..after
            };
            assert_eq!(same, state, "{before}");
        }
    }

    #[test]
    fn flips_say_from_what_to_what_and_how_long_it_lasted() {
        let policy = patient(2, 1);
        let mut state = None;
        let mut flips = Vec::new();
        for (at, letter) in [(0, 'u'), (60, 'u'), (120, 'd'), (180, 'd'), (240, 'd'), (300, 'u')] {
            let (next, flip) = cycle(state.as_ref(), letter, &policy, &now(1000 + at));
            flips.extend(flip.map(|f| (f.from, f.to, f.lasted, f.closed.is_some(), f.reason)));
            state = Some(next);
        }
        assert_eq!(
            flips,
            [
                (Status::Up, Status::Suspect, secs(120), false, "refused".to_owned()),
                (Status::Suspect, Status::Down, secs(60), false, "refused".to_owned()),
                (Status::Down, Status::Up, secs(120), true, "up again".to_owned()),
            ]
        );
        let past = state.unwrap().last_incident.unwrap();
        assert_eq!((past.opened, past.closed), (now(1180).stamp(), now(1300).stamp()));
        assert_eq!(past.reason, "refused");
    }

    #[test]
    fn only_an_attempt_that_was_seen_to_heal_is_credited() {
        let still = || Some(Outcome::StillDown("refused".into()));
        for (outcomes, want) in [
            (vec![], None),
            (vec![None], None),
            (vec![still()], None),
            (vec![Some(Outcome::Healed)], Some("service_restart")),
            (vec![still(), Some(Outcome::Healed)], Some("service_restart")),
            (vec![Some(Outcome::Healed), still()], None),
            (
                vec![Some(Outcome::Healed), Some(Outcome::Refused("x".into()))],
                Some("service_restart"),
            ),
        ] {
            let (mut state, at) = cycles("ud", &Policy::default());
            for outcome in &outcomes {
                attempt(&mut state, &now(at), outcome.clone());
            }
            let (state, flip) = cycle(Some(&state), 'u', &Policy::default(), &now(at + 5));
            let closed = flip.unwrap().closed.unwrap();
            assert_eq!(closed.healed_by.as_deref(), want, "{outcomes:?}");
            assert_eq!(state.attempts.len(), outcomes.len(), "they are there to be told");
        }
    }

    #[test]
    fn a_heal_that_is_down_again_within_its_incident_did_not_hold() {
        let policy = patient(1, 2);
        let (mut state, at) = cycles("ud", &policy);
        attempt(&mut state, &now(at), Some(Outcome::Healed));
        for (i, letter) in "uduu".chars().enumerate() {
            state = cycle(Some(&state), letter, &policy, &now(at + 5 + 60 * i as u64)).0;
        }
        assert_eq!(state.status, Status::Up);
        assert_eq!(state.last_incident.unwrap().healed_by, None);
        let why = "it did not hold: refused".to_owned();
        assert_eq!(state.attempts[0].outcome, Some(Outcome::StillDown(why)));
    }

    #[test]
    fn a_flapping_service_is_one_incident_told_once_and_closed_once() {
        let policy = Policy { fail_after: 3, ..Policy::default() };
        let mut state = None;
        let (mut opened, mut closed) = (0, 0);
        let letters = format!("{}{}", "du".repeat(15), "u".repeat(20));
        for (i, letter) in letters.chars().enumerate() {
            let (next, flip) = cycle(state.as_ref(), letter, &policy, &now(60 * i as u64));
            opened += usize::from(flip.as_ref().is_some_and(|f| f.to == Status::Down));
            closed += usize::from(flip.is_some_and(|f| f.closed.is_some()));
            state = Some(next);
        }
        assert_eq!((opened, closed), (1, 1));
        assert!(!state.unwrap().flapping);
    }

    #[test]
    fn a_state_that_contradicts_itself_is_put_right_and_told() {
        for status in [Status::Down, Status::Failed] {
            let (mut state, at) = cycles("ud", &Policy::default());
            (state.status, state.incident) = (status, None);
            let (state, _) = cycle(Some(&state), 'd', &patient(9, 1), &now(at + 60));
            assert_eq!(state.status, Status::Down);
            assert!(state.incident.is_some());
        }
        let (mut state, at) = cycles("ud", &Policy::default());
        state.status = Status::Up;
        let (_, flip) = cycle(Some(&state), 'u', &Policy::default(), &now(at + 60));
        assert!(flip.unwrap().closed.is_some(), "the recovery is not lost");
    }

    #[test]
    fn up_clears_what_held_it_down() {
        let (mut state, at) = cycles("ud", &Policy::default());
        (state.blocked_by, state.left_alone) = (Some("db".into()), Some("masked".into()));
        let (state, _) = cycle(Some(&state), 'u', &Policy::default(), &now(at + 60));
        assert_eq!((state.blocked_by, state.left_alone), (None, None));
    }
}
