//! Channels that take nothing: who is told of that, once for each time, and what status, pings and letters say of it.
//! Sends nothing; `posting` finds out which they are.

use crate::commands::memory::Memory;
use crate::commands::telling::bare;
use crate::config::Config;
use crate::model::incident::named;
use crate::model::reachable::{Channels, Reachable};
use crate::model::story::{Change, Story};
use crate::model::text::plural;
use crate::model::time::{Now, lapse};
use crate::report::email::Unreached;
use crate::store::outbox::{self, Entry};
use crate::store::{Dir, channels};

/// The channels that are broken now, of which this directory knows, by name.
pub(super) fn known(dir: &Dir, now: &Now) -> Vec<Unreached> {
    let channels = channels::load(dir);
    // Mostly there is none, and what waits need not be read.
    if !channels.values().any(|channel| channel.is_broken(now)) {
        return Vec::new();
    }
    broken(&channels, &outbox::waiting(dir).entries, now)
}

/// Those of `channels` that are broken, with how many of `entries` wait for each.
pub(super) fn broken(channels: &Channels, entries: &[Entry], now: &Now) -> Vec<Unreached> {
    let broken = channels.iter().filter(|(_, channel)| channel.is_broken(now));
    broken
        .filter_map(|(name, channel)| {
            Some(Unreached {
                channel: name.clone(),
                since: channel.since(now)?,
                waiting: entries.iter().filter(|entry| entry.waits_for(name)).count(),
                why: channel.why.clone(),
            })
        })
        .collect()
}

/// That a channel has broken, for those by which people are reached; each time it breaks once.
pub(super) fn stories(
    memory: &Memory,
    config: &Config,
    channels: &mut Channels,
    entries: &[Entry],
) -> Vec<Story> {
    let now = memory.now();
    let mut stories = Vec::new();
    for one in broken(channels, entries, &now) {
        let known = channels.get(&one.channel).cloned().unwrap_or_default();
        let story = story(memory, config, &one, &known, &now);
        let works = |name: &str| channels.get(name).is_none_or(|it| it.failing_since.is_none());
        let others = config.notify.iter().filter(|channel| works(&channel.name));
        let others = others.filter(|channel| channel.wants(&story, false));
        let only: Vec<String> = others.map(|channel| channel.name.clone()).collect();
        // Where nobody else can be told, it is told as soon as somebody can.
        if known.told.is_some() || only.is_empty() {
            continue;
        }
        stories.push(Story { only, ..story });
        if let Some(known) = channels.get_mut(&one.channel) {
            known.told = Some(now.wall);
        }
    }
    stories
}

fn story(memory: &Memory, config: &Config, one: &Unreached, known: &Reachable, now: &Now) -> Story {
    let noted = known.failing_since.as_ref().map_or(one.since, |since| since.wall);
    let waits = match one.waiting {
        0 => None,
        1 => Some("1 letter waits for it, and is sent when it takes letters again.".to_owned()),
        many => Some(format!(
            "{} wait for it, and are sent when it takes letters again.",
            plural(many, "letter")
        )),
    };
    let refused = known.refused_for_good.map(|_| {
        "It refused at least one for good, which is not sent again: see `miraclemax status`.".into()
    });
    Story {
        critical: true,
        // By when it was noted, which stays the same whatever becomes of the clock.
        incident: named(&format!("channel-{}", one.channel), noted),
        opened: one.since,
        reason: format!("{} takes no letters: {}", one.channel, one.why),
        lasted: lapse(one.since, now.wall),
        lines: waits.into_iter().chain(refused).collect(),
        ..bare(memory, config, Change::Channel, now.wall)
    }
}
