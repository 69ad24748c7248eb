//! `check --retry-for`: waits until all is well, then looks as ever.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::fast;
use crate::support::host::Host;

/// An HTTP server that is not ready for so many requests, and counts them all.
struct Deployed {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Deployed {
    fn after(requests: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 4096]);
                let before = count.fetch_add(1, Ordering::SeqCst);
                let status = if before < requests { "503 Not Ready" } else { "200 OK" };
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n");
                let _ = stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes());
            }
        });
        Self { port, asked }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[test]
fn what_comes_up_meanwhile_is_waited_for_and_what_is_well_is_not_asked_again() {
    let host = Host::new();
    let (slow, well) = (Deployed::after(3), Deployed::after(0));
    let ran = host.run(&["check", "--retry-for", "50s", &slow.url(), &well.url()]).ends(0);
    assert_eq!(ran.stderr, "");
    // Three times in vain, once in the end, and once by the run that counts.
    assert_eq!((slow.asked(), well.asked()), (5, 2));
    assert!(!host.path("state").exists());
}

#[test]
fn what_is_well_at_once_is_not_waited_for() {
    let (host, well) = (Host::new(), Deployed::after(0));
    let start = Instant::now();
    host.run(&["-q", "check", "--retry-for", "50s", &well.url()]).silent();
    assert_eq!(well.asked(), 2);
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
}

#[test]
fn services_are_remembered_as_the_last_look_found_them() {
    let slow = Deployed::after(3);
    let service = format!("[[service]]\nname = \"web\"\nchecks = [\"{}\"]\n", slow.url());
    let host = Host::with(&fast(&[&service]));
    host.run(&["-q", "check", "--retry-for", "50s"]).silent();
    assert_eq!(slow.asked(), 5);
    assert_eq!(host.service("web")["status"], "up");
    assert_eq!(host.state()["cycle"]["count"], 1);
    // What was seen while it waited is no outage.
    let events = host.read("state/events.jsonl");
    assert!(!events.contains("down"), "{events}");
}

#[test]
fn what_never_comes_up_ends_in_time_with_what_it_is() {
    let host = Host::with(&fast(&["[[service]]\nname = \"web\"\nchecks = [\"file:$DIR/up\"]\n"]));
    for (args, code) in [
        (&["file:$DIR/no"][..], 2),
        (&["load:?warn=-1:-1"], 1),
        (&["web"], 2),
        (&["web", "--deadline", "30s"], 2),
    ] {
        let start = Instant::now();
        let ran = host.run(&[&["check", "--retry-for", "1s"], args].concat()).ends(code);
        assert!(start.elapsed() >= Duration::from_secs(1), "{:?}: {ran:?}", start.elapsed());
    }
    // A deadline that comes first leaves time for the look that counts.
    host.run(&["check", "--retry-for", "10m", "--deadline", "4s", "web"]).ends(2);
    host.run(&["check", "--retry-for", "1s", "--dry-run"]).ends(64);
}
