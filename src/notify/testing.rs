//! A strict receiver for the tests of channels: plays its answers in order to one request each, and keeps what it
//! was asked. More or fewer requests than answers fail the test.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::*;
use crate::model::letter::{First, Letter, Taken};
use crate::model::node::{Entry, Node, Value};
use crate::model::place::{Place, Problems};
use crate::notify::tests::story;
use crate::sys::http::testing::request_of;

const LIMIT: Duration = Duration::from_secs(20);

/// One request.
#[derive(Debug)]
pub(super) struct Asked {
    /// Its first line.
    pub(super) line: String,
    head: String,
    /// What was said.
    pub(super) body: String,
}

impl Asked {
    /// As it came.
    pub(super) fn new(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
        let (line, head) = head.split_once("\r\n").unwrap_or((head, ""));
        Self { line: line.into(), head: head.into(), body: body.into() }
    }

    /// The one value of a header.
    pub(super) fn header(&self, name: &str) -> &str {
        let all = self.head.lines().filter_map(|line| line.split_once(": "));
        let found: Vec<_> = all.filter(|(key, _)| key.eq_ignore_ascii_case(name)).collect();
        let [(_, value)] = found[..] else { panic!("{name}: {}", self.head) };
        value
    }

    /// It says that it is JSON, once.
    pub(super) fn is_json(&self) {
        assert_eq!(self.header("content-type"), "application/json");
    }

    /// Its body.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|err| panic!("{err}: {}", self.body))
    }
}

/// An answer with its length.
pub(super) fn reply(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

/// What is to be sent: a letter, and the stories it tells.
pub(super) struct Mail {
    letter: Letter,
    pub(super) stories: Vec<Story>,
    first: Option<(String, bool)>,
    /// So many incidents are told of by the first message.
    pub(super) tells: usize,
}

impl Mail {
    /// Of one story: a critical `web` on `web1` was given up on.
    pub(super) fn new(subject: &str, body: &str) -> Self {
        Self::of(subject, body, vec![story(Change::Failed, "web", true)])
    }

    pub(super) fn of(subject: &str, body: &str, stories: Vec<Story>) -> Self {
        let letter = Letter { subject: subject.into(), body: body.into(), thread: "t@h".into() };
        Self { letter, stories, first: None, tells: 1 }
    }

    /// With a first message of the same incident, which said `DOWN <&>`; `over` with this one, or not.
    pub(super) fn under(self, handle: &str, over: bool) -> Self {
        Self { first: Some((handle.into(), over)), ..self }
    }

    /// Handed to a channel.
    pub(super) fn send(&self, channel: &Channel) -> Sent {
        self.outgoing(|out| channel.send(out, Deadline::after(LIMIT)))
    }

    pub(super) fn outgoing<T>(&self, act: impl FnOnce(&Outgoing<'_>) -> T) -> T {
        let stories: Vec<&Story> = self.stories.iter().collect();
        let holds = Duration::from_secs(2400);
        let first = self.first.as_ref();
        let reply_to = first.map(|(handle, over)| {
            let tells = self.tells;
            First { handle, body: "DOWN <&>\n", tells, over: *over }
        });
        act(&Outgoing { letter: &self.letter, id: "id@h", stories: &stories, holds, reply_to })
    }
}

/// A channel as its table in TOML has it.
pub(super) fn channel(table: &str) -> Channel {
    let (channel, problems) = read(table);
    assert_eq!(problems, "");
    channel.expect("there is no problem")
}

/// The same, with what is wrong with it.
pub(super) fn read(table: &str) -> (Option<Channel>, String) {
    let mut problems = Problems::default();
    let place = Place { file: "c.toml".into(), line: 1, col: 1 };
    let entries = entries(DeTable::parse(table).unwrap().get_ref(), &place);
    let channel = Channel::read(Fields::new("notify", place, entries, &mut problems));
    (channel, problems.to_string())
}

fn entries(table: &DeTable<'_>, place: &Place) -> Vec<Entry> {
    let entry = |(key, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| Entry {
        key: key.get_ref().to_string(),
        place: place.clone(),
        node: node(value.get_ref(), place),
    };
    table.iter().map(entry).collect()
}

fn node(value: &DeValue<'_>, place: &Place) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Int(number.as_str().parse().unwrap()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| node(item.get_ref(), place)).collect())
        }
        DeValue::Table(table) => Value::Table(entries(table, place)),
        other => panic!("no test needs {other:?}"),
    };
    Node { value, place: place.clone() }
}

/// Sends `mail` over the channel of `table` (with the port that it is to use) to a receiver with these answers.
pub(super) fn send(
    answers: Vec<String>,
    mail: &Mail,
    table: impl Fn(u16) -> String,
) -> (Sent, Vec<Asked>) {
    play(answers, table, |channel| mail.send(channel))
}

/// The same, of what follows once `mail` was taken.
pub(super) fn mark_over(
    answers: Vec<String>,
    mail: &Mail,
    table: impl Fn(u16) -> String,
) -> (Option<Result<(), String>>, Vec<Asked>) {
    play(answers, table, |channel| {
        mail.outgoing(|out| channel.mark_over(out, Deadline::after(LIMIT)))
    })
}

/// What `act` comes to with that channel, and what was asked.
pub(super) fn play<T>(
    answers: Vec<String>,
    table: impl Fn(u16) -> String,
    act: impl FnOnce(&Channel) -> T,
) -> (T, Vec<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let channel = channel(&table(listener.local_addr().unwrap().port()));
    let server = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            asked.push(Asked::new(&request_of(&mut stream)));
            stream.write_all(answer.as_bytes()).unwrap();
        }
        (listener, asked)
    });
    let done = act(&channel);
    let (listener, asked) = server.join().unwrap();
    listener.set_nonblocking(true).unwrap();
    let more = listener.accept().map(drop).map_err(|err| err.kind());
    assert_eq!(more, Err(ErrorKind::WouldBlock), "it was asked once more");
    (done, asked)
}

/// In one word, with the seconds to wait.
pub(super) fn class(sent: &Sent) -> String {
    match sent {
        Sent::Accepted(_) => "accepted".into(),
        Sent::Later(_) => "later".into(),
        Sent::Busy { after, .. } => format!("busy {}", after.as_secs_f64()),
        Sent::Never(_) => "never".into(),
    }
}

/// It was taken, with these words and this name.
pub(super) fn taken(sent: &Sent, said: &str, handle: &str) {
    let want = Taken { said: said.into(), handle: Some(handle.into()) };
    assert_eq!(*sent, Sent::Accepted(want));
}

/// Whatever became of it, this is not shown.
pub(super) fn secret_is_hidden(sent: &Sent, secret: &str) {
    let text = match sent {
        Sent::Accepted(taken) => &taken.said,
        Sent::Later(why) | Sent::Never(why) | Sent::Busy { why, .. } => why,
    };
    assert!(!text.contains(secret), "{text}");
}
