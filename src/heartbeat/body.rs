//! Cuts a ping's text to what a service keeps. Services keep the beginning and errors stand at the end, so
//! the end is what is sent; or one line, where a line is all that is shown.

use std::borrow::Cow;

use crate::heartbeat::{Ping, Signal};
use crate::model::text::one_line;

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

/// The one line that says most, cut after `limit` characters: of a job its last, which tells how it ended, else
/// the first. A ping without a text gives its signal.
pub(super) fn gist(ping: &Ping<'_>, limit: usize) -> String {
    let mut lines = ping.body.lines().filter(|line| !line.trim().is_empty());
    let line = match ping.signal {
        Signal::ExitCode(_) => lines.next_back(),
        Signal::Success | Signal::Start | Signal::Fail | Signal::Log => lines.next(),
    };
    one_line(line.unwrap_or(&ping.signal.word()), limit)
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

    #[test]
    fn the_gist_is_the_first_line_or_how_a_job_ended() {
        let text = "\nALL_OK services:4\nlast cycle: 40s ago\n";
        assert_eq!(gist(&Ping::new(Signal::Success, text), 99), "ALL_OK services:4");
        assert_eq!(gist(&Ping::new(Signal::ExitCode(3), text), 99), "last cycle: 40s ago");
        assert_eq!(gist(&Ping::new(Signal::ExitCode(3), ""), 99), "exit 3");
        let long = "x".repeat(500);
        assert_eq!(gist(&Ping::new(Signal::Fail, &long), 50), one_line(&long, 50));
    }
}
