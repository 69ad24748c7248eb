//! Whether others are at work on what this host runs: a package manager, a deploy. Asks for their locks and never takes
//! one: a lock that is tried, if only for a moment, can make theirs fail.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::{Flock, FlockType, fcntl_getlk};

use crate::model::time::{Now, lapse};
use crate::sys::{files, made_up, process};

/// Locks that package managers hold by `fcntl` while they work: dpkg and apt (`lock-frontend`, then `lock`), rpm at
/// either place of its database (rpm(8); `RPMLOCK_PATH`). Each with the word for who holds it.
const PACKAGES: [(&str, &str); 4] = [
    ("/var/lib/dpkg/lock-frontend", "dpkg"),
    ("/var/lib/dpkg/lock", "dpkg"),
    ("/var/lib/rpm/.rpm.lock", "rpm"),
    ("/usr/lib/sysimage/rpm/.rpm.lock", "rpm"),
];
/// And one whose being there is the lock: pacman(8).
const PACMAN: &str = "/var/lib/pacman/db.lck";

/// A lock that is a file is believed for so long after it was last written.
const STALE: Duration = Duration::from_secs(3600);
/// Bound on one look at a file.
const LIMIT: Duration = Duration::from_secs(1);
/// Clocks that are read one after the other, and file times, are no more exact.
const SLACK: Duration = Duration::from_secs(2);

/// Who is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AtWork {
    /// `a package manager is at work (apt-get, pid 17)`.
    pub words: String,
    /// For how long at most, as far as can be told.
    pub lasted: Duration,
}

/// Who holds a lock: a process, where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder(Option<u32>);

/// The first that is at work: a package manager, or a deploy whose lock is one of `locks`.
pub fn at_work(locks: &[PathBuf], now: &Now) -> Option<AtWork> {
    package_manager(now).or_else(|| locks.iter().find_map(|lock| deploy(lock, now)))
}

fn package_manager(now: &Now) -> Option<AtWork> {
    let held =
        PACKAGES.iter().find_map(|(path, word)| Some((fcntl_holder(Path::new(path))?, *word)));
    if let Some((Holder(pid), word)) = held {
        let process = pid.and_then(process::one);
        let who = match &process {
            Some(process) => format!("{}, pid {}", process.name, process.pid),
            None => word.to_owned(),
        };
        return Some(AtWork {
            words: format!("a package manager is at work ({who})"),
            lasted: process.map_or(Duration::MAX, |process| since(process.started(now), now)),
        });
    }
    let lasted = age(&std::fs::metadata(PACMAN).ok()?, now);
    let words = "a package manager is at work (pacman)".to_owned();
    (lasted < STALE).then_some(AtWork { words, lasted })
}

/// Who holds the file by `fcntl`, where that is known: by process id. None when nobody does, or it cannot be asked.
fn fcntl_holder(path: &Path) -> Option<Holder> {
    let file = files::open_regular(path).ok()?;
    let holder = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).ok()??;
    Some(Holder(holder.pid.and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())))
}

/// A deploy's lock: held by flock(2) or `fcntl`, or a file that is there. One that names a process is as good as that
/// process; any other that was not written for an hour was left behind.
fn deploy(path: &Path, now: &Now) -> Option<AtWork> {
    let seen = files::guarded(path, LIMIT, |path| {
        let about = std::fs::metadata(path)?;
        if !about.is_file() {
            return Ok((about, None, None));
        }
        let holder =
            flock_holder(&about).map(|pid| Holder(Some(pid))).or_else(|| fcntl_holder(path));
        // One that may not be read is there all the same.
        let named = if holder.is_none() { pid_in(path).unwrap_or_default() } else { None };
        Ok((about, holder, named))
    });
    let (about, holder, named) = seen.ok()?;
    let written = age(&about, now);
    let (pid, lasted) = match (holder, named) {
        (Some(Holder(pid)), _) => {
            let process = pid.and_then(process::one);
            (pid, process.map_or(Duration::MAX, |process| since(process.started(now), now)))
        }
        (None, Some(pid)) => {
            let process = process::one(pid).filter(|process| !process.zombie);
            // One that began after the lock was written is another process of the same id.
            let began = process.map(|process| since(process.started(now), now));
            if began.is_none_or(|began| began + SLACK < written) {
                return None;
            }
            (Some(pid), written)
        }
        (None, None) if written < STALE => (None, written),
        (None, None) => return None,
    };
    let who = pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
    Some(AtWork { words: format!("a deploy is at work (`{}`{who})", path.display()), lasted })
}

/// The process id that a lock file names on its first line.
fn pid_in(path: &Path) -> io::Result<Option<u32>> {
    use std::io::Read;
    let mut start = Vec::new();
    files::open_regular(path)?.take(32).read_to_end(&mut start)?;
    let text = String::from_utf8_lossy(&start);
    Ok(text.lines().next().and_then(|line| line.trim().parse().ok()))
}

/// Who holds the file by flock(2), from `/proc/locks` (proc(5)); trying it would be taking it. None where the system
/// has no such list.
fn flock_holder(about: &Metadata) -> Option<u32> {
    holders(&made_up::read("/proc/locks").ok()?, about.ino())
        .into_iter()
        .find(|(device, pid)| *device == device_of(about) || has_open(*pid, about))
        .map(|(_, pid)| pid)
}

