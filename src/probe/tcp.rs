//! `tcp:localhost:5432`: somebody accepts connections there. Connects and hangs up; sends nothing.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::text::human_duration;
use crate::probe::{Answer, At};
use crate::sys::clock::{Deadline, Stopwatch};
use crate::sys::names::{self, Unresolved};
use crate::sys::why::why;

/// Where to connect, and how soon it must have worked.
#[derive(Debug, Clone)]
pub struct Tcp {
    host: String,
    port: u16,
    under: Option<Duration>,
}

impl Tcp {
    /// `target` is `host:port` or `[address]:port`. Key: `under` (the connection must stand within it).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let under = fields.duration("under");
        let (host, port) = read_target("tcp", target, 5432, fields)?;
        Some(Self { host, port, under })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let (deadline, watch) = (Deadline::after(at.limit), Stopwatch::start());
        let shown = self.shown();
        let found = match names::resolve(&self.host, at.limit) {
            Ok(found) => found,
            Err(unresolved @ Unresolved::Not(_)) => {
                return Answer::down(format!("`{shown}`: {unresolved}"));
            }
            // Nothing is known of the server then.
            Err(late) => return Answer::unknown(format!("`{shown}`: {late}")),
        };
        let mut last = String::new();
        for ip in found {
            let addr = SocketAddr::new(ip, self.port);
            let left = deadline.left();
            if left.is_zero() {
                last = format!("no connection within {}", human_duration(at.limit));
                break;
            }
            match connect(addr, left) {
                Ok(()) => return self.judge(watch.read(), addr),
                Err(err) if err.kind() == std::io::ErrorKind::TimedOut => {
                    last = format!("no connection within {}", human_duration(at.limit));
                }
                Err(err) => last = why(&err),
            }
        }
        Answer::down(format!("`{shown}`: {last}"))
    }

    fn judge(&self, took: Duration, addr: SocketAddr) -> Answer {
        match self.under {
            Some(under) if took >= under => Answer::down(format!(
                "`{}`: connected too slowly: {}, expected under {}",
                self.shown(),
                human_duration(took),
                human_duration(under)
            )),
            _ => Answer::up(format!("connected to {addr}")),
        }
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

fn connect(addr: SocketAddr, limit: Duration) -> std::io::Result<()> {
    let stream = TcpStream::connect_timeout(&addr, limit)?;
    // A port that the system hands out to clients can connect to itself when nobody listens there.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(std::io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
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
    use crate::probe::tests::{look, problem};
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
    fn a_name_that_does_not_resolve_is_named_as_such() {
        let seen = look("tcp:nosuchhost.invalid:80");
        assert!(seen.verdict.reason().contains("does not resolve"), "{seen:?}");
        assert!(seen.verdict.is_down());
    }
}
