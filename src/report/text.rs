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
        let mut lines = row.details.iter().flat_map(|detail| lines(detail, indent));
        match lines.next() {
            Some((at, first)) if row.name.chars().count() > names => {
                out.push_str(&format!("{head}\n{:at$}{first}\n", ""));
            }
            Some((_, first)) => out.push_str(&format!("{head}  {first}\n")),
            None => out.push_str(&format!("{}\n", head.trim_end())),
        }
        for (at, line) in lines {
            out.push_str(&format!("{:at$}{line}\n", ""));
        }
    }
    out
}

/// The lines of a detail, each with its indent. What a hint gives to type, between backquotes, is never broken, so that it
/// can be pasted: where it does not fit it has a line of its own, as far to the left as it needs.
fn lines(detail: &str, indent: usize) -> Vec<(usize, String)> {
    let room = WIDTH.saturating_sub(indent);
    let at_indent = |text: &str| wrap(text, room).into_iter().map(|line| (indent, line));
    if !detail.starts_with("hint: ") {
        return at_indent(detail).collect();
    }
    let mut out = Vec::new();
    let mut rest = String::new();
    for (index, piece) in detail.split('`').enumerate() {
        if index % 2 == 0 {
            rest.push_str(piece);
            continue;
        }
        let long = piece.chars().count() + 2;
        let used = wrap(&rest, room).last().map_or(0, |last| last.chars().count() + 1);
        if used + long <= room || !piece.contains(' ') {
            rest.push_str(&format!("`{piece}`"));
            continue;
        }
        if !begun(&rest).is_empty() {
            out.extend(at_indent(begun(&rest)));
        }
        out.push((indent.min(WIDTH.saturating_sub(long)), format!("`{piece}`")));
        rest.clear();
    }
    if !begun(&rest).is_empty() {
        out.extend(at_indent(begun(&rest)));
    }
    out
}

/// Without the stop that stood behind what has a line of its own now.
fn begun(text: &str) -> &str {
    text.trim_start_matches([',', ';', '.', ' '])
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
    fn what_a_hint_gives_to_type_is_never_broken() {
        let command =
            "`echo '* * * * * root /usr/local/bin/miraclemax heal -q' >>/etc/cron.d/miraclemax`";
        let hint = format!("hint: {command}; or `ls x`, with some more words behind it that go on");
        let all = lines(&hint, 30);
        assert_eq!(all[0], (30, "hint:".into()));
        assert_eq!(all[1], (0, command.into()), "as far to the left as it needs");
        assert_eq!(all[2], (30, "or `ls x`, with some more words behind it that go".into()));
        assert_eq!(lines("hint: `a b`", 30), [(30, "hint: `a b`".into())]);
        assert_eq!(lines(&format!("hint: {command}; {command}"), 30).len(), 3);
        let edge = format!("hint: {} `a b`", "x".repeat(40));
        let all = lines(&edge, 30);
        assert_eq!(all[1], (30, "`a b`".into()), "{all:?}");
    }

    #[test]
    fn words_longer_than_a_line_are_broken() {
        assert_eq!(wrap(&"x".repeat(50), 20), ["x".repeat(20), "x".repeat(20), "x".repeat(10)]);
        assert_eq!(wrap("", 20), [""]);
    }
}
