//! Servers that misbehave, as scripts on a local port. TLS and AUTH against a real server are integration
//! tests.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use lettre::address::Envelope;

use super::*;
use crate::model::secret::Secret;

/// What the server does when a line with this beginning comes; `""` is the connection itself.
type Script = &'static [(&'static str, Act)];

#[derive(Clone, Copy)]
enum Act {
    Say(&'static str),
    /// Says nothing more, and keeps the line open.
    Silence,
    /// One byte now and then, for ever, and never a whole line.
    Drip,
    Close,
}
use Act::{Close, Drip, Say, Silence};

const HELLO: &str = "250-here\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN\r\n";
const TAKES_ALL: Script = &[
    ("", Say("220 here\r\n")),
    ("EHLO", Say(HELLO)),
    ("AUTH", Say("235 2.7.0 welcome\r\n")),
    ("MAIL", Say("250 2.1.0 ok\r\n")),
    ("RCPT", Say("250 2.1.5 ok\r\n")),
    ("DATA", Say("354 go on\r\n")),
    (".", Say("250-2.0.0 thanks\r\n250 2.0.0 queued as 4711\r\n")),
    ("QUIT", Say("221 bye\r\n")),
];

/// Serves one connection: first what `script` says, else what [`TAKES_ALL`] says. Ends with the lines it read.
fn serve(script: Script) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, std::thread::spawn(move || talk(&listener.accept().unwrap().0, script)))
}

fn talk(stream: &TcpStream, script: Script) -> Vec<String> {
    let mut heard = Vec::new();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    let mut data = false;
    loop {
        let act = script
            .iter()
            .chain(TAKES_ALL)
            .find(|(at, _)| if at.is_empty() { line.is_empty() } else { line.starts_with(at) });
        let act = if data && line != "." { None } else { act.map(|(_, act)| *act) };
        data = (data && line != ".")
            || (line == "DATA" && matches!(act, Some(Say(s)) if s.starts_with('3')));
        let mut out = stream;
        let gone = match act {
            Some(Say(words)) => out.write_all(words.as_bytes()).is_err(),
            Some(Close) => true,
            Some(Drip) => {
                while out.write_all(b"2").is_ok() {
                    std::thread::sleep(Duration::from_millis(20));
                }
                true
            }
            Some(Silence) => {
                while reader.read_line(&mut line).is_ok_and(|count| count > 0) {}
                true
            }
            None => false,
        };
        line.clear();
        if gone || !reader.read_line(&mut line).is_ok_and(|count| count > 0) {
            return heard;
        }
        line.truncate(line.trim_end().len());
        heard.push(line.clone());
        if line.is_empty() {
            line.push(' ');
        }
    }
}

fn server(port: u16, security: Security, login: Option<&str>) -> Server {
    let login = login.map(|password| ("me".to_owned(), Secret::new(password)));
    Server { host: "127.0.0.1".into(), port, security, login }
}

fn mail() -> Message {
    let to = vec!["bad@example.org".parse().unwrap(), "you@example.org".parse().unwrap()];
    let envelope = Envelope::new(Some("mm@example.org".parse().unwrap()), to).unwrap();
    Message { envelope, headers: Vec::new(), bytes: b"Subject: x\r\n\r\n.\r\nend".to_vec() }
}

fn post(port: u16, login: Option<&str>) -> Sent {
    let deadline = Deadline::after(Duration::from_secs(20));
    send(&server(port, Security::Plain, login), mail(), deadline)
}

#[test]
fn a_server_is_called_on_without_a_mail() {
    let deadline = || Deadline::after(Duration::from_secs(20));
    let (port, served) = serve(&[("NOOP", Say("250 ok\r\n"))]);
    let said = reach(&server(port, Security::Plain, Some("secret")), deadline());
    assert_eq!(said, Ok("127.0.0.1 takes the login of `me`".into()));
    let lines = served.join().unwrap();
    assert!(lines.iter().any(|line| line.starts_with("NOOP")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("MAIL")), "{lines:?}");
    let (port, served) = serve(&[("AUTH", Say("535 5.7.8 no such login\r\n"))]);
    let why = reach(&server(port, Security::Plain, Some("secret")), deadline()).unwrap_err();
    assert!(why.contains("AUTH as `me`: 535") && !why.contains("secret"), "{why}");
    served.join().unwrap();
}

#[test]
fn it_is_accepted_when_the_server_says_so_and_only_then() {
    let (port, heard) = serve(&[]);
    assert_eq!(
        post(port, Some("secret")),
        Sent::Accepted("250 2.0.0 thanks 2.0.0 queued as 4711".into())
    );
    let heard = heard.join().unwrap();
    assert!(heard[0].starts_with("EHLO "), "{heard:?}");
    assert_eq!(
        heard[1..11],
        [
            "AUTH PLAIN AG1lAHNlY3JldA==",
            "MAIL FROM:<mm@example.org>",
            "RCPT TO:<bad@example.org>",
            "RCPT TO:<you@example.org>",
            "DATA",
            "Subject: x",
            "",
            "..",
            "end",
            ".",
        ]
    );
}

