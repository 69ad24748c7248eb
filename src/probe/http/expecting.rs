//! What must hold of an answer: its status, its headers, its body, its size. Judges a response; asks for none.

use std::ops::RangeInclusive;

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::node::Value;
use crate::model::secret::is_secret;
use crate::model::text::one_line;
use crate::model::trail::Before;
use crate::model::verdict::Verdict;
use crate::probe::Answer;
use crate::probe::content::{self, Content};
use crate::probe::http::json;
use crate::probe::limits::{Limits, keys};
use crate::sys::http::{Detour, Response, is_name};

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Expecting {
    status: Vec<RangeInclusive<u16>>,
    /// Name, and the part that its value must have.
    headers: Vec<(String, Option<String>)>,
    content: Content,
    json: Vec<json::Condition>,
    size: Limits,
}

/// Of one look: who was asked, and how.
pub(super) struct Asked<'a> {
    pub(super) who: &'a str,
    pub(super) method: &'a str,
}

impl Expecting {
    /// Keys: `status` (`200`, `2xx`, `200-299`, or a list; any 2xx unless given), `expect_header` (`Name: part`,
    /// `Name`; one or a list), what must be in the body (see `content.rs` and `json.rs`), limits of `size` in bytes.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let status = read_status(fields).unwrap_or_else(|| vec![200..=299]);
        let headers = read_headers(fields);
        let (content, json) = (Content::read(fields), json::read(fields));
        let size = Limits::read(&keys!("size"), Unit::Bytes, fields);
        Self { status, headers, content, json, size }
    }

    /// Whether an answer without a body could not do.
    pub(super) fn needs_body(&self) -> bool {
        self.content.asks_for_something() || !self.json.is_empty()
    }

    /// How much of the body has to be read.
    pub(super) fn most(&self) -> usize {
        let any = self.content.asks() || !self.json.is_empty() || self.size.any();
        if any { content::MOST } else { 0 }
    }

    /// What `who` answered, held to all of it.
    pub(super) fn judge(&self, response: &Response, who: &str) -> Answer {
        let cut = !self.json.is_empty() && response.body.len() >= content::MOST;
        let wrong = self.wrong(response);
        let wrong_json = || json::wrong(&self.json, &response.body).filter(|_| !cut);
        let answer = match wrong.or_else(wrong_json) {
            Some(wrong) => Answer::down(format!("`{who}` answers {wrong}")),
            None if cut => {
                Answer::unknown(format!("`{who}` answers more JSON than is read: 1 MiB"))
            }
            None => Answer::up(""),
        };
        let answer = match &response.detour {
            Some(Detour::Stranger(place)) if !answer.verdict.is_up() => answer.hinting(format!(
                "it redirected to `{place}`, which is sent none of the headers: ask it itself"
            )),
            _ => answer,
        };
        answer.saying(response.status_line())
    }

    /// What is wrong with the answer, to follow "answers".
    fn wrong(&self, response: &Response) -> Option<String> {
        if !self.status.iter().any(|range| range.contains(&response.status)) {
            let (status, expected) = (response.status_line(), shown_status(&self.status));
            let why = match &response.detour {
                Some(Detour::Stopped(why)) => format!(": it redirects {why}"),
                _ => String::new(),
            };
            return Some(format!("{status}, expected {expected}{why}"));
        }
        let wrong = self
            .headers
            .iter()
            .find_map(|(name, part)| wrong_header(response, name, part.as_deref()));
        wrong.or_else(|| self.content.wrong_as(&response.body, "with ", "without "))
    }

    /// Measures how long the body is, if that is known, and holds it to its limits.
    pub(super) fn sized(
        &self,
        answer: Answer,
        response: &Response,
        asked: &Asked<'_>,
        before: &Before,
    ) -> Answer {
        let (who, read) = (asked.who, response.body.len());
        let declared = response.header("content-length").and_then(|text| text.parse::<u64>().ok());
        let was_read = self.most() > 0 && asked.method != "HEAD";
        let (size, sign) = match declared {
            Some(declared) => (bytes(declared), ""),
            None if was_read && read < content::MOST => (bytes(read as u64), ""),
            // More of it would be too much all the more.
            None if was_read
                && self.size.fails(bytes(read as u64))
                && self.size.fails(f64::MAX) =>
            {
                (bytes(read as u64), "at least ")
            }
            None if self.size.any() && answer.verdict.is_up() => {
                let why = format!("`{who}` does not tell how much it answers");
                return Answer { verdict: Verdict::Unknown(why), ..answer };
            }
            None => return answer,
        };
        let said = format!("`{who}` answers {sign}{}", Unit::Bytes.shown(size));
        let size = Measure::new("size", size, Unit::Bytes).between(Some(0.0), None);
        self.size.hold(answer, size, &said, before)
    }
}

#[expect(clippy::cast_precision_loss, reason = "no body has 2^52 bytes to a byte")]
fn bytes(count: u64) -> f64 {
    count as f64
}

/// What is wrong with the headers of this name, to follow "answers".
fn wrong_header(response: &Response, name: &str, part: Option<&str>) -> Option<String> {
    let named = response.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let values: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
    if values.is_empty() {
        return Some(format!("without the header `{name}`"));
    }
    let part = part.filter(|part| !values.iter().any(|value| value.contains(part)))?;
    let found = if is_secret(name) { "***".to_owned() } else { one_line(&values.join(", "), 80) };
    Some(format!("with `{name}: {found}`, expected `{}` in it", one_line(part, 80)))
}

fn read_headers(fields: &mut Fields<'_>) -> Vec<(String, Option<String>)> {
    let mut headers = Vec::new();
    for (text, place) in fields.secret_texts("expect_header") {
        let (name, part) = text.split_once(':').map_or((text.as_str(), ""), |(a, b)| (a, b));
        let (name, part) = (name.trim(), part.trim());
        if is_name(name) {
            headers.push((name.to_owned(), Some(part.to_owned()).filter(|part| !part.is_empty())));
        } else {
            let message =
                format!("`expect_header`: `{}` is no name of a header", one_line(name, 40));
            fields.wrong(&place, message, Some("write `Name: part` or `Name`".into()));
        }
    }
    headers
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
