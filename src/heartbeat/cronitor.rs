//! Cronitor's telemetry (`https://cronitor.link/p/API-KEY/MONITOR`): `state` is `run`, `complete` or `fail`, `series`
//! pairs start and end. Wire format: <https://cronitor.io/docs/telemetry-api>. A monitor that does not exist is made
//! by its first ping there, so a typo is no error. What it answers is not told, so anything good but a page for
//! people is taken for an acceptance.

use std::time::Duration;

use crate::heartbeat::{Ping, Signal, address, body, request};
use crate::sys::http::Request;

/// Bytes of a message; it keeps 2000 characters, and in the URL each may become three.
const MESSAGE: usize = 1000;

/// The request for `ping` to the monitor at `url`.
pub(super) fn request(url: &str, ping: &Ping<'_>, limit: Duration) -> Result<Request, String> {
    let (state, code) = match ping.signal {
        Signal::Start => ("run", None),
        Signal::Success | Signal::Log => ("complete", None),
        Signal::Fail => ("fail", None),
        Signal::ExitCode(0) => ("complete", Some(0)),
        Signal::ExitCode(code) => ("fail", Some(code)),
    };
    let text = (!ping.body.is_empty()).then(|| body::fit(ping.body, MESSAGE).into_owned());
    let values = [
        ("state", Some(state.to_owned())),
        ("message", text),
        ("series", ping.rid.map(|rid| rid.to_string())),
        ("status_code", code.map(|code: u8| code.to_string())),
        ("metric", ping.took.map(|took| format!("duration:{:.3}", took.as_secs_f64()))),
        ("host", Some(ping.host())),
    ];
    Ok(request::get(address::with_values(url, "", &values)?, limit))
}
