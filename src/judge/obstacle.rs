//! What forbids to touch a service that is down: for now, because its manager is at it, or until a person
//! changes it. Decides nothing about attempts and budgets.

use std::time::Duration;

use crate::judge::attempts::of_incident;
use crate::judge::plan::{Action, Circumstances, Why};
use crate::model::incident::Incident;
use crate::model::policy::{Policy, WhenStopped};
use crate::model::state::ServiceState;
use crate::model::text::human_duration;
use crate::model::time::Now;
use crate::model::unit::{Found, HandsOff, UnitFacts, UnitState};

/// Others who are at work are waited for at most so long, then people are told.
const WORK: Duration = Duration::from_secs(15 * 60);

/// The obstacle, as what is to be done instead of healing. `incident` is the state's.
pub(crate) fn obstacle(
    state: &ServiceState,
    incident: &Incident,
    policy: &Policy,
    about: &Circumstances<'_>,
    now: &Now,
) -> Option<Action> {
    let off = |why: String| Some(Action::HandsOff(why));
    if !policy.heal {
        return off("healing is off for it (`heal = \"off\"`)".into());
    }
    let facts = match about.found {
        Some(Found::Nowhere(tried)) => {
            return off(format!("no service manager here knows it: {tried}"));
        }
        Some(Found::Facts(facts)) => Some(facts),
        Some(Found::Unknown(_)) | None => None,
    };
    match facts.and_then(|f| Some((f, f.hands_off.as_ref()?))) {
        Some((f, HandsOff::Masked)) => return off(format!("`{}` is masked", f.unit)),
        Some((f, HandsOff::Disabled)) => return off(format!("`{}` is disabled", f.unit)),
        Some((f, HandsOff::NotFound(words))) => return off(format!("`{}`: {words}", f.unit)),
        Some((f, HandsOff::Paused)) => {
            let (unit, word) = (&f.unit, f.manager.word());
            return off(format!("`{unit}` is paused; to let it go on: `{word} unpause {unit}`"));
        }
        Some((f, HandsOff::RunBy(by))) => {
            let unit = &f.unit;
            return off(format!(
                "`{unit}` is run by systemd's `{by}`: configure `unit = \"{by}\"`"
            ));
        }
        Some((_, HandsOff::JobQueued)) | None => {}
    }
    if let Err(why) = about.can_act {
        return off(why.to_owned());
    }
    let busy_itself = match about.found {
        Some(Found::Facts(facts)) => moving(state, incident, policy, facts, now),
        Some(Found::Unknown(why)) => {
            let doing = format!("its manager cannot be asked: {why}");
            Some(busy(incident, policy, None, &doing, now))
        }
        Some(Found::Nowhere(_)) | None => None,
    };
    busy_itself.or_else(|| {
        let (doing, lasted) = about.at_work?;
        let patient = Policy { start_grace: WORK, ..policy.clone() };
        // What they did before it was down is nothing to it.
        let lasted = lasted.min(age(incident, now));
        Some(busy(incident, &patient, Some(lasted), doing, now))
    })
}

