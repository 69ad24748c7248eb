//! Restarts a container, and reads the end of what it wrote. One restart, no more: whether it helped is for the probes.

use std::time::Duration;

use crate::manager::acted::Acted;
use crate::manager::engine::{hinted, one, typed};
use crate::manager::reach::Reach;
use crate::model::scrub;
use crate::model::unit::ManagerKind;
use crate::sys::clock::Deadline;
use crate::sys::engine::{Restarted, Trouble};

/// Restarts it, which starts it where it does not run. Not one that its engine is restarting already, and not a paused
/// one: the look just before may be older than that.
pub(crate) fn restart(manager: ManagerKind, unit: &str, reach: &Reach, limit: Duration) -> Acted {
    let deadline = Deadline::after(limit);
    let (mut acted, word) = (Acted::nothing(), manager.word());
    let (engine, container) = match one(manager, unit, reach, deadline.left()) {
        None => return acted.refuse(format!("no {word} on this host")),
        Some(Ok(known)) => known,
        Some(Err(trouble)) => return failed(acted, manager, unit, &trouble),
    };
    if matches!(container.state.status.as_str(), "restarting" | "paused" | "removing") {
        return acted.refuse(format!("`{unit}` is {}", container.state.status));
    }
    match engine.restart(&container, deadline.left()) {
        Err(trouble) => failed(acted, manager, unit, &trouble),
        Ok(restarted) => {
            acted.did.push(typed(manager, &["restart"], unit));
            match restarted {
                Restarted::Done => {}
                // It tried: a port that is taken, a program that is not there. That is an attempt, and its reason.
                Restarted::Failed(words) => acted.said.push(format!("{word}: {words}")),
                Restarted::GoesOn => acted.said.push(format!("the restart of `{unit}` goes on")),
            }
            acted
        }
    }
}

fn failed(acted: Acted, manager: ManagerKind, unit: &str, trouble: &Trouble) -> Acted {
    match trouble {
        Trouble::Missing => acted.refuse(format!("{} has no container `{unit}`", manager.word())),
        Trouble::NoRight(_) => acted.no_right(hinted(manager, trouble)),
        Trouble::Silent(why) => acted.refuse(why.clone()),
    }
}

/// The last lines that it wrote in its last run.
pub(crate) fn log_tail(
    manager: ManagerKind,
    unit: &str,
    lines: usize,
    reach: &Reach,
    limit: Duration,
) -> Vec<String> {
    let deadline = Deadline::after(limit);
    let Some(Ok((engine, container))) = one(manager, unit, reach, deadline.left()) else {
        return Vec::new();
    };
    let tail = engine.log_tail(&container, lines, deadline.left());
    scrub::lines(tail.iter().map(String::as_str), 500)
}
