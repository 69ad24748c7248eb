//! The shape that requests of all services share. Never follows a redirect: what is sent is secret, and a
//! captive portal's redirect must not end in its page.

use std::time::Duration;

use crate::sys::http::Request;
use crate::sys::tls::Trust;

/// Plain text, as a `Content-Type`.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// JSON, as a `Content-Type`.
pub(super) const JSON: &str = "application/json";
/// Most that is read of an answer, in bytes.
const MOST: usize = 4096;

/// Asks for `url`, and brings nothing.
pub(super) fn get(url: String, limit: Duration) -> Request {
    Request {
        method: "GET".into(),
        url,
        headers: Vec::new(),
        body: Vec::new(),
        limit,
        redirects: 0,
        most: MOST,
        unix: None,
        trust: Trust::default(),
    }
}

/// Brings `body` to `url`.
pub(super) fn post(url: String, kind: &str, body: String, limit: Duration) -> Request {
    Request {
        method: "POST".into(),
        headers: vec![("Content-Type".into(), kind.into())],
        body: body.into_bytes(),
        ..get(url, limit)
    }
}
