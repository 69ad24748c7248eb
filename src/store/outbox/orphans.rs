//! Incidents that were told of, or were about to be, and that the state does not know: the run was killed before it saved,
//! or could not save. The next run goes on with them, so that nobody hears of the same outage under two names. Changes
//! nothing.

use std::time::Duration;

use super::entry::{Done, Entry};
use super::files::{done_folder, is_entry, read_json};
use crate::model::story::Change;
use crate::model::time::{Now, Stamp};
use crate::store::Dir;
use crate::store::bounded::oldest_first;

/// Where no state says since when it does not know, what is older than this is another outage.
const RECENT: Duration = Duration::from_hours(1);

/// Names of all stories in the outbox, finished ones too, and when they were recorded.
#[derive(Debug, Default)]
pub struct Orphans(Vec<(String, Stamp)>);

impl Orphans {
    /// Reads them; there are at most about a thousand.
    pub fn read(dir: &Dir) -> Self {
        let waiting = oldest_first(&dir.outbox(), is_entry);
        let waiting = waiting.iter().filter_map(|path| read_json::<Entry>(path).ok());
        let waiting = waiting.map(|entry| (entry.id, entry.created));
        let done = oldest_first(&done_folder(dir), is_entry);
        let done = done.iter().filter_map(|path| read_json::<Done>(path).ok());
        Self(waiting.chain(done.map(|done| (done.id, done.created))).collect())
    }

    /// The newest incident `NAME-TIME` of a story that was recorded after `known`, the moment until which the state knows
    /// all; none when its end was recorded as well.
    pub fn incident(&self, name: &str, known: Option<&Stamp>, now: &Now) -> Option<String> {
        let unknown = |created: &Stamp| match known {
            Some(known) => known.is_before(created),
            None => now.elapsed(created) < RECENT,
        };
        let found = self.0.iter().filter_map(|(id, created)| {
            let (time, change) = id.strip_prefix(name)?.strip_prefix('-')?.split_once('-')?;
            (is_time(time) && unknown(created)).then_some((time, change))
        });
        let found: Vec<(&str, &str)> = found.collect();
        let (newest, _) = found.iter().max()?;
        let mut ends = Change::ALL.into_iter().filter(|change| change.ends());
        let over = ends.any(|end| found.contains(&(*newest, end.word())));
        (!over).then(|| format!("{name}-{newest}"))
    }
}

/// Whether it is a moment as it stands in the name of an incident: `20260102T030405Z`.
fn is_time(text: &str) -> bool {
    text.len() == 16
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::outbox::testing::{accept, dir, entry};
    use crate::store::outbox::{record, update};
    use crate::store::testing::now;

    const ONE: &str = "20260102T030405Z";
    const TWO: &str = "20260102T040506Z";

    fn orphans(ids: &[(&str, u64)]) -> Orphans {
        Orphans(ids.iter().map(|(id, secs)| ((*id).to_owned(), now(*secs).stamp())).collect())
    }

    #[test]
    fn an_incident_that_the_state_does_not_know_goes_on_and_any_other_does_not() {
        let (down, up) = (format!("web-{ONE}-down"), format!("web-{ONE}-resolved"));
        let back = format!("web-{ONE}-returned");
        let (later, other) = (format!("web-{TWO}-reminder-7"), format!("web-2-{TWO}-failed"));
        let one = Some(format!("web-{ONE}"));
        for (ids, known, want) in [
            (vec![(down.as_str(), 100)], Some(50), one.clone()),
            (vec![(&down, 100)], Some(100), None),
            (vec![(&down, 100)], None, one.clone()),
            (vec![(&down, 100), (&up, 160)], Some(50), None),
            (vec![(&back, 160)], Some(50), None),
            (vec![(&down, 100), (&later, 200)], Some(50), Some(format!("web-{TWO}"))),
            (vec![(&other, 100)], Some(50), None),
            (vec![("web-20260102-failed", 100), ("web", 100)], Some(50), None),
            (vec![], Some(50), None),
        ] {
            let known = known.map(|secs| now(secs).stamp());
            let found = orphans(&ids).incident("web", known.as_ref(), &now(3000));
            assert_eq!(found, want, "{ids:?} {known:?}");
        }
        let found = orphans(&[(&down, 100)]).incident("web", None, &now(100 + 3600));
        assert_eq!(found, None, "an hour without any state");
    }

    #[test]
    fn they_are_found_among_those_that_wait_and_those_that_are_done() {
        let (_temp, dir) = dir();
        let incident = format!("web-{ONE}");
        let mut first = entry(&incident, 100);
        record(&dir, &first).unwrap();
        let find = || Orphans::read(&dir).incident("web", Some(&now(50).stamp()), &now(200));
        assert_eq!(find().as_ref(), Some(&incident));
        accept(&mut first, "mail");
        accept(&mut first, "chat");
        update(&dir, &first).unwrap();
        assert_eq!(find().as_ref(), Some(&incident));
    }
}
