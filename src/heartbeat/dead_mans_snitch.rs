//! Dead Man's Snitch (`https://nosnch.in/TOKEN`): a check-in with a message (`m`) and an exit status (`s`, anything
//! but 0 is an error). Wire format: <https://deadmanssnitch.com/docs>, and the vendor's own client.

use std::time::Duration;

use crate::heartbeat::answer::{self, Answer};
use crate::heartbeat::{Ping, Signal, address, body, request};
use crate::sys::http::{Request, Response};

/// Characters of a message; it keeps 256, and one more marks a cut.
const MESSAGE: usize = 255;

/// The request for `ping` to the snitch at `url`.
pub(super) fn request(url: &str, ping: &Ping<'_>, limit: Duration) -> Result<Request, String> {
    let status = match ping.signal {
        Signal::ExitCode(code) => Some(code.to_string()),
        Signal::Fail => Some("1".into()),
        Signal::Success | Signal::Start | Signal::Log => None,
    };
    let values = [("m", Some(body::gist(ping, MESSAGE))), ("s", status)];
    Ok(request::get(address::with_values(url, "", &values)?, limit))
}

/// What the answer means: 202 and thanks.
pub(super) fn judge(response: &Response) -> Answer {
    let thanks = response.body.trim_ascii_start().starts_with(b"Got it");
    match response.status {
        202 => answer::plain(response),
        200 if thanks => Answer::Accepted,
        200 => answer::portal(response),
        404 => Answer::Refused("not found: no such snitch (404)".into()),
        _ => answer::of_status(response),
    }
}
