//! Which steps of a service's ladder are climbed now, and in which order: a step that never worked makes room for
//! the others, for a while. Tries nothing itself.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::state::{ServiceState, Tally};
use crate::model::strategy::Strategy;
use crate::model::text::human_duration;
use crate::model::time::Now;
use crate::model::unit::{Found, UnitState};

/// A step that was tried this often and never worked is hopeless.
const HOPELESS: u32 = 5;
/// And is tried again after this long: hosts and services change.
const AGAIN: Duration = Duration::from_secs(7 * 86_400);

/// What is left to climb of a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ladder {
    rungs: VecDeque<Rung>,
    /// The steps that are skipped as long as another one can act.
    pub skipped: Vec<Skipped>,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rung {
    strategy: Strategy,
    /// Climbed only when no other step has acted: doing what never worked is better than doing nothing.
    hopeless: bool,
}

/// A step that is skipped, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which.
    pub strategy: Strategy,
    /// How often it was tried.
    pub tries: u32,
    /// When it is tried again.
    pub again_in: Duration,
}

impl Skipped {
    /// `port_conflict, never worked in 6 tries`.
    pub fn words(&self) -> String {
        format!("{}, never worked in {} tries", self.strategy.word(), self.tries)
    }

    /// The same, and when it is tried again.
    pub fn told(&self) -> String {
        format!("skipped: {}; tried again in {}", self.words(), human_duration(self.again_in))
    }
}

impl Ladder {
    /// The steps of `configured` as they are to be climbed now.
    pub fn new(configured: &[Strategy], state: &ServiceState, now: &Now) -> Self {
        let hopeless = |strategy: Strategy| skip(strategy, state, now);
        let other = |strategy: &Strategy| {
            !matches!(strategy, Strategy::ServiceReload | Strategy::Reboot)
                && hopeless(*strategy).is_none()
        };
        let skipped: Vec<Skipped> = if configured.iter().any(other) {
            configured.iter().filter_map(|strategy| hopeless(*strategy)).collect()
        } else {
            Vec::new()
        };
        let is_skipped = |strategy: Strategy| skipped.iter().any(|one| one.strategy == strategy);
        // A reboot comes after everything else, and one that never worked does not come at all.
        let (last, others): (Vec<_>, Vec<_>) =
            configured.iter().copied().partition(|strategy| *strategy == Strategy::Reboot);
        let (late, first): (Vec<_>, Vec<_>) = others.into_iter().partition(|s| is_skipped(*s));
        let rung = |hopeless| move |strategy| Rung { strategy, hopeless };
        let rungs = first
            .into_iter()
            .map(rung(false))
            .chain(late.into_iter().map(rung(true)))
            .chain(last.into_iter().filter(|s| !is_skipped(*s)).map(rung(false)));
        Self { rungs: rungs.collect(), skipped }
    }

    /// The next step; none at the top. `acted` says whether a step before it did anything in this run, `left` how
    /// many attempts the budget has room for: the last of them is not spent on a mere reload.
    pub fn next(&mut self, acted: bool, left: u32) -> Option<Strategy> {
        while let Some(rung) = self.rungs.pop_front() {
            let last_shot =
                rung.strategy == Strategy::ServiceReload && left <= 1 && !self.rungs.is_empty();
            if !(rung.hopeless && acted || last_shot) {
                return Some(rung.strategy);
            }
        }
        None
    }

    /// What is left to climb, in order, as it will be when each step acts and does not help.
    pub fn ahead(&self, left: u32) -> Vec<Strategy> {
        let mut ladder = self.clone();
        let mut ahead = Vec::new();
        while let Some(strategy) = ladder.next(!ahead.is_empty(), left) {
            ahead.push(strategy);
        }
        ahead
    }
}

/// Whether the step never worked, and not long ago.
fn skip(strategy: Strategy, state: &ServiceState, now: &Now) -> Option<Skipped> {
    let tally: &Tally = state.remedies.get(strategy.word())?;
    let again_in = AGAIN.saturating_sub(now.elapsed(&tally.last));
    let hopeless = tally.worked == 0 && tally.tried >= HOPELESS && !again_in.is_zero();
    hopeless.then_some(Skipped { strategy, tries: tally.tried, again_in })
}

