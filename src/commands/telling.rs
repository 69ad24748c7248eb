//! Telling people: stories go into the outbox before the state is saved, and leave it after, under a
//! deadline. What a channel did not accept stays for the next run. Never decides what happened.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::commands::cycle::Sight;
use crate::commands::memory::Memory;
use crate::commands::setup::Configured;
use crate::config::{Config, Service, Source};
use crate::judge::remind::reminder_due;
use crate::manager::Reach;
use crate::model::incident::{Attempt, Incident};
use crate::model::letter::{self, Letter, Sent};
use crate::model::state::Flip;
use crate::model::story::{Change, Evidence, Story};
use crate::model::time::Now;
use crate::model::unit::UnitFacts;
use crate::model::window::Window;
use crate::notify::Channel;
use crate::remedy::known_good;
use crate::report::cause;
use crate::report::email::{self, Late};
use crate::store::Dir;
use crate::store::events::Kind;
use crate::store::outbox::{self, Delivery, Entry, Pending, Recorded};
use crate::store::{incidents, last_good};
use crate::sys::clock::Deadline;

/// Bound on all deliveries of a run together, whatever is left of the run itself.
const DELIVERY: Duration = Duration::from_secs(60);
/// Kept back at the end of a run for what must still be written.
const RESERVE: Duration = Duration::from_secs(2);
/// The evidence's file in the incident's folder.
const EVIDENCE: &str = "evidence.json";
/// Lines of its log that go into the evidence.
const LOG_LINES: usize = 20;

/// The name that goes into subjects.
pub(super) fn name_of(config: &Config, host: &str) -> String {
    config.name.clone().unwrap_or_else(|| host.to_owned())
}

/// What can be told of a service's incident; `lasted` is counted from its opening.
pub(super) fn story(
    memory: &Memory,
    config: &Config,
    service: &Service,
    sight: &Sight,
    incident: &Incident,
    change: Change,
) -> Story {
    let now = memory.now();
    let attempts: Vec<Attempt> =
        memory.state.services.get(&service.name).map_or_else(Vec::new, |state| {
            state
                .attempts
                .iter()
                .filter(|attempt| attempt.incident == incident.id)
                .cloned()
                .collect()
        });
    Story {
        change,
        name: name_of(config, &memory.host),
        host: memory.host.clone(),
        service: service.name.clone(),
        domain: service.domain.clone(),
        port: service.port,
        critical: service.critical,
        incident: incident.id.clone(),
        at: now.wall,
        opened: incident.opened.wall,
        reason: incident.reason.clone(),
        lasted: now.elapsed(&incident.opened),
        attempts,
        verified: if change == Change::Resolved { sight.looks.clone() } else { Vec::new() },
        stable_for: Duration::ZERO,
        new_instance: false,
        evidence: evidence_of(memory.dir, &incident.id).unwrap_or_default(),
        manager: sight.settled.runner.as_ref().map(|runner| runner.kind),
        unit: sight.settled.runner.as_ref().map(|runner| runner.unit.clone()),
        next: String::new(),
        left_alone: None,
        problems: Vec::new(),
    }
}

/// The end of an incident that was healed or told of; one that nobody heard of ends as quietly as it began.
pub(super) fn closed(
    memory: &Memory,
    config: &Config,
    sight: &Sight,
    before: Option<Incident>,
    flip: Option<&Flip>,
) -> Option<Story> {
    let (incident, closed) = (before?, flip?.closed.as_ref()?);
    let worth = closed.healed_by.is_some() || incident.told.is_some();
    worth.then(|| story(memory, config, sight.service, sight, &incident, Change::Resolved))
}

/// Takes the evidence that a restart would destroy, and keeps it with the incident. What was kept by an
/// earlier attempt stays: the first failure says most.
pub(super) fn keep_evidence(
    memory: &Memory,
    reach: &Reach,
    sight: &Sight,
    incident: &str,
    deadline: Deadline,
) {
    if evidence_of(memory.dir, incident).is_some() {
        return;
    }
    let unit: Option<UnitFacts> = sight.facts().cloned();
    let limit = Duration::from_secs(5).min(deadline.left());
    let log = match &sight.settled.runner {
        Some(runner) => runner.log_tail(unit.as_ref(), LOG_LINES, reach, limit),
        None => Vec::new(),
    };
    let cause = unit.as_ref().and_then(|facts| cause::cause(facts, &log));
    let evidence = Evidence { unit, log, cause };
    let text = serde_json::to_string_pretty(&evidence).unwrap_or_default();
    if let Err(err) = incidents::keep(memory.dir, incident, EVIDENCE, &text) {
        memory.event(
            Kind::State,
            &sight.service.name,
            incident,
            &format!("evidence was not kept: {err:#}"),
        );
    }
}

