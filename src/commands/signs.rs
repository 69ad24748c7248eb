//! What can be seen of the host itself when many of its services are down at once. Looks only; what it means is
//! for the judge. Costs nothing while few are down.

use std::path::Path;
use std::time::Duration;

use crate::commands::memory::Memory;
use crate::judge::brake::Signs;
use crate::judge::since::Since;
use crate::sys::host;

/// Bound on a look at one file system: a dead mount must not cost more.
const LIMIT: Duration = Duration::from_secs(1);
/// Where services write, beside the state directory.
const PLACES: [&str; 4] = ["/", "/var", "/tmp", "/run"];
/// A boot or a sleep explains what is down for this long.
const RECENT: Duration = Duration::from_secs(600);

/// Reads them.
pub(super) fn read(memory: &Memory, since: Option<&Since>) -> Signs {
    let before = memory.state.cycle.as_ref().and_then(|cycle| cycle.oom_kills);
    let booted = since.and_then(|since| since.booted).filter(|ago| *ago < RECENT);
    // Another boot counts from nothing.
    let before = if since.is_some_and(|since| since.booted.is_some()) { Some(0) } else { before };
    let oom_kills = before.zip(host::oom_kills()).map_or(0, |(then, now)| now.saturating_sub(then));
    Signs {
        unwritable: unwritable(memory.dir.path()),
        oom_kills,
        memory: host::memory().ok().map(|memory| share(memory.available, memory.total)),
        load: host::load().ok().map(|[one, ..]| one / cpus()),
        booted,
        slept: since.map_or(Duration::ZERO, |since| since.slept),
    }
}

fn unwritable(state: &Path) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut seen = Vec::new();
    for place in PLACES.map(Path::new).into_iter().chain([state]) {
        let Ok(disk) = host::disk(place, LIMIT) else { continue };
        // The same figures are the same file system: it is named once, by its first place.
        if seen.contains(&disk) {
            continue;
        }
        seen.push(disk);
        let why = if disk.read_only {
            "mounted read-only"
        } else if disk.total > 0 && disk.free == 0 {
            "full"
        } else if disk.inodes > 0 && disk.inodes_free == 0 {
            "out of inodes"
        } else {
            continue;
        };
        found.push((place.display().to_string(), why.to_owned()));
    }
    found
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 1.0 } else { part as f64 / all as f64 }
}

#[expect(clippy::cast_precision_loss, reason = "a count of processors")]
fn cpus() -> f64 {
    host::cpus() as f64
}
