//! The outbox: stories go into it before the state is saved, and leave it after, under a deadline. What a
//! channel did not accept stays for the next run. Never decides what happened.

mod lateness;
mod parcels;

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::commands::memory::Memory;
use crate::commands::posting::lateness::latest;
use crate::commands::posting::parcels::{Letter, Parcel, letters, parcels};
use crate::commands::unreached;
use crate::config::Config;
use crate::model::course::Course;
use crate::model::letter::{self, Ongoing, Outgoing, Sent};
use crate::model::reachable::{Channels, Reachable};
use crate::model::story::{Change, Story};
use crate::model::text::{one_line, plural};
use crate::model::time::{Now, Stamp};
use crate::model::window::Window;
use crate::notify::Channel;
use crate::report::email;
use crate::store::channels;
use crate::store::events::Kind;
use crate::store::outbox::{self, Delivery, Entry, Pending, Receipt, Recorded, Thread, Turn};
use crate::sys::clock::Deadline;

/// Bound on all deliveries of a run together, whatever is left of the run itself.
const DELIVERY: Duration = Duration::from_secs(60);
/// Kept back at the end of a run for what must still be written.
const RESERVE: Duration = Duration::from_secs(2);

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
    /// Letters that were given up on, in words.
    pub(super) given_up: Vec<String>,
    /// The channels that are broken, whether or not they were tried in this run.
    pub(super) broken: Vec<email::Unreached>,
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
    let mut channels = channels::load(memory.dir);
    channels.retain(|name, _| config.notify.iter().any(|channel| channel.name == *name));
    let untold = |known: &Reachable| known.told.is_none() && known.is_broken(&memory.now());
    if entries.is_empty() && !renewing && !channels.values().any(untold) {
        let broken = unreached::broken(&channels, &entries, &memory.now());
        return Delivered { broken, ..Delivered::default() };
    }
    let left = deadline.left().saturating_sub(RESERVE).min(DELIVERY);
    let by = Deadline::after(left);
    let post = Post {
        memory,
        channels: Mutex::new(channels),
        config,
        turn: turn.as_ref(),
        began: memory.began(),
        zone: TimeZone::system(),
        entries: Mutex::new(entries),
        delivered: Mutex::new(Delivered::default()),
        failed: Mutex::new(Vec::new()),
    };
    post.round(by, true);
    // What others recorded while a channel was waited for, and what is to be told of that channel.
    if post.more() | post.tell_of_broken() {
        post.round(by, false);
    }
    post.forget_unknown();
    let (channels, entries) = (post.channels.into_inner(), post.entries.into_inner());
    let broken = channels
        .ok()
        .zip(entries.ok())
        .map(|(channels, entries)| unreached::broken(&channels, &entries, &memory.now()));
    let delivered = post.delivered.into_inner().unwrap_or_default();
    Delivered { broken: broken.unwrap_or_default(), ..delivered }
}

struct Post<'a> {
    memory: &'a Memory<'a>,
    /// What is known of each channel.
    channels: Mutex<Channels>,
    config: &'a Config,
    /// None when another process delivers: it alone writes down how far that has come.
    turn: Option<&'a Turn>,
    /// When the run began.
    began: Now,
    zone: TimeZone,
    entries: Mutex<Vec<Entry>>,
    delivered: Mutex<Delivered>,
    /// Channels that are not tried again in this run.
    failed: Mutex<Vec<String>>,
}

