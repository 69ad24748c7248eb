use super::*;
use crate::model::verdict::{Look, Verdict};
use crate::probe::Seen;
use crate::probe::tests::{look, look_within, problem};
use crate::sys::tls::testing::{TEN_DAYS, certificate, listen, trusted};
use std::io::{Read, Write};
use std::net::TcpListener;

/// A server that answers every request with these bytes, after `pause`; its address.
fn server(answer: &str, pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let answer = answer.to_owned();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            std::thread::sleep(pause);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    addr
}

fn page(status: &str, body: &str) -> String {
    let length = body.len();
    server(&format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"), Duration::ZERO)
}

fn reason(look: &Look) -> &str {
    look.verdict.reason()
}

#[test]
fn a_good_answer_is_up_with_its_status() {
    let addr = page("200 OK", "all is well");
    for options in ["", "#contains=well", "#matches=^all .* well$", "#status=2xx,301&under=20s"] {
        let seen = look(&format!("http://{addr}/health{options}"));
        assert_eq!((seen.verdict, seen.detail.as_str()), (Verdict::Up, "HTTP 200 OK"), "{options}");
    }
}

#[test]
fn an_error_status_and_an_error_page_are_down() {
    let bad = page("500 Internal Server Error", "");
    let want = format!("`{bad}` answers HTTP 500 Internal Server Error, expected 200-299");
    assert_eq!(look(&format!("http://{bad}/")).verdict, Verdict::Down(want));
    let page = page("200 OK", "<h1>Error 1045</h1>");
    for (options, want) in [
        ("contains=ok", "answers without `ok`"),
        ("not_contains=Error", "answers with `Error`"),
        ("matches=^ok", "answers with nothing that matches `^ok`"),
        ("json=up", "answers no JSON: expected value at line 1 column 1"),
        ("status=204,3xx", "answers HTTP 200 OK, expected 204 or 300-399"),
    ] {
        let seen = look(&format!("http://{page}/#{options}"));
        assert_eq!(seen.verdict, Verdict::Down(format!("`{page}` {want}")), "{options}");
    }
}

#[test]
fn a_slow_answer_is_down_only_against_a_limit() {
    let addr = server("HTTP/1.1 204 No Content\r\n\r\n", Duration::from_millis(150));
    assert!(look(&format!("http://{addr}/")).verdict.is_up());
    let slow = look(&format!("http://{addr}/#under=100ms"));
    assert!(reason(&slow).contains("answers too slowly: 0."), "{slow:?}");
    assert!(reason(&slow).ends_with("expected under 0.1s"), "{slow:?}");
}

#[test]
fn one_that_accepts_and_hangs_is_down_in_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let limit = Duration::from_millis(300);
    let seen = look_within(&format!("http://{addr}/"), Seen::default(), limit);
    let want =
        format!("`{addr}` did not answer within 0.3s: timed out while waiting for the answer");
    assert_eq!(seen.verdict, Verdict::Down(want));
    assert!(seen.took < Duration::from_secs(5));
}

#[test]
fn a_closed_port_is_down_in_words_without_the_url() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let seen = look(&format!("http://u:hunter2@127.0.0.1:{port}/secret?token=abc"));
    let want = format!("`127.0.0.1:{port}`: no connection: connection refused");
    assert_eq!(seen.verdict, Verdict::Down(want));
    assert_eq!(seen.probe, format!("http://127.0.0.1:{port}/secret?token=***"));
}

#[test]
fn a_redirect_is_followed_unless_told_otherwise() {
    let end = page("200 OK", "here");
    let head = format!("302 Found\r\nLocation: http://{end}/");
    let addr = page(&head, "");
    assert!(look(&format!("http://{addr}/#contains=here")).verdict.is_up());
    let kept = look(&format!("http://{addr}/#redirects=0"));
    assert!(reason(&kept).ends_with("answers HTTP 302 Found, expected 200-299"), "{kept:?}");
    assert!(look(&format!("http://{addr}/#redirects=0&status=302")).verdict.is_up());
}

#[test]
fn only_the_first_mebibyte_is_looked_at() {
    let addr = page("200 OK", &format!("{}end", "x".repeat(content::MOST)));
    assert!(look(&format!("http://{addr}/#contains=xx")).verdict.is_up());
    let seen = look(&format!("http://{addr}/#contains=end"));
    assert!(reason(&seen).ends_with("answers without `end` in its first 1 MiB"), "{seen:?}");
}

#[test]
fn mistakes_are_problems_of_the_config() {
    for (text, want) in [
        ("http://#status=200", "the URL"),
        ("http://h/#status=20", "`status` expects status codes"),
        ("http://h/#status=299-200", "`status` expects status codes"),
        ("http://h/#matches=(", "is no regular expression"),
        ("http://h/#json=a = 1", "`json`: expected one of `==`"),
        ("http://h/#method=HEAD&json=a", "the answer to `HEAD` has no body"),
        ("http://h/#redirects=11", "`redirects` expects a whole number from 0 to 10"),
        ("http://h/#method=HEAD&contains=x", "the answer to `HEAD` has no body"),
        ("http://h/#method=DELETE", "`method` expects one of"),
    ] {
        assert!(problem(text).contains(want), "{text}: {}", problem(text));
    }
}

