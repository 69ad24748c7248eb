//! `log:/var/log/app.log?match=ERROR&max=0`, `log:nginx.service?priority=err`: counts the lines of a file, or the
//! journal's entries of a unit, that tell of errors, since the last look. Never reads a line twice, never passes
//! over one without saying so, and reads no more in one look than it is bound to.
//!
//! **How long it stays down.** A line is seen in one look only. With that alone it would be down for one run, and up
//! in the next though nobody has done anything; where `fail_after` asks for two runs, it would never be believed.
//! So it stays as bad as it was for `hold`, and for as many runs as `fail_after` asks in any case. While an attempt
//! to heal is verified nothing is held: each look then counts only what has come since the one before, so lines from
//! before the restart do not fail it, and lines that go on coming do. When it is proven, nothing is left to hold.

mod file;
mod journal;
mod lines;
mod patterns;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit, short};
use crate::model::range::Range;
use crate::model::text::{human_duration, human_size, one_line};
use crate::model::trail::Trail;
use crate::model::verdict::Verdict;
use crate::probe::limits::{Limits, MAIN};
use crate::probe::log::file::{Begin, Bounds};
use crate::probe::log::journal::Journal;
use crate::probe::log::patterns::{Patterns, Tally, Trace};
use crate::probe::unit::with_suffix;
use crate::probe::{Aim, Answer, At};
use crate::sys::clock::{self, Deadline};
use crate::sys::files::{self, Missed};
use crate::sys::journal_read::Unread;

/// The most that one look reads, in bytes.
const MOST: u64 = 32 * 1024 * 1024;
/// What a look reads where nothing is kept: the last bytes of a file, the last entries of a journal.
const ON_THE_SPOT: (u64, usize) = (1024 * 1024, 1000);
/// How long it stays as bad as it was, unless something else is said.
const HOLD: Duration = Duration::from_secs(600);
/// The levels of syslog(3), as journalctl(1) takes them.
const PRIORITIES: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// What is looked for, and where.
#[derive(Debug, Clone)]
pub struct Log {
    source: Source,
    patterns: Patterns,
    limits: Limits,
    hold: Duration,
    missing: Missing,
}

#[derive(Debug, Clone)]
enum Source {
    File(PathBuf),
    Journal(Journal),
}

/// What it means that there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Unknown,
    Up,
    Down,
}

/// How bad it was, for as long as that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    /// Down, or degraded alone.
    down: bool,
    /// When lines matched the last time, in seconds since 1970.
    since: i64,
    /// In how many runs it was as bad, this one included.
    runs: u32,
    /// How it was told.
    said: String,
}

/// What one look found, whatever it read.
struct Found {
    tally: Tally,
    /// For the next look.
    leave: Trail,
    /// What else there is to say, for the detail.
    notes: Vec<String>,
    /// Bytes that were not read yet, if that is known.
    behind: u64,
    /// Nothing was read before: nothing counts.
    first: bool,
}

