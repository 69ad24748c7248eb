//! What must hold of an answer that is JSON: `status == "ok"`, `queue < 100`, `checks.db.up`. Reads conditions,
//! and holds a body to them; gets no body itself. Nesting is bounded by the JSON reader (128 levels).

use serde_json::Value as Json;

use crate::model::fields::Fields;
use crate::model::node::Value;
use crate::model::secret::is_secret;
use crate::model::text::one_line;

/// One condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    /// As it was written, for messages.
    shown: String,
    path: Vec<Step>,
    wanted: Option<(Op, Json)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(String),
    Item(usize),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Op {
    Is,
    IsNot,
    AtMost,
    AtLeast,
    Less,
    More,
}

/// Longer ones before those that they begin with.
const OPS: [(&str, Op); 6] = [
    ("==", Op::Is),
    ("!=", Op::IsNot),
    ("<=", Op::AtMost),
    (">=", Op::AtLeast),
    ("<", Op::Less),
    (">", Op::More),
];

const EXPECTED: &str = "a condition such as `status == \"ok\"`, or a list of them";

/// The conditions under the key `json`: one as a text, or a list of them.
pub(super) fn read(fields: &mut Fields<'_>) -> Vec<Condition> {
    let Some(node) = fields.node("json") else { return Vec::new() };
    let items = match node.value {
        Value::List(items) => items,
        _ => vec![node],
    };
    let mut conditions = Vec::new();
    for item in items {
        let why = match &item.value {
            Value::Text(text) | Value::Word(text) => match Condition::parse(text) {
                Ok(condition) => {
                    conditions.push(condition);
                    continue;
                }
                Err(why) => why,
            },
            other => format!("found {}", other.kind()),
        };
        let hint = format!("it is {EXPECTED}");
        fields.wrong(&item.place, format!("`json`: {why}"), Some(hint));
    }
    conditions
}

/// What is wrong with a body, in words that follow "answers"; nothing of a body that is right.
pub(super) fn wrong(conditions: &[Condition], body: &[u8]) -> Option<String> {
    if conditions.is_empty() {
        return None;
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Some("no JSON: nothing at all".to_owned());
    }
    match serde_json::from_slice::<Json>(body) {
        Ok(json) => conditions.iter().find_map(|condition| condition.wrong(&json)),
        Err(err) => Some(format!("no JSON: {}", one_line(&err.to_string(), 100))),
    }
}

impl Condition {
    /// `PATH`, or `PATH OP VALUE`; the error follows "`json`: ".
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (path, rest) = parse_path(text)?;
        let shown = one_line(text[..text.len() - rest.len()].trim(), 80);
        let rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(Self { shown, path, wanted: None });
        }
        let found = OPS.iter().find_map(|(sign, op)| Some((*sign, *op, rest.strip_prefix(sign)?)));
        let Some((sign, op, value)) = found else {
            let rest = one_line(rest, 40);
            return Err(format!(
                "expected one of `==`, `!=`, `<`, `<=`, `>`, `>=` before `{rest}`"
            ));
        };
        let value = value.trim();
        if value.is_empty() {
            return Err(format!("nothing stands behind `{sign}`"));
        }
        let wanted: Json = serde_json::from_str(value).map_err(|_| {
            let value = one_line(value, 40);
            format!("`{value}` is no value: write a number, true, false, null or `\"a string\"`")
        })?;
        let ordered = !matches!(op, Op::Is | Op::IsNot);
        match &wanted {
            Json::Array(_) | Json::Object(_) => Err("it compares with no list or object".into()),
            other if ordered && !other.is_number() => {
                Err(format!("`{sign}` compares numbers, and {} is none", shown_value(other)))
            }
            _ => Ok(Self { shown, path, wanted: Some((op, wanted)) }),
        }
    }

    fn wrong(&self, json: &Json) -> Option<String> {
        let found = self.path.iter().try_fold(json, |json, step| match step {
            Step::Key(key) => json.get(key.as_str()),
            Step::Item(index) => json.get(*index),
        });
        let Some(found) = found else { return Some(format!("without `{}`", self.shown)) };
        let expected = match &self.wanted {
            None if matches!(found, Json::Null | Json::Bool(false)) => {
                "neither null nor false".to_owned()
            }
            None => return None,
            Some((op, wanted)) if op.holds(found, wanted) => return None,
            Some((Op::Is, wanted)) => shown_value(wanted),
            Some((op, wanted)) => format!("{} {}", op.sign(), shown_value(wanted)),
        };
        let value = if is_secret(&self.shown) { "***".to_owned() } else { shown_value(found) };
        Some(format!("`{}` = {value}, expected {expected}", self.shown))
    }
}

