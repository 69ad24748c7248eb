//! One look at services: managers are asked once for all units, then all probes side by side, then the ones
//! that were not up are looked at again before they are believed. Changes nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::commands::gate::Gate;
use crate::config::{Config, Service};
use crate::manager::{self, Reach, Settled};
use crate::model::policy::Policy;
use crate::model::text::one_line;
use crate::model::trail::{Before, Left};
use crate::model::unit::{Found, ManagerKind, UnitFacts, UnitName};
use crate::model::verdict::{Look, Verdict};
use crate::probe::{self, Aim, Ask, Bounds, Probe, Progress, Seen};
use crate::report::screen::Screen;
use crate::report::text::WIDTH;
use crate::sys::clock::{self, Deadline, Stopwatch};

/// A manager that has not answered by then is not asked again in this round.
const MANAGER_LIMIT: Duration = Duration::from_secs(10);

/// What was seen counts for so long at least.
const FRESH: Duration = Duration::from_secs(5);

/// Bound on a look of the gate, unless it has its own: all that is down waits for it.
const GATE_LIMIT: Duration = Duration::from_secs(5);

/// What was seen of one service.
pub(super) struct Sight<'c> {
    pub(super) service: &'c Service,
    pub(super) settled: Settled,
    pub(super) looks: Vec<Look>,
    pub(super) verdict: Verdict,
    /// Since when it was looked at.
    begun: Stopwatch,
    /// How long that took, with all that were looked at beside it.
    took: Duration,
}

impl Sight<'_> {
    /// Whether it is so old that somebody else may have put things right meanwhile. The longer a look takes, the
    /// longer it counts: looking must not take the time in which to heal.
    pub(super) fn is_old(&self) -> bool {
        self.begun.read().saturating_sub(self.took) >= FRESH.max(self.took)
    }

    /// What its manager said, if it did.
    pub(super) fn facts(&self) -> Option<&UnitFacts> {
        match &self.settled.found {
            Found::Facts(facts) => Some(facts),
            Found::Nowhere(_) | Found::Unknown(_) => None,
        }
    }
}

/// How to look.
pub(super) struct Eye<'a> {
    pub(super) reach: &'a Reach,
    pub(super) jobs: usize,
    pub(super) deadline: Deadline,
    pub(super) screen: &'a Screen,
    pub(super) gate: Gate<'a>,
}

impl<'a> Eye<'a> {
    /// As the config says.
    pub(super) fn new(
        config: &'a Config,
        reach: &'a Reach,
        deadline: Deadline,
        screen: &'a Screen,
    ) -> Self {
        Self { reach, jobs: config.jobs, deadline, screen, gate: Gate::of(&config.gate) }
    }

