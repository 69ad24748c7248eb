//! The only HTTP client. Every request has a deadline and a bound on what is read; TLS is verified against
//! the host's trust store, which is loaded only when an `https` URL is asked for. Never follows a redirect
//! unless told to, never puts a URL into an error (it may be a secret).

use std::path::PathBuf;
use std::time::Duration;

/// What to ask.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, `HEAD`, `PUT` …
    pub method: String,
    /// `http://` or `https://`.
    pub url: String,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    /// Sent with `Content-Length`, also when empty, for methods that have a body.
    pub body: Vec<u8>,
    /// Bound on the whole exchange, redirects included.
    pub limit: Duration,
    /// How many redirects are followed; 0 hands the redirect itself back.
    pub redirects: u32,
    /// At most this much of the answer's body is read.
    pub most: usize,
    /// Connect to this unix socket instead of the URL's host.
    pub unix: Option<PathBuf>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// At most [`Request::most`] bytes.
    pub body: Vec<u8>,
    /// From the first byte sent to the last byte read.
    pub took: Duration,
}

/// Why nothing came back, in words that never contain the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The name does not resolve.
    Resolve(String),
    /// No connection: refused, unreachable.
    Connect(String),
    /// The certificate or the handshake is wrong.
    Tls(String),
    /// The deadline passed; in which phase.
    Timeout(String),
    /// The answer is not HTTP, or broke off.
    Protocol(String),
    /// The request cannot be made: the URL is wrong.
    Request(String),
}

impl Response {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}
