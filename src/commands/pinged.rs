//! The last ping of each heartbeat, as the events have it: `ping` takes no lock and so cannot write the state.

use crate::store::Dir;
use crate::store::events::{self, Kind};

/// Pings that are looked through.
const PINGS: usize = 100;

/// Of each heartbeat that was told: its name, whether its last ping was accepted, and the words for that.
pub(super) fn last(dir: &Dir) -> Vec<(String, bool, String)> {
    let mut last: Vec<(String, bool, String)> = Vec::new();
    for event in events::recent_of(dir, Kind::Ping, PINGS) {
        let accepted = event.fields.get("accepted").is_some_and(|accepted| accepted == "true");
        let line = format!("{} at {}", event.text, event.at.strftime("%Y-%m-%d %H:%M:%SZ"));
        last.retain(|(name, ..)| *name != event.service);
        last.push((event.service, accepted, line));
    }
    last
}
