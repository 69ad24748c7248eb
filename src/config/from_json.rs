//! JSON to entries with places. JSON as the standard has it: what generators write.

use std::collections::HashMap;

use jsonc_parser::ast::{Object, Value as Ast};
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::config::lines::Lines;
use crate::model::node::{Entry, Node, Value};
use crate::model::place::Problems;

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Parses the text, whose top level must be an object; `None` when it is not or has a syntax error, which
/// goes into `problems`. An empty text is an empty object: the reader says what is missing.
pub(super) fn parse(lines: &Lines<'_>, problems: &mut Problems) -> Option<Vec<Entry>> {
    let ast = match parse_to_ast(lines.text(), &CollectOptions::default(), &STRICT) {
        Ok(result) => result.value,
        Err(error) => {
            let at = error.range().start;
            let word: String =
                lines.text()[at..].chars().take_while(|c| c.is_alphabetic()).collect();
            let place = lines.place(at);
            let message = in_our_voice(error.kind());
            match hint(error.kind(), &word) {
                Some(hint) => problems.at_with_hint(&place, message, hint),
                None => problems.at(&place, message),
            }
            return None;
        }
    };
    match ast {
        None => Some(Vec::new()),
        Some(Ast::Object(object)) => Some(entries(object, lines, problems)),
        Some(other) => {
            let place = lines.place(other.range().start);
            problems.at_with_hint(
                &place,
                "the config must be an object",
                "write `{\"service\": [{\"name\": \"web\"}]}`",
            );
            None
        }
    }
}

fn in_our_voice(kind: &ParseErrorKind) -> String {
    let text = kind.to_string();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => format!("{}{} in JSON", first.to_lowercase(), chars.as_str()),
        None => "not JSON".into(),
    }
}

fn hint(kind: &ParseErrorKind, word: &str) -> Option<String> {
    let hint = match (kind, word) {
        (_, "True") => "write `true`",
        (_, "False") => "write `false`",
        (_, "None" | "nil" | "NULL") => "write `null`",
        (ParseErrorKind::UnexpectedWord, _) => "put text in double quotes",
        (ParseErrorKind::CommentsNotAllowed, _) => "take the comment out, or write TOML",
        (ParseErrorKind::TrailingCommasNotAllowed, _) => "take out the last comma",
        (ParseErrorKind::SingleQuotedStringsNotAllowed, _) => "write `\"` for `'`",
        (ParseErrorKind::UnterminatedArray | ParseErrorKind::UnterminatedObject, _) => {
            "it has no end: is the file cut short?"
        }
        _ => return None,
    };
    Some(hint.into())
}

fn entries(object: Object<'_>, lines: &Lines<'_>, problems: &mut Problems) -> Vec<Entry> {
    let mut first: HashMap<String, usize> = HashMap::new();
    let mut entries: Vec<Entry> = Vec::with_capacity(object.properties.len());
    for property in object.properties {
        let place = lines.place(property.range.start);
        let key = property.name.into_string();
        if let Some(earlier) = first.get(&key) {
            let earlier = &entries[*earlier].place;
            let message = format!(
                "`{key}` is set twice, first in line {}, column {}",
                earlier.line, earlier.col
            );
            problems.at(&place, message);
            continue;
        }
        first.insert(key.clone(), entries.len());
        entries.push(Entry { key, place, node: node(property.value, lines, problems) });
    }
    entries
}

fn node(value: Ast<'_>, lines: &Lines<'_>, problems: &mut Problems) -> Node {
    let place = lines.place(value.range().start);
    let value = match value {
        Ast::StringLit(text) => Value::Text(text.value.into_owned()),
        Ast::NumberLit(number) => match number.value.parse() {
            Ok(number) => Value::Int(number),
            Err(_) if number.value.contains(['.', 'e', 'E']) => {
                Value::Float(number.value.parse().unwrap_or(f64::NAN))
            }
            Err(_) => {
                problems.at(&place, "a number beyond all bounds");
                Value::Null
            }
        },
        Ast::BooleanLit(flag) => Value::Bool(flag.value),
        Ast::NullKeyword(_) => Value::Null,
        Ast::Array(list) => {
            Value::List(list.elements.into_iter().map(|item| node(item, lines, problems)).collect())
        }
        Ast::Object(object) => Value::Table(entries(object, lines, problems)),
    };
    Node { value, place }
}