fn evidence_of(dir: &Dir, incident: &str) -> Option<Evidence> {
    let path = incidents::folder(dir, incident).join(EVIDENCE);
    serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

/// Puts stories into the outbox, each for the channels that want it.
pub(super) fn record(memory: &mut Memory, config: &Config, stories: &[Story]) {
    for story in stories {
        told(memory, story);
        let channels: Vec<&Channel> =
            config.notify.iter().filter(|channel| channel.wants(story)).collect();
        if channels.is_empty() {
            continue;
        }
        let names = channels.iter().map(|channel| channel.name.clone());
        // A reminder is told more than once: its minute tells one from the next.
        let reminder = story.change == Change::Reminder;
        let number = if reminder {
            u32::try_from(story.lasted.as_secs() / 60).unwrap_or(u32::MAX)
        } else {
            0
        };
        let entry = Entry::new(story.clone(), number, memory.now().stamp(), names);
        let notices = match outbox::record(memory.dir, &entry) {
            Ok(Recorded::New { notices }) => notices,
            Ok(Recorded::Already) => Vec::new(),
            Err(err) => vec![format!("could not be recorded: {err:#}")],
        };
        for notice in notices {
            memory.event(Kind::Notification, &story.service, &story.incident, &notice);
        }
    }
}

/// The broken config, told once for each way it is broken.
pub(super) fn config_story(memory: &mut Memory, configured: &Configured) -> Option<Story> {
    let Some(problems) = &configured.broken else {
        memory.state.config_told = None;
        return None;
    };
    let text = problems.to_string();
    if memory.state.config_told.as_ref() == Some(&text) {
        return None;
    }
    let now = memory.now();
    memory.state.config_told = Some(text);
    Some(Story {
        change: Change::Config,
        name: name_of(&configured.config, &memory.host),
        host: memory.host.clone(),
        service: String::new(),
        domain: None,
        port: None,
        critical: true,
        incident: format!("config-{}", now.wall.strftime("%Y%m%dT%H%M%SZ")),
        at: now.wall,
        opened: now.wall,
        reason: "the configuration is wrong; the last one that loaded is in use".into(),
        lasted: Duration::ZERO,
        attempts: Vec::new(),
        verified: Vec::new(),
        stable_for: Duration::ZERO,
        new_instance: false,
        evidence: Evidence::default(),
        manager: None,
        unit: None,
        next: String::new(),
        left_alone: None,
        problems: problems.0.iter().map(ToString::to_string).collect(),
    })
}

/// Incidents that go on, as often as their service's `remind_every` says.
pub(super) fn reminders(memory: &Memory, config: &Config, sights: &[Sight]) -> Vec<Story> {
    let now = memory.now();
    let mut stories = Vec::new();
    for sight in sights {
        let service = sight.service;
        let Some(state) = memory.state.services.get(&service.name) else { continue };
        let due = state.held.is_none() && reminder_due(state, &service.policy, &now);
        if let Some(incident) = state.incident.as_ref().filter(|_| due) {
            stories.push(story(memory, config, service, sight, incident, Change::Reminder));
        }
    }
    stories
}

/// Notes that an incident was told of, so that its recovery is told and its reminders are counted from now.
fn told(memory: &mut Memory, story: &Story) {
    let now = memory.now().stamp();
    if let Some(incident) =
        memory.state.services.get_mut(&story.service).and_then(|s| s.incident.as_mut())
        && incident.id == story.incident
    {
        incident.told = Some(now);
    }
}

/// Copies the config files of a service that is up, so that they can be put back when an edit breaks it.
pub(super) fn keep_known_good(memory: &Memory, service: &Service) {
    if service.config_files.is_empty() {
        return;
    }
    let dir = memory.dir.known_good(&service.name);
    if let Err(err) = known_good::keep(&service.config_files, &dir) {
        memory.event(
            Kind::State,
            &service.name,
            "",
            &format!("known good config was not kept: {err:#}"),
        );
    }
}

/// Keeps the config that loaded.
pub(super) fn keep_config(memory: &Memory, sources: &[Source]) {
    let texts: Vec<(PathBuf, String)> =
        sources.iter().map(|s| (s.path.clone(), s.text.clone())).collect();
    if let Err(err) = last_good::keep(memory.dir, &texts) {
        memory.event(
            Kind::Config,
            "",
            "",
            &format!("the config that loaded was not kept: {err:#}"),
        );
    }
}

/// What became of the outbox.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Letters accepted in this run.
    pub(super) accepted: usize,
    /// Why a channel did not accept, by channel.
    pub(super) refused: Vec<(String, String)>,
}

/// Sends what waits in the outbox, oldest first, channels side by side. A channel that did not answer is
/// not tried again in this run.
pub(super) fn deliver(memory: &Memory, config: &Config, deadline: Deadline) -> Delivered {
    let _turn = match outbox::take_turn(memory.dir) {
        Ok(Some(turn)) => turn,
        // Another process delivers already.
        Ok(None) => return Delivered::default(),
        Err(err) => {
            memory.event(Kind::Notification, "", "", &format!("{err:#}"));
            return Delivered::default();
        }
    };
    let Pending { entries, notices } = outbox::pending(memory.dir);
    for notice in notices {
        memory.event(Kind::Notification, "", "", &notice);
    }
    if entries.is_empty() {
        return Delivered::default();
    }
    let left = deadline.left().saturating_sub(RESERVE).min(DELIVERY);
    let by = Deadline::after(left);
    let post = Post {
        memory,
        config,
        began: memory.began(),
        zone: TimeZone::system(),
        entries: Mutex::new(entries),
        delivered: Mutex::new(Delivered::default()),
    };
    std::thread::scope(|scope| {
        // The first channel is served by this thread: the usual case of one channel starts none.
        for channel in config.notify.iter().skip(1) {
            let post = &post;
            scope.spawn(move || post.channel(channel, by));
        }
        if let Some(channel) = config.notify.first() {
            post.channel(channel, by);
        }
    });
    post.forget_unknown();
    post.delivered.into_inner().unwrap_or_default()
}

