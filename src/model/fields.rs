//! How a kind (a probe, a manager, a channel …) reads its own settings: typed, with the place of every
//! mistake, and without stopping at the first. The same reader serves a TOML table, a JSON object and the
//! short form `kind:target?key=value`; only the parsers that make [`Node`]s differ. Opens no file.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::model::node::{Entry, Node, Value, short, shown, text_of};
use crate::model::place::{Place, Problems};
use crate::model::secret::{Secret, SecretSource};
use crate::model::text::nearest;
use crate::model::units::{parse_duration, parse_percent, parse_size};
use crate::model::window::Window;

/// The settings of one thing, being read. Ask for every key that exists, then call [`Fields::finish`], which
/// reports the keys that nobody asked for, each with the nearest one that exists.
pub struct Fields<'p> {
    what: String,
    place: Place,
    entries: Vec<Entry>,
    asked: Vec<&'static str>,
    problems: &'p mut Problems,
}

impl<'p> Fields<'p> {
    /// The entries of `what` (in words, for messages: `service`, `probe tcp`), which stands at `place`.
    pub fn new(
        what: impl Into<String>,
        place: Place,
        entries: Vec<Entry>,
        problems: &'p mut Problems,
    ) -> Self {
        Self { what: what.into(), place, entries, asked: Vec::new(), problems }
    }

    /// From a node that must be a table; anything else is a problem, and reads as an empty one.
    pub fn of_node(what: impl Into<String>, node: Node, problems: &'p mut Problems) -> Self {
        let what = what.into();
        let entries = match node.value {
            Value::Table(entries) => entries,
            other => {
                problems.at(
                    &node.place,
                    format!("expected a table for {what}, found {}", other.kind()),
                );
                Vec::new()
            }
        };
        Self::new(what, node.place, entries, problems)
    }

    /// Where the thing itself stands.
    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// What is being read, in words.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The problems found so far, for reading something nested.
    pub fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// The place of `key`'s value if it is still to be read, else the thing's own.
    pub fn place_of(&self, key: &str) -> Place {
        self.entries
            .iter()
            .find(|e| e.key == key)
            .map_or_else(|| self.place.clone(), |e| e.node.place.clone())
    }

