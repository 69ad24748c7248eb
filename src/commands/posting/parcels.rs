//! What waits for a channel as messages: what is old leaves as one, an incident by its latest state, and so do many
//! of one run. Pure: sends nothing and marks nothing.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::course::{Course, Over, Step};
use crate::model::story::{Change, Story};
use crate::model::time::Now;
use crate::store::outbox::Entry;

/// So many stories of one run are told in one letter.
const MANY: usize = 3;

/// A letter that waits.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    /// Its place among all that waits.
    pub(super) index: usize,
    pub(super) entry: Entry,
    /// How long ago it was recorded.
    pub(super) age: Duration,
    /// When it happened, by the clock as it is now.
    pub(super) at: Timestamp,
    /// It was recorded before this run, whether or not it was tried.
    pub(super) late: bool,
}

/// What leaves as one message, and is marked together.
#[derive(Debug)]
pub(super) struct Parcel {
    /// At least one, oldest first.
    pub(super) letters: Vec<Letter>,
}

/// The letters, oldest first whatever the clock did in between; `began` is when this run did.
pub(super) fn letters(entries: Vec<(usize, Entry)>, began: &Now, now: &Now) -> Vec<Letter> {
    // Within one boot its own clock tells how far they lie apart; how long ago it was, the last of them.
    let last_of = |boot: &str| {
        let of_boot = entries.iter().map(|(_, entry)| &entry.created).filter(|at| at.boot == boot);
        of_boot.max_by_key(|at| at.since_boot_ms)
    };
    let began = began.stamp();
    let ages: Vec<Duration> = entries
        .iter()
        .map(|(_, Entry { created, .. })| {
            let last = last_of(&created.boot).unwrap_or(created);
            let before = last.since_boot_ms.saturating_sub(created.since_boot_ms);
            now.elapsed(last) + Duration::from_millis(before)
        })
        .collect();
    let mut letters: Vec<Letter> = entries
        .into_iter()
        .zip(ages)
        .map(|((index, entry), age)| {
            let created = &entry.created;
            let set = now.ago(age, created).duration_since(created.wall);
            let at = entry.story.at.checked_add(set).unwrap_or(entry.story.at);
            let late = created.boot != began.boot || created.since_boot_ms < began.since_boot_ms;
            Letter { index, entry, age, at, late }
        })
        .collect();
    letters.sort_by_key(|letter| (Reverse(letter.age), letter.index));
    letters
}

/// What leaves as one message each, in this order; `letters` are oldest first. Where each is a record of its own
/// (not `digests`) only reminders are left out that others have overtaken.
pub(super) fn parcels(letters: Vec<Letter>, digests: bool) -> Vec<Parcel> {
    if !digests {
        return one_by_one(letters);
    }
    let (mut old, fresh): (Vec<Letter>, Vec<Letter>) =
        letters.into_iter().partition(|letter| letter.late);
    let known: Vec<Key> = old.iter().map(Letter::key).collect();
    let (more, fresh): (Vec<Letter>, Vec<Letter>) =
        fresh.into_iter().partition(|letter| known.contains(&letter.key()));
    old.extend(more);
    let mut parcels = Vec::new();
    if !old.is_empty() {
        parcels.push(Parcel { letters: old });
    }
    if fresh.len() >= MANY {
        parcels.push(Parcel { letters: fresh });
    } else {
        parcels.extend(fresh.into_iter().map(|one| Parcel { letters: vec![one] }));
    }
    parcels
}

fn one_by_one(letters: Vec<Letter>) -> Vec<Parcel> {
    let keys: Vec<Key> = letters.iter().map(Letter::key).collect();
    let mut overtaken: Vec<(Key, Letter)> = Vec::new();
    let mut parcels = Vec::new();
    for (at, letter) in letters.into_iter().enumerate() {
        let key = keys[at].clone();
        if letter.entry.story.change == Change::Reminder && keys[at + 1..].contains(&key) {
            overtaken.push((key, letter));
            continue;
        }
        let (of_it, rest) = overtaken.into_iter().partition(|(other, _)| *other == key);
        overtaken = rest;
        let mut letters: Vec<Letter> = of_it.into_iter().map(|(_, letter)| letter).collect();
        letters.push(letter);
        parcels.push(Parcel { letters });
    }
    parcels
}

/// What is told by its latest state: an incident, or what is no outage.
type Key = (Option<Change>, String);

impl Letter {
    fn key(&self) -> Key {
        let Story { change, incident, .. } = &self.entry.story;
        match change {
            // It is told of many incidents, and goes on when the last of them is over.
            Change::Repeated => (Some(*change), incident.clone()),
            // How things stood before is of no use.
            Change::Summary => (Some(*change), String::new()),
            _ if change.of_service() => (None, incident.clone()),
            _ => (Some(*change), incident.clone()),
        }
    }
}

impl Parcel {
    /// Whether any of it is.
    pub(super) fn late(&self) -> bool {
        self.letters.iter().any(|letter| letter.late)
    }

    /// Its incidents, in the order in which they began; `over` tells what became of one since.
    pub(super) fn courses(&self, over: impl Fn(&Story) -> Option<Over>) -> Vec<Course<'_>> {
        let mut keys: Vec<Key> = Vec::new();
        for letter in &self.letters {
            if !keys.contains(&letter.key()) {
                keys.push(letter.key());
            }
        }
        let course = |key| {
            let mut of_it: Vec<&Letter> =
                self.letters.iter().filter(|letter| letter.key() == key).collect();
            // Nothing of an incident comes after its end.
            of_it.sort_by_key(|letter| letter.entry.story.change.ends());
            let steps = of_it
                .iter()
                .map(|letter| Step { change: letter.entry.story.change, at: letter.at });
            let story = &of_it.last()?.entry.story;
            Some(Course { story, steps: steps.collect(), over: over(story) })
        };
        keys.into_iter().filter_map(course).collect()
    }
}

#[cfg(test)]
mod tests;
