//! Who runs a service. One file a manager: what to execute, and how its answers read. Asks in one query per
//! manager for all services; acts only through a [`Runner`], and only when told to.

mod acted;
mod choice;
mod claims;
pub mod command;
pub(crate) mod engine;
pub(crate) mod launchd;
mod reach;
mod runner;
pub mod schedule;
pub mod supervisord;
mod surroundings;
pub mod systemd;

use std::collections::HashMap;
use std::time::Duration;

pub use acted::{Acted, Refusal};
pub use choice::{Choice, Settled, candidates, settle};
pub use claims::{Claims, Program, plain};
pub use reach::Reach;
pub use runner::Runner;
pub use surroundings::Surroundings;

use crate::model::unit::{Found, ManagerKind, UnitName};

/// What the managers say about all of `wanted`: one query a manager, side by side, each bounded by `limit`.
/// Every name of `wanted` is in the answer, and where its manager calls the unit by another one (`web` is `site:web`),
/// that too. A manager that is not on this host costs nothing.
pub fn show(wanted: &[UnitName], reach: &Reach, limit: Duration) -> HashMap<UnitName, Found> {
    let ask = |manager: ManagerKind, units: &[&str]| match manager {
        ManagerKind::Systemd | ManagerKind::SystemdUser => {
            systemd::show(manager, units, reach, limit)
        }
        ManagerKind::Supervisord => supervisord::show(units, reach, limit),
        ManagerKind::Launchd => launchd::show(units, reach, limit),
        ManagerKind::Docker | ManagerKind::Podman => engine::show(manager, units, reach, limit),
        ManagerKind::Command => units
            .iter()
            .map(|unit| ((*unit).to_owned(), Found::Nowhere("plain commands".into())))
            .collect(),
    };
    let mut asked: Vec<(ManagerKind, Vec<&str>)> = Vec::new();
    for name in wanted {
        match asked.iter_mut().find(|(manager, _)| *manager == name.manager) {
            Some((_, units)) if units.contains(&name.unit.as_str()) => {}
            Some((_, units)) => units.push(&name.unit),
            None => asked.push((name.manager, vec![&name.unit])),
        }
    }
    let answers = std::thread::scope(|scope| {
        let ask = &ask;
        let running: Vec<_> = asked
            .iter()
            .map(|(manager, units)| (*manager, scope.spawn(move || ask(*manager, units))))
            .collect();
        running
            .into_iter()
            .map(|(manager, answer)| (manager, answer.join().unwrap_or_default()))
            .collect::<Vec<_>>()
    });
    let told = |name: &UnitName| {
        let (_, answer) = answers.iter().find(|(manager, _)| *manager == name.manager)?;
        answer.get(&name.unit).cloned()
    };
    let mut shown = HashMap::new();
    for name in wanted {
        let silent = || Found::Unknown(format!("{} gave no answer", name.manager.word()));
        let found = told(name).unwrap_or_else(silent);
        if let Found::Facts(facts) = &found {
            let called = UnitName { manager: facts.manager, unit: facts.unit.clone() };
            shown.entry(called).or_insert_with(|| found.clone());
        }
        shown.insert(name.clone(), found);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_was_asked_for_is_answered() {
        let name = |manager, unit: &str| UnitName { manager, unit: unit.into() };
        let wanted = [
            name(ManagerKind::Systemd, "a.service"),
            name(ManagerKind::Systemd, "a.service"),
            name(ManagerKind::SystemdUser, "a.service"),
            name(ManagerKind::Supervisord, "a"),
            name(ManagerKind::Launchd, "a"),
            name(ManagerKind::Docker, "a"),
            name(ManagerKind::Podman, "a"),
        ];
        let shown = show(&wanted, &Reach::nothing(), Duration::ZERO);
        assert_eq!(shown.len(), 6);
        assert!(wanted.iter().all(|name| matches!(shown[name], Found::Nowhere(_))), "{shown:?}");
    }
}
