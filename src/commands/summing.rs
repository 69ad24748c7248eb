//! The summary of a day or a week, for the channels that want it (`summary`): what was counted since the last one.
//! Sends nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::commands::memory::Memory;
use crate::commands::pinged;
use crate::commands::telling::bare;
use crate::config::Config;
use crate::judge::outages::{Due, Outages, due};
use crate::model::incident::named;
use crate::model::state::{State, Summed};
use crate::model::story::{Change, Story};
use crate::report::summary::{Counted, Standing, headline, lines};
use crate::store::events::{self, Kind};
use crate::store::outbox;

/// Changes of status that are looked through, more than a host has in a week.
const FLIPS: usize = 5000;

/// What is due now, one for all channels that want it at the same time.
pub(super) fn summaries(memory: &mut Memory, config: &Config) -> Vec<Story> {
    let now = memory.now().wall;
    let cycles = memory.state.cycle.as_ref().map_or(0, |cycle| cycle.count);
    let mut wanted: BTreeMap<(Timestamp, Timestamp), Vec<String>> = BTreeMap::new();
    let mut passed = Vec::new();
    for channel in &config.notify {
        let (name, Some(occasion)) = (&channel.name, &channel.routing.summary) else { continue };
        let last = memory.state.summed.get(name).map(|summed| summed.at);
        match due(occasion, last, now) {
            Due::No => {}
            Due::Passed(at) => passed.push((name.clone(), at)),
            Due::Now(at) => {
                wanted.entry((at, last.unwrap_or(at))).or_default().push(name.clone());
                passed.push((name.clone(), at));
            }
        }
    }
    let stories: Vec<Story> =
        wanted.into_iter().map(|(times, only)| story(memory, config, times, only)).collect();
    let summed = passed.into_iter().map(|(name, at)| (name, Summed { at, cycles }));
    memory.state.summed.extend(summed);
    memory.state.summed.retain(|name, _| config.notify.iter().any(|c| c.name == *name));
    stories
}

fn story(
    memory: &Memory,
    config: &Config,
    (time, from): (Timestamp, Timestamp),
    only: Vec<String>,
) -> Story {
    let now = memory.now().wall;
    let state = &memory.state;
    let flips = events::recent_of(memory.dir, Kind::Flip, FLIPS);
    let services = config.services.iter().map(|service| {
        let of_it = flips.iter().filter(|event| event.service == service.name);
        let mut changes: Vec<(Timestamp, bool)> =
            of_it.filter_map(|event| Some((event.at, became_down(&event.text)?))).collect();
        let down_first = changes.iter().rev().find(|(at, _)| *at <= from).is_some_and(|it| it.1);
        changes.retain(|(at, _)| *at > from);
        let outages = Outages::of(changes.into_iter(), down_first, from, now);
        let known = state.services.get(&service.name);
        let heals =
            known.map_or(0, |known| known.heals.iter().filter(|heal| heal.at.wall > from).count());
        Counted {
            name: &service.name,
            state: known,
            outages: outages.count,
            lasted: outages.lasted,
            heals,
        }
    });
    let standing = Standing {
        from,
        now,
        services: services.collect(),
        cycles: cycles_since(state, &only),
        host_line: state.cycle.as_ref().map_or("", |cycle| &cycle.host_line),
        heartbeats: pinged::last(memory.dir),
        waiting: outbox::waiting(memory.dir)
            .entries
            .iter()
            .filter(|entry| !entry.finished())
            .count(),
        lost: outbox::done(memory.dir)
            .iter()
            .filter(|done| done.is_lost() && done.created.wall > from)
            .count(),
        holds: memory
            .holds
            .iter()
            .map(|kept| format!("{} {}", kept.hold.what(), kept.hold.words(&memory.now())))
            .collect(),
        happened: state
            .happened
            .iter()
            .filter(|it| it.at > from)
            .map(|it| it.text.as_str())
            .collect(),
    };
    Story {
        // By its times, so that a run that does it all again tells it once, and each to those that it is for.
        incident: named(&named("summary", from), time),
        reason: headline(&standing),
        lines: lines(&standing),
        only,
        ..bare(memory, config, Change::Summary, now)
    }
}

/// Complete cycles since these channels were told last; none when the count began anew meanwhile.
fn cycles_since(state: &State, only: &[String]) -> Option<u64> {
    let then = state.summed.get(only.first()?)?.cycles;
    state.cycle.as_ref()?.count.checked_sub(then)
}

/// Whether an event's `up -> down: why` says that the service was down from then on; none where that is not known yet.
fn became_down(text: &str) -> Option<bool> {
    let after = text.split_once(" -> ")?.1;
    match after.split([':', ' ']).next()? {
        "down" | "failed" => Some(true),
        "up" => Some(false),
        _ => None,
    }
}
