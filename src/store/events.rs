//! `events.jsonl`: what happened, a line an event, written by everybody without a lock. Bounded: at 1 MiB
//! it becomes `events.jsonl.1`. Never waits, never rewrites a line.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::store::{Dir, atomic, read};

/// At this size, in bytes, the file is rotated; so both together have about twice as much.
const LIMIT: u64 = 1 << 20;

/// No line is longer, in bytes, its newline included.
const LONGEST: usize = 8 << 10;

/// Within the first so many bytes of a line its kind is told.
const KIND_WITHIN: usize = 80;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A service's status changed.
    Flip,
    /// A remedy was begun.
    AttemptBegun,
    /// It ended, one way or another.
    AttemptEnded,
    /// A step of a ladder is not tried for now, because it never worked.
    StepSkipped,
    /// Something was done to the host: a command, a signal.
    Action,
    /// A dead man's switch was told, or could not be.
    Ping,
    /// A message left, was refused, or was given up on.
    Notification,
    /// Nobody looked for a while: no run, or the host slept.
    Gap,
    /// Hands are kept off for a while, or no longer.
    Hold,
    /// The configuration broke or was mended.
    Config,
    /// The state could not be read or saved.
    State,
    /// A kind of a newer version.
    #[serde(other)]
    Other,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Wall clock, RFC 3339, UTC.
    pub at: Timestamp,
    /// See [`Kind`].
    pub kind: Kind,
    /// The service it is about; empty when it is about none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
    /// The incident it belongs to; empty when to none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub incident: String,
    /// In words. Untrusted where it quotes: escape it for where it goes.
    #[serde(default)]
    pub text: String,
    /// The same for machines, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

/// Adds one line. An event too long for a line loses its fields and the end of its text.
pub fn append(dir: &Dir, event: &Event) -> Result<()> {
    append_below(dir, event, LIMIT)
}

/// The last `count` events, oldest first, over a rotation too. Lines that do not read are passed over: a
/// power cut may have left half of one.
pub fn recent(dir: &Dir, count: usize) -> Vec<Event> {
    recent_lines(dir, count, |_| true)
}

/// The last `count` events of one kind, oldest first. Lines of other kinds are not even read: there are many.
pub fn recent_of(dir: &Dir, kind: Kind, count: usize) -> Vec<Event> {
    let Ok(word) = serde_json::to_string(&kind) else { return Vec::new() };
    let key = format!("\"kind\":{word}");
    // The kind stands at the beginning, after the time; text further on may say anything.
    let begins = |line: &[u8]| line.iter().take(KIND_WITHIN).copied().collect::<Vec<u8>>();
    let mut events = recent_lines(dir, count, |line| {
        begins(line).windows(key.len()).any(|part| part == key.as_bytes())
    });
    events.retain(|event| event.kind == kind);
    events
}

fn recent_lines(dir: &Dir, count: usize, wanted: impl Fn(&[u8]) -> bool) -> Vec<Event> {
    let path = dir.events_file();
    let mut newest_first = Vec::new();
    for path in [path.clone(), rotated(&path)] {
        if newest_first.len() < count {
            let text = tail(&path).unwrap_or_default();
            let lines = text.rsplit(|byte| *byte == b'\n');
            let lines = lines.filter(|line| wanted(line));
            let events = lines.filter_map(|line| serde_json::from_slice(line).ok());
            newest_first.extend(events.take(count - newest_first.len()));
        }
    }
    newest_first.reverse();
    newest_first
}

fn append_below(dir: &Dir, event: &Event, limit: u64) -> Result<()> {
    let path = dir.events_file();
    let line = line(event)?;
    loop {
        let file = open(&path)?;
        let length = write(&file, &line)
            .map_err(|err| atomic::explain(err, dir.path()))
            .with_context(|| format!("cannot append to `{}`", path.display()))?;
        // Opened, and then rotated away twice before it was written: nobody would ever read it.
        let Some(length) = length else { continue };
        if length >= limit {
            rotate(&file, &path, limit)
                .map_err(|err| atomic::explain(err, dir.path()))
                .with_context(|| format!("cannot rotate `{}`", path.display()))?;
        }
        return Ok(());
    }
}

/// Adds the line and says how long the file is now; none when the file has no name any more.
fn write(mut file: &File, line: &[u8]) -> io::Result<Option<u64>> {
    // One write, so that lines of others stay whole (O_APPEND, write(2)).
    file.write_all(&[start_of_line(file)?, line].concat())?;
    let about = file.metadata()?;
    Ok((about.nlink() > 0).then_some(about.len()))
}

