//! Finds the files that a pattern means and removes them, from directory to directory by handle: no link is ever
//! followed, so that nobody who may write in one of them can lead it elsewhere. Regular files only.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat, unlinkat};

use crate::remedy::disk_cleanup::glob::{Glob, Part, is_like};
use crate::sys::clock::Deadline;
use crate::sys::process;
use crate::sys::why::why;

/// Names looked at for one pattern; what comes after them waits for the next run.
const LOOKED_AT: usize = 100_000;
/// Files removed for one pattern in one run, the oldest first.
pub(super) const MOST: usize = 1000;

/// What was removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Swept {
    /// How many files.
    pub(super) files: usize,
    /// Their size on disk, in bytes.
    pub(super) bytes: u64,
    /// What was not, and why.
    pub(super) said: Vec<String>,
}

/// A file that is old enough.
struct Old {
    dir: Arc<OwnedFd>,
    name: CString,
    path: PathBuf,
    bytes: u64,
    mtime: i64,
}

/// Removes what `glob` means and was last written longer than `older_than` before `now`. An error when its
/// directory cannot be gone through.
pub(super) fn sweep(
    glob: &Glob,
    older_than: Duration,
    now: Timestamp,
    deadline: Deadline,
) -> Result<Swept, String> {
    let before = now.as_second().saturating_sub_unsigned(older_than.as_secs());
    let mut walk = Walk { glob, before, looked_at: 0, found: Vec::new(), deadline };
    let root = open(CWD, "/", Path::new("/"))?;
    walk.down(&Arc::new(root), Path::new("/"), glob.dirs())?;
    let mut old = walk.found;
    old.sort_by_key(|file| file.mtime);
    let mut swept = Swept::default();
    if old.len() > MOST {
        swept.said.push(format!("{}: {MOST} of {} files in this run", glob.text(), old.len()));
        old.truncate(MOST);
    }
    let paths: BTreeSet<PathBuf> = old.iter().map(|file| file.path.clone()).collect();
    let written = process::written(&paths, deadline);
    for file in old {
        if deadline.passed() {
            swept.said.push(format!("{}: no time was left for all of them", glob.text()));
            break;
        }
        if written.contains(&file.path) {
            swept.said.push(format!("`{}` is being written", file.path.display()));
            continue;
        }
        match unlinkat(&file.dir, &file.name, AtFlags::empty()) {
            Ok(()) => {
                swept.files += 1;
                swept.bytes += file.bytes;
            }
            Err(rustix::io::Errno::NOENT) => {}
            Err(err) => {
                let why = why(&err.into());
                swept.said.push(format!("cannot remove `{}`: {why}", file.path.display()));
            }
        }
    }
    Ok(swept)
}

struct Walk<'g> {
    glob: &'g Glob,
    /// Seconds since 1970.
    before: i64,
    looked_at: usize,
    found: Vec<Old>,
    deadline: Deadline,
}