struct Post<'a> {
    memory: &'a Memory<'a>,
    config: &'a Config,
    /// When the run began.
    began: Now,
    zone: TimeZone,
    entries: Mutex<Vec<Entry>>,
    delivered: Mutex<Delivered>,
}

impl Post<'_> {
    fn channel(&self, channel: &Channel, by: Deadline) {
        let count = self.entries.lock().map_or(0, |entries| entries.len());
        for index in 0..count {
            let Some(entry) = self.waiting(index, &channel.name) else { continue };
            if by.passed() {
                break;
            }
            // What was recorded before this run began is late, whether or not it was ever tried.
            let why = entry.channels.get(&channel.name).map(|delivery| delivery.answer.clone());
            let late = (entry.created.wall < self.began.wall)
                .then(|| Late { now: self.memory.now().wall, why: why.unwrap_or_default() });
            let letter: Letter = email::compose(&entry.story, late.as_ref(), &self.zone);
            let sent = channel.send(&letter, &letter::message_id(&entry.story), by);
            let dead = matches!(sent, Sent::Later(_));
            self.note(index, channel, &entry, &sent);
            if dead {
                break;
            }
        }
    }

    /// The entry, if it still waits for this channel and may be told at this hour.
    fn waiting(&self, index: usize, channel: &str) -> Option<Entry> {
        let entries = self.entries.lock().ok()?;
        let entry = entries.get(index)?;
        if self.quiet(&entry.story) {
            return None;
        }
        let delivery = entry.channels.get(channel)?;
        (delivery.accepted.is_none() && !delivery.gone).then(|| entry.clone())
    }

    /// Whether its service has quiet hours now. What is critical, and what is told of the config, has none.
    fn quiet(&self, story: &Story) -> bool {
        let service = self.config.services.iter().find(|service| service.name == story.service);
        let quiet = |window: &Window| window.contains(self.began.wall);
        !story.critical
            && service.is_some_and(|service| service.policy.quiet_hours.iter().any(quiet))
    }

    /// Written at once: a message that was accepted must not be sent again, whatever happens next.
    fn note(&self, index: usize, channel: &Channel, entry: &Entry, sent: &Sent) {
        let now = self.memory.now().wall;
        let Ok(mut entries) = self.entries.lock() else { return };
        let Some(kept) = entries.get_mut(index) else { return };
        let delivery = kept.channels.entry(channel.name.clone()).or_insert_with(Delivery::default);
        delivery.attempted += 1;
        delivery.last = Some(now);
        let (word, answer) = match sent {
            Sent::Accepted(answer) => {
                delivery.accepted = Some(now);
                ("accepted", answer)
            }
            Sent::Later(why) => ("not accepted, to be tried again", why),
            Sent::Never(why) => {
                delivery.gone = true;
                ("refused for good", why)
            }
        };
        delivery.answer.clone_from(answer);
        let updated = outbox::update(self.memory.dir, kept);
        drop(entries);
        if let Ok(mut delivered) = self.delivered.lock() {
            match sent {
                Sent::Accepted(_) => delivered.accepted += 1,
                Sent::Later(why) | Sent::Never(why) => {
                    delivered.refused.push((channel.name.clone(), why.clone()));
                }
            }
        }
        let story = &entry.story;
        let text = format!("{} by {}: {word}: {answer}", story.change.word(), channel.name);
        self.memory.event(Kind::Notification, &story.service, &story.incident, &text);
        if let Err(err) = updated {
            self.memory.event(
                Kind::Notification,
                &story.service,
                &story.incident,
                &format!("{err:#}"),
            );
        }
    }

    /// A channel that is no longer configured must not keep its letters waiting for ever.
    fn forget_unknown(&self) {
        let Ok(mut entries) = self.entries.lock() else { return };
        for entry in entries.iter_mut() {
            let mut changed = false;
            for (name, delivery) in &mut entry.channels {
                if delivery.accepted.is_none()
                    && !delivery.gone
                    && !self.config.notify.iter().any(|c| c.name == *name)
                {
                    delivery.gone = true;
                    "the channel is no longer configured".clone_into(&mut delivery.answer);
                    changed = true;
                }
            }
            if changed && let Err(err) = outbox::update(self.memory.dir, entry) {
                self.memory.event(
                    Kind::Notification,
                    &entry.story.service,
                    &entry.story.incident,
                    &format!("{err:#}"),
                );
            }
        }
    }
}
