//! Docker and Podman: which names they take, how all wanted containers are asked about in one go. The same for both, over
//! the engine's API or its command; Compose's containers are containers like others.

pub(crate) mod act;
pub(crate) mod claims;
pub(crate) mod facts;

use std::collections::HashMap;
use std::time::Duration;

use crate::manager::reach::Reach;
use crate::model::unit::{Found, ManagerKind};
use crate::sys::clock::{self, Deadline};
use crate::sys::engine::{Brand, Container, Engine, Trouble, is_name};
use crate::sys::exec::shown;

/// The name of a container, as its engine takes it.
pub(crate) fn container_name(text: &str) -> Result<String, String> {
    if is_name(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is no container's name"))
    }
}

/// Which engine this is.
fn brand(manager: ManagerKind) -> Brand {
    if manager == ManagerKind::Podman { Brand::Podman } else { Brand::Docker }
}

/// The engine's command about a container as a person would type it.
pub(crate) fn typed(manager: ManagerKind, args: &[&str], unit: &str) -> String {
    let words = std::iter::once(manager.word()).chain(args.iter().copied()).chain([unit]);
    shown(&words.map(str::to_owned).collect::<Vec<_>>())
}

fn engines(manager: ManagerKind, reach: &Reach) -> impl Iterator<Item = &Engine> {
    reach.engines.iter().filter(move |engine| engine.brand == brand(manager))
}

/// Asks about all of `units`, each engine in one go about those that none before it knows: root's own and a user's may
/// both be here. Every one of them is in the answer.
pub(crate) fn show(
    manager: ManagerKind,
    units: &[&str],
    reach: &Reach,
    limit: Duration,
) -> HashMap<String, Found> {
    let word = manager.word();
    let known = look(manager, units, reach, limit);
    let now = clock::now().wall;
    let found = |known: Option<Known<'_>>, unit: &str| match known {
        None => Found::Nowhere(format!("{word} `{unit}` (no {word} on this host)")),
        Some(Ok((_, container))) => facts::found(&container, manager, now),
        Some(Err(Trouble::Missing)) => Found::Facts(facts::missing(unit, manager)),
        Some(Err(trouble)) => Found::Unknown(hinted(manager, &trouble)),
    };
    units.iter().zip(known).map(|(unit, known)| ((*unit).to_owned(), found(known, unit))).collect()
}

/// The engine that has it, and it; else why not.
type Known<'r> = Result<(&'r Engine, Container), Trouble>;

/// In the order of `units`; none of it where there is no engine. One that could not be asked may have it.
fn look<'r>(
    manager: ManagerKind,
    units: &[&str],
    reach: &'r Reach,
    limit: Duration,
) -> Vec<Option<Known<'r>>> {
    let deadline = Deadline::after(limit);
    let mut known: Vec<Option<Known<'r>>> = units.iter().map(|_| None).collect();
    for engine in engines(manager, reach) {
        let open: Vec<usize> =
            (0..units.len()).filter(|at| !matches!(known[*at], Some(Ok(_)))).collect();
        let names: Vec<&str> = open.iter().map(|at| units[*at]).collect();
        if names.is_empty() {
            break;
        }
        for (at, answer) in open.into_iter().zip(engine.inspect_all(&names, deadline.left())) {
            match (answer, &known[at]) {
                (Ok(container), _) => known[at] = Some(Ok((engine, container))),
                (Err(trouble), None | Some(Err(Trouble::Missing))) => {
                    known[at] = Some(Err(trouble));
                }
                (Err(_), _) => {}
            }
        }
    }
    known
}

/// One of them.
fn one<'r>(
    manager: ManagerKind,
    unit: &str,
    reach: &'r Reach,
    limit: Duration,
) -> Option<Known<'r>> {
    look(manager, &[unit], reach, limit).pop().flatten()
}

/// The trouble, with what to do about it.
fn hinted(manager: ManagerKind, trouble: &Trouble) -> String {
    match (trouble, manager) {
        (Trouble::NoRight(why), ManagerKind::Podman) => {
            format!("{why}; run it as root, or as the user whose container it is")
        }
        (Trouble::NoRight(why), _) => {
            format!("{why}; run it as root, or as a member of the group `docker`")
        }
        (other, _) => other.to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
