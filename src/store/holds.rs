//! Holds, one file each, so that they can be placed and ended while a run has the lock. What cannot be read holds
//! nothing: it is set aside. Bounded; decides nothing about whether a hold is over.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::model::hold::{Hold, VERSION};
use crate::store::atomic::Temp;
use crate::store::bounded::prune;
use crate::store::read::{self, Unreadable};
use crate::store::{Dir, atomic, dir};

/// So many at once; more are refused.
const MOST: usize = 64;
/// Bytes of one file; a longer one is none of ours.
const LARGEST: u64 = 64 << 10;
/// How many that could not be read are kept.
const BROKEN: usize = 8;
/// The end of a hold's file name, and of one that was set aside.
const ENDS: (&str, &str) = (".json", ".bad");

/// A hold and the name that it has here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub id: String,
    /// What it says.
    pub hold: Hold,
}

/// What is there.
#[derive(Debug, Default)]
pub struct Listed {
    /// Those that can be read, the earliest first.
    pub holds: Vec<Kept>,
    /// What is in a hold's place and cannot be read, and why.
    pub broken: Vec<(PathBuf, Unreadable)>,
}

/// Those of `from` hold in `to`, too; what is there of the same name stays.
pub fn copy(from: &Dir, to: &Dir) -> Result<()> {
    let kept = list(from).holds;
    if !kept.is_empty() {
        dir::make(&to.holds())?;
    }
    for Kept { id, hold } in kept {
        Temp::write(&file(to, &id), &bytes(&hold)?, None)?.unless_there()?;
    }
    Ok(())
}

/// Places one and says by which name.
pub fn place(dir: &Dir, hold: &Hold) -> Result<String> {
    let folder = dir.holds();
    dir::make(&folder)?;
    atomic::sweep(&folder);
    if list(dir).holds.len() >= MOST {
        bail!("{MOST} holds are there already\n  hint: `miraclemax heal --release` ends them");
    }
    let bytes = bytes(hold)?;
    let stem = format!("{}-{}", hold.since.wall.strftime("%Y%m%dT%H%M%SZ"), std::process::id());
    for number in 0..MOST {
        let id = if number == 0 { stem.clone() } else { format!("{stem}-{number}") };
        let path = file(dir, &id);
        if !path.exists() && Temp::write(&path, &bytes, None)?.unless_there()? {
            return Ok(id);
        }
    }
    bail!("cannot find a name for a hold in `{}`", folder.display())
}

/// Puts another in the place of the hold `id`; false when that has ended meanwhile.
pub fn replace(dir: &Dir, id: &str, hold: &Hold) -> Result<bool> {
    let path = file(dir, id);
    let new = Temp::write(&path, &bytes(hold)?, None)?;
    if !path.exists() {
        return Ok(false);
    }
    new.over().map(|()| true)
}

/// Removes the hold `id`; false when it has gone already.
pub fn end(dir: &Dir, id: &str) -> Result<bool> {
    let path = file(dir, id);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(false),
        Err(err) => Err(atomic::explain(err, &dir.holds()))
            .with_context(|| format!("cannot remove `{}`", path.display())),
    }
}

/// All that are there, over or not. Changes nothing.
pub fn list(dir: &Dir) -> Listed {
    let folder = dir.holds();
    let mut listed = Listed::default();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(err) => {
            if err.kind() == ErrorKind::NotADirectory {
                listed.broken.push((folder, Unreadable::Corrupt("it is no directory".into())));
            }
            return listed;
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(id) = name.strip_suffix(ENDS.0).filter(|id| !id.starts_with('.')) else {
            continue;
        };
        match one(&entry.path()) {
            Ok(hold) => listed.holds.push(Kept { id: id.to_owned(), hold }),
            Err(Unreadable::Missing) => {}
            Err(why) => listed.broken.push((entry.path(), why)),
        }
    }
    listed.holds.sort_by(|a, b| a.id.cmp(&b.id));
    listed.broken.sort_by(|a, b| a.0.cmp(&b.0));
    listed
}

/// Renames what could not be read, so that it is found once and not lost; says how it is called now.
pub fn set_aside(dir: &Dir, path: &Path) -> Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let aside = path.with_file_name(format!("{name}{}", ENDS.1));
    fs::rename(path, &aside)
        .map_err(|err| atomic::explain(err, &dir.holds()))
        .with_context(|| format!("cannot set `{}` aside", path.display()))?;
    // A directory stays: what somebody put into it is not ours to remove.
    prune(
        &dir.holds(),
        BROKEN,
        &aside,
        |name| name.ends_with(ENDS.1),
        |path| fs::remove_file(path),
    );
    Ok(aside)
}

fn one(path: &Path) -> Result<Hold, Unreadable> {
    let (bytes, _) = read::regular(path, LARGEST)?;
    serde_json::from_slice(&bytes).map_err(|err| {
        let version = serde_json::from_slice::<serde_json::Value>(&bytes)
            .ok()
            .and_then(|value| value.get("version")?.as_u64());
        match version.filter(|version| *version > u64::from(VERSION)) {
            Some(version) => Unreadable::Newer { version, why: err.to_string() },
            None => Unreadable::Corrupt(err.to_string()),
        }
    })
}

fn file(dir: &Dir, id: &str) -> PathBuf {
    dir.holds().join(format!("{id}{}", ENDS.0))
}

