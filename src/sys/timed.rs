//! A connection whose every read and write ends by one deadline, also against a peer that sends a byte at a time.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::sys::clock::Deadline;

/// See the module. What comes too late is [`io::ErrorKind::TimedOut`].
pub(super) struct Timed {
    pub(super) stream: TcpStream,
    pub(super) deadline: Deadline,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.left();
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

/// The system calls a passed limit of a socket `WouldBlock`.
fn late(err: io::Error) -> io::Error {
    match err.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => err,
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer).map_err(late)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(buffer).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
