//! Takes whatever is posted to it on 127.0.0.1 and keeps it: the far end of a server that passes things on. It judges
//! nothing of what it hears.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::real;

/// More than this is sent by none of the counterparts.
const MOST: usize = 16 << 20;

/// A request that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// `POST /hook`
    pub(crate) asked: String,
    /// Decoded, with anything that is not UTF-8 replaced.
    pub(crate) body: String,
}

impl Heard {
    /// The body, which must be JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A receiver; it is there until the test program ends.
pub(crate) struct Sink {
    port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Sink {
    /// Starts one that answers 200 with nothing.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let kept = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                // Whoever goes away in the middle has told nothing.
                thread::spawn(move || take(&stream, &kept).ok());
            }
        });
        Self { port, heard }
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// What it has taken so far, in the order of arrival.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for so many requests, and gives them all.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize, deadline: Duration) -> Vec<Heard> {
        real::try_until(deadline, || Some(self.heard()).filter(|heard| heard.len() >= count))
            .unwrap_or_else(|| {
                panic!("waited {deadline:?} for {count} requests; got {:#?}", self.heard())
            })
    }
}

fn take(stream: &TcpStream, kept: &Mutex<Vec<Heard>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let asked = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut length = 0;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0).min(MOST);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(Heard { asked, body });
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
