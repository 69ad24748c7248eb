use crate::model::measure::Unit;
use crate::model::verdict::{Look, Verdict};
use crate::probe::tests::{look, look_within, probe, problem};
use crate::probe::{Seen, content};
use crate::sys::http::testing::{fixed, request_of};
use crate::sys::tls::testing::{TEN_DAYS, certificate, listen, trusted};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    assert!(reason(&slow).contains("answered too slowly: 0."), "{slow:?}");
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
        ("http://h/#method=TRACE", "`method` expects one of"),
        ("http://h/#method=HEAD&body=x", "a `HEAD` has no body to send"),
        ("https://h/#unix=/run/x", "a unix socket speaks no TLS"),
        ("http://h/#user=max", "`user` needs `password_file`"),
        ("http://h/#password_file=/p", "`password_file` needs `user`"),
        ("http://h/#user=m:x&password_file=/p", "cannot have a `:`"),
        ("http://h/#user=max&password_file=/p&token_file=/t", "keep one"),
        ("http://m:x@h/#token_file=/t", "the URL says who asks"),
        ("http://h/#token_file=/t&header=authorization: x", "says who asks"),
        ("http://h/#body=x&body_file=/b", "keep one"),
        ("http://h/#header_file=X-Key: key", "the file for `X-Key` is no absolute path"),
        ("http://h/#header=Host: a\nhost: b", "the header `host` is set twice"),
        ("http://h/#expect_header=X Cache: HIT", "`X Cache` is no name of a header"),
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
    assert!(warning.starts_with(&format!("`{addr}`: answered in ")), "{warning}");
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

/// A server that answers with the request itself, and an `X-Cache` of two kinds.
fn echo() -> String {
    let head = "HTTP/1.1 200 OK\r\nX-Cache: MISS\r\nX-Cache: HIT from b\r\nConnection: close";
    format!("127.0.0.1:{}", fixed(&format!("{head}\r\nSet-Cookie: id=hunter2\r\n\r\nREQUEST")))
}

