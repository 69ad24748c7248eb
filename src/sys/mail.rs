//! The only way mail leaves: over SMTP or through a local `sendmail`. Every sending has a hard deadline and
//! ends in one of three words. Never puts a password into an error, never follows what a server says further
//! than the exchange at hand, never speaks without TLS unless told to.

mod sendmail;
mod smtp;

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::Timestamp;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue, MIME_VERSION_1_0};

use crate::model::leaving::Leaving;
use crate::model::letter::{Letter, Sent};
use crate::model::secret::Secret;
use crate::model::text::one_line;
use crate::sys::clock::Deadline;
use crate::sys::programs::{self, Absent};

/// The longest subject that is sent, in characters.
const SUBJECT: usize = 250;
/// The most that is kept of what a server or program said, in characters.
const SAID: usize = 300;

/// An address, with or without a name: `me@example.org`, `MiracleMax <mm@example.org>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mailbox(lettre::message::Mailbox);

impl FromStr for Mailbox {
    type Err = String;

    /// The error is in words that follow the key's name.
    fn from_str(text: &str) -> Result<Self, String> {
        let shown = one_line(text, 80);
        match text.trim().parse::<lettre::message::Mailbox>() {
            // It would need SMTPUTF8, which most servers that matter here do not offer.
            Ok(mailbox) if !mailbox.email.to_string().is_ascii() => {
                Err(format!("`{shown}` is not ASCII: write the domain in its `xn--` form"))
            }
            Ok(mailbox) => Ok(Self(mailbox)),
            Err(_) => Err(format!("`{shown}` is no mail address")),
        }
    }
}

impl Mailbox {
    /// The address alone: `me@example.org`.
    pub fn address(&self) -> String {
        self.0.email.to_string()
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How the line to an SMTP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// STARTTLS (RFC 3207), required: a server that does not offer it gets nothing.
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// None. For a relay on the same host or network.
    Plain,
}

/// An SMTP server, and who to be there.
#[derive(Debug, Clone)]
pub struct Server {
    /// A name or an address; the name that its certificate is verified for.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// See [`Security`].
    pub security: Security,
    /// User and password for AUTH PLAIN or LOGIN; none sends without.
    pub login: Option<(String, Secret)>,
}

impl fmt::Display for Server {
    /// How it is reached, and as whom; without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let security = match self.security {
            Security::StartTls => " with STARTTLS",
            Security::Tls => " over TLS",
            Security::Plain => ", unencrypted",
        };
        let colon = if self.host.contains(':') { ["[", "]"] } else { ["", ""] };
        write!(f, "SMTP to {}{}{}:{}{security}", colon[0], self.host, colon[1], self.port)?;
        match &self.login {
            Some((user, _)) => write!(f, ", as `{}`", one_line(user, 120)),
            None => Ok(()),
        }
    }
}

/// The way out.
#[derive(Debug, Clone)]
pub enum Relay {
    /// Over SMTP.
    Smtp(Server),
    /// Through this program, which takes what `sendmail -i -f FROM -- TO…` takes.
    Sendmail(String),
}

/// A letter in its envelope.
#[derive(Debug, Clone)]
pub struct Mail<'l> {
    /// Sender, in the header and on the envelope.
    pub from: &'l Mailbox,
    /// Recipients, likewise; at least one.
    pub to: &'l [Mailbox],
    /// What it says.
    pub letter: &'l Letter,
    /// The `Message-ID`, without angle brackets.
    pub id: &'l str,
    /// That of the first mail of the same thread, if this is a later one.
    pub first: Option<&'l str>,
    /// The `Date`.
    pub date: Timestamp,
}

impl Relay {
    /// Hands `mail` over, or says why it could not, by the deadline whatever the other side does.
    ///
    /// Only an answer about this very mail is [`Sent::Never`]: a 5xx to its sender, to all its recipients or
    /// to its text. Whatever a person can mend here (no connection, certificate, wrong password, no STARTTLS)
    /// is [`Sent::Later`], so that the mail is not lost meanwhile.
    pub fn hand_over(&self, mail: &Mail<'_>, deadline: Deadline) -> Sent {
        let message = match message(mail) {
            Ok(message) => message,
            Err(why) => return Sent::Never(format!("cannot write the mail: {why}")),
        };
        match self {
            Self::Smtp(server) => smtp::send(server, message, deadline),
            Self::Sendmail(program) => sendmail::send(program, &message, deadline),
        }
    }

    /// Whether it would take a mail, as far as can be told without one: connects, goes over to TLS, logs in; or looks
    /// whether the program is there. What it said, or why not.
    pub fn reach(&self, deadline: Deadline) -> Result<String, String> {
        match self {
            Self::Smtp(server) => smtp::reach(server, deadline),
            Self::Sendmail(program) => {
                let path = std::env::var("PATH").unwrap_or_default();
                match programs::find(program, &path, deadline.left()) {
                    Ok(at) => {
                        Ok(format!("`{}` can be run", one_line(&at.display().to_string(), 120)))
                    }
                    Err(Absent::No(why) | Absent::Unknown(why)) => Err(why),
                }
            }
        }
    }

    /// What would be handed over, in words and as it is encoded.
    pub fn shown(&self, mail: &Mail<'_>) -> Result<Leaving, String> {
        let message = message(mail).map_err(|why| format!("cannot write the mail: {why}"))?;
        let by = match self {
            Self::Smtp(server) => server.to_string(),
            Self::Sendmail(program) => sendmail::argv(program, &message).join(" "),
        };
        Ok(Leaving::Mail {
            by,
            headers: message.headers,
            text: mail.letter.body.clone(),
            raw: String::from_utf8_lossy(&message.bytes).into_owned(),
        })
    }
}

