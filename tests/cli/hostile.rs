//! Servers, files and programs that do their worst, all in one run beside healthy ones: each costs its own timeout and
//! bounded memory, and costs its neighbours nothing. It never asserts how fast anything is beyond generous bounds.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::host::{Answers, Host};

/// Of one look at what is hostile.
const TIMEOUT: &str = "4s";
const MILLIS: u64 = 4000;
/// Far above what a run needs, in KiB, and far below what any of them would fill.
const MEMORY: u64 = 96 * 1024;
/// Of the whole run.
const DEADLINE: &str = "40s";

/// The port of a server that serves each connection by `serve`, in a thread of its own.
fn server(serve: impl Fn(TcpStream) -> std::io::Result<()> + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            // It ends when the client hangs up.
            thread::spawn(move || serve(stream));
        }
    });
    port
}

/// One that reads a request, says this, and then these bytes again and again, with this pause.
fn endless(head: &'static str, bytes: &'static [u8], pause: Duration) -> u16 {
    server(move |mut stream| {
        let _ = stream.read(&mut [0; 4096])?;
        stream.write_all(head.as_bytes())?;
        loop {
            stream.write_all(bytes)?;
            thread::sleep(pause);
        }
    })
}

/// One that says nothing, and reads to the end.
fn silent() -> u16 {
    server(|mut stream| std::io::copy(&mut stream, &mut std::io::sink()).map(drop))
}

/// What ends a look.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// Nothing before its timeout.
    Timeout,
    /// A bound on what is read, or that it is no regular file. The reason tells.
    Sooner,
}

/// A probe, its verdict, a part of its reason, and what ends it.
struct Case {
    probe: String,
    verdict: &'static str,
    said: &'static str,
    end: End,
}

fn cases(host: &Host) -> Vec<Case> {
    const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";
    const ZEROS: &[u8] = &[b'0'; 16 * 1024];
    // Unpacked it would be twice what a run may use.
    host.shell("head -c 200000000 /dev/zero | gzip >$DIR/bomb").ends(0);
    let bomb = std::fs::read(host.path("bomb")).unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bomb.len()
    );
    let bomb = Answers::with([head.into_bytes(), bomb].concat());
    host.fifo("fifo");
    let none = Duration::ZERO;
    let http = |port: u16| format!("http://127.0.0.1:{port}/#contains=never&timeout={TIMEOUT}");
    let case =
        |probe: String, verdict, said, end| Case { probe: host.fill(&probe), verdict, said, end };
    let (silent, quiet) = (silent(), format!("timeout={TIMEOUT}"));
    let chatty = endless("", ZEROS, none);
    vec![
        case(
            http(endless(OK, b"x", Duration::from_millis(20))),
            "down",
            "did not answer within 4s",
            End::Timeout,
        ),
        case(
            http(endless(OK, ZEROS, none)),
            "down",
            "without `never` in its first 1 MiB",
            End::Sooner,
        ),
        case(
            http(endless("HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n", none)),
            "down",
            "head",
            End::Sooner,
        ),
        case(
            http(endless("HTTP/1.1 200 OK\r\nX-Long: ", ZEROS, none)),
            "down",
            "head",
            End::Sooner,
        ),
        case(http(bomb.port()), "down", "without `never`", End::Sooner),
        case(http(silent), "down", "did not answer within 4s", End::Timeout),
        case(
            format!("https://127.0.0.1:{silent}/#{quiet}"),
            "down",
            "did not answer within 4s",
            End::Timeout,
        ),
        case(format!("tls:127.0.0.1:{silent}?{quiet}"), "down", "within 4s", End::Timeout),
        case(
            format!("tcp:127.0.0.1:{silent}?expect=220&{quiet}"),
            "down",
            "said nothing within 4s",
            End::Timeout,
        ),
        case(
            format!("tcp:127.0.0.1:{chatty}?send=hello&expect=220&{quiet}"),
            "down",
            "64.0 KiB",
            End::Sooner,
        ),
        case(format!("log:/dev/zero?{quiet}"), "unknown", "a device", End::Sooner),
        case(format!("log:$DIR/fifo?{quiet}"), "unknown", "a FIFO", End::Sooner),
        case(format!("file:/dev/zero?contains=x&{quiet}"), "down", "a device", End::Sooner),
        case(format!("pidfile:$DIR/fifo?{quiet}"), "unknown", "a FIFO", End::Sooner),
    ]
}

