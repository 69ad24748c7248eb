//! The outbox: stories go into it before the state is saved, and leave it after, under a deadline. What a
//! channel did not accept stays for the next run. Never decides what happened.

mod lateness;
mod noting;
mod parcels;
mod recording;

use std::borrow::Cow;
use std::collections::VecDeque;
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
use crate::model::leaving::Preview;
use crate::model::letter::{self, Ongoing, Outgoing, Sent};
use crate::model::reachable::{Channels, Reachable};
use crate::model::story::{Change, Story};
use crate::model::time::Now;
use crate::model::window::Window;
use crate::notify::Channel;
use crate::report::email;
use crate::store::channels;
use crate::store::events::Kind;
use crate::store::outbox::{self, Entry, Pending, Recorded, Thread, Turn};
use crate::sys::clock::Deadline;

pub(super) use recording::record;

/// Bound on all deliveries of a run together, whatever is left of the run itself.
const DELIVERY: Duration = Duration::from_secs(60);
/// Kept back at the end of a run for what must still be written.
const RESERVE: Duration = Duration::from_secs(2);

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
    let post = Post::new(memory, config, turn.as_ref(), channels, entries);
    post.round(by, true);
    // What others recorded while a channel was waited for, and what is to be told of that channel.
    let mut more = post.more() | post.tell_of_broken();
    // Who records something while this goes on leaves it to this run.
    while more && !by.passed() {
        post.round(by, false);
        more = post.more();
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

/// What would leave over a channel in a run now.
#[derive(Debug)]
pub(super) struct Upcoming {
    /// Its letters.
    pub(super) letters: Vec<Preview>,
    /// So many stories wait for it, also those that are not to leave yet.
    pub(super) waiting: usize,
    /// It has asked to be left alone for now.
    pub(super) resting: bool,
}

/// What would leave over each of the config's channels, in their order. Sends nothing and changes nothing.
pub(super) fn upcoming(memory: &Memory, config: &Config) -> Vec<Upcoming> {
    let entries = outbox::waiting(memory.dir).entries;
    let post = Post::new(memory, config, None, channels::load(memory.dir), entries);
    let of = |channel: &Channel| {
        let waits = |entry: &&Entry| entry.waits_for(&channel.name);
        let waiting = post.entries.lock().map_or(0, |all| all.iter().filter(waits).count());
        let parcels = parcels(post.waiting(channel), channel.digests());
        let shown = |parcel| post.outgoing(parcel, channel, |out| channel.preview(out));
        let letters = parcels.iter().map(shown).collect();
        Upcoming { letters, waiting, resting: post.resting(&channel.name) }
    };
    config.notify.iter().map(of).collect()
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

impl<'a> Post<'a> {
    /// Of what waits, nothing of it tried yet.
    fn new(
        memory: &'a Memory<'a>,
        config: &'a Config,
        turn: Option<&'a Turn>,
        channels: Channels,
        entries: Vec<Entry>,
    ) -> Self {
        Self {
            memory,
            channels: Mutex::new(channels),
            config,
            turn,
            began: memory.began(),
            zone: TimeZone::system(),
            entries: Mutex::new(entries),
            delivered: Mutex::new(Delivered::default()),
            failed: Mutex::new(Vec::new()),
        }
    }

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
            match outbox::record(self.memory.dir, &entry) {
                Ok(Recorded::New { .. }) => entries.push(entry),
                // A run that was killed, or could not remember it, has told it.
                Ok(Recorded::Already) => {}
                // It would be told again by each run; every other letter mentions it.
                Err(err) => self.memory.event(Kind::Notification, "", "", &format!("{err:#}")),
            }
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
            match &sent {
                Sent::Accepted(_) => {
                    if let Ok(mut delivered) = self.delivered.lock() {
                        delivered.accepted += 1;
                    }
                }
                Sent::Later(why) | Sent::Busy { why, .. } | Sent::Never(why) => {
                    self.refused(channel, why);
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

    fn refused(&self, channel: &Channel, why: &str) {
        if let Ok(mut delivered) = self.delivered.lock() {
            delivered.refused.push((channel.name.clone(), why.to_owned()));
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
                self.refused(channel, &why);
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
        self.outgoing(parcel, channel, |out| {
            let sent = channel.send(out, by);
            // What is refused for good as one is tried again one by one.
            if !matches!(sent, Sent::Never(_)) || parcel.letters.len() == 1 {
                self.note(parcel, channel, &sent);
                self.thread(channel, out, &sent, by);
            }
            sent
        })
    }

    /// What `act` makes of a parcel as it leaves.
    fn outgoing<T>(
        &self,
        parcel: &Parcel,
        channel: &Channel,
        act: impl FnOnce(&Outgoing<'_>) -> T,
    ) -> T {
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
        act(&out)
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
            entry.waits_for(&channel.name) && !self.quiet(&entry.story, channel, self.began.wall)
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
}