/// A unit on its way, or stopped on purpose.
fn moving(
    state: &ServiceState,
    incident: &Incident,
    policy: &Policy,
    facts: &UnitFacts,
    now: &Now,
) -> Option<Action> {
    let in_state = facts.in_state_ms.map(Duration::from_millis);
    let unit = &facts.unit;
    if facts.hands_off == Some(HandsOff::JobQueued) {
        let doing = format!("a job for `{unit}` is queued at its manager");
        return Some(busy(incident, policy, None, &doing, now));
    }
    let age = age(incident, now);
    let grace = |spent: Duration, why: String| {
        let left = policy.start_grace.saturating_sub(spent);
        (!left.is_zero()).then_some(Action::Wait { left, why })
    };
    match facts.state {
        UnitState::Starting => {
            Some(busy(incident, policy, in_state, &format!("`{unit}` is starting"), now))
        }
        UnitState::Stopping => {
            Some(busy(incident, policy, in_state, &format!("`{unit}` is stopping"), now))
        }
        // In a loop of starts it would only be one start more.
        UnitState::Retrying if facts.manager.is_engine() => {
            let doing = format!("{} is restarting `{unit}` itself", facts.manager.word());
            Some(busy(incident, policy, None, &doing, now))
        }
        UnitState::Retrying => {
            let why = format!("the manager of `{unit}` is restarting it already");
            grace(age.max(in_state.unwrap_or_default()), why)
        }
        // Not after an attempt of ours: that one was given `verify_for` to come up.
        UnitState::Running if of_incident(state).next().is_none() => {
            let why = format!("`{unit}` has only just been started (`start_grace`)");
            grace(age.max(in_state?), why)
        }
        UnitState::Stopped if policy.when_stopped == WhenStopped::Respect => {
            Some(Action::Leave(Why::Stopped))
        }
        UnitState::Stopped | UnitState::Running | UnitState::Done | UnitState::Failed => None,
    }
}

/// How long it has been down and could have been healed: what went on behind a hold is not counted.
fn age(incident: &Incident, now: &Now) -> Duration {
    let whole = now.elapsed_at_least(&incident.opened);
    incident.held.as_ref().map_or(whole, |held| now.elapsed_at_least(&held.last).min(whole))
}

