//! What the ports that were found answer: a page that says that all is well, a connection, or nothing. Asks only
//! addresses of this host, each for at most a few seconds, and sends nothing but GET.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::model::discovery::{Ask, Finding, Port};
use crate::report::screen::Screen;
use crate::sys::clock::Deadline;
use crate::sys::connect::accepts;
use crate::sys::http::{Request, Trouble, send};
use crate::sys::tls::Trust;

/// Where programs say whether they are well, the most telling first.
const PATHS: [&str; 6] = ["/health", "/healthz", "/-/healthy", "/api/health", "/status", "/"];
/// A service that is well answers its own host sooner.
const PATIENCE: Duration = Duration::from_secs(1);
/// Ports asked side by side.
const JOBS: usize = 16;

/// Fills in what each port is to be checked by.
pub(super) fn ask(found: &mut [Finding], deadline: Deadline, screen: &Screen) {
    let mut ports: Vec<&mut Port> =
        found.iter_mut().flat_map(|finding| &mut finding.ports).collect();
    let total = ports.len();
    let mut asked = 0;
    for some in ports.chunks_mut(JOBS) {
        screen.progress(&format!("asking the ports: {asked} of {total}"));
        asked += some.len();
        std::thread::scope(|scope| {
            for port in some {
                scope.spawn(move || one(port, deadline));
            }
        });
    }
}

fn one(port: &mut Port, deadline: Deadline) {
    if port.ask == Ask::Nothing {
        return;
    }
    let limit = || deadline.within(PATIENCE).left();
    let Some(addr) = reached_at(&port.addrs).find(|addr| accepts(addr, limit())) else { return };
    port.check = Some(format!("tcp:{addr}"));
    if port.ask == Ask::Connect {
        return;
    }
    let get = |scheme: &str, path: &str| {
        let url = format!("{scheme}://{addr}{path}");
        let answer = send(&Request {
            method: "GET".into(),
            url: url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            limit: limit(),
            redirects: 0,
            most: 0,
            unix: None,
            trust: Trust::default(),
        });
        answer.map(|answer| (answer.status, url))
    };
    let mut last = None;
    for path in PATHS {
        match get("http", path) {
            Ok((200..=299, url)) => {
                port.said = Some(format!("answers HTTP at {path}"));
                port.check = Some(url);
                return;
            }
            Ok((status, _)) => last = Some(status),
            // It speaks something else, or is too slow: asking on would only make it worse.
            Err(_) => break,
        }
    }
    // A server for TLS answers plain HTTP with 400, or hangs up.
    let tls = matches!(last, None | Some(400)) && speaks_tls(&get("https", "/"));
    port.said = match last {
        _ if tls => Some("speaks TLS".into()),
        Some(status) => Some(format!("answers HTTP {status}")),
        None => None,
    };
}

/// A certificate that is not for this address is one all the same.
fn speaks_tls(answer: &Result<(u16, String), Trouble>) -> bool {
    match answer {
        Ok(_) => true,
        Err(Trouble::Tls(why)) => why.contains("certificate"),
        Err(_) => false,
    }
}

/// Where a port can be reached from here: the loopback address where it listens on all of them. A link-local
/// address means nothing without its link.
fn reached_at(addrs: &[SocketAddr]) -> impl Iterator<Item = SocketAddr> {
    addrs.iter().filter_map(|addr| {
        let ip = match addr.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unicast_link_local() => return None,
            ip => ip,
        };
        Some(SocketAddr::new(ip, addr.port()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    /// Answers each request line with what `answer` makes of it.
    fn server(answer: fn(&str) -> &'static str) -> SocketAddr {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = server.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in server.incoming().flatten() {
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                // The head is read to its end: closed before, the answer may be lost.
                let mut head = String::new();
                let _ = stream.read_line(&mut line);
                while !line.is_empty() && stream.read_line(&mut head).is_ok_and(|read| read > 2) {}
                let _ = stream.get_mut().write_all(answer(&line).as_bytes());
            }
        });
        addr
    }

    fn asked(addr: SocketAddr, ask: Ask) -> (Option<String>, Option<String>) {
        let mut port = Port {
            number: addr.port(),
            addrs: vec![addr],
            program: None,
            ask,
            check: None,
            said: None,
        };
        one(&mut port, Deadline::after(Duration::from_secs(30)));
        (port.check.map(|check| check.replace(&addr.to_string(), "ADDR")), port.said)
    }

    const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const NONE: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn the_first_page_that_is_well_is_the_check_and_the_rest_is_a_connection() {
        let some = |text: &str| Some(text.to_owned());
        for (addr, ask, want) in [
            (
                server(|_| OK),
                Ask::Http,
                (some("http://ADDR/health"), some("answers HTTP at /health")),
            ),
            (
                server(|line| if line.contains(" /-/healthy ") { OK } else { NONE }),
                Ask::Http,
                (some("http://ADDR/-/healthy"), some("answers HTTP at /-/healthy")),
            ),
            (server(|_| NONE), Ask::Http, (some("tcp:ADDR"), some("answers HTTP 404"))),
            (server(|_| "-ERR unknown command\r\n"), Ask::Http, (some("tcp:ADDR"), None)),
            (server(|_| OK), Ask::Connect, (some("tcp:ADDR"), None)),
            (server(|_| OK), Ask::Nothing, (None, None)),
        ] {
            assert_eq!(asked(addr, ask), want, "{ask:?}");
        }
        let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(asked(gone, Ask::Http), (None, None), "`port` alone is left to look at it");
    }

    #[test]
    fn all_addresses_are_reached_by_loopback() {
        let addrs = ["0.0.0.0:80", "192.0.2.7:80", "[::]:80", "[fe80::1]:80"];
        let addrs = addrs.map(|addr| addr.parse().unwrap());
        let reached: Vec<_> = reached_at(&addrs).map(|addr| addr.to_string()).collect();
        assert_eq!(reached, ["127.0.0.1:80", "192.0.2.7:80", "[::1]:80"]);
    }
}
