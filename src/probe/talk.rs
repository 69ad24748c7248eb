//! A few words with a server over a stream that is already there, as line protocols have them: a banner (SMTP,
//! SSH), a question and its answer (Redis, memcached). Knows no protocol; hears at most [`MOST`], and never
//! waits longer than it was told, however the answer drips.

use std::io::{Error, ErrorKind, Read, Result as Done, Write};
use std::time::Duration;

use regex_lite::{Regex, RegexBuilder};

use crate::model::fields::Fields;
use crate::model::node::Value;
use crate::model::text::{human_duration, human_size, one_line};
use crate::sys::clock::Deadline;
use crate::sys::why::why;

/// At most this much of what a server says is heard, in one conversation.
const MOST: usize = 64 * 1024;
/// At most this many characters of it are shown.
const SHOWN: usize = 80;

/// What is said, and what must be answered: turn by turn.
#[derive(Debug, Clone)]
pub(super) struct Talk(Vec<Turn>);

#[derive(Debug, Clone)]
struct Turn {
    /// None where the server speaks first.
    send: Option<Vec<u8>>,
    expect: Expect,
}

/// What an answer must be.
#[derive(Debug, Clone)]
enum Expect {
    /// A line begins with it. The text is as it was written.
    Begins(Vec<u8>, String),
    /// Something in it matches; `^` and `$` are the ends of a line.
    Matches(Regex),
}

/// Why the conversation was not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// To follow the server's name.
    pub(super) said: String,
    /// What a person can write instead.
    pub(super) hint: Option<String>,
}

impl Talk {
    /// Keys: `send` and `expect`, each a text or a list of them, in turns. With one `expect` more than there is
    /// to send the server speaks first, else we do. None when there are neither, or they do not fit together.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let place = fields.place_of(if fields.has("send") { "send" } else { "expect" });
        let (asked_send, asked_expect) = (fields.has("send"), fields.has("expect"));
        let send = texts("send", fields, |text| match text {
            "" => Err("is empty: nothing would be said".into()),
            text => unescaped(text),
        });
        let expect = texts("expect", fields, Expect::parse);
        if asked_send && send.is_none() || asked_expect && expect.is_none() {
            return None;
        }
        let (send, expect) = (send.unwrap_or_default(), expect.unwrap_or_default());
        let (said, heard) = (send.len(), expect.len());
        if heard != said && heard != said + 1 {
            let message =
                format!("`send` and `expect` cannot take turns: there are {said} and {heard}");
            let hint =
                "each `send` has its `expect`; one `expect` more is what the server says first";
            fields.wrong(&place, message, Some(hint.into()));
            return None;
        }
        let first = (heard > said).then_some(None);
        let send = first.into_iter().chain(send.into_iter().map(Some));
        let turns: Vec<_> = send.zip(expect).map(|(send, expect)| Turn { send, expect }).collect();
        (!turns.is_empty()).then_some(Self(turns))
    }

    /// Has the conversation over `stream`, until `deadline`, which is `limit` in words. `arm` bounds the next
    /// read or write of the stream to the time that it is given. What was answered at last, or what is wrong.
    pub(super) fn hold(
        &self,
        stream: &mut (impl Read + Write),
        arm: impl Fn(Duration) -> Done<()>,
        deadline: Deadline,
        limit: Duration,
    ) -> Result<String, Wrong> {
        let mut ear = Ear { stream, arm, deadline, heard: Vec::new(), from: 0 };
        let mut last = String::new();
        for Turn { send, expect } in &self.0 {
            // One that hung up after a last word has still said that word; one that does not read does not
            // answer either. So what comes back tells more than that something could not be sent.
            let _ = send.as_ref().map_or(Ok(()), |words| ear.say(words));
            last = ear
                .hear(expect)
                .map_err(|end| expect.missed(&ear.heard[ear.from..], &end, limit))?;
        }
        Ok(format!("answered `{last}`"))
    }
}

/// How it ended before what was expected came.
enum End {
    /// The time is up.
    Late,
    /// The server hung up.
    Closed,
    /// It has said more than is heard.
    Full,
    /// The connection broke.
    Broken(String),
}

struct Ear<'s, S, A> {
    stream: &'s mut S,
    arm: A,
    deadline: Deadline,
    heard: Vec<u8>,
    /// What comes before has had its turn.
    from: usize,
}

impl<S: Read + Write, A: Fn(Duration) -> Done<()>> Ear<'_, S, A> {
    /// Bounds the next call; an error when the time is up. The system ends a long wait up to an eighth of it too
    /// late, so that most of the time is waited first, and then the rest.
    fn arm(&self) -> Done<()> {
        match self.deadline.left() {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left if left > Duration::from_millis(100) => (self.arm)(left * 3 / 4),
            left => (self.arm)(left),
        }
    }

    /// Whether a call only ended because it had no more time, and there is some.
    fn again(&self, err: &Error) -> bool {
        // The system's word for "no time left" differs.
        let late = matches!(err.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock);
        err.kind() == ErrorKind::Interrupted || late && !self.deadline.passed()
    }

    fn say(&mut self, mut words: &[u8]) -> Done<()> {
        while !words.is_empty() {
            self.arm()?;
            match self.stream.write(words) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => words = &words[count..],
                Err(err) if self.again(&err) => {}
                Err(err) => return Err(err),
            }
        }
        self.arm()?;
        self.stream.flush()
    }

    /// Listens until it comes. The lines up to the one that it ends in have had their turn then, and that one
    /// is the answer.
    fn hear(&mut self, expect: &Expect) -> Result<String, End> {
        let mut ended = None;
        loop {
            let new = &self.heard[self.from..];
            if let Some(end) = expect.found(new, ended.is_some()) {
                let begin =
                    new[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                let line = new[begin..].iter().position(|byte| *byte == b'\n');
                let line = line.map_or(new.len(), |length| begin + length + 1);
                let answer = shown(&new[begin..line]);
                self.from += line;
                return Ok(answer);
            }
            match ended {
                Some(end) => return Err(end),
                None => ended = self.more(),
            }
        }
    }

    /// Listens once. Why nothing more will come, if so.
    fn more(&mut self) -> Option<End> {
        let mut room = [0; 4096];
        let most = room.len().min(MOST - self.heard.len());
        if most == 0 {
            return Some(End::Full);
        }
        match self.arm().and_then(|()| self.stream.read(&mut room[..most])) {
            Ok(0) => Some(End::Closed),
            Ok(count) => {
                self.heard.extend(&room[..count]);
                None
            }
            Err(err) if self.again(&err) => None,
            Err(err) => match err.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock => Some(End::Late),
                ErrorKind::UnexpectedEof => Some(End::Closed),
                _ => Some(End::Broken(why(&err))),
            },
        }
    }
}