/// The headers that a mail has, in their order; whatever else it has says how its text is encoded.
const HEADERS: [&str; 10] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "References",
    "In-Reply-To",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
];

/// RFC 3834, 5: keeps vacation answers and ticket robots quiet.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// The mail as it goes over the wire, without its last line end, and its envelope.
struct Message {
    envelope: Envelope,
    /// Before they are encoded.
    headers: Vec<(String, String)>,
    bytes: Vec<u8>,
}

fn message(mail: &Mail<'_>) -> Result<Message, String> {
    let id = |text: &str| {
        let safe = |c: &char| c.is_ascii_graphic() && !matches!(c, '<' | '>');
        format!("<{}>", text.chars().filter(safe).take(240).collect::<String>())
    };
    // Readers gather letters with a common ancestor, whether or not they have ever seen it. RFC 5322, 3.6.4: a reply
    // has the references of what it replies to, and that itself.
    // A digest is named after nothing but itself, and is no answer to itself.
    let thread = Some(mail.letter.thread.as_str()).filter(|thread| *thread != mail.id);
    let references: Vec<String> = thread.into_iter().chain(mail.first).map(id).collect();
    // A clock before 1970 cannot be written.
    let date = SystemTime::from(mail.date.max(Timestamp::UNIX_EPOCH));
    let mut builder = lettre::Message::builder()
        .from(mail.from.0.clone())
        .subject(one_line(&mail.letter.subject, SUBJECT))
        .date(date)
        .message_id(Some(id(mail.id)))
        .header(AutoSubmitted)
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN);
    if !references.is_empty() {
        builder = builder.references(references.join(" "));
    }
    if let Some(first) = mail.first {
        builder = builder.in_reply_to(id(first));
    }
    for to in mail.to {
        builder = builder.to(to.0.clone());
    }
    // The last line end is the transport's.
    let message =
        builder.body(mail.letter.body.trim_end().to_owned()).map_err(|e| e.to_string())?;
    let headers = HEADERS.iter().filter_map(|name| {
        let value = message.headers().get_raw(name)?;
        Some(((*name).to_owned(), value.to_owned()))
    });
    Ok(Message {
        envelope: message.envelope().clone(),
        headers: headers.collect(),
        bytes: message.formatted(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(subject: &str, body: &str) -> String {
        formatted_as("web.failed.1@host>\r\nBcc: x", None, subject, body)
    }

    fn formatted_as(id: &str, first: Option<&str>, subject: &str, body: &str) -> String {
        let from = "MiracleMax <mm@example.org>".parse().unwrap();
        let to = ["me@example.org".parse().unwrap(), "you@example.org".parse().unwrap()];
        let letter = Letter {
            subject: subject.into(),
            body: body.into(),
            thread: "web-20260102T030405Z@host".into(),
        };
        let mail = Mail {
            from: &from,
            to: &to,
            letter: &letter,
            id,
            first,
            date: Timestamp::from_second(1_767_323_045).unwrap(),
        };
        String::from_utf8(message(&mail).unwrap().bytes).unwrap()
    }

    #[test]
    fn the_headers_are_those_of_an_automatic_mail_of_one_incident() {
        let text = formatted("plain", "body\n");
        let (headers, body) = text.split_once("\r\n\r\n").unwrap();
        for want in [
            "From: MiracleMax <mm@example.org>",
            "To: me@example.org, you@example.org",
            "Subject: plain",
            "Date: Fri, 02 Jan 2026 03:04:05 +0000",
            "Message-ID: <web.failed.1@hostBcc:x>",
            "References: <web-20260102T030405Z@host>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(headers.lines().any(|line| line == want), "{want}: {headers}");
        }
        assert_eq!(body, "body");
        assert!(!headers.contains("In-Reply-To"), "{headers}");
    }

    #[test]
    fn a_later_mail_of_an_incident_is_a_reply_to_the_first() {
        let text = formatted_as("x@host", Some("web.failed.0@host>\r\nBcc: x"), "plain", "body");
        let headers = text.split_once("\r\n\r\n").unwrap().0.replace("\r\n ", " ");
        for want in [
            "In-Reply-To: <web.failed.0@hostBcc:x>",
            "References: <web-20260102T030405Z@host> <web.failed.0@hostBcc:x>",
        ] {
            assert!(headers.lines().any(|line| line == want), "{want}: {headers}");
        }
        let digest = formatted_as("web-20260102T030405Z@host", None, "plain", "body");
        assert!(!digest.contains("References"), "it answers itself: {digest}");
    }

    #[test]
    fn a_subject_cannot_bring_a_header_of_its_own_and_no_line_is_too_long() {
        let text = formatted("✅ a\r\nBcc: evil@example.org", &"✅ line\n.\n".repeat(200));
        assert!(!text.to_lowercase().contains("\r\nbcc:"), "{text}");
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 78), "{text}");
    }

    #[test]
    fn an_address_is_checked_when_it_is_read() {
        for (text, good) in [
            ("me@example.org", true),
            ("Me <me@example.org>", true),
            ("me@localhost", true),
            ("me", false),
            ("me@example.org\r\nRCPT TO:<x@y>", false),
            ("mé@example.org", false),
            ("", false),
        ] {
            assert_eq!(text.parse::<Mailbox>().is_ok(), good, "{text:?}");
        }
    }
}
