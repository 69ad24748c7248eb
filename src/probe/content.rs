//! What must and must not be in a text: an answer's body, a file, a command's output. Gets no text itself.

use regex_lite::Regex;

use crate::model::fields::Fields;
use crate::model::text::one_line;

/// At most this much of a text is looked into, in bytes.
pub(super) const MOST: usize = 1024 * 1024;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    contains: Option<String>,
    not_contains: Option<String>,
    matches: Option<Regex>,
}

impl Content {
    /// Keys: `contains`, `not_contains`, `matches` (a regular expression).
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            contains: fields.word("contains"),
            not_contains: fields.word("not_contains"),
            matches: fields.parsed("matches", "a regular expression", |text| {
                Regex::new(text).map_err(|err| format!("is no regular expression: {err}"))
            }),
        }
    }

    /// Whether anything is asked, so that the text must be had.
    pub(super) fn asks(&self) -> bool {
        self.asks_for_something() || self.not_contains.is_some()
    }

    /// Whether an empty text could not do.
    pub(super) fn asks_for_something(&self) -> bool {
        self.contains.is_some() || self.matches.is_some()
    }

    /// What is wrong with a text, in words that follow "it has". Of a text that was cut at [`MOST`] this is said
    /// where it matters.
    pub(super) fn wrong(&self, text: &[u8]) -> Option<String> {
        self.wrong_as(text, "", "no ")
    }

    /// The same in other words: what follows `with` is there but must not be, or is all that there is; what
    /// follows `without` is missing.
    pub(super) fn wrong_as(&self, text: &[u8], with: &str, without: &str) -> Option<String> {
        let place = if text.len() >= MOST { " in its first 1 MiB" } else { "" };
        let text = String::from_utf8_lossy(text);
        if let Some(part) = self.contains.as_ref().filter(|part| !text.contains(part.as_str())) {
            return Some(format!("{without}`{}`{place}", one_line(part, 80)));
        }
        if let Some(part) = self.not_contains.as_ref().filter(|part| text.contains(part.as_str())) {
            return Some(format!("{with}`{}`", one_line(part, 80)));
        }
        let regex = self.matches.as_ref().filter(|regex| !regex.is_match(&text))?;
        Some(format!("{with}nothing that matches `{}`{place}", one_line(regex.as_str(), 80)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_has_its_words() {
        let regex = |text: &str| Some(Regex::new(text).unwrap());
        let content =
            |contains: Option<&str>, not_contains: Option<&str>, matches: Option<Regex>| Content {
                contains: contains.map(Into::into),
                not_contains: not_contains.map(Into::into),
                matches,
            };
        let all = content(Some("ok"), Some("error"), regex("^v[0-9]+"));
        for (text, want) in [
            ("v1 ok", None),
            ("v1", Some("no `ok`")),
            ("v1 ok error", Some("`error`")),
            ("x ok", Some("nothing that matches `^v[0-9]+`")),
        ] {
            assert_eq!(all.wrong(text.as_bytes()).as_deref(), want, "{text}");
        }
        assert!(all.asks() && !Content::default().asks());
        assert!(!content(None, Some("x"), None).asks_for_something());
        let long = vec![b'a'; MOST];
        let want = Some("no `ok` in its first 1 MiB");
        assert_eq!(content(Some("ok"), None, None).wrong(&long).as_deref(), want);
    }
}
