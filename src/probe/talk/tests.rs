use super::*;
use crate::model::verdict::{Look, Verdict};
use crate::probe::tests::{look, look_within, problem};
use crate::probe::{Kind, Seen};
use crate::sys::clock::Stopwatch;
use proptest::prelude::*;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

/// Serves one connection, and says where.
fn server<T: Send + 'static>(
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (addr, std::thread::spawn(move || serve(listener.accept().unwrap().0)))
}

/// What is seen of one that says `banner` and hangs up when we do.
fn banner(banner: &'static [u8], keys: &str) -> Look {
    let (addr, served) = server(move |mut stream| {
        stream.write_all(banner).unwrap();
        // Until we hang up; in what way does not matter here.
        let _ = stream.read(&mut [0; 16]);
    });
    let limit = Duration::from_millis(500);
    let seen = look_within(&format!("tcp:{addr}?{keys}"), Seen::default(), limit);
    served.join().unwrap();
    let shown = format!("`{addr}`: ");
    let verdict = match seen.verdict {
        Verdict::Down(why) => Verdict::Down(why.replace(&shown, "")),
        other => other,
    };
    Look { verdict, ..seen }
}

#[test]
fn a_banner_is_what_it_should_be_or_is_told() {
    for (said, expect, up, words) in [
        (&b"220 mail ESMTP\r\n"[..], "220", true, "answered `220 mail ESMTP`"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-", true, "answered `SSH-2.0-OpenSSH_9.2`"),
        (b"554 go away\r\n", "220", false, "answered `554 go away`, expected `220`"),
        // Lines before the one that is meant, as SMTP and FTP have them.
        (b"hello\r\n220 here\r\nmore\r\n", "220", true, "answered `220 here`"),
        (b"x 220\r\n554 no\r\n", "/220/", true, "answered `x 220`"),
        (b"+OK ready\r\n", "/^\\+OK ready$/", true, "answered `+OK ready`"),
        (b"\xff\xfe\r\n", "\\xff\\xfe", true, "answered `\u{fffd}\u{fffd}`"),
        // One that wants to drive the terminal of who reads it.
        (b"\x1b[2J\x07\n", "220", false, "answered `\\u{1b}[2J\\u{7}`, expected `220`"),
    ] {
        let seen = banner(said, &format!("expect={expect}"));
        let got = if up { seen.detail.as_str() } else { seen.verdict.reason() };
        assert_eq!((seen.verdict.is_up(), got), (up, words), "{expect}");
    }
}

#[test]
fn what_stands_inside_a_line_is_hinted_at() {
    let seen = banner(b"Welcome to 220\n", "expect=220");
    assert_eq!(
        seen.hint.as_deref(),
        Some("no line begins with `220`; `expect=/…/` looks anywhere")
    );
}

#[test]
fn a_question_is_asked_as_it_is_written_and_its_answer_judged() {
    for (answer, up, words) in [
        (&b"+PONG\r\n"[..], true, "answered `+PONG`"),
        (
            b"-NOAUTH Authentication required.\r\n",
            false,
            "answered `-NOAUTH Authentication required.`, expected `+PONG`",
        ),
    ] {
        let (addr, served) = server(move |mut stream| {
            let mut asked = [0; 6];
            stream.read_exact(&mut asked).unwrap();
            stream.write_all(answer).unwrap();
            asked
        });
        let seen = look(&format!("tcp:{addr}?send=PING\\r\\n&expect=+PONG"));
        assert_eq!(&served.join().unwrap(), b"PING\r\n");
        let want = if up { words.to_owned() } else { format!("`{addr}`: {words}") };
        let got = if up { seen.detail.as_str() } else { seen.verdict.reason() };
        assert_eq!((seen.verdict.is_up(), got), (up, want.as_str()));
    }
}

/// The whole of a conversation with one who has learned `lines` by heart, on a stream of our own.
fn hold(talk: &Talk, script: &[&[u8]]) -> (Result<String, String>, Vec<u8>) {
    struct Script<'s> {
        says: std::collections::VecDeque<&'s [u8]>,
        heard: Vec<u8>,
    }
    impl Read for Script<'_> {
        fn read(&mut self, room: &mut [u8]) -> Done<usize> {
            let Some(next) = self.says.pop_front() else { return Ok(0) };
            let count = next.len().min(room.len());
            room[..count].copy_from_slice(&next[..count]);
            if count < next.len() {
                self.says.push_front(&next[count..]);
            }
            Ok(count)
        }
    }
    impl Write for Script<'_> {
        fn write(&mut self, words: &[u8]) -> Done<usize> {
            // One byte at a time, as a full pipe takes them.
            self.heard.extend(words.first());
            Ok(words.len().min(1))
        }
        fn flush(&mut self) -> Done<()> {
            Ok(())
        }
    }
    let limit = Duration::from_secs(20);
    let mut stream = Script { says: script.iter().copied().collect(), heard: Vec::new() };
    let said = talk.hold(&mut stream, |_| Ok(()), Deadline::after(limit), limit);
    (said.map_err(|wrong| wrong.said), stream.heard)
}

fn talk(turns: &[(Option<&str>, &str)]) -> Talk {
    let turns = turns.iter().map(|(send, expect)| Turn {
        send: send.map(|text| unescaped(text).unwrap()),
        expect: Expect::parse(expect).unwrap(),
    });
    Talk(turns.collect())
}

