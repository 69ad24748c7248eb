//! The line an HTTP exchange goes over: looking up the name, connecting (TCP, proxy or unix socket), TLS. Each
//! step says which of them failed. Never waits for a name look-up in the calling thread.

use std::fmt;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::{ClientConnection, StreamOwned};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, LazyBuffers, NextTimeout,
    TcpConnector, Transport, TransportAdapter,
};
use ureq::{Error, Timeout};

use crate::sys::aside::aside;
use crate::sys::clock::{self, Deadline};
use crate::sys::http::Trouble;
use crate::sys::tls::{Noted, Trust, client, server_name, words};
use crate::sys::why::why;

/// Looks names up in a thread that can be left behind; addresses need no look-up.
#[derive(Debug)]
pub(super) struct Names {
    /// With a unix socket the URL's host is only a name for the `Host` header.
    pub(super) unix: bool,
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let mut addresses = self.empty();
        let host = uri.host().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port =
            uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let found = if self.unix {
            vec![SocketAddr::from(([0, 0, 0, 0], 0))]
        } else if let Ok(ip) = bare.parse::<IpAddr>() {
            vec![SocketAddr::new(ip, port)]
        } else {
            look_up(bare, port, timeout)?
        };
        for address in config.ip_family().keep_wanted(found.into_iter()).take(16) {
            addresses.push(address);
        }
        if addresses.is_empty() { Err(Error::HostNotFound) } else { Ok(addresses) }
    }
}

fn look_up(host: String, port: u16, timeout: NextTimeout) -> Result<Vec<SocketAddr>, Error> {
    let late = || other(Trouble::Timeout("looking up the name".into()));
    let found = aside(*timeout.after, move || (host.as_str(), port).to_socket_addrs());
    match found.ok_or_else(late)? {
        Ok(found) => Ok(found.collect()),
        Err(err) => Err(other(Trouble::Resolve(why(&err)))),
    }
}

/// The way to a host: through the environment's proxy if there is one, else straight, and TLS for `https`.
#[derive(Debug)]
pub(super) struct Net {
    pub(super) proxy: ConnectProxyConnector,
    pub(super) tcp: TcpConnector,
    pub(super) tls: Tls,
}

/// What every handshake of one request is held to.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) trust: Trust,
    pub(super) noted: Arc<Noted>,
    pub(super) deadline: Deadline,
}

impl Tls {
    fn wrap(
        &self,
        details: &ConnectionDetails<'_>,
        line: Box<dyn Transport>,
    ) -> Result<TlsLine, Error> {
        let config = client(&self.trust, &self.noted, self.deadline.left())
            .map_err(|why| other(Trouble::Here(why)))?;
        let host = details.uri.host().unwrap_or_default();
        let name = server_name(host.trim_start_matches('[').trim_end_matches(']'))
            .ok_or_else(|| other(Trouble::Tls("no certificate can be for such a name".into())))?;
        let refused = |err: &rustls::Error| {
            other(Trouble::Tls(words(err, self.noted.last().as_ref(), clock::now().wall)))
        };
        let mut tls = ClientConnection::new(config, name).map_err(|err| refused(&err))?;
        let mut line = TransportAdapter::new(line, Arc::clone(&details.current_time));
        let mut timeout = details.timeout;
        timeout.after = self.deadline.left().into();
        line.set_timeout(timeout);
        while tls.is_handshaking() {
            tls.complete_io(&mut line).map_err(|err| {
                match err.get_ref().and_then(|err| err.downcast_ref()) {
                    Some(err) => refused(err),
                    None => err.into(),
                }
            })?;
        }
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(TlsLine { buffers, stream: StreamOwned::new(tls, line) })
    }
}

impl Connector for Net {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let connect = || {
            let proxied = Connector::<()>::connect(&self.proxy, details, None)?;
            Connector::connect(&self.tcp, details, proxied)
        };
        let line = connect().map_err(|err| phase(err, "connecting", Trouble::Connect))?;
        let Some(line) = line else { return Ok(None) };
        if !details.needs_tls() {
            return Ok(Some(Box::new(line)));
        }
        let line = self.tls.wrap(details, Box::new(line));
        let line = line.map_err(|err| phase(err, "shaking hands over TLS", Trouble::Tls))?;
        Ok(Some(Box::new(line)))
    }
}

/// A line that speaks TLS.
struct TlsLine {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsLine").finish_non_exhaustive()
    }
}

impl Transport for TlsLine {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.sock.set_timeout(timeout);
        Ok(self.stream.write_all(&self.buffers.output()[..amount])?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.sock.set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        false // never used again for a second request
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// The way to a unix socket, whatever host the URL names.
#[derive(Debug)]
pub(super) struct Unix(pub(super) PathBuf);

impl Connector for Unix {
    type Out = UnixLine;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        if details.needs_tls() {
            return Err(other(Trouble::Request("a unix socket speaks no TLS".into())));
        }
        let stream = connect_unix(&self.0, details.timeout)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(UnixLine { stream, buffers }))
    }
}

fn connect_unix(path: &Path, timeout: NextTimeout) -> Result<UnixStream, Error> {
    let path = path.to_owned();
    // A server that accepts nothing lets `connect` wait for ever once its backlog is full.
    match aside(*timeout.after, move || UnixStream::connect(path)) {
        Some(Ok(stream)) => Ok(stream),
        Some(Err(err)) => Err(other(Trouble::Connect(why(&err)))),
        None => Err(other(Trouble::Timeout("connecting".into()))),
    }
}

/// A connected unix socket.
#[derive(Debug)]
pub(super) struct UnixLine {
    stream: UnixStream,
    buffers: LazyBuffers,
}

impl Transport for UnixLine {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = in_time(timeout.for_write())?;
        self.stream.set_write_timeout(timeout.not_zero().map(|limit| *limit))?;
        let output = &self.buffers.output()[..amount];
        self.stream.write_all(output).map_err(|err| late(err, timeout.reason))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = in_time(timeout.for_read())?;
        self.stream.set_read_timeout(timeout.not_zero().map(|limit| *limit))?;
        let input = self.buffers.input_append_buf();
        let amount = loop {
            match self.stream.read(input) {
                Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
                done => break done.map_err(|err| late(err, timeout.reason))?,
            }
        };
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        false // never used again for a second request
    }
}

fn in_time(timeout: NextTimeout) -> Result<NextTimeout, Error> {
    if timeout.after.is_zero() { Err(Error::Timeout(timeout.reason)) } else { Ok(timeout) }
}

fn late(err: std::io::Error, reason: Timeout) -> Error {
    match err.kind() {
        std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => Error::Timeout(reason),
        _ => err.into(),
    }
}

/// An error of one step, kept as what it is called in that step.
fn phase(err: Error, doing: &str, trouble: fn(String) -> Trouble) -> Error {
    match err {
        Error::Timeout(_) => other(Trouble::Timeout(doing.into())),
        Error::Io(err) if err.kind() == std::io::ErrorKind::TimedOut => {
            other(Trouble::Timeout(doing.into()))
        }
        Error::Io(err) => other(trouble(why(&err))),
        Error::ConnectProxyFailed(_) => other(Trouble::Connect("the proxy refused".into())),
        Error::Other(err) => Error::Other(err),
        Error::ConnectionFailed => other(trouble("no connection could be made".into())),
        Error::Tls(err) => other(Trouble::Tls(err.to_owned())),
        err => err,
    }
}

fn other(trouble: Trouble) -> Error {
    Error::Other(Box::new(trouble))
}