/// Device and process of each flock(2) on a file of this number: `1: FLOCK  ADVISORY  WRITE 812 08:01:393 0 EOF`.
/// Lines of those who wait for it, `1: -> FLOCK …`, hold nothing.
fn holders(locks: &str, ino: u64) -> Vec<(String, u32)> {
    let holder = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = words.as_slice() else { return None };
        let (device, number) = file.rsplit_once(':')?;
        (number.parse() == Ok(ino)).then_some((device.to_owned(), pid.parse().ok()?))
    };
    locks.lines().filter_map(holder).collect()
}

/// As `/proc/locks` writes it: major and minor in two hexadecimal digits or more.
fn device_of(about: &Metadata) -> String {
    let dev = about.dev();
    format!("{:02x}:{:02x}", rustix::fs::major(dev), rustix::fs::minor(dev))
}

/// Whether the process has this very file open: on file systems whose files have other device numbers than they
/// themselves (btrfs) the list alone does not tell.
fn has_open(pid: u32, about: &Metadata) -> bool {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let same = |open: Metadata| open.dev() == about.dev() && open.ino() == about.ino();
    entries.flatten().any(|entry| std::fs::metadata(entry.path()).is_ok_and(same))
}

fn age(about: &Metadata, now: &Now) -> Duration {
    Timestamp::from_second(about.mtime()).map_or(Duration::ZERO, |written| since(written, now))
}

fn since(then: Timestamp, now: &Now) -> Duration {
    lapse(then, now.wall)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock;
    use std::fs::File;

    fn words(path: &Path) -> Option<String> {
        deploy(path, &clock::now()).map(|work| work.words)
    }

    /// Writes the file with an mtime so long ago.
    fn write(path: &Path, text: &str, ago: Duration) {
        std::fs::write(path, text).unwrap();
        let at = std::time::SystemTime::from(clock::now().wall) - ago;
        File::options().write(true).open(path).unwrap().set_modified(at).unwrap();
    }

    #[test]
    fn a_file_that_is_there_is_a_lock_for_an_hour() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deploy.lock");
        assert_eq!(words(&path), None);
        write(&path, "", Duration::ZERO);
        assert_eq!(words(&path), Some(format!("a deploy is at work (`{}`)", path.display())));
        write(&path, "by hand\n", Duration::from_secs(3500));
        let work = deploy(&path, &clock::now()).unwrap();
        assert!(work.lasted >= Duration::from_secs(3499), "{work:?}");
        write(&path, "", Duration::from_secs(3700));
        assert_eq!(words(&path), None, "it was left behind");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(
            words(&path).is_some(),
            "a directory is one, too: mkdir(1) makes it at once or not"
        );
    }

    #[test]
    fn one_that_names_a_process_is_as_good_as_that_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deploy.lock");
        let me = std::process::id();
        write(&path, &format!("{me}\n"), Duration::ZERO);
        assert!(words(&path).unwrap().ends_with(&format!(", pid {me})")));
        // Written before this process began: by another of the same id.
        write(&path, &format!("{me}\n"), Duration::from_secs(86_400 * 30));
        assert_eq!(words(&path), None);
        write(&path, "4294967295\n", Duration::ZERO);
        assert_eq!(words(&path), None, "there is no such process");
    }

    #[test]
    fn a_lock_that_is_held_is_found_and_not_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deploy.lock");
        write(&path, "", Duration::from_secs(7200));
        let file = File::options().read(true).write(true).open(&path).unwrap();
        file.lock().unwrap();
        let me = std::process::id();
        assert!(words(&path).unwrap().ends_with(&format!(", pid {me})")));
        let other = File::open(&path).unwrap();
        file.unlock().unwrap();
        assert_eq!(words(&path), None);
        other.try_lock().expect("asking left no lock");
    }

    #[test]
    fn a_lock_of_another_process_by_fcntl_is_found_with_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        std::fs::write(&path, "").unwrap();
        assert_eq!(fcntl_holder(&path), None);
        let script = "import fcntl,os,sys\nf=open(sys.argv[1],'r+')\nfcntl.lockf(f,fcntl.LOCK_EX)\n\
                      print(os.getpid(),flush=True)\nsys.stdin.read()";
        #[expect(
            clippy::disallowed_methods,
            reason = "the holder of a lock is a process of its own"
        )]
        let child = std::process::Command::new("python3")
            .args(["-c", script])
            .arg(&path)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn();
        let Ok(mut child) = child else { return };
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
        assert_eq!(fcntl_holder(&path), Some(Holder(line.trim().parse().ok())));
        assert_eq!(
            words(&path).unwrap(),
            format!("a deploy is at work (`{}`, pid {})", path.display(), child.id())
        );
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(fcntl_holder(&path), None);
    }

    #[test]
    fn the_kernels_list_is_read_as_it_is_written() {
        let locks = "1: FLOCK  ADVISORY  WRITE 812 08:01:393 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 813 08:01:393 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 814 08:01:393 0 EOF\n\
                     3: FLOCK  ADVISORY  READ 815 00:1a:393 0 EOF\nnonsense\n4: FLOCK\n";
        let found = holders(locks, 393);
        assert_eq!(found, [("08:01".to_owned(), 812), ("00:1a".to_owned(), 815)]);
        assert!(holders(locks, 39).is_empty());
    }
}
