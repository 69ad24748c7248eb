//! `DogStatsD`, Datadog's agent on this host: service checks as datagrams, over UDP (`udp://127.0.0.1:8125`) or a unix
//! socket (`unix:///var/run/datadog/dsd.socket`). Nobody acknowledges a datagram: that it was sent is all that can be
//! said. Wire format: <https://docs.datadoghq.com/extend/dogstatsd/datagram_shell>.

use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::heartbeat::answer::Answer;
use crate::heartbeat::datadog::Named;
use crate::heartbeat::{Ping, body};
use crate::model::fields::Fields;
use crate::sys::why::why;
use crate::sys::{clock, names};

/// Characters of a message: a datagram holds some 1400 bytes.
const MESSAGE: usize = 250;

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dogstatsd(Named);

/// Where to.
enum To {
    Udp(String, u16),
    Unix(String),
}

impl Dogstatsd {
    /// Keys: `check`, `tags`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        Self(Named::read(fields))
    }

    /// Sends the datagrams of `ping` to the agent at `url`.
    pub(super) fn send(&self, url: &str, ping: &Ping<'_>, limit: Duration) -> Answer {
        let to = match to(url) {
            Ok(to) => to,
            Err(why) => return Answer::Refused(format!("the URL {why}")),
        };
        let address = match &to {
            To::Unix(_) => None,
            To::Udp(host, port) => match names::resolve(host, limit) {
                Ok(found) if found.is_empty() => {
                    return Answer::later("not sent: the name has no address");
                }
                Ok(found) => Some(SocketAddr::new(found[0], *port)),
                Err(err) => return Answer::later(format!("not sent: {err}")),
            },
        };
        let sent = self.datagrams(ping).iter().try_for_each(|datagram| match &to {
            To::Udp(..) => address.map_or(Ok(()), |address| by_udp(address, datagram)),
            To::Unix(path) => by_unix(path, datagram, limit),
        });
        match sent {
            Ok(()) => Answer::Accepted,
            Err(err) => Answer::later(format!("not sent: {}", why(&err))),
        }
    }

    fn datagrams(&self, ping: &Ping<'_>) -> Vec<String> {
        let (host, now) = (plain(&ping.host()), clock::now().wall.as_second());
        let checks = self.0.checks(ping).into_iter().enumerate();
        let one = |(index, (check, status, tags)): (usize, (String, u8, Vec<String>))| {
            let mut out = format!("_sc|{}|{status}|d:{now}|h:{host}", plain(&check));
            if !tags.is_empty() {
                let tags: Vec<_> = tags.iter().map(|text| tag(text)).collect();
                out.push_str(&format!("|#{}", tags.join(",")));
            }
            if index == 0 {
                // To the agent another field would begin at a bar, which could name another host. Nothing else in it
                // is special: clients write `m\:`, and an agent shows it so.
                let message = body::gist(ping, MESSAGE).replace('|', "¦");
                out.push_str(&format!("|m:{message}"));
            }
            out
        };
        checks.map(one).collect()
    }
}

/// What is wrong with `url`, in words that follow "`url`".
pub(super) fn check(url: &str) -> Result<(), String> {
    to(url).map(drop)
}

fn to(url: &str) -> Result<To, String> {
    if let Some(path) = url.strip_prefix("unix://") {
        if path.starts_with('/') {
            return Ok(To::Unix(path.to_owned()));
        }
        return Err("names no absolute path after `unix://`".into());
    }
    let Some(address) = url.strip_prefix("udp://") else {
        return Err("does not begin with `udp://` or `unix://`".into());
    };
    let parts = address.trim_end_matches('/').rsplit_once(':');
    match parts.map(|(host, port)| (host.trim_matches(['[', ']']), port.parse())) {
        Some((host, Ok(port))) if !host.is_empty() => Ok(To::Udp(host.to_owned(), port)),
        _ => Err("is not `udp://HOST:PORT`".into()),
    }
}

fn by_udp(address: SocketAddr, datagram: &str) -> std::io::Result<()> {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    socket.send(datagram.as_bytes())?;
    // That nobody listens on this very host is known at once.
    socket.take_error()?.map_or(Ok(()), Err)
}

fn by_unix(path: &str, datagram: &str, limit: Duration) -> std::io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(limit.max(Duration::from_millis(1))))?;
    socket.send_to(datagram.as_bytes(), path).map(drop)
}

/// As Datadog keeps it.
fn tag(text: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || "_-:/.".contains(c);
    text.chars().map(|c| if kept(c) { c } else { '_' }).collect()
}

/// Without what would end a field.
fn plain(text: &str) -> String {
    text.replace(['|', ',', '\n', '\r', '#'], "_")
}
