//! `dns:db.example.org?is=10.0.0.5`: a name resolves, and to what it should; or it does not, where it must not.
//! Asks this host's own resolver or, where a server or a type of records is named, by wire. Caches nothing.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::text::one_line;
use crate::probe::took::Took;
use crate::probe::{Answer, At, tcp};
use crate::sys::clock::{Deadline, Stopwatch};
use crate::sys::dns::{self, Record, Trouble, Type};
use crate::sys::names::{self, Unresolved};

/// So many records are shown, and no more.
const SHOWN: usize = 4;

/// Which name, whom to ask for it, and what must come of it.
#[derive(Debug, Clone)]
pub struct Dns {
    name: String,
    by: By,
    is: Vec<String>,
    only: bool,
    absent: bool,
    time: Took,
}

#[derive(Debug, Clone)]
enum By {
    /// What programs of this host ask.
    Resolver,
    /// A server that is named, or those that this host asks.
    Wire { server: Option<(String, u16)>, kind: Option<Type> },
}

/// Why there is nothing.
#[derive(Debug)]
enum Nothing {
    /// There is no such name, or it has no such record: somebody who knows says so.
    Absent(String),
    /// Nobody says anything of use.
    Unanswered(String),
    /// This host cannot ask.
    Here(String),
}

impl Dns {
    /// `target` is a name or, with `type=PTR`, an address. Keys: `is` (what it must resolve to, among others), `only` (to
    /// nothing else), `type`, `server` (a host, or a host and a port), `absent` (it must not resolve), and those of [`Took`].
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let time = Took::read(fields);
        let kind = fields.one_of("type", &Type::NAMES);
        let server = fields.parsed("server", "a name server such as `10.0.0.53`", |text| {
            let found = tcp::host_and_port(text, dns::PORT);
            found.ok_or_else(|| format!("`{text}` is no host"))
        });
        let by = match (server, kind) {
            (None, None) => By::Resolver,
            (server, kind) => By::Wire { server, kind },
        };
        let only_place = fields.place_of("only");
        let only = fields.flag("only").unwrap_or(false);
        let absent_place = fields.place_of("absent");
        let absent = fields.flag("absent").unwrap_or(false);
        let is = read_is(kind, fields);
        if only && is.is_empty() {
            let message = "`only` goes with `is`: it is what nothing else may be there beside";
            fields.wrong(&only_place, message.into(), None);
        }
        if absent && (!is.is_empty() || time.any()) {
            let message = "`absent` goes with `type` and `server` only";
            fields.wrong(&absent_place, message.into(), None);
        }
        Some(Self { name: read_name(target, kind, fields)?, by, is, only, absent, time })
    }

    /// The server that is named. Else it is the name: this host's resolver or a server on this host asks others for it, so
    /// that without a way out only names of this host itself resolve. None for one that must not.
    pub(super) fn host(&self) -> Option<&str> {
        match &self.by {
            _ if self.absent => None,
            By::Wire { server: Some((host, _)), .. } => Some(host),
            By::Wire { server: None, .. } | By::Resolver => Some(&self.name),
        }
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let watch = Stopwatch::start();
        let found = match &self.by {
            By::Resolver => resolve(&self.name, at.limit),
            By::Wire { server, kind } => self.ask(server.as_ref(), *kind, at.limit),
        };
        let took = watch.read();
        let name = one_line(&self.name, 100);
        let answer = match found {
            Ok(records) => self.judge(&name, &records, took, at),
            Err(Nothing::Absent(why)) if self.absent => Answer::up(format!("absent: {why}")),
            Err(Nothing::Unanswered(why)) if self.absent => {
                Answer::unknown(format!("`{name}`: {why}"))
            }
            Err(Nothing::Absent(why) | Nothing::Unanswered(why)) => {
                Answer::down(format!("`{name}`: {why}"))
            }
            Err(Nothing::Here(why)) => Answer::unknown(format!("`{name}`: {why}")),
        };
        answer.hinting(self.command())
    }

    fn judge(&self, name: &str, records: &[Record], took: Duration, at: &At<'_>) -> Answer {
        let said = shown(records.iter().map(|record| record.text.as_str()));
        if self.absent {
            return Answer::down(format!("`{name}` resolves to {said}, expected absent"));
        }
        let wanted = |want: &&String| !records.iter().any(|record| record.is(want));
        let missing: Vec<_> = self.is.iter().filter(wanted).map(String::as_str).collect();
        let other = |record: &&Record| !self.is.iter().any(|want| record.is(want));
        let others: Vec<_> = records.iter().filter(other).map(|record| &*record.text).collect();
        let answer = if !missing.is_empty() {
            let missing = shown(missing.into_iter());
            Answer::down(format!("`{name}` resolves to {said}, expected {missing}"))
        } else if self.only && !others.is_empty() {
            let others = shown(others.into_iter());
            Answer::down(format!("`{name}` also resolves to {others}, expected no other"))
        } else {
            Answer::up(said)
        };
        let answer = self.time.hold(answer, took, "resolved", name, at);
        #[expect(clippy::cast_precision_loss, reason = "a message has at most 65535 records")]
        let count = records.len() as f64;
        answer.measuring(Measure::new(self.label(), count, Unit::Plain).between(Some(0.0), None))
    }

    fn label(&self) -> &'static str {
        match &self.by {
            By::Resolver | By::Wire { kind: None | Some(Type::A | Type::Aaaa), .. } => "addresses",
            By::Wire { .. } => "records",
        }
    }

    fn ask(
        &self,
        server: Option<&(String, u16)>,
        kind: Option<Type>,
        limit: Duration,
    ) -> Result<Vec<Record>, Nothing> {
        let deadline = Deadline::after(limit);
        let servers = match server {
            None => dns::of_host(limit),
            Some((host, port)) => names::resolve(host, limit)
                .map_err(|why| Nothing::Unanswered(format!("server `{host}`: {why}")))?
                .into_iter()
                .map(|ip| SocketAddr::new(ip, *port))
                .collect(),
        };
        let kinds = kind.map_or(vec![Type::A, Type::Aaaa], |kind| vec![kind]);
        let both = kinds.len() > 1;
        let (mut records, mut trouble) = (Vec::new(), None);
        for kind in kinds {
            match dns::ask(&self.name, kind, &servers, deadline, limit) {
                Ok(found) => records.extend(found),
                Err(Trouble::NoRecord(_, alias)) if both => {
                    // The word of another type is not told in the name of this one.
                    trouble.get_or_insert_with(|| no_address(alias.as_deref()));
                }
                // A name that is not there has no other records either.
                Err(other) => {
                    trouble = Some(nothing(&other));
                    break;
                }
            }
        }
        match trouble {
            Some(trouble) if records.is_empty() => Err(trouble),
            _ => Ok(records),
        }
    }

    /// Shows a person the same.
    fn command(&self) -> String {
        let By::Wire { server, kind } = &self.by else {
            return format!("see for yourself: `getent ahosts {}`", self.name);
        };
        let at = match server {
            Some((host, dns::PORT)) => format!("@{host} "),
            Some((host, port)) => format!("@{host} -p {port} "),
            None => String::new(),
        };
        let kind = kind.map_or(String::new(), |kind| format!(" {}", kind.word()));
        format!("see for yourself: `dig {at}{}{kind}`", self.name)
    }
}

