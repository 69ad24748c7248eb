use super::*;
use crate::model::verdict::{Look, Verdict};
use crate::probe::tests::{look, look_within, probe, problem};
use crate::probe::{Kind, Seen};
use crate::sys::tls::testing::{Hours, TEN_DAYS, Trusted, authority, certificate, listen, trusted};
use std::io::Read;

/// A server with a certificate valid as long as this, and the file to trust it by.
fn server(hours: Hours) -> (u16, Trusted) {
    let shows = certificate(&["localhost"], hours, None);
    let ca = trusted(&shows.pem);
    (shows.alone(), ca)
}

fn look_at(port: u16, ca: &Trusted, keys: &str) -> Look {
    look(&format!("tls:localhost:{port}?ca={}{keys}", ca.path.display()))
}

/// `up`, `degraded` or `down`, and why, without the server's name.
fn said(look: &Look, port: u16) -> String {
    let text = match (&look.verdict, &look.warning) {
        (Verdict::Up, None) => "up".to_owned(),
        (Verdict::Up, Some(why)) => format!("degraded: {why}"),
        (Verdict::Down(why), _) => format!("down: {why}"),
        (Verdict::Unknown(why), _) => format!("unknown: {why}"),
    };
    text.replace(&format!("`localhost:{port}`: "), "")
}

fn days(look: &Look) -> f64 {
    look.measures.iter().find(|number| number.label == "days").unwrap().value.unwrap()
}

#[test]
fn days_that_are_left_are_held_to_limits() {
    let (port, ca) = server((-24, 241));
    for (keys, want) in [
        ("&days=10", "up"),
        ("&days=14", "down: its certificate ends in 10 days, less than 14 days"),
        ("&days=2w", "down: its certificate ends in 10 days, less than 14 days"),
        ("&days=<%2014", "down: its certificate ends in 10 days, less than 14 days"),
        ("&warn=14&crit=3", "degraded: its certificate ends in 10 days, less than 14 days"),
        ("&warn=14&days=3", "degraded: its certificate ends in 10 days, less than 14 days"),
        ("&warn=3", "up"),
        ("&warn=~:3", "degraded: its certificate ends in 10 days, more than 3 days"),
    ] {
        let keys = keys.replace("%20", " ");
        let seen = look_at(port, &ca, &keys);
        assert_eq!(said(&seen, port), want, "{keys}");
        assert!((days(&seen) - 10.04).abs() < 0.01, "{seen:?}");
        assert_eq!(seen.detail, "TLS 1.3, 10 days left (`localhost`, self-signed)");
    }
}

#[test]
fn unless_told_otherwise_the_end_is_near_at_two_weeks_or_a_third_of_its_time() {
    for (hours, want) in [
        // Ninety days long, and for 10 or 20 days yet.
        ((-80 * 24, 241), "degraded: its certificate ends in 10 days, less than 14 days"),
        ((-70 * 24, 20 * 24 + 1), "up"),
        // Fifteen days long.
        ((-10 * 24 - 1, 5 * 24 + 1), "up"),
        (
            (-11 * 24 - 1, 4 * 24 + 1),
            "degraded: its certificate ends in 4 days, less than 5.02 days",
        ),
    ] {
        let (port, ca) = server(hours);
        assert_eq!(said(&look_at(port, &ca, ""), port), want);
    }
}

#[test]
fn what_is_wrong_is_down_in_words_with_the_days_beside_it() {
    let (over, ca) = server((-240, -73));
    let seen = look_at(over, &ca, "&days=14");
    assert_eq!(said(&seen, over), "down: its certificate expired 3 days ago");
    assert!((days(&seen) + 3.04).abs() < 0.01, "{seen:?}");
    let hint = format!(
        "see for yourself: `openssl s_client -connect localhost:{over} -servername localhost \
         </dev/null`"
    );
    assert_eq!(seen.hint, Some(hint));
    let unverified = look(&format!("tls:localhost:{over}?verify=false"));
    assert_eq!(said(&unverified, over), "down: its certificate expired 3 days ago");
    assert_eq!(unverified.detail, "TLS 1.3, over for 3 days (`localhost`, self-signed)");

    let (port, ca) = server(TEN_DAYS);
    let other = look_at(port, &ca, "&name=www.example.org");
    let want = "down: its certificate is for `localhost`, not for `www.example.org`";
    assert_eq!(said(&other, port), want);
    let seen =
        look(&format!("tls:127.0.0.1:{port}?days=3&name=localhost&ca={}", ca.path.display()));
    assert_eq!(seen.verdict, Verdict::Up);
    let alone = look(&format!("tls:localhost:{port}?verify=false&days=3"));
    assert_eq!(said(&alone, port), "up");
}

