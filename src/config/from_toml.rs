//! TOML to entries with places, and its syntax errors in words for people who write a config now and then.
//! Never quotes a value back: it may be a password that somebody forgot to put in quotes.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::lines::Lines;
use crate::model::node::{Entry, Node, Value};
use crate::model::place::{Place, Problem, Problems};

/// A file that is no config at all would bring an error a line.
const MOST: usize = 10;

/// What a text came to.
pub(super) struct Parsed {
    /// The top level.
    pub(super) entries: Vec<Entry>,
    /// The lines with a syntax error. What the reader says about these follows from the error.
    pub(super) broken: Vec<u32>,
    /// False when an error may have shifted keys into other tables: then they are not worth reading.
    pub(super) whole: bool,
}

/// Parses the text; syntax errors go into `problems`, one a line.
pub(super) fn parse(lines: &Lines<'_>, problems: &mut Problems) -> Parsed {
    let (table, mut errors) = DeTable::parse_recoverable(lines.text());
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let mut parsed = Parsed { entries: Vec::new(), broken: Vec::new(), whole: true };
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        let place = lines.place(at);
        let doubled = is_double(error.message());
        let header = doubled && lines.line_at(at).trim_start().starts_with('[');
        // Two tables taken for one: its keys are there twice because of that.
        let follows = doubled && !header && !parsed.whole;
        parsed.whole &= keeps_structure(error.message()) && !header;
        if follows || parsed.broken.contains(&place.line) || parsed.broken.len() == MOST {
            continue;
        }
        parsed.broken.push(place.line);
        let (message, hint) = worded(error.message(), lines, at, table.get_ref());
        match hint {
            Some(hint) => problems.at_with_hint(&place, message, hint),
            None => problems.at(&place, message),
        }
    }
    let mut reader = Reader { lines, problems, broken: &mut parsed.broken };
    parsed.entries = reader.entries(table.get_ref());
    parsed
}

/// Errors inside one value, and a key that is there twice, leave every other key where it belongs.
fn keeps_structure(message: &str) -> bool {
    is_bare_value(message)
        || is_double(message)
        || message.starts_with("unexpected leading zero")
        || message.starts_with("unexpected key or value")
        || message.starts_with("missing escaped value")
}

fn is_double(message: &str) -> bool {
    message.starts_with("duplicate key")
}

fn is_bare_value(message: &str) -> bool {
    message.starts_with("string values must be quoted")
        || message.starts_with("invalid boolean")
        || message.starts_with("invalid float")
}

fn worded(
    message: &str,
    lines: &Lines<'_>,
    at: usize,
    table: &DeTable<'_>,
) -> (String, Option<String>) {
    let rest = lines.text().get(at..).unwrap_or_default();
    let line = lines.line_at(at).trim_start();
    if is_double(message) {
        return duplicate(lines, at, table);
    }
    if is_bare_value(message) {
        let (message, hint) = bare_value(rest, line);
        return (message, Some(hint));
    }
    let hint = if message.starts_with("unexpected leading zero") {
        return (
            "a number does not begin with 0".into(),
            Some("write the number without it, or in quotes if it is text".into()),
        );
    } else if line.starts_with(['{', '}', '"']) {
        "if this is JSON, name the file `….json`"
    } else if message.starts_with("key with no value") || message.starts_with("invalid unquoted") {
        return (
            "this is no `key = value`".into(),
            Some("TOML writes `key = value`, and a table as `[[service]]`".into()),
        );
    } else if message.starts_with("unexpected key or value") {
        "one `key = value` a line; `[[service]]` has a line of its own"
    } else if rest.trim().is_empty() && !lines.text().is_empty() {
        "the text ends here: is the file cut short?"
    } else {
        return (message.to_owned(), None);
    };
    (message.to_owned(), Some(hint.to_owned()))
}

