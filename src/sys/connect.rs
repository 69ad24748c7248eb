//! Whether somebody accepts connections at an address. Sends nothing.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Connects and hangs up, by `limit`.
pub fn accepts(addr: &SocketAddr, limit: Duration) -> bool {
    // A limit of nothing is an error there, not a try.
    TcpStream::connect_timeout(addr, limit.max(Duration::from_millis(1))).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn one_that_listens_accepts_and_one_that_has_gone_does_not() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = server.local_addr().unwrap();
        assert!(accepts(&addr, Duration::from_secs(5)));
        drop(server);
        assert!(!accepts(&addr, Duration::from_secs(5)));
    }
}
