//! One run at a time changes the state, and the others can say who. The lock is the operating system's and
//! dies with its holder, also by `kill -9`; the text in the file only names them. Never waits for a holder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::model::time::{Now, Stamp};
use crate::store::read::{self, Unreadable};
use crate::store::{Dir, atomic};

/// Who holds the lock, in their own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// The command: `heal`, `check`.
    pub command: String,
    /// When it began.
    pub started: Stamp,
    /// By when it promised to end, in seconds from then.
    pub deadline_secs: u64,
    /// Time awake since boot when it began, in milliseconds: its deadline does not go on while the host sleeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awake_ms: Option<u64>,
}

impl Holder {
    /// For how long it has held the lock past its own deadline; none while it is within it. By the boot
    /// clock: a wall clock set forward makes nobody look hung; sleep of the host counts.
    pub fn overdue(&self, now: &Now) -> Option<Duration> {
        now.elapsed_at_least(&self.started)
            .checked_sub(Duration::from_secs(self.deadline_secs))
            .filter(|over| !over.is_zero())
    }
}

/// What came of trying to take it.
#[derive(Debug)]
pub enum Locked {
    /// Taken, until it is dropped.
    Mine(Lock),
    /// Another has it; who, where that could be read.
    Held(Option<Holder>),
}

/// What a look from outside saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nobody holds it now.
    Free,
    /// It is held; by whom, where that could be read.
    Held(Option<Holder>),
    /// It could not be found out, and why.
    Unknown(String),
}

/// The lock, held.
#[derive(Debug)]
pub struct Lock(Flock);

impl Drop for Lock {
    fn drop(&mut self) {
        // Nobody is to be named as the holder of a free lock.
        self.0.say(b"");
    }
}

/// Takes the lock for `holder` or says who has it, within 0.1 s; for `--wait` the caller asks again.
pub fn take(dir: &Dir, holder: &Holder) -> Result<Locked> {
    let path = dir.lock_file();
    let Some(flock) = try_flock(&path)? else {
        return Ok(Locked::Held(read::open(&path).ok().and_then(|(file, _)| named(&file))));
    };
    let text = serde_json::to_vec(holder).context("cannot write the lock's holder as JSON")?;
    // On a full disk it holds all the same, without saying who.
    flock.say(&text);
    Ok(Locked::Mine(Lock(flock)))
}

/// Puts the lock of a holder aside that was killed and cannot die (`lock.hung-PID`), so that the next one can
/// take a new one. Only for a holder that can never run again: it would not know.
pub fn bypass(dir: &Dir, pid: u32) -> Result<()> {
    let path = dir.lock_file();
    let aside = path.with_file_name(format!("lock.hung-{pid}"));
    fs::rename(&path, &aside)
        .with_context(|| format!("cannot put the lock `{}` aside", path.display()))
}

/// For readers: whether it is held now, and by whom. Creates nothing and is not in anybody's way.
pub fn holder(dir: &Dir) -> Seen {
    let file = match read::open(&dir.lock_file()) {
        Ok((file, _)) => file,
        Err(Unreadable::Missing) => return Seen::Free,
        Err(why) => {
            return Seen::Unknown(format!("cannot read `{}`: {why}", dir.lock_file().display()));
        }
    };
    match file.try_lock_shared() {
        Ok(()) => {
            let _ = file.unlock();
            Seen::Free
        }
        Err(TryLockError::WouldBlock) => Seen::Held(named(&file)),
        Err(TryLockError::Error(err)) => {
            Seen::Unknown(format!("cannot try the lock `{}`: {err}", dir.lock_file().display()))
        }
    }
}

fn named(file: &File) -> Option<Holder> {
    let mut text = [0; 4096];
    let count = file.read_at(&mut text, 0).ok()?;
    serde_json::from_slice(&text[..count]).ok()
}

/// An exclusive lock of the operating system on a file of its own, let go when dropped.
#[derive(Debug)]
pub(super) struct Flock {
    file: File,
}

impl Flock {
    /// Writes `text` into the locked file, in the place of what was there, if it can be written.
    pub(super) fn say(&self, text: &[u8]) {
        let _ = self.file.set_len(0).and_then(|()| self.file.write_all_at(text, 0));
    }

    /// Programs that are started from now on have the lock too, and keep it as long as they run if this process is
    /// killed; letting it go here lets it go for all.
    pub(super) fn inherited(&self) -> std::io::Result<()> {
        Ok(rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty())?)
    }
}

impl Drop for Flock {
    fn drop(&mut self) {
        // Said, and not left to the closing: a child that is being started has this file open for a moment.
        let _ = self.file.unlock();
    }
}