impl Log {
    /// `target` is an absolute path, or a unit's name. Keys: `match`, `ignore` (patterns), `max` (the most lines that
    /// may match; 0 unless another limit is given), `warn`, `crit`, `clear_below` (the same as limits), `hold`,
    /// `missing` (a file: `unknown`, `ok` or `down`), `priority` (a unit).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let max = fields.whole("max", 0..=1_000_000_000);
        #[expect(clippy::cast_precision_loss, reason = "below 2^52")]
        let max = max.map(|max| Range::at_most(max as f64, Unit::Plain));
        let limits = Limits::read(&MAIN, Unit::Plain, fields).with_crit(max);
        let hold = fields.duration_or_zero("hold").unwrap_or(HOLD);
        let is_file = target.starts_with('/');
        let (missing, priority) = (missing(is_file, fields), priority(is_file, fields));
        let patterns = Patterns::read(priority.is_some() && !fields.has("match"), fields);
        let source = source(target, priority, fields)?;
        let limits = limits.or_crit(Range::at_most(0.0, Unit::Plain));
        Some(Self { source, patterns: patterns?, limits, hold, missing: missing? })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let before = |name| at.before.get(name).cloned().unwrap_or_default();
        let trace = serde_json::from_value(before("trace")).unwrap_or(Trace::Out);
        let tally = Tally::new(&self.patterns, trace);
        let found = match &self.source {
            Source::File(path) => self.file(path, tally, at),
            Source::Journal(journal) => Self::journal(journal, tally, at),
        };
        let mut answer = match found {
            Ok(found) => self.judge(found, at, clock::now().wall.as_second()),
            Err(answer) => answer,
        };
        if !at.before.is_kept() {
            answer.trail = None;
        }
        answer.hinting(self.hint())
    }

    /// What is new in a file; an answer when that cannot be said.
    fn file(&self, path: &Path, tally: Tally, at: &At<'_>) -> Result<Found, Answer> {
        let place = at.before.get("place").and_then(|place| Deserialize::deserialize(place).ok());
        let begin = match place {
            _ if !at.before.is_kept() => Begin::Last(ON_THE_SPOT.0),
            Some(place) => Begin::At(place),
            None if at.before.get("absent").is_some() => Begin::Start,
            None => Begin::End,
        };
        let first = matches!(begin, Begin::End);
        let bounds = Bounds { bytes: MOST, until: Deadline::after(part(at.limit)) };
        let read = files::guarded(path, at.limit, move |path| {
            let mut tally = tally;
            Ok((file::read(path, begin, &mut tally, bounds)?, tally))
        });
        let shown = path.display();
        let (read, tally) = match read {
            Ok((read, tally)) if read.place.is_some() => (read, tally),
            Ok((_, tally)) => return self.absent(path, tally, at),
            Err(Missed::Forbidden) => {
                let hint = format!("see who may read it: `ls -l {shown}`");
                return Err(Answer::unknown(format!("`{shown}`: permission denied")).hinting(hint));
            }
            Err(missed) => return Err(Answer::unknown(format!("`{shown}`: {missed}"))),
        };
        let mut leave = Trail::from([("place".into(), json!(read.place))]);
        let mut notes: Vec<String> = read.note.map(String::from).into_iter().collect();
        if !at.before.is_kept() {
            notes.push(format!("its last {} at most", human_size(ON_THE_SPOT.0)));
        }
        if read.behind > 0 {
            let behind = human_size(read.behind);
            notes.push(format!("{behind} are not read yet: the next look goes on there"));
            leave.insert("behind".into(), json!(read.behind));
        }
        Ok(Found { tally, leave, notes, behind: read.behind, first })
    }

    /// There is no file. What was left before stays, so that what is moved back, or made anew, is read.
    fn absent(&self, path: &Path, tally: Tally, at: &At<'_>) -> Result<Found, Answer> {
        let shown = path.display();
        let mut leave = (*at.before.kept()).clone();
        if !leave.contains_key("place") {
            leave.insert("absent".into(), json!(true));
        }
        let kept = |answer: Answer| Answer { trail: Some(leave.clone()), ..answer };
        match self.missing {
            Missing::Unknown => {
                let answer = Answer::unknown(format!("`{shown}` is not there"));
                let hint = format!("if it may be, add `missing=ok`; see `ls -l {shown}*`");
                Err(kept(answer).hinting(hint))
            }
            Missing::Down => Err(kept(Answer::down(format!("`{shown}` is not there")))),
            Missing::Up => {
                leave.remove("held");
                let notes = vec!["it is not there".to_owned()];
                Ok(Found { tally, leave, notes, behind: 0, first: false })
            }
        }
    }

    /// What is new in the journal; an answer when that cannot be said.
    fn journal(journal: &Journal, mut tally: Tally, at: &At<'_>) -> Result<Found, Answer> {
        let now = clock::now().wall.as_microsecond();
        let moment = at.before.get("at").and_then(Json::as_i64);
        let cursor = at.before.get("cursor").and_then(Json::as_str).map(String::from);
        let begin = match moment {
            _ if !at.before.is_kept() => journal::Begin::Last(ON_THE_SPOT.1),
            Some(at) => journal::Begin::At(journal::Place { cursor, at }),
            None => journal::Begin::End(now),
        };
        let first = matches!(begin, journal::Begin::End(_));
        let limit = part(at.limit).min(at.deadline.left());
        let read = journal.read(begin, &mut tally, MOST, limit).map_err(|why| unread(&why))?;
        let mut leave = Trail::from([("at".into(), json!(read.place.at))]);
        let Some(cursor) = read.place.cursor else {
            let reason = format!("the journal has no entry of `{}`", journal.unit);
            let hint = format!("see if it is called so: `systemctl status {}`", journal.unit);
            return Err(Answer { trail: Some(leave), ..Answer::unknown(reason).hinting(hint) });
        };
        leave.insert("cursor".into(), json!(cursor));
        let mut notes: Vec<String> = read.note.map(String::from).into_iter().collect();
        if !at.before.is_kept() {
            notes.push(format!("its last {} entries at most", ON_THE_SPOT.1));
        }
        if !read.whole {
            notes.push("not all of it is read yet: the next look goes on there".into());
        }
        Ok(Found { tally, leave, notes, behind: 0, first })
    }

    fn judge(&self, found: Found, at: &At<'_>, now: i64) -> Answer {
        let Found { tally, leave, notes, behind, first } = found;
        let detail = if first { "from here on".to_owned() } else { told(&tally, at) };
        let detail = [vec![detail], notes].concat().join("; ");
        let answer = Answer { trail: Some(leave), ..Answer::up(detail) };
        let answer = answer.leaving("trace", json!(tally.trace));
        let matches = Measure::new("matches", number(tally.matches), Unit::Plain);
        let said = format!("{} in {}", counted(tally.matches), self.shown());
        let limited = self.limits.hold(answer, matches.between(Some(0.0), None), &said, at.before);
        let lines = Measure::new("lines", number(tally.lines), Unit::Plain);
        let mut answer = limited.measuring(lines.between(Some(0.0), None));
        if !tally.last.is_empty() {
            answer = showing(answer, &tally.last);
        }
        let fresh = (!answer.verdict.is_up(), answer.warning.is_some());
        if behind > 0 {
            answer = answer.measuring(Measure::new("behind", number(behind), Unit::Bytes));
            let before = at.before.get("behind").and_then(Json::as_u64).unwrap_or(u64::MAX);
            if behind > before {
                let behind = human_size(behind);
                answer =
                    answer.warning(format!("it grows faster than it is read: {behind} behind"));
            }
        }
        if at.before.is_kept() { self.held(answer, fresh, at, now) } else { answer }
    }

    /// As bad as it is, or as it was and still counts. `fresh`: it is down, or degraded, by this very look.
    fn held(&self, answer: Answer, fresh: (bool, bool), at: &At<'_>, now: i64) -> Answer {
        let (down, degraded) = fresh;
        let before = at.before.get("held").and_then(|held| Held::deserialize(held).ok());
        let before = before.filter(|held| self.still_holds(held, at.aim, now));
        if down || (degraded && !before.as_ref().is_some_and(|held| held.down)) {
            let said = if down {
                answer.verdict.reason()
            } else {
                answer.warning.as_deref().unwrap_or("")
            };
            let held = Held { down, since: now, runs: 1, said: one_line(said, 300) };
            return answer.leaving("held", json!(held));
        }
        let Some(held) = before else { return answer };
        let ago = Duration::from_secs(u64::try_from(now - held.since).unwrap_or_default());
        let reason = format!("{} ago: {}", human_duration(ago), held.said);
        let answer = if held.down { answer.failing(reason) } else { answer.warning(reason) };
        let runs = held.runs.saturating_add(1);
        answer.leaving("held", json!(Held { runs, ..held }))
    }

    fn still_holds(&self, held: &Held, aim: Aim, now: i64) -> bool {
        match aim {
            Aim::Verify => false,
            Aim::Know { fail_after } => {
                // A clock that was set back must not hold it for ever.
                let recent = u64::try_from(now - held.since)
                    .is_ok_and(|ago| Duration::from_secs(ago) < self.hold);
                recent || held.runs < fail_after
            }
        }
    }

    fn shown(&self) -> String {
        match &self.source {
            Source::File(path) => format!("`{}`", path.display()),
            Source::Journal(journal) => format!("the journal of `{}`", journal.unit),
        }
    }

    fn hint(&self) -> String {
        match &self.source {
            Source::File(path) => format!("see its last lines: `tail -n 50 {}`", path.display()),
            Source::Journal(journal) => {
                format!("see its last lines: `journalctl -u {} -n 50`", journal.unit)
            }
        }
    }
}

