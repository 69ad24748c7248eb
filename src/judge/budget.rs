//! How often and how soon it is tried: the budget, the growing cooldown, giving up, and trying once more.
//! Decides nothing about whether it may be touched; `obstacle` does.

use std::time::Duration;

use crate::judge::attempts::{of_incident, until_room, used};
use crate::judge::plan::Action;
use crate::model::incident::{Attempt, Incident, Outcome};
use crate::model::policy::Policy;
use crate::model::state::ServiceState;
use crate::model::text::{human_duration, plural};
use crate::model::time::Now;

/// For one that is being healed: heals, waits for the cooldown, or gives up. `incident` is the state's.
///
/// It gives up when the budget's number of attempts has failed in this incident, when the budget is used up by
/// incidents before it, or when the incident is as old as the budget's window and what was tried in it failed,
/// so that a host whose cron comes round rarely also tells somebody.
pub(crate) fn next_try(
    state: &ServiceState,
    incident: &Incident,
    policy: &Policy,
    now: &Now,
) -> Action {
    let budget = policy.max_heals;
    let window = human_duration(budget.window);
    if let Some(why) = refused(state) {
        return Action::HandsOff(why.to_owned());
    }
    // All of this incident's have failed: it is down.
    let failed = of_incident(state).count();
    let attempts = plural(failed, "attempt");
    let age = now.elapsed(&incident.opened);
    if failed >= usize::try_from(budget.count).unwrap_or(usize::MAX) {
        return Action::GiveUp(format!("{attempts} failed within {}", human_duration(age)));
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
        let left = cooldown(last, failed, policy, now);
        if age >= budget.window && (!left.is_zero() || is_of_this_cycle(last, state)) {
            let age = human_duration(age);
            return Action::GiveUp(format!("{attempts} failed and it is down for {age}"));
        }
        if !left.is_zero() {
            return Action::Wait { left, why: format!("cooling down after {attempts}") };
        }
    }
    Action::Heal { half_open: false, left: budget.count - used }
}

/// For one that was given up: one more try every `retry_after`, within the budget.
pub(crate) fn once_more(
    state: &ServiceState,
    incident: &Incident,
    policy: &Policy,
    now: &Now,
) -> Action {
    if let Some(why) = refused(state) {
        return Action::HandsOff(why.to_owned());
    }
    let of_this = |a: &&Attempt| a.incident == incident.id;
    let tried = state.attempts.iter().rfind(of_this).map(|a| &a.at);
    let (from, pause) = if state.left_alone.is_some() {
        // An obstacle has gone, or may have: there is nothing to wait for but the noise of asking again.
        (tried, policy.cooldown_max)
    } else {
        let gave_up = incident.gave_up.as_ref().unwrap_or(&state.since);
        (tried.into_iter().chain([gave_up]).min_by_key(|at| now.elapsed(at)), policy.retry_after)
    };
    let left = from.map_or(Duration::ZERO, |at| pause.saturating_sub(now.elapsed(at)));
    if !left.is_zero() {
        return Action::Wait { left, why: "given up".into() };
    }
    let left = until_room(state, policy, now);
    if !left.is_zero() {
        return Action::Wait { left, why: "given up, and the budget is used up".into() };
    }
    Action::Heal { half_open: true, left: 1 }
}

/// The pause after `failed` attempts, the last of them given: it doubles with each. What is left of it.
fn cooldown(last: &Attempt, failed: usize, policy: &Policy, now: &Now) -> Duration {
    let doubled = 2_u32.saturating_pow(u32::try_from(failed - 1).unwrap_or(u32::MAX));
    let pause = policy.cooldown.saturating_mul(doubled).min(policy.cooldown_max);
    pause.saturating_add(last.took).saturating_sub(now.elapsed_at_least(&last.at))
}

/// Why nothing was done, when everything that was tried since the last look refused: asking once more in this
/// run would not change it, and somebody must hear of it.
fn refused(state: &ServiceState) -> Option<&str> {
    let of_now = || state.attempts.iter().filter(|a| is_of_this_cycle(a, state));
    if of_now().any(Attempt::counts) {
        return None;
    }
    of_now().find_map(|a| match &a.outcome {
        Some(Outcome::Refused(why)) => Some(why.as_str()),
        _ => None,
    })
}

