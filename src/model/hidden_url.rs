//! Takes the secret parts of a URL out of a text, however the other side repeats them: whole or cut, percent-encoded, with
//! the escapes of JSON, in another case. The host stays, without a login: it helps, and opens nothing. Rather hides a
//! word too many.

use crate::model::secret::is_secret;

/// What stands in the place of a secret.
const HIDDEN: &str = "***";
/// So many bytes in a row of what looks like a token are enough to be hidden.
const RUN: usize = 6;
/// Shorter than this a part is a secret only when it looks like a token, and shorter than `SHORTEST` never.
const LONG: usize = 8;
const SHORTEST: usize = 4;
/// Encoded twice and thrice is seen through, no more.
const LAYERS: usize = 3;

/// A part that must not be seen: lower case, decoded.
struct Part {
    bytes: Vec<u8>,
    /// So many of its bytes in a row are hidden.
    run: usize,
}

/// `text` without anything that tells the secret parts of `url`; what is no URL is one secret.
pub(super) fn hide(url: &str, text: &str) -> String {
    let parts = parts(url);
    let read = decoded(text);
    let mut hidden = vec![false; text.len()];
    for part in &parts {
        for at in 0..read.len() {
            for (offset, first) in part.bytes.iter().enumerate() {
                // A run is looked at from its beginning.
                let inside = offset > 0 && at > 0 && part.bytes[offset - 1] == read[at - 1].0;
                if *first != read[at].0 || inside {
                    continue;
                }
                let pairs = part.bytes[offset..].iter().zip(&read[at..]);
                let run = pairs.take_while(|(ours, theirs)| **ours == theirs.0).count();
                if run >= part.run {
                    let (start, end) = (read[at].1, read[at + run - 1].2);
                    hidden[start..end].fill(true);
                }
            }
        }
    }
    shown(text, &hidden)
}

/// What of a URL opens something: the login, and what is long or mixed enough among the segments of its path, the values
/// of its query, and its fragment.
fn parts(url: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut push = |text: &str, run: Option<usize>| {
        let bytes: Vec<u8> = decoded(text).into_iter().map(|(byte, ..)| byte).collect();
        if !bytes.is_empty() {
            let run = run.map_or(bytes.len(), |run| run.min(bytes.len()));
            parts.push(Part { bytes, run });
        }
    };
    if url.len() >= SHORTEST {
        push(url, None);
    }
    let Some((_, rest)) = url.split_once("://") else {
        if url.len() >= LONG {
            push(url, Some(LONG));
        }
        return parts;
    };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if let Some((login, _)) = host.rsplit_once('@') {
        push(login, None);
        for word in login.split(':').filter(|word| word.len() >= SHORTEST) {
            push(word, is_token(word).then_some(RUN));
        }
    }
    if path.len() >= SHORTEST {
        push(path, None);
    }
    for piece in path.split(['/', '?', '&', '#', ';']) {
        // A `=` may also be the end of a token.
        let (name, value) = match piece.split_once('=') {
            Some((name, value)) if !value.trim_matches('=').is_empty() => (name, value),
            _ => ("", piece),
        };
        if is_token(value) {
            push(value, Some(RUN));
        } else if value.len() >= LONG || is_secret(name) {
            push(value, None);
        }
    }
    parts
}

/// Whether it is more than a word that anybody might use.
fn is_token(text: &str) -> bool {
    let mixed = |byte: u8| !byte.is_ascii_lowercase() && !b"-_.".contains(&byte);
    text.len() >= 2 * LONG || text.len() >= SHORTEST && text.bytes().any(mixed)
}

/// The bytes that a text means, in lower case, and from where to where each stands in it.
fn decoded(text: &str) -> Vec<(u8, usize, usize)> {
    let plain = text.bytes().enumerate();
    let mut read: Vec<_> =
        plain.map(|(at, byte)| (byte.to_ascii_lowercase(), at, at + 1)).collect();
    for _ in 0..LAYERS {
        let mut next = Vec::with_capacity(read.len());
        let mut at = 0;
        while at < read.len() {
            let (byte, length) = meant(&read[at..]);
            next.push((byte.to_ascii_lowercase(), read[at].1, read[at + length - 1].2));
            at += length;
        }
        if next.len() == read.len() {
            break;
        }
        read = next;
    }
    read
}

/// What stands at the beginning, and how many bytes it takes.
fn meant(rest: &[(u8, usize, usize)]) -> (u8, usize) {
    let byte = |at: usize| rest.get(at).map(|(byte, ..)| *byte);
    let hex = |at: usize| byte(at).and_then(|byte| char::from(byte).to_digit(16));
    let two = |at: usize| {
        let value = hex(at)? * 16 + hex(at + 1)?;
        u8::try_from(value).ok()
    };
    match (byte(0), byte(1)) {
        (Some(b'%'), _) => two(1).map_or((b'%', 1), |byte| (byte, 3)),
        (Some(b'\\'), Some(b'u')) if (byte(2), byte(3)) == (Some(b'0'), Some(b'0')) => {
            two(4).map_or((b'\\', 1), |byte| (byte, 6))
        }
        (Some(b'\\'), Some(escaped @ (b'/' | b'"' | b'\\'))) => (escaped, 2),
        (first, _) => (first.unwrap_or_default(), 1),
    }
}

