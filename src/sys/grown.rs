//! Files that grow, and are replaced while they do: where in one a reader stopped, whether that file is still
//! the one at a path, and under what name it went on when it is not. Opens regular files only; reads only what
//! it is asked for, never past the size that a file had when it was opened. A file that was cut and has the very
//! same bytes again up to the spot cannot be told from one that was not; logs have the time in each line.

use std::cmp::Reverse;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::sys::files::open_regular;

/// As many bytes at a file's beginning, and before the spot, tell it from another.
const PRINT: usize = 1024;
/// The most names in a directory that are looked at, and the most rotated files among them that are opened.
const NAMES: usize = 20_000;
const ROTATED: usize = 64;

/// Where a reader stopped, and what that file is known by again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    dev: u64,
    ino: u64,
    /// Bytes read; what follows is new.
    pub at: u64,
    /// How many bytes of the beginning `head` covers.
    covers: u64,
    /// Of the beginning: an inode's number is given to another file soon after its own is gone.
    head: u64,
    /// Of what is just before `at`: a file that was cut and has grown past it again has something else there.
    mark: u64,
    /// When it was last written, in nanoseconds since 1970.
    mtime: i64,
}

/// An open file as it was when it was opened.
#[derive(Debug)]
pub struct Grown {
    file: File,
    dev: u64,
    ino: u64,
    /// Bytes that there are to read.
    pub size: u64,
    mtime: i64,
    born: Option<i64>,
}

impl Grown {
    /// Opens the regular file at `path`; that of anything else is refused with what it is.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        let about = file.metadata()?;
        let born = about.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            dev: about.dev(),
            ino: about.ino(),
            size: about.size(),
            mtime: about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec()),
            born: born.and_then(|born| i64::try_from(born.as_nanos()).ok()),
            file,
        })
    }

    /// Fills `buffer` from byte `at` on, as far as there is something.
    pub fn read(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let most = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
        let (most, mut filled) = (most.min(buffer.len()), 0);
        while filled < most {
            match self.file.read_at(&mut buffer[filled..most], at + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
        }
        Ok(filled)
    }

    /// What this file will be known by, read up to `at`.
    pub fn spot(&self, at: u64) -> io::Result<Spot> {
        let covers = self.size.min(PRINT as u64);
        let (head, mark) =
            (self.print(0, covers)?, self.print(at.saturating_sub(PRINT as u64), at)?);
        Ok(Spot { dev: self.dev, ino: self.ino, at, covers, head, mark, mtime: self.mtime })
    }

    /// Whether it goes on from `spot`: the same file, and what was read of it still there.
    pub fn continues(&self, spot: &Spot) -> io::Result<bool> {
        Ok(self.is(spot) && self.holds(spot)?)
    }

    /// Whether it is that file by its number alone.
    pub fn is(&self, spot: &Spot) -> bool {
        (self.dev, self.ino) == (spot.dev, spot.ino)
    }

    /// Whether it begins with what was read: the file itself, or a copy of it.
    fn holds(&self, spot: &Spot) -> io::Result<bool> {
        Ok(self.size >= spot.at.max(spot.covers)
            && self.print(0, spot.covers)? == spot.head
            && self.print(spot.at.saturating_sub(PRINT as u64), spot.at)? == spot.mark)
    }

    /// FNV-1a of these bytes: small, and the same in every version of this program.
    fn print(&self, from: u64, to: u64) -> io::Result<u64> {
        let mut bytes = [0; PRINT];
        let wanted = usize::try_from(to - from).unwrap_or_default().min(bytes.len());
        let count = self.read(&mut bytes[..wanted], from)?;
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Ok(bytes[..count].iter().fold(0xcbf2_9ce4_8422_2325, mix))
    }
}

/// What was written after `spot` to files that have been moved away from `path` since, or copied before it was cut,
/// oldest first: the one that goes on from the spot, and those rotated after it, which are new as a whole.
/// None when the first of them is not there any more. `now` is the file at the path.
pub fn moved_away(path: &Path, spot: &Spot, now: Option<&Grown>) -> io::Result<Option<Vec<Grown>>> {
    let mut all = rotated(path, spot, now)?;
    // Ours was written until it was moved, so it is the first of them; its number says it best.
    let mut ours = all.iter().position(|file| file.is(spot) && file.holds(spot).unwrap_or(false));
    if ours.is_none() && spot.covers > 0 {
        ours = all.iter().position(|file| file.holds(spot).unwrap_or(false));
    }
    // An empty file has nothing to be known by; but a copy that was made after it was seen is one of it.
    if ours.is_none() && spot.covers == 0 && now.is_some_and(|now| now.is(spot)) {
        ours = all.iter().position(|file| file.born.is_some_and(|born| born > spot.mtime));
    }
    Ok(ours.map(|ours| all.split_off(ours)))
}

