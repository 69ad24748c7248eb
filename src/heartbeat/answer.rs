//! What an answer, or none, means for a ping: the part that all services share. Never quotes the answer's
//! body, which may repeat the URL.

use std::time::Duration;

use crate::model::text::one_line;
use crate::sys::http::{Response, Trouble};

/// What one try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The service took it.
    Accepted,
    /// Not accepted, and trying again would not help.
    Refused(String),
    /// Not accepted; it may be later.
    Later {
        /// Why, in words.
        why: String,
        /// How long the service asked to be left alone.
        after: Option<Duration>,
    },
}

impl Answer {
    /// [`Answer::Later`] with nothing said about when.
    pub(super) fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after: None }
    }
}

/// Nothing came back.
pub(super) fn of_trouble(trouble: &Trouble) -> Answer {
    let why = one_line(&trouble.to_string(), 200);
    match trouble {
        Trouble::Request(_) => Answer::Refused(why),
        Trouble::Resolve(_)
        | Trouble::Connect(_)
        | Trouble::Tls(_)
        | Trouble::Here(_)
        | Trouble::Timeout(_)
        | Trouble::Protocol(_) => Answer::later(why),
    }
}

/// An answer that no service takes for an acceptance.
pub(super) fn of_status(response: &Response) -> Answer {
    let status = response.status;
    let refused = |why: &str| Answer::Refused(format!("{why} ({status})"));
    let later = |why: &str| Answer::Later {
        why: format!("{why} ({status})"),
        after: response.retry_after(),
    };
    match status {
        200..=299 => portal(response),
        300..=399 => refused("redirected"),
        401 | 403 => refused("not allowed"),
        404 => refused("not found"),
        408 => later("timed out there"),
        410 => refused("gone"),
        425 => later("too early"),
        429 => later("too many requests"),
        500..=599 => later("the service is in trouble"),
        _ => refused("not taken"),
    }
}

/// A good status with the wrong words under it.
pub(super) fn portal(response: &Response) -> Answer {
    let status = response.status;
    Answer::Refused(format!(
        "answered {status}, but not as a ping receiver does: a captive portal?"
    ))
}

/// What a good answer means where the service's words are not documented: an acceptance, unless it is a page for
/// people, which is what a captive portal gives.
pub(super) fn plain(response: &Response) -> Answer {
    if matches!(response.status, 200..=299) && !is_page(response) {
        return Answer::Accepted;
    }
    of_status(response)
}

/// Whether this is HTML, by what it says of itself or begins with.
fn is_page(response: &Response) -> bool {
    let said = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let begins = response.body.iter().find(|byte| !byte.is_ascii_whitespace());
    said.contains("html") || begins == Some(&b'<')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        Response {
            status,
            headers,
            body: Vec::new(),
            took: Duration::ZERO,
            presented: vec![],
            detour: None,
        }
    }

    #[test]
    fn every_status_has_its_word_and_only_some_are_worth_another_try() {
        for (status, want, again) in [
            (204, "answered 204, but not as a ping receiver does: a captive portal?", false),
            (301, "redirected (301)", false),
            (307, "redirected (307)", false),
            (400, "not taken (400)", false),
            (401, "not allowed (401)", false),
            (404, "not found (404)", false),
            (405, "not taken (405)", false),
            (408, "timed out there (408)", true),
            (410, "gone (410)", false),
            (425, "too early (425)", true),
            (429, "too many requests (429)", true),
            (500, "the service is in trouble (500)", true),
            (503, "the service is in trouble (503)", true),
        ] {
            let got = match of_status(&response(status, &[])) {
                Answer::Later { why, after: None } => (why, true),
                Answer::Refused(why) => (why, false),
                other => panic!("{status}: {other:?}"),
            };
            assert_eq!(got, (want.to_owned(), again));
        }
    }

    #[test]
    fn a_page_for_people_is_no_acceptance() {
        let html = &[("content-type", "text/HTML; charset=utf-8")][..];
        for (status, headers, body, want) in [
            (200, &[][..], "", true),
            (202, &[][..], "thanks", true),
            (200, html, "", false),
            (200, &[][..], "\n <!doctype html>", false),
            (302, &[][..], "", false),
            (511, html, "", false),
        ] {
            let answer = plain(&Response { body: body.into(), ..response(status, headers) });
            assert_eq!(answer == Answer::Accepted, want, "{status} {body}: {answer:?}");
        }
    }

    #[test]
    fn retry_after_counts_in_seconds_or_from_the_answers_own_date() {
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        for (headers, want) in [
            (vec![("retry-after", "120")], Some(120)),
            (vec![("retry-after", " 0 ")], Some(0)),
            (vec![("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT"), date], Some(90)),
            (vec![("retry-after", "Wed, 21 Oct 2015 07:00:00 GMT"), date], Some(0)),
            (vec![("retry-after", "Wed, 21 Oct 2015 07:00:00 GMT")], Some(0)),
            (vec![("retry-after", "soon"), date], None),
            (vec![], None),
        ] {
            let got = response(429, &headers).retry_after();
            assert_eq!(got, want.map(Duration::from_secs), "{headers:?}");
        }
    }

    #[test]
    fn only_a_wrong_request_is_not_worth_another_try() {
        let why = |text: &str| text.to_owned();
        for (trouble, again) in [
            (Trouble::Resolve(why("x")), true),
            (Trouble::Connect(why("refused")), true),
            (Trouble::Tls(why("x")), true),
            (Trouble::Timeout(why("x")), true),
            (Trouble::Protocol(why("x")), true),
            (Trouble::Request(why("x")), false),
        ] {
            let answer = of_trouble(&trouble);
            assert_eq!(matches!(answer, Answer::Later { .. }), again, "{answer:?}");
        }
    }
}
