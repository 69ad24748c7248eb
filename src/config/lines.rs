//! From a byte in a text to its line and column. Reads the text once, however many places are asked for.

use std::sync::Arc;

use crate::model::place::Place;

/// A text of the config with the start of each of its lines.
pub(super) struct Lines<'t> {
    file: Arc<str>,
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Of the file shown as `file`. A byte order mark, which some editors leave, is no part of the text.
    pub(super) fn new(file: &str, text: &'t str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { file: file.into(), text, starts: starts.collect() }
    }

    /// The text, byte order mark left out.
    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// How the file is shown.
    pub(super) fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// The place of the character at `byte`; past the end is the end.
    pub(super) fn place(&self, byte: usize) -> Place {
        let byte = self.text.floor_char_boundary(byte);
        let line = self.starts.partition_point(|start| *start <= byte);
        let col = self.text[self.starts[line - 1]..byte].chars().count() + 1;
        Place { file: Arc::clone(&self.file), line: small(line), col: small(col) }
    }

    /// The line that `byte` is on, without its end.
    pub(super) fn line_at(&self, byte: usize) -> &'t str {
        let byte = byte.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= byte);
        let rest = &self.text[self.starts[line - 1]..];
        rest.split(['\r', '\n']).next().unwrap_or_default()
    }

    /// What stands at `place`, to the end of the text.
    pub(super) fn rest_at(&self, place: &Place) -> &'t str {
        let before = |count: u32| (count as usize).checked_sub(1);
        let found = before(place.line).zip(before(place.col)).and_then(|(line, col)| {
            let line = &self.text[*self.starts.get(line)?..];
            line.char_indices().nth(col).map(|(at, _)| &line[at..])
        });
        found.unwrap_or_default()
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_a_byte_order_mark_is_none() {
        let lines = Lines::new("c", "\u{feff}a = 'ü'\r\n\nbé = 1");
        for (needle, want) in [("a", (1, 1)), ("'ü", (1, 5)), ("bé", (3, 1)), ("= 1", (3, 4))] {
            let place = lines.place(lines.text().find(needle).unwrap());
            assert_eq!((place.line, place.col), want, "{needle}");
            assert!(lines.rest_at(&place).starts_with(needle), "{needle}");
        }
        let end = lines.place(usize::MAX);
        assert_eq!((end.line, end.col), (3, 7));
        assert_eq!(lines.line_at(4), "a = 'ü'");
    }
}