fn healthy(host: &Host) -> Vec<String> {
    let (fine, line) = (Answers::http("200 OK", "", "fine"), Answers::with("220 ready\r\n"));
    host.write("fine", "fine\n");
    vec![
        format!("{}/#contains=fine", fine.url()),
        format!("tcp:127.0.0.1:{}?send=x&expect=220", line.port()),
        format!("port:{}", line.port()),
        host.fill("file:$DIR/fine?contains=fine"),
        "memory:?free=0".to_owned(),
    ]
}

/// An `exec` that nobody can ask to stop, with a child of the same kind.
const FLOOD: &str =
    "trap '' TERM INT HUP\n(while :; do echo child; done) &\nwhile :; do echo flood; done";

/// Each look by its probe, as JSON shows it.
fn by_probe(looks: impl IntoIterator<Item = Value>) -> HashMap<String, Value> {
    looks.into_iter().map(|look| (look["probe"].as_str().unwrap().to_owned(), look)).collect()
}

fn judge(looks: &HashMap<String, Value>, cases: &[Case], healthy: &[String]) {
    let of = |probe: &str| {
        // How to ask is not part of how it is shown.
        let shown = probe.replace(&format!("&timeout={TIMEOUT}"), "");
        let shown = shown
            .replace(&format!("?timeout={TIMEOUT}"), "")
            .replace(&format!("#timeout={TIMEOUT}"), "");
        looks.get(&shown).unwrap_or_else(|| panic!("{shown} was not looked at: {:?}", looks.keys()))
    };
    for case in cases {
        let look = of(&case.probe);
        assert_eq!(look["verdict"], case.verdict, "{look}");
        assert!(look["reason"].as_str().unwrap_or_default().contains(case.said), "{look}");
        let took = look["took"].as_u64().unwrap();
        assert!(case.end == End::Sooner || took >= MILLIS - 100, "{look}");
        assert!(took < 4 * MILLIS, "{look}");
    }
    for probe in healthy {
        let look = of(probe);
        assert_eq!(look["verdict"], "up", "{look}");
        assert!(look["took"].as_u64().unwrap() < MILLIS, "{look}");
    }
}

#[test]
fn what_is_hostile_costs_its_own_timeout_and_its_neighbours_nothing() {
    let host = Host::new();
    let (cases, healthy) = (cases(&host), healthy(&host));
    let mut args = vec!["--deadline", DEADLINE, "check", "-o", "json"];
    args.extend(cases.iter().map(|case| case.probe.as_str()));
    args.extend(healthy.iter().map(String::as_str));
    let (ran, peak) = host.run_watched(&args);
    // The host's directory is `$DIR` in what is printed.
    let found: Value = serde_json::from_str(&host.fill(&ran.ends(2).stdout)).unwrap();
    judge(&by_probe(found["probes"].as_array().unwrap().clone()), &cases, &healthy);
    assert!(peak < MEMORY, "{peak} KiB");
}

#[test]
fn hostile_services_are_remembered_as_what_they_are_beside_healthy_ones() {
    let host = Host::new();
    host.fake("flood", FLOOD);
    let (cases, healthy) = (cases(&host), healthy(&host));
    let mut config =
        format!("deadline = \"{DEADLINE}\"\n[defaults]\ntries = 1\ntimeout = \"{TIMEOUT}\"\n");
    let probes = cases.iter().map(|case| &case.probe).chain(&healthy);
    let flood = host.fill("exec:$DIR/bin/flood");
    for (number, probe) in probes.chain([&flood]).enumerate() {
        config += &format!("[[service]]\nname = \"s{number}\"\nchecks = ['{probe}']\n");
    }
    host.config(&config);
    let (ran, peak) = host.run_watched(&["check"]);
    ran.ends(2);
    assert!(peak < MEMORY, "{peak} KiB");

    let state = host.state();
    let services = state["services"].as_object().unwrap();
    assert_eq!(state["cycle"]["services"].as_array().unwrap().len(), services.len(), "{state}");
    let looks = services.values().flat_map(|service| service["looks"].as_array().unwrap().clone());
    let looks = by_probe(looks);
    judge(&looks, &cases, &healthy);
    let look = &looks[&flood];
    assert_eq!(look["verdict"], "unknown", "{look}");
    assert!(look["reason"].as_str().unwrap().contains("was killed"), "{look}");
    // It has been killed with its child: nobody goes on writing.
    host.run(&["stale"]).ends(0);
    assert!(!host.runs("bin/flood"), "left behind");
}
