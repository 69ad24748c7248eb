//! Better Stack's heartbeats (`https://uptime.betterstack.com/api/v1/heartbeat/TOKEN`): the URL itself, `/fail`, or
//! `/EXIT-STATUS`, with the output as the body. Wire format:
//! <https://betterstack.com/docs/uptime/cron-and-heartbeat-monitor/>. What it answers is not told, so anything good
//! but a page for people is taken for an acceptance.

use std::time::Duration;

use crate::heartbeat::{Ping, Signal, address, body, request};
use crate::sys::http::Request;

/// Bytes of a body; a limit is not told.
const BODY: usize = 10_000;

/// The request for `ping` to the heartbeat at `url`.
pub(super) fn request(url: &str, ping: &Ping<'_>, limit: Duration) -> Result<Request, String> {
    let suffix = match ping.signal {
        Signal::Success | Signal::Start | Signal::Log => String::new(),
        Signal::Fail => "/fail".into(),
        Signal::ExitCode(code) => format!("/{code}"),
    };
    let url = address::build(url, &suffix, None)?;
    Ok(request::post(url, request::TEXT, body::fit(ping.body, BODY).into_owned(), limit))
}