impl Op {
    fn sign(self) -> &'static str {
        OPS.iter().find(|(_, op)| *op == self).map_or("", |(sign, _)| sign)
    }

    /// Only numbers have an order; `1` and `1.0` are the same, `1` and `"1"` are not.
    fn holds(self, found: &Json, wanted: &Json) -> bool {
        let numbers = found.as_f64().zip(wanted.as_f64());
        let equal = numbers.and_then(|(found, wanted)| found.partial_cmp(&wanted));
        let same = found == wanted || equal.is_some_and(std::cmp::Ordering::is_eq);
        match (self, numbers) {
            (Self::Is, _) => same,
            (Self::IsNot, _) => !same,
            (Self::AtMost, Some((found, wanted))) => found <= wanted,
            (Self::AtLeast, Some((found, wanted))) => found >= wanted,
            (Self::Less, Some((found, wanted))) => found < wanted,
            (Self::More, Some((found, wanted))) => found > wanted,
            (_, None) => false,
        }
    }
}

/// The path that `text` begins with, and what follows it.
fn parse_path(text: &str) -> Result<(Vec<Step>, &str), String> {
    let mut path = Vec::new();
    let mut rest = text;
    loop {
        if let Some(index) = rest.strip_prefix('[') {
            let (digits, after) = index.split_once(']').ok_or("a `[` without its `]`")?;
            let index = digits.trim().parse();
            path.push(Step::Item(
                index.map_err(|_| format!("`[{}]` is no place in a list", one_line(digits, 40)))?,
            ));
            rest = after;
        } else if path.is_empty() || rest.starts_with('.') {
            let (key, after) = parse_key(rest.strip_prefix('.').unwrap_or(rest))?;
            path.push(Step::Key(key));
            rest = after;
        } else {
            return Ok((path, rest));
        }
    }
}

/// A name of letters, digits, `_`, `-`, `$` and `@`, or any in quotes as JSON has them.
fn parse_key(text: &str) -> Result<(String, &str), String> {
    if text.starts_with('"') {
        let mut strings = serde_json::Deserializer::from_str(text).into_iter::<String>();
        return match strings.next() {
            Some(Ok(key)) => Ok((key, &text[strings.byte_offset()..])),
            _ => Err(format!("`{}` has no end of its quotes", one_line(text, 40))),
        };
    }
    let ends = text.find(|c: char| !c.is_alphanumeric() && !"_-$@".contains(c));
    match text.split_at(ends.unwrap_or(text.len())) {
        ("", "") => Err("a name is missing at its end".into()),
        ("", rest) => Err(format!("a name is missing before `{}`", one_line(rest, 40))),
        (key, rest) => Ok((key.to_owned(), rest)),
    }
}

