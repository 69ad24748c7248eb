//! Stories on their way into the outbox: for which channels, under which name, and what the state remembers of that.
//! Sends nothing.

use std::collections::BTreeMap;

use crate::commands::memory::Memory;
use crate::config::Config;
use crate::model::story::{Change, Story};
use crate::model::time::Stamp;
use crate::notify::Channel;
use crate::store::events::Kind;
use crate::store::outbox::{self, Entry, Recorded};

/// Puts stories into the outbox, each for the channels that want it. Gives back those that could not be written
/// there: a disk that is full must not keep people from being told.
pub(in super::super) fn record(
    memory: &mut Memory,
    config: &Config,
    stories: &[Story],
) -> Vec<Entry> {
    let mut unrecorded = Vec::new();
    // First of all: that they are told changes what they are counted by.
    let numbers: Vec<u32> = stories.iter().map(|story| number_of(memory, story)).collect();
    for (story, number) in stories.iter().zip(numbers) {
        let told_to = told_to(memory, story);
        let wants = |channel: &&Channel| {
            channel.wants(story, told_to.is_some_and(|told| told.contains_key(&channel.name)))
        };
        let channels: Vec<&Channel> = config.notify.iter().filter(wants).collect();
        // These are remembered as told also where nobody is to be told yet: their end is worth a story, and those who
        // are told later than others are told because of them.
        if !channels.is_empty() || matches!(story.change, Change::Failed | Change::Down) {
            told(memory, story, &channels);
        }
        if channels.is_empty() {
            continue;
        }
        let names = channels.iter().map(|channel| channel.name.clone());
        let entry = Entry::new(story.clone(), number, memory.now().stamp(), names);
        let notices = match outbox::record(memory.dir, &entry) {
            Ok(Recorded::New { notices }) => notices,
            // Told by a run that could not save that it did, when it was not yet for all of these.
            Ok(Recorded::Already) => {
                let others =
                    entry.alone().filter(|one| !outbox::is_for(memory.dir, &entry.id, one));
                for one in others {
                    if outbox::record(memory.dir, &one).is_err() {
                        unrecorded.push(one);
                    }
                }
                Vec::new()
            }
            Err(err) => {
                unrecorded.push(entry);
                vec![format!("could not be recorded: {err:#}")]
            }
        };
        for notice in notices {
            memory.event(Kind::Notification, &story.service, &story.incident, &notice);
        }
    }
    unrecorded
}

/// Which one it is of those that are told more than once: by when the incident was last told before, which the state
/// knows. A run that is killed before it saves comes to the same number again.
fn number_of(memory: &Memory, story: &Story) -> u32 {
    if !matches!(story.change, Change::Reminder | Change::Escalated) {
        return 0;
    }
    let state = memory.state.services.get(&story.service);
    let incident = state.and_then(|state| state.incident.as_ref());
    let told = incident.and_then(|it| Some(it.told.as_ref()?.since(&it.opened)));
    let seconds = told.unwrap_or(story.lasted).as_secs();
    u32::try_from(seconds).unwrap_or(u32::MAX).saturating_add(1)
}

/// Who was told of the incident of a story, and when last.
fn told_to<'m>(memory: &'m Memory, story: &Story) -> Option<&'m BTreeMap<String, Stamp>> {
    let state = memory.state.services.get(&story.service)?;
    let open = state.incident.as_ref().filter(|incident| incident.id == story.incident);
    let last = state.last_incident.as_ref().filter(|last| last.id == story.incident);
    open.map(|incident| &incident.told_to).or(last.map(|last| &last.told_to))
}

/// Notes that an incident was told of, so that its recovery is told and its reminders are counted from now.
fn told(memory: &mut Memory, story: &Story, channels: &[&Channel]) {
    let now = memory.now().stamp();
    if let Some(incident) =
        memory.state.services.get_mut(&story.service).and_then(|s| s.incident.as_mut())
        && incident.id == story.incident
    {
        let to = channels.iter().map(|channel| (channel.name.clone(), now.clone()));
        incident.told_to.extend(to);
        incident.told = Some(now);
    }
}
