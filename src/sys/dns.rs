//! Asks name servers for records of a name, by wire (RFC 1035): UDP, and TCP for what does not fit. Whatever comes back,
//! it costs no more than the deadline. Caches nothing and follows nobody's referral: the server does the work.

mod servers;
mod wire;

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::model::text::{human_duration, plural};
use crate::sys::clock::Deadline;
use crate::sys::timed::Timed;
use crate::sys::why::why;

pub use servers::of_host;
use wire::{Question, Reply};
pub use wire::{Record, Type, is_name, reverse};

/// Where name servers listen.
pub const PORT: u16 = 53;
/// How often each server is asked, when it does not answer or says that it cannot.
const ROUNDS: usize = 2;

/// Why there are no records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// There is no such name at all (NXDOMAIN).
    NoName,
    /// The name is there, without a record of this type; and the name that it is an alias of, if it is.
    NoRecord(Type, Option<String>),
    /// A server answered that it does not answer: which, and how it says so.
    Unable(SocketAddr, &'static str),
    /// A server cannot be reached, or breaks off.
    Broken(SocketAddr, String),
    /// No answer within this time, from so many; the first of them.
    Silent(Duration, usize, SocketAddr),
    /// Something of this host: nothing is known of the name.
    Here(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("there is no such name (NXDOMAIN)"),
            Self::NoRecord(kind, None) => write!(f, "it has no {} record", kind.word()),
            Self::NoRecord(kind, Some(alias)) => {
                write!(f, "it is an alias of `{alias}`, which has no {} record", kind.word())
            }
            Self::Unable(server, how) => write!(f, "{server} {how}"),
            Self::Broken(server, why) => write!(f, "{server}: {why}"),
            Self::Silent(limit, 0 | 1, server) => {
                write!(f, "no answer from {server} within {}", human_duration(*limit))
            }
            Self::Silent(limit, count, _) => {
                let servers = plural(*count, "server");
                write!(f, "no answer from any of {servers} within {}", human_duration(*limit))
            }
            Self::Here(why) => write!(f, "this host cannot ask: {why}"),
        }
    }
}

impl std::error::Error for Trouble {}

/// Asks the `servers` in their order, twice if need be, for the records of `name`, which [`is_name`]; at least one of them,
/// and each once. The first that answers decides. `limit` is the deadline in words.
pub fn ask(
    name: &str,
    kind: Type,
    servers: &[SocketAddr],
    deadline: Deadline,
    limit: Duration,
) -> Result<Vec<Record>, Trouble> {
    let mut last = None;
    let tries = servers.iter().cycle().take(servers.len() * ROUNDS);
    for (left, server) in (1..=servers.len() * ROUNDS).rev().zip(tries) {
        // Each try has its share, so that one that is silent does not hide the next.
        let share = deadline.left() / u32::try_from(left).unwrap_or(u32::MAX);
        if share.is_zero() {
            break;
        }
        match exchange(name, kind, *server, deadline.within(share)) {
            Err(Untold::Late) => {}
            // What a server said tells more than that another could not be reached.
            Err(Untold::Broken(why)) => {
                if !matches!(last, Some(Trouble::Unable(..))) {
                    last = Some(Trouble::Broken(*server, why));
                }
            }
            Err(Untold::Here(why)) => return Err(Trouble::Here(why)),
            Ok(Reply::Unable(how)) => last = Some(Trouble::Unable(*server, how)),
            Ok(Reply::NoName) => return Err(Trouble::NoName),
            Ok(Reply::NoRecord(alias)) => return Err(Trouble::NoRecord(kind, alias)),
            Ok(Reply::Records(records)) => return Ok(records),
        }
    }
    Err(last.unwrap_or_else(|| match servers.first() {
        Some(first) => Trouble::Silent(limit, servers.len(), *first),
        None => Trouble::Here("there is no server to ask".into()),
    }))
}

/// Why one try came to nothing.
enum Untold {
    Late,
    Broken(String),
    Here(String),
}

fn exchange(name: &str, kind: Type, server: SocketAddr, until: Deadline) -> Result<Reply, Untold> {
    // Nobody who does not see the question can guess it, nor the port that it is sent from.
    let id = *uuid::Uuid::new_v4().as_bytes().first_chunk().unwrap_or(&[0; 2]);
    let question = Question { id: u16::from_be_bytes(id), name, kind };
    let packet = question.packet().map_err(Untold::Here)?;
    match by_udp(&question, &packet, server, until)? {
        Some(reply) => Ok(reply),
        None => by_tcp(&question, &packet, server, until),
    }
}

/// None: the answer is too long for this way.
fn by_udp(
    question: &Question<'_>,
    packet: &[u8],
    server: SocketAddr,
    until: Deadline,
) -> Result<Option<Reply>, Untold> {
    let here = |err: io::Error| Untold::Here(why(&err));
    let any = match server {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).map_err(here)?;
    // So that only its answers come, and a refusal is heard.
    socket.connect(server).map_err(|err| Untold::Broken(why(&err)))?;
    socket.send(packet).map_err(|err| Untold::Broken(why(&err)))?;
    let mut room = [0; 4096];
    loop {
        let left = until.left();
        if left.is_zero() {
            return Err(Untold::Late);
        }
        socket.set_read_timeout(Some(left)).map_err(here)?;
        match socket.recv(&mut room) {
            Ok(count) if wire::is_cut(&room[..count], question.id) => return Ok(None),
            Ok(count) => {
                // What is not an answer to this question is somebody else's noise.
                if let Some(reply) = question.read(&room[..count]) {
                    return Ok(Some(reply));
                }
            }
            Err(err) if is_late(&err) => {}
            Err(err) => return Err(Untold::Broken(why(&err))),
        }
    }
}

/// With its length before each message (RFC 1035, section 4.2.2).
fn by_tcp(
    question: &Question<'_>,
    packet: &[u8],
    server: SocketAddr,
    until: Deadline,
) -> Result<Reply, Untold> {
    let failed = |err: io::Error| match err.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Untold::Late,
        _ => Untold::Broken(format!("over TCP: {}", why(&err))),
    };
    let left = until.left();
    if left.is_zero() {
        return Err(Untold::Late);
    }
    let stream = TcpStream::connect_timeout(&server, left).map_err(failed)?;
    let mut line = Timed { stream, deadline: until };
    let length = u16::try_from(packet.len()).unwrap_or_default().to_be_bytes();
    line.write_all(&[&length, packet].concat()).map_err(failed)?;
    let mut length = [0; 2];
    line.read_exact(&mut length).map_err(failed)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    line.read_exact(&mut answer).map_err(failed)?;
    let reply = question.read(&answer);
    reply.ok_or_else(|| Untold::Broken("over TCP: no answer to what was asked".into()))
}

fn is_late(err: &io::Error) -> bool {
    matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
