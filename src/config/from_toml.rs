//! TOML to entries with places, and its syntax errors in words for people who write a config now and then.
//! Never quotes a value back: it may be a password that somebody forgot to put in quotes.

use toml::de::{DeArray, DeTable, DeValue};

use crate::config::lines::Lines;
use crate::model::fields::{Entry, Node, Value};
use crate::model::place::{Place, Problems};

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
        parsed.whole &= keeps_structure(error.message());
        if parsed.broken.contains(&place.line) || parsed.broken.len() == MOST {
            continue;
        }
        parsed.broken.push(place.line);
        let (message, hint) = worded(error.message(), lines, at, table.get_ref());
        match hint {
            Some(hint) => problems.at_with_hint(&place, message, hint),
            None => problems.at(&place, message),
        }
    }
    parsed.entries = entries(table.get_ref(), lines, problems);
    parsed
}

/// Errors inside one value, and a key that is there twice, leave every other key where it belongs.
fn keeps_structure(message: &str) -> bool {
    is_bare_value(message)
        || message.starts_with("duplicate key")
        || message.starts_with("unexpected leading zero")
        || message.starts_with("missing escaped value")
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
    let line = lines.line_at(at);
    if message.starts_with("duplicate key") {
        return duplicate(lines, at, table);
    }
    if is_bare_value(message) {
        let word = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let quoted = "put text in straight double quotes: `key = \"value\"`";
        return match word {
            "True" | "TRUE" | "yes" | "Yes" | "on" | "On" => {
                (format!("`{word}` is no value in TOML"), Some("write `true`".into()))
            }
            "False" | "FALSE" | "no" | "No" | "off" | "Off" => {
                (format!("`{word}` is no value in TOML"), Some("write `false`".into()))
            }
            "null" | "None" | "nil" | "NULL" => {
                (format!("`{word}` is no value in TOML"), Some("leave the key out".into()))
            }
            "" if rest.is_empty() || rest.starts_with(['\r', '\n', '#']) => {
                ("a value is missing here".into(), Some("write one, or leave the key out".into()))
            }
            _ if rest.starts_with(['“', '”', '„', '‘', '’', '«']) => {
                ("these are not the quotes of TOML".into(), Some(quoted.into()))
            }
            _ => ("a value that is not in quotes".into(), Some(quoted.into())),
        };
    }
    if message.starts_with("unexpected leading zero") {
        let hint = "write the number without it, or in quotes if it is text";
        return ("a number does not begin with 0".into(), Some(hint.into()));
    }
    if line.trim_start().starts_with(['{', '}']) || line.trim_start().starts_with("\"") {
        let hint = "if this is JSON, name the file `….json`";
        return (message.to_owned(), Some(hint.into()));
    }
    if message.starts_with("key with no value") {
        let hint = "TOML writes `key = value`, and a table as `[[service]]`";
        return ("this is no `key = value`".into(), Some(hint.into()));
    }
    (message.to_owned(), None)
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

/// In the order of the file; the parser hands them out sorted by name.
fn entries(table: &DeTable<'_>, lines: &Lines<'_>, problems: &mut Problems) -> Vec<Entry> {
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    pairs
        .into_iter()
        .map(|(key, value)| {
            let place = lines.place(key.span().start);
            let node = node(value.get_ref(), lines.place(value.span().start), lines, problems);
            Entry { key: key.get_ref().clone().into_owned(), place, node }
        })
        .collect()
}

fn node(value: &DeValue<'_>, place: Place, lines: &Lines<'_>, problems: &mut Problems) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Int(number),
            // A whole number that does not fit is out of every range anyway, and is told so there.
            Err(_) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        },
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(date) => {
            let date = date.to_string();
            let hint = format!("if it is meant as text, write `\"{date}\"`");
            problems.at_with_hint(&place, "no key takes a date", hint);
            Value::Text(date)
        }
        DeValue::Array(items) => Value::List(list(items, lines, problems)),
        DeValue::Table(table) => Value::Table(entries(table, lines, problems)),
    };
    Node { value, place }
}

fn list(items: &DeArray<'_>, lines: &Lines<'_>, problems: &mut Problems) -> Vec<Node> {
    items
        .iter()
        .map(|item| node(item.get_ref(), lines.place(item.span().start), lines, problems))
        .collect()
}