/// By this host's resolver, as programs do.
fn resolve(name: &str, limit: Duration) -> Result<Vec<Record>, Nothing> {
    match names::resolve(name, limit) {
        Ok(found) => Ok(found.into_iter().map(Record::of).collect()),
        Err(unresolved @ Unresolved::Not(_)) if unresolved.is_absent() => {
            Err(Nothing::Absent(unresolved.to_string()))
        }
        Err(unresolved) => Err(Nothing::Unanswered(unresolved.to_string())),
    }
}

fn nothing(trouble: &Trouble) -> Nothing {
    let why = trouble.to_string();
    match trouble {
        Trouble::NoName | Trouble::NoRecord(..) => Nothing::Absent(why),
        Trouble::Unable(..) | Trouble::Broken(..) | Trouble::Silent(..) => Nothing::Unanswered(why),
        Trouble::Here(_) => Nothing::Here(why),
    }
}

fn no_address(alias: Option<&str>) -> Nothing {
    Nothing::Absent(match alias {
        Some(alias) => format!("it is an alias of `{alias}`, which has no address"),
        None => "it has no address".into(),
    })
}

fn read_is(kind: Option<Type>, fields: &mut Fields<'_>) -> Vec<String> {
    let address = |text: &str| match text.parse::<IpAddr>() {
        Ok(ip) => Ok(ip.to_string()),
        Err(_) => Err(format!("`{text}` is no address")),
    };
    let mut wanted = Vec::new();
    for (text, place) in fields.placed_texts("is").unwrap_or_default() {
        match kind.map_or_else(|| address(text.trim()), |kind| kind.wanted(text.trim())) {
            Ok(want) => wanted.push(want),
            Err(why) => fields.wrong(&place, format!("`is`: {why}"), None),
        }
    }
    wanted
}

fn read_name(target: &str, kind: Option<Type>, fields: &mut Fields<'_>) -> Option<String> {
    let ip = target.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let (message, hint) = match ip {
        Some(ip) if kind == Some(Type::Ptr) => return Some(dns::reverse(ip)),
        Some(ip) => (
            format!("`{ip}` is an address already"),
            format!("`dns:{ip}?type=PTR` asks for the name of it"),
        ),
        None if dns::is_name(target) => return Some(target.to_owned()),
        None if !target.is_ascii() => (
            format!("`{target}` is no name as servers have it"),
            "write it in its ASCII form, `xn--…`".to_owned(),
        ),
        None => (
            format!("`{target}` is no name"),
            "write `dns:www.example.org`; whom to ask is `server`".to_owned(),
        ),
    };
    fields.problem("target", message, Some(hint));
    None
}

/// The first of them on a line.
fn shown<'a>(texts: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = texts.len().saturating_sub(SHOWN);
    let mut words: Vec<_> = texts.take(SHOWN).map(|text| one_line(text, 80)).collect();
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests;