    /// Looks at all of them; who is not up is looked at again, as often as its policy's `tries` says. Each look
    /// goes on from what was `left` before the first: what it leaves itself is for the next run.
    pub(super) fn look<'c>(&self, services: &[&'c Service], left: &Left) -> Vec<Sight<'c>> {
        let know = |service: &Service| Aim::Know { fail_after: service.policy.fail_after };
        let mut sights = self.once(services, left, know);
        for round in 1.. {
            let doubted: Vec<usize> = (0..sights.len())
                .filter(|&i| !sights[i].verdict.is_up() && sights[i].service.policy.tries > round)
                .collect();
            let gap = doubted.iter().map(|&i| sights[i].service.policy.gap).max();
            let Some(gap) = gap.filter(|gap| *gap < self.deadline.left()) else { break };
            clock::pause(gap);
            let again: Vec<&'c Service> = doubted.iter().map(|&i| sights[i].service).collect();
            for (index, sight) in doubted.into_iter().zip(self.once(&again, left, know)) {
                sights[index] = sight;
            }
        }
        sights
    }

    /// Looks at all of them once more, before anything is done about them.
    pub(super) fn glance<'c>(&self, services: &[&'c Service], left: &Left) -> Vec<Sight<'c>> {
        self.once(services, left, |service| Aim::Know { fail_after: service.policy.fail_after })
    }

    /// Looks at all of them once, to verify what was done.
    pub(super) fn verify<'c>(&self, services: &[&'c Service], left: &Left) -> Vec<Sight<'c>> {
        self.once(services, left, |_| Aim::Verify)
    }

    fn once<'c>(
        &self,
        services: &[&'c Service],
        left: &Left,
        aim: impl Fn(&Service) -> Aim,
    ) -> Vec<Sight<'c>> {
        let begun = Stopwatch::start();
        let units = self.units(services);
        let settled: Vec<Settled> = services
            .iter()
            .map(|s| manager::settle(&s.manager, &s.name, &units, self.reach))
            .collect();
        let mut asks = Vec::new();
        let mut counts = Vec::new();
        for (service, settled) in services.iter().zip(&settled) {
            let probes = probes_of(service, settled);
            counts.push(probes.len());
            asks.extend(probes.into_iter().map(|probe| ask(probe, service, left, aim(service))));
        }
        let looks = self.ask(asks, units);
        let took = begun.read();
        let mut looks = looks.into_iter();
        services
            .iter()
            .zip(settled)
            .zip(counts)
            .map(|((&service, settled), count)| {
                let looks: Vec<Look> = looks.by_ref().take(count).collect();
                let verdict = match (&settled.found, looks.is_empty()) {
                    (Found::Nowhere(tried), true) => {
                        Verdict::Unknown(format!("no manager here knows it: tried {tried}"))
                    }
                    // What its own probes find up may be down to its manager, which nobody could ask.
                    (Found::Unknown(why), _) => {
                        let unit = Verdict::Unknown(why.clone());
                        Verdict::of_all(looks.iter().map(|look| &look.verdict).chain([&unit]))
                    }
                    _ => Verdict::of_all(looks.iter().map(|look| &look.verdict)),
                };
                Sight { service, settled, looks, verdict, begun, took }
            })
            .collect()
    }

    /// Asks probes that belong to no service.
    pub(super) fn probes(&self, probes: Vec<Probe>, asks: impl Fn(Probe) -> Ask) -> Vec<Look> {
        let wanted: Vec<UnitName> = probes.iter().filter_map(Probe::unit).cloned().collect();
        let units = self.show(&wanted);
        self.ask(probes.into_iter().map(asks).collect(), units)
    }

    fn ask(&self, asks: Vec<Ask>, units: HashMap<UnitName, Found>) -> Vec<Look> {
        if !self.gate.is_set() {
            return self.look_all(asks, units);
        }
        let hosts: Vec<_> = asks.iter().map(|ask| ask.probe.host()).collect();
        let mut looks = self.look_all(asks, units);
        self.gate.weigh(&mut looks, &hosts, |probes| {
            let asks = probes.iter().map(|probe| alone(probe.clone(), GATE_LIMIT));
            self.look_all(asks.collect(), HashMap::new())
        });
        looks
    }

    fn look_all(&self, asks: Vec<Ask>, units: HashMap<UnitName, Found>) -> Vec<Look> {
        let bounds = Bounds { jobs: self.jobs, deadline: self.deadline };
        probe::look_all(
            asks,
            &Arc::new(Seen::new(units)),
            &bounds,
            &mut |Progress { done, total, waiting }| {
                let waiting = waiting.map(|probe| format!(", waiting for {probe}"));
                let text = format!("looking: {done} of {total}{}", waiting.unwrap_or_default());
                self.screen.progress(&one_line(&text, WIDTH - 1));
            },
        )
    }

    fn units(&self, services: &[&Service]) -> HashMap<UnitName, Found> {
        let mut wanted: Vec<UnitName> = Vec::new();
        for service in services {
            wanted.extend(manager::candidates(&service.manager, &service.name, self.reach));
            wanted.extend(service.probes.iter().filter_map(Probe::unit).cloned());
        }
        self.show(&wanted)
    }

    fn show(&self, wanted: &[UnitName]) -> HashMap<UnitName, Found> {
        manager::show(wanted, self.reach, MANAGER_LIMIT.min(self.deadline.left()))
    }
}

/// What is asked of a service: its own probes, and its unit when a manager knows it.
fn probes_of(service: &Service, settled: &Settled) -> Vec<Probe> {
    let mut probes = service.probes.clone();
    if let Some(unit) = settled
        .runner
        .as_ref()
        .map(|runner| UnitName { manager: runner.kind, unit: runner.unit.clone() })
        .filter(|unit| unit.manager != ManagerKind::Command)
        && !probes.iter().any(|probe| probe.unit() == Some(&unit))
    {
        probes.insert(0, Probe::implied_unit(&unit));
    }
    probes
}

/// What is asked of a probe that belongs to no service; `limit` bounds it unless it has its own.
pub(super) fn alone(probe: Probe, limit: Duration) -> Ask {
    let policy = Policy::default();
    Ask {
        timeout: probe.timeout.unwrap_or(limit),
        tries: probe.tries.unwrap_or(1),
        gap: probe.gap.unwrap_or(policy.gap),
        start_grace: policy.start_grace,
        before: Before::Nowhere,
        aim: Aim::Know { fail_after: 1 },
        probe: Arc::new(probe),
    }
}

fn ask(probe: Probe, service: &Service, left: &Left, aim: Aim) -> Ask {
    Ask {
        timeout: probe.timeout.unwrap_or(service.policy.timeout),
        // Doubted services are looked at again as a whole; a probe's own `tries` come on top.
        tries: probe.tries.unwrap_or(1),
        gap: probe.gap.unwrap_or(service.policy.gap),
        start_grace: service.policy.start_grace,
        before: left.of(&service.name, &probe.text),
        aim,
        probe: Arc::new(probe),
    }
}
