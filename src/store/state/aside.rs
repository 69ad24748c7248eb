//! Puts a state that cannot be read out of the way without losing it. Never overwrites, and never removes
//! the newest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::model::time::Now;
use crate::store::{Dir, atomic};

/// How many are kept.
const KEEP: usize = 8;

/// Between the name of the file and the time it was set aside.
const MARK: &str = ".bad-";

/// Renames `path` to `NAME.bad-20260102T030405Z` beside it, and says how it is called now. Whatever it is:
/// a directory or a FIFO is renamed like a file.
pub(super) fn set_aside(dir: &Dir, path: &Path, now: &Now) -> io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let time = now.wall.strftime("%Y%m%dT%H%M%SZ").to_string();
    let there = all(dir);
    // Several in one second are numbered on from the last, so that their names keep their order.
    let same = there.iter().filter_map(|(at, _)| at.strip_prefix(&time));
    let last = same.filter_map(|tail| tail.trim_start_matches('-').parse::<u32>().ok().or(Some(0)));
    let number = last.max().map_or(String::new(), |last| format!("-{:04}", last.saturating_add(1)));
    let new = path.with_file_name(format!("{name}{MARK}{time}{number}"));
    // Under the lock nobody else takes the name.
    fs::rename(path, &new)?;
    atomic::sync_folder(dir.path())?;
    // One more is there now than before.
    for (_, old) in there.iter().take((there.len() + 1).saturating_sub(KEEP)) {
        // A directory stays: what somebody put into it is not ours to remove.
        let _ = fs::remove_file(old);
    }
    Ok(new)
}

/// All that were set aside and when, the oldest first. By their names: the mtime of a state is its cycle's.
fn all(dir: &Dir) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(dir.path()) else { return Vec::new() };
    let mut all: Vec<(String, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (file, time) = name.split_once(MARK)?;
            file.starts_with("state.json").then(|| (time.to_owned(), entry.path()))
        })
        .collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{names, now};

    #[test]
    fn the_last_eight_are_kept_and_the_newest_always() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        let set = |count: u64, secs: u64| {
            fs::write(dir.state_file(), format!("{count}")).unwrap();
            set_aside(&dir, &dir.state_file(), &now(secs)).unwrap()
        };
        for count in 0..20 {
            set(count, 100 + count / 3);
        }
        assert_eq!(names(dir.path()).len(), KEEP);
        // The clock was set back: by its name it is the oldest, and it is still the newest.
        let newest = set(99, 0);
        assert_eq!(names(dir.path()).len(), KEEP);
        assert_eq!(fs::read_to_string(&newest).unwrap(), "99");
        let again = set(100, 0);
        assert_eq!(fs::read_to_string(again).unwrap(), "100");
    }
}
