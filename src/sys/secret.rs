//! Reads a secret from where the config says it is, and writes one there. Never puts its value into an error.

use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::model::secret::{Secret, SecretSource};

/// More than any token or URL; a larger file is not a secret but a mistake.
const LARGEST: u64 = 64 * 1024;

/// The secret itself.
pub fn read(source: &SecretSource) -> Result<Secret> {
    let text = match source {
        SecretSource::Plain(secret) => return Ok(secret.clone()),
        SecretSource::Env(name) => std::env::var(name)
            .with_context(|| format!("cannot read the secret in environment variable `{name}`"))?,
        SecretSource::File(path) => {
            let shown = path.display();
            // Looked at before it is opened: opening a FIFO would wait for a writer.
            let about = std::fs::metadata(path)
                .with_context(|| format!("cannot read the secret file `{shown}`"))?;
            if !about.is_file() {
                bail!("cannot read the secret file `{shown}`: it is not a regular file");
            }
            let mut text = String::new();
            std::fs::File::open(path)
                .and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
                .with_context(|| format!("cannot read the secret file `{shown}`"))?;
            if text.len() as u64 > LARGEST {
                bail!("cannot use the secret file `{shown}`: it has more than 64 KiB");
            }
            text
        }
    };
    let secret = Secret::new(&text);
    if secret.reveal().is_empty() {
        bail!("the secret from {} is empty", shown(source));
    }
    Ok(secret)
}

/// Writes `secret` to the file at `path` for its owner alone (mode 0600), so that a reader never sees half of it; a link
/// is followed. A file that is there and not empty is replaced only on `replace`, and keeps its owner.
pub fn write(path: &Path, secret: &Secret, replace: bool) -> Result<()> {
    let shown = path.display();
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let there = std::fs::symlink_metadata(&path).ok();
    if let Some(about) = &there {
        if !about.is_file() {
            bail!("cannot write the secret file `{shown}`: it is not a regular file");
        }
        if about.len() > 0 && !replace {
            bail!("the secret file `{shown}` is not empty");
        }
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = fill(&beside, secret, there.as_ref()).and_then(|()| match there {
        Some(_) => std::fs::rename(&beside, &path),
        // Unlike a rename, this replaces nothing that has come up meanwhile.
        None => std::fs::hard_link(&beside, &path),
    });
    // After the rename it is gone, and that is well.
    let _ = std::fs::remove_file(&beside);
    written
        .and_then(|()| std::fs::File::open(path.parent().unwrap_or(&path))?.sync_all())
        .with_context(|| format!("cannot write the secret file `{shown}`"))
}

fn fill(path: &Path, secret: &Secret, like: Option<&std::fs::Metadata>) -> std::io::Result<()> {
    // Only a dead run of the same pid can have left this name behind.
    let _ = std::fs::remove_file(path);
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if let Some(like) = like {
        let (uid, gid) = (like.uid(), like.gid());
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (uid, gid) {
            std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
        }
    }
    file.write_all(format!("{}\n", secret.reveal()).as_bytes())?;
    file.sync_all()
}

/// What is wrong with who may read the secret file at `path`, and what to type; nothing when it cannot be told.
pub fn open_to_others(path: &Path) -> Option<(String, String)> {
    let mode = std::fs::metadata(path).ok()?.mode() & 0o7777;
    let shown = path.display();
    (mode & 0o004 != 0).then(|| {
        let said = format!("the secret file `{shown}` can be read by others (mode {mode:04o})");
        (said, format!("`chmod o-rwx '{shown}'`"))
    })
}

fn shown(source: &SecretSource) -> String {
    match source {
        SecretSource::Plain(_) => "the config".into(),
        SecretSource::File(path) => format!("file `{}`", path.display()),
        SecretSource::Env(name) => format!("environment variable `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_written_for_its_owner_and_never_over_another_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("url");
        let (one, other) = (Secret::new("s3cret-1"), Secret::new("s3cret-2"));
        let read_back = || read(&SecretSource::File(path.clone())).unwrap();
        write(&path, &one, false).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let err = format!("{:#}", write(&path, &other, false).unwrap_err());
        assert!(err.contains("is not empty") && !err.contains("s3cret"), "{err}");
        assert_eq!(read_back(), one);
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, &other, true).unwrap();
        assert_eq!(read_back(), other);
        assert!(link.is_symlink());
        std::fs::write(&path, "").unwrap();
        write(&path, &one, false).unwrap();
        assert_eq!(read_back(), one);
        assert!(write(dir.path(), &one, true).is_err());
        assert!(write(&dir.path().join("no/such/folder"), &one, true).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left behind");
    }

    #[test]
    fn a_missing_empty_or_odd_file_is_named_and_nothing_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        let large = dir.path().join("large");
        std::fs::write(&large, "x".repeat(65 * 1024)).unwrap();
        for (path, want) in [
            (dir.path().join("none"), "cannot read the secret file"),
            (empty, "is empty"),
            (large, "it has more than 64 KiB"),
            (dir.path().to_owned(), "not a regular file"),
        ] {
            let err = format!("{:#}", read(&SecretSource::File(path)).unwrap_err());
            assert!(err.contains(want), "{err}");
        }
    }
    #[test]
    fn a_file_that_others_can_read_is_told_with_what_to_type() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "x").unwrap();
        let chmod = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            open_to_others(&path)
        };
        assert_eq!((chmod(0o640), chmod(0o600)), (None, None));
        let (said, hint) = chmod(0o644).unwrap();
        assert!(said.ends_with("can be read by others (mode 0644)"), "{said}");
        assert_eq!(hint, format!("`chmod o-rwx '{}'`", path.display()));
        assert_eq!(open_to_others(&dir.path().join("none")), None);
    }
}