impl Walk<'_> {
    fn down(&mut self, dir: &Arc<OwnedFd>, path: &Path, parts: &[Part]) -> Result<(), String> {
        match parts.split_first() {
            Some((Part::Named(name), rest)) => {
                let below = path.join(name);
                let dir = open(&**dir, name.as_str(), &below)?;
                self.down(&Arc::new(dir), &below, rest)
            }
            Some((Part::Like(pattern), rest)) => {
                for name in self.names(dir, path)? {
                    let Some(text) = name.to_str().ok().filter(|text| is_like(pattern, text))
                    else {
                        continue;
                    };
                    let below = path.join(text);
                    // What is no directory is not meant, and one that may not be read is not swept.
                    if let Ok(dir) = open(&**dir, text, &below) {
                        // One of several that cannot be gone through leaves the others.
                        let _ = self.down(&Arc::new(dir), &below, rest);
                    }
                }
                Ok(())
            }
            None => self.files(dir, path),
        }
    }

    fn files(&mut self, dir: &Arc<OwnedFd>, path: &Path) -> Result<(), String> {
        for name in self.names(dir, path)? {
            let Some(text) = name.to_str().ok().filter(|text| self.glob.means(text)) else {
                continue;
            };
            let Ok(about) = statat(&**dir, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let regular = FileType::from_raw_mode(about.st_mode) == FileType::RegularFile;
            if regular && about.st_mtime < self.before {
                self.found.push(Old {
                    dir: Arc::clone(dir),
                    path: path.join(text),
                    bytes: u64::try_from(about.st_blocks).unwrap_or(0).saturating_mul(512),
                    mtime: about.st_mtime,
                    name,
                });
            }
        }
        Ok(())
    }

    fn names(&mut self, dir: &OwnedFd, path: &Path) -> Result<Vec<CString>, String> {
        let failed = |err: rustix::io::Errno| {
            format!("cannot go through `{}`: {}", path.display(), why(&err.into()))
        };
        let mut names = Vec::new();
        for entry in Dir::read_from(dir).map_err(failed)? {
            if self.looked_at >= LOOKED_AT || self.deadline.passed() {
                break;
            }
            self.looked_at += 1;
            let name = entry.map_err(failed)?.file_name().to_owned();
            if !matches!(name.to_bytes(), b"." | b"..") {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// Opens a directory that is one itself, and no link to one.
fn open<Fd: std::os::fd::AsFd>(dir: Fd, name: &str, path: &Path) -> Result<OwnedFd, String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::empty()).map_err(|err| match err {
        rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => {
            format!("`{}` is no directory (no link is followed)", path.display())
        }
        err => format!("cannot open `{}`: {}", path.display(), why(&err.into())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::time::SystemTime;

    /// A directory with files of this age in hours.
    fn dir(files: &[(&str, u64)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, hours) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "x").unwrap();
            age(&path, *hours);
        }
        dir
    }

    fn age(path: &Path, hours: u64) {
        let now = crate::sys::clock::now().wall;
        let at = SystemTime::from(now) - Duration::from_secs(hours * 3600);
        File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    fn run(dir: &Path, pattern: &str, hours: u64) -> Result<Swept, String> {
        let dir = dir.canonicalize().unwrap();
        let glob = Glob::parse(&format!("{}/{pattern}", dir.display())).unwrap();
        let deadline = Deadline::after(Duration::from_secs(20));
        sweep(&glob, Duration::from_secs(hours * 3600), crate::sys::clock::now().wall, deadline)
    }

    fn left(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn old_files_of_that_name_go_and_nothing_else() {
        let dir =
            dir(&[("a.gz", 48), ("b.gz", 1), ("c.log", 48), (".d.gz", 48), ("e.gz/f.gz", 48)]);
        let swept = run(dir.path(), "*.gz", 24).unwrap();
        assert_eq!((swept.files, swept.said), (1, vec![]));
        assert!(swept.bytes > 0);
        assert_eq!(left(dir.path()), [".d.gz", "b.gz", "c.log", "e.gz"]);
        assert_eq!(left(&dir.path().join("e.gz")), ["f.gz"]);
    }

    #[test]
    fn no_link_is_followed_neither_to_a_file_nor_to_a_directory() {
        let other = dir(&[("a.gz", 48), ("sub/a.gz", 48)]);
        let dir = dir(&[("x/a.gz", 48)]);
        symlink(other.path().join("a.gz"), dir.path().join("x/b.gz")).unwrap();
        symlink(other.path().join("sub"), dir.path().join("y")).unwrap();
        let swept = run(dir.path(), "*/*.gz", 24).unwrap();
        assert_eq!(swept.files, 1);
        assert_eq!(left(&dir.path().join("x")), ["b.gz"], "the link itself stays");
        assert_eq!(left(other.path()), ["a.gz", "sub"]);
        assert_eq!(left(&other.path().join("sub")), ["a.gz"]);
        let why = run(dir.path(), "y/*.gz", 24).unwrap_err();
        assert!(why.contains("no link is followed"), "{why}");
    }

    #[test]
    fn what_is_being_written_stays() {
        let dir = dir(&[("a.gz", 48), ("b.gz", 48)]);
        let path = dir.path().join("a.gz");
        let open = File::options().append(true).open(&path).unwrap();
        let swept = run(dir.path(), "*.gz", 24).unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!((swept.files, left(dir.path())), (1, vec!["a.gz".to_owned()]));
            assert!(swept.said[0].contains("is being written"), "{swept:?}");
        }
        drop(open);
        let reader = File::open(&path).unwrap();
        assert_eq!(run(dir.path(), "*.gz", 24).unwrap().files, 1, "read is not written");
        drop(reader);
    }

    #[test]
    fn the_oldest_go_first_and_no_run_removes_too_many() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..MOST + 2 {
            let path = dir.path().join(format!("{n:05}.gz"));
            fs::write(&path, "").unwrap();
            age(&path, 10_000 - n as u64);
        }
        let swept = run(dir.path(), "*.gz", 24).unwrap();
        assert_eq!(swept.files, MOST);
        assert!(swept.said[0].contains("1000 of 1002 files"), "{swept:?}");
        assert_eq!(left(dir.path()), [format!("{MOST:05}.gz"), format!("{:05}.gz", MOST + 1)]);
    }

    #[test]
    fn a_directory_that_is_not_there_is_said() {
        let dir = dir(&[]);
        assert!(run(dir.path(), "nowhere/*.gz", 24).unwrap_err().contains("cannot open"));
    }
}
