//! Looks at files without ever hanging: a dead network mount, a FIFO or a device costs at most the limit. Reads
//! a regular file alone, and only where it is asked for what is in it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::OFlags;

use crate::model::text::human_duration;
use crate::sys::aside::aside;
#[cfg(target_os = "linux")]
use crate::sys::made_up;
use crate::sys::why::why;

/// What stands at a path, links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A FIFO: opening it would wait for the other side.
    Fifo,
    /// A character or block device.
    Device,
    /// A unix socket.
    Socket,
}

impl Kind {
    /// `a directory` and so on, for messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Fifo => "a FIFO",
            Self::Device => "a device",
            Self::Socket => "a socket",
        }
    }
}

/// What is known of a file without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLook {
    /// See [`Kind`].
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// When its content was last written, or said to be.
    pub mtime: Timestamp,
    /// When anything about it last changed; nobody can set this back.
    pub ctime: Timestamp,
    /// Its owner's number.
    pub uid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// Why nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// It is not there.
    Missing,
    /// This user may not look.
    Forbidden,
    /// No answer within this time: the file system it is on hangs.
    Late(Duration),
    /// Something else, in words.
    Other(String),
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no such file or directory"),
            Self::Forbidden => f.write_str("permission denied"),
            Self::Late(limit) => {
                write!(f, "the file system did not answer within {}", human_duration(*limit))
            }
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Missed {}

impl From<io::Error> for Missed {
    fn from(err: io::Error) -> Self {
        match err.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Forbidden,
            _ => Self::Other(why(&err)),
        }
    }
}

/// What stands at `path`.
pub fn look(path: &Path, limit: Duration) -> Result<FileLook, Missed> {
    guarded(path, limit, |path| {
        let about = std::fs::metadata(path)?;
        let at = |secs, nanos: i64| {
            Timestamp::new(secs, i32::try_from(nanos).unwrap_or_default())
                .map_err(|_| io::Error::other("its time is out of range"))
        };
        Ok(FileLook {
            kind: kind(about.file_type()),
            size: about.len(),
            mtime: at(about.mtime(), about.mtime_nsec())?,
            ctime: at(about.ctime(), about.ctime_nsec())?,
            uid: about.uid(),
            mode: about.mode() & 0o7777,
        })
    })
}

