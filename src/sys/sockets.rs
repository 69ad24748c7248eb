//! Who listens on which TCP port. LISTEN sockets only, never a client, so that nobody who merely uses a port is
//! ever taken for its owner. Opens no connection.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
mod other;
#[cfg(not(target_os = "linux"))]
use other as system;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::sys::process;

pub use system::Sockets;

/// One process listening on one address; a socket shared by several processes gives one of these for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Where it listens; `0.0.0.0` and `[::]` are all addresses of the host.
    pub addr: SocketAddr,
    /// Who; none when this user has no right to know.
    pub pid: Option<u32>,
    /// Its start, as [`process::Process::start`]: to be compared again before anything is done to the pid.
    pub start: Option<u64>,
    /// Its name, as [`process::Process::name`].
    pub name: Option<String>,
    /// Its program, where this user may know it.
    pub exe: Option<PathBuf>,
    /// The user it runs as, or who opened the socket when the process cannot be seen.
    pub user: Option<String>,
    /// The systemd unit whose cgroup it is in.
    pub unit: Option<String>,
}

impl Listener {
    fn known(addr: SocketAddr, pid: Option<u32>, opened_by: Option<u32>) -> Self {
        let known = pid.and_then(process::one);
        let uid = pid.and_then(process::uid).or(opened_by);
        Self {
            addr,
            pid,
            start: known.as_ref().map(|process| process.start),
            name: known.map(|process| process.name),
            exe: pid.and_then(process::exe),
            user: uid.map(process::user_name),
            unit: pid.and_then(process::unit),
        }
    }

    /// What it is called: its program's file name, else its process name.
    pub fn called(&self) -> Option<String> {
        let file = self.exe.as_ref().and_then(|exe| exe.file_name());
        file.map(|name| name.to_string_lossy().into_owned()).or_else(|| self.name.clone())
    }
}

/// Everybody who listens on `port`, over IPv4 or IPv6, on any address.
pub fn listeners(port: u16) -> Result<Vec<Listener>, String> {
    Ok(Sockets::read()?.on(port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_listener_is_named_and_its_clients_are_not() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = server.local_addr().unwrap();
        let client = TcpStream::connect(addr).unwrap();
        let found = listeners(addr.port()).unwrap();
        let [only] = &found[..] else { panic!("{found:?}") };
        assert_eq!((only.addr, only.pid), (addr, Some(std::process::id())));
        assert_eq!(only.start, process::one(std::process::id()).map(|me| me.start));
        assert!(only.called().is_some_and(|name| name.starts_with("miraclemax")), "{only:?}");
        assert_eq!(listeners(client.local_addr().unwrap().port()).unwrap(), []);
    }

    #[test]
    fn ipv6_alone_is_listening_too() {
        // A host without IPv6 has only the other one.
        let server = TcpListener::bind("[::1]:0").or_else(|_| TcpListener::bind("127.0.0.1:0"));
        let server = server.unwrap();
        let addr = server.local_addr().unwrap();
        // Another test may have been given the same number over the other protocol.
        let mut found = listeners(addr.port()).unwrap();
        found.retain(|one| one.addr.is_ipv6() == addr.is_ipv6());
        assert_eq!(found.iter().map(|one| one.addr).collect::<Vec<_>>(), [addr]);
    }
}