/// The skipped steps of which that was not said yet, noted as said.
pub fn untold(ladder: &Ladder, state: &mut ServiceState) -> Vec<Skipped> {
    let mut untold = Vec::new();
    for skipped in &ladder.skipped {
        if let Some(tally) = state.remedies.get_mut(skipped.strategy.word())
            && !std::mem::replace(&mut tally.skip_told, true)
        {
            untold.push(skipped.clone());
        }
    }
    untold
}

/// What the manager said, as far as it is an obstacle to this ladder: none when a step of it can do without that.
///
/// A service that no manager knows can still be helped by a step that needs none. And a manager that does not
/// answer, or has been stopping the unit in vain for longer than `start_grace`, is what the last resort is for:
/// the steps before it look again themselves, and refuse.
pub fn found<'f>(
    found: &'f Found,
    configured: &[Strategy],
    incident_age: Duration,
    start_grace: Duration,
) -> Option<&'f Found> {
    let last_resort = configured.contains(&Strategy::Reboot) && incident_age >= start_grace;
    let passes = match found {
        Found::Nowhere(_) => configured.iter().any(|strategy| !strategy.needs_manager()),
        Found::Unknown(_) => last_resort,
        Found::Facts(facts) => {
            last_resort
                && facts.state == UnitState::Stopping
                && facts.in_state_ms.is_none_or(|ms| Duration::from_millis(ms) >= start_grace)
        }
    };
    (!passes).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::{found as facts, new_state, now, rebooted, secs};
    use Strategy::{
        Command, ConfigValidation, PortConflict, Reboot, ServiceReload, ServiceRestart,
    };

    /// One whose remedies were tried and worked so often, all of them last at 1000 s.
    fn state(tallies: &[(Strategy, u32, u32)]) -> ServiceState {
        let mut state = new_state();
        for (strategy, tried, worked) in tallies {
            let tally = Tally {
                tried: *tried,
                worked: *worked,
                last: now(1000).stamp(),
                skip_told: false,
                rest: serde_json::Map::new(),
            };
            state.remedies.insert(strategy.word().to_owned(), tally);
        }
        state
    }

    fn names(skipped: &[Skipped]) -> Vec<Strategy> {
        skipped.iter().map(|one| one.strategy).collect()
    }

    #[test]
    fn what_never_worked_makes_room_as_long_as_another_step_is_there() {
        let all = [ServiceRestart, PortConflict, Reboot];
        for (configured, tallies, ahead, skipped) in [
            (&all[..2], &[][..], &[ServiceRestart, PortConflict][..], &[][..]),
            (&all[..2], &[(ServiceRestart, 4, 0)], &[ServiceRestart, PortConflict], &[]),
            (&all[..2], &[(ServiceRestart, 5, 0)], &[PortConflict], &[ServiceRestart]),
            (&all[..2], &[(ServiceRestart, 90, 1)], &[ServiceRestart, PortConflict], &[]),
            (&all[..1], &[(ServiceRestart, 50, 0)], &[ServiceRestart], &[]),
            (
                &all[..2],
                &[(ServiceRestart, 5, 0), (PortConflict, 7, 0)],
                &[ServiceRestart, PortConflict],
                &[],
            ),
            // A reboot is not what makes a restart needless.
            (&[ServiceRestart, Reboot], &[(ServiceRestart, 9, 0)], &[ServiceRestart, Reboot], &[]),
            (&all, &[(ServiceRestart, 9, 0)], &[PortConflict, Reboot], &[ServiceRestart]),
            (&all, &[(Reboot, 5, 0)], &[ServiceRestart, PortConflict], &[Reboot]),
            (
                &[ServiceReload, ServiceRestart],
                &[(ServiceReload, 5, 0)],
                &[ServiceRestart],
                &[ServiceReload],
            ),
            (
                &[ServiceReload, ServiceRestart],
                &[(ServiceRestart, 5, 0)],
                &[ServiceReload, ServiceRestart],
                &[],
            ),
        ] {
            let ladder = Ladder::new(configured, &state(tallies), &now(2000));
            assert_eq!(ladder.ahead(5), ahead, "{configured:?} after {tallies:?}");
            assert_eq!(names(&ladder.skipped), skipped, "{configured:?} after {tallies:?}");
        }
    }

    #[test]
    fn after_seven_days_it_is_tried_again_also_across_a_reboot() {
        let state = state(&[(ServiceRestart, 6, 0)]);
        let week = 7 * 86_400;
        for (at, is_skipped) in [
            (now(1000), true),
            (now(1000 + week - 1), true),
            (now(1000 + week), false),
            (rebooted(1000 + week - 1, 60), true),
            (rebooted(1000 + week, 60), false),
            (rebooted(0, 60), true), // the wall clock was set back
        ] {
            let ladder = Ladder::new(&[ServiceRestart, PortConflict], &state, &at);
            assert_eq!(!ladder.skipped.is_empty(), is_skipped, "{at:?}");
        }
        let ladder = Ladder::new(&[ServiceRestart, PortConflict], &state, &now(1000));
        assert_eq!(
            ladder.skipped[0].told(),
            "skipped: service_restart, never worked in 6 tries; tried again in 7d"
        );
    }

    #[test]
    fn what_never_worked_is_done_after_all_when_nothing_else_acts_but_before_a_reboot() {
        let state = state(&[(ServiceRestart, 6, 0)]);
        let configured = [ServiceRestart, PortConflict, Command, Reboot];
        let mut ladder = Ladder::new(&configured, &state, &now(2000));
        let refused: Vec<_> = std::iter::from_fn(|| ladder.next(false, 5)).collect();
        assert_eq!(refused, [PortConflict, Command, ServiceRestart, Reboot]);
        let mut ladder = Ladder::new(&configured, &state, &now(2000));
        assert_eq!(ladder.next(false, 5), Some(PortConflict));
        assert_eq!(ladder.next(true, 4), Some(Command));
        assert_eq!(ladder.next(true, 3), Some(Reboot));
        assert_eq!(ladder.next(true, 2), None);
    }

    #[test]
    fn the_last_attempt_is_not_spent_on_a_reload() {
        let configured = [ServiceReload, ServiceRestart];
        let next = |configured: &[Strategy], left| {
            Ladder::new(configured, &new_state(), &now(2000)).next(false, left)
        };
        assert_eq!(next(&configured, 2), Some(ServiceReload));
        assert_eq!(next(&configured, 1), Some(ServiceRestart));
        assert_eq!(next(&configured[..1], 1), Some(ServiceReload));
    }

    #[test]
    fn that_a_step_is_skipped_is_said_once_until_it_was_tried_again() {
        let mut state = state(&[(ServiceRestart, 6, 0)]);
        let ladder = Ladder::new(&[ServiceRestart, ConfigValidation], &state, &now(2000));
        assert_eq!(names(&untold(&ladder, &mut state)), [ServiceRestart]);
        assert_eq!(untold(&ladder, &mut state), []);
    }

    #[test]
    fn only_a_ladder_that_can_do_without_the_manager_is_climbed_without_it() {
        let nowhere = Found::Nowhere("tried `web.service`".into());
        let silent = Found::Unknown("timed out".into());
        let stopping = facts(UnitState::Stopping, Some(secs(100)));
        let failed = facts(UnitState::Failed, Some(secs(100)));
        let grace = secs(90);
        for (seen, configured, age, obstacle) in [
            (&nowhere, &[ServiceRestart][..], 999, true),
            (&nowhere, &[Command, ServiceRestart], 0, false),
            (&silent, &[Command], 999, true),
            (&silent, &[ServiceRestart, Reboot], 89, true),
            (&silent, &[ServiceRestart, Reboot], 90, false),
            (&stopping, &[ServiceRestart], 999, true),
            (&stopping, &[ServiceRestart, Reboot], 89, true),
            (&stopping, &[ServiceRestart, Reboot], 90, false),
            (&failed, &[ServiceRestart, Reboot], 999, true),
        ] {
            let got = found(seen, configured, secs(age), grace);
            assert_eq!(got.is_some(), obstacle, "{seen:?} with {configured:?} after {age} s");
        }
    }
}
