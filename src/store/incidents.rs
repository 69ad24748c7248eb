//! Evidence of an incident, as text files in a folder of its own, taken before a restart destroys it.
//! Bounded in every direction; never read back by the program to decide anything.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::store::bounded::{oldest_first, prune};
use crate::store::{Dir, atomic, dir, names};

/// Bytes kept of one text: its end, where the errors are.
const LONGEST: usize = 256 << 10;

/// Texts kept of one incident.
const TEXTS: usize = 40;

/// Incidents kept.
const INCIDENTS: usize = 50;

/// The folder of the incident `id`, whether it is there or not.
pub fn folder(dir: &Dir, id: &str) -> PathBuf {
    dir.incidents().join(names::safe(id))
}

/// Keeps `text` as the file `name` in the incident's folder and says where; one of the same name is replaced.
/// The oldest texts and incidents make room.
pub fn keep(dir: &Dir, id: &str, name: &str, text: &str) -> Result<PathBuf> {
    let folder = folder(dir, id);
    dir::make(&folder)?;
    // In all of them: the run after a killed one may have another incident.
    for folder in oldest_first(&dir.incidents(), |_| true) {
        atomic::sweep(&folder);
    }
    let path = folder.join(names::safe(name));
    atomic::replace(&path, end_of(text).as_bytes())?;
    let visible = |name: &str| !name.starts_with('.');
    prune(&folder, TEXTS, &path, visible, |path| fs::remove_file(path));
    prune(&dir.incidents(), INCIDENTS, &folder, visible, |path: &Path| fs::remove_dir_all(path));
    Ok(path)
}

/// `text`, or its last bytes and a line that says how much is missing.
fn end_of(text: &str) -> String {
    let Some(over) = text.len().checked_sub(LONGEST).filter(|over| *over > 0) else {
        return text.to_owned();
    };
    let start = text.ceil_char_boundary(over);
    format!("[the first {start} bytes are left out]\n{}", &text[start..])
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::store::testing::names;

    fn dir() -> (tempfile::TempDir, Dir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        (temp, dir)
    }

    #[test]
    fn evidence_is_kept_private_under_safe_names() {
        let (_temp, dir) = dir();
        let path = keep(&dir, "../../web-1", "/etc/passwd", "journal").unwrap();
        assert!(path.starts_with(dir.incidents()), "{}", path.display());
        assert_eq!(path.components().count(), dir.incidents().components().count() + 2);
        assert_eq!(fs::read_to_string(&path).unwrap(), "journal");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let plain = keep(&dir, "web-20260101T000000Z", "journal.txt", "x").unwrap();
        assert_eq!(plain, dir.path().join("incidents/web-20260101T000000Z/journal.txt"));
    }

    #[test]
    fn a_long_text_keeps_its_end_and_says_so() {
        let (_temp, dir) = dir();
        let text = format!("ü{}the error\n", "ü".repeat(LONGEST / 2));
        let kept = fs::read_to_string(keep(&dir, "i", "log", &text).unwrap()).unwrap();
        assert!(kept.starts_with("[the first 12 bytes are left out]\nü"), "{}", &kept[..60]);
        assert!(kept.ends_with("üthe error\n") && kept.len() < LONGEST + 60);
    }

    #[test]
    fn the_last_incidents_and_texts_are_kept() {
        let (_temp, dir) = dir();
        for count in 0..INCIDENTS + 5 {
            keep(&dir, &format!("i-{count}"), "log", "x").unwrap();
        }
        for count in 0..TEXTS + 5 {
            keep(&dir, "last", &format!("t-{count}"), "x").unwrap();
        }
        assert_eq!(names(&dir.incidents()).len(), INCIDENTS);
        assert_eq!(names(&folder(&dir, "last")).len(), TEXTS);
        assert!(folder(&dir, "last").join(format!("t-{}", TEXTS + 4)).exists());
    }

    #[test]
    fn what_a_killed_run_left_of_another_incident_is_swept() {
        let (_temp, dir) = dir();
        let path = keep(&dir, "web-1", "evidence.txt", "x").unwrap();
        let left = path.with_file_name(".evidence.txt.2000000000-0.tmp");
        fs::write(&left, "half").unwrap();
        keep(&dir, "web-2", "evidence.txt", "x").unwrap();
        assert_eq!(names(&folder(&dir, "web-1")), ["evidence.txt"]);
    }
}