/// A file for secrets, as it should be.
fn secret(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn what_is_asked_is_as_it_is_written() {
    let addr = echo();
    let dir = tempfile::tempdir().unwrap();
    let (word, token) = (secret(dir.path(), "word", "word\n"), secret(dir.path(), "t", "abc"));
    let (word, token) = (word.display(), token.display());
    for (options, want) in [
        ("method=PUT", "^PUT / HTTP/1.1\r"),
        ("method=PATCH&body=x", "^PATCH (.|\n)*\ncontent-length: 1\r\n(.|\n)*\n\r\nx$"),
        ("method=DELETE", "^DELETE / "),
        ("method=OPTIONS", "^OPTIONS / "),
        ("body= {\"a\": 1}\n", "^POST (.|\n)*\n\r\n \\{\"a\": 1\\}\n$"),
        ("method=GET&body=q", "^GET (.|\n)*\n\r\nq$"),
        ("header=Host: www.example.org\nX-B:c", "\nhost: www.example.org\r\n"),
        ("header=Host: www.example.org\nX-B:c", "\nx-b: c\r\n"),
        ("header=Accept: a, b", "\naccept: a, b\r\n"),
        (&format!("user=max&password_file={word}"), "\nauthorization: Basic bWF4OndvcmQ=\r\n"),
        (&format!("token_file={token}"), "\nauthorization: Bearer abc\r\n"),
        (&format!("header_file=X-Api-Key: {token}"), "\nx-api-key: abc\r\n"),
        (&format!("body_file={word}"), "^POST (.|\n)*\n\r\nword$"),
    ] {
        let seen = look(&format!("http://{addr}/#{options}&matches={want}"));
        assert_eq!((&seen.verdict, &seen.warning), (&Verdict::Up, &None), "{options}: {seen:?}");
    }
}

#[test]
fn a_secret_is_read_anew_at_each_look_and_without_it_nothing_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let (addr, shown) = (echo(), path.display().to_string());
    let mut looks = vec![format!("http://{addr}/#token_file={shown}")];
    for form in ["header_file=X-Key: ", "user=max&password_file=", "body_file="] {
        looks.push(format!("http://{addr}/#{form}{shown}"));
    }
    for text in &looks {
        std::fs::write(&path, "").unwrap();
        let seen = look(text);
        let want = format!("`{addr}` was not asked: the secret from file `{shown}` is empty");
        assert_eq!(seen.verdict, Verdict::Unknown(want), "{text}");
        std::fs::remove_file(&path).unwrap();
        let seen = look(text);
        let want = format!("`{addr}` was not asked: cannot read the secret file `{shown}`: ");
        assert!(
            matches!(&seen.verdict, Verdict::Unknown(why) if why.starts_with(&want)),
            "{seen:?}"
        );
        let hint = format!("`install -m 600 /dev/stdin '{shown}'`");
        assert!(seen.hint.as_ref().is_some_and(|said| said.ends_with(&hint)), "{seen:?}");
        secret(dir.path(), "token", "hunter2\n");
        assert_eq!((look(text).verdict, look(text).warning), (Verdict::Up, None), "{text}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let seen = look(text);
        let want = format!("the secret file `{shown}` can be read by others (mode 0644)");
        assert_eq!((seen.verdict, seen.warning.as_ref()), (Verdict::Up, Some(&want)));
        assert_eq!(seen.hint, Some(format!("`chmod o-rwx '{shown}'`")));
    }
    secret(dir.path(), "token", "hunter2\nof two lines");
    let seen = look(&looks[1]);
    assert!(reason(&seen).contains("`X-Key` has characters that no header can have"), "{seen:?}");
}

#[test]
fn what_is_secret_is_in_nothing_that_is_shown() {
    let addr = echo();
    let dir = tempfile::tempdir().unwrap();
    let path = secret(dir.path(), "s", "hunter2").display().to_string();
    let data = fixed(
        "HTTP/1.1 200 OK\r\nX-Seen: hunter2 bWF4Omh1bnRlcjI=\r\nConnection: close\r\n\r\n{\"data\": \"hunter2\"}",
    );
    for (options, shown) in [
        ("header=Authorization: hunter2".to_owned(), "header=Authorization:***"),
        ("header=X-Api-Key: hunter2\nCookie: hunter2".to_owned(), "header=X-Api-Key:***"),
        ("body=x=1, p=hunter2".to_owned(), "body=***"),
        (format!("body_file={path}"), "body_file="),
        (format!("token_file={path}"), "token_file="),
        (format!("user=max&password_file={path}"), "user=max&password_file="),
        (format!("header_file=X-Api-Key: {path}"), "header_file=X-Api-Key: /"),
    ] {
        for expected in [
            "status=404",
            "contains=never",
            "crit=0.000001",
            "size=1",
            "expect_header=X-Cache: never",
            "expect_header=Set-Cookie: never",
            "expect_header=Authorization",
            "json=up",
        ] {
            let text = format!("http://{addr}/#{options}&{expected}");
            let asked = probe(&text);
            let seen = look(&text);
            assert!(!seen.verdict.is_up(), "{text}");
            assert!(asked.text.contains(shown), "{}", asked.text);
            assert!(!format!("{asked:?} {seen:?}").contains("hunter2"), "{asked:?} {seen:?}");
        }
        if options.contains("_file") || options.contains("Key") {
            for expected in ["json=data == 1", "expect_header=X-Seen: never"] {
                let seen = look(&format!("http://127.0.0.1:{data}/#{options}&{expected}"));
                assert!(reason(&seen).contains("***"), "{seen:?}");
                assert!(!reason(&seen).contains("hunter2"), "{seen:?}");
            }
        }
    }
    for options in [
        "header=hunter2",
        "header=X Key: hunter2",
        "header=X-Key: hunter2\u{1}",
        "header=Content-Length: hunter2",
        "header_file=X-Key: hunter2",
        "password=hunter2",
        "token=hunter2",
        "header=Authorization: hunter2&token_file=/x",
    ] {
        let problem = problem(&format!("http://h/#{options}"));
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn headers_of_the_answer_are_held_to_what_is_expected() {
    let addr = echo();
    for (header, want) in [
        ("X-Cache", None),
        ("x-cache: HIT", None),
        ("X-Cache: MISS\nX-Cache: from b", None),
        ("X-Cache: STALE", Some("with `X-Cache: MISS, HIT from b`, expected `STALE` in it")),
        ("X-Cache\nX-Other: a", Some("without the header `X-Other`")),
        ("Set-Cookie: Secure", Some("with `Set-Cookie: ***`, expected `Secure` in it")),
    ] {
        let seen = look(&format!("http://{addr}/#expect_header={header}"));
        let want = match want {
            Some(want) => Verdict::Down(format!("`{addr}` answers {want}")),
            None => Verdict::Up,
        };
        assert_eq!(seen.verdict, want, "{header}");
    }
}

#[test]
fn the_size_is_measured_where_it_is_known_and_held_to_its_limits() {
    let told = page("200 OK", "12345");
    let untold =
        format!("127.0.0.1:{}", fixed("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n12345"));
    let large = "x".repeat(content::MOST + 1);
    let large = fixed(&format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{large}"));
    let large = format!("127.0.0.1:{large}");
    let head = "`{}` does not tell how much it answers";
    for (addr, options, size, want) in [
        (&told, "", Some(5.0), ""),
        (&told, "method=HEAD&size=5:5", Some(5.0), ""),
        (&told, "size=4", Some(5.0), "`{}` answers 5 B, more than 4 B"),
        (&told, "size=1k:", Some(5.0), "`{}` answers 5 B, less than 1.0 KiB"),
        (&untold, "", None, ""),
        (&untold, "contains=1", Some(5.0), ""),
        (&untold, "size=6:9", Some(5.0), "`{}` answers 5 B, less than 6 B"),
        (&untold, "method=HEAD&size=9", None, head),
        (&large, "size=1M:", None, head),
        (&large, "size=2M", None, head),
        (&large, "size=1k", Some(1_048_576.0), "`{}` answers at least 1.0 MiB, more than 1.0 KiB"),
    ] {
        let seen = look(&format!("http://{addr}/#{options}"));
        let found = seen.measures.iter().find(|measure| measure.label == "size");
        assert_eq!(found.and_then(|measure| measure.value), size, "{options}: {seen:?}");
        assert_eq!(reason(&seen), want.replace("{}", addr), "{options}");
        assert_eq!(matches!(seen.verdict, Verdict::Unknown(_)), want == head, "{options}");
    }
    assert!(look(&format!("http://{told}/#size_warn=4")).warning.is_some());
}

#[test]
fn a_socket_is_asked_instead_of_the_host_and_redirects_stay_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let request = request_of(&mut stream);
            let to = if request.starts_with("GET /away") { "http://127.0.0.1:1/" } else { "/end" };
            let answer = if request.starts_with("GET /end") {
                "200 OK\r\nContent-Length: 4\r\n\r\nhere".to_owned()
            } else {
                format!("302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
            };
            let _ = write!(stream, "HTTP/1.1 {answer}");
        }
    });
    let unix = path.display().to_string();
    let text = format!("http://localhost/#unix={unix}&contains=here");
    assert_eq!((look(&text).verdict, probe(&text).host()), (Verdict::Up, None));
    assert_eq!(probe(&text).port(), None);
    assert_eq!(look(&text).probe, text);
    let away = look(&format!("http://localhost/away#unix={unix}"));
    let want = format!(
        "`{unix}` answers HTTP 302 Found, expected 200-299: it redirects to `http://127.0.0.1:1`, \
         which is not behind the socket"
    );
    assert_eq!(away.verdict, Verdict::Down(want));
    let none = look("http://localhost/#unix=/nowhere/sock");
    let want = "`/nowhere/sock`: no connection: no such file or directory";
    assert_eq!(none.verdict, Verdict::Down(want.into()));
}

#[test]
fn a_redirect_to_another_place_is_said_where_it_matters() {
    let addr = format!("127.0.0.1:{}", fixed("HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n"));
    let to = |status| page(&format!("{status} X\r\nLocation: http://{addr}/"), "");
    let left = look(&format!("http://{}/#header=X-Key: a", to(302)));
    assert!(reason(&left).ends_with("answers HTTP 401 Unauthorized, expected 200-299"), "{left:?}");
    let hint = format!(
        "it redirected to `http://{addr}`, which is sent none of the headers: ask it itself"
    );
    assert_eq!(left.hint, Some(hint));
    assert_eq!(look(&format!("http://{}/", to(302))).hint, None);
    let kept = look(&format!("http://{}/#body=x", to(307)));
    let want = format!(
        "answers HTTP 307 Temporary Redirect, expected 200-299: it redirects to `http://{addr}`, \
         which is not sent a POST"
    );
    assert!(reason(&kept).ends_with(&want), "{kept:?}");
}
