//! `unix:/run/app.sock?send=…&expect=…`: somebody accepts connections at a unix socket, and answers what is asked; or
//! nobody does, where nobody must. Opens nothing else than a socket: not a FIFO, not a device.

use std::path::PathBuf;

use crate::model::fields::Fields;
use crate::model::text::human_duration;
use crate::probe::file::absolute;
use crate::probe::stream::{Begun, Stream};
use crate::probe::{Answer, At};
use crate::sys::files::{self, FileLook, Kind, Missed};
use crate::sys::process::user_name;
use crate::sys::unix::{self, Unconnected};
use crate::sys::why::why;

/// Where to connect, and what must come of it.
#[derive(Debug, Clone)]
pub struct Unix {
    path: PathBuf,
    stream: Stream,
}

impl Unix {
    /// `target` is the absolute path of a socket. Keys: those of [`Stream`].
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let stream = Stream::read(fields);
        let path = absolute(target, fields)?;
        if !unix::is_path(&path) {
            let message = format!("`{target}` cannot be a socket's path");
            let hint = "no system has sockets at paths of more than about 100 bytes";
            fields.problem("target", message, Some(hint.into()));
            return None;
        }
        Some(Self { path, stream })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let shown = self.path.display().to_string();
        let begun = Begun::now(&shown, at);
        let file = match files::look(&self.path, at.limit) {
            Ok(file) if file.kind == Kind::Socket => file,
            Ok(file) => {
                return self.nobody(&shown, &format!("it is {}, not a socket", file.kind.word()));
            }
            Err(Missed::Missing) => return self.nobody(&shown, "no such socket"),
            Err(Missed::Forbidden) => {
                return Answer::unknown(format!("`{shown}`: no right to look for it"))
                    .hinting(self.who_may());
            }
            Err(missed) => return Answer::unknown(format!("`{shown}`: {missed}")),
        };
        match unix::connect(&self.path, begun.deadline.left()) {
            Ok(_) if self.stream.closed() => {
                Answer::down(format!("`{shown}` accepts connections, expected closed"))
            }
            Ok(mut stream) => {
                // A clone of the handle, not a second connection: one is lent to be talked over.
                let arm = match stream.try_clone() {
                    Ok(arm) => arm,
                    Err(err) => return cannot(&shown, &why(&err)),
                };
                let arm =
                    |left| arm.set_read_timeout(Some(left)).and(arm.set_write_timeout(Some(left)));
                self.stream.judge(&begun, "connected".into(), &mut stream, arm, at)
            }
            Err(unconnected) => self.unconnected(&unconnected, &file, &shown, at),
        }
    }

    fn unconnected(
        &self,
        unconnected: &Unconnected,
        file: &FileLook,
        shown: &str,
        at: &At<'_>,
    ) -> Answer {
        let limit = human_duration(at.limit);
        match unconnected {
            Unconnected::Missing => self.nobody(shown, "no such socket"),
            Unconnected::Refused => self.nobody(shown, "connection refused: nobody listens"),
            Unconnected::Full if self.stream.closed() => {
                Answer::down(format!("`{shown}`: somebody listens, expected closed"))
            }
            Unconnected::Full => Answer::down(format!(
                "`{shown}`: its backlog is full: nobody accepted within {limit}"
            ))
            .hinting("see how many wait: `ss -xl`"),
            Unconnected::Forbidden => Answer::unknown(format!(
                "`{shown}`: no right to connect: it is `{}`'s, with mode {:04o}",
                user_name(file.uid),
                file.mode
            ))
            .hinting(self.who_may()),
            Unconnected::NotStream => Answer::unknown(format!(
                "`{shown}`: it is a socket for datagrams or packets: it accepts no connections"
            ))
            .hinting(format!(
                "`file:` or `process:` can look at it; see it: `ss -xa | grep {shown}`"
            )),
            Unconnected::Late => Answer::unknown(format!("`{shown}`: no answer within {limit}")),
            Unconnected::Here(why) => cannot(shown, why),
        }
    }

    /// Nobody accepts connections there.
    fn nobody(&self, shown: &str, why: &str) -> Answer {
        if self.stream.closed() {
            return Answer::up(format!("closed: {why}"));
        }
        Answer::down(format!("`{shown}`: {why}")).hinting("see who listens where: `ss -xlp`")
    }

    fn who_may(&self) -> String {
        format!("run it as root or as whoever may: see `namei -l {}`", self.path.display())
    }
}

fn cannot(shown: &str, why: &str) -> Answer {
    Answer::unknown(format!("`{shown}`: this host cannot connect: {why}"))
        .hinting("see its sockets and limits: `ss -s; ulimit -n`")
}