    /// Whether `key` is set and not yet read.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|e| e.key == key && e.node.value != Value::Null)
    }

    /// What is set and not yet read, as the short form writes it: `free=10%&under=2s`. Tables are left out, and
    /// of the value of a key only as many bytes shown as `part` says: `header=Authorization:***`.
    pub fn short(&self, part: fn(&str, &str) -> usize) -> String {
        let words = self.entries.iter().filter_map(|entry| {
            let value = short(&entry.node.value, &|text| part(&entry.key, text))?;
            Some(format!("{}={value}", entry.key))
        });
        words.collect::<Vec<_>>().join("&")
    }

    /// Whether there is no `key` at all; it then counts as asked for. Most keys of most things are not set, and
    /// the words for what a value should have been cost more than looking for it.
    fn unset(&mut self, key: &'static str) -> bool {
        let unset = !self.entries.iter().any(|e| e.key == key);
        if unset {
            self.asked.push(key);
        }
        unset
    }

    /// Takes `key` as it is. `null`, which generators write, is the same as not set.
    pub fn node(&mut self, key: &'static str) -> Option<Node> {
        self.asked.push(key);
        let index = self.entries.iter().position(|e| e.key == key)?;
        Some(self.entries.remove(index).node).filter(|node| node.value != Value::Null)
    }

    /// Takes `key` by `read`; `None` from it means "not what was expected" and is reported with `expected`.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let node = self.node(key)?;
        let value = read(&node.value);
        if value.is_none() {
            let hint = match &node.value {
                Value::Text(text)
                    if text.parse::<f64>().is_ok() || matches!(text.as_str(), "true" | "false") =>
                {
                    Some(format!("write `{key} = {text}`, without quotes"))
                }
                Value::Int(number) if expected.starts_with("a duration") => {
                    Some(format!("write `{key} = \"{number}s\"` if these are seconds"))
                }
                _ => None,
            };
            self.wrong(
                &node.place,
                format!("`{key}` expects {expected}, found {}", shown(&node.value)),
                hint,
            );
        }
        value
    }

    /// Takes `key` as a string and parses it; the error of `parse` says what is wrong, in words that follow
    /// "`key`: ".
    pub fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.unset(key) {
            return None;
        }
        let place = self.place_of(key);
        let text = self.read(key, expected, text_of)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.wrong(
                    &place,
                    format!("`{key}`: {why}"),
                    Some(format!("{key} expects {expected}")),
                );
                None
            }
        }
    }

    /// A string.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.read(key, "a string", text_of)
    }

    /// A string that is not empty.
    pub fn word(&mut self, key: &'static str) -> Option<String> {
        self.parsed(key, "a string that is not empty", |text| {
            if text.trim().is_empty() { Err("is empty".into()) } else { Ok(text.to_owned()) }
        })
    }

    /// A string that must be there and not be empty; when it is not, that is reported and it is empty.
    pub fn required(&mut self, key: &'static str) -> String {
        if !self.has(key) {
            let (place, what) = (self.place.clone(), self.what.clone());
            self.node(key);
            self.problems.at(&place, format!("{what} needs `{key}`"));
        }
        self.word(key).unwrap_or_default()
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", |value| match value {
            Value::Bool(flag) => Some(*flag),
            Value::Word(word) => match word.as_str() {
                "" | "true" | "yes" => Some(true),
                "false" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        })
    }

    /// A whole number within `range`.
    pub fn whole(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        if self.unset(key) {
            return None;
        }
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(key, &expected, |value| {
            let number = match value {
                Value::Int(number) => u64::try_from(*number).ok()?,
                Value::Word(word) => word.parse().ok()?,
                _ => return None,
            };
            range.contains(&number).then_some(number)
        })
    }

    /// A number that is not negative.
    pub fn number(&mut self, key: &'static str) -> Option<f64> {
        self.read(key, "a number that is not negative", |value| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "limits written by people are far below 2^52"
            )]
            let number = match value {
                Value::Int(number) => *number as f64,
                Value::Float(number) => *number,
                Value::Word(word) => word.parse().ok()?,
                _ => return None,
            };
            (number.is_finite() && number >= 0.0).then_some(number)
        })
    }

    /// A duration such as `90s`, `20m` or `1h 30m`, longer than nothing.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.parsed(key, "a duration such as `90s`, `20m` or `1h 30m`", |text| {
            let duration = parse_duration(text)?;
            if duration.is_zero() {
                Err("must be longer than nothing".into())
            } else {
                Ok(duration)
            }
        })
    }

    /// A duration, or nothing at all (`0s`).
    pub fn duration_or_zero(&mut self, key: &'static str) -> Option<Duration> {
        self.parsed(key, "a duration such as `0s`, `90s` or `20m`", parse_duration)
    }

    /// A size in bytes: a whole number, or `64k`, `10M`, `2G`, `1T` (powers of 1024, also as `KiB`, `MB` …).
    pub fn size(&mut self, key: &'static str) -> Option<u64> {
        self.read(key, "a size such as `500k`, `10M` or `2G`", |value| match value {
            Value::Int(number) => u64::try_from(*number).ok(),
            Value::Text(text) | Value::Word(text) => parse_size(text),
            _ => None,
        })
    }

    /// A share such as `10%`, as a number from 0 to 100.
    pub fn percent(&mut self, key: &'static str) -> Option<f64> {
        self.read(key, "a percentage such as `10%`", |value| match value {
            Value::Text(text) | Value::Word(text) => parse_percent(text),
            _ => None,
        })
    }

    /// One of the named choices.
    pub fn one_of<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        if self.unset(key) {
            return None;
        }
        let place = self.place_of(key);
        let names =
            choices.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let text = self.read(key, &format!("one of {names}"), text_of)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let hint = nearest(&text, choices.iter().map(|(name, _)| *name))
                .map(|near| format!("did you mean `{near}`?"));
            self.wrong(&place, format!("`{key}` expects one of {names}, found `{text}`"), hint);
        }
        found
    }

    /// A list of strings; a single string counts as a list of one.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        Some(self.placed_texts(key)?.into_iter().map(|(text, _)| text).collect())
    }

    /// A list of strings with the place of each.
    pub fn placed_texts(&mut self, key: &'static str) -> Option<Vec<(String, Place)>> {
        let node = self.node(key)?;
        let items = match node.value {
            Value::List(items) => items,
            Value::Word(words) => {
                return Some(
                    words.split(',').map(|word| (word.to_owned(), node.place.clone())).collect(),
                );
            }
            Value::Text(_) => vec![node],
            other => {
                self.wrong(
                    &node.place,
                    format!("`{key}` expects a list of strings, found {}", shown(&other)),
                    None,
                );
                return None;
            }
        };
        let mut texts = Vec::new();
        for item in items {
            if let Some(text) = text_of(&item.value) {
                texts.push((text, item.place));
            } else {
                self.wrong(
                    &item.place,
                    format!("`{key}` expects strings, found {}", shown(&item.value)),
                    None,
                );
            }
        }
        Some(texts)
    }

    /// A list of windows, or one. The host's time zone is found out only when there is one.
    pub fn windows(&mut self, key: &'static str) -> Option<Vec<Window>> {
        let texts = self.placed_texts(key)?;
        let zone = if texts.is_empty() { TimeZone::UTC } else { TimeZone::system() };
        let mut windows = Vec::new();
        for (text, place) in texts {
            match Window::parse(&text, &zone) {
                Ok(window) => windows.push(window),
                Err(why) => self.problems().at(&place, format!("`{key}`: {why}")),
            }
        }
        Some(windows)
    }

    /// A program and its arguments as a list: no shell looks at it.
    pub fn argv(&mut self, key: &'static str) -> Option<Vec<String>> {
        let place = self.place_of(key);
        let set = self.entries.iter().find(|e| e.key == key).map(|e| &e.node.value);
        if let Some(Value::Text(text)) = set {
            let words =
                text.split_whitespace().map(|w| format!("{w:?}")).collect::<Vec<_>>().join(", ");
            self.node(key);
            let hint =
                format!("write `{key} = [{words}]`, or `[\"sh\", \"-c\", …]` if it needs a shell");
            self.wrong(
                &place,
                format!("`{key}` expects a list of a program and its arguments, found a string"),
                Some(hint),
            );
            return None;
        }
        let argv = self.texts(key)?;
        if argv.first().is_none_or(String::is_empty) {
            self.wrong(&place, format!("`{key}` names no program"), None);
            return None;
        }
        Some(argv)
    }

    /// A path; relative ones are refused, because cron starts in another directory than the writer's shell.
    pub fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.parsed(key, "an absolute path", |text| {
            if text.starts_with('/') {
                Ok(PathBuf::from(text))
            } else {
                Err(format!("`{text}` is not an absolute path"))
            }
        })
    }

    /// A secret given as `key`, `key_file` or `key_env`; more than one of them is a problem.
    pub fn secret(
        &mut self,
        key: &'static str,
        key_file: &'static str,
        key_env: &'static str,
    ) -> Option<SecretSource> {
        let given: Vec<_> =
            [key, key_file, key_env].into_iter().filter(|name| self.has(name)).collect();
        if let [_, second, ..] = given[..] {
            let place = self.place_of(second);
            self.wrong(
                &place,
                format!("`{}` and `{second}` are both given: keep one", given[0]),
                None,
            );
        }
        let plain = self.secret_text(key).map(|text| SecretSource::Plain(Secret::new(&text)));
        let file = self.path(key_file).map(SecretSource::File);
        let env = self.word(key_env).map(SecretSource::Env);
        plain.or(file).or(env)
    }

    /// Texts that no error shows: a list of strings, or one, which in the short form may hold several, with a line
    /// break (`%0A`) between them. With the place of each.
    pub fn secret_texts(&mut self, key: &'static str) -> Vec<(String, Place)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let items = match node.value {
            Value::List(items) => items,
            Value::Word(lines) => {
                let lines = lines.split('\n').map(|line| (line.to_owned(), node.place.clone()));
                return lines.collect();
            }
            _ => vec![node],
        };
        let mut texts = Vec::new();
        for item in items {
            if let Some(text) = text_of(&item.value) {
                texts.push((text, item.place));
            } else {
                let found = item.value.kind();
                let message = format!("`{key}` expects a string in quotes, found {found}");
                self.wrong(&item.place, message, None);
            }
        }
        texts
    }

    /// Like [`Self::word`], but no error shows what was found.
    pub fn secret_text(&mut self, key: &'static str) -> Option<String> {
        let node = self.node(key)?;
        let text = text_of(&node.value);
        let message = match &text {
            Some(text) if !text.trim().is_empty() => return Some(text.clone()),
            Some(_) => format!("`{key}`: is empty"),
            None => format!("`{key}` expects a string in quotes, found {}", node.value.kind()),
        };
        self.wrong(&node.place, message, None);
        None
    }

    /// A list of tables (`[[key]]`), or one table.
    pub fn tables(&mut self, key: &'static str) -> Vec<Node> {
        match self.node(key) {
            None => Vec::new(),
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => vec![node],
        }
    }

    /// Notes a problem with `key`'s value or, when that has been read or is not set, with the thing itself.
    pub fn problem(&mut self, key: &str, message: impl Into<String>, hint: Option<String>) {
        let place = self.place_of(key);
        self.wrong(&place, message.into(), hint);
    }

    /// Takes away `key` if it is set, which is a mistake of its own: in these words, and with this hint.
    pub fn refuse(&mut self, key: &str, message: &str, hint: String) {
        if let Some(index) = self.entries.iter().position(|entry| entry.key == key) {
            let place = self.entries.remove(index).node.place;
            self.problems.at_with_hint(&place, message, hint);
        }
    }

    /// A problem with a value that was found at `place`.
    pub fn wrong(&mut self, place: &Place, message: String, hint: Option<String>) {
        match hint {
            Some(hint) => self.problems.at_with_hint(place, message, hint),
            None => self.problems.at(place, message),
        }
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        for entry in &self.entries {
            let mut known = self.asked.clone();
            known.sort_unstable();
            known.dedup();
            let message = format!("{} has no key `{}`", self.what, entry.key);
            let hint = match nearest(&entry.key, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it takes no keys".to_owned(),
                None => format!("it has {}", known.join(", ")),
            };
            self.problems.at_with_hint(&entry.place, message, hint);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u32) -> Place {
        Place { file: "c.toml".into(), line, col: 1 }
    }

    fn entry(line: u32, key: &str, value: Value) -> Entry {
        Entry { key: key.into(), place: place(line), node: Node { value, place: place(line) } }
    }

    fn problems(entries: Vec<Entry>, read: impl FnOnce(&mut Fields)) -> Vec<String> {
        let mut problems = Problems::default();
        let mut fields = Fields::new("service", place(1), entries, &mut problems);
        read(&mut fields);
        fields.finish();
        problems.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistake_is_reported_with_its_place() {
        let found = problems(
            vec![
                entry(2, "port", Value::Text("8080".into())),
                entry(3, "cooldwon", Value::Text("3s".into())),
                entry(4, "timeout", Value::Text("soon".into())),
            ],
            |fields| {
                fields.whole("port", 1..=65535);
                fields.duration("cooldown");
                fields.duration("timeout");
                fields.required("name");
            },
        );
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(
            found[0].starts_with(
                "c.toml:2:1: `port` expects a whole number from 1 to 65535, found the string `8080`"
            ),
            "{}",
            found[0]
        );
        assert!(found[0].contains("hint: write `port = 8080`, without quotes"), "{}", found[0]);
        assert!(
            found[1].starts_with("c.toml:4:1: `timeout`: `soon` is no duration"),
            "{}",
            found[1]
        );
        assert_eq!(found[2], "c.toml:1:1: service needs `name`");
        assert!(
            found[3].contains(
                "c.toml:3:1: service has no key `cooldwon`\n  hint: did you mean `cooldown`?"
            ),
            "{}",
            found[3]
        );
    }

    #[test]
    fn what_is_set_reads_as_the_short_form() {
        let list = vec![Node { value: Value::Int(1), place: place(1) }];
        problems(
            vec![
                entry(2, "free", Value::Text("10%".into())),
                entry(3, "of", Value::List(list)),
                entry(4, "not", Value::Null),
            ],
            |fields| assert_eq!(fields.short(|_, text| text.len()), "free=10%&of=1"),
        );
    }

    #[test]
    fn a_command_as_one_string_is_refused_with_the_list_to_write() {
        let found =
            problems(vec![entry(2, "start", Value::Text("systemctl start x".into()))], |fields| {
                fields.argv("start");
            });
        assert!(
            found[0].contains(r#"write `start = ["systemctl", "start", "x"]`"#),
            "{}",
            found[0]
        );
    }

    #[test]
    fn a_secret_without_quotes_is_not_shown() {
        let found = problems(vec![entry(2, "password", Value::Int(12345))], |fields| {
            fields.secret("password", "password_file", "password_env");
        });
        assert_eq!(
            found,
            ["c.toml:2:1: `password` expects a string in quotes, found a whole number"]
        );
    }

    #[test]
    fn null_is_not_set_but_its_key_must_exist() {
        let found = problems(
            vec![entry(2, "domain", Value::Null), entry(3, "dmain", Value::Null)],
            |fields| {
                assert_eq!(fields.word("domain"), None);
                fields.required("name");
            },
        );
        assert_eq!(found.len(), 2, "{found:#?}");
        assert_eq!(found[0], "c.toml:1:1: service needs `name`");
        assert!(found[1].starts_with("c.toml:3:1: service has no key `dmain`"), "{}", found[1]);
    }

    #[test]
    fn a_secret_given_twice_is_a_problem() {
        let found = problems(
            vec![
                entry(2, "url", Value::Text("https://a".into())),
                entry(3, "url_file", Value::Text("/a".into())),
            ],
            |fields| {
                fields.secret("url", "url_file", "url_env");
            },
        );
        assert_eq!(found, ["c.toml:3:1: `url` and `url_file` are both given: keep one"]);
    }
}