/// A value that is none, which `rest` begins with. Only words that are no secrets are said back.
fn bare_value(rest: &str, line: &str) -> (String, String) {
    let word = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let known = |write: &str| (format!("`{word}` is no value in TOML"), write.to_owned());
    let key = line.split_once('=').map_or("key", |(key, _)| key.trim());
    let quoted = format!("put text in straight double quotes: `{key} = \"…\"`");
    match word {
        "True" | "TRUE" | "yes" | "Yes" | "on" | "On" => known("write `true`"),
        "False" | "FALSE" | "no" | "No" | "off" | "Off" => known("write `false`"),
        "null" | "None" | "nil" | "NULL" => known("leave the key out"),
        "" if rest.is_empty() || rest.starts_with(['\r', '\n', '#']) => {
            ("a value is missing here".into(), "write one, or leave the key out".into())
        }
        _ if rest.starts_with(['“', '”', '„', '‘', '’', '«']) => {
            ("these are not the quotes of TOML".into(), quoted)
        }
        _ if line.contains('=') && rest.starts_with(line) => {
            ("a list above is not closed".into(), "write `]` after its last value".into())
        }
        _ => ("a value that is not in quotes".into(), quoted),
    }
}

fn duplicate(lines: &Lines<'_>, at: usize, table: &DeTable<'_>) -> (String, Option<String>) {
    let rest = lines.text().get(at..).unwrap_or_default();
    let key: String =
        rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-')).collect();
    if lines.line_at(at).trim_start().starts_with('[') {
        let hint = format!("write `[[{key}]]` for each one");
        return (format!("`[{key}]` is there more than once"), Some(hint));
    }
    let first = first_before(&key, at, table).map(|byte| lines.place(byte));
    let message = match first {
        Some(Place { line, col, .. }) => {
            format!("`{key}` is set twice, first in line {line}, column {col}")
        }
        None => format!("`{key}` is set twice"),
    };
    (message, None)
}

/// The last place before `at` where `key` is set: keys that are there twice stand in one table.
fn first_before(key: &str, at: usize, table: &DeTable<'_>) -> Option<usize> {
    let mut found = None;
    for (name, value) in table {
        let start = name.span().start;
        if name.get_ref() == key && start < at {
            found = found.max(Some(start));
        }
        let inner = match value.get_ref() {
            DeValue::Table(table) => first_before(key, at, table),
            DeValue::Array(items) => items
                .iter()
                .filter_map(|item| first_before(key, at, item.get_ref().as_table()?))
                .max(),
            _ => None,
        };
        found = found.max(inner);
    }
    found
}

struct Reader<'a, 't> {
    lines: &'a Lines<'t>,
    problems: &'a mut Problems,
    broken: &'a mut Vec<u32>,
}

impl Reader<'_, '_> {
    /// In the order of the file; the parser hands them out sorted by name.
    fn entries(&mut self, table: &DeTable<'_>) -> Vec<Entry> {
        let mut pairs: Vec<_> = table.iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        pairs
            .into_iter()
            .map(|(key, value)| {
                let place = self.lines.place(key.span().start);
                Entry { key: key.get_ref().clone().into_owned(), place, node: self.node(value) }
            })
            .collect()
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>) -> Node {
        let place = self.lines.place(value.span().start);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Integer(number) => {
                if let Ok(number) = i64::from_str_radix(number.as_str(), number.radix()) {
                    Value::Int(number)
                } else {
                    self.refuse(&place, "a number beyond all bounds", None);
                    Value::Null
                }
            }
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::Bool(*flag),
            DeValue::Datetime(date) => {
                let hint = format!("if it is meant as text, write `\"{date}\"`");
                self.refuse(&place, "no key takes a date", Some(hint));
                Value::Text(date.to_string())
            }
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| self.node(item)).collect())
            }
            DeValue::Table(table) => Value::Table(self.entries(table)),
        };
        Node { value, place }
    }

    /// What the reader says of this line is dropped then.
    fn refuse(&mut self, place: &Place, message: &str, hint: Option<String>) {
        if !self.broken.contains(&place.line) {
            self.broken.push(place.line);
            self.problems.0.push(Problem {
                place: Some(place.clone()),
                message: message.to_owned(),
                hint,
                caret: None,
            });
        }
    }
}