/// What reading may take of a look's time; the rest is for what comes after it.
fn part(limit: Duration) -> Duration {
    limit * 3 / 4
}

#[expect(clippy::cast_precision_loss, reason = "no log has 2^52 bytes")]
fn number(count: u64) -> f64 {
    count as f64
}

/// `1 line matches`, `4 lines match`.
fn counted(matches: u64) -> String {
    if matches == 1 {
        "1 line matches".into()
    } else {
        format!("{} lines match", short(number(matches)))
    }
}

/// `3 new lines, none match`; not new where nothing is kept.
fn told(tally: &Tally, at: &At<'_>) -> String {
    let new = if at.before.is_kept() { "new " } else { "" };
    match (tally.lines, tally.matches) {
        (0, _) => format!("no {new}lines"),
        (1, 0) => format!("1 {new}line, it does not match"),
        (1, _) => format!("1 {new}line, it matches"),
        (lines, 0) => format!("{lines} {new}lines, none match"),
        (lines, 1) => format!("{lines} {new}lines, 1 matches"),
        (lines, matches) => format!("{lines} {new}lines, {matches} match"),
    }
}

/// With the last line that matched behind its reason.
fn showing(mut answer: Answer, line: &str) -> Answer {
    let with = |reason: &mut String| {
        reason.push_str(": `");
        reason.push_str(line);
        reason.push('`');
    };
    match (&mut answer.verdict, &mut answer.warning) {
        (Verdict::Down(reason), _) | (Verdict::Up, Some(reason)) => with(reason),
        _ => {}
    }
    answer
}

