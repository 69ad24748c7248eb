//! Reads the journal through `journalctl`: its last lines, and what a unit has said since a cursor. Never follows
//! it, never waits past its deadline.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::model::scrub;
use crate::sys::exec::{Command, Ended, Output};

/// The longest entry that is taken apart, in bytes of JSON; a longer one is passed over.
const LARGEST: usize = 1024 * 1024;
/// The longest line that is kept, in characters.
const LONGEST: usize = 500;

/// One entry of the journal (systemd.journal-fields(7)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands, for [`From::Cursor`].
    pub cursor: String,
    /// When journald took it, in microseconds since 1970.
    pub at: i64,
    /// What its sender calls itself.
    pub identifier: String,
    /// What it says; more often than not UTF-8.
    pub message: Vec<u8>,
}

/// Where to begin.
#[derive(Debug, Clone, Copy)]
pub enum From<'a> {
    /// At the entry with this cursor, or, when that is not there any more, at the next one that is.
    Cursor(&'a str),
    /// At the entries of this moment, in microseconds since 1970.
    Since(i64),
    /// With the last so many.
    Last(usize),
}

/// Why the journal could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// It is not a cursor of this journal.
    Cursor,
    /// This user may not read what a system's unit says.
    Forbidden,
    /// Something else, in words.
    Other(String),
}

/// Hands on what `unit` has said, and what systemd has said of it, oldest first, with at most this `priority`
/// (`err`), until there is no more, `take` says false, or the limit has come. True: there is no more.
///
/// Not `--after-cursor`: when the entry is gone from the journal, systemd 252 passes over the first one that is
/// still there, as if that were it.
pub fn entries(
    unit: &str,
    priority: Option<&str>,
    from: From<'_>,
    limit: Duration,
    take: &mut dyn FnMut(Entry) -> bool,
) -> Result<bool, Unread> {
    // Not `--quiet`: its complaints are what tells that not all could be read.
    let mut argv: Vec<String> = [
        "journalctl",
        "--no-pager",
        "--all",
        "--output=json",
        "--output-fields=MESSAGE,SYSLOG_IDENTIFIER",
    ]
    .map(String::from)
    .into();
    argv.push(format!("--unit={unit}"));
    argv.extend(priority.map(|priority| format!("--priority={priority}")));
    argv.push(match from {
        From::Cursor(cursor) => format!("--cursor={cursor}"),
        From::Since(at) => format!("--since=@{}", at.div_euclid(1_000_000)),
        From::Last(count) => format!("--lines={count}"),
    });
    let since = if let From::Since(at) = from { at } else { i64::MIN };
    let (mut parts, mut any, mut enough) = (Parts::default(), false, false);
    let output = Command::new(argv, limit).env("LC_ALL", "C.UTF-8").run_into(&mut |chunk| {
        parts.push(chunk, &mut |line| {
            let Some(entry) = entry(line) else { return };
            any = true;
            if !enough && entry.at >= since {
                enough = !take(entry);
            }
        });
        !enough
    });
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match &output.ended {
        _ if said.contains("insufficient permissions") || said.contains("not seeing messages") => {
            Err(Unread::Forbidden)
        }
        Ended::Exited(0) => Ok(true),
        Ended::TimedOut if any => Ok(false),
        _ if said.contains("seek to cursor") => Err(Unread::Cursor),
        _ => Err(Unread::Other(why(&output))),
    }
}

fn why(output: &Output) -> String {
    match output.ended {
        Ended::NotStarted(_) => output.reason(),
        _ => format!("`journalctl`: {}", output.reason()),
    }
}

/// One line of `--output=json` (<https://systemd.io/JOURNAL_EXPORT_FORMATS/>, "Journal JSON Format"). None when it is
/// something else.
fn entry(line: &[u8]) -> Option<Entry> {
    #[derive(Deserialize)]
    struct Fields {
        #[serde(rename = "__CURSOR")]
        cursor: String,
        #[serde(rename = "__REALTIME_TIMESTAMP")]
        at: String,
        #[serde(rename = "MESSAGE", default)]
        message: Value,
        #[serde(rename = "SYSLOG_IDENTIFIER", default)]
        identifier: Value,
    }
    let fields: Fields = serde_json::from_slice(line).ok()?;
    Some(Entry {
        cursor: fields.cursor,
        at: fields.at.parse().ok()?,
        identifier: String::from_utf8_lossy(&bytes(&fields.identifier)).into_owned(),
        message: bytes(&fields.message),
    })
}

