//! Push monitors of Uptime Kuma (`https://HOST/api/push/TOKEN`): `status` is `up` or anything else, with `msg` and
//! `ping` (milliseconds). Answers in JSON whether it took it; to a monitor that is paused or gone, 404.

use std::time::Duration;

use serde_json::Value;

use crate::heartbeat::answer::{self, Answer};
use crate::heartbeat::{Ping, Signal, address, body, request};
use crate::sys::http::{Request, Response};

/// Characters of a message: it is in a URL, and in one line of a page.
const MESSAGE: usize = 250;

/// The request for `ping` to the monitor at `url`.
pub(super) fn request(url: &str, ping: &Ping<'_>, limit: Duration) -> Result<Request, String> {
    let status = match ping.signal {
        Signal::Success | Signal::ExitCode(0) | Signal::Start | Signal::Log => "up",
        Signal::Fail | Signal::ExitCode(_) => "down",
    };
    let values = [
        ("status", Some(status.to_owned())),
        ("msg", Some(body::gist(ping, MESSAGE))),
        ("ping", ping.took.map(|took| took.as_millis().to_string())),
    ];
    Ok(request::get(address::with_values(url, "", &values)?, limit))
}

/// What the answer means: only `{"ok":true}` is an acceptance.
pub(super) fn judge(response: &Response) -> Answer {
    let ok =
        serde_json::from_slice::<Value>(&response.body).ok().and_then(|all| all["ok"].as_bool());
    match (response.status, ok) {
        (200, Some(true)) => Answer::Accepted,
        (200, Some(false)) => Answer::Refused("it answered that it is not ok".into()),
        (404, Some(false)) => {
            Answer::Refused("not found: no such monitor, or it is paused (404)".into())
        }
        _ => answer::of_status(response),
    }
}
