//! Writes `state.json`. Never leaves half of one, never makes it look fresher than it is.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::model::state::State;
use crate::store::{Dir, atomic};

/// What is saved, and so what the mtime may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Save {
    /// A cycle that looked at every configured service has just finished: the mtime is the time in the
    /// state's `cycle`; the epoch when it has none.
    Cycle,
    /// Anything else: some services only, before or after an attempt. The mtime stays; it never becomes
    /// later than that of the file before, nor than the state's `cycle`, and is the epoch before the first.
    Partial,
}

/// Puts `state` in the place of `state.json`, under the lock; what was there becomes `state.json.1`. On an
/// error (full disk, read-only file system, no right: named, with a hint) the old file is as it was.
pub fn save(dir: &Dir, state: &State, how: Save) -> Result<()> {
    // First, because what killed runs left may be what fills the disk.
    atomic::sweep(dir.path());
    let path = dir.state_file();
    let mut bytes = serde_json::to_vec(state).context("cannot write the state as JSON")?;
    bytes.push(b'\n');
    let finished =
        state.cycle.as_ref().map_or(SystemTime::UNIX_EPOCH, |cycle| cycle.finished.wall.into());
    let mtime = match how {
        Save::Cycle => finished,
        Save::Partial => finished.min(mtime_before(dir)),
    };
    let new = atomic::Temp::write(&path, &bytes, Some(mtime))?;
    if is_file(&path) {
        // Without a generation to fall back to the new state is still worth having.
        let _ = atomic::also_as(&path, &dir.previous_state_file());
    }
    new.over()
}

