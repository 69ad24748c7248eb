//! `https://host/path#status=200&contains=ok`: a URL answers as it should, and soon enough. TLS is verified
//! against the host's trust store. Reads a bounded part of the answer, and only if it is wanted; never shows
//! what may be a secret in the URL.

mod json;

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::node::Value;
use crate::model::text::{human_duration, one_line};
use crate::model::trail::Before;
use crate::probe::certificate::Asked;
use crate::probe::content::{self, Content};
use crate::probe::limits::{Limits, MAIN, keys};
use crate::probe::{Answer, At};
use crate::sys::http::{Request, Response, Trouble, send, valid};

/// Followed unless told otherwise: as many as `http` to `https` to a login page and back need.
const REDIRECTS: u32 = 5;

/// What to ask, and what the answer must be.
#[derive(Debug, Clone)]
pub struct Http {
    url: String,
    method: String,
    redirects: u32,
    status: Vec<RangeInclusive<u16>>,
    content: Content,
    json: Vec<json::Condition>,
    under: Option<Duration>,
    time: Limits,
    asked: Asked,
}

impl Http {
    /// `target` is the URL, or what follows the scheme's `:`. Keys: `status` (`200`, `2xx`, `200-299`, or a list;
    /// any 2xx unless given), what must be in the body (see `content.rs` and `http/json.rs`), `under` (the whole
    /// answer must come within it), `warn`, `crit` and their like (limits of that time, in seconds), `redirects`
    /// (how many are followed, 0 to 10; 5 unless given), `method`.
    pub(super) fn read(kind: &str, target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let url =
            if target.starts_with("//") { format!("{kind}:{target}") } else { target.to_owned() };
        let url = url.split('#').next().unwrap_or_default().to_owned();
        let good = valid(&url).map_err(|err| fields.problem("target", err.to_string(), None));
        let status = read_status(fields);
        let content = Content::read(fields);
        let json = json::read(fields);
        let under = fields.duration("under");
        let time = Limits::read(&MAIN, Unit::Seconds, fields);
        let redirects =
            fields.whole("redirects", 0..=10).and_then(|count| u32::try_from(count).ok());
        let methods = ["GET", "HEAD", "POST", "OPTIONS"].map(|method| (method, method));
        let method = fields.one_of("method", &methods).unwrap_or("GET");
        if method == "HEAD" && (content.asks_for_something() || !json.is_empty()) {
            fields.problem("method", "the answer to `HEAD` has no body to look into", None);
        }
        let plain = url.starts_with("http:");
        if plain && fields.has("days") {
            fields.problem("days", "a URL with `http://` has no certificate", None);
        }
        let asked = Asked::read(&keys!("days"), fields);
        good.ok().map(|()| Self {
            url,
            method: method.to_owned(),
            redirects: redirects.unwrap_or(REDIRECTS),
            status: status.unwrap_or_else(|| vec![200..=299]),
            content,
            json,
            under,
            time,
            asked,
        })
    }

