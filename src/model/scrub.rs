//! Secrets in text from outside, by their shape: taken out before anything of it is kept, mailed or written to the
//! journal. Rather hides a word too many than shows a password; never makes a text longer by more than its marks.

mod named;
mod shapes;

use std::borrow::Cow;

pub use named::{scrubbed, scrubbed_config, scrubbed_lines};

use crate::model::text::one_line;

/// What stands in the place of a secret.
const HIDDEN: &str = "***";
/// What is looked at of one text, in bytes: what lies behind is cut off, not let through.
const LONGEST: usize = 64 * 1024;
/// Base64 in a key's file is cut into lines of 64 characters; the last one may be short.
const SHORTEST_OF_A_KEY: usize = 16;

/// `text` without what looks like a secret.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    let mut clean = Cow::Borrowed(text);
    // Most texts hold none of the signs, and are then neither copied nor searched.
    let signs = text.to_ascii_lowercase();
    for shape in &shapes::ALL {
        if shape.may_be_in(&signs)
            && let Cow::Owned(without) = shape.hide(&clean)
        {
            clean = Cow::Owned(without);
        }
    }
    clean
}

/// `text` without what looks like a secret, in place.
pub fn scrub_in_place(text: &mut String) {
    if let Cow::Owned(clean) = scrub(text) {
        *text = clean;
    } else {
        text.truncate(text.floor_char_boundary(LONGEST));
    }
}

/// Lines of a log, each made safe for one line and cut to `limit` characters, without what looks like a secret; private
/// keys over several lines, too.
pub fn lines<'t>(lines: impl IntoIterator<Item = &'t str>, limit: usize) -> Vec<String> {
    let lines: Vec<&str> = lines.into_iter().collect();
    let key = of_a_key(&lines);
    let clean = |(line, key): (&&str, bool)| {
        if key { HIDDEN.to_owned() } else { one_line(&scrub(line), limit) }
    };
    lines.iter().zip(key).map(clean).collect()
}

/// Which lines are inside a private key, of which perhaps only the beginning or the end is there.
fn of_a_key(lines: &[&str]) -> Vec<bool> {
    let mut inside = vec![false; lines.len()];
    for (at, line) in lines.iter().enumerate() {
        if !line.contains("PRIVATE KEY-----") {
            continue;
        }
        let behind = line.rfind("-----BEGIN") > line.rfind("-----END");
        let others: &mut dyn Iterator<Item = usize> =
            if behind { &mut (at + 1..lines.len()) } else { &mut (0..at).rev() };
        for other in others.take_while(|other| is_base64(lines[*other])) {
            inside[other] = true;
        }
    }
    inside
}

/// Whether its last word, behind what a log puts before it, may be a line of a key.
fn is_base64(line: &str) -> bool {
    let word = line.split_whitespace().next_back().unwrap_or_default();
    let of_base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    let last_of_it = word.ends_with('=') && word.len() >= 2;
    (word.len() >= SHORTEST_OF_A_KEY || last_of_it) && word.bytes().all(of_base64)
}

#[cfg(test)]
mod tests;
