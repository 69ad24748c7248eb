//! Which lines of a log count: they match a pattern, are not to be ignored, are not our own, and are not the rest
//! of a stack trace whose first line counted. Reads no log itself.

use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::model::fields::Fields;
use crate::model::node::Value;
use crate::model::place::Place;
use crate::model::text::one_line;

/// What people mean by an error when they say no more. Words in capitals are levels and are taken as they are
/// written; `error` in small letters counts only where a level stands, because prose is full of it.
const ERRORS: &str = r#"\b(?:ERROR|FATAL|CRITICAL|CRIT|EMERG|ALERT|PANIC|SEVERE)\b|[\[<](?:error|crit|critical|alert|emerg|fatal)[\]>:]|\b(?:level|lvl|severity)["']?[=:] ?["']?(?:error|fatal|crit|critical|panic|alert|emerg)\b|\bpanic: |\bpanicked at\b|Traceback \(most recent call last\)|Exception in thread|[Uu]n(?:handled|caught) exception|Uncaught .{0,60}(?:Error|Exception)|[Ff]atal error|FATAL EXCEPTION|\bsegfault at\b|[Ss]egmentation fault|core dumped|[Oo]ut of memory|OutOfMemoryError|oom-kill|double free or corruption|stack smashing detected"#;

/// Lines that this program itself wrote to a system log; what it says of an error there must not be one again.
const OURS: &str = r"(?:^|\s)miraclemax(?:-[a-z-]+)?(?:\[\d+\])?: ";

/// A compiled pattern is no larger than this, in bytes: it bounds what one line can cost.
const LARGEST: usize = 256 * 1024;
/// A shown line is no longer than this, in characters.
const SHOWN: usize = 120;

/// What counts in a log.
#[derive(Debug, Clone)]
pub(super) struct Patterns(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    /// None: every line.
    wanted: Option<Regex>,
    ignored: Option<Regex>,
    ours: Regex,
}

impl Patterns {
    /// Keys: `match` (a pattern or a list of them; the usual words for errors, or all lines when `all`), `ignore`.
    pub(super) fn read(all: bool, fields: &mut Fields<'_>) -> Option<Self> {
        let wanted = patterns("match", fields);
        let ignored = patterns("ignore", fields);
        let (wanted, ignored) = (wanted.ok()?, ignored.ok()?);
        let usual = if all { None } else { Some(compile(ERRORS).ok()?) };
        let ours = compile(OURS).ok()?;
        Some(Self(Arc::new(Compiled { wanted: wanted.or(usual), ignored, ours })))
    }

    fn count(&self, line: &[u8]) -> bool {
        let Compiled { wanted, ignored, ours } = &*self.0;
        wanted.as_ref().is_none_or(|wanted| wanted.is_match(line))
            && !ignored.as_ref().is_some_and(|ignored| ignored.is_match(line))
            && !ours.is_match(line)
    }
}

/// Not what was expected; the problem has been noted.
struct Wrong;

/// `key`'s patterns as one; None when it is not set.
fn patterns(key: &'static str, fields: &mut Fields<'_>) -> Result<Option<Regex>, Wrong> {
    if !fields.has(key) {
        fields.node(key);
        return Ok(None);
    }
    let place = fields.place_of(key);
    // Not `texts`: a comma is common in a pattern, so the short form holds one.
    let texts = match fields.node(key).ok_or(Wrong)?.value {
        Value::Text(text) | Value::Word(text) => vec![(text, place)],
        Value::List(items) => items
            .into_iter()
            .map(|item| match item.value {
                Value::Text(text) => (text, item.place),
                _ => (String::new(), item.place),
            })
            .collect(),
        other => {
            let message = format!("`{key}` expects a pattern or a list, found {}", other.kind());
            fields.wrong(&place, message, None);
            return Err(Wrong);
        }
    };
    joined(key, &texts, fields).map(Some).ok_or(Wrong)
}

/// All of them as one; each that is wrong is a problem at its own place.
fn joined(key: &str, texts: &[(String, Place)], fields: &mut Fields<'_>) -> Option<Regex> {
    let mut good = !texts.is_empty();
    if texts.is_empty() {
        fields.problem(key, format!("`{key}` has no pattern in it"), None);
    }
    for (text, place) in texts {
        let wrong = match compile(text) {
            _ if text.is_empty() => "an empty pattern matches every line".to_owned(),
            Ok(regex) if regex.is_match(b"") && regex.is_match(b"-") => {
                format!("`{}` matches every line", one_line(text, 80))
            }
            Ok(_) => continue,
            Err(why) => format!("`{}` is no pattern: {why}", one_line(text, 80)),
        };
        fields.wrong(place, format!("`{key}`: {wrong}"), None);
        good = false;
    }
    let all: Vec<String> = texts.iter().map(|(text, _)| format!("(?:{text})")).collect();
    good.then(|| compile(&all.join("|")))?
        .map_err(|why| fields.problem(key, format!("`{key}`, all together: {why}"), None))
        .ok()
}

