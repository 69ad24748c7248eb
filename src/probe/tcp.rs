//! `tcp:localhost:5432`: somebody accepts connections there, and answers what is asked; or nobody does, where
//! nobody must. Says nothing that it was not told to say.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::io::Errno;

use crate::model::fields::Fields;
use crate::model::text::human_duration;
use crate::probe::stream::{Begun, Stream};
use crate::probe::{Answer, At};
use crate::sys::clock::Deadline;
use crate::sys::names::{self, Unresolved};
use crate::sys::why::why;

/// Where to connect, and what must come of it.
#[derive(Debug, Clone)]
pub struct Tcp {
    host: String,
    port: u16,
    stream: Stream,
}

/// Why there is no connection.
#[derive(Debug, PartialEq, Eq)]
enum Unconnected {
    /// Nobody accepts it there.
    Not(String),
    /// This host cannot make one, whoever is there.
    Cannot(String),
}

impl Tcp {
    /// `target` is `host:port` or `[address]:port`. Keys: those of [`Stream`].
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let stream = Stream::read(fields);
        let (host, port) = read_target("tcp", target, 5432, fields)?;
        Some(Self { host, port, stream })
    }

    /// None where nobody must accept: that somebody does is no matter of a way out.
    pub(super) fn host(&self) -> Option<&str> {
        (!self.stream.closed()).then_some(&self.host)
    }

    /// The same.
    pub(super) fn port(&self) -> Option<u16> {
        (!self.stream.closed()).then_some(self.port)
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let shown = self.shown();
        let begun = Begun::now(&shown, at);
        let found = match names::resolve(&self.host, at.limit) {
            Ok(found) => found,
            Err(unresolved @ Unresolved::Not(_)) if !self.stream.closed() => {
                return Answer::down(format!("`{shown}`: {unresolved}"));
            }
            // Nothing is known of the server then.
            Err(unresolved) => return Answer::unknown(format!("`{shown}`: {unresolved}")),
        };
        match self.connect(&found, begun.deadline, at.limit) {
            Ok((_, addr)) if self.stream.closed() => {
                Answer::down(format!("`{shown}`: {addr} accepts connections, expected closed"))
            }
            Ok((mut stream, addr)) => {
                // A clone of the handle, not a second connection: one is lent to be talked over.
                let arm = match stream.try_clone() {
                    Ok(arm) => arm,
                    Err(err) => return cannot(&shown, &why(&err)),
                };
                let arm =
                    |left| arm.set_read_timeout(Some(left)).and(arm.set_write_timeout(Some(left)));
                self.stream.judge(&begun, format!("connected to {addr}"), &mut stream, arm, at)
            }
            Err(Unconnected::Not(why)) if self.stream.closed() => {
                Answer::up(format!("closed: {why}"))
            }
            Err(Unconnected::Not(why)) => Answer::down(format!("`{shown}`: {why}")),
            Err(Unconnected::Cannot(why)) => cannot(&shown, &why),
        }
    }

    /// The first that accepts. Each address has its share of the time, so that one that drops everything does
    /// not hide the next.
    fn connect(
        &self,
        found: &[IpAddr],
        deadline: Deadline,
        limit: Duration,
    ) -> Result<(TcpStream, SocketAddr), Unconnected> {
        let late = || Unconnected::Not(format!("no connection within {}", human_duration(limit)));
        let mut last = None;
        for (others, ip) in (0..found.len()).rev().zip(found) {
            let addr = SocketAddr::new(*ip, self.port);
            let share = deadline.left() / u32::try_from(others + 1).unwrap_or(u32::MAX);
            if share.is_zero() {
                return Err(late());
            }
            let failed = match connect(addr, share) {
                Ok(stream) => return Ok((stream, addr)),
                Err(err) if err.kind() == ErrorKind::TimedOut => late(),
                Err(err) => unconnected(&err),
            };
            // What one address proves, another that this host cannot reach does not take back.
            if !matches!((&last, &failed), (Some(Unconnected::Not(_)), Unconnected::Cannot(_))) {
                last = Some(failed);
            }
        }
        Err(last.unwrap_or_else(late))
    }

    fn shown(&self) -> String {
        shown(&self.host, self.port)
    }
}

