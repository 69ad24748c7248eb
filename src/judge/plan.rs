//! What to do about one service now, and why. Decides only; `settle` notes it, and the caller acts.

use std::time::Duration;

use crate::judge::obstacle::obstacle;
use crate::judge::{budget, flapping};
use crate::model::policy::Policy;
use crate::model::state::{ServiceState, Status};
use crate::model::time::Now;
use crate::model::unit::Found;
use crate::model::verdict::Verdict;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Leave(Why),
    /// Nothing yet.
    Wait {
        /// How long, as far as is known: the next run plans anew.
        left: Duration,
        /// What is waited for.
        why: String,
    },
    /// Climb the ladder of strategies.
    Heal {
        /// One more try after it was given up.
        half_open: bool,
        /// Attempts the budget has room for: the ladder is climbed no further. At least 1.
        left: u32,
    },
    /// What is allowed was tried: a person is needed. Said again in every run; [`settle`](super::settle::settle)
    /// tells it once.
    GiveUp(String),
    /// It must not be touched, so nothing was tried: a person is needed. As soon as that changes, it is healed.
    HandsOff(String),
    /// It waits for this dependency.
    Blocked(String),
}

/// Why there is nothing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is up.
    Up,
    /// It could not be found out whether it is down.
    Unknown,
    /// It is down, but not often enough to be believed.
    Suspect,
    /// Somebody stopped it cleanly, and that is respected.
    Stopped,
    /// Hands are kept off for now, and why: a hold, a maintenance window.
    Held(String),
}

impl Why {
    /// For a person, on one line.
    pub fn words(&self) -> &str {
        match self {
            Self::Up => "up",
            Self::Unknown => "it could not be found out whether it is down",
            Self::Suspect => "not down often enough to be believed (`fail_after`)",
            Self::Stopped => "stopped cleanly, which is respected (`when_stopped`)",
            Self::Held(why) => why,
        }
    }
}

/// What is known about a service beside its state.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// What its manager says; none for plain commands, which tell no state.
    pub found: Option<&'a Found>,
    /// The dependency that it waits for.
    pub blocked_by: Option<&'a str>,
    /// Whether anything could be done at all, else why not: no right.
    pub can_act: Result<(), &'a str>,
    /// The hold or maintenance window that goes on, in words.
    pub held: Option<&'a str>,
    /// Others who are at work on what this host runs, in words, and for how long at most.
    pub at_work: Option<(&'a str, Duration)>,
    /// How long it is given time because of what happened to the host, and why (see `since::grace`).
    pub grace: Option<(Duration, &'a str)>,
}

/// Decides. Only a service that is believed down, and was found down by its last look, may be healed.
///
/// Called again after each climb of the ladder, it tells at once when that was the last allowed attempt.
pub fn plan(state: &ServiceState, policy: &Policy, about: &Circumstances<'_>, now: &Now) -> Action {
    match state.verdict {
        Verdict::Up => return Action::Leave(Why::Up),
        Verdict::Unknown(_) => return Action::Leave(Why::Unknown),
        Verdict::Down(_) => {}
    }
    let (Status::Down | Status::Failed, Some(incident)) = (state.status, &state.incident) else {
        return Action::Leave(Why::Suspect);
    };
    if let Some(why) = about.held {
        return Action::Leave(Why::Held(why.to_owned()));
    }
    if let Some(by) = about.blocked_by {
        return Action::Blocked(by.to_owned());
    }
    if let Some((left, why)) = about.grace {
        return Action::Wait { left, why: why.to_owned() };
    }
    if let Some(action) = obstacle(state, incident, policy, about, now) {
        return action;
    }
    if state.flapping {
        let percent = flapping::percent(&state.recent);
        return Action::GiveUp(format!(
            "flapping: up and down in turns, {percent} % of its last looks changed"
        ));
    }
    if state.status == Status::Failed {
        budget::once_more(state, incident, policy, now)
    } else {
        budget::next_try(state, incident, policy, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::settle::settle;
    use crate::judge::support::{cycle, cycles, found, free, now};
    use crate::model::unit::UnitState;

    /// Free to act on a failed unit.
    fn decide(state: &ServiceState, policy: &Policy, at: &Now) -> Action {
        let found = found(UnitState::Failed, None);
        let about = free(&found);
        plan(state, policy, &about, at)
    }

    fn go(left: u32) -> Action {
        Action::Heal { half_open: false, left }
    }

    #[test]
    fn only_what_is_believed_down_and_was_found_down_is_healed() {
        let policy = Policy { fail_after: 2, recover_after: 2, ..Policy::default() };
        for (verdicts, want) in [
            ("", Action::Leave(Why::Unknown)),
            ("u", Action::Leave(Why::Up)),
            ("?", Action::Leave(Why::Unknown)),
            ("ud", Action::Leave(Why::Suspect)),
            ("ud?", Action::Leave(Why::Unknown)),
            ("udd", go(5)),
            ("udd?", Action::Leave(Why::Unknown)),
            ("uddu", Action::Leave(Why::Up)),
            ("uddud", go(5)),
        ] {
            let (state, at) = cycles(verdicts, &policy);
            assert_eq!(decide(&state, &policy, &now(at)), want, "{verdicts}");
        }
    }

    #[test]
    fn a_hold_and_a_dependency_come_before_everything_else() {
        let policy = Policy { heal: false, ..Policy::default() };
        let (state, at) = cycles("ud", &policy);
        let found = found(UnitState::Failed, None);
        let about = free(&found);
        let blocked = Circumstances { blocked_by: Some("db"), ..about };
        let held = Circumstances { held: Some("deploy until 12:00"), ..blocked };
        let plan = |about| plan(&state, &policy, about, &now(at));
        assert!(matches!(plan(&about), Action::HandsOff(_)));
        assert_eq!(plan(&blocked), Action::Blocked("db".into()));
        assert_eq!(plan(&held), Action::Leave(Why::Held("deploy until 12:00".into())));
    }

    #[test]
    fn flapping_stops_healing_until_it_is_calm() {
        let policy = Policy::default();
        let (state, at) = cycles(&"du".repeat(5), &policy);
        assert_eq!(decide(&state, &policy, &now(at)), Action::Leave(Why::Up));
        let (mut state, _) = cycle(Some(&state), 'd', &policy, &now(at + 60));
        let action = decide(&state, &policy, &now(at + 60));
        let why = "flapping: up and down in turns, 55 % of its last looks changed";
        assert_eq!(action, Action::GiveUp(why.into()));
        settle(&mut state, "web", &action, &now(at + 60)).unwrap();
        let mut tried = None;
        for i in 2..40 {
            let at = now(at + 60 * i);
            state = cycle(Some(&state), 'd', &policy, &at).0;
            match decide(&state, &policy, &at) {
                Action::GiveUp(_) => assert!(state.flapping),
                Action::Wait { .. } => {
                    assert!(!state.flapping);
                    tried = tried.or(Some(i));
                }
                other => panic!("{other:?} in cycle {i}"),
            }
        }
        assert!(tried.is_some(), "it became calm, and waits for `retry_after`");
    }
}