/// What is to stand before a line: a newline where a full disk or a power cut left half of one. Another's
/// line that is just being written looks the same; then there is an empty line, which harms nobody.
fn start_of_line(file: &File) -> io::Result<&'static [u8]> {
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_at(&mut last, length - 1)?;
    }
    Ok(if last == [b'\n'] { b"" } else { b"\n" })
}

/// Renames the file that is open as `file`, unless another run is at it or has done it. Whoever still has it
/// open writes into the renamed one, where it is read as well.
fn rotate(file: &File, path: &Path, limit: u64) -> io::Result<()> {
    if file.try_lock().is_err() {
        return Ok(());
    }
    let present = fs::symlink_metadata(path);
    let renamed = match (present, file.metadata()) {
        (Ok(there), Ok(ours)) if there.ino() == ours.ino() && there.len() >= limit => {
            fs::rename(path, rotated(path))
        }
        _ => Ok(()),
    };
    let _ = file.unlock();
    renamed
}

fn rotated(path: &Path) -> PathBuf {
    path.with_extension("jsonl.1")
}

fn open(path: &Path) -> Result<File> {
    let shown = path.display();
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|err| atomic::explain(err, path.parent().unwrap_or(path)))
        .with_context(|| format!("cannot open `{shown}`"))?;
    let about = file.metadata().with_context(|| format!("cannot look at `{shown}`"))?;
    if !about.is_file() {
        bail!(
            "cannot append to `{shown}`: it is {}, not a regular file\n  hint: `mv '{shown}' '{shown}.odd'`",
            read::kind(about.file_type())
        );
    }
    Ok(file)
}

fn line(event: &Event) -> Result<Vec<u8>> {
    let encode = |event: &Event| {
        serde_json::to_vec(event).map(|mut line| {
            line.push(b'\n');
            line
        })
    };
    let mut line = encode(event).context("cannot write an event as JSON")?;
    if line.len() > LONGEST {
        // A character takes at most 6 bytes in JSON.
        let cut = |text: &str, most: usize| match text.char_indices().nth(most) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        let short = Event {
            service: cut(&event.service, 200),
            incident: cut(&event.incident, 200),
            text: cut(&event.text, 900),
            fields: BTreeMap::new(),
            ..*event
        };
        line = encode(&short).context("cannot write an event as JSON")?;
    }
    Ok(line)
}

