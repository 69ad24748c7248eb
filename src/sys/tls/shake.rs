//! One handshake and nothing after it: connects, goes over to TLS, says goodbye. Every step is held to what is
//! left of the one limit, also against a server that sends a byte at a time.

use std::fmt;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ProtocolVersion};

use crate::sys::clock::{self, Deadline, Stopwatch};
use crate::sys::names::{self, Unresolved};
use crate::sys::timed::Timed;
use crate::sys::tls::{Noted, Presented, StartTls, Trust, client, words};
use crate::sys::why::why;

/// Whom to shake hands with.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// A name or an address.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// The name that the certificate must be for, and that the server is asked for.
    pub name: &'a ServerName<'static>,
    /// What else it must be.
    pub trust: &'a Trust,
    /// What is spoken before TLS, if anything.
    pub starttls: Option<StartTls>,
    /// Bound on all of it.
    pub limit: Duration,
}

/// A handshake that was good.
#[derive(Debug, Clone)]
pub struct Shaken {
    /// What the server showed.
    pub presented: Option<Presented>,
    /// `TLS 1.3`.
    pub version: &'static str,
    /// From looking up the name to the end of the handshake.
    pub took: Duration,
}

/// One that was not.
#[derive(Debug, Clone)]
pub struct Failed {
    /// Why.
    pub fault: Fault,
    /// What the server showed, if it came to that.
    pub presented: Option<Presented>,
}

/// Why there was no good handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Something on this host: nothing is known of the server.
    Here(String),
    /// The name does not resolve.
    Resolve(String),
    /// No connection.
    Connect(String),
    /// It did not come as far as TLS.
    Before(String),
    /// The certificate or the handshake is wrong.
    Tls(String),
    /// The limit passed while this was being done.
    Timeout(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(why) | Self::Tls(why) => f.write_str(why),
            Self::Resolve(why) => write!(f, "the name does not resolve: {why}"),
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::Before(why) => write!(f, "TLS could not be begun: {why}"),
            Self::Timeout(doing) => write!(f, "timed out while {doing}"),
        }
    }
}

impl std::error::Error for Fault {}

/// The name of a host as TLS has it; none when no certificate could be for it.
pub fn server_name(host: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(host.to_owned()).ok()
}

/// Shakes hands once.
pub fn shake(ask: &Ask<'_>) -> Result<Shaken, Failed> {
    let noted = Arc::new(Noted::default());
    let watch = Stopwatch::start();
    match shaken(ask, &noted) {
        Ok(version) => Ok(Shaken { presented: noted.take().pop(), version, took: watch.read() }),
        Err(fault) => Err(Failed { fault, presented: noted.take().pop() }),
    }
}

fn shaken(ask: &Ask<'_>, noted: &Arc<Noted>) -> Result<&'static str, Fault> {
    let deadline = Deadline::after(ask.limit);
    let config = client(ask.trust, noted, ask.limit).map_err(Fault::Here)?;
    let stream = connect(ask, deadline)?;
    let mut line = Timed { stream, deadline };
    if let Some(starttls) = ask.starttls {
        starttls.begin(&mut line).map_err(|err| match err.kind() {
            io::ErrorKind::TimedOut => Fault::Timeout("asking for TLS"),
            _ => Fault::Before(why(&err)),
        })?;
    }
    let refused =
        |err: &rustls::Error| Fault::Tls(words(err, noted.last().as_ref(), clock::now().wall));
    let mut tls = ClientConnection::new(config, ask.name.clone()).map_err(|err| refused(&err))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut line).map_err(|err| {
            match err.get_ref().and_then(|err| err.downcast_ref()) {
                Some(err) => refused(err),
                None if err.kind() == io::ErrorKind::TimedOut => {
                    Fault::Timeout("shaking hands over TLS")
                }
                None => Fault::Tls(format!("the handshake broke off: {}", why(&err))),
            }
        })?;
    }
    let version = match tls.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS 1.3",
    };
    // Whether the goodbye arrives changes nothing.
    let goodbye = ask.starttls.map_or(&b""[..], StartTls::goodbye);
    let _ = tls.writer().write_all(goodbye);
    tls.send_close_notify();
    let _ = tls.write_tls(&mut line);
    Ok(version)
}

fn connect(ask: &Ask<'_>, deadline: Deadline) -> Result<TcpStream, Fault> {
    let found =
        names::resolve(ask.host, deadline.left()).map_err(|unresolved| match unresolved {
            Unresolved::Not(why) => Fault::Resolve(why),
            Unresolved::Late(_) => Fault::Timeout("looking up the name"),
        })?;
    let mut last = Fault::Timeout("connecting");
    for ip in found {
        let addr = SocketAddr::new(ip, ask.port);
        let left = deadline.left();
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&addr, left) {
            // A port that the system hands out to clients can connect to itself when nobody listens there.
            Ok(stream) if stream.local_addr().ok() == stream.peer_addr().ok() => {
                last = Fault::Connect("connection refused".into());
            }
            Ok(stream) => return Ok(stream),
            Err(err) if err.kind() == io::ErrorKind::TimedOut => {
                last = Fault::Timeout("connecting");
            }
            Err(err) => last = Fault::Connect(why(&err)),
        }
    }
    Err(last)
}