/// The mtime to keep: after a state was set aside that of the generation which took its place.
fn mtime_before(dir: &Dir) -> SystemTime {
    [dir.state_file(), dir.previous_state_file()]
        .iter()
        .filter_map(|path| fs::symlink_metadata(path).ok())
        .find(fs::Metadata::is_file)
        .and_then(|about| about.modified().ok())
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|about| about.is_file())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::store::state::{load, peek};
    use crate::store::testing::{
        Killed, names, now, passes_behind, rerun, rerun_as_nobody, skipped, state, until,
    };

    fn dir() -> (tempfile::TempDir, Dir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        (temp, dir)
    }

    #[test]
    fn the_mtime_is_the_time_the_last_complete_cycle_finished() {
        let never = jiff::Timestamp::UNIX_EPOCH;
        let (before, cycle) = (State::default(), state);
        // One history, a step a row: what is saved, how, and what the mtime says then.
        let history = [
            ("a partial run first", before.clone(), Save::Partial, never),
            ("a cycle that did not finish", before, Save::Cycle, never),
            ("the first cycle", cycle(100), Save::Cycle, now(100).wall),
            ("before an attempt", cycle(100), Save::Partial, now(100).wall),
            ("after it", cycle(100), Save::Partial, now(100).wall),
            ("a partial run that claims a cycle", cycle(150), Save::Partial, now(100).wall),
            ("the next cycle", cycle(200), Save::Cycle, now(200).wall),
            ("a partial run with an older cycle", cycle(100), Save::Partial, now(100).wall),
            ("a cycle after the clock was set back", cycle(50), Save::Cycle, now(50).wall),
        ];
        let (_temp, dir) = dir();
        for (what, state, how, want) in history {
            save(&dir, &state, how).unwrap();
            let peeked = peek(&dir).unwrap();
            assert_eq!((peeked.mtime, peeked.state), (want, state), "{what}");
        }
    }

    #[test]
    fn a_touched_file_is_not_fresh_after_the_next_partial_save() {
        let (_temp, dir) = dir();
        save(&dir, &state(100), Save::Cycle).unwrap();
        let file = fs::File::options().write(true).open(dir.state_file()).unwrap();
        file.set_modified(SystemTime::from(now(9000).wall)).unwrap();
        save(&dir, &state(100), Save::Partial).unwrap();
        assert_eq!(peek(&dir).unwrap().mtime, now(100).wall);
    }

    #[test]
    fn the_generation_before_stays_with_its_own_mtime() {
        let (_temp, dir) = dir();
        for secs in [100, 200, 300] {
            save(&dir, &state(secs), Save::Cycle).unwrap();
        }
        let about = fs::metadata(dir.previous_state_file()).unwrap();
        assert_eq!(about.modified().unwrap(), SystemTime::from(now(200).wall));
        assert_eq!(names(dir.path()), ["state.json", "state.json.1"]);
    }

    #[test]
    fn killed_between_keeping_the_old_and_placing_the_new_nothing_is_lost_nor_left() {
        let (_temp, dir) = dir();
        save(&dir, &state(100), Save::Cycle).unwrap();
        // What such a run leaves: both names on one file, and the new one beside, whole or cut.
        fs::hard_link(dir.state_file(), dir.previous_state_file()).unwrap();
        fs::write(dir.path().join(".state.json.2000000000-0.tmp"), "{\"version\":1,").unwrap();
        assert_eq!(load(&dir, &now(150)).state, state(100));
        save(&dir, &state(200), Save::Cycle).unwrap();
        assert_eq!(names(dir.path()), ["state.json", "state.json.1"]);
        assert_eq!(peek(&dir).unwrap().state, state(200));
    }

    /// The process that the next test kills: saves and loads for ever.
    #[test]
    #[ignore = "a part of another test, which starts it"]
    fn save_for_ever() {
        let Some(path) = std::env::var_os("STORE_TEST_DIR") else { return };
        let dir = Dir::create(Path::new(&path)).unwrap();
        loop {
            let mut next = load(&dir, &now(0)).state;
            let count = next.cycle.map_or(1, |cycle| cycle.count + 1);
            next = state(count);
            save(&dir, &next, Save::Cycle).unwrap();
            save(&dir, &next, Save::Partial).unwrap();
        }
    }

    #[test]
    fn killed_at_any_moment_the_state_is_whole_and_its_mtime_true() {
        let (_temp, dir) = dir();
        let count = || peek(&dir).map_or(0, |peeked| peeked.state.cycle.unwrap().count);
        for round in 0..40 {
            let before = count();
            let mut command = rerun(&[], "store::state::save::tests::save_for_ever");
            let mut run = Killed(command.env("STORE_TEST_DIR", dir.path()).spawn().unwrap());
            until(|| count() > before, "it saves");
            // Another moment of the save each round.
            std::thread::sleep(Duration::from_micros(round * 97));
            run.0.kill().unwrap();
            run.0.wait().unwrap();
            let peeked = peek(&dir).expect("never half");
            assert_eq!(peeked.state, state(count()), "round {round}");
            assert_eq!(peeked.mtime, now(count()).wall, "round {round}");
            let loaded = load(&dir, &now(0));
            assert_eq!(loaded.notices, Vec::<String>::new(), "round {round}");
        }
        save(&dir, &state(count()), Save::Partial).unwrap();
        let left = names(dir.path());
        assert_eq!(left, ["state.json", "state.json.1"], "what killed runs left is swept");
    }

    #[test]
    fn without_the_right_to_write_it_says_so_and_the_old_state_stays() {
        if rerun_as_nobody(
            "store::state::save::tests::without_the_right_to_write_it_says_so_and_the_old_state_stays",
        ) {
            return;
        }
        let (_temp, dir) = dir();
        save(&dir, &state(100), Save::Cycle).unwrap();
        let rights = |mode| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(dir.path(), mode).unwrap();
        };
        rights(0o500);
        let err = format!("{:#}", save(&dir, &state(200), Save::Cycle).unwrap_err());
        assert!(
            err.contains("Permission denied") && err.contains("hint: run as the owner"),
            "{err}"
        );
        fs::write(dir.state_file(), "damaged").unwrap();
        let loaded = load(&dir, &now(300));
        assert!(loaded.notices[0].contains("cannot set it aside"), "{:?}", loaded.notices);
        rights(0o700);
    }

    /// Runs where a small file system is mounted at `STORE_TEST_DIR`.
    #[test]
    #[ignore = "a part of another test, which mounts a small file system for it"]
    #[expect(clippy::disallowed_methods, reason = "mounts for itself")]
    fn on_a_small_disk() {
        let Some(path) = std::env::var_os("STORE_TEST_DIR") else { return };
        let dir = Dir::create(&Path::new(&path).join("s")).unwrap();
        save(&dir, &state(100), Save::Cycle).unwrap();
        let old = fs::read(dir.state_file()).unwrap();
        let full = vec![b'x'; 4 << 20];
        fs::write(dir.path().join("filler"), &full).expect_err("the disk is small");
        let err = format!("{:#}", save(&dir, &state(200), Save::Cycle).unwrap_err());
        assert!(
            err.contains("No space left on device") && err.contains("hint: free some"),
            "{err}"
        );
        assert_eq!(fs::read(dir.state_file()).unwrap(), old);
        assert_eq!(peek(&dir).unwrap().mtime, now(100).wall);
        assert_eq!(names(dir.path()), ["filler", "state.json"], "no temporary file stays");
        fs::remove_file(dir.path().join("filler")).unwrap();
        save(&dir, &state(200), Save::Cycle).unwrap();

        let remount =
            std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(&path).status();
        assert!(remount.unwrap().success());
        let err = format!("{:#}", save(&dir, &state(300), Save::Cycle).unwrap_err());
        assert!(err.contains("Read-only file system") && err.contains("hint: see why"), "{err}");
        assert_eq!(peek(&dir).unwrap().state, state(200));
    }

    #[test]
    fn a_full_or_read_only_disk_is_named_and_the_old_state_stays() {
        let temp = tempfile::tempdir().unwrap();
        let script =
            "mount -t tmpfs -o size=64k,mode=0700 tmpfs \"$STORE_TEST_DIR\" && exec \"$@\"";
        let prefix = ["unshare", "-rm", "sh", "-c", script, "sh"];
        let test = "store::state::save::tests::on_a_small_disk";
        let folder: PathBuf = temp.path().into();
        if passes_behind(&prefix, test, &[("STORE_TEST_DIR", &folder)]).is_none() {
            skipped(test, "`unshare -rm` cannot mount a tmpfs here");
        }
    }
}
