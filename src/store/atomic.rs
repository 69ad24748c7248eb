//! Replaces a file so that neither a reader nor a crash nor a full disk ever leaves half of one: written
//! beside, synced, renamed, directory synced. Never touches the old file before the new one is safe.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Error, Result};

/// A finished new file that has not taken its place yet. Dropped, it is removed.
#[derive(Debug)]
pub(super) struct Temp {
    path: PathBuf,
    target: PathBuf,
}

impl Temp {
    /// Writes and syncs `bytes` beside `target`, mode 0600, with `mtime` when one is given.
    pub(super) fn write(target: &Path, bytes: &[u8], mtime: Option<SystemTime>) -> Result<Self> {
        let temp = Self { path: beside(target), target: target.to_owned() };
        temp.fill(bytes, mtime)
            .map_err(|err| explain(err, folder_of(target)))
            .with_context(|| format!("cannot write `{}`", target.display()))?;
        Ok(temp)
    }

    fn fill(&self, bytes: &[u8], mtime: Option<SystemTime>) -> io::Result<()> {
        // Only a dead run of the same pid can have left this name behind.
        let _ = fs::remove_file(&self.path);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path)?;
        file.write_all(bytes)?;
        if let Some(mtime) = mtime {
            file.set_modified(mtime)?;
        }
        file.sync_all()
    }

    /// Puts it in the place of `target`.
    pub(super) fn over(self) -> Result<()> {
        fs::rename(&self.path, &self.target)
            .and_then(|()| sync_folder(folder_of(&self.target)))
            .map_err(|err| explain(err, folder_of(&self.target)))
            .with_context(|| format!("cannot write `{}`", self.target.display()))
    }

    /// Puts it at `target` unless something is there already; false when it was.
    pub(super) fn unless_there(self) -> Result<bool> {
        let placed = match fs::hard_link(&self.path, &self.target) {
            Err(err) if err.kind() == ErrorKind::AlreadyExists => return Ok(false),
            // Not every file system has hard links; then the callers' own look before must do.
            Err(_) => fs::rename(&self.path, &self.target),
            Ok(()) => Ok(()),
        };
        placed
            .and_then(|()| sync_folder(folder_of(&self.target)))
            .map_err(|err| explain(err, folder_of(&self.target)))
            .with_context(|| format!("cannot write `{}`", self.target.display()))?;
        Ok(true)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        // After a rename it is gone, and that is well.
        let _ = fs::remove_file(&self.path);
    }
}

/// `target` with `bytes` in it, or as it was.
pub(super) fn replace(target: &Path, bytes: &[u8]) -> Result<()> {
    Temp::write(target, bytes, None)?.over()
}

/// A second name for the file `from`, in the place of `to`; where the file system has no hard links, a copy
/// with the same mtime.
pub(super) fn also_as(from: &Path, to: &Path) -> Result<()> {
    let temp = Temp { path: beside(to), target: to.to_owned() };
    let _ = fs::remove_file(&temp.path);
    if fs::hard_link(from, &temp.path).is_err() {
        let mtime = fs::metadata(from).and_then(|about| about.modified()).ok();
        let bytes = fs::read(from).with_context(|| format!("cannot copy `{}`", from.display()))?;
        return Temp::write(to, &bytes, mtime)?.over();
    }
    // Where both are names of one file, rename(2) does nothing and leaves the name; Drop removes it then.
    temp.over()
}

/// Removes what killed runs left half written in `folder`; the files of runs that live stay.
pub(super) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(writer) else { continue };
        if rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Who wrote a file of this name; none when it is not one of ours.
fn writer(name: &str) -> Option<rustix::process::Pid> {
    let (_, tail) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    let pid: i32 = tail.split_once('-')?.0.parse().ok().filter(|pid| *pid > 0)?;
    rustix::process::Pid::from_raw(pid)
}

/// A name beside `target` that no other run and no other thread uses.
fn beside(target: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!(".{name}.{}-{count}.tmp", std::process::id()))
}

fn folder_of(target: &Path) -> &Path {
    target.parent().unwrap_or(target)
}

/// Makes renames in `folder` last through a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems cannot sync a directory; there is nothing better to do on them.
        Err(err) if matches!(err.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => {
            Ok(())
        }
        other => other,
    }
}

/// An error of the file system below `folder`, with what to do about it.
pub(super) fn explain(err: io::Error, folder: &Path) -> Error {
    let shown = folder.display();
    let hint = match err.kind() {
        ErrorKind::StorageFull => {
            format!("free some space or inodes: `df -h '{shown}'; df -i '{shown}'`")
        }
        ErrorKind::QuotaExceeded => {
            format!("free some space on the file system of `{shown}`: `quota -s`")
        }
        ErrorKind::ReadOnlyFilesystem => {
            format!(
                "see why it is read-only: `findmnt -T '{shown}'`, or name another with `--state-dir DIR`"
            )
        }
        ErrorKind::PermissionDenied => {
            format!("run as the owner of `{shown}`, or name another with `--state-dir DIR`")
        }
        _ => return err.into(),
    };
    Error::msg(format!("{err}\n  hint: {hint}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::process;

    use super::*;
    use crate::store::testing::names;

    #[test]
    fn a_new_file_is_private_and_takes_the_old_ones_place() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("f");
        fs::write(&path, "old").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(names(temp.path()), ["f"]);
    }

    #[test]
    fn one_that_never_took_its_place_leaves_the_old_and_no_litter() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("f");
        fs::write(&path, "old").unwrap();
        drop(Temp::write(&path, b"new", None).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        let folder = temp.path().join("d");
        fs::create_dir(&folder).unwrap();
        replace(&folder, b"x").unwrap_err();
        assert_eq!(names(temp.path()), ["d", "f"]);
    }

    #[test]
    fn of_two_that_are_placed_as_new_the_first_stays() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("f");
        assert!(Temp::write(&path, b"one", None).unwrap().unless_there().unwrap());
        assert!(!Temp::write(&path, b"two", None).unwrap().unless_there().unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(names(temp.path()), ["f"]);
    }

    #[test]
    fn a_second_name_is_given_again_and_again_without_litter() {
        let temp = tempfile::tempdir().unwrap();
        let (from, to) = (temp.path().join("f"), temp.path().join("f.1"));
        fs::write(&from, "x").unwrap();
        for _ in 0..3 {
            also_as(&from, &to).unwrap();
            assert_eq!(fs::metadata(&from).unwrap().ino(), fs::metadata(&to).unwrap().ino());
            assert_eq!(names(temp.path()), ["f", "f.1"]);
        }
    }

    #[test]
    fn the_litter_of_the_dead_is_swept_and_that_of_the_living_is_not() {
        let temp = tempfile::tempdir().unwrap();
        // Above the largest pid that Linux (2^22) and macOS (99998) give out.
        let dead = ".state.json.2000000000-0.tmp".to_owned();
        let mine = format!(".state.json.{}-0.tmp", process::id());
        let others = [".lock", "state.json", ".a.tmp", ".a.x-1.tmp", ".a.-5-1.tmp", ".a.0-1.tmp"];
        for name in others.iter().copied().chain([dead.as_str(), mine.as_str()]) {
            fs::write(temp.path().join(name), "").unwrap();
        }
        sweep(temp.path());
        let mut want: Vec<_> = others.iter().map(|name| (*name).to_owned()).chain([mine]).collect();
        want.sort();
        assert_eq!(names(temp.path()), want);
        sweep(&temp.path().join("missing"));
    }
}
