//! Mail: the settings of a `[[notify]]` with `via = "email"`, and one letter sent with them. The exchange
//! itself is `sys::mail`'s.

use std::path::PathBuf;

use crate::model::fields::Fields;
use crate::model::leaving::Leaving;
use crate::model::letter::{Outgoing, Sent, Taken};
use crate::model::secret::SecretSource;
use crate::model::text::one_line;
use crate::notify::hidden::Hidden;
use crate::notify::reach::Reached;
use crate::sys::clock::{self, Deadline};
use crate::sys::mail::{Mail, Mailbox, Relay, Security, Server};

const SMTP: &str =
    "`smtp://user@host` (STARTTLS), `smtps://user@host` (TLS) or `smtp+plain://host`";

/// Who writes to whom, and over what.
#[derive(Debug, Clone)]
pub struct Email {
    to: Vec<Mailbox>,
    from: Mailbox,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Smtp { url: SmtpUrl, password: Option<SecretSource> },
    Sendmail(PathBuf),
}

/// A server in one word: `scheme://[user@]host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SmtpUrl {
    security: Security,
    user: Option<String>,
    host: String,
    port: u16,
}

impl Email {
    /// Takes `to`, `from`, `smtp` with its password, or `sendmail`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let from = if fields.has("from") {
            fields.parsed("from", "a mail address", str::parse)
        } else {
            fields.required("from");
            None
        };
        let to = read_to(fields);
        let way = read_way(fields);
        Some(Self { to: to?, from: from?, way: way? })
    }

    pub(super) fn first_recipient(&self) -> String {
        self.to.first().map(Mailbox::address).unwrap_or_default()
    }

    /// Logs in, or looks whether the program is there; no letter is begun.
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        let relay = match self.relay(&mut Hidden::default()) {
            Ok(relay) => relay,
            Err(sent) => return sent.into(),
        };
        match relay.reach(by) {
            Ok(said) => Reached::yes(said, "whether it takes a letter for these people"),
            Err(why) => Reached::No(why),
        }
    }

    /// Where its secrets are.
    pub(super) fn secrets(&self) -> Vec<&SecretSource> {
        match &self.way {
            Way::Smtp { password, .. } => password.iter().collect(),
            Way::Sendmail(_) => Vec::new(),
        }
    }

    /// Sends one letter. A password that cannot be read can be mended, so that is for later.
    pub(super) fn send(&self, out: &Outgoing<'_>, deadline: Deadline) -> Sent {
        let relay = match self.relay(&mut Hidden::default()) {
            Ok(relay) => relay,
            Err(sent) => return sent,
        };
        match relay.hand_over(&self.mail(out), deadline) {
            Sent::Accepted(taken) => {
                Sent::Accepted(Taken { handle: Some(out.id.to_owned()), ..taken })
            }
            other => other,
        }
    }

    /// What would be handed over.
    pub(super) fn shown(&self, out: &Outgoing<'_>, hidden: &mut Hidden) -> Result<Leaving, Sent> {
        self.relay(hidden)?.shown(&self.mail(out)).map_err(Sent::Never)
    }

    fn mail<'a>(&'a self, out: &Outgoing<'a>) -> Mail<'a> {
        // The date is that of the sending: one of hours ago would sort it below what was read already.
        let date = clock::now().wall;
        // A handle of before this channel was made one of mail is none.
        let first = out.reply_to.map(|first| first.handle).filter(|handle| handle.contains('@'));
        Mail { from: &self.from, to: &self.to, letter: out.letter, id: out.id, first, date }
    }

    fn relay(&self, hidden: &mut Hidden) -> Result<Relay, Sent> {
        Ok(match &self.way {
            Way::Sendmail(program) => Relay::Sendmail(program.display().to_string()),
            Way::Smtp { url, password } => {
                let password = password.as_ref().map(|from| hidden.read(from)).transpose()?;
                Relay::Smtp(Server {
                    host: url.host.clone(),
                    port: url.port,
                    security: url.security,
                    login: url.user.clone().zip(password),
                })
            }
        })
    }
}

fn read_to(fields: &mut Fields<'_>) -> Option<Vec<Mailbox>> {
    if !fields.has("to") {
        fields.required("to");
        return None;
    }
    let place = fields.place_of("to");
    let texts = fields.placed_texts("to")?;
    if texts.is_empty() {
        fields.problems().at(&place, "`to` names nobody");
    }
    let mut to = Vec::new();
    for (text, place) in &texts {
        match text.parse() {
            Ok(mailbox) => to.push(mailbox),
            Err(why) => fields.problems().at(place, format!("`to`: {why}")),
        }
    }
    (!to.is_empty() && to.len() == texts.len()).then_some(to)
}

