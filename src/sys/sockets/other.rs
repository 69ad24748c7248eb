//! Listening sockets where there is no `/proc`, through netstat2.

use netstat2::{
    AddressFamilyFlags, ProtocolFlags, ProtocolSocketInfo, TcpState, iterate_sockets_info,
};
use std::net::SocketAddr;

use super::Listener;

/// The listening sockets at one moment.
#[derive(Debug)]
pub struct Sockets(Vec<(SocketAddr, Vec<u32>)>);

impl Sockets {
    /// Reads the table.
    pub fn read() -> Result<Self, String> {
        let families = AddressFamilyFlags::IPV4 | AddressFamilyFlags::IPV6;
        let sockets = iterate_sockets_info(families, ProtocolFlags::TCP)
            .map_err(|err| format!("cannot list the sockets: {err}"))?;
        let mut found = Vec::new();
        for socket in sockets {
            let socket = socket.map_err(|err| format!("cannot list the sockets: {err}"))?;
            if let ProtocolSocketInfo::Tcp(tcp) = socket.protocol_socket_info
                && tcp.state == TcpState::Listen
            {
                let addr = SocketAddr::new(tcp.local_addr, tcp.local_port);
                found.push((addr, socket.associated_pids));
            }
        }
        Ok(Self(found))
    }

    /// Everybody who listens on `port`.
    pub fn on(&self, port: u16) -> Vec<Listener> {
        self.of(|addr| addr.port() == port)
    }

    /// Everybody who listens anywhere.
    pub fn all(&self) -> Vec<Listener> {
        self.of(|_| true)
    }

    fn of(&self, wanted: impl Fn(&SocketAddr) -> bool) -> Vec<Listener> {
        let mut found = Vec::new();
        for (addr, pids) in self.0.iter().filter(|(addr, _)| wanted(addr)) {
            if pids.is_empty() {
                found.push(Listener::known(*addr, None, None));
            }
            found.extend(pids.iter().map(|pid| Listener::known(*addr, Some(*pid), None)));
        }
        found
    }
}