/// On bytes, so that a line which is not UTF-8 is looked at as well; classes such as `\w` are ASCII's.
fn compile(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).unicode(false).size_limit(LARGEST).build();
    built.map_err(|err| match err {
        regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
        err => {
            let said = err.to_string();
            let last = said.lines().last().unwrap_or_default();
            last.trim().trim_start_matches("error: ").to_owned()
        }
    })
}

/// Where in a stack trace the line before was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Trace {
    /// In none.
    #[default]
    Out,
    /// A line that counted: a trace may follow.
    Head,
    /// Among its frames.
    Frames,
    /// It was told to its end; only another one that is chained to it still belongs to it.
    End,
}

impl Trace {
    /// Where `line` is if it belongs to the trace.
    fn goes_on(self, line: &[u8]) -> Option<Self> {
        if self == Self::Out {
            return None;
        }
        let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word.as_bytes()));
        if line.iter().all(u8::is_ascii_whitespace) {
            return Some(self);
        }
        // Python's words between two exceptions of one cause, and Java's before the cause.
        if begins(&["During handling of the above", "The above exception was"]) {
            return Some(Self::Head);
        }
        if begins(&["Caused by: ", "Suppressed: ", "stack backtrace:", "goroutine "]) {
            return Some(Self::Frames);
        }
        match self {
            Self::Head if begins(&["Traceback (most recent call last)"]) || indented(line) => {
                Some(Self::Frames)
            }
            Self::Frames if indented(line) => Some(Self::Frames),
            // Java names the exception before its frames, Python after them.
            Self::Head if is_exception(line) => Some(Self::Frames),
            Self::Frames if is_exception(line) => Some(Self::End),
            _ => None,
        }
    }
}

fn indented(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t'))
}

/// `java.lang.IllegalStateException: …`, `ValueError: …`, `KeyboardInterrupt`.
fn is_exception(line: &[u8]) -> bool {
    let name_ends = line
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$')));
    let (name, rest) = line.split_at(name_ends.unwrap_or(line.len()));
    let named = [&b"Error"[..], b"Exception", b"Interrupt", b"Exit", b"Warning", b"Throwable"];
    (rest.is_empty() || rest.starts_with(b":")) && named.iter().any(|end| name.ends_with(end))
}

/// What was found in the lines so far.
#[derive(Debug)]
pub(super) struct Tally {
    patterns: Patterns,
    /// Lines that were looked at.
    pub(super) lines: u64,
    /// Those that count.
    pub(super) matches: u64,
    /// The last of them, made safe and short.
    pub(super) last: String,
    pub(super) trace: Trace,
}

impl Tally {
    pub(super) fn new(patterns: &Patterns, trace: Trace) -> Self {
        let (patterns, last) = (patterns.clone(), String::new());
        Self { patterns, lines: 0, matches: 0, last, trace }
    }

    /// One line, without its line feed.
    pub(super) fn line(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.lines += 1;
        if let Some(next) = self.trace.goes_on(line) {
            self.trace = next;
            return;
        }
        self.trace = Trace::Out;
        if self.patterns.count(line) {
            self.matches += 1;
            // Python's own head has its frames at once; what follows any other head may be a trace or not.
            self.trace = Trace::Head;
            self.last = shown(line);
        }
    }
}

