//! Entries come into the outbox and leave it. What makes room for newer ones is named.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::entry::{Done, Entry};
use super::files::{KEPT, bounded_json, done_folder, file, is_entry, json, read_json};
use super::pending::{Pending, is_told, pending, set_aside};
use crate::model::text::one_line;
use crate::store::bounded::{oldest_first, prune};
use crate::store::read::Unreadable;
use crate::store::{Dir, atomic, dir};

/// Entries that wait; beyond it the oldest fall off.
const WAITING: usize = 500;

/// How long a finished id keeps its story from being recorded again. Long enough for the run after a killed
/// one; not so long that a config broken in the same way next week is not told.
const REMEMBERED: Duration = Duration::from_hours(24);

/// What came of recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It waits now. What fell off to make room, or was damaged, in words.
    New {
        /// One line each; mostly none.
        notices: Vec<String>,
    },
    /// This story waits already, or was told within the last 24 hours.
    Already,
}

/// Records an entry, durably, before anything is sent. One without channels, or with nothing left to try, is
/// done at once.
pub fn record(dir: &Dir, entry: &Entry) -> Result<Recorded> {
    record_among(dir, entry, WAITING)
}

fn record_among(dir: &Dir, entry: &Entry, most: usize) -> Result<Recorded> {
    dir::make(&done_folder(dir))?;
    atomic::sweep(&dir.outbox());
    let path = file(&dir.outbox(), &entry.id);
    let mut notices = Vec::new();
    match read_json::<Entry>(&path) {
        Ok(there) if is_told(dir, &there) => drop(fs::remove_file(&path)),
        Ok(_) => return Ok(Recorded::Already),
        Err(Unreadable::Missing) => {}
        Err(why) => notices.push(set_aside(dir, &path, &why)),
    }
    // In this order: an entry is among the finished before it is gone from the waiting.
    if read_json(&file(&done_folder(dir), &entry.id)).is_ok_and(|done| is_recent(&done, entry)) {
        return Ok(Recorded::Already);
    }
    if entry.finished() {
        bury(dir, entry)?;
        return Ok(Recorded::New { notices });
    }
    if !atomic::Temp::write(&path, &bounded_json(entry)?, None)?.unless_there()? {
        return Ok(Recorded::Already);
    }
    notices.extend(make_room(dir, &path, most));
    Ok(Recorded::New { notices })
}

/// Whether the entry `id`, which waits or is done, is for all the channels of `other`.
pub fn is_for(dir: &Dir, id: &str, other: &Entry) -> bool {
    let waiting = read_json(&file(&dir.outbox(), id)).map(|entry: Entry| entry.channels);
    let channels = waiting
        .or_else(|_| read_json(&file(&done_folder(dir), id)).map(|done: Done| done.channels));
    channels.is_ok_and(|channels| other.channels.keys().all(|name| channels.contains_key(name)))
}

/// Writes down how far an entry has come; a finished one leaves the outbox.
pub fn update(dir: &Dir, entry: &Entry) -> Result<()> {
    if entry.finished() {
        bury(dir, entry)
    } else {
        atomic::replace(&file(&dir.outbox(), &entry.id), &bounded_json(entry)?)
    }
}

/// What is remembered of finished ones, oldest first.
pub fn done(dir: &Dir) -> Vec<Done> {
    let files = oldest_first(&done_folder(dir), is_entry);
    let mut done: Vec<Done> = files.iter().filter_map(|path| read_json(path).ok()).collect();
    done.sort_by_key(|done| done.created.wall);
    done
}

