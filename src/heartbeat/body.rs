//! Cuts a ping's text to what a service keeps. Services keep the beginning and errors stand at the end, so
//! the end is what is sent.

use std::borrow::Cow;

/// `text` in at most `limit` bytes: whole, or a notice and its end, cut between characters.
pub(super) fn fit(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let notice = format!("[only the end of {} bytes]\n", text.len());
    match limit.checked_sub(notice.len()) {
        Some(room) => Cow::Owned(notice + end(text, room)),
        None => Cow::Borrowed(end(text, limit)),
    }
}

fn end(text: &str, room: usize) -> &str {
    let from =
        (text.len() - room.min(text.len())..=text.len()).find(|at| text.is_char_boundary(*at));
    from.map_or("", |from| &text[from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_survives_under_a_notice_and_no_character_is_torn() {
        let text = format!("{}end", "ä€😀".repeat(100));
        for limit in 0..text.len() {
            let cut = fit(&text, limit);
            assert!(cut.len() <= limit, "{} for {limit}", cut.len());
            let kept = cut.strip_prefix("[only the end of 903 bytes]\n").unwrap_or(&cut);
            assert!(text.ends_with(kept), "{limit}: {cut}");
            assert!(limit < 40 || (cut.starts_with('[') && cut.ends_with("end")), "{limit}: {cut}");
            assert!(limit < 40 || cut.len() > limit - 4, "{limit}: {} is too little", cut.len());
        }
        assert_eq!(fit(&text, text.len()), text);
    }
}