/// A field: a string; numbers where it is not UTF-8; a list of those where it is there more than once.
fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.as_bytes().to_vec(),
        Value::Array(items) => match items.first() {
            Some(Value::Number(_)) => items
                .iter()
                .filter_map(|item| item.as_u64().and_then(|byte| u8::try_from(byte).ok()))
                .collect(),
            Some(first) => bytes(first),
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Lines out of chunks; one that is too long is left out.
#[derive(Default)]
struct Parts {
    carry: Vec<u8>,
    too_long: bool,
}

impl Parts {
    fn push(&mut self, chunk: &[u8], take: &mut dyn FnMut(&[u8])) {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            if self.carry.len() + part.len() > LARGEST {
                self.too_long = true;
                self.carry.clear();
            }
            if !self.too_long {
                self.carry.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                if !self.too_long {
                    take(&self.carry);
                }
                self.carry.clear();
                self.too_long = false;
            }
        }
    }
}

/// The last `lines` messages that match (`-u UNIT`, `FIELD=value`), oldest first, each on one line and with when and
/// who, secrets left out: `Jan 02 03:04:05 systemd[1]: Stopping web.service`.
pub fn tail(matches: &[String], lines: usize, limit: Duration) -> Vec<String> {
    let mut argv: Vec<String> =
        ["journalctl", "-q", "--no-pager", "--no-hostname", "-o", "short", "-n"]
            .map(String::from)
            .into();
    argv.push(lines.to_string());
    argv.extend_from_slice(matches);
    let room = lines.saturating_mul(4 * LONGEST).max(64 << 10);
    let output = Command::new(argv, limit).keep(room).env("LC_ALL", "C.UTF-8").run();
    if !output.ok() {
        return Vec::new();
    }
    let text = output.text();
    let all: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    scrub::lines(all[all.len().saturating_sub(lines)..].iter().copied(), LONGEST)
}

/// The last `most` lines of the kernel since `since`, in seconds since 1970, oldest first, as [`tail`] gives them.
pub fn kernel(since: i64, most: usize, limit: Duration) -> Vec<String> {
    tail(&[format!("--since=@{since}"), "_TRANSPORT=kernel".into()], most, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_journalctl_writes_them() {
        let line = |message: &str| {
            format!(
                r#"{{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795594721097956","_BOOT_ID":"3c",{message}"SYSLOG_IDENTIFIER":"sh"}}"#
            )
        };
        for (message, want) in [
            (r#""MESSAGE":"two ERROR","#, b"two ERROR".as_slice()),
            (r#""MESSAGE":[98,97,100,32,255],"#, b"bad \xff"),
            (r#""MESSAGE":["a","b"],"#, b"a"),
            (r#""MESSAGE":null,"#, b""),
            ("", b""),
        ] {
            let entry = entry(line(message).as_bytes()).unwrap();
            assert_eq!((entry.cursor.as_str(), entry.at), ("s=1;i=2", 1_795_594_721_097_956));
            assert_eq!((entry.message.as_slice(), entry.identifier.as_str()), (want, "sh"));
        }
        assert_eq!(entry(b"-- No entries --"), None);
    }

    #[test]
    fn a_line_in_many_chunks_is_one_and_one_that_is_too_long_is_none() {
        let (mut parts, mut found) = (Parts::default(), Vec::new());
        let long = vec![b'x'; LARGEST];
        for chunk in [b"ab".as_slice(), b"c\nd\n", &long, &long, b"x\nef\ng"] {
            parts.push(chunk, &mut |line| found.push(String::from_utf8_lossy(line).into_owned()));
        }
        assert_eq!(found, ["abc\n", "d\n", "ef\n"]);
    }
}
