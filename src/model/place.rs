//! Where in a text something stands, and what is wrong there. Problems are collected, never thrown one by one.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::model::text::{is_unsafe, one_line};

/// A spot in a config file or on the command line, counted from 1; line 0 is the file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path, or `command line`.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub col: u32,
}

impl Place {
    /// The character at `col` (from 1) of an argument.
    pub fn command_line(col: usize) -> Self {
        Self { file: COMMAND_LINE.into(), line: 1, col: u32::try_from(col).unwrap_or(u32::MAX) }
    }

    /// A whole file, which cannot be read or has nothing in it: shown without line and column.
    pub fn file(path: &Path) -> Self {
        Self { file: path.display().to_string().into(), line: 0, col: 0 }
    }
}

/// The name of the place that is no file; a caret shows the spot in it.
const COMMAND_LINE: &str = "command line";

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&safe(&self.file))?;
        if self.line > 0 && &*self.file != COMMAND_LINE {
            write!(f, ":{}:{}", self.line, self.col)?;
        }
        Ok(())
    }
}

/// One thing that is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where; none when it is about a whole file or the command line.
    pub place: Option<Place>,
    /// What is wrong: lower case, no full stop, literals in back-ticks.
    pub message: String,
    /// Something to type or write instead.
    pub hint: Option<String>,
    /// The text with the spot (in characters from 0) that a caret is to point at.
    pub caret: Option<(String, usize)>,
}

impl Problem {
    /// Where and what, on one line: what to do about it is left out.
    pub fn headline(&self) -> String {
        let bare = Self { hint: None, caret: None, ..self.clone() };
        one_line(&bare.to_string(), 300)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&safe(&self.message))?;
        if let Some((text, spot)) = &self.caret {
            let (text, spot) = window(text, *spot);
            write!(f, "\n  {text}\n  {:spot$}^", "")?;
        }
        if let Some(hint) = &self.hint {
            // A hint may be several lines to write.
            for (index, line) in hint.lines().flat_map(folded).enumerate() {
                write!(f, "\n  {}{}", if index == 0 { "hint: " } else { "      " }, safe(line))?;
            }
        }
        Ok(())
    }
}

/// A line in pieces of 72 characters or so. What is to be typed stands in back-ticks and stays whole.
fn folded(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((limit, _)) = rest.char_indices().nth(72).filter(|_| !line.contains('`')) {
        let Some(space) = rest[..limit].rfind(' ').filter(|space| *space > 0) else { break };
        pieces.push(&rest[..space]);
        rest = &rest[space + 1..];
    }
    pieces.push(rest);
    pieces
}

/// Keys and names come from a file: they must not drive the terminal that shows them.
fn safe(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_unsafe) { one_line(text, usize::MAX).into() } else { text.into() }
}

/// At most 76 characters of a text with the spot among them, and where the spot is then.
fn window(text: &str, spot: usize) -> (String, usize) {
    const WIDTH: usize = 76;
    // One column for one character, whatever it is: the caret counts on it.
    let chars: Vec<char> =
        text.chars().map(|c| if is_unsafe(c) { '\u{fffd}' } else { c }).collect();
    if chars.len() <= WIDTH {
        return (chars.into_iter().collect(), spot);
    }
    let from = spot.saturating_sub(WIDTH / 2).min(chars.len() - WIDTH);
    let to = from + WIDTH;
    let mut shown: Vec<char> = chars[from..to].to_vec();
    if from > 0 {
        shown[0] = '…';
    }
    if to < chars.len() {
        shown[WIDTH - 1] = '…';
    }
    (shown.into_iter().collect(), spot - from)
}

/// All problems found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Notes one at a place.
    pub fn at(&mut self, place: &Place, message: impl Into<String>) {
        self.0.push(Problem {
            place: Some(place.clone()),
            message: message.into(),
            hint: None,
            caret: None,
        });
    }

    /// Notes one at a place, with a hint.
    pub fn at_with_hint(
        &mut self,
        place: &Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.at(place, message);
        if let Some(last) = self.0.last_mut() {
            last.hint = Some(hint.into());
        }
    }

    /// Notes one that has no place.
    pub fn general(&mut self, message: impl Into<String>, hint: Option<String>) {
        self.0.push(Problem { place: None, message: message.into(), hint, caret: None });
    }

    /// Nothing wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(message: &str, caret: Option<(&str, usize)>, hint: Option<&str>) -> String {
        let problem = Problem {
            place: Some(Place { file: "c.toml".into(), line: 3, col: 9 }),
            message: message.into(),
            hint: hint.map(Into::into),
            caret: caret.map(|(text, spot)| (text.into(), spot)),
        };
        problem.to_string()
    }

    #[test]
    fn a_problem_shows_its_place_its_spot_and_what_to_write() {
        assert_eq!(
            shown("no such key", Some(("tcp:x?prot=1", 6)), Some("write\nport = 1")),
            "c.toml:3:9: no such key\n  tcp:x?prot=1\n        ^\n  hint: write\n        port = 1"
        );
        assert_eq!(Place::command_line(7).to_string(), "command line");
        assert_eq!(Place::file(Path::new("/etc/x")).to_string(), "/etc/x");
    }

    #[test]
    fn a_long_text_is_cut_around_the_spot_and_the_caret_stays_under_it() {
        let text: String = ('a'..='z').cycle().take(500).collect();
        for spot in [0, 10, 250, 499] {
            let (window, at) = window(&text, spot);
            assert!(window.chars().count() <= 76);
            assert_eq!(window.chars().nth(at), text.chars().nth(spot), "{spot}");
        }
    }

    #[test]
    fn a_long_hint_is_folded_and_what_is_to_be_typed_is_not() {
        let list = vec!["postgres"; 20].join(", ");
        let text = shown("no such name", None, Some(&format!("there are {list}")));
        assert!(text.lines().all(|line| line.len() <= 80) && text.lines().count() > 3, "{text}");
        assert_eq!(text.matches("postgres").count(), 20);
        let typed = shown("no such name", None, Some(&format!("write `{list}`")));
        assert_eq!(typed.lines().count(), 2);
    }

    #[test]
    fn hostile_names_do_not_reach_the_terminal() {
        let text = shown("no key `\u{1b}[2J\n`", Some(("tcp:\u{1b}x", 5)), None);
        assert!(!text.contains('\u{1b}') && text.lines().count() == 3, "{text}");
    }
}
