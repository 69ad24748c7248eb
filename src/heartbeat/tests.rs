//! Pings over real sockets: each server here plays a script, one answer a connection, and hands back what it
//! was sent. Nothing waits for time to pass but the one test of `Retry-After`, which is about waiting.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use super::*;
use crate::model::fields::Fields;
use crate::model::node::{Entry, Node, Value};
use crate::model::place::Problems;

const LIMIT: Duration = Duration::from_secs(20);
pub(super) const SECRET: &str = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278";

/// Plays `answers`, one a connection; its address, and the requests it got.
fn server(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ping/{SECRET}", listener.local_addr().unwrap());
    let serve = move || {
        let one = |answer: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_request(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            request
        };
        answers.into_iter().map(one).collect()
    };
    (url, std::thread::spawn(serve))
}

pub(super) fn read_request(stream: &mut TcpStream) -> String {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let size = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
                })
                .unwrap_or(0);
            if body.len() >= size {
                return text;
            }
        }
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the request broke off: {text}");
        request.extend_from_slice(&buffer[..count]);
    }
}

pub(super) fn reply(status: &str, headers: &str, body: &str) -> String {
    let size = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {size}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn heartbeat(url: &str) -> Heartbeat {
    Heartbeat {
        name: "site".into(),
        kind: None,
        url: SecretSource::Plain(Secret::new(url)),
        period: None,
        grace: None,
        timeout: Duration::from_secs(5),
        tries: 3,
        reports: Reports::Health,
        services: Vec::new(),
        settings: healthchecks_api::Settings::default(),
    }
}

/// Pings `url` without sleeping between tries; what came of it, and the pauses that were asked for.
fn ping(url: &str, ping: &Ping<'_>) -> (Pinged, usize) {
    let mut pauses = 0;
    let mut pause = |_| {
        pauses += 1;
        true
    };
    let pinged =
        heartbeat(url).ping_with(ping, Deadline::after(LIMIT), &mut http::send, &mut pause);
    assert!(!pinged.answer.contains(&SECRET[..8]), "the secret is shown: {}", pinged.answer);
    (pinged, pauses)
}

#[test]
fn an_accepted_ping_is_a_post_with_signal_run_and_body() {
    let (url, server) = server(vec![reply("200 OK", "Ping-Body-Limit: 100000\r\n", "OK")]);
    let rid = Uuid::new_v4();
    let say = Ping { rid: Some(rid), ..Ping::new(Signal::ExitCode(3), "last words") };
    let (pinged, _) = ping(&url, &say);
    assert_eq!((pinged.accepted, pinged.tries, pinged.body_limit), (true, 1, Some(100_000)));
    let requests = server.join().unwrap();
    let want = format!("POST /ping/{SECRET}/3?rid={rid} HTTP/1.1\r\n");
    assert!(requests[0].starts_with(&want), "{}", requests[0]);
    assert!(requests[0].ends_with("\r\n\r\nlast words"), "{}", requests[0]);
}

#[test]
fn what_is_not_an_acceptance_is_said_and_tried_once() {
    let portal = "<html><title>Free WiFi</title>Please sign in</html>";
    let moved = format!("Location: http://elsewhere.example/{SECRET}\r\n");
    for (answer, want) in [
        (reply("404 Not Found", "", "not found"), "not found: no such check (404)"),
        (reply("410 Gone", "", ""), "gone (410)"),
        (
            reply("200 OK", "", portal),
            "answered 200, but not as a ping receiver does: a captive portal?",
        ),
        (reply("301 Moved Permanently", &moved, ""), "redirected (301)"),
        (reply("200 OK", "", "OK (not found)"), "not found: no such check"),
    ] {
        let (url, server) = server(vec![answer]);
        let (pinged, _) = ping(&url, &Ping::new(Signal::Success, ""));
        assert_eq!((pinged.accepted, pinged.answer.as_str(), pinged.tries), (false, want, 1));
        let requests = server.join().unwrap();
        assert!(requests[0].to_lowercase().contains("content-length: 0\r\n"), "{}", requests[0]);
    }
}

#[test]
fn a_failing_service_is_tried_again_and_then_accepts() {
    let (url, server) = server(vec![
        reply("500 Internal Server Error", "", ""),
        "not http at all\r\n\r\n".into(),
        reply("201 Created", "", "Created"),
    ]);
    let (pinged, pauses) = ping(&url, &Ping::new(Signal::Fail, "x"));
    assert_eq!((pinged.accepted, pinged.tries, pauses), (true, 3, 2), "{pinged:?}");
    assert!(server.join().unwrap().iter().all(|request| request.contains("/fail HTTP/1.1")));
}

#[test]
fn a_limit_learnt_from_one_try_holds_for_the_next() {
    let (url, server) = server(vec![
        reply("503 Service Unavailable", "Ping-Body-Limit: 50\r\n", ""),
        reply("200 OK", "", "OK"),
    ]);
    let text = "x".repeat(5000) + "the end";
    let (pinged, _) = ping(&url, &Ping::new(Signal::Log, &text));
    assert_eq!((pinged.accepted, pinged.body_limit), (true, Some(50)));
    let requests = server.join().unwrap();
    assert!(requests[0].len() > 5000 && requests[1].len() < 500, "{}", requests[1]);
    assert!(requests[1].ends_with("the end"), "{}", requests[1]);
}

#[test]
fn retry_after_is_really_waited_for() {
    let (url, server) = server(vec![
        reply("429 Too Many Requests", "Retry-After: 1\r\n", ""),
        reply("200 OK", "", "OK"),
    ]);
    let pinged = heartbeat(&url).ping(&Ping::new(Signal::Success, ""), Deadline::after(LIMIT));
    assert_eq!((pinged.accepted, pinged.tries), (true, 2), "{pinged:?}");
    assert!(pinged.took >= Duration::from_secs(1), "{:?}", pinged.took);
    assert_eq!(server.join().unwrap().len(), 2);
}

#[test]
fn a_retry_after_beyond_the_deadline_gives_up_and_says_so() {
    let (url, server) = server(vec![reply("429 Too Many Requests", "Retry-After: 3600\r\n", "")]);
    let (pinged, pauses) = ping(&url, &Ping::new(Signal::Success, ""));
    let want = "too many requests (429): asked to come back in 1h, later than this run may last";
    assert_eq!((pinged.accepted, pinged.answer.as_str(), pauses), (false, want, 0));
    server.join().unwrap();
}

#[test]
fn a_refused_connection_and_a_silent_server_are_not_success() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (pinged, pauses) =
        ping(&format!("http://{refused}/ping/{SECRET}"), &Ping::new(Signal::Success, ""));
    assert_eq!((pinged.accepted, pinged.tries, pauses), (false, 3, 2), "{pinged:?}");
    assert!(pinged.answer.contains("refused"), "{}", pinged.answer);

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ping/{SECRET}", silent.local_addr().unwrap());
    let mut heartbeat = heartbeat(&url);
    heartbeat.timeout = Duration::from_millis(200);
    heartbeat.tries = 1;
    let pinged = heartbeat.ping(&Ping::new(Signal::Success, ""), Deadline::after(LIMIT));
    assert!(!pinged.accepted && pinged.answer.contains("timed out"), "{pinged:?}");
    assert!(pinged.took < Duration::from_secs(5), "{:?}", pinged.took);
}