#[cfg(test)]
mod tests {
    use crate::model::verdict::Verdict;
    use crate::probe::Seen;
    use crate::probe::tests::{look, look_within, problem};
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
    use std::time::Duration;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn at(&self, name: &str) -> String {
            self.0.path().join(name).display().to_string()
        }
    }

    #[test]
    fn one_that_accepts_is_up_and_the_time_is_measured() {
        let place = Place::new();
        let _server = UnixListener::bind(place.at("app")).unwrap();
        let seen = look(&format!("unix:{}?warn=10&under=20s", place.at("app")));
        assert_eq!((seen.verdict, seen.detail.as_str()), (Verdict::Up, "connected"));
        let time = &seen.measures[0];
        assert_eq!((time.label.as_str(), time.warn.as_deref()), ("time", Some("10")));
        let seen = look(&format!("unix:{}?under=1ns", place.at("app")));
        assert!(seen.verdict.reason().contains("connected too slowly: "), "{seen:?}");
    }

    #[test]
    fn what_it_answers_is_held_to_what_is_expected() {
        let place = Place::new();
        let server = UnixListener::bind(place.at("redis")).unwrap();
        let serve = std::thread::spawn(move || {
            for answer in ["+PONG\r\n", "-LOADING wait\r\n"] {
                let (mut stream, _) = server.accept().unwrap();
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                assert_eq!(line, "PING\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let probe = format!("unix:{}?send=PING\\r\\n&expect=+PONG", place.at("redis"));
        let seen = look(&probe);
        assert_eq!((seen.verdict, seen.detail.as_str()), (Verdict::Up, "answered `+PONG`"));
        let want = format!("`{}`: answered `-LOADING wait`, expected `+PONG`", place.at("redis"));
        assert_eq!(look(&probe).verdict, Verdict::Down(want));
        serve.join().unwrap();
    }

    #[test]
    fn what_accepts_nothing_is_down_in_words_and_up_where_nobody_must() {
        let place = Place::new();
        drop(UnixListener::bind(place.at("left-behind")).unwrap());
        std::fs::write(place.at("file"), "").unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, place.at("fifo"), fifo, 0o600.into(), 0).unwrap();
        for (name, why) in [
            ("nothing", "no such socket"),
            ("left-behind", "connection refused: nobody listens"),
            ("file", "it is a regular file, not a socket"),
            ("fifo", "it is a FIFO, not a socket"),
        ] {
            let path = place.at(name);
            let seen = look(&format!("unix:{path}"));
            assert_eq!(seen.verdict, Verdict::Down(format!("`{path}`: {why}")));
            assert!(seen.hint.unwrap().contains("`ss -xlp`"));
            let seen = look(&format!("unix:{path}?closed=true"));
            assert_eq!((seen.verdict, seen.detail), (Verdict::Up, format!("closed: {why}")));
        }
        let path = place.at("open");
        let _server = UnixListener::bind(&path).unwrap();
        let want = format!("`{path}` accepts connections, expected closed");
        assert_eq!(look(&format!("unix:{path}?closed=true")).verdict, Verdict::Down(want));
    }

    #[test]
    fn a_socket_for_datagrams_is_called_that() {
        let place = Place::new();
        let _server = UnixDatagram::bind(place.at("log")).unwrap();
        let seen = look(&format!("unix:{}", place.at("log")));
        assert!(matches!(seen.verdict, Verdict::Unknown(_)), "{seen:?}");
        assert!(seen.verdict.reason().contains("it is a socket for datagrams"), "{seen:?}");
    }

    #[test]
    fn one_that_accepts_no_more_is_down_after_the_limit() {
        let place = Place::new();
        let path = place.at("app");
        let server = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&server, 0).unwrap();
        let _waiting = UnixStream::connect(&path).unwrap();
        let short = Duration::from_millis(200);
        let look = |keys: &str| look_within(&format!("unix:{path}{keys}"), Seen::default(), short);
        let seen = look("");
        let want = format!("`{path}`: its backlog is full: nobody accepted within 0.2s");
        assert_eq!(seen.verdict, Verdict::Down(want));
        let want = format!("`{path}`: somebody listens, expected closed");
        assert_eq!(look("?closed=true").verdict, Verdict::Down(want));
    }

    #[test]
    fn paths_are_absolute_and_short_enough_for_a_socket() {
        assert!(problem("unix:app.sock").contains("`app.sock` is not an absolute path"));
        let long = format!("unix:/{}", "x".repeat(200));
        assert!(problem(&long).contains("cannot be a socket's path"));
        assert!(problem("unix:/x?closed=true&under=1s").contains("`closed` goes with no other"));
    }
}
