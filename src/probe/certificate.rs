//! What every probe that speaks TLS asks of a server's certificate: whom to trust, and how many days it must
//! last yet. Reads those keys and holds the days to them; connects nowhere.

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::range::Range;
use crate::model::trail::Before;
use crate::probe::Answer;
use crate::probe::limits::{Keys, Limits};
use crate::sys::clock;
use crate::sys::tls::{Certificate, Presented, Trust, span};

/// Warned of this many days before the end, unless told otherwise: certificates that renew themselves do so
/// 30 days before.
const DAYS: f64 = 14.0;

/// What a certificate is held to.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) trust: Trust,
    pub(super) days: Limits,
}

impl Asked {
    /// Keys: `verify` (whether chain and name are), `ca` (a PEM file, trusted as well as the host's store), and
    /// those of the days, where a bare number is the least.
    pub(super) fn read(days: &Keys, fields: &mut Fields<'_>) -> Self {
        let verify = fields.flag("verify").unwrap_or(true);
        let place = fields.place_of("ca");
        let ca = fields.path("ca");
        if ca.is_some() && !verify {
            fields.wrong(&place, "with `verify=false` nothing is trusted by `ca`".into(), None);
        }
        let days = Limits::read_least(days, Unit::Days, fields);
        Self { trust: Trust { verify, ca }, days }
    }

    /// Holds the days that are left to what was asked of them: those of the certificate that ends first, whoever
    /// showed it on the way to the answer.
    pub(super) fn hold(
        &self,
        answer: Answer,
        who: &str,
        seen: &[Presented],
        before: &Before,
    ) -> Answer {
        let ends = |seen: &&Presented| seen.first_to_end().map(|cert| cert.until);
        match seen.iter().filter(|seen| ends(seen).is_some()).min_by_key(ends) {
            Some(seen) => hold(&self.days, answer, who, seen, before),
            None if self.days.any() && answer.verdict.is_up() => {
                Answer::unknown(format!("`{who}`: it shows no certificate that can be read"))
            }
            None => answer,
        }
    }

    /// Holds the days that are left to what was asked of them. When nothing was, the end is near at 14 days or,
    /// if that is sooner, at a third of the time that it is valid, and one that has ended is never well.
    pub(super) fn hold_or_usual(
        &self,
        answer: Answer,
        who: &str,
        seen: &Presented,
        before: &Before,
    ) -> Answer {
        let Some(cert) = seen.first_to_end() else { return answer };
        if self.days.any() {
            return hold(&self.days, answer, who, seen, before);
        }
        if !self.trust.verify && left(cert) < 0.0 {
            return measured(answer, seen).failing(said(who, seen, cert));
        }
        let third = (cert.days_in_all() / 3.0 * 100.0).floor() / 100.0;
        let usual = self.days.clone().or_warn(Range::at_least(third.min(DAYS), Unit::Days));
        hold(&usual, answer, who, seen, before)
    }
}

fn hold(limits: &Limits, answer: Answer, who: &str, seen: &Presented, before: &Before) -> Answer {
    match seen.first_to_end() {
        Some(cert) => limits.hold(answer, number(cert), &said(who, seen, cert), before),
        None => answer,
    }
}

/// The days that are left, held to nothing.
pub(super) fn measured(answer: Answer, seen: &Presented) -> Answer {
    match seen.first_to_end() {
        Some(cert) => answer.measuring(number(cert)),
        None => answer,
    }
}

/// `` 89 days left (`*.example.org`, by `R3`) ``; none when nothing could be read.
pub(super) fn words(seen: &Presented) -> Option<String> {
    let (own, first) = (seen.own()?, seen.first_to_end()?);
    let name = own.names.iter().find(|name| **name == seen.to).or_else(|| own.names.first());
    let name = name.unwrap_or(&own.subject);
    let by =
        if own.self_signed { "self-signed".to_owned() } else { format!("by `{}`", own.issuer) };
    let whose =
        if first == own { String::new() } else { format!("; {} ends first", seen.called(first)) };
    let now = clock::now().wall;
    let span = span(first.until, now);
    let days = if first.until < now { format!("over for {span}") } else { format!("{span} left") };
    Some(format!("{days} (`{name}`, {by}{whose})"))
}

fn left(cert: &Certificate) -> f64 {
    cert.days_left(clock::now().wall)
}

fn number(cert: &Certificate) -> Measure {
    Measure::new("days", left(cert), Unit::Days)
}

fn said(who: &str, seen: &Presented, cert: &Certificate) -> String {
    let now = clock::now().wall;
    let (called, span) = (seen.called(cert), span(cert.until, now));
    if cert.until < now {
        format!("`{who}`: {called} expired {span} ago")
    } else {
        format!("`{who}`: {called} ends in {span}")
    }
}
