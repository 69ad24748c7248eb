//! What to do about one service now, and why. Decides only; `settle` notes it, and the caller acts.

use std::time::Duration;

use crate::judge::attempts::{of_incident, until_room, used};
use crate::judge::flapping;
use crate::judge::obstacle::obstacle;
use crate::model::incident::Incident;
use crate::model::policy::Policy;
use crate::model::state::{ServiceState, Status};
use crate::model::text::{human_duration, plural};
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
    /// What its manager says.
    pub found: &'a Found,
    /// The dependency that it waits for.
    pub blocked_by: Option<&'a str>,
    /// Whether anything could be done at all, else why not: no right.
    pub can_act: Result<(), &'a str>,
    /// The hold or maintenance window that goes on, in words.
    pub held: Option<&'a str>,
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
    obstacle(state, incident, policy, about, now)
        .or_else(|| given_up(state, incident, policy, now))
        .unwrap_or_else(|| tried(state, incident, policy, now))
}

/// What is done about one that was given up: now and then one more try.
fn given_up(
    state: &ServiceState,
    incident: &Incident,
    policy: &Policy,
    now: &Now,
) -> Option<Action> {
    if let Some(why) = flaps(state) {
        return Some(Action::GiveUp(why));
    }
    if state.status != Status::Failed {
        return None;
    }
    // Where an obstacle has gone there is nothing to wait for: it was not tried yet, or somebody is at it.
    if state.left_alone.is_none() {
        let gave_up = incident.gave_up.as_ref().unwrap_or(&state.since);
        let last = of_incident(state).map(|a| &a.at).chain([gave_up]).map(|at| now.elapsed(at));
        let left = policy.retry_after.saturating_sub(last.min().unwrap_or_default());
        if !left.is_zero() {
            return Some(Action::Wait { left, why: "given up; one more try then".into() });
        }
    }
    let left = until_room(state, policy, now);
    if !left.is_zero() {
        return Some(Action::Wait { left, why: "given up, and the budget is used up".into() });
    }
    Some(Action::Heal { half_open: true, left: 1 })
}

fn flaps(state: &ServiceState) -> Option<String> {
    let percent = flapping::percent(&state.recent);
    state
        .flapping
        .then(|| format!("flapping: up and down in turns, {percent} % of its last looks changed"))
}

