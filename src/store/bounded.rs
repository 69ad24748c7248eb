//! Keeps a folder from growing for ever. Removes only the oldest, and only what it was asked about.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The entries of `folder` whose names `ours` accepts, the longest unchanged first; none when it cannot be read.
pub(super) fn oldest_first(folder: &Path, ours: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(&ours))
        .map(|entry| {
            let changed = entry.metadata().and_then(|about| about.modified());
            (changed.unwrap_or(SystemTime::UNIX_EPOCH), entry.path())
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// Removes the oldest of them until at most `keep` are left; `newest`, just written, always stays, whatever
/// the clock did.
pub(super) fn prune(
    folder: &Path,
    keep: usize,
    newest: &Path,
    ours: impl Fn(&str) -> bool,
    remove: impl Fn(&Path) -> std::io::Result<()>,
) {
    let found = oldest_first(folder, ours);
    let surplus = found.len().saturating_sub(keep);
    for path in found.iter().filter(|path| *path != newest).take(surplus) {
        // What cannot be removed now can be next time.
        let _ = remove(path);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::testing::names;

    #[test]
    fn the_oldest_go_first_and_the_newest_stays_even_when_the_clock_says_it_is_oldest() {
        let temp = tempfile::tempdir().unwrap();
        for (name, age) in [("a", 5), ("b", 9), ("c", 1), ("d", 99), ("other.x", 200)] {
            let file = fs::File::create(temp.path().join(name)).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age);
            file.set_modified(at).unwrap();
        }
        let ours = |name: &str| name.len() == 1;
        prune(temp.path(), 2, &temp.path().join("d"), ours, |path| fs::remove_file(path));
        assert_eq!(names(temp.path()), ["c", "d", "other.x"]);
    }
}
