//! A unit's log in the journal, read from the entry at which the last look stopped. What this program itself wrote
//! there of the unit is passed over: else its own report of an error would be the next one.

use std::time::Duration;

use crate::probe::log::lines::LONGEST;
use crate::probe::log::patterns::Tally;
use crate::sys::journal_read::{Entry, From, Unread, entries};

/// What an entry costs beside its message, in bytes: journalctl writes at least that much of each.
const OVERHEAD: u64 = 512;

/// How everything begins that this program calls itself there: as `miraclemax-self-heal` it writes of other units,
/// and those entries stand among theirs.
const OURS: &str = "miraclemax";

/// Which entries.
#[derive(Debug, Clone)]
pub(super) struct Journal {
    /// With its suffix.
    pub(super) unit: String,
    /// Only entries that matter at least as much: `err`.
    pub(super) priority: Option<&'static str>,
}

/// Where a look stopped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// At this entry. None: the unit had said nothing yet.
    pub(super) cursor: Option<String>,
    /// When that was, in microseconds since 1970: for when the cursor means nothing to journald any more.
    pub(super) at: i64,
}

/// Where a look begins.
#[derive(Debug)]
pub(super) enum Begin {
    /// Where the one before stopped.
    At(Place),
    /// At the end; nothing before counts. The present moment, in microseconds since 1970.
    End(i64),
    /// With the last so many entries.
    Last(usize),
}

/// What a look came to, beside what it counted.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) place: Place,
    /// All that there is was read.
    pub(super) whole: bool,
    pub(super) note: Option<&'static str>,
}

impl Journal {
    /// Counts in `tally` what is new, up to so many bytes.
    pub(super) fn read(
        &self,
        begin: Begin,
        tally: &mut Tally,
        bytes: u64,
        limit: Duration,
    ) -> Result<Read, Unread> {
        match begin {
            Begin::End(now) => {
                let mut place = Place { cursor: None, at: now };
                self.ask(From::Last(1), limit, &mut |entry| {
                    place = Place { cursor: Some(entry.cursor), at: entry.at };
                    true
                })?;
                Ok(Read { place, whole: true, note: None })
            }
            Begin::Last(count) => {
                let place = Place::default();
                self.go_on(From::Last(count), place, tally, bytes, limit)
            }
            Begin::At(place) => {
                let Some(cursor) = place.cursor.clone() else {
                    return self.go_on(From::Since(place.at), place, tally, bytes, limit);
                };
                match self.go_on(From::Cursor(&cursor), place.clone(), tally, bytes, limit) {
                    Err(Unread::Cursor) => {
                        let after = Place { cursor: None, ..place };
                        let read = self.go_on(From::Since(after.at), after, tally, bytes, limit)?;
                        let note = Some("its cursor was not known any more: read on by time");
                        Ok(Read { note, ..read })
                    }
                    read => read,
                }
            }
        }
    }

    fn go_on(
        &self,
        from: From<'_>,
        mut place: Place,
        tally: &mut Tally,
        bytes: u64,
        limit: Duration,
    ) -> Result<Read, Unread> {
        let begun = place.clone();
        let mut left = bytes;
        let whole = self.ask(from, limit, &mut |entry| {
            // The very one at which the last look stopped, or, read on by time, one that it had seen.
            let seen = match &begun.cursor {
                Some(cursor) => *cursor == entry.cursor,
                None => entry.at <= begun.at,
            };
            if !seen {
                let message = &entry.message[..entry.message.len().min(LONGEST)];
                if !entry.identifier.starts_with(OURS) {
                    tally.line(message);
                }
                left = left.saturating_sub(entry.message.len() as u64 + OVERHEAD);
                place = Place { cursor: Some(entry.cursor), at: entry.at };
            }
            left > 0
        })?;
        Ok(Read { place, whole, note: None })
    }

    fn ask(
        &self,
        from: From<'_>,
        limit: Duration,
        take: &mut dyn FnMut(Entry) -> bool,
    ) -> Result<bool, Unread> {
        entries(&self.unit, self.priority, from, limit, take)
    }
}