#[test]
fn json_is_held_to_its_conditions() {
    let addr = page("200 OK", r#"{"status": "ok", "queue": 150}"#);
    assert!(look(&format!("http://{addr}/#json=status == \"ok\"")).verdict.is_up());
    let seen = look(&format!("http://{addr}/#json=queue < 100"));
    assert_eq!(reason(&seen), format!("`{addr}` answers `queue` = 150, expected < 100"));
    let seen = look(&format!("http://{addr}/#json=status.db&contains=queue"));
    assert_eq!(reason(&seen), format!("`{addr}` answers without `status.db`"));
    let long = page("200 OK", &"[".repeat(content::MOST + 1));
    let seen = look(&format!("http://{long}/#json=a"));
    let want = format!("`{long}` answers more JSON than is read: 1 MiB");
    assert_eq!(seen.verdict, Verdict::Unknown(want));
}

#[test]
fn the_time_is_measured_and_held_to_its_limits() {
    let addr = server("HTTP/1.1 204 No Content\r\n\r\n", Duration::from_millis(150));
    let seen = look(&format!("http://{addr}/#warn=0.1&crit=20"));
    assert!(seen.verdict.is_up(), "{seen:?}");
    let warning = seen.warning.as_deref().unwrap_or_default();
    assert!(warning.starts_with(&format!("`{addr}` answers in ")), "{warning}");
    assert!(warning.ends_with(", more than 100ms"), "{warning}");
    let time = &seen.measures[0];
    assert_eq!((time.label.as_str(), time.unit), ("time", Unit::Seconds));
    assert!(time.value.unwrap() >= 0.15, "{time:?}");
    assert!(reason(&look(&format!("http://{addr}/#crit=0.1"))).ends_with("more than 100ms"));
}

#[test]
fn what_claims_to_be_packed_is_looked_at_as_it_is_sent() {
    let packed = "\u{1f}not unpacked";
    let head = "200 OK\r\nContent-Encoding: gzip";
    let addr = page(head, packed);
    assert!(look(&format!("http://{addr}/#contains=not unpacked")).verdict.is_up());
    assert!(reason(&look(&format!("http://{addr}/#json=a"))).contains("answers no JSON"));
}

#[test]
fn a_head_without_end_is_no_answer() {
    let addr = page(&format!("200 OK{}", "\r\nX-More: of it".repeat(100_000)), "");
    let seen = look(&format!("http://{addr}/"));
    assert!(reason(&seen).starts_with(&format!("`{addr}`: no valid HTTP answer: ")), "{seen:?}");
}

#[test]
fn the_days_of_a_certificate_are_measured_and_held_to_limits_only_when_asked() {
    let shows = certificate(&["localhost"], TEN_DAYS, None);
    let ca = trusted(&shows.pem);
    let port = shows.serve(
        |_| (),
        |stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        },
    );
    let url = format!("https://localhost:{port}/");
    let ours = format!("{url}#ca={}", ca.path.display());
    let short = format!("`localhost:{port}`: its certificate ends in 10 days, less than 14 days");
    let up = Verdict::Up;
    for (text, verdict, warning) in [
        (ours.clone(), up.clone(), None),
        (format!("{ours}&days=10"), up.clone(), None),
        (format!("{ours}&days=14"), Verdict::Down(short.clone()), None),
        (format!("{ours}&days_warn=14"), up.clone(), Some(short)),
        (format!("{url}#verify=false"), up, None),
    ] {
        let seen = look(&text);
        assert_eq!((&seen.verdict, &seen.warning), (&verdict, &warning), "{text}");
        let days = seen.measures.iter().find(|number| number.label == "days");
        assert!((days.unwrap().value.unwrap() - 10.04).abs() < 0.01, "{seen:?}");
    }
    let refused = look(&url);
    let want = format!(
        "`localhost:{port}`: no TLS connection: its certificate is self-signed, by nobody whom \
         this host trusts"
    );
    assert_eq!(refused.verdict, Verdict::Down(want));
    let none = look(&format!("{url}#ca={}", ca.path.with_file_name("none.pem").display()));
    assert!(matches!(none.verdict, Verdict::Unknown(_)), "{none:?}");
    assert!(problem("http://h/#days=14").contains("has no certificate"));
}

#[test]
fn a_handshake_that_does_not_come_ends_at_the_limit() {
    let port = listen(|mut stream| {
        let _ = stream.write_all(&[22, 3, 3, 0x3f, 0xff, 2, 0, 0x3f, 0xf0]);
        while stream.write_all(b"\0").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let limit = Duration::from_millis(300);
    let seen = look_within(&format!("https://localhost:{port}/"), Seen::default(), limit);
    let want = format!(
        "`localhost:{port}` did not answer within 0.3s: timed out while shaking hands over TLS"
    );
    assert_eq!(seen.verdict, Verdict::Down(want));
    assert!(seen.took < Duration::from_secs(5));
}
