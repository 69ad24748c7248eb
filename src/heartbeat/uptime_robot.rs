//! Heartbeat monitors of `UptimeRobot` (`https://heartbeat.uptimerobot.com/mID-TOKEN`): being asked for is all they
//! know. Described at <https://uptimerobot.com/blog/new-feature-heartbeat-monitoring/>; what they answer is not, so
//! anything good but a page for people is taken for an acceptance.

use std::time::Duration;

use crate::heartbeat::{address, request};
use crate::sys::http::Request;

/// The request for a ping of the monitor at `url`.
pub(super) fn request(url: &str, limit: Duration) -> Result<Request, String> {
    Ok(request::get(address::build(url, "", None)?, limit))
}
