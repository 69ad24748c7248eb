//! One request of a channel, and what an answer that is no acceptance means. Follows no redirect, and shows no
//! secret: not in an error, and not where the other side repeats it.

use std::time::Duration;

use serde_json::Value;

use crate::model::leaving::Leaving;
use crate::model::letter::{Outgoing, Sent, Taken};
use crate::model::text::{human_duration, one_line};
use crate::notify::hidden::Hidden;
use crate::sys::clock::Deadline;
use crate::sys::http::{self, Request, Response};
use crate::sys::tls;

/// Bytes of an answer that are read.
const MOST: usize = 16 * 1024;
/// Characters of it that are shown.
const SAID: usize = 200;
/// The longest that the other side can keep us from trying again: an outage that nobody hears of is worse than one
/// more refusal an hour.
const LONGEST: Duration = Duration::from_hours(1);

/// What is asked.
pub(super) struct Call {
    /// `POST`, `PUT` …
    pub(super) method: &'static str,
    /// Where.
    pub(super) url: String,
    /// Names and values.
    pub(super) headers: Vec<(String, String)>,
    /// What is said.
    pub(super) body: Vec<u8>,
}

impl Call {
    /// `body` as JSON, posted.
    pub(super) fn json(url: &str, body: &Value) -> Self {
        Self {
            method: "POST",
            url: url.to_owned(),
            headers: vec![("Content-Type".into(), "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }

    /// Only asks.
    pub(super) fn get(url: String) -> Self {
        Self { method: "GET", url, headers: Vec::new(), body: Vec::new() }
    }

    /// With another header.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As it is shown, when it was made only for that.
    pub(super) fn shown(self) -> Leaving {
        let shown = |(name, value): (String, String)| match value.strip_prefix("Basic ") {
            // Whatever is encoded there.
            Some(_) if name.eq_ignore_ascii_case("authorization") => (name, "Basic ***".to_owned()),
            _ => (name, value),
        };
        Leaving::Request {
            method: self.method.to_owned(),
            url: self.url,
            headers: self.headers.into_iter().map(shown).collect(),
            body: String::from_utf8_lossy(&self.body).into_owned(),
        }
    }

    /// Asks. Without an answer it is for later: a name, a line, a certificate and a URL can all be mended.
    pub(super) fn send(self, by: Deadline, hidden: &Hidden) -> Result<Answer, Sent> {
        let request = Request {
            method: self.method.into(),
            url: self.url,
            headers: self.headers,
            body: self.body,
            limit: by.left(),
            redirects: 0,
            most: MOST,
            unix: None,
            trust: tls::Trust::default(),
        };
        match http::send(&request) {
            Ok(response) => Ok(Answer { response, hidden: hidden.clone() }),
            Err(trouble) => Err(Sent::Later(hidden.scrub(&trouble.to_string()))),
        }
    }
}

/// Asks what `made` makes.
pub(super) fn ask(
    made: impl FnOnce(&mut Hidden) -> Result<Call, Sent>,
    by: Deadline,
) -> Result<Answer, Sent> {
    let mut hidden = Hidden::default();
    made(&mut hidden)?.send(by, &hidden)
}

/// What came back.
pub(super) struct Answer {
    response: Response,
    hidden: Hidden,
}

impl Answer {
    /// Its status.
    pub(super) fn status(&self) -> u16 {
        self.response.status
    }

    /// Its body as JSON; null when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.response.body).unwrap_or_default()
    }

    /// Its body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.response.body).into_owned()
    }

    /// It is one of acceptance, in these words.
    pub(super) fn accepted(&self, words: &str) -> Sent {
        Sent::Accepted(one_line(&self.hidden.scrub(words), SAID).into())
    }

    /// The same, of a message that the other side calls so.
    pub(super) fn accepted_as(&self, words: &str, handle: String) -> Sent {
        let said = one_line(&self.hidden.scrub(words), SAID);
        Sent::Accepted(Taken { said, handle: Some(handle) })
    }

    /// It is none of acceptance. `said` is what it says of that; `after` when it tells elsewhere than in its header
    /// how long to wait.
    ///
    /// Refused for good is only what is said of this very message (400, 413, 415, 422). What is said of the address,
    /// the login or the server can be mended, and the message waits meanwhile.
    pub(super) fn refused(&self, said: &str, after: Option<Duration>) -> Sent {
        let said = one_line(self.hidden.scrub(said).trim(), SAID);
        let mut why = match self.status() {
            200..=299 => format!("{}, but not as expected", self.response.status_line()),
            300..=399 => format!("{}: redirected", self.response.status_line()),
            _ => self.response.status_line(),
        };
        if !said.is_empty() {
            why = format!("{why}: {said}");
        }
        let asked = after.or_else(|| self.response.retry_after()).filter(|after| !after.is_zero());
        match (self.status(), asked) {
            (429 | 500..=599, Some(after)) => {
                let after = after.min(LONGEST);
                Sent::Busy { why: format!("{why} (again in {})", human_duration(after)), after }
            }
            (400 | 413 | 415 | 422, _) => Sent::Never(why),
            _ => Sent::Later(why),
        }
    }

    /// The same, with its own text as what it says.
    pub(super) fn refused_as_said(&self) -> Sent {
        self.refused(&self.text(), None)
    }
}

/// What is said of the way there and not of the message can be mended, whatever its status.
pub(super) fn mendable(refused: Sent, of_the_way: bool) -> Sent {
    match refused {
        Sent::Never(why) if of_the_way => Sent::Later(why),
        other => other,
    }
}

/// What the first message is called once all is over that it told of.
pub(super) fn last_title(out: &Outgoing<'_>) -> String {
    let subject = &out.letter.subject;
    match out.reply_to {
        Some(first) if first.tells > out.stories.len() => {
            format!("{subject} (the last of {})", first.tells)
        }
        _ => subject.clone(),
    }
}

/// A number of seconds as others write it: `5`, `0.65`.
pub(super) fn seconds(value: &Value) -> Option<Duration> {
    value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}
