//! The last configuration that loaded, as it was written, for the day an edit breaks it. May hold what the
//! user wrote into it in plain, so it is for its owner alone; never parses it.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::store::{Dir, atomic, read};

/// More than any configuration; a larger file is not one.
const LARGEST: u64 = 16 << 20;

/// Keeps the files of a configuration that has just loaded, in their order; true when that is news.
pub fn keep(dir: &Dir, files: &[(PathBuf, String)]) -> Result<bool> {
    let path = dir.last_good_file();
    let mut bytes = serde_json::to_vec(files)
        .with_context(|| format!("cannot keep the configuration as `{}`", path.display()))?;
    bytes.push(b'\n');
    if read::regular(&path, LARGEST).is_ok_and(|(old, _)| old == bytes) {
        return Ok(false);
    }
    atomic::sweep(dir.path());
    atomic::replace(&path, &bytes)?;
    Ok(true)
}

/// The files that were kept, in their order; none when there are none, or they cannot be read.
pub fn last_good(dir: &Dir) -> Option<Vec<(PathBuf, String)>> {
    let (bytes, _) = read::regular(&dir.last_good_file(), LARGEST).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::store::testing::names;

    #[test]
    fn what_was_kept_comes_back_and_is_written_only_when_it_is_news() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        assert_eq!(last_good(&dir), None);
        let files = [
            (PathBuf::from("/etc/miraclemax/config.toml"), "name = \"ü\"\r\n\0".to_owned()),
            (PathBuf::from("/etc/miraclemax/conf.d/a.toml"), String::new()),
        ];
        assert!(keep(&dir, &files).unwrap());
        assert_eq!(last_good(&dir).unwrap(), files);
        let about = fs::metadata(dir.last_good_file()).unwrap();
        assert_eq!(about.mode() & 0o777, 0o600);
        assert!(!keep(&dir, &files).unwrap());
        assert_eq!(fs::metadata(dir.last_good_file()).unwrap().ino(), about.ino(), "not rewritten");
        assert!(keep(&dir, &files[..1]).unwrap());
        assert_eq!(last_good(&dir).unwrap(), files[..1]);
        assert_eq!(names(dir.path()), ["config.last-good.json"]);
    }

    #[test]
    fn a_damaged_one_is_none_and_is_replaced_by_the_next() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        let files = [(PathBuf::from("/c.toml"), "x".to_owned())];
        for text in ["", "[[\"/c.toml\"", "{}", "\0"] {
            fs::write(dir.last_good_file(), text).unwrap();
            assert_eq!(last_good(&dir), None, "{text}");
            assert!(keep(&dir, &files).unwrap(), "{text}");
            assert_eq!(last_good(&dir).unwrap(), files, "{text}");
        }
    }
}
