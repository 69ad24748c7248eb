//! `tls:www.example.org:443?days=14`: a server shakes hands over TLS, its certificate is trusted here and is for
//! its name, and lasts yet. Also after STARTTLS. Nothing is said inside TLS but goodbye.

use std::time::Duration;

use rustls::pki_types::ServerName;

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::range::Range;
use crate::model::text::human_duration;
use crate::model::trail::Before;
use crate::probe::certificate::{self, Asked};
use crate::probe::limits::{Limits, MAIN, least};
use crate::probe::{Answer, At, tcp};
use crate::sys::tls::{Ask, Failed, Fault, Shaken, StartTls, server_name, shake};

/// Whom to shake hands with, and what its certificate is held to.
#[derive(Debug, Clone)]
pub struct Tls {
    host: String,
    port: u16,
    name: ServerName<'static>,
    starttls: Option<StartTls>,
    asked: Asked,
    under: Limits,
}

impl Tls {
    /// `target` is `host:port` or `[address]:port`. Keys: `days` (the least that must be left; the same as
    /// `crit`), `warn`, `crit`, `clear_above` (in days, a bare number being the least; unless anything is given,
    /// `warn` is 14 days or, if that is less, a third of the time that it is valid), `name` (whom the certificate
    /// must be for, if not for the host), `verify`, `ca`, `starttls` (`smtp`, `imap` …), `under` (the whole
    /// handshake must be done within it).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let place = fields.place_of("days");
        let days = least("days", Unit::Days, fields);
        if days.is_some() && fields.has("crit") {
            fields.wrong(&place, "`days` is the same as `crit`: keep one".into(), None);
        }
        let Asked { trust, days: limits } = Asked::read(&MAIN, fields);
        let asked = Asked { trust, days: limits.with_crit(days) };
        let name = fields.parsed("name", "the name of a host", named);
        let starttls = fields.one_of("starttls", &StartTls::NAMES);
        let under = fields.duration("under");
        let under = under.map(|under| Range::at_most(under.as_secs_f64(), Unit::Seconds));
        let (host, port) = tcp::read_target("tls", target, 443, fields)?;
        let own = named(&host).map_err(|err| fields.problem("target", err, None)).ok()?;
        let under = Limits::none(Unit::Seconds).with_crit(under);
        Some(Self { host, port, name: name.unwrap_or(own), starttls, asked, under })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let ask = Ask {
            host: &self.host,
            port: self.port,
            name: &self.name,
            trust: &self.asked.trust,
            starttls: self.starttls,
            limit: at.limit,
        };
        let answer = match shake(&ask) {
            Ok(shaken) => self.judge(&shaken, at.before),
            Err(failed) => self.failed(&failed, at.limit),
        };
        answer.hinting(self.command())
    }

    fn judge(&self, shaken: &Shaken, before: &Before) -> Answer {
        let shown = self.shown();
        let words = shaken.presented.as_ref().and_then(certificate::words);
        let detail = match words {
            Some(words) => format!("{}, {words}", shaken.version),
            None => shaken.version.to_owned(),
        };
        let mut answer = Answer::up(detail);
        if let Some(seen) = &shaken.presented {
            answer = self.asked.hold_or_usual(answer, &shown, seen, before);
        }
        let took = shaken.took.as_secs_f64();
        let number = Measure::new("time", took, Unit::Seconds).between(Some(0.0), None);
        let said = format!("`{shown}`: the handshake took {}", Unit::Seconds.shown(took));
        self.under.hold(answer, number, &said, before)
    }

    fn failed(&self, failed: &Failed, limit: Duration) -> Answer {
        let shown = self.shown();
        let answer = match &failed.fault {
            Fault::Here(why) => Answer::unknown(format!("`{shown}` cannot be judged: {why}")),
            Fault::Timeout(_) => Answer::down(format!(
                "`{shown}`: no handshake within {}: {}",
                human_duration(limit),
                failed.fault
            )),
            fault => Answer::down(format!("`{shown}`: {fault}")),
        };
        match &failed.presented {
            Some(seen) => certificate::measured(answer, seen),
            None => answer,
        }
    }

    fn shown(&self) -> String {
        tcp::shown(&self.host, self.port)
    }

    /// Shows a person the same.
    fn command(&self) -> String {
        let mut command = format!("openssl s_client -connect {}", self.shown());
        if let ServerName::DnsName(name) = &self.name {
            command += &format!(" -servername {}", name.as_ref());
        }
        if let Some(starttls) = self.starttls {
            command += &format!(" -starttls {}", starttls.word());
        }
        format!("see for yourself: `{command} </dev/null`")
    }
}

fn named(host: &str) -> Result<ServerName<'static>, String> {
    server_name(host).ok_or_else(|| format!("`{host}` is no name that a certificate can be for"))
}

#[cfg(test)]
mod tests;
