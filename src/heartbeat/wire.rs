//! Every kind against a receiver that is as strict as its documentation: method, target, headers and body are
//! compared whole. And what every kind must withstand: portals, redirects, silence, a secret in every part.

use std::io::Write;
use std::net::TcpListener;

use super::tests::{SECRET, read, read_request, reply};
use super::*;

const LIMIT: Duration = Duration::from_secs(20);

/// What a receiver was sent.
pub(super) struct Seen {
    /// `GET /path?query`.
    pub(super) asked: String,
    /// In lower case, without what every request has.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

/// Pings a heartbeat with these keys (`URL` is where the receiver is) once; the receiver answers `answer`.
pub(super) fn exchange(keys: &[(&str, &str)], ping: &Ping<'_>, answer: &str) -> (Seen, Pinged) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    let keys: Vec<_> = keys.iter().map(|(key, value)| (*key, value.replace("URL", &at))).collect();
    let mut entries = vec![("name", "box"), ("tries", "1")];
    entries.extend(keys.iter().map(|(key, value)| (*key, value.as_str())));
    let (heartbeat, problems) = read(entries);
    assert_eq!(problems, "");
    let answer = answer.to_owned();
    let serve = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = read_request(&mut stream);
        stream.write_all(answer.as_bytes()).unwrap();
        request
    });
    let pinged = heartbeat.unwrap().ping(ping, Deadline::after(LIMIT));
    assert!(!pinged.answer.contains(SECRET), "the secret is shown: {}", pinged.answer);
    let request = serve.join().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let asked = lines.next().unwrap().strip_suffix(" HTTP/1.1").unwrap().to_owned();
    let usual = ["host: ", "user-agent: miraclemax/", "accept: */*", "accept-encoding: identity"];
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap();
        format!("{}: {value}", name.to_lowercase())
    });
    let headers = headers.filter(|line| !usual.iter().any(|usual| line.starts_with(usual)));
    let mut headers: Vec<_> = headers.filter(|line| line != "connection: close").collect();
    headers.sort();
    (Seen { asked, headers, body: body.to_owned() }, pinged)
}

pub(super) fn ping(signal: Signal, body: &str) -> Ping<'_> {
    Ping::new(signal, body)
}

fn run(signal: Signal, body: &str) -> Ping<'_> {
    let rid = Uuid::parse_str("728b3763-ecd6-4a3e-9fda-6e56d9bd9e2e").unwrap();
    Ping { rid: Some(rid), took: Some(Duration::from_millis(2500)), ..ping(signal, body) }
}

#[test]
fn a_snitch_is_told_message_and_status() {
    let keys = [("url", "URL/5bf66975-d4c7"), ("kind", "deadmanssnitch")];
    let thanks = reply("202 Accepted", "", "Got it, thanks!\n");
    for (say, want) in [
        (ping(Signal::Success, "ALL_OK services:4 a&b\nmore"), "m=ALL_OK%20services%3A4%20a%26b"),
        (ping(Signal::Fail, "ISSUES web:DOWN"), "m=ISSUES%20web%3ADOWN&s=1"),
        (ping(Signal::ExitCode(3), "out\nexit status 3"), "m=exit%20status%203&s=3"),
        (ping(Signal::ExitCode(0), ""), "m=exit%200&s=0"),
    ] {
        let (seen, pinged) = exchange(&keys, &say, &thanks);
        assert_eq!(seen.asked, format!("GET /5bf66975-d4c7?{want}"));
        assert_eq!((seen.headers.as_slice(), seen.body.as_str()), (&[][..], ""));
        assert_eq!((pinged.accepted, pinged.answer.as_str()), (true, "accepted"));
    }
    for (answer, want) in [
        (reply("404 Not Found", "", "nope"), "not found: no such snitch (404)"),
        (reply("200 OK", "", "hello"), "answered 200, but not as a ping receiver does"),
    ] {
        let (_, pinged) = exchange(&keys, &ping(Signal::Success, ""), &answer);
        assert!(!pinged.accepted && pinged.answer.starts_with(want), "{pinged:?}");
    }
}

#[test]
fn uptime_robot_is_only_asked() {
    let keys = [("url", "URL/m7-5bf66975"), ("kind", "uptimerobot")];
    let (seen, pinged) = exchange(&keys, &ping(Signal::Success, "text"), &reply("200 OK", "", "x"));
    assert_eq!((seen.asked.as_str(), seen.body.as_str()), ("GET /m7-5bf66975", ""));
    assert_eq!(pinged.answer, "accepted, without the text: uptimerobot takes none");
    let (heartbeat, _) = read(vec![("name", "x"), ("url", "http://[::1]:1/x"), keys[1]]);
    let pinged = heartbeat.unwrap().ping(&ping(Signal::Fail, ""), Deadline::after(LIMIT));
    assert_eq!((pinged.accepted, pinged.unheard, pinged.tries), (false, true, 0));
}