    /// The URL without what may be a secret: user, password, and query values whose names say so.
    pub(super) fn shown(&self) -> String {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(a, b)| (a, Some(b)));
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let host = host.rsplit('@').next().unwrap_or_default();
        let query = query.map(|query| {
            let parts: Vec<_> = query.split('&').map(without_secret).collect();
            format!("?{}", parts.join("&"))
        });
        one_line(&format!("{scheme}://{host}{path}{}", query.unwrap_or_default()), 200)
    }

    /// The host that is asked first.
    pub(super) fn host_name(&self) -> &str {
        self.authority().0
    }

    /// The port that is asked first.
    pub(super) fn port(&self) -> u16 {
        let usual = if self.url.starts_with("https:") { 443 } else { 80 };
        self.authority().1.parse().unwrap_or(usual)
    }

    /// Host and port of the URL; the port is empty where it is the scheme's own.
    fn authority(&self) -> (&str, &str) {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let place = rest.split(['/', '?']).next().unwrap_or_default();
        let place = place.rsplit('@').next().unwrap_or_default();
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => rest.split_once(']').unwrap_or_default(),
            None => place.split_at(place.find(':').unwrap_or(place.len())),
        };
        (host, port.trim_start_matches(':'))
    }

    /// Host and port, for messages.
    fn host(&self) -> String {
        let shown = self.shown();
        let rest = shown.split_once("://").map_or("", |(_, rest)| rest);
        rest.split(['/', '?']).next().unwrap_or_default().to_owned()
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        let request = Request {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: Vec::new(),
            body: Vec::new(),
            limit: at.limit,
            redirects: self.redirects,
            most: if self.content.asks() || !self.json.is_empty() { content::MOST } else { 0 },
            unix: None,
            trust: self.asked.trust.clone(),
        };
        match send(&request) {
            Ok(response) => {
                let answer = self.judge(&response, at.before);
                self.asked.hold(answer, &self.host(), &response.presented, at.before)
            }
            Err(Trouble::Here(why)) => {
                Answer::unknown(format!("`{}` cannot be judged: {why}", self.host()))
            }
            Err(Trouble::Timeout(doing)) => Answer::down(format!(
                "`{}` did not answer within {}: timed out while {doing}",
                self.host(),
                human_duration(at.limit)
            )),
            Err(trouble) => Answer::down(format!("`{}`: {trouble}", self.host())),
        }
    }

    fn judge(&self, response: &Response, before: &Before) -> Answer {
        let status = response.status_line();
        let host = self.host();
        let cut = !self.json.is_empty() && response.body.len() >= content::MOST;
        let wrong = self.wrong(response);
        let answer = match wrong.or_else(|| self.wrong_json(response).filter(|_| !cut)) {
            Some(wrong) => Answer::down(format!("`{host}` {wrong}")),
            None if cut => {
                Answer::unknown(format!("`{host}` answers more JSON than is read: 1 MiB"))
            }
            None => Answer::up(""),
        };
        let time = response.took.as_secs_f64();
        let said = format!("`{host}` answers in {}", Unit::Seconds.shown(time));
        let time = Measure::new("time", time, Unit::Seconds).between(Some(0.0), None);
        self.time.hold(answer.saying(status), time, &said, before)
    }

    fn wrong_json(&self, response: &Response) -> Option<String> {
        json::wrong(&self.json, &response.body).map(|wrong| format!("answers {wrong}"))
    }

    /// What is wrong with the answer, to follow the host's name.
    fn wrong(&self, response: &Response) -> Option<String> {
        if !self.status.iter().any(|range| range.contains(&response.status)) {
            let status = response.status_line();
            return Some(format!("answers {status}, expected {}", shown_status(&self.status)));
        }
        if let Some(wrong) = self.content.wrong_as(&response.body, "with ", "without ") {
            return Some(format!("answers {wrong}"));
        }
        let under = self.under.filter(|under| response.took >= *under)?;
        let (took, under) = (human_duration(response.took), human_duration(under));
        Some(format!("answers too slowly: {took}, expected under {under}"))
    }
}

/// `token=abc` as `token=***`.
fn without_secret(part: &str) -> String {
    match part.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}=***"),
        _ => part.to_owned(),
    }
}

/// Whether the value of what is called so must not be seen.
fn is_secret(name: &str) -> bool {
    const NAMES: [&str; 7] = ["token", "key", "secret", "pass", "pwd", "auth", "sig"];
    let name = name.to_lowercase();
    NAMES.iter().any(|secret| name.contains(secret))
}

fn read_status(fields: &mut Fields<'_>) -> Option<Vec<RangeInclusive<u16>>> {
    let expected = "status codes such as `200`, `2xx`, `200-299` or a list of them";
    fields.read("status", expected, |value| {
        let words: Vec<String> = match value {
            Value::Text(text) | Value::Word(text) => text.split(',').map(str::to_owned).collect(),
            Value::Int(number) => vec![number.to_string()],
            Value::List(items) => {
                let words = items.iter().map(|item| match &item.value {
                    Value::Text(text) | Value::Word(text) => Some(text.clone()),
                    Value::Int(number) => Some(number.to_string()),
                    _ => None,
                });
                words.collect::<Option<_>>()?
            }
            _ => return None,
        };
        words.iter().map(|word| parse_status(word.trim())).collect::<Option<Vec<_>>>()
    })
}

fn parse_status(word: &str) -> Option<RangeInclusive<u16>> {
    let code = |text: &str| {
        text.parse::<u16>().ok().filter(|code| text.len() == 3 && (100..=599).contains(code))
    };
    if let Some(class) = word.strip_suffix("xx") {
        let first = class.parse::<u16>().ok().filter(|class| (1..=5).contains(class))? * 100;
        return Some(first..=first + 99);
    }
    match word.split_once('-') {
        Some((from, to)) => {
            let (from, to) = (code(from.trim())?, code(to.trim())?);
            (from <= to).then_some(from..=to)
        }
        None => code(word).map(|code| code..=code),
    }
}

fn shown_status(ranges: &[RangeInclusive<u16>]) -> String {
    let words = ranges.iter().map(|range| match (*range.start(), *range.end()) {
        (from, to) if from == to => from.to_string(),
        (from, to) => format!("{from}-{to}"),
    });
    words.collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests;
