//! What a kind that connects to a server does with the connection: has the conversation that is asked for, and
//! holds the time that it took to its limits. Connects to nothing itself.

use std::io::{Read, Result as Done, Write};
use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::text::human_duration;
use crate::probe::limits::{Limits, MAIN};
use crate::probe::talk::{Talk, Wrong};
use crate::probe::{Answer, At};
use crate::sys::clock::{Deadline, Stopwatch};

/// What is asked of the server once it has accepted.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    talk: Option<Talk>,
    under: Option<Duration>,
    time: Limits,
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
    /// Keys: those of [`Talk`]; of the time in seconds until connected or, with a conversation, until its end,
    /// `under` (below which it must be) and those of [`MAIN`].
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let under = fields.duration("under");
        let time = Limits::read(&MAIN, Unit::Seconds, fields);
        Self { talk: Talk::read(fields), under, time }
    }

    /// Whether anything is asked beyond accepting.
    pub(super) fn any(&self) -> bool {
        self.talk.is_some() || self.under.is_some() || self.time.any()
    }

    /// Whether something must be said or heard.
    pub(super) fn talks(&self) -> bool {
        self.talk.is_some()
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
        let said = match &self.talk {
            Some(talk) => match talk.hold(stream, arm, begun.deadline, at.limit) {
                Ok(said) => said,
                Err(Wrong { said, hint }) => {
                    let answer = Answer::down(format!("`{shown}`: {said}")).saying(connected);
                    return match hint {
                        Some(hint) => answer.hinting(hint),
                        None => answer,
                    };
                }
            },
            None => connected,
        };
        self.timed(Answer::up(said), begun.watch.read(), shown, at)
    }

    fn timed(&self, answer: Answer, took: Duration, shown: &str, at: &At<'_>) -> Answer {
        let did = if self.talks() { "answered" } else { "connected" };
        let words = human_duration(took);
        let answer = match self.under {
            Some(under) if took >= under => answer.failing(format!(
                "`{shown}`: {did} too slowly: {words}, expected under {}",
                human_duration(under)
            )),
            _ => answer,
        };
        let number = Measure::new("time", took.as_secs_f64(), Unit::Seconds);
        let number = number.between(Some(0.0), None);
        self.time.hold(answer, number, &format!("`{shown}`: {did} in {words}"), at.before)
    }
}
