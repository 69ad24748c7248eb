//! Reads `state.json`: for writers, who get a state whatever happened to the file, and for readers, who are
//! told what is wrong with it. Never panics, never waits, never deletes.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use super::aside::set_aside;
use crate::model::state::{State, VERSION};
use crate::model::text::one_line;
use crate::model::time::Now;
use crate::store::read::{self, Unreadable};
use crate::store::{Dir, atomic};

/// More than 10 000 services need; a larger file is not a state.
const LARGEST: u64 = 64 << 20;

/// What a writer begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The state; the default one when nothing could be read.
    pub state: State,
    /// What went wrong and what was done about it, for stderr, the report and the events.
    pub notices: Vec<String>,
    /// True when there was nothing to read at all: the first run.
    pub first: bool,
}

/// What a reader sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Peeked {
    /// The state; its `version` may be newer than [`VERSION`].
    pub state: State,
    /// When the last complete cycle finished, by the file; the epoch before the first.
    pub mtime: Timestamp,
}

/// For readers (`status`, `ping`, `stale`): the present state and nothing else; changes nothing.
pub fn peek(dir: &Dir) -> Result<Peeked, Unreadable> {
    read_state(&dir.state_file())
}

/// For writers, under the lock. A file that cannot be read is set aside (`state.json.bad-TIME`, the last 8 are
/// kept) and the generation before it is used, also when `state.json` is gone and that one is not: what
/// budgets and cooldowns rest on is not forgotten as long as it is anywhere. A file in a newer form that
/// still reads keeps its version and its unknown keys when it is saved; a copy as the newer version left it
/// stays as `state.json.form-N`.
pub fn load(dir: &Dir, now: &Now) -> Loaded {
    read_any(dir, Some(now))
}

/// What [`load`] would begin with, and nothing is changed for it: for `--dry-run`.
pub fn rehearse(dir: &Dir) -> Loaded {
    read_any(dir, None)
}

/// `keep` is the time by which what cannot be read is set aside; none leaves everything where it is.
fn read_any(dir: &Dir, keep: Option<&Now>) -> Loaded {
    let mut notices = Vec::new();
    let (current, previous) = (dir.state_file(), dir.previous_state_file());
    let mut nothing = true;
    for (path, is_current) in [(&current, true), (&previous, false)] {
        let shown = path.display();
        match read_state(path) {
            Ok(Peeked { state, .. }) => {
                if !is_current && nothing {
                    notices.push(format!(
                        "`{}` is gone; the state of the run before is used, from `{shown}` (to forget everything, remove both)",
                        current.display()
                    ));
                } else if !is_current {
                    notices.push(format!("the state of the run before is used, from `{shown}`"));
                }
                if keep.is_some() {
                    notices.extend(keep_newer(dir, path, &state));
                }
                return Loaded { state, notices, first: false };
            }
            Err(Unreadable::Missing) => {}
            Err(why) => {
                nothing = false;
                notices.push(match keep.map(|now| set_aside(dir, path, now)) {
                    None => format!("cannot read `{shown}`: {why}"),
                    Some(Ok(new)) => {
                        format!("cannot read `{shown}`: {why}; it is kept as `{}`", new.display())
                    }
                    Some(Err(err)) => {
                        format!("cannot read `{shown}`: {why}; and cannot set it aside: {err}")
                    }
                });
            }
        }
    }
    if !nothing {
        notices.push("begun with an empty state: attempts, incidents and history before this run are not known".into());
    }
    Loaded { state: State::default(), notices, first: nothing }
}

/// A copy of a newer version's state before this one rewrites it, and a word about it, both once.
fn keep_newer(dir: &Dir, path: &Path, state: &State) -> Option<String> {
    if state.version <= VERSION {
        return None;
    }
    let copy = dir.path().join(format!("state.json.form-{}", state.version));
    if fs::symlink_metadata(&copy).is_ok() {
        return None;
    }
    let kept = match atomic::also_as(path, &copy) {
        Ok(()) => format!("a copy is kept as `{}`", copy.display()),
        Err(err) => format!("no copy could be kept: {err:#}"),
    };
    Some(format!(
        "`{}` was written by a newer version, in form {} (this one writes {VERSION}); what it does not know in it is left as it is, and {kept}",
        path.display(),
        state.version
    ))
}

fn read_state(path: &Path) -> Result<Peeked, Unreadable> {
    let (bytes, about) = read::regular(path, LARGEST)?;
    if bytes.is_empty() {
        return Err(Unreadable::Corrupt("it is empty".into()));
    }
    let state = parse(&bytes)?;
    let mtime = about.modified().map_err(|err| Unreadable::Failed(err.to_string()))?;
    // Outside the years that can be written it is not a time of ours: as far away as can be said.
    let far = if mtime < std::time::UNIX_EPOCH { Timestamp::MIN } else { Timestamp::MAX };
    Ok(Peeked { state, mtime: Timestamp::try_from(mtime).unwrap_or(far) })
}