/// The text with a mark for each stretch that is hidden, which may only grow to whole characters.
fn shown(text: &str, hidden: &[bool]) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut behind = false;
    for (at, character) in text.char_indices() {
        let hide = hidden[at..at + character.len_utf8()].contains(&true);
        if !hide {
            clean.push(character);
        } else if !behind {
            clean.push_str(HIDDEN);
        }
        behind = hide;
    }
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_tells_nothing_stays() {
        let url = "https://me:pass1@hooks.example/services/T00/B00/s3cretWord?create=1&status=up";
        for text in [
            "hooks.example: connection refused",
            "HTTP 404: no_service",
            "HTTP 400: status is not up",
            "100% \\u00 %zz \\",
            "ü",
            "",
        ] {
            assert_eq!(hide(url, text), text);
        }
        assert_eq!(hide(url, &format!("cannot reach {url}: no")), "cannot reach ***: no");
        assert_eq!(hide("hunter2", "535 hunter2 refused"), "535 *** refused");
        assert_eq!(hide("", "abc"), "abc");
    }

    #[test]
    fn every_part_goes_however_it_is_written() {
        let url = "https://me:pa%40ss1@hc.example/ping/0b2c8a64-uuid/?create=1&token=abc&k=a/b+c==";
        for (text, want) in [
            (
                "lookup of HC.EXAMPLE for /ping/0b2c8a64-uuid/ failed",
                "lookup of HC.EXAMPLE for /ping/***/ failed",
            ),
            ("bad segment 0B2C8A64-UUID", "bad segment ***"),
            ("bad segment 0b2c8a...", "bad segment ***..."),
            ("...8a64-uuid", "...***"),
            ("%30b2c8a64%2duuid", "***"),
            ("0b2c8a64%252Duuid", "***"),
            (r"\u0030b2c8a64-uuid", "***"),
            ("of me:pa@ss1", "of ***"),
            ("pa@ss1, pa%40ss1, pa%2540ss1", "***, ***, ***"),
            ("token=abc", "token=***"),
        ] {
            assert_eq!(hide(url, text), want, "{text}");
        }
        let slack = "https://hooks.example/services/T0A/B0C/x1y2z3w4";
        assert_eq!(
            hide(slack, r#"{"path":"\/services\/T0A\/B0C\/x1y2z3w4"}"#),
            r#"{"path":"***"}"#
        );
    }

    /// How the other side may write what it was asked.
    fn repeated(how: usize, url: &str) -> String {
        let hex = |mark: &'static str| {
            url.bytes().map(|byte| format!("{mark}{byte:02X}")).collect::<String>()
        };
        match how {
            0 => url.to_owned(),
            1 => url.to_uppercase(),
            2 => hex("%"),
            3 => hex("%25"),
            4 => hex("\\u00"),
            5 => url.replace('/', "\\/").replace('-', "%2d"),
            _ => format!("{url:?}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_part_survives(
            login in "[a-z]{4,9}", pass in "[A-Za-z0-9!]{6,20}", token in "[0-9][A-Za-z0-9_-]{7,40}",
            value in "[0-9][a-zA-Z0-9]{7,30}", how in 0..7usize, cut in (0..200usize, 0..200usize),
            before in "[ :.]{0,9}", after in "[ :.]{0,9}",
        ) {
            let url = format!("https://{login}:{pass}@Host.Example/ping/{token}/x?create=1&key={value}");
            let url_said = repeated(how, &url);
            let start = url_said.floor_char_boundary(cut.0.min(url_said.len()));
            let end = url_said.floor_char_boundary((start + cut.1).min(url_said.len()));
            for said in [&url_said[..], &url_said[start..end]] {
                let clean = hide(&url, &format!("{before}{said}{after}"));
                let read: Vec<u8> = decoded(&clean).into_iter().map(|(byte, ..)| byte).collect();
                for secret in [&token, &value] {
                    let lower = secret.to_lowercase();
                    let seen = lower.as_bytes().windows(RUN).any(|run| {
                        read.windows(RUN).any(|there| there == run)
                    });
                    prop_assert!(!seen, "{} of {}: {}", secret, said, clean);
                }
                for secret in [&pass, &token, &value] {
                    let lower = secret.to_lowercase();
                    prop_assert!(!read.windows(lower.len()).any(|it| it == lower.as_bytes()), "{}", clean);
                }
            }
            prop_assert_eq!(hide(&url, "host.example: refused"), "host.example: refused");
        }

        #[test]
        fn any_text_is_left_whole_but_for_marks(url in any::<String>(), text in any::<String>()) {
            let clean = hide(&url, &text);
            prop_assert!(clean.len() <= text.len() + 3 * text.len());
            if clean != text {
                prop_assert!(clean.contains(HIDDEN));
            }
        }
    }
}
