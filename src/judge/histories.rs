//! Made-up histories for the judge's simulation: what cron, clocks, services and attempts may do. Only tests.

use std::time::Duration;

use proptest::prelude::*;

use crate::model::policy::{Budget, Flapping, Policy, WhenStopped};
use crate::model::unit::UnitState;

/// What becomes of one rung of the ladder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    Heals,
    Fails,
    Refuses,
    KillsTheRun,
}

/// Beside the verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scene {
    Unit(UnitState, u64),
    Masked,
    Silent,
    NoRight,
    Blocked,
    Held,
}

/// One run of cron.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Seconds since the last run.
    pub(crate) gap: u64,
    /// The wall clock is set by so many seconds.
    pub(crate) jump: i64,
    /// The host was off for so long, and has been up for so long.
    pub(crate) reboot: Option<(u64, u64)>,
    pub(crate) seen: char,
    pub(crate) scene: Scene,
    pub(crate) ladder: Vec<Fate>,
}

fn policies() -> impl Strategy<Value = Policy> {
    let counts = (1..4_u32, 1..3_u32, 1..7_u32, 60..1800_u64);
    let pauses = (0..60_u64, 0..200_u64, 60..4000_u64, 0..120_u64);
    let flapping = prop::option::of(Just(Flapping { start: 55, stop: 25 }));
    let when = prop_oneof![Just(WhenStopped::Heal), Just(WhenStopped::Respect)];
    (counts, pauses, flapping, when).prop_map(|(counts, pauses, flapping, when_stopped)| {
        let secs = Duration::from_secs;
        Policy {
            fail_after: counts.0,
            recover_after: counts.1,
            max_heals: Budget { count: counts.2, window: secs(counts.3) },
            cooldown: secs(pauses.0),
            cooldown_max: secs(pauses.1),
            retry_after: secs(pauses.2),
            start_grace: secs(pauses.3),
            flapping,
            when_stopped,
            ..Policy::default()
        }
    })
}

fn steps() -> impl Strategy<Value = Step> {
    use UnitState::{Failed, Retrying, Running, Starting, Stopped, Stopping};
    let gap =
        prop_oneof![8 => Just(60_u64), 4 => 1..30_u64, 3 => 60..900_u64, 1 => 900..90_000_u64];
    let years = 10 * 365 * 86_400_i64;
    let off_and_up = || (0..600_u64, 1..100_u64).prop_map(Some);
    // A host whose clock has no battery wakes up in another year.
    let clocks = prop_oneof![
        24 => Just((0, None)),
        1 => (-4000..4000_i64, Just(None)),
        1 => (-years..years, Just(None)),
        1 => (Just(0), off_and_up()),
        2 => (-years..years, off_and_up()),
    ];
    let seen = prop_oneof![6 => Just('d'), 2 => Just('u'), 1 => Just('?')];
    let unit = prop_oneof![
        Just(Failed),
        Just(Stopped),
        Just(Running),
        Just(Starting),
        Just(Stopping),
        Just(Retrying)
    ];
    let scene = prop_oneof![
        25 => Just(Scene::Unit(Failed, 1)),
        3 => (unit, 0..200_u64).prop_map(|(state, secs)| Scene::Unit(state, secs)),
        1 => Just(Scene::Masked),
        1 => Just(Scene::Silent),
        1 => Just(Scene::NoRight),
        1 => Just(Scene::Blocked),
        1 => Just(Scene::Held),
    ];
    let fate = prop_oneof![
        3 => Just(Fate::Heals),
        6 => Just(Fate::Fails),
        1 => Just(Fate::Refuses),
        1 => Just(Fate::KillsTheRun),
    ];
    (gap, clocks, seen, scene, prop::collection::vec(fate, 1..4)).prop_map(
        |(gap, (jump, reboot), seen, scene, ladder)| Step {
            gap,
            jump,
            reboot,
            seen,
            scene,
            ladder,
        },
    )
}

/// A policy and what happens under it.
pub(crate) fn histories() -> impl Strategy<Value = (Policy, Vec<Step>)> {
    (policies(), prop::collection::vec(steps(), 1..50))
}