fn parse(bytes: &[u8]) -> Result<State, Unreadable> {
    /// What every form has.
    #[derive(Deserialize)]
    struct Head {
        version: u64,
    }
    serde_json::from_slice(bytes).map_err(|err| {
        // What it quotes is from outside.
        let why = one_line(&err.to_string(), 200);
        match serde_json::from_slice::<Head>(bytes) {
            Ok(Head { version }) if version > u64::from(VERSION) => {
                Unreadable::Newer { version, why }
            }
            _ => Unreadable::Corrupt(why),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::store::state::{Save, save};
    use crate::store::testing::{fifo, names, now, state};

    fn dir() -> (tempfile::TempDir, Dir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        (temp, dir)
    }

    /// Two saves, so that there is a generation before: cycles at 100 and at 200.
    fn dir_with_two() -> (tempfile::TempDir, Dir) {
        let (temp, dir) = dir();
        save(&dir, &state(100), Save::Cycle).unwrap();
        save(&dir, &state(200), Save::Cycle).unwrap();
        (temp, dir)
    }

    fn bad(dir: &Dir) -> Vec<String> {
        names(dir.path()).into_iter().filter(|name| name.contains(".bad-")).collect()
    }

    #[test]
    fn the_first_run_begins_with_nothing_and_says_nothing() {
        let (_temp, dir) = dir();
        let want = Loaded { state: State::default(), notices: vec![], first: true };
        assert_eq!(load(&dir, &now(0)), want);
        assert_eq!(peek(&dir), Err(Unreadable::Missing));
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn what_was_saved_is_loaded_with_the_keys_of_a_newer_version() {
        let (_temp, dir) = dir_with_two();
        let loaded = load(&dir, &now(300));
        assert_eq!(loaded, Loaded { state: state(200), notices: vec![], first: false });
        let peeked = peek(&dir).unwrap();
        assert_eq!(peeked, Peeked { state: state(200), mtime: now(200).wall });
    }

    #[test]
    fn whatever_stands_in_its_place_is_kept_and_the_generation_before_is_used() {
        type Put = fn(&Path);
        let table: [(&str, Put, &str); 9] = [
            ("empty", |path| fs::write(path, "").unwrap(), "it is empty"),
            ("zeros", |path| fs::write(path, [0; 4096]).unwrap(), "damaged"),
            (
                "not UTF-8",
                |path| fs::write(path, b"{\"version\":1,\"host\":\"\xff\"}").unwrap(),
                "damaged",
            ),
            (
                "another's",
                |path| fs::write(path, "{\"name\":\"x\"}").unwrap(),
                "missing field `version`",
            ),
            ("an array", |path| fs::write(path, "[]").unwrap(), "damaged"),
            ("deep", |path| fs::write(path, "[".repeat(100_000)).unwrap(), "damaged"),
            ("a directory", |path| fs::create_dir(path).unwrap(), "it is a directory"),
            ("a FIFO", |path| fifo(path), "it is a FIFO"),
            ("a loop", |path| symlink("state.json", path).unwrap(), "a link to nowhere"),
        ];
        for (what, put, want) in table {
            let (_temp, dir) = dir_with_two();
            fs::remove_file(dir.state_file()).unwrap();
            put(&dir.state_file());
            peek(&dir).expect_err(what);
            assert!(bad(&dir).is_empty(), "{what}: a reader changes nothing");
            let loaded = load(&dir, &now(300));
            assert_eq!(loaded.state, state(100), "{what}");
            assert!(!loaded.first, "{what}");
            assert_eq!(bad(&dir), ["state.json.bad-20260101T000500Z"], "{what}");
            assert!(loaded.notices[0].contains(want), "{what}: {:?}", loaded.notices);
            assert!(loaded.notices[0].contains("kept as"), "{what}: {:?}", loaded.notices);
            assert!(loaded.notices[1].contains("the state of the run before"), "{what}");
            // And the next run has nothing to complain about.
            save(&dir, &loaded.state, Save::Partial).unwrap();
            assert_eq!(load(&dir, &now(400)).notices, Vec::<String>::new(), "{what}");
            assert_eq!(peek(&dir).unwrap().mtime, now(100).wall, "{what}");
        }
    }

    #[test]
    fn cut_at_any_byte_it_is_set_aside_or_whole() {
        let (_temp, dir) = dir_with_two();
        let whole = fs::read(dir.state_file()).unwrap();
        for length in 0..whole.len() - 1 {
            fs::write(dir.state_file(), &whole[..length]).unwrap();
            peek(&dir).expect_err("half a state is none");
            let loaded = load(&dir, &now(300));
            assert_eq!((loaded.state, loaded.first), (state(100), false), "cut at {length}");
        }
        assert_eq!(bad(&dir).len(), 8);
        let last = dir.path().join(bad(&dir).pop().unwrap());
        assert_eq!(fs::read(last).unwrap(), whole[..whole.len() - 2], "the newest is the last");
    }

    #[test]
    fn with_both_generations_bad_it_begins_anew_and_says_what_is_lost() {
        let (_temp, dir) = dir_with_two();
        fs::write(dir.state_file(), "x").unwrap();
        fs::write(dir.previous_state_file(), "y").unwrap();
        let loaded = load(&dir, &now(300));
        assert_eq!((loaded.state, loaded.first), (State::default(), false));
        assert_eq!(loaded.notices.len(), 3, "{:?}", loaded.notices);
        assert!(loaded.notices[2].contains("are not known"), "{:?}", loaded.notices);
        assert_eq!(bad(&dir).len(), 2);
    }

    #[test]
    fn a_removed_state_does_not_forget_budgets_as_long_as_the_one_before_is_there() {
        let (_temp, dir) = dir_with_two();
        fs::remove_file(dir.state_file()).unwrap();
        let loaded = load(&dir, &now(300));
        assert_eq!((loaded.state, loaded.first), (state(100), false));
        assert!(loaded.notices[0].contains("remove both"), "{:?}", loaded.notices);
    }

    #[test]
    fn a_newer_form_that_reads_keeps_its_number_and_its_keys_and_a_copy_stays() {
        let (_temp, dir) = dir();
        let newer = json!({ "version": 2, "host": "h", "shape": { "new": true } });
        fs::write(dir.state_file(), newer.to_string()).unwrap();
        let loaded = load(&dir, &now(0));
        assert!(loaded.notices[0].contains("newer version, in form 2"), "{:?}", loaded.notices);
        save(&dir, &loaded.state, Save::Partial).unwrap();
        let again = load(&dir, &now(0));
        assert_eq!(again.notices, Vec::<String>::new(), "said once");
        assert_eq!((again.state.version, &again.state.rest["shape"]), (2, &newer["shape"]));
        let copy = fs::read_to_string(dir.path().join("state.json.form-2")).unwrap();
        assert_eq!(copy, newer.to_string());
    }

    #[test]
    fn a_newer_form_that_does_not_read_is_told_from_a_damaged_one() {
        let (_temp, dir) = dir();
        for version in ["2", "99999999999"] {
            let text = format!("{{\"version\":{version},\"services\":[]}}");
            fs::write(dir.state_file(), text).unwrap();
            let err = peek(&dir).unwrap_err();
            assert!(matches!(err, Unreadable::Newer { .. }), "{err:?}");
            assert!(load(&dir, &now(0)).notices[0].contains("a newer version wrote it"));
        }
        fs::write(dir.state_file(), "{\"version\":1,\"services\":[]}").unwrap();
        assert!(matches!(peek(&dir), Err(Unreadable::Corrupt(_))));
    }

    #[test]
    fn hostile_text_in_a_complaint_cannot_drive_a_terminal() {
        let (_temp, dir) = dir();
        fs::write(dir.state_file(), "{\"version\":\"\\u001b[2J\\n\"}").unwrap();
        let notices = load(&dir, &now(0)).notices;
        assert!(notices.iter().all(|notice| !notice.contains(['\u{1b}', '\n'])), "{notices:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_end_in_a_state_and_are_never_lost(
            spot in 0..600usize, bytes in proptest::collection::vec(any::<u8>(), 0..40), alone: bool,
        ) {
            let (_temp, dir) = dir_with_two();
            let mut text = if alone { Vec::new() } else { fs::read(dir.state_file()).unwrap() };
            let start = spot.min(text.len());
            let end = (start + bytes.len()).min(text.len());
            text.splice(start..end, bytes);
            fs::write(dir.state_file(), &text).unwrap();
            let peeked = peek(&dir);
            let loaded = load(&dir, &now(300));
            let kept = if let Ok(peeked) = peeked {
                prop_assert_eq!(loaded.state, peeked.state);
                dir.state_file()
            } else {
                prop_assert_eq!(loaded.state, state(100));
                dir.path().join(bad(&dir).pop().unwrap())
            };
            prop_assert_eq!(fs::read(kept).unwrap(), text);
        }

        #[test]
        fn unknown_keys_of_any_kind_survive(
            keys in proptest::collection::btree_map("[a-z]{3,8}_x", any::<(bool, i64, String)>(), 0..5),
        ) {
            let (_temp, dir) = dir();
            let mut saved = state(1);
            for (key, (flag, number, text)) in keys {
                let value = json!({ "a": [flag, null, number], "b": { "text": text } });
                saved.rest.insert(key.clone(), value.clone());
                saved.services.get_mut("web").unwrap().rest.insert(key, value);
            }
            save(&dir, &saved, Save::Cycle).unwrap();
            let loaded = load(&dir, &now(300)).state;
            prop_assert_eq!(&loaded, &saved);
            save(&dir, &loaded, Save::Partial).unwrap();
            prop_assert_eq!(peek(&dir).unwrap().state, saved);
        }
    }
}
