//! What became of a letter, written down at once: at its entries, of its channel, in its thread. Sends nothing but
//! the mark of a first message.

use std::collections::BTreeMap;

use crate::commands::posting::Post;
use crate::commands::posting::parcels::{Letter, Parcel};
use crate::model::letter::{Outgoing, Sent};
use crate::model::text::{one_line, plural};
use crate::notify::Channel;
use crate::store::channels;
use crate::store::events::Kind;
use crate::store::outbox::{self, Delivery, Receipt};
use crate::sys::clock::Deadline;

impl Post<'_> {
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
    pub(super) fn note(&self, parcel: &Parcel, channel: &Channel, sent: &Sent) {
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
    pub(super) fn learn(&self, channel: &Channel, sent: &Sent, first: bool) {
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
    pub(super) fn thread(&self, channel: &Channel, out: &Outgoing<'_>, sent: &Sent, by: Deadline) {
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
    pub(super) fn forget_unknown(&self) {
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
