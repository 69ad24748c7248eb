//! Names of hosts as this host resolves them (getaddrinfo: its hosts file, its name servers, whatever else it is
//! set up to ask), and whether a host is this one. A resolver that hangs costs the limit and a thread that is
//! left behind. Speaks no DNS itself.

use std::fmt;
use std::net::{IpAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use crate::model::text::human_duration;
use crate::sys::aside::aside;
use crate::sys::host;
use crate::sys::why::why;

/// Why a name has no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// The resolver says so, in its words.
    Not(String),
    /// It did not answer within this time.
    Late(Duration),
}

impl Unresolved {
    /// Whether whoever was asked knows that there is no such name, or no address of it; otherwise nobody who
    /// knows was reached. The system has no more than its words for it (glibc, musl, macOS).
    pub fn is_absent(&self) -> bool {
        let known = ["not known", "no address", "no usable address", "does not resolve"];
        matches!(self, Self::Not(why) if known.iter().any(|words| why.contains(words)))
    }
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Not(why) => write!(f, "the name does not resolve: {why}"),
            Self::Late(limit) => {
                write!(f, "the name did not resolve within {}", human_duration(*limit))
            }
        }
    }
}

/// The addresses of `host`, a name or an address itself, in the order in which they should be tried; at least
/// one, and each once.
pub fn resolve(host: &str, limit: Duration) -> Result<Vec<IpAddr>, Unresolved> {
    if let Ok(ip) = host.parse() {
        return Ok(vec![ip]);
    }
    let name = host.to_owned();
    let found = aside(limit, move || {
        (name.as_str(), 0).to_socket_addrs().map(|found| found.map(|at| at.ip()).collect())
    });
    let found: Vec<IpAddr> =
        found.ok_or(Unresolved::Late(limit))?.map_err(|err| Unresolved::Not(why(&err)))?;
    let mut once = Vec::new();
    for ip in found {
        if !once.contains(&ip) {
            once.push(ip);
        }
    }
    if once.is_empty() { Err(Unresolved::Not("it has no address".into())) } else { Ok(once) }
}

/// Whether `host`, a name or an address, is this host: what is asked there does not leave it. A name that does
/// not resolve within `limit` is taken for another host's.
pub fn is_own(host: &str, limit: Duration) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let own = host::name().to_ascii_lowercase();
    let short = own.split('.').next().unwrap_or_default();
    // localhost. is the host itself in every resolver (RFC 6761).
    if name == "localhost" || name.ends_with(".localhost") || name == own || name == short {
        return true;
    }
    resolve(host, limit).is_ok_and(|found| found.into_iter().any(is_own_address))
}

/// Whether an interface of this host has the address: only then can a socket be bound to it. Sends nothing.
pub fn is_own_address(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn addresses_need_no_resolver_and_names_come_once() {
        let ip: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(resolve("192.0.2.1", Duration::ZERO), Ok(vec![ip]));
        let found = resolve("localhost", LIMIT).unwrap();
        assert!(found.iter().all(IpAddr::is_loopback), "{found:?}");
        assert_eq!(found.iter().filter(|ip| ip.is_ipv4()).count(), 1);
        let why = resolve("nosuchhost.invalid", LIMIT).unwrap_err().to_string();
        assert!(why.starts_with("the name does not resolve"), "{why}");
    }

    #[test]
    fn a_name_that_is_not_there_is_told_apart_from_nobody_who_knows() {
        for (why, absent) in [
            ("name or service not known", true),
            ("no address associated with hostname", true),
            ("name does not resolve", true),
            ("temporary failure in name resolution", false),
            ("try again", false),
        ] {
            assert_eq!(Unresolved::Not(why.into()).is_absent(), absent, "{why}");
        }
        assert!(!Unresolved::Late(LIMIT).is_absent());
    }

    #[test]
    fn this_host_is_known_by_its_names_and_addresses() {
        let name = host::name();
        for own in
            ["localhost", "LOCALHOST.", "db.localhost", "127.0.0.1", "127.9.9.9", "::1", &name]
        {
            assert!(is_own(own, LIMIT), "{own}");
        }
        for other in ["192.0.2.1", "2001:db8::1", "nosuchhost.invalid"] {
            assert!(!is_own(other, LIMIT), "{other}");
        }
    }
}
