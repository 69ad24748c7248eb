//! The root cause out of everything that was found: manager, log and surroundings. Each part only where something
//! proves it; what merely stands beside the outage is evidence and no cause.

use std::time::Duration;

use jiff::Timestamp;

use super::{cause, in_use, kernel};
use crate::model::scene::{Changed, Scene};
use crate::model::text::{human_duration, human_size};
use crate::model::unit::{Exit, UnitFacts, UnitState};

/// So long before its end a change of its config may be why it ended.
const RECENT: Duration = Duration::from_hours(24);

/// Why it is down, in words; none when nothing proves it.
pub fn root(facts: Option<&UnitFacts>, log: &[String], scene: &Scene) -> Option<String> {
    let mut parts = Vec::new();
    let ended = facts.is_some_and(has_ended);
    if let Some(facts) = facts {
        parts.extend(out_of_memory(facts, scene).or_else(|| {
            let changed = changed(facts, scene).unwrap_or_default();
            cause(facts, log).map(|words| format!("{words}{changed}"))
        }));
    }
    // Whoever else has the port keeps it from starting; while it runs, it has the port itself.
    if ended || in_use(log).is_some() {
        parts.extend(holder(scene));
    }
    parts.extend(unwritable(log, scene));
    if parts.is_empty() {
        let down = scene.needs_down.first();
        parts.extend(down.map(|name| format!("its dependency `{name}` is down")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn has_ended(facts: &UnitFacts) -> bool {
    !matches!(facts.state, UnitState::Running | UnitState::Starting | UnitState::Stopping)
}

/// systemd's `oom-kill`, or a SIGKILL together with the kernel's own line about it.
fn out_of_memory(facts: &UnitFacts, scene: &Scene) -> Option<String> {
    let by_result = facts.result.as_deref() == Some("oom-kill");
    let by_signal = facts.exit == Some(Exit::Signal(9));
    if !has_ended(facts) || !(by_result || by_signal) {
        return None;
    }
    let limit = scene.memory_limit.map(human_size);
    match kernel::last(&scene.kernel) {
        Some(killed) => {
            let had = format!("`{}` had {} of memory", killed.name, human_size(killed.memory));
            let limit = limit.filter(|_| killed.by_limit);
            let limit = limit.map(|limit| format!(", its limit (`MemoryMax`) is {limit}"));
            Some(format!("killed by the OOM killer: {had}{}", limit.unwrap_or_default()))
        }
        None if by_result => {
            let limit = limit.map(|limit| format!("; its limit (`MemoryMax`) is {limit}"));
            let limit = limit.unwrap_or_default();
            Some(format!("killed by the kernel because memory ran out (`oom-kill`){limit}"))
        }
        None => None,
    }
}

/// `, 4m after `/etc/web.toml` was changed`, when it ended by itself with an error.
fn changed(facts: &UnitFacts, scene: &Scene) -> Option<String> {
    let by_itself =
        matches!(facts.exit, Some(Exit::Code(code)) if code != 0) || facts.start_limited;
    if !by_itself || !has_ended(facts) {
        return None;
    }
    let end = scene.ended.unwrap_or(scene.at);
    let Changed { path, at } = scene.changed.first()?;
    // By the wall clock's seconds: a file's time may be a little ahead of the manager's.
    let before = end.as_second().saturating_sub(at.as_second());
    let before = Duration::from_secs(u64::try_from(before.max(0)).ok()?);
    let after = |end: Timestamp| at.as_second() > end.as_second() + 1;
    (before <= RECENT && !after(end))
        .then(|| format!(", {} after `{}` was changed", human_duration(before), path.display()))
}

/// Somebody else on its port. systemd itself is one who keeps it for the service (socket activation).
fn holder(scene: &Scene) -> Option<String> {
    let port = scene.port?;
    let end = format!(":{port}");
    let on_it = |address: &str| address.ends_with(&end);
    let mut others = scene.listeners.iter().filter(|one| !one.own && on_it(&one.address));
    let other = others.find(|one| one.pid.is_some_and(|pid| pid != 1))?;
    Some(format!("its port {port} is held by {}", other.words()))
}

/// A file system that it uses, or, when its log says so, any of the host's.
fn unwritable(log: &[String], scene: &Scene) -> Option<String> {
    let said = |words: &[&str]| log.iter().any(|line| words.iter().any(|word| line.contains(word)));
    let full = said(&["No space left on device", "ENOSPC", "Disk quota exceeded"]);
    let read_only = said(&["Read-only file system", "EROFS"]);
    scene.file_systems.iter().find_map(|one| {
        let why = one.trouble()?;
        // Much is mounted read-only on purpose.
        let proven = if one.read_only { read_only } else { full || one.used };
        proven.then(|| format!("its file system `{}` is {why}", one.place.display()))
    })
}

#[cfg(test)]
mod tests;
