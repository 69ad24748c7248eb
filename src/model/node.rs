//! What TOML, JSON and the short form of a probe come to: values with their places. Reads nothing itself.

use crate::model::place::Place;
use crate::model::text::one_line;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its first character.
    pub place: Place,
}

/// What TOML, JSON and the short form have in common.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A word of the short form, which has no types: read as whatever is asked for.
    Word(String),
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// JSON's `null`.
    Null,
    /// A list.
    List(Vec<Node>),
    /// A table or object, in the order of the file.
    Table(Vec<Entry>),
}

impl Value {
    /// For "expected a number, found a string".
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Word(_) => "a string",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Bool(_) => "true or false",
            Self::Null => "null",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// What it is set to.
    pub node: Node,
}

pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Word(text) => Some(text.clone()),
        _ => None,
    }
}

/// As the short form writes it; of each text only the first bytes, as many as `shown` says.
pub(super) fn short(value: &Value, shown: &dyn Fn(&str) -> usize) -> Option<String> {
    Some(match value {
        Value::Text(text) | Value::Word(text) => match shown(text) {
            all if all >= text.len() => one_line(text, 80),
            some => format!("{}***", one_line(&text[..some], 80)),
        },
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::List(items) => {
            let words: Option<Vec<_>> =
                items.iter().map(|item| short(&item.value, shown)).collect();
            words?.join(",")
        }
        Value::Null | Value::Table(_) => return None,
    })
}

pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Word(text) => {
            format!("the string `{}`", one_line(text, 40))
        }
        Value::Int(number) => format!("`{number}`"),
        Value::Float(number) => format!("`{number}`"),
        Value::Bool(flag) => format!("`{flag}`"),
        other => other.kind().to_owned(),
    }
}
