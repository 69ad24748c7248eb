//! The only HTTP client. Every request has a deadline and a bound on what is read; TLS is verified against
//! the host's trust store, which is loaded only when an `https` URL is asked for. Never follows a redirect
//! unless told to, never sends another host what was meant for one, never puts a URL into an error (it may be a
//! secret).

mod line;
mod redirect;

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ureq::config::Config;
use ureq::http::{HeaderName, HeaderValue, Method, Uri};
use ureq::unversioned::transport::{ConnectProxyConnector, TcpConnector};
use ureq::{Agent, Body, Error, Proxy};

use crate::model::secret::Secret;
use crate::model::time::lapse;
use crate::sys::clock::{self, Deadline, Stopwatch};
use crate::sys::http::line::{Names, Net, Tls, Unix};
use crate::sys::http::redirect::Hop;
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
    /// Sent with `Content-Length`; when empty, for methods that always have a body.
    pub body: Vec<u8>,
    /// Bound on the whole exchange, redirects included.
    pub limit: Duration,
    /// How many redirects are followed; 0 hands the redirect itself back. `headers`, `body` and the user in the
    /// URL go to the same scheme, host and port only.
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
    /// What redirects have to do with this answer, if it is not simply that to the request.
    pub detour: Option<Detour>,
}

/// How a redirect kept a request from being answered as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detour {
    /// It led to this scheme, host and port, which were not sent our headers.
    Stranger(String),
    /// It was not followed: why, to follow "it redirects".
    Stopped(String),
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

    /// `Retry-After` in seconds or as an HTTP date (RFC 9110 section 10.2.3). The date counts from the answer's
    /// own `Date`, so that a wrong clock here does not matter.
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = |text: &str| {
            jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
        };
        let at = date(value)?;
        let from = self.header("date").and_then(date).unwrap_or_else(|| clock::now().wall);
        Some(lapse(from, at))
    }
}

/// Asks, goes where redirects lead, and reads at most [`Request::most`] bytes of the answer's body. Whatever the
/// other side does, it comes back by [`Request::limit`], give or take one read; only writing a large body to a side
/// that takes single bytes can last longer, so a caller that must not be held leaves its thread behind.
///
/// The environment's proxy (`HTTPS_PROXY`, `NO_PROXY` …) is used, but never for this host itself.
pub fn send(request: &Request) -> Result<Response, Trouble> {
    let watch = Stopwatch::start();
    let deadline = Deadline::after(request.limit);
    let noted = Arc::new(Noted::default());
    let mut hop = Hop::first(request)?;
    let mut left = request.redirects;
    loop {
        let (head, body) = ask(&hop, request, deadline, &noted)?.into_parts();
        let status = head.status.as_u16();
        let headers = head.headers.iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let mut response = Response {
            status,
            headers: headers.collect(),
            body: Vec::new(),
            took: Duration::ZERO,
            presented: Vec::new(),
            detour: hop.stranger.clone().map(Detour::Stranger),
        };
        let leads = matches!(status, 301 | 302 | 303 | 307 | 308) && left > 0;
        if let Some(location) = response.header("location").filter(|_| leads) {
            match hop.next(status, location) {
                Ok(next) => {
                    (hop, left) = (next, left - 1);
                    continue;
                }
                Err(why) => response.detour = Some(Detour::Stopped(why)),
            }
        }
        response.body = read(body, request.most)?;
        response.took = watch.read();
        response.presented = noted.take();
        return Ok(response);
    }
}

fn ask(
    hop: &Hop<'_>,
    request: &Request,
    deadline: Deadline,
    noted: &Arc<Noted>,
) -> Result<ureq::http::Response<Body>, Trouble> {
    let agent = agent(request, &hop.uri, deadline, noted);
    let mut head = ureq::http::Request::builder().method(hop.method.clone()).uri(hop.uri.clone());
    for (name, value) in &hop.headers {
        head = head.header(name, value);
    }
    let wrong = |_| Trouble::Request("a header is not valid".into());
    let has_body = matches!(hop.method, Method::POST | Method::PUT | Method::PATCH);
    let answer = if has_body || !hop.body.is_empty() {
        agent.run(head.body(hop.body).map_err(wrong)?)
    } else {
        agent.run(head.body(()).map_err(wrong)?)
    };
    answer.map_err(|err| trouble(err, "waiting for the answer"))
}

/// Whether a header of this name can be sent with this value; the error never contains the value.
pub fn valid_header(name: &str, value: &str) -> Result<(), String> {
    // What tells how long the body is, and how it comes, is this module's to say.
    const OURS: [&str; 4] = ["content-length", "transfer-encoding", "connection", "expect"];
    if !is_name(name) {
        return Err(format!("`{}` is no name of a header", crate::model::text::one_line(name, 40)));
    }
    if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        return Err(format!("`{name}` is set by what is sent"));
    }
    HeaderValue::from_str(value)
        .map(drop)
        .map_err(|_| format!("the value of `{name}` has characters that no header can have"))
}

/// Whether a header can be called so.
pub fn is_name(name: &str) -> bool {
    HeaderName::from_bytes(name.as_bytes()).is_ok()
}

/// The value of `Authorization` for a user with a password (RFC 7617).
pub fn basic(user: &str, password: &Secret) -> Secret {
    let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
    Secret::new(&format!("Basic {pair}"))
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

fn agent(request: &Request, uri: &Uri, deadline: Deadline, noted: &Arc<Noted>) -> Agent {
    let proxy = if request.unix.is_some() || is_here(uri) { None } else { Proxy::try_from_env() };
    let config = Config::builder()
        .timeout_global(Some(deadline.left()))
        .http_status_as_error(false)
        .max_redirects(0)
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
    let tls = Tls { trust, noted, deadline };
    let (proxy, tcp) = (ConnectProxyConnector::default(), TcpConnector::default());
    Agent::with_parts(config, Net { proxy, tcp, tls }, Names { unix: false })
}

/// Whether a request for `url` goes through the environment's proxy.
pub fn is_proxied(url: &str) -> bool {
    parse(url).is_ok_and(|uri| !is_here(&uri) && Proxy::try_from_env().is_some())
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
        Error::LargeResponseHeader(..) => Trouble::Protocol("its head is too large".into()),
        Error::Tls(err) => Trouble::Tls(err.into()),
        Error::Http(_) | Error::BadUri(_) => {
            Trouble::Request("a header or the URL is not valid".into())
        }
        Error::Protocol(err) => {
            Trouble::Protocol(crate::model::text::one_line(&err.to_string(), 200))
        }
        _ => Trouble::Protocol("it broke off".into()),
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