fn shown_value(value: &Json) -> String {
    match value {
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        plain => one_line(&plain.to_string(), 80),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BODY: &str = r#"{"status": "ok", "queue": 150, "part": 0.5, "nothing": -0.0, "up": false, "none": null,
        "checks": {"db": {"up": true}}, "nodes": [{"id": 7}], "a.b c": "x", "token": "hunter2"}"#;

    fn judged(condition: &str, body: &str) -> Option<String> {
        wrong(&[Condition::parse(condition).unwrap()], body.as_bytes())
    }

    #[test]
    fn a_condition_holds_or_says_what_is_there_instead() {
        for (condition, want) in [
            (r#"status == "ok""#, None),
            (r#"status=="ok""#, None),
            (r#"status != "ok""#, Some(r#"`status` = "ok", expected != "ok""#)),
            (r#"status == "up""#, Some(r#"`status` = "ok", expected "up""#)),
            ("queue < 100", Some("`queue` = 150, expected < 100")),
            ("queue <= 150.0", None),
            ("queue == 150.0", None),
            ("queue>=151", Some("`queue` = 150, expected >= 151")),
            ("queue > 149", None),
            (r#"queue == "150""#, Some(r#"`queue` = 150, expected "150""#)),
            ("status < 5", Some(r#"`status` = "ok", expected < 5"#)),
            ("part == 5e-1", None),
            ("nothing == 0", None),
            ("nothing != 0.0", Some("`nothing` = -0.0, expected != 0.0")),
            ("checks.db.up", None),
            ("checks.db.up == true", None),
            ("checks.db", None),
            ("checks.db == 1", Some("`checks.db` = an object, expected 1")),
            ("checks.mq.up", Some("without `checks.mq.up`")),
            ("status.up", Some("without `status.up`")),
            ("nodes[0].id == 7", None),
            ("nodes[1].id != 7", Some("without `nodes[1].id`")),
            ("nodes == null", Some("`nodes` = a list, expected null")),
            ("none == null", None),
            ("none", Some("`none` = null, expected neither null nor false")),
            ("up", Some("`up` = false, expected neither null nor false")),
            (r#""a.b c" == "x""#, None),
            (r#"token == "x""#, Some(r#"`token` = ***, expected "x""#)),
        ] {
            assert_eq!(judged(condition, BODY).as_deref(), want, "{condition}");
        }
        assert_eq!(judged("[1][0] == 2", "[1, [2]]"), None);
    }

    #[test]
    fn what_is_no_json_is_said_so() {
        assert_eq!(judged("a", " \n").unwrap(), "no JSON: nothing at all");
        for body in ["<html>", "{\"a\": 1", "{\"a\": 1} x", "\u{0}", &"[".repeat(100_000)] {
            assert!(judged("a", body).unwrap().starts_with("no JSON: "), "{body:.20}");
        }
        assert_eq!(wrong(&[], b"<html>"), None);
    }

    #[test]
    fn what_is_no_condition_is_refused_in_words() {
        for (text, want) in [
            ("", "a name is missing at its end"),
            ("a.", "a name is missing at its end"),
            ("a..b", "a name is missing before `.b`"),
            ("== 1", "a name is missing before `== 1`"),
            ("a = 1", "expected one of `==`, `!=`, `<`, `<=`, `>`, `>=` before `= 1`"),
            ("a b", "expected one of `==`, `!=`, `<`, `<=`, `>`, `>=` before `b`"),
            ("a ==", "nothing stands behind `==`"),
            ("a == ok", "`ok` is no value: write a number, true, false, null or `\"a string\"`"),
            ("a == [1]", "it compares with no list or object"),
            ("a < \"b\"", "`<` compares numbers, and \"b\" is none"),
            ("a[x]", "`[x]` is no place in a list"),
            ("a[0", "a `[` without its `]`"),
            ("\"a", "`\"a` has no end of its quotes"),
        ] {
            assert_eq!(Condition::parse(text).unwrap_err(), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r#"[ab."\[\]0-9<>=! \\é]{0,24}"#, body in ".{0,40}") {
            if let Ok(condition) = Condition::parse(&text) {
                wrong(&[condition], body.as_bytes());
            }
        }

        #[test]
        fn a_number_is_below_what_is_above_it(low in -1000_i32..1000, more in 1_i32..1000) {
            let body = format!("{{\"n\": {low}}}");
            prop_assert_eq!(judged(&format!("n < {}", low + more), &body), None);
            let above = judged(&format!("n >= {}", low + more), &body);
            prop_assert!(above.is_some(), "{above:?}");
        }
    }
}
