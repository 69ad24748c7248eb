//! Whom this host asks for names: the `nameserver` lines of resolv.conf(5). Asks nobody.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use crate::sys::dns::PORT;
use crate::sys::files;

/// No more are asked, as the system's own resolver has it.
const MOST: usize = 3;

/// Them, in their order; at least one.
pub fn of_host(limit: Duration) -> Vec<SocketAddr> {
    let text = files::start(Path::new("/etc/resolv.conf"), limit, 64 * 1024).unwrap_or_default();
    let mut found = parse(&String::from_utf8_lossy(&text));
    if found.is_empty() {
        // Where none is named, it is this host itself.
        found.push(IpAddr::from(Ipv4Addr::LOCALHOST));
    }
    found.into_iter().map(|ip| SocketAddr::new(ip, PORT)).collect()
}

fn parse(text: &str) -> Vec<IpAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        // Those with a `%` are of one link only, which the number of an address does not say.
        words.next().filter(|word| *word == "nameserver").and(words.next())?.parse().ok()
    };
    text.lines().filter_map(server).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_that_are_addresses_count() {
        let text = "# nameserver 1.1.1.1\nsearch example.org\nnameserver 127.0.0.53\n nameserver\t::1 \
            \nnameserver\nnameserver ns.example.org\nnameserver fe80::1%eth0\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n";
        let want: Vec<IpAddr> =
            ["127.0.0.53", "::1", "10.0.0.1"].map(|ip| ip.parse().unwrap()).to_vec();
        assert_eq!(parse(text), want);
        assert!(parse("").is_empty());
    }
}
