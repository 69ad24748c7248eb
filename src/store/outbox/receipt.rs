//! That a channel took a letter of several stories, written down in one go before it is noted at each of them: a run that
//! is killed between two notes would tell the rest again, in letters that nobody can know to be the same.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::files::{file, is_entry, json, read_json};
use super::record::update;
use crate::store::bounded::oldest_first;
use crate::store::{Dir, atomic, dir};

/// A letter that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// By whom: the channel's name.
    pub channel: String,
    /// When.
    pub at: Timestamp,
    /// What the channel said; secrets left out.
    pub answer: String,
    /// The entries that were in it.
    pub ids: Vec<String>,
}

impl Receipt {
    /// Writes it down, durably.
    pub fn keep(&self, dir: &Dir) -> Result<()> {
        let path = self.path(dir);
        dir::make(&folder(dir))?;
        atomic::sweep(&folder(dir));
        atomic::replace(&path, &json(self)?)
    }

    /// It is noted at each of its entries, and has done its work.
    pub fn settled(&self, dir: &Dir) {
        // What stays says what is true, and is read once more.
        let _ = fs::remove_file(self.path(dir));
    }

    fn path(&self, dir: &Dir) -> PathBuf {
        file(&folder(dir), &self.channel)
    }

    /// Notes it at an entry; whether there was anything to note.
    fn apply(&self, entry: &mut Entry) -> bool {
        if !self.ids.contains(&entry.id) {
            return false;
        }
        let open = entry.channels.get_mut(&self.channel).filter(|delivery| !delivery.finished());
        let Some(delivery) = open else { return false };
        delivery.attempted += 1;
        delivery.last = Some(self.at);
        delivery.accepted = Some(self.at);
        delivery.retry_after = None;
        delivery.answer.clone_from(&self.answer);
        true
    }
}

/// What killed runs had no time to note, for those who only look.
pub(super) fn honour(dir: &Dir, entries: &mut Vec<Entry>) {
    for receipt in receipts(dir) {
        for entry in entries.iter_mut() {
            receipt.apply(entry);
        }
    }
    entries.retain(|entry| !entry.finished());
}

/// The same, and notes it for good.
pub(super) fn settle(dir: &Dir, entries: &mut Vec<Entry>) {
    for receipt in receipts(dir) {
        let mut noted = true;
        for entry in entries.iter_mut() {
            if receipt.apply(entry) {
                noted &= update(dir, entry).is_ok();
            }
        }
        if noted {
            receipt.settled(dir);
        }
    }
    entries.retain(|entry| !entry.finished());
}

fn receipts(dir: &Dir) -> Vec<Receipt> {
    let files = oldest_first(&folder(dir), is_entry);
    files.iter().filter_map(|path| read_json(path).ok()).collect()
}

fn folder(dir: &Dir) -> PathBuf {
    dir.outbox().join("taken")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::outbox::testing::{dir, entry};
    use crate::store::outbox::{done, pending, record, waiting};
    use crate::store::testing::{names, now};

    fn receipt(channel: &str, ids: &[&str]) -> Receipt {
        Receipt {
            channel: channel.into(),
            at: now(9).wall,
            answer: "250".into(),
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        }
    }

    #[test]
    fn killed_before_the_notes_all_of_the_letter_counts_as_taken_and_nothing_else() {
        let (_temp, dir) = dir();
        for (name, secs) in [("a", 1), ("b", 2), ("c", 3)] {
            record(&dir, &entry(name, secs)).unwrap();
        }
        receipt("mail", &["a-failed", "b-failed"]).keep(&dir).unwrap();
        receipt("../chat", &["b-failed"]).keep(&dir).unwrap();
        let open = |entries: &[Entry]| -> Vec<(String, bool)> {
            let mail = |entry: &Entry| entry.channels["mail"].accepted.is_none();
            entries.iter().map(|entry| (entry.id.clone(), mail(entry))).collect()
        };
        let want = ["a-failed", "b-failed", "c-failed"];
        let want: Vec<_> = want.map(|id| (id.to_owned(), id == "c-failed")).into();
        assert_eq!(open(&waiting(&dir).entries), want);
        assert_eq!(names(&dir.outbox().join("taken")).len(), 2, "a reader changes nothing");
        assert_eq!(open(&pending(&dir).entries), want);
        assert_eq!(names(&dir.outbox().join("taken")), Vec::<String>::new());
        assert_eq!(open(&pending(&dir).entries), want, "it is noted");
    }

    #[test]
    fn taken_by_the_last_channel_they_are_done() {
        let (_temp, dir) = dir();
        let mut first = entry("a", 1);
        first.channels.remove("chat");
        record(&dir, &first).unwrap();
        receipt("mail", &["a-failed"]).keep(&dir).unwrap();
        assert_eq!(waiting(&dir).entries, []);
        assert_eq!(pending(&dir).entries, []);
        assert_eq!(done(&dir)[0].channels["mail"].answer, "250");
    }

    #[test]
    fn a_damaged_one_costs_nothing() {
        let (_temp, dir) = dir();
        record(&dir, &entry("a", 1)).unwrap();
        receipt("mail", &["a-failed"]).keep(&dir).unwrap();
        fs::write(dir.outbox().join("taken/mail.json"), "{\"channel\":").unwrap();
        assert_eq!(pending(&dir).entries, [entry("a", 1)], "it is told again");
    }
}
