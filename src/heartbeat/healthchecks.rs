//! Healthchecks, hosted (`https://hc-ping.com/UUID`) or one's own (`https://HOST/ping/UUID`), and by ping key
//! (`…/PING-KEY/SLUG?create=1`). Always POST: a check set to POST only answers 200 to a GET and ignores it.
//! Wire format: <https://healthchecks.io/docs/http_api/>. Never follows a redirect: the URL is a secret.

use std::time::Duration;

use crate::heartbeat::answer::{self, Answer};
use crate::heartbeat::{Ping, Signal, address, body, request};
use crate::sys::http::{Request, Response};

/// Bytes of body that a server keeps unless it says otherwise (`PING_BODY_LIMIT` of a server of one's own).
const BODY_LIMIT: usize = 10_000;
/// The most that is sent whatever a server says; the hosted one keeps 100 kB.
const BODY_MOST: usize = 1_000_000;

/// Pings of one check that come closer may be ignored: it takes five a minute.
pub(super) const SPACING: Duration = Duration::from_secs(12);

/// The request for `ping` to the check at `url`.
pub(super) fn request(url: &str, ping: &Ping<'_>, limit: Duration) -> Result<Request, String> {
    let suffix = match ping.signal {
        Signal::Success => String::new(),
        Signal::Start => "/start".into(),
        Signal::Fail => "/fail".into(),
        Signal::Log => "/log".into(),
        Signal::ExitCode(code) => format!("/{code}"),
    };
    let rid = ping.rid.map(|rid| format!("rid={rid}"));
    let url = address::build(url, &suffix, rid.as_deref())?;
    let body = body::fit(ping.body, ping.body_limit.unwrap_or(BODY_LIMIT).min(BODY_MOST));
    Ok(request::post(url, request::TEXT, body.into_owned(), limit))
}

/// What the answer means. A good status alone is not an acceptance: the hosted service says 200 and
/// `OK (not found)` or `OK (rate limited)` to a UUID URL, and a captive portal says 200 to everything.
pub(super) fn judge(response: &Response) -> Answer {
    let text = String::from_utf8_lossy(&response.body);
    let text = text.trim_start();
    match response.status {
        200 | 201 if text.starts_with("OK (not found)") => {
            Answer::Refused("not found: no such check".into())
        }
        200 | 201 if text.starts_with("OK (rate limited)") => {
            Answer::Later { why: "too many pings: it was ignored".into(), after: Some(SPACING) }
        }
        200 | 201 if text.starts_with("OK (") => {
            Answer::Refused("answered OK with a reservation that is not known here".into())
        }
        200 | 201 if begins_with_word(text, "OK") || begins_with_word(text, "Created") => {
            Answer::Accepted
        }
        404 => Answer::Refused("not found: no such check (404)".into()),
        409 => Answer::Refused("two checks share this slug: the ping was ignored (409)".into()),
        400 => Answer::Refused(
            if text.starts_with("invalid uuid") {
                "the run id was not understood (400)"
            } else {
                "the URL was not understood: an upper-case slug? (400)"
            }
            .into(),
        ),
        _ => answer::of_status(response),
    }
}

/// Bytes of body that the server says it keeps.
pub(super) fn body_limit(response: &Response) -> Option<usize> {
    response.header("ping-body-limit")?.trim().parse().ok()
}

fn begins_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: body.into(),
            took: Duration::ZERO,
            presented: vec![],
            detour: None,
        }
    }

    #[test]
    fn each_signal_has_its_suffix_and_everything_is_posted() {
        let rid = Uuid::parse_str("728b3763-ecd6-4a3e-9fda-6e56d9bd9e2e").unwrap();
        for (signal, want) in [
            (Signal::Success, "https://hc/u?create=1&rid=728b3763-ecd6-4a3e-9fda-6e56d9bd9e2e"),
            (Signal::Start, "https://hc/u/start?create=1&rid=728b3763-ecd6-4a3e-9fda-6e56d9bd9e2e"),
            (Signal::Fail, "https://hc/u/fail?create=1&rid=728b3763-ecd6-4a3e-9fda-6e56d9bd9e2e"),
            (Signal::Log, "https://hc/u/log?create=1&rid=728b3763-ecd6-4a3e-9fda-6e56d9bd9e2e"),
            (
                Signal::ExitCode(0),
                "https://hc/u/0?create=1&rid=728b3763-ecd6-4a3e-9fda-6e56d9bd9e2e",
            ),
            (
                Signal::ExitCode(255),
                "https://hc/u/255?create=1&rid=728b3763-ecd6-4a3e-9fda-6e56d9bd9e2e",
            ),
        ] {
            let ping = Ping { rid: Some(rid), ..Ping::new(signal, "hello") };
            let request = request("https://hc/u?create=1", &ping, Duration::from_secs(7)).unwrap();
            assert_eq!((request.url.as_str(), request.method.as_str()), (want, "POST"));
            assert_eq!((request.body.as_slice(), request.redirects), (&b"hello"[..], 0));
        }
    }

    #[test]
    fn the_body_obeys_the_limit_that_is_known() {
        let text = "x".repeat(200_000);
        let size = |known| {
            let ping = Ping { body_limit: known, ..Ping::new(Signal::Success, &text) };
            request("https://hc/u", &ping, Duration::ZERO).unwrap().body.len()
        };
        assert_eq!((size(None), size(Some(100_000)), size(Some(500))), (10_000, 100_000, 500));
        assert_eq!((size(Some(usize::MAX)), size(Some(0))), (200_000, 0));
    }

    #[test]
    fn only_a_ping_receivers_own_words_are_an_acceptance() {
        let portal = "<html><head><title>Welcome to Hotel</title>OK</html>";
        for (status, body, want) in [
            (200, "OK", None),
            (200, "OK\n", None),
            (201, "Created", None),
            (200, portal, Some("answered 200, but not as a ping receiver does: a captive portal?")),
            (200, "", Some("answered 200, but not as a ping receiver does: a captive portal?")),
            (200, "OKAY", Some("answered 200, but not as a ping receiver does: a captive portal?")),
            (204, "OK", Some("answered 204, but not as a ping receiver does: a captive portal?")),
            (200, "OK (not found)", Some("not found: no such check")),
            (200, "OK (rate limited)", Some("again: too many pings: it was ignored")),
            (404, "not found", Some("not found: no such check (404)")),
            (409, "ambiguous slug", Some("two checks share this slug: the ping was ignored (409)")),
            (400, "invalid uuid format", Some("the run id was not understood (400)")),
            (
                400,
                "invalid url format",
                Some("the URL was not understood: an upper-case slug? (400)"),
            ),
            (503, "OK", Some("again: the service is in trouble (503)")),
        ] {
            let got = match judge(&response(status, body)) {
                Answer::Accepted => None,
                Answer::Refused(why) => Some(why),
                Answer::Later { why, .. } => Some(format!("again: {why}")),
            };
            assert_eq!(got.as_deref(), want, "{status} {body}");
        }
    }
}
