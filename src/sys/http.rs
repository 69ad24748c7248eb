//! The only HTTP client. Every request has a deadline and a bound on what is read; TLS is verified against
//! the host's trust store, which is loaded only when an `https` URL is asked for. Never follows a redirect
//! unless told to, never puts a URL into an error (it may be a secret).

mod line;

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{Method, Uri};
use ureq::unversioned::transport::{ConnectProxyConnector, TcpConnector};
use ureq::{Agent, Body, Error, Proxy};

use crate::sys::clock::{Deadline, Stopwatch};
use crate::sys::http::line::{Names, Net, Tls, Unix};
use crate::sys::tls::{Noted, Presented, Trust};
use crate::sys::why::why;

/// Sent unless the request has another `User-Agent`.
const USER_AGENT: &str = concat!("miraclemax/", env!("CARGO_PKG_VERSION"));
/// A head longer than this is no answer. ureq's own buffers are eight times as large, for every request.
const BUFFER: usize = 16 * 1024;

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
    /// What an `https` server's certificate is held to.
    pub trust: Trust,
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
    /// What servers showed in handshakes: with redirects there can be several.
    pub presented: Vec<Presented>,
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
    /// No TLS for want of something on this host: nothing is known of the server.
    Here(String),
    /// The deadline passed; in which phase.
    Timeout(String),
    /// The answer is not HTTP, or broke off.
    Protocol(String),
    /// The request cannot be made: the URL is wrong.
    Request(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(why) => write!(f, "the name does not resolve: {why}"),
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::Tls(why) | Self::Here(why) => write!(f, "no TLS connection: {why}"),
            Self::Timeout(doing) => write!(f, "timed out while {doing}"),
            Self::Protocol(why) => write!(f, "no valid HTTP answer: {why}"),
            Self::Request(why) => write!(f, "the request cannot be made: {why}"),
        }
    }
}

impl std::error::Error for Trouble {}

impl Response {
    /// `HTTP 200 OK`; the code alone where it has no usual phrase.
    pub fn status_line(&self) -> String {
        let code = ureq::http::StatusCode::from_u16(self.status).ok();
        match code.and_then(|code| code.canonical_reason()) {
            Some(phrase) => format!("HTTP {} {phrase}", self.status),
            None => format!("HTTP {}", self.status),
        }
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Asks once, and reads at most [`Request::most`] bytes of the answer's body. Whatever the other side does, it
/// comes back by [`Request::limit`], give or take one read; only writing a large body to a side that takes
/// single bytes can last longer, so a caller that must not be held leaves its thread behind.
///
/// The environment's proxy (`HTTPS_PROXY`, `NO_PROXY` …) is used, but never for this host itself.
pub fn send(request: &Request) -> Result<Response, Trouble> {
    let watch = Stopwatch::start();
    let uri = parse(&request.url)?;
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| Trouble::Request("no such method".into()))?;
    let has_body = matches!(method, Method::POST | Method::PUT | Method::PATCH);
    let noted = Arc::new(Noted::default());
    let agent = agent(request, &uri, &noted);
    let mut head = ureq::http::Request::builder().method(method).uri(uri);
    for (name, value) in &request.headers {
        head = head.header(name, value);
    }
    let wrong = |_| Trouble::Request("a header is not valid".into());
    let answer = if has_body {
        agent.run(head.body(request.body.as_slice()).map_err(wrong)?)
    } else {
        agent.run(head.body(()).map_err(wrong)?)
    };
    let answer = answer.map_err(|err| trouble(err, "waiting for the answer"))?;
    let (head, body) = answer.into_parts();
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Ok(Response {
        status: head.status.as_u16(),
        headers: headers.collect(),
        body: read(body, request.most)?,
        took: watch.read(),
        presented: noted.take(),
    })
}

/// Whether `url` is one that [`send`] can be asked for; the error never contains it.
pub fn valid(url: &str) -> Result<(), Trouble> {
    parse(url).map(drop)
}

fn parse(url: &str) -> Result<Uri, Trouble> {
    let uri: Uri =
        url.parse().map_err(|err| Trouble::Request(format!("the URL is wrong: {err}")))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => Ok(uri),
        (Some("http" | "https"), _) => Err(Trouble::Request("the URL names no host".into())),
        _ => Err(Trouble::Request("the URL does not begin with `http://` or `https://`".into())),
    }
}

fn agent(request: &Request, uri: &Uri, noted: &Arc<Noted>) -> Agent {
    let proxy = if request.unix.is_some() || is_here(uri) { None } else { Proxy::try_from_env() };
    let config = Config::builder()
        .timeout_global(Some(request.limit))
        .http_status_as_error(false)
        .max_redirects(request.redirects)
        .max_redirects_will_error(false)
        .user_agent(USER_AGENT)
        // The body is wanted as it is sent; nothing here unpacks it.
        .accept_encoding("identity")
        // Every look makes a connection of its own: an old one proves nothing about accepting new ones.
        .max_idle_connections(0)
        .max_idle_connections_per_host(0)
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        // A full buffer without the end of the head in it is over the size; else it would look like the end of all.
        .max_response_header_size(BUFFER - 1)
        .proxy(proxy)
        .build();
    if let Some(path) = &request.unix {
        return Agent::with_parts(config, Unix(path.clone()), Names { unix: true });
    }
    let (trust, noted) = (request.trust.clone(), Arc::clone(noted));
    let tls = Tls { trust, noted, deadline: Deadline::after(request.limit) };
    let (proxy, tcp) = (ConnectProxyConnector::default(), TcpConnector::default());
    Agent::with_parts(config, Net { proxy, tcp, tls }, Names { unix: false })
}

/// This very host, by its usual names.
fn is_here(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn read(body: Body, most: usize) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    if most > 0 {
        let bound = u64::try_from(most).unwrap_or(u64::MAX);
        body.into_reader()
            .take(bound)
            .read_to_end(&mut bytes)
            .map_err(|err| trouble(err.into(), "reading the body"))?;
    }
    Ok(bytes)
}

/// What a library error means; texts that could hold the URL are left out.
fn trouble(err: Error, doing: &str) -> Trouble {
    match err {
        Error::Other(err) => match err.downcast::<Trouble>() {
            Ok(trouble) => *trouble,
            Err(_) => Trouble::Protocol("it broke off".into()),
        },
        Error::Timeout(_) => Trouble::Timeout(doing.into()),
        Error::Io(err) if err.kind() == std::io::ErrorKind::TimedOut => {
            Trouble::Timeout(doing.into())
        }
        Error::Io(err) => Trouble::Protocol(why(&err)),
        Error::HostNotFound => Trouble::Resolve("it has no address".into()),
        Error::BadUri(_) | Error::RedirectFailed => {
            Trouble::Protocol("it redirects to where it cannot be followed".into())
        }
        Error::LargeResponseHeader(..) => Trouble::Protocol("its head is too large".into()),
        Error::Tls(err) => Trouble::Tls(err.into()),
        Error::Http(_) => Trouble::Request("a header or the URL is not valid".into()),
        Error::Protocol(err) => {
            Trouble::Protocol(crate::model::text::one_line(&err.to_string(), 200))
        }
        _ => Trouble::Protocol("it broke off".into()),
    }
}

#[cfg(test)]
mod tests;
