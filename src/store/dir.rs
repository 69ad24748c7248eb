//! The directory that everything remembered lives in: where it is, and whether it is safe to write there.
//! Never changes the rights of a directory that it did not make.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::store::{atomic, names};

/// A state directory that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dir(PathBuf);

impl Dir {
    /// Where it is when nobody says otherwise: the first absolute path of `$STATE_DIRECTORY` (systemd's
    /// `StateDirectory=`, a colon list, see systemd.exec(5)), else `/var/lib/miraclemax` for root and
    /// `$XDG_STATE_HOME/miraclemax` or `~/.local/state/miraclemax` for others (XDG base directories: a
    /// relative path counts as not set). An error when there is no home either.
    pub fn default_path(
        euid: u32,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<PathBuf, String> {
        let absolute = |path: PathBuf| path.is_absolute().then_some(path);
        let given = env("STATE_DIRECTORY")
            .and_then(|list| std::env::split_paths(&list).next().and_then(absolute));
        if let Some(path) = given {
            return Ok(path);
        }
        if euid == 0 {
            return Ok("/var/lib/miraclemax".into());
        }
        let home = |name: &str| env(name).map(PathBuf::from).and_then(absolute);
        home("XDG_STATE_HOME")
            .or_else(|| home("HOME").map(|home| home.join(".local/state")))
            .map(|base| base.join("miraclemax"))
            .ok_or_else(|| {
                "cannot tell where the state directory is: neither `XDG_STATE_HOME` nor `HOME` is an absolute path\n  \
                 hint: name it with `--state-dir DIR`"
                    .into()
            })
    }

    /// For those who write: made with mode 0700 when it is missing, its parents too. Refuses one that
    /// others could have put something into: a symbolic link, another's, writable for group or world.
    pub fn create(path: &Path) -> Result<Self> {
        let path = tidy(path)?;
        if let Err(err) = fs::symlink_metadata(&path)
            && err.kind() == ErrorKind::NotFound
        {
            make(&path)?;
        }
        let shown = path.display();
        let about = fs::symlink_metadata(&path)
            .with_context(|| format!("cannot look at the state directory `{shown}`"))?;
        refuse(&path, &about, rustix::process::geteuid().as_raw())?;
        Ok(Self(path))
    }

    /// For those who only read: creates nothing, and takes whatever directory is there; none when there
    /// is none.
    pub fn existing(path: &Path) -> Result<Option<Self>> {
        let path = tidy(path)?;
        match fs::metadata(&path) {
            Ok(about) if about.is_dir() => Ok(Some(Self(path))),
            Ok(_) => bail!("the state directory `{}` is not a directory", path.display()),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
            Err(err) => Err(atomic::explain(err, &path)).with_context(|| {
                format!("cannot look at the state directory `{}`", path.display())
            }),
        }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// `state.json`, whose mtime is the time the last complete cycle finished.
    pub fn state_file(&self) -> PathBuf {
        self.0.join("state.json")
    }

    /// The generation of `state.json` before the present one.
    pub fn previous_state_file(&self) -> PathBuf {
        self.0.join("state.json.1")
    }

    /// The lock of the runs that change the state.
    pub fn lock_file(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// What happened, line by line.
    pub fn events_file(&self) -> PathBuf {
        self.0.join("events.jsonl")
    }

    /// Notifications: waiting, `done/` and `broken/`.
    pub fn outbox(&self) -> PathBuf {
        self.0.join("outbox")
    }

    /// What is known of the channels.
    pub fn channels_file(&self) -> PathBuf {
        self.0.join("channels.json")
    }

    /// Holds, a file each.
    pub fn holds(&self) -> PathBuf {
        self.0.join("holds")
    }

    /// Evidence, a folder an incident.
    pub fn incidents(&self) -> PathBuf {
        self.0.join("incidents")
    }

    /// Where a service's known good config files are kept.
    pub fn known_good(&self, service: &str) -> PathBuf {
        self.0.join("known-good").join(names::safe(service))
    }

    /// The lock of the job whose heartbeat is called so.
    pub fn job_lock(&self, name: &str) -> PathBuf {
        self.0.join("jobs").join(format!("{}.lock", names::safe(name)))
    }

    /// The last config that loaded.
    pub fn last_good_file(&self) -> PathBuf {
        self.0.join("config.last-good.json")
    }
}

/// A directory made with mode 0700, with its parents; nothing when it is there.
pub(super) fn make(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|err| atomic::explain(err, path.parent().unwrap_or(path)))
        .with_context(|| format!("cannot create the directory `{}`", path.display()))
}

/// Absolute, and without a last slash, behind which a symbolic link would hide.
fn tidy(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path)
        .with_context(|| format!("cannot use the state directory `{}`", path.display()))?;
    Ok(path.components().collect())
}

fn refuse(path: &Path, about: &Metadata, euid: u32) -> Result<()> {
    let shown = path.display();
    if about.is_symlink() {
        bail!(
            "the state directory `{shown}` is a symbolic link, which could lead anywhere\n  \
             hint: name the directory itself: `--state-dir \"$(readlink -f '{shown}')\"`"
        );
    }
    if !about.is_dir() {
        bail!(
            "the state directory `{shown}` is not a directory\n  \
             hint: move it away, or name another with `--state-dir DIR`"
        );
    }
    if about.uid() != euid {
        bail!(
            "the state directory `{shown}` belongs to uid {}, but this runs as uid {euid}\n  \
             hint: run as its owner, or name another with `--state-dir DIR`",
            about.uid()
        );
    }
    if about.mode() & 0o022 != 0 {
        bail!(
            "the state directory `{shown}` can be written by others (mode {:04o})\n  \
             hint: `chmod go-w '{shown}'`",
            about.mode() & 0o7777
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn the_default_depends_on_who_runs_it_and_on_the_environment() {
        type Env = &'static [(&'static str, &'static str)];
        let table: [(u32, Env, &str); 9] = [
            (0, &[], "/var/lib/miraclemax"),
            (0, &[("XDG_STATE_HOME", "/x"), ("HOME", "/root")], "/var/lib/miraclemax"),
            (0, &[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")], "/var/lib/a"),
            (0, &[("STATE_DIRECTORY", "")], "/var/lib/miraclemax"),
            (7, &[("STATE_DIRECTORY", "/var/lib/a"), ("HOME", "/home/u")], "/var/lib/a"),
            (7, &[("HOME", "/home/u")], "/home/u/.local/state/miraclemax"),
            (7, &[("XDG_STATE_HOME", "/x"), ("HOME", "/home/u")], "/x/miraclemax"),
            (7, &[("XDG_STATE_HOME", "rel"), ("HOME", "/h")], "/h/.local/state/miraclemax"),
            (7, &[("XDG_STATE_HOME", ""), ("HOME", "/h")], "/h/.local/state/miraclemax"),
        ];
        for (euid, vars, want) in table {
            let env = |name: &str| {
                vars.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
            };
            assert_eq!(Dir::default_path(euid, env).unwrap(), Path::new(want), "{euid} {vars:?}");
        }
        let err = Dir::default_path(7, |_| None).unwrap_err();
        assert!(err.contains("hint: name it with `--state-dir DIR`"), "{err}");
    }

    #[test]
    fn it_is_made_private_with_its_parents_and_found_again() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b");
        assert_eq!(Dir::existing(&path).unwrap(), None);
        assert!(!path.exists(), "a reader creates nothing");
        let dir = Dir::create(&path).unwrap();
        for made in [path.as_path(), &temp.path().join("a")] {
            assert_eq!(fs::metadata(made).unwrap().mode() & 0o7777, 0o700, "{}", made.display());
        }
        assert_eq!(Dir::create(&path).unwrap(), dir);
        assert_eq!(Dir::existing(&path).unwrap(), Some(dir));
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused_with_a_hint() {
        let temp = tempfile::tempdir().unwrap();
        let real = temp.path().join("real");
        fs::create_dir(&real).unwrap();
        let link = temp.path().join("link");
        symlink(&real, &link).unwrap();
        let open = temp.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o770)).unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        let dangling = temp.path().join("dangling");
        symlink("nowhere", &dangling).unwrap();
        for (path, want) in [
            (link.clone(), "is a symbolic link"),
            (link.join(""), "is a symbolic link"),
            (dangling, "is a symbolic link"),
            (open, "(mode 0770)\n  hint: `chmod go-w"),
            (file, "is not a directory"),
        ] {
            let err = format!("{:#}", Dir::create(&path).unwrap_err());
            assert!(err.contains(want) && err.contains("hint:"), "{}: {err}", path.display());
        }
        let about = fs::metadata(&real).unwrap();
        let err = refuse(&real, &about, about.uid() + 1).unwrap_err().to_string();
        assert!(err.contains("belongs to uid"), "{err}");
    }

    #[test]
    fn a_reader_takes_a_link_but_not_a_file() {
        let temp = tempfile::tempdir().unwrap();
        let link = temp.path().join("link");
        symlink(temp.path(), &link).unwrap();
        assert!(Dir::existing(&link).unwrap().is_some());
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        let err = Dir::existing(&file).unwrap_err().to_string();
        assert!(err.contains("is not a directory"), "{err}");
    }
}