#[test]
fn uptime_kuma_is_pushed_to_and_must_say_ok() {
    let keys = [("url", "URL/api/push/5bf66975?status=up&msg=OK&ping=")];
    let ok = reply("200 OK", "Content-Type: application/json\r\n", r#"{"ok":true}"#);
    for (say, want) in [
        (ping(Signal::Success, "ALL_OK"), "status=up&msg=ALL_OK"),
        (run(Signal::ExitCode(0), "done"), "status=up&msg=done&ping=2500"),
        (ping(Signal::Fail, "ISSUES ü"), "status=down&msg=ISSUES%20%C3%BC"),
        (ping(Signal::ExitCode(9), "a\nexit status 9"), "status=down&msg=exit%20status%209"),
    ] {
        let (seen, pinged) = exchange(&keys, &say, &ok);
        assert_eq!(seen.asked, format!("GET /api/push/5bf66975?{want}"));
        assert!(pinged.accepted && pinged.answer.starts_with("accepted"), "{pinged:?}");
    }
    for (answer, want) in [
        (reply("200 OK", "", r#"{"ok":false}"#), "it answered that it is not ok"),
        (reply("200 OK", "", "OK"), "answered 200, but not as a ping receiver does"),
        (
            reply("404 Not Found", "", r#"{"ok":false,"msg":"Monitor not found or not active."}"#),
            "not found: no such monitor, or it is paused (404)",
        ),
        (reply("404 Not Found", "", "nginx"), "not found (404)"),
    ] {
        let (_, pinged) = exchange(&keys, &ping(Signal::Success, ""), &answer);
        assert!(!pinged.accepted && pinged.answer.starts_with(want), "{pinged:?}");
    }
}

#[test]
fn cronitor_is_told_state_run_and_measures() {
    let keys = [("url", "URL/p/5bf66975/nightly?env=prod&state=complete"), ("kind", "cronitor")];
    let host = format!("host={}", address::encoded(&host::name()));
    let series = "series=728b3763-ecd6-4a3e-9fda-6e56d9bd9e2e";
    let took = "metric=duration%3A2.500";
    for (say, want) in [
        (ping(Signal::Success, ""), format!("state=complete&{host}")),
        (run(Signal::Start, ""), format!("state=run&{series}&{took}&{host}")),
        (
            run(Signal::ExitCode(3), "a b"),
            format!("state=fail&message=a%20b&{series}&status_code=3&{took}&{host}"),
        ),
        (
            run(Signal::ExitCode(0), ""),
            format!("state=complete&{series}&status_code=0&{took}&{host}"),
        ),
        (ping(Signal::Fail, "x"), format!("state=fail&message=x&{host}")),
    ] {
        let (seen, pinged) = exchange(&keys, &say, &reply("200 OK", "", "OK"));
        assert_eq!(seen.asked, format!("GET /p/5bf66975/nightly?env=prod&{want}"));
        assert_eq!((pinged.accepted, pinged.answer.as_str()), (true, "accepted"));
    }
}

#[test]
fn better_stack_is_told_by_the_path() {
    let keys = [("url", "URL/api/v1/heartbeat/5bf66975"), ("kind", "betterstack")];
    for (signal, want) in [
        (Signal::Success, ""),
        (Signal::Fail, "/fail"),
        (Signal::ExitCode(3), "/3"),
        (Signal::ExitCode(0), "/0"),
    ] {
        let (seen, pinged) = exchange(&keys, &ping(signal, "out\nput"), &reply("200 OK", "", ""));
        assert_eq!(seen.asked, format!("POST /api/v1/heartbeat/5bf66975{want}"));
        assert_eq!(seen.headers, ["content-length: 7", "content-type: text/plain; charset=utf-8"]);
        assert_eq!((seen.body.as_str(), pinged.answer.as_str()), ("out\nput", "accepted"));
    }
}

#[test]
fn a_template_is_filled_and_escaped_for_where_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, format!("Bearer {SECRET}\n")).unwrap();
    let key = format!("Authorization: {}", key.display());
    let keys = [
        ("url", "URL/api/box"),
        ("kind", "url"),
        ("ok", "{url}?success=true"),
        ("fail", "{url}?success={success}&error={line}&code={code}&took={seconds}&ms={millis}"),
        ("start", "{url}/begin?run={rid}"),
        ("method", "POST"),
        ("header_file", &key),
    ];
    for (say, want, code) in [
        (ping(Signal::Success, ""), "?success=true", ""),
        (
            ping(Signal::Fail, "a&b \"c\""),
            "?success=false&error=a%26b%20%22c%22&code=1&took=&ms=",
            "",
        ),
        (run(Signal::ExitCode(7), "x"), "?success=false&error=x&code=7&took=2.500&ms=2500", ""),
        (run(Signal::Start, ""), "/begin?run=728b3763-ecd6-4a3e-9fda-6e56d9bd9e2e", ""),
    ] {
        let (seen, pinged) = exchange(&keys, &say, &reply("200 OK", "", code));
        assert_eq!(seen.asked, format!("POST /api/box{want}"));
        let headers = [format!("authorization: Bearer {SECRET}"), "content-length: 0".into()];
        assert_eq!((seen.headers.as_slice(), pinged.accepted), (&headers[..], true));
    }
    let keys = [
        ("url", "URL/x"),
        ("kind", "url"),
        ("fail", "{url}"),
        ("body", r#"{"status": "{status}", "text": "{text}", "n": {code}, "of": "{name}"}"#),
        ("expect", "taken"),
    ];
    let say = ping(Signal::Fail, "a \"quoted\"\nline \\ {url}");
    let (seen, pinged) = exchange(&keys, &say, &reply("200 OK", "", "it is taken"));
    let json: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    let want = serde_json::json!({"status": "down", "text": say.body, "n": 1, "of": "box"});
    assert_eq!((seen.asked.as_str(), json, pinged.accepted), ("POST /x", want, true));
    let (_, pinged) = exchange(&keys, &say, &reply("200 OK", "", "something else"));
    assert!(!pinged.accepted, "{pinged:?}");
}

#[test]
fn templates_with_mistakes_are_refused_with_what_there_is() {
    let base = [("name", "x"), ("url", "https://h/s3cret"), ("kind", "url")];
    for (key, value, want) in [
        (
            "ok",
            "{url}?x={statsu}",
            "`ok` has no placeholder `{statsu}`\n  hint: did you mean `{status}`?",
        ),
        ("body", "{zzzzzzzzz}", "hint: there are {url}, {name}"),
        ("method", "DELETE", "`method` expects one of `GET`, `POST`"),
        ("header", "no colon", "`header` expects `Name: value`"),
        ("header_file", "X: key", "the file for `X` is no absolute path"),
        ("tset", "x", "heartbeat has no key `tset`"),
    ] {
        let (_, problems) = read([&base[..], &[(key, value)]].concat());
        assert!(problems.contains(want) && !problems.contains("s3cret"), "{problems}");
    }
}

/// Every kind that is asked over HTTP, as it is written in a config, without its URL.
fn every_kind() -> Vec<Vec<(&'static str, &'static str)>> {
    let kinds = kind::KINDS.iter().map(|(name, _)| *name).filter(|name| *name != "dogstatsd");
    let keys = |name| {
        let key = (name == "datadog").then_some(("key", SECRET));
        [("kind", name)].into_iter().chain(key).collect()
    };
    kinds.map(keys).collect()
}

#[test]
fn no_portal_redirect_or_trouble_is_ever_an_acceptance() {
    let page = "<html><body>OK Got it {\"ok\":true} Please sign in</body></html>";
    let html = "Content-Type: text/html\r\n";
    for mut kind in every_kind() {
        kind.push(("url", "URL/metrics/5bf66975-d4c7"));
        for (answer, again) in [
            (reply("200 OK", html, page), false),
            (reply("200 OK", "", page), false),
            (reply("302 Found", "Location: http://portal.example/5bf66975\r\n", ""), false),
            (reply("511 Network Authentication Required", html, page), true),
            (reply("401 Unauthorized", "", ""), false),
            (reply("503 Service Unavailable", "", "OK"), true),
        ] {
            let (_, pinged) = exchange(&kind, &ping(Signal::Success, "x"), &answer);
            let gave_up = pinged.answer.contains("(5");
            assert!(!pinged.accepted && again == gave_up, "{kind:?} {answer}: {pinged:?}");
            assert!(!pinged.answer.contains("sign in"), "{pinged:?}");
        }
    }
}

#[test]
fn no_kind_shows_its_url_when_nothing_answers() {
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{refused}/metrics/{SECRET}/x?key={SECRET}");
    for kind in every_kind() {
        let keys = vec![("name", "x"), ("url", &*url), ("tries", "1")];
        let (heartbeat, problems) = read([keys, kind.clone()].concat());
        assert_eq!(problems, "");
        let pinged = heartbeat.unwrap().ping(&ping(Signal::Success, ""), Deadline::after(LIMIT));
        assert!(!pinged.accepted && pinged.answer.contains("refused"), "{kind:?}: {pinged:?}");
        assert!(!format!("{pinged:?}").contains(SECRET), "{kind:?}: {pinged:?}");
    }
}

#[test]
fn a_url_of_one_service_with_the_name_of_another_is_a_mistake() {
    let keys = vec![("name", "x"), ("url", "https://nosnch.in/s3cret"), ("kind", "cronitor")];
    let (_, problems) = read(keys);
    let want = "`url` is one of deadmanssnitch, and `kind` says `cronitor`";
    assert!(problems.contains(want) && !problems.contains("s3cret"), "{problems}");
}
