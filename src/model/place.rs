//! Where in a text something stands, and what is wrong there. Problems are collected, never thrown one by one.

use std::fmt;
use std::sync::Arc;

/// A spot in a config file or on the command line, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path, or `command line`.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub col: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.col)
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

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some((text, spot)) = &self.caret {
            write!(f, "\n  {text}\n  {:spot$}^", "")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
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