/// Host and port as one writes them.
pub(super) fn shown(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The `host:port` or `[address]:port` that a probe of this kind looks at; `usual` is a port for the hint.
pub(super) fn read_target(
    kind: &str,
    target: &str,
    usual: u16,
    fields: &mut Fields<'_>,
) -> Option<(String, u16)> {
    let parsed = parse(target);
    if parsed.is_none() {
        let message = format!("`{target}` is not a host and a port");
        let hint = format!("write `{kind}:localhost:{usual}` or `{kind}:[::1]:{usual}`");
        fields.problem("target", message, Some(hint));
    }
    parsed
}

/// `host:port`, `[address]:port`, or without the port, which is the `usual` one then.
pub(super) fn host_and_port(text: &str, usual: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().ok().filter(|port| *port != 0)?)
        }
        _ => (text, usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let plain =
        !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@[]".contains(c));
    plain.then(|| (host.to_owned(), port))
}

fn connect(addr: SocketAddr, limit: Duration) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&addr, limit)?;
    // A port that the system hands out to clients can connect to itself when nobody listens there.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

fn unconnected(err: &Error) -> Unconnected {
    match Errno::from_io_error(err) {
        // No descriptor, memory, port or protocol left for us, or no leave to use one (a local filter's EPERM).
        Some(
            Errno::MFILE
            | Errno::NFILE
            | Errno::NOBUFS
            | Errno::NOMEM
            | Errno::AGAIN
            | Errno::ADDRNOTAVAIL
            | Errno::AFNOSUPPORT
            | Errno::PERM
            | Errno::ACCESS,
        ) => Unconnected::Cannot(why(err)),
        _ => Unconnected::Not(why(err)),
    }
}

fn cannot(shown: &str, why: &str) -> Answer {
    Answer::unknown(format!("`{shown}`: this host cannot connect: {why}")).hinting(
        "see its sockets and limits: `ss -s; ulimit -n; sysctl net.ipv4.ip_local_port_range`",
    )
}

