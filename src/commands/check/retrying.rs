//! `check --retry-for`: looks until all is well or the time is up, for scripts that have just deployed something.
//! Takes no lock and remembers nothing: the run that follows does, and its result alone counts.

use std::time::Duration;

use crate::commands::cycle::Eye;
use crate::commands::gate::Gate;
use crate::commands::setup::Setup;
use crate::config::Service;
use crate::model::text::one_line;
use crate::model::trail::{Left, trails};
use crate::model::verdict::Look;
use crate::probe::{Ask, Probe};
use crate::store::{self, Dir};
use crate::sys::clock::{self, Deadline};

/// The first pause; each is twice the one before.
const SHORTEST: Duration = Duration::from_millis(200);
/// Until it is this.
const LONGEST: Duration = Duration::from_secs(3);
/// What a deadline that was asked for keeps back for the run that counts: a quarter, at most this.
const RESERVE: Duration = Duration::from_secs(15);
/// Another run may hold the lock just then; a script that waits for its deploy waits for that, too.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long to wait for another run to end, when nothing else was asked for.
pub(super) fn patience(time: Option<Duration>) -> Option<Duration> {
    time.map(|time| time.min(PATIENCE))
}

/// Waits for these services.
pub(super) fn services(setup: &Setup, eye: &Eye, dir: &Dir, asked: &[&Service], time: Duration) {
    // What was there before this run; it is read beside whoever holds the lock.
    let peeked = store::state::peek(dir).ok();
    let mut left = peeked.map_or_else(Left::default, |peeked| Left::by(&peeked.state));
    let eye = patient(eye, time);
    until_well(setup, eye.deadline, asked.to_vec(), |services| {
        let sights = eye.verify(&services, &left);
        for sight in &sights {
            left.put(&sight.service.name, &trails(&sight.looks));
        }
        let doubted = sights.iter().filter_map(|sight| {
            let warned = sight.looks.iter().find_map(|look| look.warns());
            let why = warned.filter(|_| sight.verdict.is_up()).unwrap_or(sight.verdict.reason());
            let well = sight.verdict.is_up() && warned.is_none();
            (!well).then(|| (sight.service, format!("{}: {why}", sight.service.name)))
        });
        doubted.collect()
    });
}

/// Waits for these probes, which belong to no service.
pub(super) fn probes(
    setup: &Setup,
    eye: &Eye,
    asked: &[Probe],
    time: Duration,
    ask: impl Fn(Probe) -> Ask,
) {
    let eye = patient(eye, time);
    until_well(setup, eye.deadline, asked.to_vec(), |probes| {
        let looks: Vec<Look> = eye.probes(probes.clone(), &ask);
        let well = |look: &Look| look.verdict.is_up() && look.warns().is_none();
        let doubted = probes.into_iter().zip(looks).filter(|(_, look)| !well(look));
        doubted.map(|(probe, look)| (probe, format!("{}: {}", look.probe, look.reason()))).collect()
    });
}

/// The same eye until the waiting is over, so that there is time left for the run that counts. What is unknown
/// is waited for as what is down is: the gate has nothing to say.
fn patient<'a>(eye: &Eye<'a>, time: Duration) -> Eye<'a> {
    let left = eye.deadline.left();
    let deadline = Deadline::after(time.min(left.saturating_sub(RESERVE.min(left / 4))));
    Eye { reach: eye.reach, jobs: eye.jobs, deadline, screen: eye.screen, gate: Gate::of(&[]) }
}

/// Calls `look` with all, then with those that it gives back as not well and why, until it gives none back.
fn until_well<T>(
    setup: &Setup,
    end: Deadline,
    all: Vec<T>,
    mut look: impl FnMut(Vec<T>) -> Vec<(T, String)>,
) {
    let (total, mut waiting, mut pause) = (all.len(), all, SHORTEST);
    loop {
        let doubted = look(waiting);
        let Some((_, why)) = doubted.first() else { return };
        if setup.screen.interactive() {
            let left = end.left().as_secs();
            let count = doubted.len();
            let text = format!("waiting {left}s more for {count} of {total}: {why}");
            setup.screen.progress(&one_line(&text, 79));
        }
        clock::pause(pause.min(end.left()));
        if end.passed() {
            return;
        }
        pause = (pause * 2).min(LONGEST);
        waiting = doubted.into_iter().map(|(one, _)| one).collect();
    }
}
