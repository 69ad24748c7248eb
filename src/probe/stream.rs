//! What a kind that connects to a server does with the connection: has the conversation that is asked for, and
//! holds the time that it took to its limits; or minds that there is one. Connects to nothing itself.

use std::io::{Read, Result as Done, Write};
use std::time::Duration;

use crate::model::fields::Fields;
use crate::probe::talk::{Talk, Wrong};
use crate::probe::took::Took;
use crate::probe::{Answer, At};
use crate::sys::clock::{Deadline, Stopwatch};

/// What is asked of the server once it has accepted.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    closed: bool,
    talk: Option<Talk>,
    time: Took,
}

/// Of one look: what it looks at in words, since when, and until when.
pub(super) struct Begun<'a> {
    pub(super) shown: &'a str,
    pub(super) watch: Stopwatch,
    pub(super) deadline: Deadline,
}

impl<'a> Begun<'a> {
    pub(super) fn now(shown: &'a str, at: &At<'_>) -> Self {
        Self { shown, watch: Stopwatch::start(), deadline: Deadline::after(at.limit) }
    }
}

impl Stream {
    /// Keys: `closed` (it must not accept), else those of [`Talk`] and, of the time until connected or, with a
    /// conversation, until its end, those of [`Took`].
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let place = fields.place_of("closed");
        let closed = fields.flag("closed").unwrap_or(false);
        let time = Took::read(fields);
        let talk = Talk::read(fields);
        if closed && (talk.is_some() || time.any()) {
            let message = "`closed` goes with no other key: what must not accept cannot answer";
            fields.wrong(&place, message.into(), None);
        }
        Self { closed, talk, time }
    }

    /// Whether nobody must accept.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    /// Goes on over `stream`, which is `connected` in words; `arm` bounds its next read or write.
    pub(super) fn judge(
        &self,
        begun: &Begun<'_>,
        connected: String,
        stream: &mut (impl Read + Write),
        arm: impl Fn(Duration) -> Done<()>,
        at: &At<'_>,
    ) -> Answer {
        let shown = begun.shown;
        let (did, said) = match &self.talk {
            Some(talk) => match talk.hold(stream, arm, begun.deadline, at.limit) {
                Ok(said) => ("answered", said),
                Err(Wrong { said, hint }) => {
                    let answer = Answer::down(format!("`{shown}`: {said}")).saying(connected);
                    return match hint {
                        Some(hint) => answer.hinting(hint),
                        None => answer,
                    };
                }
            },
            None => ("connected", connected),
        };
        self.time.hold(Answer::up(said), begun.watch.read(), did, shown, at)
    }
}