/// Heals, waits for the cooldown, or gives up: by what was tried.
fn tried(state: &ServiceState, incident: &Incident, policy: &Policy, now: &Now) -> Action {
    let budget = policy.max_heals;
    let window = human_duration(budget.window);
    // All of this incident's have failed: it is down.
    let failed = of_incident(state).count();
    let attempts = plural(failed, "attempt");
    let age = now.elapsed(&incident.opened);
    if failed >= usize::try_from(budget.count).unwrap_or(usize::MAX) {
        return Action::GiveUp(format!("{attempts} failed within {}", human_duration(age)));
    }
    if failed > 0 && age >= budget.window {
        return Action::GiveUp(format!(
            "{attempts} failed and it is down for {}",
            human_duration(age)
        ));
    }
    let used = used(state, budget.window, now);
    if used >= budget.count {
        let times = plural(usize::try_from(used).unwrap_or(usize::MAX), "attempt");
        return Action::GiveUp(if failed == 0 {
            format!("down again after {times} within {window}")
        } else {
            format!("{times} within {window}, {failed} of them since it is down")
        });
    }
    if let Some(last) = of_incident(state).last() {
        let doubled = 2_u32.saturating_pow(u32::try_from(failed - 1).unwrap_or(u32::MAX));
        let pause = policy.cooldown.saturating_mul(doubled).min(policy.cooldown_max);
        let left = pause.saturating_add(last.took).saturating_sub(now.elapsed_at_least(&last.at));
        if !left.is_zero() {
            return Action::Wait { left, why: format!("cooling down after {attempts}") };
        }
    }
    Action::Heal { half_open: false, left: budget.count - used }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::settle::settle;
    use crate::judge::support::{attempt, cycle, cycles, found, now, rebooted, secs};
    use crate::model::incident::Outcome;
    use crate::model::policy::Budget;
    use crate::model::unit::UnitState;

    /// Free to act on a failed unit.
    fn decide(state: &ServiceState, policy: &Policy, at: &Now) -> Action {
        let found = found(UnitState::Failed, None);
        let about = Circumstances { found: &found, blocked_by: None, can_act: Ok(()), held: None };
        plan(state, policy, &about, at)
    }

    fn still() -> Option<Outcome> {
        Some(Outcome::StillDown("refused".into()))
    }

    fn go(left: u32) -> Action {
        Action::Heal { half_open: false, left }
    }

    fn give_up(why: &str) -> Action {
        Action::GiveUp(why.into())
    }

    fn wait(left: u64, why: &str) -> Action {
        Action::Wait { left: secs(left), why: why.into() }
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
        let about = Circumstances { found: &found, blocked_by: None, can_act: Ok(()), held: None };
        let blocked = Circumstances { blocked_by: Some("db"), ..about };
        let held = Circumstances { held: Some("deploy until 12:00"), ..blocked };
        let plan = |about| plan(&state, &policy, about, &now(at));
        assert!(matches!(plan(&about), Action::HandsOff(_)));
        assert_eq!(plan(&blocked), Action::Blocked("db".into()));
        assert_eq!(plan(&held), Action::Leave(Why::Held("deploy until 12:00".into())));
    }

    #[test]
    fn the_cooldown_doubles_with_each_failed_attempt_up_to_its_limit() {
        let policy = Policy {
            cooldown: secs(10),
            cooldown_max: secs(60),
            max_heals: Budget { count: 9, window: secs(6000) },
            ..Policy::default()
        };
        let (mut state, mut at) = cycles("ud", &policy);
        for (n, pause) in [(1, 10), (2, 20), (3, 40), (4, 60), (5, 60)] {
            assert_eq!(decide(&state, &policy, &now(at)), go(10 - n), "before attempt {n}");
            // Killed attempts have no outcome and pause the same; the others took 2 s.
            let (outcome, took) = if n == 3 { (None, 0) } else { (still(), 2) };
            attempt(&mut state, &now(at), outcome);
            let why = format!("cooling down after {}", plural(n as usize, "attempt"));
            assert_eq!(decide(&state, &policy, &now(at)), wait(pause + took, &why));
            at += pause + took - 1;
            assert_eq!(decide(&state, &policy, &now(at)), wait(1, &why));
            at += 1;
        }
    }

    #[test]
    fn it_gives_up_when_the_attempts_have_failed_or_the_window_is_over() {
        let policy = Policy { cooldown: secs(1), ..Policy::default() };
        for (attempts_at, at, want) in [
            (vec![], 99_999, go(5)), // nothing was tried: a first attempt is never too late
            (vec![0, 60, 120, 180], 240, go(1)),
            (vec![0, 60, 120, 180, 240], 240, give_up("5 attempts failed within 4m")),
            (vec![0], 599, go(4)),
            (vec![0], 600, give_up("1 attempt failed and it is down for 10m")),
        ] {
            let (mut state, start) = cycles("ud", &policy);
            for after in &attempts_at {
                attempt(&mut state, &now(start + after), still());
            }
            assert_eq!(decide(&state, &policy, &now(start + at)), want, "{attempts_at:?} at {at}");
        }
    }

    #[test]
    fn what_is_healed_again_and_again_is_given_up_when_the_budget_is_used_up() {
        let policy = Policy { flapping: None, cooldown: secs(0), ..Policy::default() };
        let (mut state, start) = cycles("u", &policy);
        for i in 0..5 {
            let at = now(start + 60 + i * 60);
            state = cycle(Some(&state), 'd', &policy, &at).0;
            assert_eq!(decide(&state, &policy, &at), go(5 - u32::try_from(i).unwrap()));
            attempt(&mut state, &at, Some(Outcome::Healed));
            state = cycle(Some(&state), 'u', &policy, &at).0;
        }
        let late = cycle(Some(&state), 'd', &policy, &now(start + 660)).0;
        assert_eq!(
            decide(&late, &policy, &now(start + 660)),
            go(1),
            "the first has left the window"
        );
        state = cycle(Some(&state), 'd', &policy, &now(start + 659)).0;
        let want = give_up("down again after 5 attempts within 10m");
        assert_eq!(decide(&state, &policy, &now(start + 659)), want);
    }

    #[test]
    fn attempts_of_both_kinds_share_the_budget() {
        let policy = Policy { cooldown: secs(1), ..Policy::default() };
        let (mut state, start) = cycles("ud", &policy);
        for i in 0..3 {
            attempt(&mut state, &now(start + i), Some(Outcome::Healed));
        }
        state = cycle(Some(&state), 'u', &policy, &now(start + 10)).0;
        state = cycle(Some(&state), 'd', &policy, &now(start + 20)).0;
        for i in 20..22 {
            attempt(&mut state, &now(start + i), still());
        }
        let want = give_up("5 attempts within 10m, 2 of them since it is down");
        assert_eq!(decide(&state, &policy, &now(start + 60)), want);
    }

    #[test]
    fn a_refused_attempt_costs_nothing() {
        let (mut state, at) = cycles("ud", &Policy::default());
        attempt(&mut state, &now(at), Some(Outcome::Refused("no right".into())));
        assert_eq!(decide(&state, &Policy::default(), &now(at)), go(5));
    }

    #[test]
    fn flapping_stops_healing_until_it_is_calm() {
        let policy = Policy::default();
        let (state, at) = cycles(&"du".repeat(5), &policy);
        assert_eq!(decide(&state, &policy, &now(at)), Action::Leave(Why::Up));
        let (mut state, _) = cycle(Some(&state), 'd', &policy, &now(at + 60));
        let action = decide(&state, &policy, &now(at + 60));
        assert_eq!(
            action,
            give_up("flapping: up and down in turns, 55 % of its last looks changed")
        );
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

    #[test]
    fn after_giving_up_one_attempt_is_made_now_and_then() {
        let policy = Policy { retry_after: secs(3600), ..Policy::default() };
        let (mut state, start) = cycles("ud", &policy);
        let waiting = "given up; one more try then";
        let half_open = Action::Heal { half_open: true, left: 1 };
        settle(&mut state, "web", &give_up("tried"), &now(start)).unwrap();
        for round in 0..3 {
            let from = start + round * 3600;
            assert_eq!(decide(&state, &policy, &now(from)), wait(3600, waiting));
            assert_eq!(decide(&state, &policy, &now(from + 3599)), wait(1, waiting));
            assert_eq!(decide(&state, &policy, &now(from + 3600)), half_open);
            attempt(&mut state, &now(from + 3600), if round == 1 { None } else { still() });
            let again = decide(&state, &policy, &now(from + 3600));
            assert_eq!(
                settle(&mut state, "web", &again, &now(from + 3600)),
                None,
                "not told again"
            );
        }
        assert_eq!(state.status, Status::Failed);
        // Across a reboot the wall clock counts, so that a host that reboots each night still retries.
        let last = start + 3 * 3600;
        assert_eq!(decide(&state, &policy, &rebooted(last + 60, 30)), wait(3540, waiting));
    }

    #[test]
    fn a_retry_keeps_within_the_budget_too() {
        let policy = Policy {
            max_heals: Budget { count: 1, window: secs(7200) },
            retry_after: secs(60),
            ..Policy::default()
        };
        let (mut state, start) = cycles("ud", &policy);
        attempt(&mut state, &now(start), still());
        settle(&mut state, "web", &give_up("tried"), &now(start)).unwrap();
        let why = "given up, and the budget is used up";
        assert_eq!(decide(&state, &policy, &now(start + 60)), wait(7140, why));
        let half_open = Action::Heal { half_open: true, left: 1 };
        assert_eq!(decide(&state, &policy, &now(start + 7200)), half_open);
    }

    #[test]
    fn an_obstacle_that_has_gone_is_not_waited_for() {
        let (mut state, at) = cycles("ud", &Policy::default());
        settle(&mut state, "web", &Action::HandsOff("masked".into()), &now(at)).unwrap();
        let half_open = Action::Heal { half_open: true, left: 1 };
        assert_eq!(decide(&state, &Policy::default(), &now(at + 60)), half_open);
        attempt(&mut state, &now(at + 60), still());
        let next = decide(&state, &Policy::default(), &now(at + 120));
        assert_eq!(next, wait(3540, "given up; one more try then"));
    }
}