fn unread(why: &Unread) -> Answer {
    match why {
        Unread::Forbidden => {
            let hint = "run it as root, or let its user read: `usermod -aG systemd-journal USER`";
            Answer::unknown("no right to read the journal").hinting(hint)
        }
        Unread::Cursor => Answer::unknown("the journal does not know where it was read up to"),
        Unread::Other(why) => Answer::unknown(why.clone()),
    }
}

fn source(target: &str, priority: Option<&'static str>, fields: &mut Fields<'_>) -> Option<Source> {
    if target.starts_with('/') {
        return Some(Source::File(PathBuf::from(target)));
    }
    let unit = target.trim();
    let odd = unit.is_empty()
        || unit.starts_with('-')
        || unit.contains(|c: char| c.is_whitespace() || c == '/')
        || Path::new(unit).extension().is_some_and(|ending| ending == "log");
    if odd {
        let message = format!("`{target}` is neither an absolute path nor a unit's name");
        let hint = "write `log:/var/log/app.log` or `log:nginx.service`";
        fields.problem("target", message, Some(hint.into()));
        return None;
    }
    Some(Source::Journal(Journal { unit: with_suffix(unit), priority }))
}

fn missing(is_file: bool, fields: &mut Fields<'_>) -> Option<Missing> {
    const CHOICES: [(&str, Missing); 3] =
        [("unknown", Missing::Unknown), ("ok", Missing::Up), ("down", Missing::Down)];
    if !fields.has("missing") {
        fields.node("missing");
        return Some(Missing::Unknown);
    }
    if !is_file {
        fields.problem("missing", "`missing` is for a file, and this is a unit's journal", None);
    }
    fields.one_of("missing", &CHOICES)
}

fn priority(is_file: bool, fields: &mut Fields<'_>) -> Option<&'static str> {
    if fields.has("priority") && is_file {
        let message = "`priority` is for a unit's journal, and this is a file";
        fields.problem("priority", message, Some("write `match=` with a pattern".into()));
    }
    fields.one_of("priority", &PRIORITIES.map(|name| (name, name)))
}

#[cfg(test)]
mod tests;