/// Whether it was begun after the last look.
fn is_of_this_cycle(attempt: &Attempt, state: &ServiceState) -> bool {
    attempt.at.boot == state.looked.boot
        && attempt.at.since_boot_ms >= state.looked.since_boot_ms
        && state.incident.as_ref().is_some_and(|i| i.id == attempt.incident)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::plan::plan;
    use crate::judge::settle::settle;
    use crate::judge::support::{attempt, cycle, cycles, found, free, now, rebooted, secs};
    use crate::model::incident::Outcome;
    use crate::model::policy::Budget;
    use crate::model::state::Status;
    use crate::model::unit::UnitState;

    /// Free to act on a failed unit.
    fn decide(state: &ServiceState, policy: &Policy, at: &Now) -> Action {
        let found = found(UnitState::Failed, None);
        let about = free(&found);
        plan(state, policy, &about, at)
    }

    fn still() -> Outcome {
        Outcome::StillDown("refused".into())
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
            let (outcome, took) = if n == 3 { (None, 0) } else { (Some(still()), 2) };
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
        // (attempts after so many seconds of the incident, the last look, now)
        for (attempts_at, looked, at, want) in [
            (vec![], 99_999, 99_999, go(5)), // nothing was tried: a first attempt is never too late
            (vec![0, 60, 120, 180], 240, 240, go(1)),
            (vec![0, 60, 120, 180, 240], 240, 240, give_up("5 attempts failed within 4m")),
            (vec![0], 599, 599, go(4)),
            (vec![0], 600, 600, go(5)), // as old as the window: once more,
            (vec![0, 600], 600, 609, give_up("2 attempts failed and it is down for 10m 9s")),
            (vec![599], 600, 600, give_up("1 attempt failed and it is down for 10m")), // cooling down
        ] {
            let (mut state, start) = cycles("ud", &policy);
            for after in &attempts_at {
                attempt(&mut state, &now(start + after), still());
            }
            let (state, _) = cycle(Some(&state), 'd', &policy, &now(start + looked));
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
    fn a_refused_attempt_costs_nothing_and_is_told() {
        let policy = Policy::default();
        let (mut state, at) = cycles("ud", &policy);
        let refuse = |state: &mut ServiceState, at| {
            attempt(state, &now(at), Some(Outcome::Refused("port held by nginx".into())));
        };
        refuse(&mut state, at);
        let told = Action::HandsOff("port held by nginx".into());
        assert_eq!(decide(&state, &policy, &now(at + 1)), told);
        settle(&mut state, "web", &told, &now(at + 1)).unwrap();
        // In the next runs it is looked again whether it still refuses, but not in each.
        let waiting = "given up";
        let half_open = Action::Heal { half_open: true, left: 1 };
        let (mut state, _) = cycle(Some(&state), 'd', &policy, &now(at + 60));
        assert_eq!(decide(&state, &policy, &now(at + 60)), wait(240, waiting));
        assert_eq!(decide(&state, &policy, &now(at + 300)), half_open);
        state = cycle(Some(&state), 'd', &policy, &now(at + 300)).0;
        refuse(&mut state, at + 300);
        assert_eq!(decide(&state, &policy, &now(at + 300)), told);
        assert_eq!(settle(&mut state, "web", &told, &now(at + 300)), None, "told once");
    }

    #[test]
    fn where_one_rung_refused_and_another_was_tried_the_trying_counts() {
        let (mut state, at) = cycles("ud", &Policy::default());
        attempt(&mut state, &now(at), still());
        attempt(&mut state, &now(at), Some(Outcome::Refused("no port".into())));
        let want = wait(12, "cooling down after 1 attempt");
        assert_eq!(decide(&state, &Policy::default(), &now(at)), want);
    }

    #[test]
    fn after_giving_up_one_attempt_is_made_now_and_then() {
        let policy = Policy { retry_after: secs(3600), ..Policy::default() };
        let (mut state, start) = cycles("ud", &policy);
        let waiting = "given up";
        let half_open = Action::Heal { half_open: true, left: 1 };
        settle(&mut state, "web", &give_up("tried"), &now(start)).unwrap();
        for round in 0..3 {
            let from = start + round * 3600;
            assert_eq!(decide(&state, &policy, &now(from)), wait(3600, waiting));
            assert_eq!(decide(&state, &policy, &now(from + 3599)), wait(1, waiting));
            assert_eq!(decide(&state, &policy, &now(from + 3600)), half_open);
            attempt(&mut state, &now(from + 3600), (round != 1).then(still));
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
        assert_eq!(next, wait(3540, "given up"));
    }
}