/// Whether an empty file that was seen may have been copied and cut since: it shows nothing of it.
pub fn was_empty(spot: &Spot) -> bool {
    spot.covers == 0
}

/// The rotated files of `path` that were written since `spot`, in the order of their last writing.
fn rotated(path: &Path, spot: &Spot, now: Option<&Grown>) -> io::Result<Vec<Grown>> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
    else {
        return Ok(Vec::new());
    };
    let mut found: Vec<(Grown, String)> = Vec::new();
    for entry in std::fs::read_dir(dir)?.take(NAMES) {
        let entry = entry?;
        let file_name = entry.file_name();
        let Some(other) = file_name.to_str().filter(|other| is_rotated(name, other)) else {
            continue;
        };
        // One that cannot be opened is as good as gone.
        let Ok(file) = Grown::open(&entry.path()) else { continue };
        let same = now.is_some_and(|now| (now.dev, now.ino) == (file.dev, file.ino));
        if file.mtime >= spot.mtime && !same && found.len() < ROTATED {
            found.push((file, other.to_owned()));
        }
    }
    found.sort_by_key(|(file, name)| (file.mtime, Reverse(count(name)), name.clone()));
    Ok(found.into_iter().map(|(file, _)| file).collect())
}

/// The `2` of `app.log.2`, which was rotated before `app.log.1`. Four digits may be a year.
fn count(name: &str) -> u32 {
    let digits = name.rsplit('.').find(|part| (1..4).contains(&part.len()));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Whether `other` is what a rotated `name` is called: `app.log.1`, `app.log-20261125`, `app-2026-11-25.log`,
/// `app.1.log`. Compressed ones are not.
fn is_rotated(name: &str, other: &str) -> bool {
    let counts = |part: &str| {
        let digits = part.strip_prefix(['.', '-', '_']).unwrap_or_default();
        digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_digit() || ".-_:T".contains(c))
    };
    if other.strip_prefix(name).is_some_and(counts) {
        return true;
    }
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    let middle = other.strip_prefix(stem).and_then(|rest| rest.strip_suffix(ending));
    middle.and_then(|middle| middle.strip_suffix('.')).is_some_and(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_known_by_their_names() {
        for (name, other, want) in [
            ("app.log", "app.log.1", true),
            ("app.log", "app.log.12", true),
            ("app.log", "app.log-20261125", true),
            ("app.log", "app.log-20261125-08", true),
            ("app.log", "app.log.2026-11-25T08:00", true),
            ("app.log", "app-20261125.log", true),
            ("app.log", "app.1.log", true),
            ("messages", "messages-20261125", true),
            ("app.log", "app.log", false),
            ("app.log", "app.log.1.gz", false),
            ("app.log", "app.log.bak", false),
            ("app.log", "app.log~", false),
            ("app.log", "app.log.old", false),
            ("app.log", "app-error.log", false),
            ("app.log", "app2.log", false),
            ("app.log", "other.log.1", false),
            ("app.log", "app.log.", false),
        ] {
            assert_eq!(is_rotated(name, other), want, "{other}");
        }
    }

    #[test]
    fn a_file_is_known_by_what_was_read_of_it_and_not_by_its_number_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let spot = Grown::open(&path).unwrap().spot(4).unwrap();
        for (content, want) in [
            ("one\ntwo\n", true),
            ("one\ntwo\nthree\n", true),
            ("one\n", false),
            ("", false),
            ("One\ntwo\nthree\n", false),
        ] {
            std::fs::write(&path, content).unwrap();
            let now = Grown::open(&path).unwrap();
            assert!(now.is(&spot));
            assert_eq!(now.continues(&spot).unwrap(), want, "{content:?}");
        }
    }

    #[test]
    fn what_is_read_ends_where_the_file_did_when_it_was_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        std::fs::write(&path, "12345").unwrap();
        let file = Grown::open(&path).unwrap();
        std::fs::write(&path, "1234567890").unwrap();
        let mut buffer = [0; 100];
        assert_eq!(file.read(&mut buffer, 2).unwrap(), 3);
        assert_eq!(&buffer[..3], b"345");
        assert_eq!(file.read(&mut buffer, 99).unwrap(), 0);
    }
}
