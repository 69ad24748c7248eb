//! What leaves: a composed letter, the names that hold the letters of one incident together, and what became
//! of sending one. Values only; `report` composes, `notify` sends.

use std::time::Duration;

use crate::model::story::Story;

/// A letter, ready for any channel. Plain text, no control characters but the body's line feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Lines under 78 characters, each ended by a line feed.
    pub body: String,
    /// The same in every letter of one incident (see [`thread`]), so that readers can show them together.
    pub thread: String,
}

/// A letter on its way, with what it tells: some channels take the one, some the other.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// All of it in words.
    pub letter: &'a Letter,
    /// The same whenever the same stories are sent again; safe as a `Message-ID`.
    pub id: &'a str,
    /// What it tells; at least one, and several when it is a digest.
    pub stories: &'a [&'a Story],
    /// How long an outage that it tells of counts as going on, unless it is told again.
    pub holds: Duration,
    /// The first message of the same incident over this channel, where it gave it a name.
    pub reply_to: Option<First<'a>>,
}

/// A message that a channel took before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct First<'a> {
    /// The channel's own name for it ([`Taken::handle`]).
    pub handle: &'a str,
    /// What it said: the beginning of its letter's body.
    pub body: &'a str,
    /// How many incidents it told of: one, or more when it was a digest.
    pub tells: usize,
    /// Whether with this letter all of them are over, so that it may be made to show that.
    pub over: bool,
}

/// An outage that goes on, as much of it as names it.
#[derive(Debug, Clone, Copy)]
pub struct Ongoing<'a> {
    /// Host name.
    pub host: &'a str,
    /// The service; empty for the host itself.
    pub service: &'a str,
    /// Its `critical`.
    pub critical: bool,
    /// The incident's id.
    pub incident: &'a str,
    /// When it was confirmed.
    pub opened: jiff::Timestamp,
    /// Why it was down.
    pub reason: &'a str,
}

/// What the other side said when it took a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its words.
    pub said: String,
    /// Its name for the message, where a later one can be put under it: see [`Outgoing::reply_to`].
    pub handle: Option<String>,
}

impl<T: Into<String>> From<T> for Taken {
    fn from(said: T) -> Self {
        Self { said: said.into(), handle: None }
    }
}

/// What became of sending a letter over one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The other side said that it has it. No proof that anybody will read it.
    Accepted(Taken),
    /// Not sent, and why; the same letter may go later: no connection, no answer in time, a temporary
    /// refusal, or something that a person can mend here (a wrong password, a certificate).
    Later(String),
    /// Not sent, and why; the other side asks not to be asked again for so long.
    Busy {
        /// Its words.
        why: String,
        /// From now.
        after: Duration,
    },
    /// Not sent, and why; this letter will never be taken: a bad address, a refusal for good.
    Never(String),
}

impl Sent {
    /// Why it was not accepted; none when it was.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Accepted(_) => None,
            Self::Later(why) | Self::Busy { why, .. } | Self::Never(why) => Some(why),
        }
    }
}

/// Names the incident of a story among all hosts: `web-20260102T030405Z@host`. Safe as a `Message-ID`.
pub fn thread(story: &Story) -> String {
    let incident = if story.incident.is_empty() { story.change.word() } else { &story.incident };
    format!("{}@{}", atom(incident), domain(&story.host))
}

/// Names this one story, the same however often it is sent: `web-20260102T030405Z.failed.1767323045@host`.
/// Safe as a `Message-ID`, so that a letter sent twice by accident is one for the reader.
pub fn message_id(story: &Story) -> String {
    let thread = thread(story);
    let (incident, host) = thread.split_once('@').unwrap_or((&thread, "localhost"));
    format!("{incident}.{}.{}@{host}", story.change.word(), story.at.as_second())
}

/// Names a letter of several stories: by its first story, how many it tells, and when the last of them happened.
pub fn digest_thread(stories: &[&Story]) -> String {
    let Some(first) = stories.first() else { return String::new() };
    let thread = thread(first);
    let (incident, host) = thread.split_once('@').unwrap_or((&thread, "localhost"));
    let at = stories.iter().map(|story| story.at.as_second()).max().unwrap_or_default();
    let change = first.change.word();
    format!("digest-{}.{incident}.{change}.{at}@{host}", stories.len())
}

/// `text` as a dot-atom of RFC 5322, 3.2.3, letters and digits kept: what else stands in it becomes `-`.
fn atom(text: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    text.chars().take(120).map(kept).collect()
}

fn domain(host: &str) -> String {
    let labels: Vec<String> = host.split('.').filter(|l| !l.is_empty()).map(atom).collect();
    if labels.is_empty() { "localhost".into() } else { labels.join(".") }
}
