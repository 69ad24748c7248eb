//! Channels that take nothing: who is told of that, once for each time, and what status, pings and letters say of it.
//! Sends nothing; `posting` finds out which they are.

use crate::commands::memory::Memory;
use crate::commands::telling::name_of;
use crate::config::Config;
use crate::model::reachable::Channels;
use crate::model::story::{Change, Story};
use crate::model::text::plural;
use crate::model::time::Now;
use crate::report::email::Unreached;
use crate::store::outbox::{self, Entry};
use crate::store::{Dir, channels};

/// The channels that are broken now, of which this directory knows, by name.
pub(super) fn known(dir: &Dir, now: &Now) -> Vec<Unreached> {
    broken(&channels::load(dir), &outbox::waiting(dir).entries, now)
}

/// Those of `channels` that are broken, with how many of `entries` wait for each.
pub(super) fn broken(channels: &Channels, entries: &[Entry], now: &Now) -> Vec<Unreached> {
    let broken = channels.iter().filter(|(_, channel)| channel.is_broken(now));
    broken
        .filter_map(|(name, channel)| {
            let waits = |entry: &&Entry| entry.channels.get(name).is_some_and(|it| !it.finished());
            Some(Unreached {
                channel: name.clone(),
                since: channel.since(now)?,
                waiting: entries.iter().filter(waits).count(),
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
        let told = channels.get(&one.channel).is_some_and(|known| known.told.is_some());
        let story = story(memory, config, &one, &now);
        let works = |name: &str| channels.get(name).is_none_or(|it| it.failing_since.is_none());
        let others = config.notify.iter().filter(|channel| works(&channel.name));
        let others = others.filter(|channel| channel.wants(&story, false));
        let only: Vec<String> = others.map(|channel| channel.name.clone()).collect();
        // Where nobody else can be told, it is told as soon as somebody can.
        if told || only.is_empty() {
            continue;
        }
        stories.push(Story { only, ..story });
        if let Some(known) = channels.get_mut(&one.channel) {
            known.told = Some(now.wall);
        }
    }
    stories
}

fn story(memory: &Memory, config: &Config, one: &Unreached, now: &Now) -> Story {
    let waits = match one.waiting {
        1 => "1 letter waits for it.".to_owned(),
        many => format!("{} wait for it.", plural(many, "letter")),
    };
    let lines = vec![waits];
    Story {
        name: name_of(config, &memory.host),
        critical: true,
        incident: format!("channel-{}-{}", one.channel, one.since.strftime("%Y%m%dT%H%M%SZ")),
        opened: one.since,
        reason: format!("{} takes no letters: {}", one.channel, one.why),
        lasted: std::time::Duration::try_from(now.wall.duration_since(one.since))
            .unwrap_or_default(),
        lines: if one.waiting == 0 { Vec::new() } else { lines },
        ..Story::new(Change::Channel, &memory.host, now.wall)
    }
}