fn bytes(hold: &Hold) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(hold).context("cannot write a hold as JSON")?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::store::testing::{fifo, names, now, passes_behind, skipped};

    fn dir() -> (tempfile::TempDir, Dir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        (temp, dir)
    }

    fn hold(service: &str) -> Hold {
        Hold {
            version: VERSION,
            services: vec![service.into()],
            since: now(0).stamp(),
            lasts_secs: 600,
            by: "root".into(),
            reason: "ü\n\0".into(),
            owner: None,
            until_healthy: false,
        }
    }

    #[test]
    fn what_was_placed_comes_back_until_it_is_ended() {
        let (_temp, dir) = dir();
        assert!(list(&dir).holds.is_empty() && !dir.holds().exists(), "a reader creates nothing");
        let ids = ["a", "b"].map(|name| place(&dir, &hold(name)).unwrap());
        let found: Vec<_> = list(&dir).holds.into_iter().map(|kept| kept.hold).collect();
        assert_eq!(found, [hold("a"), hold("b")]);
        let about = fs::metadata(file(&dir, &ids[0])).unwrap();
        assert_eq!(about.mode() & 0o7777, 0o600);
        assert!(replace(&dir, &ids[0], &hold("c")).unwrap());
        assert!(end(&dir, &ids[0]).unwrap());
        assert!(!end(&dir, &ids[0]).unwrap(), "it has gone");
        assert!(!replace(&dir, &ids[0], &hold("c")).unwrap(), "what has ended stays so");
        assert_eq!(names(&dir.holds()), [format!("{}.json", ids[1])]);
    }

    #[test]
    fn they_hold_in_another_directory_too() {
        let ((_from, from), (_to, to)) = (dir(), dir());
        copy(&from, &to).unwrap();
        assert!(!to.holds().exists(), "none is to be copied");
        place(&from, &hold("a")).unwrap();
        for _ in 0..2 {
            copy(&from, &to).unwrap();
            assert_eq!(list(&to).holds, list(&from).holds);
        }
    }

    #[test]
    fn there_are_never_more_than_a_bounded_number() {
        let (_temp, dir) = dir();
        for _ in 0..MOST {
            place(&dir, &hold("a")).unwrap();
        }
        let err = format!("{:#}", place(&dir, &hold("a")).unwrap_err());
        assert!(err.contains("hint: `miraclemax heal --release`"), "{err}");
    }

    #[test]
    fn what_cannot_be_read_holds_nothing_and_is_set_aside() {
        let (_temp, dir) = dir();
        place(&dir, &hold("a")).unwrap();
        let at = |name: &str| dir.holds().join(name);
        for (name, text) in [
            ("half.json", &b"{\"version\":1,\"serv"[..]),
            ("empty.json", b""),
            ("newer.json", b"{\"version\":2,\"who\":[]}"),
            ("bytes.json", b"\xff\xfe\0"),
        ] {
            fs::write(at(name), text).unwrap();
        }
        fifo(&at("fifo.json"));
        fs::create_dir(at("dir.json")).unwrap();
        fs::write(at("large.json"), vec![b' '; 1 << 20]).unwrap();
        let listed = list(&dir);
        assert_eq!((listed.holds.len(), listed.broken.len()), (1, 7), "{listed:?}");
        let newer = listed.broken.iter().find(|(path, _)| path.ends_with("newer.json")).unwrap();
        assert!(matches!(newer.1, Unreadable::Newer { version: 2, .. }), "{newer:?}");
        for (path, _) in &listed.broken {
            assert!(set_aside(&dir, path).unwrap().exists());
        }
        assert!(list(&dir).broken.is_empty());
        assert_eq!(names(&dir.holds()).len(), 8);
    }

    /// Runs where a small file system is mounted at `STORE_TEST_DIR`.
    #[test]
    #[ignore = "a part of another test, which mounts a small file system for it"]
    fn on_a_small_disk() {
        let Some(path) = std::env::var_os("STORE_TEST_DIR") else { return };
        let dir = Dir::create(&Path::new(&path).join("s")).unwrap();
        let id = place(&dir, &hold("a")).unwrap();
        fs::write(dir.path().join("filler"), vec![b'x'; 4 << 20]).expect_err("the disk is small");
        for err in
            [place(&dir, &hold("b")).unwrap_err(), replace(&dir, &id, &hold("b")).unwrap_err()]
        {
            let err = format!("{err:#}");
            assert!(err.contains("No space left") && err.contains("hint: free some"), "{err}");
        }
        let left: Vec<_> = list(&dir).holds.into_iter().map(|kept| kept.hold).collect();
        assert_eq!((left, names(&dir.holds()).len()), (vec![hold("a")], 1), "no half of one");
        assert!(end(&dir, &id).unwrap(), "one can be ended all the same");
    }

    #[test]
    fn a_full_disk_is_named_and_what_holds_goes_on_holding() {
        let temp = tempfile::tempdir().unwrap();
        let script =
            "mount -t tmpfs -o size=64k,mode=0700 tmpfs \"$STORE_TEST_DIR\" && exec \"$@\"";
        let prefix = ["unshare", "-rm", "sh", "-c", script, "sh"];
        let test = "store::holds::tests::on_a_small_disk";
        if passes_behind(&prefix, test, &[("STORE_TEST_DIR", temp.path())]).is_none() {
            skipped(test, "`unshare -rm` cannot mount a tmpfs here");
        }
    }

    #[test]
    fn a_newer_version_that_says_the_same_is_honoured() {
        let (_temp, dir) = dir();
        let id = place(&dir, &Hold { version: 9, ..hold("a") }).unwrap();
        let text = fs::read_to_string(file(&dir, &id)).unwrap();
        fs::write(file(&dir, &id), text.replacen('{', "{\"mood\":1,", 1)).unwrap();
        assert_eq!(list(&dir).holds.len(), 1);
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_set_aside_too() {
        let (_temp, dir) = dir();
        fs::write(dir.holds(), "").unwrap();
        let listed = list(&dir);
        assert_eq!(listed.broken.len(), 1);
        set_aside(&dir, &listed.broken[0].0).unwrap();
        place(&dir, &hold("a")).unwrap();
    }
}
