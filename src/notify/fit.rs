//! Text made to fit a channel's limit, in the channel's own way of counting. What is left out is said; no
//! character is cut in two.

use crate::model::story::Story;

/// What a character counts where UTF-16 is counted.
pub(super) fn utf16(c: char) -> usize {
    c.len_utf16()
}

/// `text`, or as much of it as `limit` allows with a line that says where the rest is; `cost` is what a character
/// counts once it is escaped. It is cut at the end of a line if there is one in the second half.
pub(super) fn cut(text: &str, limit: usize, cost: impl Fn(char) -> usize, rest: &str) -> String {
    let measure = |text: &str| text.chars().map(&cost).sum::<usize>();
    if measure(text) <= limit {
        return text.to_owned();
    }
    let note = format!("\n[cut here; {rest}]");
    let (room, note) = match limit.checked_sub(measure(&note)) {
        Some(room) => (room, note.as_str()),
        None => (limit, ""),
    };
    let (mut used, mut end) = (0, 0);
    for (at, c) in text.char_indices() {
        used += cost(c);
        if used > room {
            break;
        }
        end = at + c.len_utf8();
    }
    let line = text[..end].rfind('\n').filter(|line| *line > end / 2);
    format!("{}{note}", text[..line.unwrap_or(end)].trim_end())
}

/// Where all of it can be read: on the host.
pub(super) fn rest(stories: &[&Story]) -> String {
    let host = stories.first().map_or("the host", |story| &story.host);
    match stories {
        [story] if !story.service.is_empty() => {
            format!("all of it on {host}: miraclemax status {}", story.service)
        }
        _ => format!("all of it on {host}: miraclemax status"),
    }
}

/// A subject without the mark (✅, ❌ …) that it begins with.
pub(super) fn unmarked(subject: &str) -> &str {
    match subject.split_once(' ') {
        Some((mark, rest)) if !mark.chars().any(char::is_alphanumeric) => rest.trim_start(),
        _ => subject,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_whole_and_what_does_not_is_cut_in_words() {
        assert_eq!(cut("abc", 3, utf16, "x"), "abc");
        let long = format!("{}\n{}", "a".repeat(60), "b".repeat(60));
        assert_eq!(cut(&long, 100, utf16, "x"), format!("{}\n[cut here; x]", "a".repeat(60)));
        let line = "b".repeat(200);
        assert_eq!(cut(&line, 50, utf16, "x"), format!("{}\n[cut here; x]", "b".repeat(36)));
    }

    #[test]
    fn the_mark_before_a_subject_goes_and_a_name_stays() {
        for (subject, want) in [
            ("❌ Shop: web - FAILED", "Shop: web - FAILED"),
            ("⚠️ Über: web - DOWN", "Über: web - DOWN"),
            ("Über: web", "Über: web"),
            ("x", "x"),
        ] {
            assert_eq!(unmarked(subject), want);
        }
    }
}

#[cfg(test)]
proptest::proptest! {
    #[test]
    fn nothing_is_ever_longer_than_its_limit(text in "\\PC{0,200}", limit in 0usize..120) {
        let escaped = |c: char| if c == '&' { 5 } else { c.len_utf16() };
        let short = cut(&text, limit, escaped, "all of it there");
        proptest::prop_assert!(short.chars().map(escaped).sum::<usize>() <= limit, "{}", short);
    }
}
