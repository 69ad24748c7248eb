use super::*;
use crate::sys::exec;
use crate::sys::http::testing::{fixed, request_of};
use crate::sys::tls::testing::listen as server;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

const LIMIT: Duration = Duration::from_secs(10);

fn get(url: impl Into<String>) -> Request {
    Request {
        method: "GET".into(),
        url: url.into(),
        headers: vec![],
        body: vec![],
        limit: LIMIT,
        redirects: 0,
        most: 1024,
        unix: None,
        trust: Trust::default(),
    }
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

#[test]
fn the_request_is_as_asked_and_the_answer_comes_whole() {
    let port = fixed("HTTP/1.1 201 Created\r\nX-Body-LIMIT: 5\r\nConnection: close\r\n\r\nREQUEST");
    let request = Request {
        method: "POST".into(),
        headers: vec![("X-Extra".into(), "yes".into())],
        body: b"hello".to_vec(),
        ..get(format!("http://user:word@127.0.0.1:{port}/ping?a=1"))
    };
    let response = send(&request).unwrap();
    assert_eq!((response.status, response.status_line().as_str()), (201, "HTTP 201 Created"));
    assert_eq!(response.header("x-body-limit"), Some("5"));
    assert!(response.headers.iter().all(|(name, _)| *name == name.to_lowercase()));
    let seen = text(&response).to_lowercase();
    for want in [
        "post /ping?a=1 http/1.1\r\n",
        "user-agent: miraclemax/",
        "x-extra: yes",
        "content-length: 5",
        "accept-encoding: identity",
        // user:word
        "authorization: basic dxnlcjp3b3jk",
    ] {
        assert!(seen.contains(want), "{want} not in {seen}");
    }
}

#[test]
fn an_empty_body_is_sent_with_its_length() {
    let port = fixed("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nREQUEST");
    let request = Request { method: "POST".into(), ..get(format!("http://localhost:{port}/")) };
    let seen = text(&send(&request).unwrap()).to_lowercase();
    assert!(seen.contains("content-length: 0") && !seen.contains("chunked"), "{seen}");
    let request = get(format!("http://localhost:{port}/"));
    let seen = text(&send(&request).unwrap()).to_lowercase();
    assert!(!seen.contains("content-length"), "{seen}");
}

#[test]
fn every_status_is_an_answer() {
    for status in [404, 500, 599] {
        let port = fixed(&format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(send(&get(format!("http://127.0.0.1:{port}"))).unwrap().status, status);
    }
}

#[test]
fn redirects_are_handed_back_or_followed_as_told() {
    let end = fixed("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend");
    let to = |location: &str| {
        fixed(&format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
    };
    let one = to(&format!("http://127.0.0.1:{end}/"));
    let ask = |port: u16, redirects| {
        send(&Request { redirects, ..get(format!("http://127.0.0.1:{port}/")) })
    };
    let kept = ask(one, 0).unwrap();
    assert_eq!((kept.status, kept.header("location").is_some()), (302, true));
    assert_eq!(text(&ask(one, 5).unwrap()), "end");
    let circle = to("/again");
    assert_eq!(ask(circle, 5).unwrap().status, 302);
    for elsewhere in ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:1/"] {
        let kept = ask(to(elsewhere), 5);
        let refused = matches!(kept, Err(Trouble::Protocol(_)));
        assert!(refused || kept.as_ref().is_ok_and(|kept| kept.status == 302), "{kept:?}");
    }
}

#[test]
fn what_was_meant_for_one_place_never_comes_to_another() {
    let stranger = fixed("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nREQUEST");
    for (status, method) in [(302, "GET"), (307, "GET"), (303, "POST"), (308, "PUT")] {
        let first = fixed(&format!(
            "HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{stranger}/\r\nContent-Length: 5\r\n\r\nmoved"
        ));
        let header = |name: &str| (name.to_owned(), "hunter2".to_owned());
        let request = Request {
            method: method.into(),
            headers: vec![header("X-Api-Key"), header("Authorization"), header("Cookie")],
            body: if method == "GET" { vec![] } else { b"hunter2".to_vec() },
            redirects: 5,
            ..get(format!("http://max:hunter2@127.0.0.1:{first}/"))
        };
        let response = send(&request).unwrap();
        let place = format!("http://127.0.0.1:{stranger}");
        if status == 308 {
            assert_eq!((response.status, text(&response).as_str()), (308, "moved"));
            let why = format!("to `{place}`, which is not sent a PUT");
            assert_eq!(response.detour, Some(Detour::Stopped(why)));
            continue;
        }
        let seen = text(&response).to_lowercase();
        assert!(seen.starts_with("get / http/1.1\r\n"), "{seen}");
        assert!(seen.contains(&format!("host: 127.0.0.1:{stranger}\r\n")), "{seen}");
        for ours in ["hunter2", "x-api-key", "authorization", "content-length"] {
            assert!(!seen.contains(ours), "{ours}: {seen}");
        }
        assert_eq!(response.detour, Some(Detour::Stranger(place)));
    }
}

#[test]
fn redirects_share_one_limit() {
    let again = server(|mut stream| {
        request_of(&mut stream);
        std::thread::sleep(Duration::from_millis(100));
        let _ = stream.write_all(b"HTTP/1.1 302 X\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    });
    let limit = Duration::from_millis(350);
    let request = Request { limit, redirects: 10, ..get(format!("http://127.0.0.1:{again}/")) };
    let watch = Stopwatch::start();
    assert!(matches!(send(&request), Err(Trouble::Timeout(_))));
    assert!(watch.read() < Duration::from_millis(900), "{:?}", watch.read());
}

#[test]
fn any_method_can_have_a_body_and_only_one_that_always_has_one_sends_its_length_of_nothing() {
    for (method, body, want) in [
        ("DELETE", "gone", true),
        ("GET", "query", true),
        ("OPTIONS", "", false),
        ("PATCH", "", true),
    ] {
        let port = fixed("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nREQUEST");
        let (url, method) = (format!("http://127.0.0.1:{port}/"), method.to_owned());
        let request = Request { method, body: body.into(), ..get(url) };
        let seen = text(&send(&request).unwrap());
        let length = format!("content-length: {}\r\n", body.len());
        assert_eq!(seen.to_lowercase().contains(&length), want, "{seen}");
        assert!(seen.ends_with(&format!("\r\n\r\n{body}")), "{seen}");
    }
}

#[test]
fn a_header_that_cannot_be_sent_is_known_beforehand_without_its_value() {
    for (name, value, want) in [
        ("X-Key", "hunter2\u{e9}", Ok(())),
        ("X Key", "hunter2", Err("`X Key` is no name of a header")),
        ("", "hunter2", Err("`` is no name of a header")),
        ("Content-length", "7", Err("`Content-length` is set by what is sent")),
        (
            "X-Key",
            "hunter2\r\nX: y",
            Err("the value of `X-Key` has characters that no header can have"),
        ),
    ] {
        assert_eq!(valid_header(name, value), want.map_err(str::to_owned), "{name}");
    }
    let secret = basic("max", &Secret::new("word"));
    assert_eq!(secret.reveal(), "Basic bWF4OndvcmQ=");
}

#[test]
fn what_does_not_come_ends_at_the_limit_with_its_phase() {
    let drip = |head: &'static str| {
        server(move |mut stream| {
            request_of(&mut stream);
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    };
    let silent = server(|mut stream| {
        request_of(&mut stream);
        // Kept open until the client goes.
        let _ = stream.read(&mut [0]);
    });
    let limit = Duration::from_millis(300);
    for (port, doing) in [
        (silent, "waiting for the answer"),
        (drip("HTTP/1.1 200 OK\r\nX-Drip: "), "waiting for the answer"),
        (drip("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), "reading the body"),
        (drip("HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"), "reading the body"),
    ] {
        let watch = Stopwatch::start();
        let most = usize::MAX;
        let trouble = send(&Request { limit, most, ..get(format!("http://127.0.0.1:{port}/")) });
        assert_eq!(trouble.unwrap_err(), Trouble::Timeout(doing.into()));
        assert!(watch.read() < Duration::from_secs(5), "{doing}: {:?}", watch.read());
    }
}

#[test]
fn an_endless_body_is_read_to_the_bound_and_no_further() {
    let port = server(|mut stream| {
        request_of(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while stream.write_all(&[b'x'; 8 * 1024]).is_ok() {}
    });
    let request = Request { most: 100_000, ..get(format!("http://127.0.0.1:{port}/")) };
    assert_eq!(send(&request).unwrap().body.len(), 100_000);
    assert_eq!(send(&Request { most: 0, ..request }).unwrap().body, b"");
}

#[test]
fn troubles_are_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ask = |url: String| send(&get(url)).unwrap_err();
    assert_eq!(
        ask(format!("http://127.0.0.1:{closed}/")).to_string(),
        "no connection: connection refused"
    );
    assert!(matches!(ask("http://nosuchhost.invalid/".into()), Trouble::Resolve(_)));
    let port = fixed("SSH-2.0-OpenSSH_9.2\r\n");
    let trouble = ask(format!("http://127.0.0.1:{port}/"));
    assert!(matches!(trouble, Trouble::Protocol(_)), "{trouble:?}");
    let port = fixed("");
    let trouble = ask(format!("http://127.0.0.1:{port}/"));
    assert_eq!(trouble.to_string(), "no valid HTTP answer: the other side closed the connection");
    let port = fixed("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort");
    let trouble = ask(format!("http://127.0.0.1:{port}/"));
    assert!(matches!(trouble, Trouble::Protocol(_)), "{trouble:?}");
    let port = fixed(&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)));
    let trouble = ask(format!("http://127.0.0.1:{port}/"));
    assert!(matches!(trouble, Trouble::Protocol(_)), "{trouble:?}");
}

#[test]
fn a_wrong_url_is_a_wrong_request_and_is_never_repeated_in_the_words() {
    for url in [
        "ftp://secret/x",
        "secret",
        "http://",
        "http://secret host/",
        "http:///secret",
        "//secret/",
    ] {
        let trouble = send(&get(url)).unwrap_err();
        assert!(matches!(trouble, Trouble::Request(_)), "{url}: {trouble:?}");
        assert!(!trouble.to_string().contains("secret"), "{trouble}");
        assert!(valid(url).is_err());
    }
    assert_eq!(valid("https://example.org:8443/x?y#z"), Ok(()));
}

#[test]
fn a_unix_socket_is_asked_instead_of_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let head = request_of(&mut stream);
            let length = head.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}");
        }
    });
    let request = Request {
        method: "POST".into(),
        body: b"<x/>".to_vec(),
        unix: Some(path),
        ..get("http://localhost/RPC2")
    };
    let seen = text(&send(&request).unwrap());
    assert!(
        seen.starts_with("POST /RPC2 HTTP/1.1\r\n") && seen.ends_with("\r\n\r\n<x/>"),
        "{seen}"
    );
    let gone = send(&Request { unix: Some(dir.path().join("none")), ..request.clone() });
    assert_eq!(gone.unwrap_err(), Trouble::Connect("no such file or directory".into()));
    let tls = send(&Request { url: "https://localhost/".into(), ..request });
    assert!(matches!(tls, Err(Trouble::Request(_))), "{tls:?}");
}

#[test]
fn a_unix_server_that_accepts_nothing_ends_at_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let limit = Duration::from_millis(300);
    let request = Request { unix: Some(path), limit, ..get("http://localhost/") };
    let trouble = send(&request).unwrap_err();
    assert_eq!(trouble, Trouble::Timeout("waiting for the answer".into()));
}

