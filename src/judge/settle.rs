//! Writes a plan's decision into the state. Decides nothing itself.

use crate::judge::plan::{Action, Why};
use crate::judge::transition::become_status;
use crate::model::state::{Flip, ServiceState, Status};
use crate::model::time::Now;

/// Notes what was decided: whom it waits for, why it is left alone, that it was given up. The flip to
/// [`Status::Failed`], to be told, comes once for each incident.
pub fn settle(state: &mut ServiceState, service: &str, action: &Action, now: &Now) -> Option<Flip> {
    state.blocked_by = match action {
        Action::Blocked(by) => Some(by.clone()),
        // Nothing was found out, so nothing has changed.
        Action::Leave(Why::Unknown) => state.blocked_by.take(),
        _ => None,
    };
    match action {
        Action::GiveUp(reason) => {
            state.left_alone = None;
            give_up(state, service, reason, now)
        }
        Action::HandsOff(reason) => {
            state.left_alone = Some(reason.clone());
            give_up(state, service, reason, now)
        }
        Action::Leave(why @ Why::Stopped) => {
            state.left_alone = Some(why.words().to_owned());
            None
        }
        Action::Leave(_) => None,
        Action::Wait { .. } | Action::Heal { .. } | Action::Blocked(_) => {
            // Once given up it stays, so that `plan` knows it was an obstacle, and that it has gone.
            if state.status != Status::Failed {
                state.left_alone = None;
            }
            None
        }
    }
}

/// Gives the open incident up: a person is needed. Once for each incident; without one, nothing.
pub fn give_up(state: &mut ServiceState, service: &str, reason: &str, now: &Now) -> Option<Flip> {
    let incident = state.incident.as_mut()?;
    let first = incident.gave_up.is_none();
    if first {
        incident.gave_up = Some(now.stamp());
    }
    let from = state.status;
    let since = become_status(state, Status::Failed, now);
    first.then(|| Flip {
        service: service.to_owned(),
        from,
        to: Status::Failed,
        reason: reason.to_owned(),
        lasted: now.elapsed(&since),
        closed: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::attempts::begin_attempt;
    use crate::judge::support::{cycle, cycles, now, secs};
    use crate::model::policy::Policy;

    #[test]
    fn giving_up_is_told_once_for_each_incident() {
        let (mut state, at) = cycles("ud", &Policy::default());
        let action = Action::GiveUp("5 attempts failed".into());
        let flip = settle(&mut state, "web", &action, &now(at + 60)).unwrap();
        assert_eq!((flip.from, flip.to, flip.lasted), (Status::Down, Status::Failed, secs(60)));
        assert_eq!(flip.reason, "5 attempts failed");
        assert_eq!(settle(&mut state, "web", &action, &now(at + 120)), None);
        let (state, _) = cycle(Some(&state), 'd', &Policy::default(), &now(at + 180));
        assert_eq!(state.status, Status::Failed, "down again does not make it less given up");
        let (state, flip) = cycle(Some(&state), 'u', &Policy::default(), &now(at + 240));
        assert_eq!(flip.unwrap().from, Status::Failed);
        let (mut state, _) = cycle(Some(&state), 'd', &Policy::default(), &now(at + 300));
        assert!(settle(&mut state, "web", &action, &now(at + 300)).is_some(), "another incident");
    }

    #[test]
    fn why_a_failed_service_was_left_alone_is_known_until_it_is_tried() {
        let (mut state, at) = cycles("ud", &Policy::default());
        settle(&mut state, "web", &Action::HandsOff("masked".into()), &now(at));
        let heal = Action::Heal { half_open: true, left: 1 };
        settle(&mut state, "web", &heal, &now(at + 60));
        assert_eq!(state.left_alone.as_deref(), Some("masked"));
        begin_attempt(&mut state, "service_restart", &now(at + 60));
        assert_eq!(state.left_alone, None);
    }

    #[test]
    fn without_an_incident_nothing_is_given_up() {
        let (mut state, at) = cycles("u", &Policy::default());
        let before = state.clone();
        assert_eq!(give_up(&mut state, "web", "x", &now(at)), None);
        assert_eq!(state, before);
    }

    #[test]
    fn each_decision_leaves_its_mark() {
        let wait = Action::Wait { left: secs(5), why: "starting".into() };
        let heal = Action::Heal { half_open: false, left: 5 };
        let stopped = Why::Stopped.words();
        for (action, blocked, alone, status) in [
            (Action::Blocked("db".into()), Some("db"), None, Status::Down),
            (Action::HandsOff("masked".into()), None, Some("masked"), Status::Failed),
            (Action::GiveUp("tried".into()), None, None, Status::Failed),
            (Action::Leave(Why::Stopped), None, Some(stopped), Status::Down),
            (Action::Leave(Why::Unknown), Some("old"), Some("old"), Status::Down),
            (wait, None, None, Status::Down),
            (heal, None, None, Status::Down),
        ] {
            let (mut state, at) = cycles("ud", &Policy::default());
            (state.blocked_by, state.left_alone) = (Some("old".into()), Some("old".into()));
            settle(&mut state, "web", &action, &now(at));
            assert_eq!(state.blocked_by.as_deref(), blocked, "{action:?}");
            assert_eq!(state.left_alone.as_deref(), alone, "{action:?}");
            assert_eq!(state.status, status, "{action:?}");
        }
    }
}
