//! Restarts a service through its manager. Refuses where the manager or the administrator says hands off: looks
//! again just before it acts, because a package upgrade or a deploy may have been faster.

use std::time::Duration;

use crate::manager::{Acted, Reach, Runner};
use crate::model::text::human_duration;
use crate::model::unit::{Found, HandsOff, ManagerKind, UnitFacts, UnitState};
use crate::remedy::Patient;
use crate::sys::clock::Deadline;

/// The longest that the look before the act may take.
const LOOK: Duration = Duration::from_secs(5);

/// Restarts it, or says why not.
pub(crate) fn apply(patient: &Patient<'_>, reach: &Reach, limit: Duration) -> Acted {
    let deadline = Deadline::after(limit);
    match ready(patient, reach, deadline) {
        Ok((runner, facts)) => runner.restart(facts.as_ref(), reach, deadline.left()),
        Err(why) => Acted::refused(why),
    }
}

/// Who may restart it, with what is known of it at this moment; else why nobody may.
pub(crate) fn ready<'a>(
    patient: &Patient<'a>,
    reach: &Reach,
    deadline: Deadline,
) -> Result<(&'a Runner, Option<UnitFacts>), String> {
    let Some(runner) = patient.runner else {
        return Err(format!("no manager on this host is known to run `{}`", patient.service));
    };
    if runner.kind == ManagerKind::Command {
        return Ok((runner, None));
    }
    match runner.look(reach, deadline.left().min(LOOK)) {
        Found::Facts(facts) => match objection(&facts) {
            Some(why) => Err(why),
            None => Ok((runner, Some(facts))),
        },
        Found::Nowhere(tried) => Err(format!("no manager knows it: tried {tried}")),
        Found::Unknown(why) => Err(why),
    }
}

/// Why a unit in this state must not be restarted.
fn objection(facts: &UnitFacts) -> Option<String> {
    let unit = &facts.unit;
    let systemctl = match facts.manager {
        ManagerKind::SystemdUser => "systemctl --user",
        _ => "systemctl",
    };
    let word = facts.manager.word();
    let since = facts.in_state_ms.map_or_else(String::new, |millis| {
        format!(" since {}", human_duration(Duration::from_millis(millis)))
    });
    match (&facts.hands_off, facts.state) {
        (Some(HandsOff::Masked), _) => {
            Some(format!("{unit} is masked; to allow it: `{systemctl} unmask {unit}`"))
        }
        (Some(HandsOff::Disabled), _) if facts.manager == ManagerKind::Launchd => {
            Some(format!("{unit} is disabled; to allow it: `launchctl enable {unit}`"))
        }
        (Some(HandsOff::Disabled), _) => {
            Some(format!("{unit} is disabled; to allow it: `{systemctl} enable {unit}`"))
        }
        (Some(HandsOff::NotFound(why)), _) => Some(format!("{unit} cannot be loaded: {why}")),
        (Some(HandsOff::Paused), _) => {
            Some(format!("{unit} is paused; to let it go on: `{word} unpause {unit}`"))
        }
        (Some(HandsOff::RunBy(by)), _) => {
            Some(format!("{unit} is run by systemd's {by}: configure `unit = \"{by}\"`"))
        }
        (None, UnitState::Retrying) if facts.manager.is_engine() => {
            Some(format!("{word} is restarting {unit} itself: {}", facts.words))
        }
        (_, UnitState::Starting | UnitState::Stopping) => {
            Some(format!("{unit} is on its way{since}: {}", facts.words))
        }
        (Some(HandsOff::JobQueued), _) => {
            Some(format!("a job for {unit} is queued already ({})", facts.words))
        }
        (
            None,
            UnitState::Running
            | UnitState::Done
            | UnitState::Retrying
            | UnitState::Stopped
            | UnitState::Failed,
        ) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(state: UnitState, hands_off: Option<HandsOff>) -> UnitFacts {
        UnitFacts {
            words: "words".into(),
            hands_off,
            in_state_ms: Some(65_000),
            ..UnitFacts::bare(ManagerKind::SystemdUser, "web.service", state)
        }
    }

    #[test]
    fn what_is_masked_disabled_lost_or_on_its_way_is_left_alone() {
        let lost = HandsOff::NotFound("Unit web.service not found".into());
        for (state, hands_off, want) in [
            (UnitState::Failed, Some(HandsOff::Masked), "`systemctl --user unmask web.service`"),
            (UnitState::Failed, Some(HandsOff::Disabled), "`systemctl --user enable web.service`"),
            (UnitState::Stopped, Some(lost), "cannot be loaded: Unit web.service not found"),
            (UnitState::Stopped, Some(HandsOff::Paused), "unpause web.service`"),
            (
                UnitState::Failed,
                Some(HandsOff::RunBy("box.service".into())),
                "is run by systemd's box.service",
            ),
            (UnitState::Starting, None, "is on its way since 1m 5s"),
            (UnitState::Starting, Some(HandsOff::JobQueued), "is on its way"),
            (UnitState::Stopping, None, "is on its way"),
            (UnitState::Stopped, Some(HandsOff::JobQueued), "queued already"),
        ] {
            let why = objection(&facts(state, hands_off.clone()));
            assert!(why.as_ref().is_some_and(|why| why.contains(want)), "{hands_off:?}: {why:?}");
        }
    }

    #[test]
    fn a_container_that_its_engine_restarts_is_left_to_it() {
        let facts = |manager| UnitFacts { manager, ..facts(UnitState::Retrying, None) };
        assert_eq!(objection(&facts(ManagerKind::Supervisord)), None);
        let why = objection(&facts(ManagerKind::Podman)).unwrap();
        assert_eq!(why, "podman is restarting web.service itself: words");
    }

    #[test]
    fn what_is_down_runs_badly_or_is_being_retried_may_be_restarted() {
        for state in [
            UnitState::Running,
            UnitState::Done,
            UnitState::Retrying,
            UnitState::Stopped,
            UnitState::Failed,
        ] {
            assert_eq!(objection(&facts(state, None)), None, "{state:?}");
        }
    }
}