#[test]
fn each_refusal_is_for_good_only_when_it_is_about_this_mail() {
    for (script, never, want) in [
        (
            &[("RCPT", Say("550 5.1.1 no such user\r\n"))] as Script,
            true,
            "RCPT TO `you@example.org`: 550 5.1.1 no such user",
        ),
        (&[("RCPT", Say("450 4.2.0 greylisted\r\n"))], false, "450 4.2.0 greylisted"),
        (&[("RCPT TO:<bad", Say("550 no\r\n")), ("RCPT", Say("450 wait\r\n"))], false, "450 wait"),
        (&[("MAIL", Say("553 5.7.1 not you\r\n"))], true, "MAIL FROM: 553 5.7.1 not you"),
        (&[("MAIL", Say("530 5.7.0 authenticate first\r\n"))], false, "530 5.7.0"),
        (&[("DATA", Say("452 4.3.1 no space\r\n"))], false, "DATA: 452 4.3.1 no space"),
        (&[(".", Say("554 5.6.0 spam\r\n"))], true, "554 5.6.0 spam"),
        (&[(".", Say("451 4.3.0 try again\r\n"))], false, "451 4.3.0"),
        (&[(".", Close)], false, "waiting for the mail to be taken: the connection was closed"),
        (&[("", Say("554 5.3.2 not today\r\n"))], false, "connecting: 554 5.3.2 not today"),
        (&[("", Say("HTTP/1.1 400 Bad Request\r\n\r\n"))], false, "the answer is not SMTP"),
        (&[("", Close)], false, "the connection was closed"),
    ] {
        let (port, _heard) = serve(script);
        let sent = post(port, None);
        let (Sent::Never(why) | Sent::Later(why)) = &sent else { panic!("{want}: {sent:?}") };
        assert!(
            why.starts_with(&format!("`127.0.0.1:{port}`: ")) && why.contains(want),
            "{want}: {why}"
        );
        assert_eq!(matches!(sent, Sent::Never(_)), never, "{want}: {why}");
    }
}

#[test]
fn one_bad_address_does_not_keep_the_mail_from_the_others() {
    let (port, heard) = serve(&[("RCPT TO:<bad", Say("550 5.1.1 no such user\r\n"))]);
    let Sent::Accepted(taken) = post(port, None) else { panic!("not accepted") };
    assert!(
        taken
            .said
            .ends_with("queued as 4711; but not for `bad@example.org`: 550 5.1.1 no such user"),
        "{taken:?}"
    );
    assert!(heard.join().unwrap().contains(&"end".to_owned()));
}

#[test]
fn a_refused_password_can_be_mended_and_is_never_shown() {
    for (script, password) in [
        (&[("AUTH", Say("535 5.7.8 wrong: AG1lAGh1bnRlcjI= hunter2\r\n"))] as Script, "hunter2"),
        (
            &[
                ("EHLO", Say("250-here\r\n250 AUTH LOGIN\r\n")),
                ("AUTH LOGIN", Say("334 VXNlcm5hbWU6\r\n")),
                ("bWU=", Say("334 UGFzc3dvcmQ6\r\n")),
                ("aHVudGVyMg==", Say("535 5.7.8 wrong: aHVudGVyMg==\r\n")),
            ],
            "hunter2",
        ),
    ] {
        let (port, _heard) = serve(script);
        let Sent::Later(why) = post(port, Some(password)) else { panic!("not for later") };
        assert!(why.contains("AUTH as `me`: 535 5.7.8 wrong: ***"), "{why}");
        for secret in ["hunter2", "AG1lAGh1bnRlcjI=", "aHVudGVyMg=="] {
            assert!(!why.contains(secret), "{why}");
        }
    }
}

#[test]
fn without_starttls_the_server_gets_neither_password_nor_mail() {
    let (port, heard) = serve(&[]);
    let server = server(port, Security::StartTls, Some("secret"));
    let Sent::Later(why) = send(&server, mail(), Deadline::after(Duration::from_secs(20))) else {
        panic!("sent in the clear")
    };
    assert!(why.contains("STARTTLS: the server does not offer it; hint: `smtps://`"), "{why}");
    let heard = heard.join().unwrap();
    assert!(heard.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{heard:?}");
}

#[test]
fn a_server_that_hangs_or_drips_costs_no_more_than_the_deadline() {
    for (script, want) in [
        (&[("", Silence)] as Script, "connecting: "),
        (&[("", Drip)], "connecting: "),
        (&[("EHLO", Drip)], "connecting: "),
        (&[("RCPT", Silence)], "RCPT TO `bad@example.org`: "),
        (&[("DATA", Drip)], "DATA: "),
        (&[(".", Silence)], "waiting for the mail to be taken: "),
    ] {
        let (port, _heard) = serve(script);
        let watch = Stopwatch::start();
        let limit = Duration::from_millis(600);
        let sent = send(&server(port, Security::Plain, None), mail(), Deadline::after(limit));
        let Sent::Later(why) = &sent else { panic!("{want}: {sent:?}") };
        assert!(why.contains(want), "{want}: {why}");
        assert!(watch.read() < limit + Duration::from_secs(2), "{want}: {:?}", watch.read());
    }
}

#[test]
fn a_goodbye_that_never_comes_does_not_undo_what_was_accepted() {
    let (port, _heard) = serve(&[("QUIT", Silence)]);
    let watch = Stopwatch::start();
    assert!(matches!(post(port, None), Sent::Accepted(_)));
    assert!(watch.read() < Duration::from_secs(10), "{:?}", watch.read());
}

#[test]
fn a_closed_port_and_a_name_that_does_not_resolve_are_for_later() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Sent::Later(why) = post(port, None) else { panic!("sent to nobody") };
    assert!(why.contains("connecting: connection refused"), "{why}");
    let nowhere = Server { host: "nowhere.invalid".into(), ..server(25, Security::Plain, None) };
    let sent = send(&nowhere, mail(), Deadline::after(Duration::from_secs(5)));
    assert!(matches!(&sent, Sent::Later(why) if why.contains("`nowhere.invalid:25`")), "{sent:?}");
}
