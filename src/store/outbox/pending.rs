//! What waits in the outbox. One entry that cannot be read costs the others nothing; it is set aside, never
//! deleted.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::entry::{Done, Entry};
use super::files::{KEPT, done_folder, file, is_entry, read_json};
use super::receipt::{honour, settle};
use crate::store::bounded::{oldest_first, prune};
use crate::store::lock::{Flock, try_flock};
use crate::store::read::Unreadable;
use crate::store::{Dir, atomic, dir};

/// What waits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pending {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// What could not be read, and what was done about it.
    pub notices: Vec<String>,
}

/// The right to deliver, which one process has at a time: two would tell everything twice.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, not used")] Flock);

/// Takes the right to deliver; none when another process is at it.
pub fn take_turn(dir: &Dir) -> Result<Option<Turn>> {
    dir::make(&dir.outbox())?;
    Ok(try_flock(&dir.outbox().join(".lock"))?.map(Turn))
}

/// For the one who delivers: what waits, oldest first. Damaged ones are set aside in `outbox/broken/`.
pub fn pending(dir: &Dir) -> Pending {
    atomic::sweep(&dir.outbox());
    list(dir, Mode::Tidy)
}

/// For readers: the same, and changes nothing.
pub fn waiting(dir: &Dir) -> Pending {
    list(dir, Mode::Look)
}

#[derive(Clone, Copy)]
enum Mode {
    Look,
    Tidy,
}

fn list(dir: &Dir, mode: Mode) -> Pending {
    let mut pending = Pending::default();
    for path in oldest_first(&dir.outbox(), is_entry) {
        match (read_json::<Entry>(&path), mode) {
            (Ok(entry), mode) => match mode {
                _ if !is_told(dir, &entry) => pending.entries.push(entry),
                Mode::Look => {}
                Mode::Tidy => drop(fs::remove_file(&path)),
            },
            // Delivered and gone since the folder was listed.
            (Err(Unreadable::Missing), _) => {}
            (Err(why), Mode::Tidy) => pending.notices.push(set_aside(dir, &path, &why)),
            (Err(why), Mode::Look) => pending
                .notices
                .push(format!("cannot read the notification `{}`: {why}", path.display())),
        }
    }
    match mode {
        Mode::Look => honour(dir, &mut pending.entries),
        Mode::Tidy => settle(dir, &mut pending.entries),
    }
    pending.entries.sort_by(|a, b| (a.created.wall, &a.id).cmp(&(b.created.wall, &b.id)));
    pending
}

/// Whether what still lies there has been finished: the run that did it was killed before the removal.
pub(super) fn is_told(dir: &Dir, entry: &Entry) -> bool {
    read_json(&file(&done_folder(dir), &entry.id))
        .is_ok_and(|done: Done| done.created == entry.created)
}

/// Moves a damaged entry to `broken/`, and says so or why not.
pub(super) fn set_aside(dir: &Dir, path: &Path, why: &Unreadable) -> String {
    let folder = dir.outbox().join("broken");
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut new = folder.join(&*name);
    let mut count = 2;
    while fs::symlink_metadata(&new).is_ok() {
        new = folder.join(format!("{count}-{name}"));
        count += 1;
    }
    let moved = dir::make(&folder).and_then(|()| Ok(fs::rename(path, &new)?));
    let shown = path.display();
    match moved {
        Ok(()) => {
            prune(&folder, KEPT, &new, is_entry, |path| fs::remove_file(path));
            format!(
                "cannot read the notification `{shown}`: {why}; it is kept as `{}`",
                new.display()
            )
        }
        Err(err) => {
            format!(
                "cannot read the notification `{shown}`: {why}; and cannot set it aside: {err:#}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::outbox::testing::{accept, dir, entry};
    use crate::store::outbox::{record, update};
    use crate::store::testing::{fifo, names};

    fn ids(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.id.as_str()).collect()
    }

    #[test]
    fn killed_between_the_grave_and_the_removal_it_is_not_told_again() {
        let (_temp, dir) = dir();
        let mut first = entry("a", 0);
        record(&dir, &first).unwrap();
        let path = file(&dir.outbox(), &first.id);
        let bytes = fs::read(&path).unwrap();
        accept(&mut first, "mail");
        accept(&mut first, "chat");
        update(&dir, &first).unwrap();
        fs::write(&path, bytes).unwrap();
        assert_eq!(waiting(&dir), Pending::default());
        assert!(path.exists(), "a reader changes nothing");
        assert_eq!(pending(&dir), Pending::default());
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_entry_is_set_aside_and_costs_the_others_nothing() {
        let (_temp, dir) = dir();
        record(&dir, &entry("a", 0)).unwrap();
        let path = file(&dir.outbox(), "a-failed");
        let whole = fs::read(&path).unwrap();
        record(&dir, &entry("b", 1)).unwrap();
        let lengths = (0..whole.len() - 1).step_by(5);
        for length in lengths.clone() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(waiting(&dir).notices.len(), 1, "cut at {length}");
            let found = pending(&dir);
            assert_eq!((ids(&found.entries), found.notices.len()), (vec!["b-failed"], 1));
            assert!(found.notices[0].contains("it is kept as"), "{:?}", found.notices);
        }
        fifo(&path);
        fs::create_dir(dir.outbox().join("odd.json")).unwrap();
        assert_eq!(pending(&dir).notices.len(), 2);
        let broken = names(&dir.outbox().join("broken"));
        assert_eq!(broken.len(), lengths.count() + 2, "none is overwritten");
    }

    #[test]
    fn one_process_at_a_time_delivers() {
        let (_temp, dir) = dir();
        let turn = take_turn(&dir).unwrap().expect("nobody is at it");
        assert!(take_turn(&dir).unwrap().is_none());
        drop(turn);
        assert!(take_turn(&dir).unwrap().is_some());
        assert_eq!(pending(&dir), Pending::default(), "the lock is no entry");
    }
}
