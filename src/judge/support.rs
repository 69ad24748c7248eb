//! Values that the judge's tests share. Nothing outside tests.

use std::time::Duration;

use jiff::Timestamp;

use crate::judge::attempts::{begin_attempt, end_attempt};
use crate::judge::plan::Circumstances;
use crate::judge::transition::transition;
use crate::model::incident::Outcome;
use crate::model::policy::Policy;
use crate::model::state::{Flip, ServiceState};
use crate::model::time::Now;
use crate::model::unit::{Found, HandsOff, ManagerKind, UnitFacts, UnitState};
use crate::model::verdict::Verdict;

/// Seconds.
pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// `at` seconds after a boot named `a`, which was at 2026-01-01.
pub(crate) fn now(at: u64) -> Now {
    let boot: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Now { wall: boot + secs(at), boot: "a".into(), since_boot: secs(at) }
}

/// The same moment after a reboot `since_boot` seconds ago.
pub(crate) fn rebooted(at: u64, since_boot: u64) -> Now {
    Now { boot: "b".into(), since_boot: secs(since_boot), ..now(at) }
}

/// One that was never looked at.
pub(crate) fn new_state() -> ServiceState {
    ServiceState::new(now(0).stamp())
}

/// A verdict by its letter: `u` up, `d` down, anything else unknown.
pub(crate) fn verdict(letter: char) -> Verdict {
    match letter {
        'u' => Verdict::Up,
        'd' => Verdict::Down("refused".into()),
        _ => Verdict::Unknown("no answer".into()),
    }
}

/// One cycle at `at` seconds.
pub(crate) fn cycle(
    state: Option<&ServiceState>,
    letter: char,
    policy: &Policy,
    at: &Now,
) -> (ServiceState, Option<Flip>) {
    let id = || format!("web-{}", at.since_boot.as_secs());
    transition("web", state, verdict(letter), Vec::new(), policy, at, id)
}

/// Cycles a minute apart, the first at 1000 s; the state after the last, and the time of it.
pub(crate) fn cycles(letters: &str, policy: &Policy) -> (ServiceState, u64) {
    let mut state = new_state();
    let mut at = 1000;
    for (i, letter) in letters.chars().enumerate() {
        at = 1000 + 60 * i as u64;
        state = cycle(Some(&state), letter, policy, &now(at)).0;
    }
    (state, at)
}

/// An attempt at `at` that ends so; with `None` the run is killed in it.
pub(crate) fn attempt(state: &mut ServiceState, at: &Now, outcome: impl Into<Option<Outcome>>) {
    begin_attempt(state, "service_restart", at);
    if let Some(outcome) = outcome.into() {
        end_attempt(
            state,
            vec!["systemctl restart web.service".into()],
            Vec::new(),
            outcome,
            secs(2),
        );
    }
}

/// What was `found`, and nothing that keeps hands off.
pub(crate) fn free(found: &Found) -> Circumstances<'_> {
    Circumstances {
        found: Some(found),
        blocked_by: None,
        can_act: Ok(()),
        held: None,
        at_work: None,
        grace: None,
    }
}

/// What the manager says of `web.service`.
pub(crate) fn facts(state: UnitState, in_state: Option<Duration>) -> UnitFacts {
    UnitFacts {
        in_state_ms: in_state.map(|d| u64::try_from(d.as_millis()).unwrap()),
        ..UnitFacts::bare(ManagerKind::Systemd, "web.service", state)
    }
}

/// [`facts`], found.
pub(crate) fn found(state: UnitState, in_state: Option<Duration>) -> Found {
    Found::Facts(facts(state, in_state))
}

/// A failed unit that must be left alone.
pub(crate) fn hands_off(why: HandsOff) -> Found {
    Found::Facts(UnitFacts { hands_off: Some(why), ..facts(UnitState::Failed, None) })
}
