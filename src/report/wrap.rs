//! Lines for letters and screens: wrapped at words, with a hanging indent. Knows nothing of what they say.

/// The longest line that [`wrap`] makes, in characters: under 78 as RFC 5322, 2.1.1 asks, and no
/// more than a line of quoted-printable holds (RFC 2045, 6.7).
pub(super) const WIDTH: usize = 76;

/// `text` with `first` before its first line and `rest` before the others, each ended by a line feed.
/// A word that fits on no line is cut. The indents must be shorter than a line.
pub(super) fn wrap(first: &str, rest: &str, text: &str) -> String {
    wrap_to(WIDTH, first, rest, text)
}

/// [`wrap`] to another width, in characters.
pub(super) fn wrap_to(width: usize, first: &str, rest: &str, text: &str) -> String {
    let mut out = String::from(first);
    let (mut used, mut fresh) = (first.chars().count(), true);
    let indent = rest.chars().count();
    for word in text.split_whitespace() {
        let mut word = word;
        let mut long = word.chars().count();
        if !fresh && used + 1 + long > width {
            newline(&mut out, rest);
            (used, fresh) = (indent, true);
        }
        if !fresh {
            out.push(' ');
            used += 1;
        }
        while used + long > width {
            let room = width.saturating_sub(used).max(1);
            let at = word.char_indices().nth(room).map_or(word.len(), |(at, _)| at);
            let (head, tail) = word.split_at(at);
            out.push_str(head);
            newline(&mut out, rest);
            (word, used) = (tail, indent);
            long = word.chars().count();
        }
        out.push_str(word);
        used += long;
        fresh = false;
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn newline(out: &mut String, indent: &str) {
    out.push('\n');
    out.push_str(indent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_hang() {
        let text = "word ".repeat(30);
        let wrapped = wrap("1. ", "   ", &text);
        let lines: Vec<&str> = wrapped.lines().collect();
        assert!(lines.len() > 1 && lines[0].starts_with("1. word"), "{wrapped}");
        assert!(lines[1..].iter().all(|line| line.starts_with("   word")), "{wrapped}");
        assert_eq!(wrapped.split_whitespace().filter(|word| *word == "word").count(), 30);
    }

    #[test]
    fn no_line_is_longer_than_the_width_whatever_stands_in_it() {
        for text in ["x".repeat(500), format!("a {} b", "é".repeat(200)), "a b ".repeat(100)] {
            let wrapped = wrap("  | ", "      ", &text);
            let longest = wrapped.lines().map(|line| line.chars().count()).max();
            assert!(longest.is_some_and(|longest| longest <= WIDTH), "{wrapped}");
            let kept: String = wrapped.chars().filter(|c| c.is_alphanumeric()).collect();
            assert_eq!(kept, text.replace(' ', ""));
        }
    }

    #[test]
    fn an_empty_text_leaves_no_white_space_behind() {
        assert_eq!(wrap("Port: ", "  ", ""), "Port:\n");
    }
}