#[test]
fn an_issuer_that_ends_sooner_counts() {
    let root = authority("Root", TEN_DAYS, None);
    let middle = authority("Middle", (-24, 49), Some(&root));
    let port = certificate(&["localhost"], TEN_DAYS, Some(&middle)).and(&middle).alone();
    let seen = look_at(port, &trusted(&root.pem()), "&days=3");
    let want = "down: the certificate of its issuer `Middle` ends in 2 days, less than 3 days";
    assert_eq!(said(&seen, port), want);
    let detail = "TLS 1.3, 2 days left (`localhost`, by `Middle`; the certificate of its issuer \
                  `Middle` ends first)";
    assert_eq!(seen.detail, detail);
}

#[test]
fn what_this_host_cannot_judge_is_unknown() {
    let (port, ca) = server(TEN_DAYS);
    let none = ca.path.with_file_name("none.pem");
    let seen = look(&format!("tls:localhost:{port}?ca={}", none.display()));
    let want = format!("`localhost:{port}` cannot be judged: cannot read the certificates in");
    assert!(matches!(&seen.verdict, Verdict::Unknown(why) if why.starts_with(&want)), "{seen:?}");
}

#[test]
fn one_that_accepts_and_says_nothing_is_down_in_its_time() {
    let port = listen(|mut stream| {
        // Kept open until the client goes.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let limit = Duration::from_millis(300);
    let text = format!("tls:localhost:{port}?verify=false");
    let seen = look_within(&text, Seen::default(), limit);
    let want = "down: no handshake within 0.3s: timed out while shaking hands over TLS";
    assert_eq!(said(&seen, port), want);
    assert!(seen.took < Duration::from_secs(5), "{seen:?}");
}

#[test]
fn a_slow_handshake_is_down_only_against_a_limit() {
    let slow = |stream: &mut std::net::TcpStream| {
        let _ = stream.peek(&mut [0]);
        std::thread::sleep(Duration::from_millis(150));
    };
    let port = certificate(&["localhost"], TEN_DAYS, None).serve(slow, |_| ());
    let ask = |keys| said(&look(&format!("tls:localhost:{port}?verify=false&days=3{keys}")), port);
    assert_eq!(ask(""), "up");
    let said = ask("&under=100ms");
    assert!(
        said.starts_with("down: the handshake took ") && said.ends_with("more than 100ms"),
        "{said}"
    );
}

#[test]
fn a_mail_server_is_asked_for_tls_first() {
    let Kind::Tls(tls) = probe("tls:mail.example.org:587?starttls=smtp").kind else {
        unreachable!()
    };
    assert_eq!(tls.starttls, Some(StartTls::Smtp));
    let want = "see for yourself: `openssl s_client -connect mail.example.org:587 -servername \
                mail.example.org -starttls smtp </dev/null`";
    assert_eq!(tls.command(), want);
}

#[test]
fn mistakes_are_problems_of_the_config() {
    for (text, want) in [
        ("tls:localhost", "`localhost` is not a host and a port"),
        ("tls:a_$b:443", "`a_$b` is no name that a certificate can be for"),
        ("tls:h:443?name=a b", "`name`: `a b` is no name that a certificate can be for"),
        ("tls:h:443?days=14&crit=3", "`days` is the same as `crit`: keep one"),
        ("tls:h:443?days=soon", "`days`: `soon` is no range of days"),
        ("tls:h:443?starttls=http", "`starttls` expects one of `smtp`, `imap`"),
        ("tls:h:443?ca=ca.pem", "is not an absolute path"),
        ("tls:h:443?verify=no&ca=/ca.pem", "with `verify=false` nothing is trusted by `ca`"),
    ] {
        assert!(problem(text).contains(want), "{text}: {}", problem(text));
    }
}