impl Expect {
    /// Text that a line begins with, or a regular expression between slashes.
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("is empty, and anything begins with nothing".into());
        }
        match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(pattern) if !pattern.is_empty() => {
                let regex = RegexBuilder::new(pattern).multi_line(true).crlf(true).build();
                regex.map(Self::Matches).map_err(|err| format!("is no regular expression: {err}"))
            }
            _ => Ok(Self::Begins(unescaped(text)?, text.to_owned())),
        }
    }

    /// Where it ends in `heard`, or a place in the same line. Until it has `ended`, what would be found only
    /// because the rest of a line has not come yet is not found.
    fn found(&self, heard: &[u8], ended: bool) -> Option<usize> {
        match self {
            Self::Begins(text, _) => {
                let lines = heard.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
                let mut begins = std::iter::once(0).chain(lines.map(|(at, _)| at + 1));
                let at = begins.find(|at| heard[*at..].starts_with(text))?;
                Some(at + text.len())
            }
            Self::Matches(regex) => {
                let lossy = String::from_utf8_lossy(heard);
                let end = regex.find(&lossy)?.end();
                let settled = |more| regex.is_match(&format!("{lossy}{more}"));
                if !ended && !heard.ends_with(b"\n") && !["x", " "].into_iter().all(settled) {
                    return None;
                }
                // In which line is the same in both, the byte need not be.
                let lines = lossy[..end].matches('\n').count();
                let mut ends = heard.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
                Some(
                    lines
                        .checked_sub(1)
                        .and_then(|last| ends.nth(last))
                        .map_or(0, |(at, _)| at + 1),
                )
            }
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Begins(_, written) => one_line(written, SHOWN),
            Self::Matches(regex) => one_line(&format!("/{}/", regex.as_str()), SHOWN),
        }
    }

    fn missed(&self, heard: &[u8], end: &End, limit: Duration) -> Wrong {
        let got = shown(heard);
        let got = match end {
            End::Late if heard.is_empty() => {
                format!("said nothing within {}", human_duration(limit))
            }
            End::Closed if heard.is_empty() => "closed the connection without a word".to_owned(),
            End::Broken(why) if heard.is_empty() => format!("broke off: {why}"),
            End::Full => format!("answered {} of `{got}`", human_size(MOST as u64)),
            End::Late | End::Closed | End::Broken(_) => format!("answered `{got}`"),
        };
        let inside = match self {
            Self::Begins(text, _) => heard.windows(text.len()).any(|part| part == text),
            Self::Matches(_) => false,
        };
        let expected = self.shown();
        let hint = format!("no line begins with `{expected}`; `expect=/…/` looks anywhere");
        Wrong { said: format!("{got}, expected `{expected}`"), hint: inside.then_some(hint) }
    }
}

/// What was heard, safe to be shown.
fn shown(heard: &[u8]) -> String {
    // Far more than is shown of it, so that what is cut off costs nothing.
    let heard = &heard[..heard.len().min(SHOWN * 8)];
    one_line(String::from_utf8_lossy(heard).replace("\r\n", "\n").trim_start(), SHOWN)
}

/// With `\r`, `\n`, `\t`, `\\` and `\xNN` replaced by the bytes that they stand for.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.extend(c.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        let escape = rest.next();
        out.push(match escape {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('\\') => b'\\',
            Some('x') => {
                let hex: String = rest.by_ref().take(2).collect();
                let whole = hex.len() == 2 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
                let byte = u8::from_str_radix(&hex, 16).ok().filter(|_| whole);
                byte.ok_or_else(|| format!("`\\x{hex}`: two hexadecimal digits must follow `\\x`"))?
            }
            _ => {
                let found: String = escape.into_iter().collect();
                return Err(format!(
                    "`\\{found}` stands for nothing; there are `\\r`, `\\n`, `\\t`, `\\\\` and `\\xNN`"
                ));
            }
        });
    }
    Ok(out)
}

/// A text or a list of them, each parsed; none when there is none, or a problem with one. The short form
/// has no lists, so that a comma is a comma there.
fn texts<T>(
    key: &'static str,
    fields: &mut Fields<'_>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<Vec<T>> {
    let place = fields.place_of(key);
    let one = |value: &Value| match value {
        Value::Text(text) | Value::Word(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    };
    let texts = fields.read(key, "a string or a list of strings", |value| match value {
        Value::List(items) => items.iter().map(|item| one(&item.value)).collect(),
        value => one(value).map(|text| vec![text]),
    })?;
    let parsed: Result<Vec<T>, String> = texts.iter().map(|text| parse(text)).collect();
    parsed.map_err(|why| fields.wrong(&place, format!("`{key}`: {why}"), None)).ok()
}

#[cfg(test)]
mod tests;