/// Moves an entry to the finished ones. Killed in between it is in both places, and counts as finished.
fn bury(dir: &Dir, entry: &Entry) -> Result<()> {
    let Entry { id, created, channels, .. } = entry.clone();
    let folder = done_folder(dir);
    dir::make(&folder)?;
    atomic::sweep(&folder);
    let stone = file(&folder, &id);
    let path = file(&dir.outbox(), &entry.id);
    if let Err(err) = atomic::replace(&stone, &json(&Done { id, created, channels })?) {
        // On a full disk it can still be moved: then it is among the finished as it was, and not told again.
        return fs::rename(&path, &stone).map_err(|_| err);
    }
    prune(&folder, KEPT, &stone, is_entry, |path| fs::remove_file(path));
    match fs::remove_file(&path) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => {
            Err(atomic::explain(err, &dir.outbox()))
                .with_context(|| format!("cannot remove `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// Gives up on the oldest when more than `most` wait, and says so.
fn make_room(dir: &Dir, newest: &Path, most: usize) -> Vec<String> {
    if oldest_first(&dir.outbox(), is_entry).len() <= most {
        return Vec::new();
    }
    let Pending { entries, mut notices } = pending(dir);
    let surplus = entries.len().saturating_sub(most);
    let others = entries.into_iter().filter(|entry| file(&dir.outbox(), &entry.id) != newest);
    for mut entry in others.take(surplus) {
        for delivery in entry.channels.values_mut().filter(|delivery| !delivery.finished()) {
            let before = match delivery.answer.as_str() {
                "" => "it was not tried",
                answer => answer,
            };
            delivery.answer = format!("given up, more than {most} notifications waited; {before}");
            delivery.gone = true;
        }
        let shown = one_line(&entry.id, 200);
        notices.push(match bury(dir, &entry) {
            Ok(()) => {
                format!("more than {most} notifications wait; the oldest is given up: `{shown}`")
            }
            Err(err) => format!(
                "more than {most} notifications wait; `{shown}` cannot be given up: {err:#}"
            ),
        });
    }
    notices
}

/// Whether `done` is the same story as `entry`, and not an older one that happens to be called the same.
fn is_recent(done: &Done, entry: &Entry) -> bool {
    entry.created.wall.duration_since(done.created.wall).unsigned_abs() < REMEMBERED
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::thread;

    use super::*;
    use crate::store::outbox::files::LARGEST;
    use crate::store::outbox::testing::{accept, dir, entry};
    use crate::store::testing::names;

    fn ids(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.id.as_str()).collect()
    }

    fn is_new(recorded: &Recorded) -> bool {
        *recorded == Recorded::New { notices: vec![] }
    }

    #[test]
    fn a_story_waits_until_every_channel_took_it_or_was_given_up() {
        let (_temp, dir) = dir();
        let mut first = entry("a", 1);
        assert!(is_new(&record(&dir, &first).unwrap()));
        assert!(is_new(&record(&dir, &entry("b", 0)).unwrap()));
        assert_eq!(ids(&pending(&dir).entries), ["b-failed", "a-failed"], "oldest first");
        accept(&mut first, "mail");
        update(&dir, &first).unwrap();
        assert_eq!(pending(&dir).entries[1], first);
        first.channels.get_mut("chat").unwrap().gone = true;
        update(&dir, &first).unwrap();
        assert_eq!(ids(&pending(&dir).entries), ["b-failed"]);
        let done = done(&dir);
        assert_eq!((done.len(), &done[0].channels), (1, &first.channels));
        assert!(done[0].is_lost(), "chat was never told");
    }

    #[test]
    fn recorded_twice_it_is_told_once_also_after_it_was_delivered() {
        let (_temp, dir) = dir();
        let mut first = entry("a", 0);
        assert!(is_new(&record(&dir, &first).unwrap()));
        assert_eq!(record(&dir, &entry("a", 60)).unwrap(), Recorded::Already, "it waits");
        accept(&mut first, "mail");
        accept(&mut first, "chat");
        update(&dir, &first).unwrap();
        assert!(!done(&dir)[0].is_lost());
        assert_eq!(record(&dir, &entry("a", 120)).unwrap(), Recorded::Already, "it was told");
        assert_eq!(pending(&dir), Pending::default());
        let day = 24 * 3600;
        let later = entry("a", day + 1);
        assert!(is_new(&record(&dir, &later).unwrap()), "it came back after a day");
        assert_eq!(pending(&dir).entries, [later]);
    }

    #[test]
    fn what_a_killed_run_left_of_a_told_story_does_not_stand_in_for_a_new_one() {
        let (_temp, dir) = dir();
        let mut first = entry("config", 0);
        record(&dir, &first).unwrap();
        let path = file(&dir.outbox(), &first.id);
        let bytes = fs::read(&path).unwrap();
        first.channels.values_mut().for_each(|delivery| delivery.gone = true);
        update(&dir, &first).unwrap();
        for (secs, want) in [(60, vec![]), (48 * 3600, vec!["config-failed"])] {
            fs::write(&path, &bytes).unwrap();
            record(&dir, &entry("config", secs)).unwrap();
            assert_eq!(ids(&pending(&dir).entries), want, "{secs} s later");
        }
    }

    #[test]
    fn a_damaged_entry_does_not_keep_its_story_from_being_recorded_again() {
        let (_temp, dir) = dir();
        record(&dir, &entry("a", 0)).unwrap();
        fs::write(file(&dir.outbox(), "a-failed"), "{\"id\":").unwrap();
        let Recorded::New { notices } = record(&dir, &entry("a", 1)).unwrap() else {
            panic!("the alert would be lost")
        };
        assert_eq!(notices.len(), 1);
        assert_eq!(pending(&dir).entries, [entry("a", 1)]);
    }

    #[test]
    fn beyond_the_bound_the_oldest_is_given_up_and_named() {
        let (_temp, dir) = dir();
        for secs in 0..3 {
            let recorded = record_among(&dir, &entry(&format!("i{secs}"), secs), 3).unwrap();
            assert!(is_new(&recorded), "{secs}");
        }
        // The newest stays, also when the clock says that it is the oldest.
        let last = entry("a-last", 0);
        let Recorded::New { notices } = record_among(&dir, &last, 3).unwrap() else {
            panic!("it is new")
        };
        assert!(notices.len() == 1 && notices[0].contains("`i0-failed`"), "{notices:?}");
        assert_eq!(ids(&pending(&dir).entries), ["a-last-failed", "i1-failed", "i2-failed"]);
        let done = done(&dir);
        assert!(done[0].is_lost() && done[0].channels["mail"].answer.contains("not tried"));
    }

    #[test]
    fn of_many_that_record_the_same_story_one_does() {
        let (_temp, dir) = dir();
        let new: usize = thread::scope(|scope| {
            let all: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| is_new(&record(&dir, &entry("a", 0)).unwrap())))
                .collect();
            all.into_iter().map(|one| usize::from(one.join().unwrap())).sum()
        });
        assert_eq!(new, 1);
        assert_eq!(pending(&dir).entries.len(), 1);
        assert_eq!(names(&dir.outbox()), ["a-failed.json", "done"]);
    }

    #[test]
    fn nobody_to_tell_and_too_much_to_tell_are_both_fine() {
        let (_temp, dir) = dir();
        let nobody = Entry { channels: BTreeMap::new(), ..entry("a", 0) };
        assert!(is_new(&record(&dir, &nobody).unwrap()));
        assert_eq!((pending(&dir), done(&dir).len()), (Pending::default(), 1));
        let mut huge = entry("/b\n", 0);
        huge.story.evidence.log = vec!["x".repeat(LARGEST)];
        assert!(is_new(&record(&dir, &huge).unwrap()));
        assert_eq!(pending(&dir).entries[0].story.evidence.log, ["[left out: too long]"]);
    }
}
