//! The outbox: stories go into it before the state is saved, and leave it after, under a deadline. What a
//! channel did not accept stays for the next run. Never decides what happened.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::commands::memory::Memory;
use crate::config::Config;
use crate::model::letter::{self, Letter, Ongoing, Outgoing, Sent};
use crate::model::story::{Change, Story};
use crate::model::time::{Now, Stamp};
use crate::model::window::Window;
use crate::notify::Channel;
use crate::report::email::{self, Late};
use crate::store::events::Kind;
use crate::store::outbox::{self, Delivery, Entry, Pending, Receipt, Recorded, Thread, Turn};
use crate::sys::clock::Deadline;

/// Bound on all deliveries of a run together, whatever is left of the run itself.
const DELIVERY: Duration = Duration::from_secs(60);
/// Kept back at the end of a run for what must still be written.
const RESERVE: Duration = Duration::from_secs(2);

/// So many stories at once are told in one letter.
const MANY: usize = 3;

/// Puts stories into the outbox, each for the channels that want it. Gives back those that could not be written
/// there: a disk that is full must not keep people from being told.
pub(super) fn record(memory: &mut Memory, config: &Config, stories: &[Story]) -> Vec<Entry> {
    let mut unrecorded = Vec::new();
    // First of all: that they are told changes what they are counted by.
    let numbers: Vec<u32> = stories.iter().map(|story| number_of(memory, story)).collect();
    for (story, number) in stories.iter().zip(numbers) {
        let told_to = told_to(memory, story);
        let wants = |channel: &&Channel| {
            channel.wants(story, told_to.is_some_and(|told| told.contains_key(&channel.name)))
        };
        let channels: Vec<&Channel> = config.notify.iter().filter(wants).collect();
        // Giving up is remembered as told also where nobody is to be told: its end is worth a story.
        if !channels.is_empty() || story.change == Change::Failed {
            told(memory, story, &channels);
        }
        if channels.is_empty() {
            continue;
        }
        let names = channels.iter().map(|channel| channel.name.clone());
        let entry = Entry::new(story.clone(), number, memory.now().stamp(), names);
        let notices = match outbox::record(memory.dir, &entry) {
            Ok(Recorded::New { notices }) => notices,
            Ok(Recorded::Already) => Vec::new(),
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

/// What became of the outbox.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// Letters accepted in this run.
    pub(super) accepted: usize,
    /// Why a channel did not accept, by channel.
    pub(super) refused: Vec<(String, String)>,
}

/// Sends what waits in the outbox, oldest first, channels side by side. A channel that did not answer is
/// not tried again in this run. What is `unrecorded` has this one chance.
pub(super) fn deliver(
    memory: &Memory,
    config: &Config,
    unrecorded: Vec<Entry>,
    deadline: Deadline,
) -> Delivered {
    let turn = outbox::take_turn(memory.dir);
    let Pending { mut entries, notices } = match &turn {
        Ok(Some(_)) => outbox::pending(memory.dir),
        // Another process delivers already.
        Ok(None) => Pending::default(),
        Err(err) => Pending { notices: vec![format!("{err:#}")], ..Pending::default() },
    };
    for notice in notices {
        memory.event(Kind::Notification, "", "", &notice);
    }
    // One whose folder could not be synced is there all the same.
    let known = |entry: &Entry| entries.iter().any(|other| other.id == entry.id);
    let unrecorded: Vec<Entry> = unrecorded.into_iter().filter(|it| !known(it)).collect();
    entries.extend(unrecorded);
    let turn = turn.ok().flatten();
    let renewing = turn.is_some() && config.notify.iter().any(Channel::renews);
    if entries.is_empty() && !renewing {
        return Delivered::default();
    }
    let left = deadline.left().saturating_sub(RESERVE).min(DELIVERY);
    let by = Deadline::after(left);
    let post = Post {
        memory,
        config,
        turn: turn.as_ref(),
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
    /// None when another process delivers: it alone writes down how far that has come.
    turn: Option<&'a Turn>,
    /// When the run began.
    began: Now,
    zone: TimeZone,
    entries: Mutex<Vec<Entry>>,
    delivered: Mutex<Delivered>,
}

/// What leaves as one letter.
struct Parcel {
    /// With their places among all that waits; at least one.
    entries: Vec<(usize, Entry)>,
    late: bool,
}

/// What waits for a channel as letters: so many of one run, or left over from before, are one letter together.
fn parcels(
    waiting: Vec<(usize, Entry)>,
    digests: bool,
    is_late: impl Fn(&Entry) -> bool,
) -> Vec<Parcel> {
    let (late, fresh): (Vec<_>, Vec<_>) =
        waiting.into_iter().partition(|(_, entry)| is_late(entry));
    let mut parcels = Vec::new();
    for (entries, late) in [(late, true), (fresh, false)] {
        if digests && entries.len() >= MANY {
            parcels.push(Parcel { entries, late });
        } else {
            parcels.extend(entries.into_iter().map(|one| Parcel { entries: vec![one], late }));
        }
    }
    parcels
}

impl Post<'_> {
    fn channel(&self, channel: &Channel, by: Deadline) {
        if self.resting(&channel.name) {
            return;
        }
        let count = self.entries.lock().map_or(0, |entries| entries.len());
        let waiting = (0..count).filter_map(|index| self.waiting(index, channel));
        let late = |entry: &Entry| entry.created.is_before(&self.began.stamp());
        for parcel in parcels(waiting.collect(), channel.digests(), late) {
            if by.passed() {
                break;
            }
            let (letter, id) = self.letter(&parcel, &channel.name);
            let stories: Vec<&Story> =
                parcel.entries.iter().map(|(_, entry)| &entry.story).collect();
            let thread = outbox::begun(self.memory.dir, &channel.name, &stories);
            let out = Outgoing {
                letter: &letter,
                id: &id,
                stories: &stories,
                holds: self.holds(),
                reply_to: thread.as_ref().map(Thread::first),
            };
            let sent = channel.send(&out, by);
            let receipt = self.receipt(&parcel, channel, &sent);
            for (index, entry) in &parcel.entries {
                self.note(*index, channel, entry, &sent);
            }
            if let Some(receipt) = receipt {
                receipt.settled(self.memory.dir);
            }
            self.thread(channel, &out, &sent, by);
            if let Ok(mut delivered) = self.delivered.lock() {
                match &sent {
                    Sent::Accepted(_) => delivered.accepted += 1,
                    Sent::Later(why) | Sent::Busy { why, .. } | Sent::Never(why) => {
                        delivered.refused.push((channel.name.clone(), why.clone()));
                    }
                }
            }
            if matches!(sent, Sent::Later(_) | Sent::Busy { .. }) {
                return;
            }
        }
        if channel.renews() && !by.passed() {
            self.renew(channel, by);
        }
    }

    /// How long an outage counts as going on: a run may be late, and one may be missed.
    fn holds(&self) -> Duration {
        self.config.fresh_for * 2
    }

    /// Of what this channel was told before this run, and goes on, that is said again.
    fn renew(&self, channel: &Channel, by: Deadline) {
        let Ok(entries) = self.entries.lock() else { return };
        let told: Vec<String> = entries.iter().map(|entry| entry.story.incident.clone()).collect();
        drop(entries);
        let ongoing = self.config.services.iter().filter_map(|service| {
            let incident = self.memory.state.services.get(&service.name)?.incident.as_ref()?;
            let told_here = incident.told_to.contains_key(&channel.name);
            let known = told_here && !told.contains(&incident.id);
            let followed = known && channel.routing.follows(&service.name, service.critical);
            followed.then(|| Ongoing {
                host: &self.memory.host,
                service: &service.name,
                critical: service.critical,
                incident: &incident.id,
                opened: incident.opened.wall,
                reason: &incident.reason,
            })
        });
        let ongoing: Vec<Ongoing<'_>> = ongoing.collect();
        if ongoing.is_empty() {
            return;
        }
        match channel.renew(&ongoing, self.holds(), by) {
            Sent::Accepted(_) => {}
            Sent::Later(why) | Sent::Busy { why, .. } | Sent::Never(why) => {
                let text = format!("renewal by {}: not accepted: {why}", channel.name);
                self.memory.event(Kind::Notification, "", "", &text);
                if let Ok(mut delivered) = self.delivered.lock() {
                    delivered.refused.push((channel.name.clone(), why));
                }
            }
        }
    }

    /// Whether it asked to be left alone, when one of those that still wait for it was last tried.
    fn resting(&self, channel: &str) -> bool {
        let now = self.memory.now().wall;
        self.entries.lock().is_ok_and(|entries| {
            let mut deliveries = entries.iter().filter_map(|entry| entry.channels.get(channel));
            deliveries.any(|delivery| delivery.resting(now))
        })
    }

    /// What tells a parcel, and its `Message-ID`.
    fn letter(&self, parcel: &Parcel, channel: &str) -> (Letter, String) {
        // What was recorded before this run began is late, whether or not it was ever tried.
        let answers = parcel.entries.iter().filter_map(|(_, entry)| entry.channels.get(channel));
        let why = answers.map(|delivery| delivery.answer.clone()).find(|why| !why.is_empty());
        let late =
            parcel.late.then(|| Late { now: self.memory.now().wall, why: why.unwrap_or_default() });
        let stories: Vec<&Story> = parcel.entries.iter().map(|(_, entry)| &entry.story).collect();
        if let [story] = stories[..] {
            (email::compose(story, late.as_ref(), &self.zone), letter::message_id(story))
        } else {
            let letter = email::digest(&stories, late.as_ref(), &self.zone);
            let id = letter.thread.clone();
            (letter, id)
        }
    }

    /// The entry, if it still waits for this channel and may be told at this hour.
    fn waiting(&self, index: usize, channel: &Channel) -> Option<(usize, Entry)> {
        let entries = self.entries.lock().ok()?;
        let entry = entries.get(index)?;
        if self.quiet(&entry.story) || channel.routing.quiet(&entry.story, self.began.wall) {
            return None;
        }
        let delivery = entry.channels.get(&channel.name)?;
        (delivery.accepted.is_none() && !delivery.gone).then(|| (index, entry.clone()))
    }

    /// Whether its service has quiet hours now. What is critical, and what is told of the config, has none.
    fn quiet(&self, story: &Story) -> bool {
        let service = self.config.services.iter().find(|service| service.name == story.service);
        let quiet = |window: &Window| window.contains(self.began.wall);
        !story.critical
            && service.is_some_and(|service| service.policy.quiet_hours.iter().any(quiet))
    }

    /// What is kept while a letter of several that was taken is noted at each of them.
    fn receipt(&self, parcel: &Parcel, channel: &Channel, sent: &Sent) -> Option<Receipt> {
        let Sent::Accepted(taken) = sent else { return None };
        if parcel.entries.len() < 2 {
            return None;
        }
        let receipt = Receipt {
            channel: channel.name.clone(),
            at: self.memory.now().wall,
            answer: taken.said.clone(),
            ids: parcel.entries.iter().map(|(_, entry)| entry.id.clone()).collect(),
        };
        // Without it each of them is noted all the same.
        receipt.keep(self.memory.dir).ok().map(|()| receipt)
    }

    /// Written at once: a message that was accepted must not be sent again, whatever happens next.
    fn note(&self, index: usize, channel: &Channel, entry: &Entry, sent: &Sent) {
        let now = self.memory.now().wall;
        let Ok(mut entries) = self.entries.lock() else { return };
        let Some(kept) = entries.get_mut(index) else { return };
        let delivery = kept.channels.entry(channel.name.clone()).or_insert_with(Delivery::default);
        delivery.attempted += 1;
        delivery.last = Some(now);
        delivery.retry_after = None;
        let (word, answer) = match sent {
            Sent::Accepted(taken) => {
                delivery.accepted = Some(now);
                ("accepted", &taken.said)
            }
            Sent::Later(why) => ("not accepted, to be tried again", why),
            Sent::Busy { why, after } => {
                // Whole seconds are kept: rather one more than one too few.
                delivery.retry_after = Some(after.as_secs().saturating_add(1));
                ("not accepted, to be tried again", why)
            }
            Sent::Never(why) => {
                delivery.gone = true;
                ("refused for good", why)
            }
        };
        delivery.answer.clone_from(answer);
        let updated = outbox::update(self.memory.dir, kept);
        drop(entries);
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

    /// Remembers where the next letters of its incidents belong, and has the first one show that they are over. After
    /// [`Self::note`]: a run that is killed meanwhile begins a new thread, and tells nothing twice.
    fn thread(&self, channel: &Channel, out: &Outgoing<'_>, sent: &Sent, by: Deadline) {
        let Sent::Accepted(taken) = sent else { return };
        let kept = self.turn.map_or(Ok(()), |turn| {
            let (dir, body) = (self.memory.dir, &channel.worded(out).body);
            outbox::told(dir, turn, &channel.name, out.stories, taken, body)
        });
        if let Err(err) = kept {
            let text = format!("where the next message belongs is not known: {err:#}");
            self.memory.event(Kind::Notification, "", "", &text);
        }
        if let Some(Err(why)) = channel.mark_over(out, by) {
            let incident = out.stories.first().map_or("", |story| &story.incident);
            let text = format!("first message by {}: not marked as over: {why}", channel.name);
            self.memory.event(Kind::Notification, "", incident, &text);
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