fn parse(target: &str) -> Option<(String, u16)> {
    let (host, port) = target.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        // Without brackets it cannot be told where an IPv6 address ends.
        None if host.contains(':') => return None,
        None => host,
    };
    let plain =
        !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@[]".contains(c));
    plain.then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::Verdict;
    use crate::probe::Seen;
    use crate::probe::tests::{look, look_within, problem};
    use std::net::TcpListener;

    #[test]
    fn targets_are_a_host_and_a_port() {
        for (text, want) in [
            ("localhost:5432", Some(("localhost", 5432))),
            ("[::1]:80", Some(("::1", 80))),
            ("::1:80", None),
            ("localhost", None),
            ("localhost:0", None),
            ("localhost:70000", None),
            (":80", None),
            ("http://x:80", None),
        ] {
            let want = want.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(parse(text), want, "{text}");
        }
        assert!(problem("tcp:localhost").contains("`localhost` is not a host and a port"));
    }

    #[test]
    fn a_host_has_a_port_or_the_usual_one() {
        for (text, want) in [
            ("pool.ntp.org", Some(("pool.ntp.org", 123))),
            ("127.0.0.1:1123", Some(("127.0.0.1", 1123))),
            ("[::1]:1123", Some(("::1", 1123))),
            ("::1", Some(("::1", 123))),
            ("h:0", None),
            ("", None),
        ] {
            assert_eq!(
                host_and_port(text, 123),
                want.map(|(host, port)| (host.to_owned(), port)),
                "{text}"
            );
        }
    }

    #[test]
    fn one_that_accepts_is_up_even_if_it_then_says_nothing() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = server.local_addr().unwrap();
        let seen = look(&format!("tcp:localhost:{}", addr.port()));
        assert_eq!((seen.verdict, seen.detail), (Verdict::Up, format!("connected to {addr}")));
    }

    #[test]
    fn a_closed_port_is_down_in_words() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let seen = look(&format!("tcp:127.0.0.1:{port}"));
        let want = format!("`127.0.0.1:{port}`: connection refused");
        assert_eq!(seen.verdict, Verdict::Down(want));
    }

    #[test]
    fn what_must_be_closed_is_up_when_refused_and_down_when_it_accepts() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = server.local_addr().unwrap();
        let probe = format!("tcp:{addr}?closed=true");
        let want = format!("`{addr}`: {addr} accepts connections, expected closed");
        assert_eq!(look(&probe).verdict, Verdict::Down(want));
        drop(server);
        let seen = look(&probe);
        assert_eq!(
            (seen.verdict, seen.detail.as_str()),
            (Verdict::Up, "closed: connection refused")
        );
        let seen = look("tcp:nosuchhost.invalid:80?closed=true");
        assert!(matches!(seen.verdict, Verdict::Unknown(_)), "{seen:?}");
        assert!(seen.verdict.reason().contains("does not resolve"), "{seen:?}");
        for key in ["send=a&expect=b", "expect=b", "under=1s", "crit=1"] {
            let found = problem(&format!("tcp:h:1?closed=true&{key}"));
            assert!(found.contains("`closed` goes with no other key"), "{key}: {found}");
        }
    }

    #[test]
    fn one_that_drops_connections_is_closed_after_the_limit() {
        // A backlog of one that is full: the system drops what comes then, as a filter would.
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::INET,
            rustix::net::SocketType::STREAM,
            None,
        )
        .unwrap();
        rustix::net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        rustix::net::listen(&socket, 0).unwrap();
        let server = TcpListener::from(socket);
        let addr = server.local_addr().unwrap();
        let short = Duration::from_millis(200);
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&addr, short) {
            waiting.push(stream);
            assert!(waiting.len() < 10, "the backlog is never full");
        }
        let look = |keys: &str| look_within(&format!("tcp:{addr}{keys}"), Seen::default(), short);
        let seen = look("?closed=true");
        assert_eq!(
            (seen.verdict, seen.detail.as_str()),
            (Verdict::Up, "closed: no connection within 0.2s")
        );
        let seen = look("");
        let want = format!("`{addr}`: no connection within 0.2s");
        assert_eq!(seen.verdict, Verdict::Down(want));
    }

    #[test]
    fn what_this_host_lacks_is_no_fault_of_the_server() {
        for (errno, ours) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::ADDRNOTAVAIL, true),
            (Errno::PERM, true),
            (Errno::CONNREFUSED, false),
            (Errno::HOSTUNREACH, false),
            (Errno::CONNRESET, false),
        ] {
            let got = unconnected(&errno.into());
            assert_eq!(matches!(got, Unconnected::Cannot(_)), ours, "{errno:?}: {got:?}");
        }
    }

    #[test]
    fn the_time_is_measured_and_held_to_its_limits() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let probe = format!("tcp:{}", server.local_addr().unwrap());
        let seen = look(&format!("{probe}?warn=10&crit=20"));
        assert!(seen.verdict.is_up() && seen.warning.is_none(), "{seen:?}");
        let time = &seen.measures[0];
        assert_eq!((time.label.as_str(), time.crit.as_deref()), ("time", Some("20")));
        assert!(time.value.is_some_and(|value| (0.0..10.0).contains(&value)), "{time:?}");
        let seen = look(&format!("{probe}?warn=100:"));
        assert!(seen.warning.unwrap().contains("connected in "));
        let seen = look(&format!("{probe}?under=1ns"));
        assert!(seen.verdict.reason().contains("connected too slowly: "), "{:?}", seen.verdict);
    }

    #[test]
    fn a_name_that_does_not_resolve_is_named_as_such() {
        let seen = look("tcp:nosuchhost.invalid:80");
        assert!(seen.verdict.reason().contains("does not resolve"), "{seen:?}");
        assert!(seen.verdict.is_down());
    }
}