impl Post<'_> {
    /// Serves the channels side by side; the `first` time outages are renewed, too.
    fn round(&self, by: Deadline, first: bool) {
        std::thread::scope(|scope| {
            // The first channel is served by this thread: the usual case of one channel starts none.
            for channel in self.config.notify.iter().skip(1) {
                scope.spawn(move || self.channel(channel, by, first));
            }
            if let Some(channel) = self.config.notify.first() {
                self.channel(channel, by, first);
            }
        });
    }

    /// Whether others have recorded something meanwhile.
    fn more(&self) -> bool {
        if self.turn.is_none() {
            return false;
        }
        let Ok(mut entries) = self.entries.lock() else { return false };
        let mut new = outbox::pending(self.memory.dir).entries;
        new.retain(|entry| !entries.iter().any(|known| known.id == entry.id));
        let any = !new.is_empty();
        entries.extend(new);
        any
    }

    /// Puts it into the outbox for the others that a channel takes nothing, where that is news; whether it is.
    fn tell_of_broken(&self) -> bool {
        let (Ok(mut channels), Ok(mut entries)) = (self.channels.lock(), self.entries.lock())
        else {
            return false;
        };
        // A drill tells of itself what does not work, and its runs are no runs.
        let drill = entries.iter().any(|entry| entry.story.drill);
        let stories = if self.turn.is_some() && !drill {
            unreached::stories(self.memory, self.config, &mut channels, &entries)
        } else {
            Vec::new()
        };
        let any = !stories.is_empty();
        for story in stories {
            let names = story.only.clone();
            let entry = Entry::new(story, 0, self.memory.now().stamp(), names);
            if let Err(err) = outbox::record(self.memory.dir, &entry) {
                self.memory.event(Kind::Notification, "", "", &format!("{err:#}"));
            }
            entries.push(entry);
        }
        if any && let Err(err) = channels::save(self.memory.dir, &channels) {
            self.memory.event(Kind::Notification, "", "", &format!("{err:#}"));
        }
        any
    }

    fn channel(&self, channel: &Channel, by: Deadline, renews: bool) {
        let failed = self.failed.lock().is_ok_and(|failed| failed.contains(&channel.name));
        if failed || self.resting(&channel.name) {
            return;
        }
        let mut first = true;
        let mut parcels = VecDeque::from(parcels(self.waiting(channel), channel.digests()));
        while let Some(parcel) = parcels.pop_front() {
            if by.passed() {
                break;
            }
            let sent = self.send(&parcel, channel, by);
            if let (Sent::Never(why), 2..) = (&sent, parcel.letters.len()) {
                // One that is refused for good must not take the others with it.
                let text =
                    format!("several by {}: refused, so each goes alone: {why}", channel.name);
                self.memory.event(Kind::Notification, "", "", &text);
                for letter in parcel.letters.into_iter().rev() {
                    parcels.push_front(Parcel { letters: vec![letter] });
                }
                continue;
            }
            self.learn(channel, &sent, first);
            first = false;
            if let Ok(mut delivered) = self.delivered.lock() {
                match &sent {
                    Sent::Accepted(_) => delivered.accepted += 1,
                    Sent::Later(why) | Sent::Busy { why, .. } | Sent::Never(why) => {
                        delivered.refused.push((channel.name.clone(), why.clone()));
                    }
                }
            }
            if matches!(sent, Sent::Later(_) | Sent::Busy { .. }) {
                if let Ok(mut failed) = self.failed.lock() {
                    failed.push(channel.name.clone());
                }
                return;
            }
        }
        if renews && channel.renews() && !by.passed() {
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
        let sent = channel.renew(&ongoing, self.holds(), by);
        self.learn(channel, &sent, true);
        match sent {
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

    /// Sends what tells a parcel, and notes what became of it.
    fn send(&self, parcel: &Parcel, channel: &Channel, by: Deadline) -> Sent {
        // What is told in time is told as it was found.
        let courses = parcel.courses(|story| self.over(story).filter(|_| parcel.late()));
        let mut letter = email::tell(&courses, self.late(parcel, channel).as_ref(), &self.zone);
        let id = match &courses[..] {
            [Course { story, .. }] => letter::message_id(story),
            _ => letter.thread.clone(),
        };
        if courses.iter().any(|course| course.story.change != Change::Channel) {
            let others = self.unreached(channel);
            email::mention(&mut letter, &others, &self.zone);
        }
        let stories: Vec<Cow<'_, Story>> = courses
            .iter()
            .map(|course| {
                // Where each is a record of its own, it is of what was then.
                if channel.digests() { latest(course) } else { Cow::Borrowed(course.story) }
            })
            .collect();
        let stories: Vec<&Story> = stories.iter().map(AsRef::as_ref).collect();
        let thread = outbox::begun(self.memory.dir, &channel.name, &stories);
        let out = Outgoing {
            letter: &letter,
            id: &id,
            stories: &stories,
            holds: self.holds(),
            reply_to: thread.as_ref().map(Thread::first),
        };
        let sent = channel.send(&out, by);
        // What is refused for good as one is tried again one by one.
        if !matches!(sent, Sent::Never(_)) || parcel.letters.len() == 1 {
            self.note(parcel, channel, &sent);
            self.thread(channel, &out, &sent, by);
        }
        sent
    }

    /// The other channels that take nothing, as far as is known by now.
    fn unreached(&self, channel: &Channel) -> Vec<email::Unreached> {
        let Ok(channels) = self.channels.lock() else { return Vec::new() };
        let mut others = channels.clone();
        drop(channels);
        others.remove(&channel.name);
        let Ok(entries) = self.entries.lock() else { return Vec::new() };
        unreached::broken(&others, &entries, &self.memory.now())
    }

    /// What still waits for this channel and may be told at this hour, oldest first.
    fn waiting(&self, channel: &Channel) -> Vec<Letter> {
        let Ok(entries) = self.entries.lock() else { return Vec::new() };
        let waits = |entry: &Entry| {
            let waits = entry.channels.get(&channel.name).is_some_and(|one| !one.finished());
            waits && !self.quiet(&entry.story, channel, self.began.wall)
        };
        let all = entries.iter().enumerate();
        let waiting = all.filter(|(_, entry)| waits(entry)).map(|(at, entry)| (at, entry.clone()));
        letters(waiting.collect(), &self.began, &self.memory.now())
    }

    /// Whether its service or the channel had quiet hours then. What is critical has none, and neither has the
    /// service of what is told of the host.
    fn quiet(&self, story: &Story, channel: &Channel, then: Timestamp) -> bool {
        let service = self.config.services.iter().find(|service| service.name == story.service);
        let quiet = |window: &Window| window.contains(then);
        let of_service =
            service.is_some_and(|service| service.policy.quiet_hours.iter().any(quiet));
        !story.critical && of_service || channel.routing.quiet(story, then)
    }

    /// What is kept while a letter of several that was taken is noted at each of them.
    fn receipt(&self, parcel: &Parcel, channel: &Channel, sent: &Sent) -> Option<Receipt> {
        let Sent::Accepted(taken) = sent else { return None };
        if parcel.letters.len() < 2 {
            return None;
        }
        let receipt = Receipt {
            channel: channel.name.clone(),
            at: self.memory.now().wall,
            answer: taken.said.clone(),
            ids: parcel.letters.iter().map(|letter| letter.entry.id.clone()).collect(),
        };
        // Without it each of them is noted all the same.
        receipt.keep(self.memory.dir).ok().map(|()| receipt)
    }

    /// Written at once: a message that was accepted must not be sent again, whatever happens next.
    fn note(&self, parcel: &Parcel, channel: &Channel, sent: &Sent) {
        let now = self.memory.now().wall;
        let (word, answer) = match sent {
            Sent::Accepted(taken) => ("accepted", &taken.said),
            Sent::Later(why) | Sent::Busy { why, .. } => ("not accepted, to be tried again", why),
            Sent::Never(why) => ("refused for good", why),
        };
        let Ok(mut entries) = self.entries.lock() else { return };
        for Letter { index, .. } in &parcel.letters {
            let Some(kept) = entries.get_mut(*index) else { continue };
            let delivery =
                kept.channels.entry(channel.name.clone()).or_insert_with(Delivery::default);
            delivery.attempted += 1;
            delivery.last = Some(now);
            delivery.retry_after = None;
            delivery.answer.clone_from(answer);
            match sent {
                Sent::Accepted(_) => delivery.accepted = Some(now),
                Sent::Later(_) => {}
                // Whole seconds are kept: rather one more than one too few.
                Sent::Busy { after, .. } => {
                    delivery.retry_after = Some(after.as_secs().saturating_add(1));
                }
                Sent::Never(_) => delivery.gone = true,
            }
        }
        let receipt = self.receipt(parcel, channel, sent);
        let noted = parcel.letters.iter().filter_map(|letter| entries.get(letter.index));
        let updated = noted.map(|entry| outbox::update(self.memory.dir, entry));
        let failed: Vec<_> = updated.filter_map(Result::err).collect();
        drop(entries);
        // Where one could not be noted it stays, for the next who delivers.
        if let Some(receipt) = receipt.filter(|_| failed.is_empty()) {
            receipt.settled(self.memory.dir);
        }
        for Letter { entry, .. } in &parcel.letters {
            let story = &entry.story;
            let text = format!("{} by {}: {word}: {answer}", story.change.word(), channel.name);
            self.memory.event(Kind::Notification, &story.service, &story.incident, &text);
        }
        for err in failed {
            self.memory.event(Kind::Notification, "", "", &format!("{err:#}"));
        }
    }

    /// Takes in what a channel said, for those who want to know whether it works.
    fn learn(&self, channel: &Channel, sent: &Sent, first: bool) {
        let Ok(mut channels) = self.channels.lock() else { return };
        let known = channels.entry(channel.name.clone()).or_default();
        let well = matches!(sent, Sent::Accepted(_)) && known.failing_since.is_none();
        known.sent(sent, first, &self.memory.now());
        // Every other letter of a run that is taken is no news.
        if self.turn.is_none() || well && !first {
            return;
        }
        if let Err(err) = channels::save(self.memory.dir, &channels) {
            self.memory.event(Kind::Notification, "", "", &format!("{err:#}"));
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
        let mut given_up: BTreeMap<String, usize> = BTreeMap::new();
        for entry in entries.iter_mut() {
            let mut changed = false;
            for (name, delivery) in &mut entry.channels {
                if delivery.accepted.is_none()
                    && !delivery.gone
                    && !self.config.notify.iter().any(|c| c.name == *name)
                {
                    delivery.gone = true;
                    "the channel is no longer configured".clone_into(&mut delivery.answer);
                    *given_up.entry(name.clone()).or_default() += 1;
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
        drop(entries);
        for (name, count) in given_up {
            let (letters, are) = (plural(count, "letter"), if count == 1 { "is" } else { "are" });
            let text = format!(
                "{letters} for `{}` {are} given up: no channel of that name is configured any more",
                one_line(&name, 80)
            );
            self.memory.event(Kind::Notification, "", "", &text);
            if let Ok(mut delivered) = self.delivered.lock() {
                delivered.given_up.push(text);
            }
        }
    }
}