/// Waits while `doing` goes on, but not for ever: longer than `start_grace`, or again and again for a whole
/// window of the budget, is told. Even then it is not touched.
fn busy(
    incident: &Incident,
    policy: &Policy,
    in_state: Option<Duration>,
    doing: &str,
    now: &Now,
) -> Action {
    let age = age(incident, now);
    let spent = in_state.unwrap_or(age);
    let left = policy.start_grace.saturating_sub(spent);
    if left.is_zero() {
        return Action::HandsOff(format!("{doing}, since {} already", human_duration(spent)));
    }
    if incident.gave_up.is_none() && age >= policy.max_heals.window.max(policy.start_grace) {
        return Action::HandsOff(format!("{doing}, and it is down for {}", human_duration(age)));
    }
    Action::Wait { left, why: doing.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::plan::plan;
    use crate::judge::settle::settle;
    use crate::judge::support::{attempt, cycles, facts, found, free, hands_off, now, secs};
    use crate::model::incident::Outcome;
    use crate::model::unit::ManagerKind;

    /// What is planned `after` seconds of incident.
    fn planned(found: &Found, can_act: Result<(), &str>, policy: &Policy, after: u64) -> Action {
        let (state, at) = cycles("ud", policy);
        let about = Circumstances { can_act, ..free(found) };
        plan(&state, policy, &about, &now(at + after))
    }

    fn off(why: &str) -> Action {
        Action::HandsOff(why.into())
    }

    fn wait(left: u64, why: &str) -> Action {
        Action::Wait { left: secs(left), why: why.into() }
    }

    fn go() -> Action {
        Action::Heal { half_open: false, left: 5 }
    }

    #[test]
    fn others_at_work_are_waited_for_and_after_a_quarter_of_an_hour_people_are_told() {
        let failed = found(UnitState::Failed, None);
        let starting = found(UnitState::Starting, None);
        let (state, at) = cycles("ud", &Policy::default());
        let words = "a package manager is at work (apt-get, pid 7)";
        let mut about = Circumstances { at_work: Some((words, secs(40))), ..free(&failed) };
        let planned = |about: &Circumstances<'_>, state: &ServiceState, after| {
            plan(state, &Policy::default(), about, &now(at + after))
        };
        assert_eq!(planned(&about, &state, 0), wait(900, words));
        assert_eq!(planned(&about, &state, 60), wait(860, words));
        // At it for long, but for no longer than this is down.
        about.at_work = Some((words, Duration::MAX));
        assert_eq!(planned(&about, &state, 60), wait(840, words));
        assert_eq!(planned(&about, &state, 900), off(&format!("{words}, since 15m already")));
        // One after the other, again and again.
        about.at_work = Some((words, secs(5)));
        assert_eq!(planned(&about, &state, 899), wait(895, words));
        assert_eq!(planned(&about, &state, 900), off(&format!("{words}, and it is down for 15m")));
        about.found = Some(&starting);
        assert!(
            matches!(planned(&about, &state, 1), Action::Wait { why, .. } if why.contains("starting"))
        );
        about = Circumstances { found: Some(&failed), at_work: None, ..about };
        assert_eq!(planned(&about, &state, 1), go());
        // What went on behind a hold is not counted.
        about.at_work = Some((words, Duration::MAX));
        let mut held = state.clone();
        let last = now(at + 1000).stamp();
        held.incident.as_mut().unwrap().held =
            Some(crate::model::incident::Kept { why: "held".into(), last });
        assert_eq!(planned(&about, &held, 1060), wait(840, words));
    }

    #[test]
    fn what_must_not_be_touched_is_told_with_its_reason() {
        let fine = found(UnitState::Failed, None);
        let nowhere = Found::Nowhere("tried `web.service`".into());
        let missing = hands_off(HandsOff::NotFound("Unit web.service not found.".into()));
        let no_right = Err("cannot heal: no right");
        let in_docker = |hands_off| match self::hands_off(hands_off) {
            Found::Facts(facts) => Found::Facts(UnitFacts {
                manager: ManagerKind::Docker,
                unit: "web".into(),
                ..facts
            }),
            other => other,
        };
        let paused = in_docker(HandsOff::Paused);
        let run_by = in_docker(HandsOff::RunBy("web.service".into()));
        for (found, can_act, want) in [
            (&paused, Ok(()), "`web` is paused; to let it go on: `docker unpause web`"),
            (
                &run_by,
                Ok(()),
                "`web` is run by systemd's `web.service`: configure `unit = \"web.service\"`",
            ),
            (&nowhere, Ok(()), "no service manager here knows it: tried `web.service`"),
            (&hands_off(HandsOff::Masked), Ok(()), "`web.service` is masked"),
            (&hands_off(HandsOff::Disabled), Ok(()), "`web.service` is disabled"),
            (&missing, Ok(()), "`web.service`: Unit web.service not found."),
            (&fine, no_right, "cannot heal: no right"),
            (&Found::Unknown("timed out".into()), no_right, "cannot heal: no right"),
            (&hands_off(HandsOff::Masked), no_right, "`web.service` is masked"),
        ] {
            assert_eq!(planned(found, can_act, &Policy::default(), 0), off(want), "{found:?}");
        }
        let policy = Policy { heal: false, ..Policy::default() };
        let want = off("healing is off for it (`heal = \"off\"`)");
        assert_eq!(planned(&fine, Ok(()), &policy, 0), want);
    }

    #[test]
    fn every_state_of_a_unit_has_its_row() {
        use UnitState::{Done, Failed, Retrying, Running, Starting, Stopped, Stopping};
        let retrying = "the manager of `web.service` is restarting it already";
        let young = "`web.service` has only just been started (`start_grace`)";
        // (state, seconds in it, seconds of incident), with a `start_grace` of 90 s and a window of 10 min
        for (state, in_state, after, want) in [
            (Failed, Some(1), 0, go()),
            (Done, Some(1), 0, go()),
            (Stopped, Some(1), 0, go()),
            (Running, Some(90), 0, go()),
            (Running, None, 0, go()),
            (Running, Some(30), 0, wait(60, young)),
            (Running, Some(30), 70, wait(20, young)),
            (Running, Some(30), 90, go()),
            (Starting, Some(30), 0, wait(60, "`web.service` is starting")),
            (Starting, Some(30), 599, wait(60, "`web.service` is starting")),
            (Starting, Some(30), 600, off("`web.service` is starting, and it is down for 10m")),
            (Starting, Some(90), 0, off("`web.service` is starting, since 1m 30s already")),
            (Starting, None, 89, wait(1, "`web.service` is starting")),
            (Starting, None, 90, off("`web.service` is starting, since 1m 30s already")),
            (Stopping, Some(89), 0, wait(1, "`web.service` is stopping")),
            (Stopping, Some(90), 0, off("`web.service` is stopping, since 1m 30s already")),
            (Retrying, Some(1), 0, wait(89, retrying)),
            (Retrying, Some(1), 89, wait(1, retrying)),
            (Retrying, Some(1), 90, go()),
            (Retrying, Some(90), 0, go()),
        ] {
            let got = planned(&found(state, in_state.map(secs)), Ok(()), &Policy::default(), after);
            assert_eq!(got, want, "{state:?} for {in_state:?} s, {after} s of incident");
        }
    }

    #[test]
    fn a_container_that_its_engine_restarts_is_never_touched_meanwhile() {
        let looping = Found::Facts(UnitFacts {
            manager: ManagerKind::Docker,
            unit: "web".into(),
            ..facts(UnitState::Retrying, Some(secs(1)))
        });
        let why = "docker is restarting `web` itself";
        for (after, want) in [
            (0, wait(90, why)),
            (60, wait(30, why)),
            (90, off(&format!("{why}, since 1m 30s already"))),
        ] {
            assert_eq!(planned(&looping, Ok(()), &Policy::default(), after), want, "{after}");
        }
    }

    #[test]
    fn a_clean_stop_is_respected_only_where_that_is_asked_for() {
        let policy = Policy { when_stopped: WhenStopped::Respect, ..Policy::default() };
        let stopped = found(UnitState::Stopped, None);
        assert_eq!(planned(&stopped, Ok(()), &policy, 9999), Action::Leave(Why::Stopped));
        assert_eq!(planned(&stopped, Ok(()), &Policy::default(), 9999), go());
        assert_eq!(planned(&found(UnitState::Failed, None), Ok(()), &policy, 0), go());
    }

    #[test]
    fn a_manager_that_is_busy_or_silent_is_waited_for_and_then_told() {
        let silent = Found::Unknown("timed out".into());
        let asked = "its manager cannot be asked: timed out";
        let job = "a job for `web.service` is queued at its manager";
        for (found, why) in [(silent, asked), (hands_off(HandsOff::JobQueued), job)] {
            let policy = Policy::default();
            assert_eq!(planned(&found, Ok(()), &policy, 30), wait(60, why));
            let want = off(&format!("{why}, since 1m 30s already"));
            assert_eq!(planned(&found, Ok(()), &policy, 90), want);
        }
    }

    #[test]
    fn after_an_attempt_a_young_unit_is_not_waited_for_again() {
        let policy = Policy { cooldown: secs(0), ..Policy::default() };
        let (mut state, at) = cycles("ud", &policy);
        attempt(&mut state, &now(at), Some(Outcome::StillDown("refused".into())));
        let found = found(UnitState::Running, Some(secs(20)));
        let about = free(&found);
        let got = plan(&state, &policy, &about, &now(at + 20));
        assert_eq!(got, Action::Heal { half_open: false, left: 4 });
    }

    #[test]
    fn a_person_who_starts_what_was_given_up_is_not_disturbed() {
        let policy = Policy::default();
        let (mut state, at) = cycles("ud", &policy);
        settle(&mut state, "web", &Action::GiveUp("tried".into()), &now(at));
        let found = Found::Facts(facts(UnitState::Starting, Some(secs(1))));
        let about = free(&found);
        let got = plan(&state, &policy, &about, &now(at + 99_999));
        assert_eq!(got, wait(89, "`web.service` is starting"));
    }
}
