//! Listening sockets as Linux shows them in `/proc/net/tcp` and `tcp6`, and their processes by the inodes
//! in `/proc/PID/fd`. A table that does not read as expected is an error, never "nobody listens".

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::OnceLock;

use super::Listener;

/// `TCP_LISTEN` of the kernel's `net/tcp_states.h`.
const LISTEN: &str = "0A";

/// The listening sockets at one moment; their processes are looked for when first asked for.
#[derive(Debug)]
pub struct Sockets {
    listening: Vec<Socket>,
    owners: OnceLock<HashMap<u64, Vec<u32>>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Socket {
    addr: SocketAddr,
    uid: u32,
    inode: u64,
}

impl Sockets {
    /// Reads the table.
    pub fn read() -> Result<Self, String> {
        let mut listening = table("/proc/net/tcp")?;
        // Absent on a kernel without IPv6.
        if fs::exists("/proc/net/tcp6").unwrap_or(false) {
            listening.extend(table("/proc/net/tcp6")?);
        }
        Ok(Self { listening, owners: OnceLock::new() })
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
        for socket in self.listening.iter().filter(|socket| wanted(&socket.addr)) {
            let owners = self.owners.get_or_init(|| self.find_owners());
            let pids = owners.get(&socket.inode).map_or(&[][..], Vec::as_slice);
            if pids.is_empty() {
                found.push(Listener::known(socket.addr, None, Some(socket.uid)));
            }
            let known = |pid: &u32| Listener::known(socket.addr, Some(*pid), Some(socket.uid));
            found.extend(pids.iter().map(known));
        }
        found
    }

    /// Only the listening sockets are kept: most sockets of a busy host are connections.
    fn find_owners(&self) -> HashMap<u64, Vec<u32>> {
        let mut owners: HashMap<u64, Vec<u32>> =
            self.listening.iter().map(|socket| (socket.inode, Vec::new())).collect();
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        for pid in pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
            let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            for inode in files.filter_map(|file| inode_of(&fs::read_link(file.path()).ok()?)) {
                if let Some(pids) = owners.get_mut(&inode)
                    && pids.last() != Some(&pid)
                {
                    pids.push(pid);
                }
            }
        }
        owners
    }
}

fn inode_of(link: &Path) -> Option<u64> {
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn table(path: &str) -> Result<Vec<Socket>, String> {
    let file = fs::File::open(path)
        .map_err(|err| format!("cannot read `{path}`: {}", crate::sys::why::why(&err)))?;
    let mut found = Vec::new();
    for line in BufReader::with_capacity(64 * 1024, file).lines().skip(1) {
        let line = line.map_err(|err| format!("cannot read `{path}`: {err}"))?;
        found.extend(parse_line(&line).map_err(|()| format!("cannot understand `{path}`"))?);
    }
    Ok(found)
}

/// `0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 33 0 12345 …`; none when it is
/// not a listener.
fn parse_line(line: &str) -> Result<Option<Socket>, ()> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, local, _, state, _, _, _, uid, _, inode, ..] = fields[..] else { return Err(()) };
    if state != LISTEN {
        return Ok(None);
    }
    let addr = parse_addr(local).ok_or(())?;
    let (uid, inode) = (uid.parse().map_err(drop)?, inode.parse().map_err(drop)?);
    Ok(Some(Socket { addr, uid, inode }))
}

/// The kernel prints addresses as 32-bit words in the machine's own byte order, ports as numbers.
fn parse_addr(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let word =
        |at: usize| u32::from_str_radix(host.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match host.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at * 8)?);
            }
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_table() {
        let listen = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 12345 1 0 100 0 0 10 0";
        let want = Socket { addr: "127.0.0.1:8080".parse().unwrap(), uid: 33, inode: 12345 };
        assert_eq!(parse_line(listen), Ok(Some(want)));
        let client = listen.replace(" 0A ", " 01 ");
        assert_eq!(parse_line(&client), Ok(None));
        assert_eq!(parse_line("   0: 0100007F:1F90 00000000:0000"), Err(()));
        assert_eq!(
            parse_addr("00000000000000000000000001000000:0050"),
            Some("[::1]:80".parse().unwrap())
        );
        assert_eq!(parse_addr("0100:0050"), None);
    }
}