/// A TLS server for `localhost` with a certificate that it signed itself; its port and that certificate.
fn tls_server() -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let port = server(move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        request_of(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ntrust");
        let _ = stream.flush();
    });
    (port, made.cert.pem())
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (port, _) = tls_server();
    let trouble = send(&get(format!("https://localhost:{port}/"))).unwrap_err();
    assert!(matches!(trouble, Trouble::Tls(_)), "{trouble:?}");
    let plain = server(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let trouble = send(&get(format!("https://localhost:{plain}/"))).unwrap_err();
    assert!(matches!(trouble, Trouble::Tls(_)), "{trouble:?}");
}

#[test]
fn a_certificate_in_the_trust_store_is_good_for_its_own_name() {
    let (port, pem) = tls_server();
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("roots.pem");
    std::fs::write(&store, pem).unwrap();
    // The trust store is read once a process, so another process has to ask.
    let me = std::env::current_exe().unwrap().display().to_string();
    let asker = "sys::http::tests::asks_a_tls_server_named_by_the_environment";
    let output = exec::Command::new([&me, "--exact", asker, "--ignored", "--nocapture"], LIMIT)
        .env("SSL_CERT_FILE", store.to_str().unwrap())
        .env("MM_TEST_TLS_PORT", &port.to_string())
        .run();
    assert!(output.ok() && output.text().contains("1 passed"), "{}", output.text());
}

#[test]
#[ignore = "a part of `a_certificate_in_the_trust_store_is_good_for_its_own_name`, in a process of its own"]
fn asks_a_tls_server_named_by_the_environment() {
    let port = std::env::var("MM_TEST_TLS_PORT").unwrap();
    assert_eq!(text(&send(&get(format!("https://localhost:{port}/"))).unwrap()), "trust");
    let trouble = send(&get(format!("https://127.0.0.1:{port}/"))).unwrap_err();
    assert!(matches!(trouble, Trouble::Tls(_)), "{trouble:?}");
}