#[test]
fn a_wrong_url_is_refused_untold_before_anything_is_sent() {
    for url in [&format!("hc-ping.com/{SECRET}"), &format!("https://hc ping/{SECRET}")] {
        let (pinged, _) = ping(url, &Ping::new(Signal::Success, ""));
        assert!(!pinged.accepted && pinged.answer.starts_with("the URL "), "{pinged:?}");
    }
    let (pinged, _) = ping(&format!("http://[:::/{SECRET}"), &Ping::new(Signal::Success, ""));
    assert!(!pinged.accepted && pinged.tries == 1, "{pinged:?}");
    let mut missing = heartbeat("");
    missing.url = SecretSource::File("/no/such/file".into());
    let pinged = missing.ping(&Ping::new(Signal::Success, ""), Deadline::after(LIMIT));
    assert!(pinged.answer.contains("cannot read the secret file `/no/such/file`"), "{pinged:?}");
    assert_eq!((pinged.accepted, pinged.tries), (false, 0));
}

#[test]
fn many_are_pinged_side_by_side_and_answered_in_order() {
    // Each answers only after all have been asked: one after the other this would never end well.
    let ports: Vec<_> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let urls = ports.iter().map(|p| format!("http://{}/p/{SECRET}", p.local_addr().unwrap()));
    let heartbeats: Vec<_> = urls.map(|url| heartbeat(&url)).collect();
    let server = std::thread::spawn(move || {
        let mut streams: Vec<_> = ports.iter().map(|port| port.accept().unwrap().0).collect();
        for (index, stream) in streams.iter_mut().enumerate() {
            let request = read_request(stream);
            assert!(request.ends_with(&format!("body {index}")), "{request}");
            let answer =
                if index == 2 { reply("404 Not Found", "", "") } else { reply("200 OK", "", "OK") };
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let bodies: Vec<_> = (0..4).map(|index| format!("body {index}")).collect();
    let say = |index: usize| Ping::new(Signal::Success, &bodies[index]);
    let all: Vec<_> = heartbeats.iter().collect();
    let answers = ping_all(&all, &say, Deadline::after(LIMIT));
    server.join().unwrap();
    let accepted: Vec<_> = answers.iter().map(|pinged| pinged.accepted).collect();
    assert_eq!(accepted, [true, true, false, true], "{answers:#?}");
    assert_eq!(ping_all(&[], &say, Deadline::after(LIMIT)), []);
}

#[test]
fn a_start_ping_never_holds_and_is_settled_without_another_try() {
    let busy = reply("500 Internal Server Error", "Retry-After: 15\r\n", "");
    let (url, server) = server(vec![busy]);
    let watch = Stopwatch::start();
    let mut heartbeat = heartbeat(&url);
    heartbeat.tries = 10;
    let beside = heartbeat.ping_beside(Signal::Start, None, Deadline::after(LIMIT));
    assert!(watch.read() < Duration::from_secs(1), "the start ping held its caller");
    assert!(server.join().unwrap()[0].starts_with(&format!("POST /ping/{SECRET}/start HTTP")));
    let pinged = beside.settle();
    assert_eq!((pinged.accepted, pinged.tries), (false, 1));
    assert_eq!(pinged.answer, "the service is in trouble (500): not tried again");
}

pub(super) fn read(entries: Vec<(&str, &str)>) -> (Option<Heartbeat>, String) {
    let place = |line| Place { file: "c.toml".into(), line, col: 1 };
    let entry = |(index, (key, value)): (usize, (&str, &str))| {
        let at = place(u32::try_from(index).unwrap() + 2);
        let value = value.parse().map_or_else(|_| Value::Text(value.into()), Value::Int);
        Entry { key: key.into(), place: at.clone(), node: Node { value, place: at } }
    };
    let entries = entries.into_iter().enumerate().map(entry).collect();
    let mut problems = Problems::default();
    let heartbeat = Heartbeat::read(Fields::new("heartbeat", place(1), entries, &mut problems));
    (heartbeat, problems.to_string())
}

#[test]
fn a_heartbeat_is_read_with_its_defaults() {
    let (heartbeat, problems) = read(vec![("name", "a"), ("url_env", "PING_URL")]);
    let heartbeat = heartbeat.unwrap();
    assert_eq!(problems, "");
    assert_eq!((heartbeat.timeout, heartbeat.tries), (Duration::from_secs(10), 3));
    assert_eq!(
        (heartbeat.kind, heartbeat.period, heartbeat.reports),
        (None, None, Reports::Health)
    );
}

#[test]
fn mistakes_are_told_with_their_place_and_without_the_url() {
    for (key, value, want) in [
        (
            "url",
            "hc-ping.com/s3cret",
            "c.toml:3:1: `url` does not begin with `https://` or `http://`",
        ),
        ("url", "https://s3cret.example/", "c.toml:3:1: `url` names no check"),
        ("url_file", "ping-url", "c.toml:3:1: `url_file`: `ping-url` is not an absolute path"),
        ("tries", "0", "c.toml:3:1: `tries` expects a whole number from 1 to 10"),
        ("kind", "healthcheck", "did you mean `healthchecks`?"),
        ("grase", "5m", "did you mean `grace`?"),
    ] {
        let (_, problems) = read(vec![("name", "a"), (key, value)]);
        assert!(problems.contains(want), "{problems}");
        assert!(!problems.contains("s3cret"), "{problems}");
    }
    let (heartbeat, problems) = read(vec![("name", "a")]);
    assert!(heartbeat.is_none() && problems.contains("needs `url_file`, `url_env` or `url`"));
}
