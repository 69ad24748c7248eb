//! Tables and paragraphs for people: worst first is the caller's order, 80 columns are kept here. Prints
//! nothing itself.

use crate::report::screen::{Paint, Screen};
use crate::report::wrap::wrap_to;

/// Lines are kept within this many columns.
pub const WIDTH: usize = 80;

/// One line of a table: a word, a name and what there is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `DOWN`, `up` …
    pub word: String,
    /// Its colour.
    pub paint: Paint,
    /// What it is about.
    pub name: String,
    /// Sentences, each on lines of its own; the first beside the name.
    pub details: Vec<String>,
}

/// The rows in two aligned columns and a wrapped third.
pub fn table(rows: &[Row], screen: &Screen) -> String {
    let longest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let words = longest(&mut rows.iter().map(|row| row.word.chars().count()));
    let names = longest(&mut rows.iter().map(|row| row.name.chars().count())).min(30);
    let indent = words + 2 + names + 2;
    let mut out = String::new();
    for row in rows {
        let pad = " ".repeat(words - row.word.chars().count());
        let head = format!("{}{pad}  {:<names$}", screen.paint(row.paint, &row.word), row.name);
        let mut lines =
            row.details.iter().flat_map(|detail| wrap(detail, WIDTH.saturating_sub(indent)));
        match lines.next() {
            Some(first) if row.name.chars().count() > names => {
                out.push_str(&format!("{head}\n{:indent$}{first}\n", ""));
            }
            Some(first) => out.push_str(&format!("{head}  {first}\n")),
            None => out.push_str(&format!("{}\n", head.trim_end())),
        }
        for line in lines {
            out.push_str(&format!("{:indent$}{line}\n", ""));
        }
    }
    out
}

/// `text` in lines of at most `width` columns, 20 at least; one empty line for no text.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    wrap_to(width.max(20), "", "", text).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::screen::Colour;

    #[test]
    fn a_table_is_aligned_and_fits() {
        let screen = Screen::new(Colour::Never, false, false, None, |_| None);
        let row = |word: &str, name: &str, details: &[&str]| Row {
            word: word.into(),
            paint: Paint::Good,
            name: name.into(),
            details: details.iter().map(ToString::to_string).collect(),
        };
        let long =
            "a reason that is so long that it has to be continued on a second line of its own";
        let text =
            table(&[row("DOWN", "web", &[long, "second"]), row("up", "postgres", &[])], &screen);
        let want = "\
DOWN  web       a reason that is so long that it has to be continued on a second
                line of its own
                second
up    postgres
";
        assert_eq!(text, want);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn words_longer_than_a_line_are_broken() {
        assert_eq!(wrap(&"x".repeat(50), 20), ["x".repeat(20), "x".repeat(20), "x".repeat(10)]);
        assert_eq!(wrap("", 20), [""]);
    }
}