/// The first bytes of the regular file at `path`, `most` of them or fewer; anything else is not read, and
/// called by its name.
pub fn start(path: &Path, limit: Duration, most: u64) -> Result<Vec<u8>, Missed> {
    guarded(path, limit, move |path| {
        let mut bytes = Vec::new();
        open_regular(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

/// Opens the regular file at `path` for reading, links followed; opening anything else does nothing to it, and is
/// an error that says what it is.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    // What stands there may change between a look and this: without waiting, a FIFO does no harm, and a terminal
    // does not become ours.
    #[expect(clippy::cast_possible_wrap, reason = "flags are bits")]
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let regular = |about: std::fs::Metadata| match kind(about.file_type()) {
        Kind::File => Ok(()),
        other => Err(io::Error::other(format!("it is {}", other.word()))),
    };
    regular(std::fs::metadata(path)?)?;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    regular(file.metadata()?)?;
    Ok(file)
}

fn kind(found: std::fs::FileType) -> Kind {
    match found {
        _ if found.is_dir() => Kind::Directory,
        _ if found.is_fifo() => Kind::Fifo,
        _ if found.is_socket() => Kind::Socket,
        _ if found.is_char_device() || found.is_block_device() => Kind::Device,
        _ => Kind::File,
    }
}

/// Asks something about `path` that waits for its file system: at once where no mount of this host can hang,
/// else in a thread that is left behind when it does.
pub fn guarded<T: Send + 'static>(
    path: &Path,
    limit: Duration,
    ask: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, Missed> {
    if !may_hang(path) {
        return Ok(ask(path)?);
    }
    let path = path.to_owned();
    aside(limit, move || ask(&path)).ok_or(Missed::Late(limit))?.map_err(Missed::from)
}

#[cfg(target_os = "linux")]
fn may_hang(path: &Path) -> bool {
    made_up::read("/proc/self/mountinfo").map_or(true, |mounts| could_hang(path, &mounts))
}

#[cfg(not(target_os = "linux"))]
fn may_hang(_: &Path) -> bool {
    true
}

/// Whether a look at `path` could end on a mount that waits for a network or for another process. Links are not
/// followed, so one such mount anywhere is enough, but for places where the system itself keeps some.
/// The form of `mounts` is that of proc(5), `/proc/PID/mountinfo`.
#[cfg(any(target_os = "linux", test))]
fn could_hang(path: &Path, mounts: &str) -> bool {
    const QUIET: [&str; 5] = ["/proc", "/sys", "/dev", "/run/user", "/var/lib/lxcfs"];
    mounts.lines().any(|line| {
        let Some((mount, source)) = line.split_once(" - ") else { return true };
        let kind = source.split(' ').next().unwrap_or_default();
        if !waits(kind) {
            return false;
        }
        let at = Path::new(mount.split(' ').nth(4).unwrap_or("/"));
        path.starts_with(at) || !QUIET.iter().any(|quiet| at.starts_with(quiet))
    })
}

/// File systems that live on a network or in another process.
#[cfg(any(target_os = "linux", test))]
fn waits(kind: &str) -> bool {
    const KINDS: [&str; 20] = [
        "9p",
        "afs",
        "autofs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fuse",
        "fuseblk",
        "gfs2",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
        "virtiofs",
    ];
    KINDS.contains(&kind) || kind.starts_with("fuse.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn each_kind_is_told_apart_without_being_opened() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "12345").unwrap();
        let fifo = crate::sys::exec::Command::new(["mkfifo", at("fifo").to_str().unwrap()], LIMIT);
        assert!(fifo.run().ok());
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (path, want) in [
            (at("file"), Ok(Kind::File)),
            (dir.path().to_owned(), Ok(Kind::Directory)),
            (at("fifo"), Ok(Kind::Fifo)),
            (at("socket"), Ok(Kind::Socket)),
            ("/dev/null".into(), Ok(Kind::Device)),
            (at("none"), Err(Missed::Missing)),
            (at("file/below"), Err(Missed::Missing)),
        ] {
            assert_eq!(look(&path, LIMIT).map(|look| look.kind), want, "{path:?}");
        }
        assert_eq!(look(&at("file"), LIMIT).unwrap().size, 5);
        assert_eq!(start(&at("file"), LIMIT, 3), Ok(b"123".to_vec()));
        for (name, want) in [("fifo", "it is a FIFO"), ("", "it is a directory")] {
            assert_eq!(start(&at(name), LIMIT, 3), Err(Missed::Other(want.into())), "{name}");
        }
        let zero = start(Path::new("/dev/zero"), LIMIT, 3).unwrap_err();
        assert_eq!(zero.to_string(), "it is a device");
    }

    #[test]
    fn only_mounts_that_can_hang_cost_a_thread() {
        const LOCAL: &str = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            30 22 0:25 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw\n\
            31 22 0:26 / /run/user/1000/gvfs rw - fuse.gvfsd-fuse gvfsd-fuse rw\n\
            32 22 0:27 / /sys/fs/fuse/connections rw - fusectl fusectl rw";
        let nfs = format!("{LOCAL}\n40 22 0:40 / /mnt/backup rw shared:1 - nfs4 box:/x rw");
        for (path, mounts, want) in [
            ("/var/lib/x", LOCAL, false),
            ("/run/user/1000/gvfs/x", LOCAL, true),
            ("/mnt/backup/x", &nfs, true),
            ("/var/link-to-backup", &nfs, true),
            ("/var/lib/x", "not a mount table", true),
        ] {
            assert_eq!(could_hang(Path::new(path), mounts), want, "{path}");
        }
    }

    #[test]
    fn what_does_not_answer_is_late() {
        let (sender, held) = std::sync::mpsc::channel::<()>();
        let limit = Duration::from_millis(50);
        let missed =
            aside(limit, move || held.recv().is_ok()).ok_or(Missed::Late(limit)).unwrap_err();
        assert_eq!(missed.to_string(), "the file system did not answer within 0.1s");
        drop(sender);
    }
}