#[test]
fn turns_follow_each_other_and_each_hears_only_its_own() {
    let smtp = talk(&[(None, "220"), (Some("EHLO x\\r\\n"), "250"), (Some("QUIT\\r\\n"), "221")]);
    let (said, heard) = hold(&smtp, &[b"220 a\r\n", b"250-b\r\n250 SIZE\r\n", b"2", b"21 bye\r\n"]);
    assert_eq!(said, Ok("answered `221 bye`".into()));
    assert_eq!(heard, b"EHLO x\r\nQUIT\r\n");
    let twice = talk(&[(Some("a"), "OK"), (Some("b"), "OK")]);
    let (said, _) = hold(&twice, &[b"OK\n"]);
    assert_eq!(said, Err("closed the connection without a word, expected `OK`".into()));
}

#[test]
fn the_end_of_a_line_is_not_where_a_packet_ends() {
    let (said, _) = hold(&talk(&[(None, "/^\\+OK$/")]), &[b"+OK", b"AY\r\n"]);
    assert_eq!(said, Err("answered `+OKAY`, expected `/^\\+OK$/`".into()));
    // Without a newline the end of all is the end of the line.
    let (said, _) = hold(&talk(&[(None, "/^\\+OK$/")]), &[b"+O", b"K"]);
    assert_eq!(said, Ok("answered `+OK`".into()));
    let (said, _) = hold(&talk(&[(None, "/login/")]), &[b"login", b"more that is not waited for"]);
    assert_eq!(said, Ok("answered `login`".into()));
}

#[test]
fn a_flood_is_heard_up_to_a_limit() {
    let flood = vec![b'x'; 10 * MOST];
    let (said, _) = hold(&talk(&[(None, "220")]), &[&flood]);
    let said = said.unwrap_err();
    assert!(said.starts_with("answered 64.0 KiB of `xxx") && said.len() < 200, "{said}");
}

#[test]
fn one_that_says_nothing_or_hangs_up_is_told_as_such() {
    let limit = Duration::from_millis(300);
    let (addr, served) = server(|mut stream| stream.read(&mut [0; 16]).unwrap());
    let seen = look_within(&format!("tcp:{addr}?expect=220"), Seen::default(), limit);
    served.join().unwrap();
    assert_eq!(
        seen.verdict.reason(),
        format!("`{addr}`: said nothing within 0.3s, expected `220`")
    );
    let (addr, served) = server(drop);
    let seen = look(&format!("tcp:{addr}?expect=220"));
    served.join().unwrap();
    let want = format!("`{addr}`: closed the connection without a word, expected `220`");
    assert_eq!(seen.verdict.reason(), want);
}

#[test]
fn one_that_drips_costs_the_limit_and_no_more() {
    let (addr, served) = server(|mut stream| {
        // Until nobody listens any more.
        while stream.write_all(b"2").is_ok() {
            crate::sys::clock::pause(Duration::from_millis(10));
        }
    });
    let watch = Stopwatch::start();
    let limit = Duration::from_millis(500);
    let seen = look_within(&format!("tcp:{addr}?expect=220"), Seen::default(), limit);
    assert!(watch.read() < Duration::from_secs(5), "{:?}", watch.read());
    served.join().unwrap();
    assert!(seen.verdict.is_down() && seen.verdict.reason().contains("answered `222"), "{seen:?}");
}

#[test]
fn mistakes_are_told() {
    for (keys, want) in [
        ("send=PING", "`send` and `expect` cannot take turns: there are 1 and 0"),
        ("expect=", "`expect`: is empty, and anything begins with nothing"),
        ("send=&expect=a", "`send`: is empty: nothing would be said"),
        ("expect=/(/", "`expect`: is no regular expression: "),
        ("send=a\\q&expect=b", "`send`: `\\q` stands for nothing; there are `\\r`"),
        ("send=a\\x+1&expect=b", "`send`: `\\x+1`: two hexadecimal digits must follow `\\x`"),
        ("send=a\\&expect=b", "`send`: `\\` stands for nothing"),
    ] {
        let found = problem(&format!("tcp:h:1?{keys}"));
        assert!(found.contains(want), "{keys}: {found}");
    }
    assert!(matches!(crate::probe::tests::probe("tcp:h:1?expect=a,b").kind, Kind::Tcp(_)));
}

#[test]
fn escapes_stand_for_bytes() {
    for (text, want) in [
        ("PING\\r\\n", &b"PING\r\n"[..]),
        ("\\x00\\xFf", b"\x00\xff"),
        ("a\\\\n\\t", b"a\\n\t"),
        ("ü", "ü".as_bytes()),
    ] {
        assert_eq!(unescaped(text).unwrap(), want, "{text}");
    }
}

proptest! {
    #[test]
    fn any_bytes_written_as_escapes_come_back(bytes: Vec<u8>) {
        let text: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        prop_assert_eq!(unescaped(&text), Ok(bytes));
    }

    #[test]
    fn no_text_breaks_the_readers(text: String) {
        let _ = unescaped(&text);
        let _ = Expect::parse(&text);
    }

    /// However what is said is cut into packets, the same is heard, and nothing of it harms a terminal.
    #[test]
    fn packets_make_no_difference(bytes: Vec<u8>, cut in 0usize..64, expect in prop::sample::select(vec!["220", "/2+$/", "/^a/", "/./"])) {
        let talk = talk(&[(None, expect)]);
        let cut = cut.min(bytes.len());
        let whole = hold(&talk, &[&bytes]).0;
        let parts: Vec<_> =
            [&bytes[..cut], &bytes[cut..]].into_iter().filter(|part| !part.is_empty()).collect();
        let parts = hold(&talk, &parts).0;
        prop_assert_eq!(whole.is_ok(), parts.is_ok());
        let said = whole.unwrap_or_else(|said| said);
        prop_assert!(!said.contains(crate::model::text::is_unsafe), "{}", said);
    }
}
