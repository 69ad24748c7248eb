//! Reads a file of the state directory, whatever stands in its place. Never waits for a FIFO, never reads
//! without a bound, changes nothing.

use std::fmt;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Why a file could not be read or understood. `Display` says it so that "cannot read `FILE`: " fits before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// Nothing is there.
    Missing,
    /// It is there, and this user may not read it.
    NoRight,
    /// Something else is in its place: `a directory`, `a FIFO` …
    NotAFile(&'static str),
    /// It is not what it should be: cut, empty, another's; and where.
    Corrupt(String),
    /// A newer version wrote it in a form that this one does not understand.
    Newer {
        /// Its `version`.
        version: u64,
        /// What was not understood.
        why: String,
    },
    /// The file system failed.
    Failed(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it does not exist"),
            Self::NoRight => f.write_str("no right to read it"),
            Self::NotAFile(what) => write!(f, "it is {what}, not a regular file"),
            Self::Corrupt(why) => write!(f, "it is damaged: {why}"),
            Self::Newer { version, why } => {
                write!(
                    f,
                    "a newer version wrote it in form {version}, which this one cannot read: {why}"
                )
            }
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Unreadable {}

/// What a regular file of at most `limit` bytes holds, and what was known of it when it was opened.
pub(super) fn regular(path: &Path, limit: u64) -> Result<(Vec<u8>, Metadata), Unreadable> {
    let (file, about) = open(path)?;
    if about.len() > limit {
        return Err(Unreadable::Corrupt(format!(
            "it has {} bytes, more than {limit}",
            about.len()
        )));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or_default() + 1);
    file.take(limit).read_to_end(&mut bytes).map_err(|err| failed(&err))?;
    Ok((bytes, about))
}

/// A regular file, opened for reading; a link to one is followed.
pub(super) fn open(path: &Path) -> Result<(File, Metadata), Unreadable> {
    // Looked at first, because opening can be an act (a device) or wait (a FIFO); opened without waiting
    // and looked at again, because it may have been swapped in between.
    let about = fs::metadata(path).map_err(|err| match failed(&err) {
        Unreadable::Missing | Unreadable::Failed(_) if path.is_symlink() => {
            Unreadable::NotAFile("a link to nowhere")
        }
        other => other,
    })?;
    if !about.is_file() {
        return Err(Unreadable::NotAFile(kind(about.file_type())));
    }
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|err| failed(&err))?;
    let about = file.metadata().map_err(|err| failed(&err))?;
    if !about.is_file() {
        return Err(Unreadable::NotAFile(kind(about.file_type())));
    }
    Ok((file, about))
}

fn failed(err: &std::io::Error) -> Unreadable {
    match err.kind() {
        ErrorKind::NotFound => Unreadable::Missing,
        ErrorKind::PermissionDenied => Unreadable::NoRight,
        _ => Unreadable::Failed(err.to_string()),
    }
}

/// What something that is not a regular file is, in words.
pub(super) fn kind(file_type: FileType) -> &'static str {
    if file_type.is_dir() {
        "a directory"
    } else if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else if file_type.is_symlink() {
        "a symbolic link"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::store::testing::{fifo, rerun_as_nobody};

    #[test]
    fn whatever_stands_there_is_named_and_nothing_blocks() {
        let temp = tempfile::tempdir().unwrap();
        let at = |name: &str| temp.path().join(name);
        fs::create_dir(at("dir")).unwrap();
        fifo(&at("fifo"));
        symlink("loop", at("loop")).unwrap();
        symlink("none", at("dangling")).unwrap();
        symlink("fifo", at("to-fifo")).unwrap();
        symlink("/dev/zero", at("to-zero")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        fs::write(at("large"), [b'x'; 11]).unwrap();
        for (name, want) in [
            ("none", Unreadable::Missing),
            ("dir", Unreadable::NotAFile("a directory")),
            ("fifo", Unreadable::NotAFile("a FIFO")),
            ("to-fifo", Unreadable::NotAFile("a FIFO")),
            ("to-zero", Unreadable::NotAFile("a device")),
            ("socket", Unreadable::NotAFile("a socket")),
            ("loop", Unreadable::NotAFile("a link to nowhere")),
            ("dangling", Unreadable::NotAFile("a link to nowhere")),
            ("large", Unreadable::Corrupt("it has 11 bytes, more than 10".into())),
        ] {
            assert_eq!(regular(&at(name), 10).unwrap_err(), want, "{name}");
        }
        fs::write(at("file"), "0123456789").unwrap();
        symlink("file", at("link")).unwrap();
        assert_eq!(regular(&at("link"), 10).unwrap().0, b"0123456789");
    }

    #[test]
    fn a_file_without_the_right_to_read_it_is_told_from_a_missing_one() {
        if rerun_as_nobody(
            "store::read::tests::a_file_without_the_right_to_read_it_is_told_from_a_missing_one",
        ) {
            return;
        }
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("f");
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
        assert_eq!(regular(&path, 10).unwrap_err(), Unreadable::NoRight);
    }
}
