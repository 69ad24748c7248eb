//! What the tests of the outbox share.

use std::time::Duration;

use super::{Delivery, Entry};
use crate::model::story::{Change, Story};
use crate::store::Dir;
use crate::store::testing::now;

pub(super) fn dir() -> (tempfile::TempDir, Dir) {
    let temp = tempfile::tempdir().unwrap();
    let dir = Dir::create(&temp.path().join("s")).unwrap();
    (temp, dir)
}

pub(super) fn story(incident: &str) -> Story {
    let at = now(0).wall;
    Story {
        name: "MiracleMax".into(),
        service: "../web".into(),
        port: Some(8080),
        critical: true,
        incident: incident.into(),
        reason: "exited".into(),
        lasted: Duration::from_secs(3),
        ..Story::new(Change::Failed, "h", at)
    }
}

pub(super) fn entry(incident: &str, secs: u64) -> Entry {
    Entry::new(story(incident), 0, now(secs).stamp(), ["mail", "chat"])
}

pub(super) fn accept(entry: &mut Entry, channel: &str) {
    let at = Some(now(9).wall);
    let taken = Delivery {
        attempted: 1,
        last: at,
        accepted: at,
        answer: "250".into(),
        ..Delivery::default()
    };
    entry.channels.insert(channel.into(), taken);
}
