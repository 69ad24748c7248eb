//! A log in a file, read from where the last look stopped: across rotation by renaming, by copying and cutting, and
//! by removing and making anew. Reads no more in one look than it is bound to; what is left is for the next.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::probe::log::lines::{LONGEST, Lines};
use crate::probe::log::patterns::Tally;
use crate::sys::clock::Deadline;
use crate::sys::grown::{self, Grown, Spot};

/// So much is read at once, in bytes.
const BLOCK: usize = 256 * 1024;

/// Where a look stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    spot: Spot,
    /// In the rest of a line that was too long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    inside: bool,
}

/// Where a look begins.
#[derive(Debug)]
pub(super) enum Begin {
    /// Where the one before stopped.
    At(Place),
    /// At the first byte: it was not there before.
    Start,
    /// Behind the last whole line: all of it was written before anybody asked.
    End,
    /// So many bytes before the end, at the next whole line.
    Last(u64),
}

/// How much one look reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) bytes: u64,
    pub(super) until: Deadline,
}

/// What a look came to, beside what it counted.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// Where it stopped. None: there is no file.
    pub(super) place: Option<Place>,
    /// Bytes that are there and were not read.
    pub(super) behind: u64,
    /// What became of the file since the last look.
    pub(super) note: Option<&'static str>,
}

/// A file to read, and where it goes on.
struct Part {
    file: Grown,
    at: u64,
    inside: bool,
}

impl Part {
    fn whole(file: Grown) -> Self {
        Self { file, at: 0, inside: false }
    }
}

/// Counts in `tally` what is new at `path`.
pub(super) fn read(
    path: &Path,
    begin: Begin,
    tally: &mut Tally,
    bounds: Bounds,
) -> io::Result<Read> {
    let now = match Grown::open(path) {
        Ok(file) => Some(file),
        Err(err) if is_missing(&err) => None,
        Err(err) => return Err(err),
    };
    let mut note = None;
    let parts = match (begin, now) {
        (Begin::At(place), now) => {
            let parts;
            (parts, note) = since(path, place, now)?;
            parts
        }
        (_, None) => Vec::new(),
        (Begin::Start, Some(now)) => vec![Part::whole(now)],
        (Begin::Last(bytes), Some(now)) => vec![last(now, bytes)?],
        (Begin::End, Some(now)) => {
            let end = end(now)?;
            let place = Place { spot: end.file.spot(end.at)?, inside: end.inside };
            return Ok(Read { place: Some(place), ..Read::default() });
        }
    };
    Ok(Read { note, ..through(parts, tally, bounds)? })
}

fn is_missing(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The files that hold what was written since `place`, oldest first, and what became of the one at the path.
fn since(
    path: &Path,
    place: Place,
    now: Option<Grown>,
) -> io::Result<(Vec<Part>, Option<&'static str>)> {
    let Place { spot, inside } = place;
    let same = match &now {
        Some(now) => now.continues(&spot)?,
        None => false,
    };
    let moved = if same && !grown::was_empty(&spot) {
        None
    } else {
        // Where the directory cannot be listed, nothing in it can be found.
        grown::moved_away(path, &spot, now.as_ref()).unwrap_or_default()
    };
    let Some(moved) = moved else {
        let Some(now) = now else { return Ok((Vec::new(), None)) };
        if same {
            return Ok((vec![Part { file: now, at: spot.at, inside }], None));
        }
        let note = if now.is(&spot) {
            "it was cut and begun anew: what was last written before that was not seen"
        } else {
            "it is another file now, the one before is gone: what was last written to that was not seen"
        };
        return Ok((vec![Part::whole(now)], Some(note)));
    };
    let mut parts: Vec<Part> = moved.into_iter().chain(now).map(Part::whole).collect();
    if let Some(first) = parts.first_mut() {
        (first.at, first.inside) = (spot.at, inside);
    }
    // Who writes to the moved one may do so until told, so it is not left before there is something in a new one.
    while parts.len() > 1 && parts.last().is_some_and(|part| part.file.size == 0) {
        parts.pop();
    }
    Ok((parts, Some("it was rotated")))
}

fn end(file: Grown) -> io::Result<Part> {
    let from = file.size.saturating_sub(LONGEST as u64);
    let mut bytes = vec![0; LONGEST];
    let count = file.read(&mut bytes, from)?;
    let after = bytes[..count].iter().rposition(|byte| *byte == b'\n').map(|end| end as u64 + 1);
    Ok(match after {
        Some(after) => Part { file, at: from + after, inside: false },
        None if from == 0 => Part::whole(file),
        None => Part { at: file.size, inside: true, file },
    })
}

fn last(file: Grown, bytes: u64) -> io::Result<Part> {
    let at = file.size.saturating_sub(bytes);
    let mut before = [b'\n'];
    if at > 0 {
        file.read(&mut before, at - 1)?;
    }
    Ok(Part { file, at, inside: before != [b'\n'] })
}

/// Reads one after the other as far as the bounds allow.
fn through(parts: Vec<Part>, tally: &mut Tally, bounds: Bounds) -> io::Result<Read> {
    let (mut left, mut stopped) = (bounds.bytes, None);
    let mut behind = 0;
    let count = parts.len();
    for (number, Part { file, mut at, inside }) in parts.into_iter().enumerate() {
        if stopped.is_some() && behind > 0 {
            behind += file.size;
            continue;
        }
        let mut lines = Lines::inside(inside);
        let mut buffer = vec![0; BLOCK.min(usize::try_from(file.size).unwrap_or(BLOCK))];
        let whole = loop {
            if left == 0 || bounds.until.passed() {
                break at >= file.size;
            }
            let most = usize::try_from(left).unwrap_or(BLOCK).min(buffer.len());
            let got = file.read(&mut buffer[..most], at)?;
            if got == 0 {
                break true;
            }
            lines.push(&buffer[..got], &mut |line| tally.line(line));
            (at, left) = (at + got as u64, left - got as u64);
        };
        if whole && number + 1 < count {
            lines.end(&mut |line| tally.line(line));
            continue;
        }
        behind += if whole { 0 } else { file.size - at };
        let (at, inside) = (at - lines.open(), lines.inside);
        stopped = Some(Place { spot: file.spot(at)?, inside });
    }
    Ok(Read { place: stopped, behind, note: None })
}