/// Takes the lock on `path`, made when it is missing; none when another has it for 0.1 s. The file is closed when another
/// program is executed, so no child keeps the lock.
pub(super) fn try_flock(path: &Path) -> Result<Option<Flock>> {
    let shown = path.display();
    let folder = path.parent().unwrap_or(path);
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|err| atomic::explain(err, folder))
        .with_context(|| format!("cannot open the lock `{shown}`"))?;
    let about = file.metadata().with_context(|| format!("cannot look at the lock `{shown}`"))?;
    if !about.is_file() {
        bail!(
            "cannot use the lock `{shown}`: it is {}, not a regular file\n  hint: `rm '{shown}'`",
            read::kind(about.file_type())
        );
    }
    // A reader that is just looking has a shared lock for some microseconds, or on a host in trouble until it
    // gets the CPU again; it is not to cost a run.
    for _ in 0..50 {
        match file.try_lock() {
            Ok(()) => return Ok(Some(Flock { file })),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(2)),
            Err(TryLockError::Error(err)) => {
                return Err(err).with_context(|| {
                    format!(
                        "cannot lock `{shown}`\n  hint: some network file systems have no locks; \
                         name a local directory with `--state-dir DIR`"
                    )
                });
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::store::testing::{Killed, fifo, names, now, rerun, until};

    fn me(command: &str) -> Holder {
        Holder {
            pid: std::process::id(),
            command: command.into(),
            started: now(0).stamp(),
            deadline_secs: 240,
            awake_ms: None,
        }
    }

    fn dir() -> (tempfile::TempDir, Dir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        (temp, dir)
    }

    #[test]
    fn one_has_it_and_the_others_are_told_who() {
        let (_temp, dir) = dir();
        assert_eq!(holder(&dir), Seen::Free);
        assert!(names(dir.path()).is_empty(), "a reader creates nothing");
        let Locked::Mine(lock) = take(&dir, &me("heal")).unwrap() else { panic!("it is free") };
        assert!(
            matches!(take(&dir, &me("check")).unwrap(), Locked::Held(Some(by)) if by == me("heal"))
        );
        assert_eq!(holder(&dir), Seen::Held(Some(me("heal"))));
        drop(lock);
        assert_eq!(holder(&dir), Seen::Free);
        assert_eq!(fs::read(dir.lock_file()).unwrap(), b"", "nobody is named any more");
        assert!(matches!(take(&dir, &me("check")).unwrap(), Locked::Mine(_)));
    }

    #[test]
    fn a_holder_that_cannot_be_read_still_holds() {
        let (_temp, dir) = dir();
        let Locked::Mine(_lock) = take(&dir, &me("heal")).unwrap() else { panic!("it is free") };
        for text in ["", "{\"pid\":", "\0\0", "null"] {
            fs::write(dir.lock_file(), text).unwrap();
            assert!(matches!(take(&dir, &me("check")).unwrap(), Locked::Held(None)), "{text}");
            assert_eq!(holder(&dir), Seen::Held(None), "{text}");
        }
    }

    #[test]
    fn odd_things_in_its_place_are_named_and_nothing_waits() {
        for (what, want) in
            [("fifo", "a FIFO"), ("link", "cannot open the lock"), ("dir", "cannot open the lock")]
        {
            let (_temp, dir) = dir();
            match what {
                "fifo" => fifo(&dir.lock_file()),
                "link" => symlink("elsewhere", dir.lock_file()).unwrap(),
                _ => fs::create_dir(dir.lock_file()).unwrap(),
            }
            let err = format!("{:#}", take(&dir, &me("heal")).unwrap_err());
            assert!(err.contains(want), "{what}: {err}");
            assert!(matches!(holder(&dir), Seen::Unknown(_)), "{what}");
        }
    }

    #[test]
    fn a_look_from_outside_costs_no_run_its_lock() {
        let (_temp, dir) = dir();
        drop(take(&dir, &me("heal")).unwrap());
        std::thread::scope(|scope| {
            let looking =
                scope.spawn(|| (0..20_000).filter(|_| holder(&dir) != Seen::Free).count());
            while !looking.is_finished() {
                assert!(matches!(take(&dir, &me("heal")).unwrap(), Locked::Mine(_)));
            }
            looking.join().unwrap();
        });
    }

    #[test]
    fn overdue_is_told_from_at_work() {
        for (secs, want) in [(0, None), (240, None), (300, Some(60))] {
            assert_eq!(me("heal").overdue(&now(secs)), want.map(Duration::from_secs), "{secs}");
        }
    }

    /// The process that the next test kills: takes the lock, starts a child that outlives it, and waits.
    #[test]
    #[ignore = "a part of another test, which starts it"]
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stdout,
        reason = "stands for a run with a child"
    )]
    fn hold_for_ever() {
        let Some(path) = std::env::var_os("STORE_TEST_DIR") else { return };
        let dir = Dir::create(Path::new(&path)).unwrap();
        let Locked::Mine(_lock) = take(&dir, &me("heal")).unwrap() else { panic!("it is free") };
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        println!("\nchild {}", child.id());
        child.wait().unwrap();
    }

    #[test]
    fn the_death_of_its_holder_frees_it_whatever_children_live_on() {
        let (_temp, dir) = dir();
        let mut command = rerun(&[], "store::lock::tests::hold_for_ever");
        let mut run = Killed(command.env("STORE_TEST_DIR", dir.path()).spawn().unwrap());
        let lines = BufReader::new(run.0.stdout.take().unwrap()).lines();
        let child = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("child ")?.parse::<i32>().ok())
            .expect("it says its child's pid once it holds the lock");
        let child = rustix::process::Pid::from_raw(child).unwrap();
        let Locked::Held(Some(by)) = take(&dir, &me("check")).unwrap() else {
            panic!("it is held")
        };
        assert_eq!(by.pid, run.0.id());
        run.0.kill().unwrap();
        run.0.wait().unwrap();
        rustix::process::test_kill_process(child).expect("the child lives on");
        assert_eq!(holder(&dir), Seen::Free);
        assert!(matches!(take(&dir, &me("check")).unwrap(), Locked::Mine(_)));
        rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
        until(|| !alive(child), "the child is gone");
    }

    fn alive(pid: rustix::process::Pid) -> bool {
        // An orphan may stay a zombie until somebody reaps it.
        fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()))
            .is_ok_and(|stat| !stat.contains(") Z "))
    }
}