/// For people: one line, nothing in it that a terminal obeys.
fn shown(line: &[u8]) -> String {
    let start = &line[..line.len().min(SHOWN * 4)];
    one_line(String::from_utf8_lossy(start).trim(), SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::log::tests::log;
    use crate::probe::tests::problem;

    fn tally(options: &str, lines: &str) -> Tally {
        let mut tally = Tally::new(&log(&format!("log:/x{options}")).patterns, Trace::Out);
        lines.lines().for_each(|line| tally.line(line.as_bytes()));
        tally
    }

    #[test]
    fn the_usual_words_for_errors_count_and_prose_does_not() {
        for line in [
            "2026-11-25 08:00:00 ERROR cannot open",
            "[ERROR] x",
            "FATAL: password authentication failed",
            "2026/11/25 08:00:00 [error] 7#7: *1 connect() failed",
            "2026/11/25 08:00:00 [emerg] 7#7: bind() failed",
            "[Wed Nov 25 08:00:00 2026] [core:error] x".replace("core:", "").as_str(),
            r#"{"level":"error","msg":"x"}"#,
            r#"{"level": "fatal"}"#,
            "ts=1 level=error msg=x",
            "panic: runtime error: index out of range",
            "thread 'main' panicked at src/main.rs:1:1:",
            "Traceback (most recent call last):",
            "Exception in thread \"main\" java.lang.Error",
            "PHP Fatal error:  Uncaught TypeError",
            "app[7]: segfault at 0 ip 0",
            "Out of memory: Killed process 7 (app)",
            "java.lang.OutOfMemoryError: heap",
            "Aborted (core dumped)",
        ] {
            assert_eq!(tally("", line).matches, 1, "{line}");
        }
        for line in [
            "0 errors found",
            "error_log is /var/log/x",
            "INFO no error",
            "GET /error HTTP/1.1 200",
            "TERRORIST",
            "level=info msg=\"error handler ready\"",
            "an alert was closed",
            "",
        ] {
            assert_eq!(tally("", line).matches, 0, "{line}");
        }
    }

    #[test]
    fn own_patterns_say_what_counts_and_what_does_not() {
        for (options, lines, want) in [
            ("?match=slow", "slow\nERROR\nslow", 2),
            ("?match=slow%7Cdead", "slow\ndead\nERROR", 2),
            ("?match=(?i)error", "Error\nERROR\nok", 2),
            ("?match=x{1,2}y", "xy\nxxy\ny", 2),
            ("?ignore=favicon", "ERROR favicon\nERROR page", 1),
            ("?match=^a", "a\nba", 1),
            ("?match=\\d+ms$", "took 12ms\nms", 1),
        ] {
            let options = options.replace("%7C", "|");
            assert_eq!(tally(&options, lines).matches, want, "{options}");
        }
    }

    #[test]
    fn what_we_wrote_of_an_error_is_none() {
        for line in [
            "Nov 25 08:00:00 host miraclemax-self-heal[7]: web: still down: ERROR",
            "Nov 25 08:00:00 host miraclemax[7]: web is down: ERROR",
            "miraclemax: ERROR",
        ] {
            assert_eq!(tally("", line).matches, 0, "{line}");
        }
        assert_eq!(tally("", "ERROR in miraclemax.service").matches, 1);
    }

    #[test]
    fn a_stack_trace_counts_once() {
        const PYTHON: &str = "ERROR:root:it broke\nTraceback (most recent call last):\n  \
            File \"x.py\", line 1, in <module>\n    raise ValueError(\"ERROR\")\n\
            ValueError: ERROR\n\nDuring handling of the above exception, another exception occurred:\n\n\
            Traceback (most recent call last):\n  File \"x.py\", line 3\nKeyError: 'ERROR'\n";
        const JAVA: &str = "ERROR Service - failed\njava.lang.IllegalStateException: ERROR\n\
            \tat a.B.c(B.java:1)\nCaused by: java.io.IOException: FATAL\n\t... 3 more\n";
        const GO: &str =
            "panic: ERROR\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/main.go:4 +0x1d\n";
        for trace in [PYTHON, JAVA, GO] {
            assert_eq!(tally("", trace).matches, 1, "{trace}");
            assert_eq!(tally("", &format!("{trace}ERROR again\n")).matches, 2, "{trace}");
        }
        assert_eq!(tally("", "ERROR a\nERROR b\nERROR c").matches, 3);
        let twice = "Traceback (most recent call last):\n  File \"x\"\nValueError: x\n".repeat(2);
        assert_eq!(tally("", &twice).matches, 2);
        assert_eq!(tally("", "INFO x\n  ERROR indented").matches, 1);
    }

    #[test]
    fn the_last_line_is_shown_on_one_line_and_safe() {
        let mut tally = tally("", "ERROR first");
        tally.line(b"ERROR \x1b[31m\xff\0 last\r");
        assert!(tally.last.starts_with("ERROR ") && tally.last.ends_with(" last"), "{tally:?}");
        assert!(!tally.last.contains(|c: char| c.is_control()), "{:?}", tally.last);
        tally.line(&[b"ERROR ".as_slice(), &vec![b'x'; 60_000]].concat());
        assert!(tally.last.chars().count() <= SHOWN + 1, "{}", tally.last.len());
    }

    #[test]
    fn a_wrong_pattern_is_refused() {
        for (text, want) in [
            ("log:/x?match=(", "`(` is no pattern: unclosed group"),
            ("log:/x?match=", "an empty pattern matches every line"),
            ("log:/x?match=.*", "`.*` matches every line"),
            ("log:/x?ignore=a|", "`a|` matches every line"),
            ("log:/x?match=(a{1000}){1000}", "it is too large"),
        ] {
            let found = problem(text);
            assert!(found.contains(want), "{text}: {found}");
        }
    }
}