/// The end of a file, as much as can have been written before it is rotated.
fn tail(path: &Path) -> Option<Vec<u8>> {
    let (mut file, about) = read::open(path).ok()?;
    let most = 2 * LIMIT;
    file.seek(SeekFrom::Start(about.len().saturating_sub(most))).ok()?;
    let mut text = Vec::new();
    file.take(most).read_to_end(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;
    use crate::store::testing::{fifo, names, now};

    fn dir() -> (tempfile::TempDir, Dir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        (temp, dir)
    }

    fn event(text: impl Into<String>) -> Event {
        Event {
            at: now(0).wall,
            kind: Kind::Flip,
            service: "web".into(),
            incident: String::new(),
            text: text.into(),
            fields: BTreeMap::from([("from".to_owned(), "up".to_owned())]),
        }
    }

    fn texts(events: &[Event]) -> Vec<&str> {
        events.iter().map(|event| event.text.as_str()).collect()
    }

    #[test]
    fn the_last_events_come_back_oldest_first() {
        let (_temp, dir) = dir();
        assert_eq!(recent(&dir, 3), []);
        for text in ["a", "b\nc\0\u{1b}", "d", "e"] {
            append(&dir, &event(text)).unwrap();
        }
        assert_eq!(texts(&recent(&dir, 3)), ["b\nc\0\u{1b}", "d", "e"]);
        assert_eq!(recent(&dir, 99)[0], event("a"));
        assert_eq!(recent(&dir, 0), []);
        assert_eq!(fs::metadata(dir.events_file()).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn half_a_line_costs_itself_alone() {
        for half in [&b"{\"at\":\"2026"[..], b"\0\0\0\0", b"\xff\xfe", b"\n\n", b"null\n[]\n"] {
            let (_temp, dir) = dir();
            append(&dir, &event("before")).unwrap();
            OpenOptions::new()
                .append(true)
                .open(dir.events_file())
                .unwrap()
                .write_all(half)
                .unwrap();
            append(&dir, &event("after")).unwrap();
            assert_eq!(texts(&recent(&dir, 9)), ["before", "after"], "{half:?}");
        }
    }

    #[test]
    fn events_of_one_kind_are_found_among_others() {
        let (_temp, dir) = dir();
        for n in 0..40 {
            let kind = if n % 10 == 0 { Kind::Ping } else { Kind::Flip };
            // What a line says must not be taken for what it is.
            let text = format!("{n} \"kind\":\"ping\"");
            append(&dir, &Event { kind, text, ..event("") }).unwrap();
        }
        let found: Vec<_> =
            recent_of(&dir, Kind::Ping, 3).into_iter().map(|event| event.text).collect();
        assert_eq!(found.len(), 3);
        assert!(found[0].starts_with("10 ") && found[2].starts_with("30 "), "{found:?}");
    }

    #[test]
    fn a_kind_and_a_key_of_a_newer_version_are_read() {
        let (_temp, dir) = dir();
        let line =
            "{\"at\":\"2026-01-01T00:00:00Z\",\"kind\":\"prophecy\",\"text\":\"t\",\"mood\":1}\n";
        fs::write(dir.events_file(), line).unwrap();
        assert_eq!(recent(&dir, 1)[0].kind, Kind::Other);
    }

    #[test]
    fn rotated_it_stays_bounded_and_is_read_over_the_seam() {
        let (_temp, dir) = dir();
        for count in 0..500 {
            append_below(&dir, &event(format!("{count}")), 4096).unwrap();
            let size = |path| fs::metadata(path).map_or(0, |about| about.len());
            assert!(size(dir.events_file()) < 4096);
            assert!(size(rotated(&dir.events_file())) < 4096 + 200);
        }
        assert_eq!(names(dir.path()), ["events.jsonl", "events.jsonl.1"]);
        let want: Vec<String> = (470..500).map(|count| count.to_string()).collect();
        assert_eq!(texts(&recent(&dir, 30)), want);
    }

    #[test]
    fn eight_writers_lose_no_line_while_it_is_rotated() {
        let (_temp, dir) = dir();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let dir = &dir;
                scope.spawn(move || {
                    for count in 0..200 {
                        let text = format!("{writer}/{count} {}", "x".repeat(800));
                        append(dir, &event(text)).unwrap();
                    }
                });
            }
        });
        assert!(rotated(&dir.events_file()).exists(), "it was rotated");
        let lines: usize = [dir.events_file(), rotated(&dir.events_file())]
            .map(|path| {
                let text = fs::read_to_string(path).unwrap();
                text.lines().filter(|line| !line.is_empty()).count()
            })
            .iter()
            .sum();
        let events = recent(&dir, usize::MAX);
        let different: BTreeSet<_> = texts(&events).into_iter().map(str::to_owned).collect();
        assert_eq!((lines, events.len(), different.len()), (1600, 1600, 1600));
    }

    #[test]
    fn a_line_written_to_a_file_that_was_rotated_away_for_good_is_known_to_be_lost() {
        let (_temp, dir) = dir();
        let file = open(&dir.events_file()).unwrap();
        assert_eq!(write(&file, b"x\n").unwrap(), Some(2));
        fs::rename(dir.events_file(), rotated(&dir.events_file())).unwrap();
        assert_eq!(write(&file, b"x\n").unwrap(), Some(4), "still read");
        fs::remove_file(rotated(&dir.events_file())).unwrap();
        assert_eq!(write(&file, b"x\n").unwrap(), None);
    }

    #[test]
    fn odd_things_in_its_place_are_named_and_nothing_waits() {
        for (what, want) in
            [("fifo", "it is a FIFO"), ("dir", "cannot open"), ("link", "cannot open")]
        {
            let (_temp, dir) = dir();
            match what {
                "fifo" => fifo(&dir.events_file()),
                "link" => symlink("/dev/null", dir.events_file()).unwrap(),
                _ => fs::create_dir(dir.events_file()).unwrap(),
            }
            let err = format!("{:#}", append(&dir, &event("x")).unwrap_err());
            assert!(err.contains(want), "{what}: {err}");
            assert_eq!(recent(&dir, 1), [], "{what}");
        }
    }

    #[test]
    fn an_event_that_cannot_be_rotated_is_written_and_the_trouble_said() {
        let (_temp, dir) = dir();
        fs::create_dir(rotated(&dir.events_file())).unwrap();
        let err = format!("{:#}", append_below(&dir, &event("x"), 10).unwrap_err());
        assert!(err.contains("cannot rotate"), "{err}");
        assert_eq!(texts(&recent(&dir, 1)), ["x"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_line_is_one_line_and_bounded(
            service in ".{0,300}", text in any::<String>(), times in 0..300usize,
            fields in proptest::collection::btree_map(".{0,9}", ".{0,99}", 0..60),
        ) {
            let long = Event { service, text: text.repeat(times), fields, ..event("") };
            let line = line(&long).unwrap();
            prop_assert!(line.len() <= LONGEST, "{}", line.len());
            prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
            let back: Event = serde_json::from_slice(&line).unwrap();
            prop_assert!(back == long || back.fields.is_empty());
        }
    }
}
