//! The system's log, written without a library: journald's own protocol, else the local syslog socket. Never
//! waits, never fails the caller: where neither takes it, that is the answer.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use crate::model::text::one_line;
use crate::sys::clock;

/// What entries are found by: `journalctl -t miraclemax-self-heal`.
pub const IDENTIFIER: &str = "miraclemax-self-heal";

/// The longest message and field value, in bytes; far below the smallest datagram buffer (about 200 KiB).
const LONGEST: (usize, usize) = (16 * 1024, 4 * 1024);
/// The most fields of one entry.
const FIELDS: usize = 32;
/// `LOG_DAEMON` of `syslog.h`.
const FACILITY: u8 = 3;

/// How much it matters, as `syslog.h` numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Priority {
    /// A person is needed.
    Critical = 2,
    /// Something failed.
    Error = 3,
    /// Something is not as it should be.
    Warning = 4,
    /// Normal, but worth knowing: healed.
    Notice = 5,
    /// Normal.
    Info = 6,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry<'e> {
    /// See [`Priority`].
    pub priority: Priority,
    /// For a person.
    pub message: String,
    /// For filters: `MIRACLEMAX_SERVICE`, `MIRACLEMAX_INCIDENT`, `MIRACLEMAX_ATTEMPT`, `MIRACLEMAX_OUTCOME`,
    /// and `OBJECT_SYSTEMD_UNIT` with the unit, by which `journalctl -u UNIT` shows what root sends
    /// (systemd.journal-fields(7)). Names are capitals, digits and `_`; others are left out.
    pub fields: Vec<(&'e str, String)>,
}

/// Who took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// journald, with its fields.
    Journal,
    /// The local syslog, the message alone.
    Syslog,
    /// Nobody: there is neither, or both are stuck.
    Nowhere,
}

/// The sockets to write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// journald's native socket.
    pub native: PathBuf,
    /// The local syslog socket.
    pub syslog: PathBuf,
}

impl Default for Journal {
    /// Where they are on every system that has them.
    fn default() -> Self {
        Self { native: "/run/systemd/journal/socket".into(), syslog: "/dev/log".into() }
    }
}

impl Journal {
    /// Writes one entry: to journald, else to syslog, without waiting for either.
    pub fn log(&self, entry: &JournalEntry<'_>) -> Where {
        if send(&self.native, &native(entry)) {
            Where::Journal
        } else if send(&self.syslog, &syslog(entry)) {
            Where::Syslog
        } else {
            Where::Nowhere
        }
    }
}

fn send(to: &Path, datagram: &[u8]) -> bool {
    let sent = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.send_to(datagram, to)
    });
    sent.is_ok_and(|sent| sent == datagram.len())
}

/// journald's native protocol (<https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>): `NAME=value`, or for values of
/// several lines the name, a line feed, the length as 64 bits little endian, and the value.
fn native(entry: &JournalEntry<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    field(&mut out, "PRIORITY", &(entry.priority as u8).to_string());
    field(&mut out, "SYSLOG_FACILITY", &FACILITY.to_string());
    field(&mut out, "SYSLOG_IDENTIFIER", IDENTIFIER);
    field(&mut out, "MESSAGE", cut(&entry.message, LONGEST.0));
    for (name, value) in entry.fields.iter().filter(|(name, _)| is_name(name)).take(FIELDS) {
        field(&mut out, name, cut(value, LONGEST.1));
    }
    out
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend(name.as_bytes());
    if value.contains('\n') {
        out.push(b'\n');
        out.extend((value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend(value.as_bytes());
    out.push(b'\n');
}

/// A leading `_` would be a trusted field, which journald drops from a client.
fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(inner)
}

fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// The form that `syslog(3)` writes to the local socket: RFC 3164 without the host, local time.
fn syslog(entry: &JournalEntry<'_>) -> Vec<u8> {
    let priority = FACILITY * 8 + entry.priority as u8;
    let time = clock::now().wall.to_zoned(jiff::tz::TimeZone::system()).strftime("%b %e %H:%M:%S");
    let (pid, message) = (std::process::id(), one_line(cut(&entry.message, LONGEST.1), LONGEST.1));
    format!("<{priority}>{time} {IDENTIFIER}[{pid}]: {message}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(message: &str) -> JournalEntry<'static> {
        JournalEntry {
            priority: Priority::Notice,
            message: message.into(),
            fields: vec![
                ("MIRACLEMAX_SERVICE", "web".into()),
                ("OBJECT_SYSTEMD_UNIT", "web.service".into()),
                ("MIRACLEMAX_REASON", "two\nlines".into()),
                ("_UID", "0".into()),
                ("bad=name\n", "x".into()),
            ],
        }
    }

    fn sockets(dir: &Path) -> Journal {
        Journal { native: dir.join("native"), syslog: dir.join("log") }
    }

    fn received(socket: &UnixDatagram) -> Vec<u8> {
        let mut buffer = vec![0; 256 * 1024];
        let count = socket.recv(&mut buffer).unwrap();
        buffer.truncate(count);
        buffer
    }

    #[test]
    fn journald_gets_every_field_and_no_trusted_or_forged_one() {
        let dir = tempfile::tempdir().unwrap();
        let journal = sockets(dir.path());
        let socket = UnixDatagram::bind(&journal.native).unwrap();
        assert_eq!(journal.log(&entry("healed\nPRIORITY=0")), Where::Journal);
        let mut want = b"PRIORITY=5\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=miraclemax-self-heal\n\
            MESSAGE\n\x11\0\0\0\0\0\0\0healed\nPRIORITY=0\n"
            .to_vec();
        want.extend(b"MIRACLEMAX_SERVICE=web\nOBJECT_SYSTEMD_UNIT=web.service\n");
        want.extend(b"MIRACLEMAX_REASON\n\x09\0\0\0\0\0\0\0two\nlines\n");
        assert_eq!(received(&socket), want);
    }

    #[test]
    fn without_journald_the_local_syslog_gets_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let journal = sockets(dir.path());
        let socket = UnixDatagram::bind(&journal.syslog).unwrap();
        assert_eq!(journal.log(&entry("healed\n<0>forged")), Where::Syslog);
        let text = String::from_utf8(received(&socket)).unwrap();
        let (head, message) = text.split_once("]: ").unwrap();
        assert!(head.starts_with("<29>") && head.contains(" miraclemax-self-heal["), "{text}");
        // `Jan  2 03:04:05` is 15 characters.
        assert_eq!(head.find(" miraclemax"), Some(4 + 15), "{text}");
        assert_eq!(message, "healed <0>forged");
    }

    #[test]
    fn without_either_that_is_the_answer() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(sockets(dir.path()).log(&entry("x")), Where::Nowhere);
    }

    #[test]
    fn a_receiver_that_does_not_read_does_not_hold_us() {
        let dir = tempfile::tempdir().unwrap();
        let journal = sockets(dir.path());
        let _socket = UnixDatagram::bind(&journal.native).unwrap();
        let watch = clock::Stopwatch::start();
        let full = (0..10_000).any(|_| journal.log(&entry("x")) == Where::Nowhere);
        assert!(full && watch.read().as_secs() < 10, "{:?}", watch.read());
    }

    #[test]
    fn a_huge_message_is_cut_on_a_character() {
        let dir = tempfile::tempdir().unwrap();
        let journal = sockets(dir.path());
        let socket = UnixDatagram::bind(&journal.native).unwrap();
        assert_eq!(journal.log(&entry(&"é".repeat(1_000_000))), Where::Journal);
        let datagram = received(&socket);
        assert!(datagram.len() < 20_000 && String::from_utf8(datagram).is_ok());
    }
}
