use super::testing::{TEN_DAYS, authority, authority_as_server, certificate, listen, trusted};
use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::sys::clock::{self, Stopwatch};

const LIMIT: Duration = Duration::from_secs(10);

fn ask_with(
    port: u16,
    trust: &Trust,
    starttls: Option<StartTls>,
    limit: Duration,
) -> Result<Shaken, Failed> {
    let name = server_name("localhost").unwrap();
    shake(&Ask { host: "127.0.0.1", port, name: &name, trust, starttls, limit })
}

fn ask(port: u16, trust: &Trust) -> Result<Shaken, Failed> {
    ask_with(port, trust, None, LIMIT)
}

/// Why it was refused; empty when it was not.
fn why(seen: &Result<Shaken, Failed>) -> String {
    seen.as_ref().err().map(|failed| failed.fault.to_string()).unwrap_or_default()
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_and_its_days_are_known() {
    for (name, hours, days, want) in [
        ("localhost", TEN_DAYS, 10.04, ""),
        ("localhost", (-1, 1), 0.04, ""),
        ("localhost", (-240, -73), -3.04, "its certificate expired 3 days ago"),
        ("localhost", (73, 240), 10.0, "its certificate is not valid yet, but in 3 days"),
        ("x.example", TEN_DAYS, 10.04, "its certificate is for `x.example`, not for `localhost`"),
    ] {
        let shows = certificate(&[name], hours, None);
        let ca = trusted(&shows.pem);
        let port = shows.alone();
        let seen = ask(port, &Trust { verify: true, ca: Some(ca.path.clone()) });
        let said = why(&seen);
        assert_eq!(said, want);
        let presented = match seen {
            Ok(shaken) => shaken.presented,
            Err(failed) => failed.presented,
        };
        let left = presented.unwrap().first_to_end().unwrap().days_left(clock::now().wall);
        assert!((left - days).abs() < 0.01, "{left}, not {days}");
        let any = ask(port, &Trust { verify: false, ca: None });
        assert!(any.is_ok(), "{any:?}");
    }
}

#[test]
fn who_vouches_for_it_is_looked_at() {
    let root = authority("Root", TEN_DAYS, None);
    let middle = authority("Middle", (-24, 49), Some(&root));
    let gone = authority("Gone", (-240, -49), Some(&root));
    let of = |by| certificate(&["localhost"], TEN_DAYS, Some(by));
    let ca = trusted(&root.pem());
    let ours = Trust { verify: true, ca: Some(ca.path.clone()) };
    let alone = certificate(&["localhost"], TEN_DAYS, None);
    let namesake = authority("Root", TEN_DAYS, None);
    let own = authority_as_server("localhost", TEN_DAYS);
    let own_ca = trusted(&own.pem);
    let own_trust = Trust { verify: true, ca: Some(own_ca.path.clone()) };
    for (shows, trust, want) in [
        (of(&root), &ours, ""),
        (of(&middle).and(&middle), &ours, ""),
        (
            of(&middle),
            &ours,
            "its certificate is issued by `Middle`, whom this host does not trust, or an \
             intermediate certificate is missing",
        ),
        (of(&gone).and(&gone), &ours, "the certificate of its issuer `Gone` expired 2 days ago"),
        (of(&namesake), &ours, "its certificate is not signed by the `Root` whom this host trusts"),
        (alone, &ours, "its certificate is self-signed, by nobody whom this host trusts"),
        (own, &own_trust, ""),
        (
            authority_as_server("localhost", TEN_DAYS),
            &ours,
            "its certificate is self-signed, and that of an authority, not of a server",
        ),
    ] {
        assert_eq!(why(&ask(shows.alone(), trust)), want);
    }
    let shaken = ask(of(&middle).and(&middle).alone(), &ours).unwrap();
    let seen = shaken.presented.unwrap();
    let first = seen.first_to_end().unwrap();
    assert_eq!(seen.called(first), "the certificate of its issuer `Middle`");
    assert_eq!(shaken.version, "TLS 1.3");
}

#[test]
fn what_is_wrong_with_this_host_is_not_the_servers_fault() {
    let port = certificate(&["localhost"], TEN_DAYS, None).alone();
    let none = trusted("no certificate\n");
    let empty = ask(port, &Trust { verify: true, ca: Some(none.path.clone()) }).unwrap_err();
    let want = format!("`{}` holds no certificate in PEM form", none.path.display());
    assert_eq!(empty.fault, Fault::Here(want));
    let gone = none.path.with_file_name("none.pem");
    let gone = ask(port, &Trust { verify: true, ca: Some(gone) }).unwrap_err();
    assert!(matches!(&gone.fault, Fault::Here(why) if why.contains("no such file")), "{gone:?}");
}

#[test]
fn each_protocol_goes_over_to_tls_in_its_own_words() {
    /// Says the first, and after that each time what follows, when a whole line of `wants` has come.
    fn talk(stream: &mut TcpStream, greeting: &str, steps: &[(&str, &str)]) {
        let _ = stream.write_all(greeting.as_bytes());
        for (wants, says) in steps {
            let mut got = vec![0; wants.len()];
            if stream.read_exact(&mut got).is_err() || got != wants.as_bytes() {
                return;
            }
            let _ = stream.write_all(says.as_bytes());
        }
    }
    let smtp: fn(&mut TcpStream) = |stream| {
        let ehlo = ("EHLO localhost\r\n", "250-mail\r\n250 STARTTLS\r\n");
        talk(stream, "220-wait\r\n220 mail\r\n", &[ehlo, ("STARTTLS\r\n", "220 go\r\n")]);
    };
    let imap: fn(&mut TcpStream) = |stream| {
        talk(stream, "* OK hello\r\n", &[("a STARTTLS\r\n", "* ALERT x\r\na OK go\r\n")]);
    };
    let pop3: fn(&mut TcpStream) = |stream| {
        talk(stream, "+OK hello\r\n", &[("STLS\r\n", "+OK go\r\n")]);
    };
    let ftp: fn(&mut TcpStream) = |stream| {
        talk(stream, "220 hello\r\n", &[("AUTH TLS\r\n", "234 go\r\n")]);
    };
    let postgres: fn(&mut TcpStream) = |stream| {
        let mut wish = [0; 8];
        if stream.read_exact(&mut wish).is_ok() && wish == [0, 0, 0, 8, 4, 210, 22, 47] {
            let _ = stream.write_all(b"S");
        }
    };
    let any = Trust { verify: false, ca: None };
    for (before, starttls) in [
        (smtp, StartTls::Smtp),
        (imap, StartTls::Imap),
        (pop3, StartTls::Pop3),
        (ftp, StartTls::Ftp),
        (postgres, StartTls::Postgres),
    ] {
        let port = certificate(&["localhost"], TEN_DAYS, None).serve(before, |_| ());
        let seen = ask_with(port, &any, Some(starttls), LIMIT);
        assert_eq!(why(&seen), "", "{starttls:?}");
    }
    for (says, starttls, want) in [
        ("554 go away\r\n", StartTls::Smtp, "it answers `554 go away`"),
        ("SSH-2.0-x\r\n", StartTls::Imap, "it answers `SSH-2.0-x`"),
        ("N", StartTls::Postgres, "it has TLS switched off"),
        ("", StartTls::Pop3, "the other side closed the connection"),
    ] {
        let port = listen(move |mut stream| {
            let _ = stream.write_all(says.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            // Kept open until the client goes.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let seen = ask_with(port, &any, Some(starttls), LIMIT);
        assert_eq!(why(&seen), format!("TLS could not be begun: {want}"));
    }
}

#[test]
fn a_server_that_says_nothing_or_drips_costs_the_limit_and_no_more() {
    let silent = listen(|mut stream| {
        // Kept open until the client goes.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    // A record of the handshake that is announced as long, and comes a byte at a time.
    let drips = listen(|mut stream| {
        let _ = stream.write_all(&[22, 3, 3, 0x3f, 0xff, 2, 0, 0x3f, 0xf0]);
        while stream.write_all(b"\0").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let greets = listen(|mut stream| {
        while stream.write_all(b"220-more\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let any = Trust { verify: false, ca: None };
    for (port, starttls, doing) in [
        (silent, None, "shaking hands over TLS"),
        (drips, None, "shaking hands over TLS"),
        (silent, Some(StartTls::Smtp), "asking for TLS"),
        (greets, Some(StartTls::Smtp), "asking for TLS"),
    ] {
        let watch = Stopwatch::start();
        let failed = ask_with(port, &any, starttls, Duration::from_millis(300)).unwrap_err();
        assert_eq!(failed.fault, Fault::Timeout(doing));
        let took = watch.read();
        assert!((250..5000).contains(&took.as_millis()), "{doing}: {took:?}");
    }
}

#[test]
fn what_is_no_tls_is_told_as_such() {
    let plain = listen(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let hangs_up = listen(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
    });
    let any = Trust { verify: false, ca: None };
    assert_eq!(why(&ask(plain, &any)), "what it answers is not TLS");
    let said = why(&ask(hangs_up, &any));
    assert!(said.starts_with("the handshake broke off: "), "{said}");
}
