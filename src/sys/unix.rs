//! Connects to a unix socket, by a deadline: also where nobody accepts any more and the backlog is full, and on a file
//! system that hangs. Sends nothing.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use crate::sys::aside::aside;
use crate::sys::clock::{self, Deadline};
use crate::sys::why::why;

/// How long a full backlog is left alone before it is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unconnected {
    /// There is no socket.
    Missing,
    /// There is one, and nobody listens at it.
    Refused,
    /// Somebody listens and has not accepted what waits already, until the deadline.
    Full,
    /// This user may not connect.
    Forbidden,
    /// It is a socket for datagrams or packets.
    NotStream,
    /// The file system did not answer by the deadline.
    Late,
    /// This host cannot make a connection, whoever is there.
    Here(String),
}

/// Whether `path` can be a socket's: the system allows about a hundred bytes.
pub fn is_path(path: &Path) -> bool {
    SocketAddrUnix::new(path).is_ok()
}

/// Connects to the socket at `path`, by `limit`. Of anything but a socket it says [`Unconnected::Refused`].
pub fn connect(path: &Path, limit: Duration) -> Result<UnixStream, Unconnected> {
    let path = path.to_owned();
    let deadline = Deadline::after(limit);
    // Its own limit ends it; only finding the path can hang for longer.
    let found = aside(limit + AGAIN, move || try_until(&path, deadline));
    found.unwrap_or(Err(Unconnected::Late))
}

fn try_until(path: &Path, deadline: Deadline) -> Result<UnixStream, Unconnected> {
    let here = |err: io::Error| Unconnected::Here(why(&err));
    let addr = SocketAddrUnix::new(path).map_err(|err| here(err.into()))?;
    let stream = UnixStream::from(socket().map_err(|err| here(err.into()))?);
    stream.set_nonblocking(true).map_err(here)?;
    loop {
        match rustix::net::connect(&stream, &addr) {
            Ok(()) => break,
            // The system does not tell when there is room again.
            Err(Errno::AGAIN) if deadline.passed() => return Err(Unconnected::Full),
            Err(Errno::AGAIN) => clock::pause(AGAIN.min(deadline.left())),
            Err(Errno::INTR) => {}
            Err(err) => return Err(unconnected(err)),
        }
    }
    stream.set_nonblocking(false).map_err(here)?;
    Ok(stream)
}

fn unconnected(err: Errno) -> Unconnected {
    match err {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Unconnected::Missing,
        Errno::CONNREFUSED => Unconnected::Refused,
        Errno::ACCESS | Errno::PERM => Unconnected::Forbidden,
        Errno::PROTOTYPE => Unconnected::NotStream,
        err => Unconnected::Here(why(&err.into())),
    }
}

/// No program that is started meanwhile inherits it.
fn socket() -> rustix::io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    return rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    );
    #[cfg(not(target_os = "linux"))]
    {
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn it_connects_and_what_does_not_accept_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let server = UnixListener::bind(at("app")).unwrap();
        assert!(connect(&at("app"), LIMIT).is_ok());
        drop(server);
        let _datagrams = UnixDatagram::bind(at("log")).unwrap();
        std::fs::write(at("file"), "").unwrap();
        for (name, want) in [
            ("app", Unconnected::Refused),
            ("file", Unconnected::Refused),
            ("nothing", Unconnected::Missing),
            ("file/below", Unconnected::Missing),
            ("log", Unconnected::NotStream),
        ] {
            assert_eq!(connect(&at(name), LIMIT).unwrap_err(), want, "{name}");
        }
    }

    #[test]
    fn a_full_backlog_is_waited_for_until_the_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let (_server, waiting) = full(&dir.path().join("app"));
        let short = Duration::from_millis(50);
        assert_eq!(connect(&dir.path().join("app"), short).unwrap_err(), Unconnected::Full);
        drop(waiting);
    }

    #[test]
    fn a_backlog_that_has_room_again_is_no_trouble() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app");
        let (server, _waiting) = full(&path);
        let connected = std::thread::spawn(move || connect(&path, LIMIT));
        // Accepted whenever it comes: before or after the first try that finds it full.
        server.accept().unwrap();
        assert!(connected.join().unwrap().is_ok());
    }

    #[test]
    fn errors_that_are_this_hosts_own_are_told_apart() {
        assert_eq!(unconnected(Errno::ACCESS), Unconnected::Forbidden);
        for errno in [Errno::MFILE, Errno::NOBUFS] {
            assert!(matches!(unconnected(errno), Unconnected::Here(_)), "{errno:?}");
        }
        assert!(!is_path(Path::new(&format!("/{}", "x".repeat(200)))));
    }

    /// One that listens and accepts nothing, and those that wait there already.
    fn full(path: &Path) -> (UnixListener, Vec<UnixStream>) {
        let socket = socket().unwrap();
        rustix::net::bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
        rustix::net::listen(&socket, 0).unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = connect(path, Duration::from_millis(1)) {
            waiting.push(stream);
            assert!(waiting.len() < 10, "the backlog is never full");
        }
        (UnixListener::from(socket), waiting)
    }
}