fn read_way(fields: &mut Fields<'_>) -> Option<Way> {
    let (has_smtp, has_sendmail) = (fields.has("smtp"), fields.has("sendmail"));
    let place = fields.place_of("smtp");
    let url = fields.parsed("smtp", SMTP, parse_url);
    let password = fields.secret("password", "password_file", "password_env");
    let sendmail = fields.path("sendmail");
    match (has_smtp, has_sendmail) {
        (true, true) => {
            fields.problems().at(&place, "`smtp` and `sendmail` are both given: keep one");
            None
        }
        (false, false) => {
            let hint = format!("smtp expects {SMTP}; sendmail, a path: `/usr/sbin/sendmail`");
            fields.problem("smtp", "notify by email needs `smtp` or `sendmail`", Some(hint));
            None
        }
        (false, true) if password.is_some() => {
            let place = fields.place();
            fields.problems().at(&place, "`sendmail` takes no password: it logs in nowhere");
            None
        }
        (false, true) => sendmail.map(Way::Sendmail),
        (true, false) => {
            let url = url?;
            let problem = match (&url.user, &password) {
                (Some(_), None) => {
                    "`smtp` names a user: give its password as `password_file`, \
                                    `password_env` or `password`"
                }
                (None, Some(_)) => {
                    "a password is given, but `smtp` names no user: `smtps://USER@host`"
                }
                _ => return Some(Way::Smtp { url, password }),
            };
            fields.problems().at(&place, problem);
            None
        }
    }
}

/// The error never repeats the text: there may be a password in it.
fn parse_url(text: &str) -> Result<SmtpUrl, String> {
    let (scheme, rest) = text.trim().split_once("://").ok_or("there is no scheme before `://`")?;
    let (security, default_port) = match scheme {
        "smtp" => (Security::StartTls, 587),
        "smtps" => (Security::Tls, 465),
        "smtp+plain" => (Security::Plain, 25),
        _ => return Err("the scheme is none of `smtp`, `smtps`, `smtp+plain`".into()),
    };
    // The last `@` parts, because user names at mail providers are addresses.
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, rest),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err("a password does not belong here: use `password_file`".into());
    }
    let user = user.map(unescape).transpose()?;
    let (host, port) = split_port(place.strip_suffix('/').unwrap_or(place))?;
    let local = matches!(host, "localhost" | "::1") || host.starts_with("127.");
    if security == Security::Plain && user.is_some() && !local {
        return Err("a password would be sent in the clear: use `smtps://` or `smtp://`".into());
    }
    Ok(SmtpUrl { security, user, host: host.to_owned(), port: port.unwrap_or(default_port) })
}

/// `host`, `host:25`, `[::1]`, `[::1]:25`.
fn split_port(place: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("the `[` of the address is not closed")?;
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err("between `[` and `]` there is no IPv6 address".into());
        }
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err("after `]` only a port may come".into()),
        }
    } else {
        let (host, port) = place.split_once(':').map_or((place, None), |(h, p)| (h, Some(p)));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if host.is_empty() || !host.chars().all(plain) {
            return Err("after the user there must be only a host name and a port".into());
        }
        (host, port)
    };
    let read = |port: &str| match port.parse() {
        Ok(0) | Err(_) => Err("the port is no number from 1 to 65535".to_owned()),
        Ok(port) => Ok(port),
    };
    Ok((host, port.map(read).transpose()?))
}

/// Percent escapes (RFC 3986, 2.1) of a user name, for `%3A` and its like.
fn unescape(user: &str) -> Result<String, String> {
    let wrong = || "the user name is empty, or has a wrong `%` escape".to_owned();
    let mut bytes = Vec::new();
    let mut rest = user.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let digits = after.get(..2).and_then(|d| std::str::from_utf8(d).ok());
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(byte.ok_or_else(wrong)?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
        }
    }
    let user = String::from_utf8(bytes).map_err(|_| wrong())?;
    // A line break would be a command of its own, a NUL another user.
    if user.is_empty() || one_line(&user, usize::MAX) != user { Err(wrong()) } else { Ok(user) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_of_a_server_is_read() {
        use Security::{Plain, StartTls, Tls};
        for (text, security, user, host, port) in [
            ("smtp://me@mx.example.org", StartTls, Some("me"), "mx.example.org", 587),
            ("smtps://me@mx.example.org", Tls, Some("me"), "mx.example.org", 465),
            ("smtps://me@example.org@mx:2465/", Tls, Some("me@example.org"), "mx", 2465),
            ("smtps://me%40example.org%3Ax@mx", Tls, Some("me@example.org:x"), "mx", 465),
            ("smtp+plain://localhost", Plain, None, "localhost", 25),
            ("smtp+plain://me@127.0.0.1:2525", Plain, Some("me"), "127.0.0.1", 2525),
            ("smtp://[::1]:25", StartTls, None, "::1", 25),
        ] {
            let want = SmtpUrl { security, user: user.map(Into::into), host: host.into(), port };
            assert_eq!(parse_url(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn a_wrong_spelling_is_refused_and_not_repeated() {
        for (text, want) in [
            ("mx.example.org", "no scheme"),
            ("http://mx", "none of `smtp`"),
            ("smtps://me:hunter2@mx", "a password does not belong here"),
            ("smtp+plain://me@mx.example.org", "in the clear"),
            ("smtp://", "only a host name"),
            ("smtp://mx:0", "the port"),
            ("smtp://mx:hunter2", "the port"),
            ("smtp://mx/inbox?x", "only a host name"),
            ("smtp://me%0d%0aRSET@mx", "the user name"),
            ("smtp://%4@mx", "the user name"),
            ("smtp://@mx", "the user name"),
            ("smtp://[::1", "not closed"),
        ] {
            let why = parse_url(text).unwrap_err();
            assert!(why.contains(want) && !why.contains("hunter2"), "{text}: {why}");
        }
    }
}
