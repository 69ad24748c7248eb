//! Text for a telephone: what happened in a sentence, in the alphabet that makes the shortest messages, cut to two.
//! GSM 03.38 has 7 bits a character; with any other character in it a message is UCS-2, and less than half as long.

use crate::model::letter::Outgoing;
use crate::model::story::Change;
use crate::model::text::human_duration;
use crate::notify::fit;
use crate::notify::words::Own;

/// Characters of the alphabet besides ASCII letters and digits.
const BASIC: &str = "@£$¥èéùìòÇ\n\rØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑܧ¿äöñüà";
/// Those that count twice.
const EXTENDED: &str = "^{}\\[~]|€";
/// What two messages hold: 153 septets each, or 67 units; one less, as no character is parted between them.
const TWO: usize = 305;
const TWO_UCS2: usize = 133;

/// The sentence, or the channel's own words, at most two messages long.
pub(super) fn text(out: &Outgoing<'_>, own: Own) -> String {
    let title = fit::unmarked(&out.letter.subject);
    let text = match out.stories {
        _ if own.text => out.letter.body.trim_end().to_owned(),
        _ if own.subject => out.letter.subject.clone(),
        [story] if matches!(story.change, Change::Resolved | Change::Unwatched) => {
            format!("{title} after {}", human_duration(story.lasted))
        }
        [story] if !story.reason.is_empty() => format!("{title}: {}", story.reason),
        [_] | [] => title.to_owned(),
        stories => {
            let names: Vec<&str> = stories.iter().map(|story| story.about()).collect();
            format!("{title}: {}", names.join(", "))
        }
    };
    let text = plain(&text);
    let rest = "see the host";
    if text.chars().all(|c| septets(c).is_some()) {
        fit::cut(&text, TWO, |c| septets(c).unwrap_or(2), rest)
    } else {
        fit::cut(&text, TWO_UCS2, fit::utf16, rest)
    }
}

/// With what stands for the quotes and dashes that the alphabet lacks.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '`' | '‘' | '’' => out.push('\''),
            '“' | '”' => out.push('"'),
            '–' | '—' => out.push('-'),
            '…' => out.push_str("..."),
            '\t' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// What a character counts in the alphabet, if it is in it.
fn septets(c: char) -> Option<usize> {
    match c {
        _ if c.is_ascii_alphanumeric() || BASIC.contains(c) => Some(1),
        _ if EXTENDED.contains(c) => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::letter::Letter;
    use crate::model::story::Story;
    use crate::notify::tests::story;
    use std::time::Duration;

    fn of(subject: &str, stories: &[&Story]) -> String {
        let letter = Letter { subject: subject.into(), body: String::new(), thread: String::new() };
        let out =
            Outgoing { letter: &letter, id: "", stories, holds: Duration::ZERO, reply_to: None };
        text(&out, Own::default())
    }

    #[test]
    fn a_sentence_has_no_character_that_makes_it_longer() {
        let failed = story(Change::Failed, "web", true);
        let failed = Story { reason: "`nginx` exited – status 1…".into(), ..failed };
        let want = "Shop: web - FAILED: 'nginx' exited - status 1...";
        assert_eq!(of("❌ Shop: web - FAILED", &[&failed]), want);
        let up = story(Change::Resolved, "web", true);
        let up = Story { lasted: Duration::from_secs(125), ..up };
        assert_eq!(of("✅ Shop: web - RESOLVED", &[&up]), "Shop: web - RESOLVED after 2m 5s");
        let all = [&failed, &up, &story(Change::Down, "db", true)];
        assert_eq!(of("❌ Shop: 3 services", &all), "Shop: 3 services: web, web, db");
    }

    #[test]
    fn two_messages_are_never_exceeded_in_either_alphabet() {
        for (reason, most) in
            [("x".repeat(900), 305), ("{".repeat(900), 305), ("ж".repeat(900), 133)]
        {
            let story = Story { reason, ..story(Change::Failed, "web", true) };
            let text = of("❌ Shop: web - FAILED", &[&story]);
            let count = if most == 305 {
                text.chars().map(|c| septets(c).unwrap()).sum::<usize>()
            } else {
                text.encode_utf16().count()
            };
            assert!(count <= most && count + 3 > most, "{count}: {text}");
            assert!(text.ends_with("[cut here; see the host]"), "{text}");
        }
    }
}
