//! Who is not reached, at the end of the letters that others get: a channel that takes nothing cannot say so itself.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::letter::Letter;
use crate::model::text::{one_line, plural};
use crate::report::email::section::Page;
use crate::report::wrap::wrap;

/// The most channels that are named.
const MOST: usize = 6;
/// The most that is shown of why, in characters.
const LONGEST: usize = 300;

/// A channel that takes no letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// Its name.
    pub channel: String,
    /// Since when, by the clock as it is now.
    pub since: Timestamp,
    /// How many letters wait for it.
    pub waiting: usize,
    /// What it said last; no secrets in it.
    pub why: String,
}

impl Unreached {
    /// `telegram:-1001 since 2026-01-02 02:10 +01:00 (3 letters wait): 401 Unauthorized`, in one safe line.
    pub fn words(&self, zone: &TimeZone) -> String {
        let (channel, why) = (one_line(&self.channel, 80), one_line(&self.why, LONGEST));
        let waits = self.waits().map(|waits| format!(" ({waits})")).unwrap_or_default();
        format!("{channel} since {}{waits}: {why}", self.at(zone))
    }

    /// `none since 2026-01-02 02:10 +01:00, 3 letters wait`.
    pub fn since_words(&self, zone: &TimeZone) -> String {
        let waits = self.waits().map(|waits| format!(", {waits}")).unwrap_or_default();
        format!("none since {}{waits}", self.at(zone))
    }

    fn at(&self, zone: &TimeZone) -> String {
        self.since.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %:z").to_string()
    }

    fn waits(&self) -> Option<String> {
        match self.waiting {
            0 => None,
            1 => Some("1 letter waits".into()),
            many => Some(format!("{} wait", plural(many, "letter"))),
        }
    }
}

/// Adds a short paragraph to the end of a letter.
pub fn mention(letter: &mut Letter, unreached: &[Unreached], zone: &TimeZone) {
    if unreached.is_empty() {
        return;
    }
    letter.body.push('\n');
    for one in unreached.iter().take(MOST) {
        letter.body.push_str(&wrap("NOT REACHED: ", "  ", &one.words(zone)));
    }
    if unreached.len() > MOST {
        let mut page = Page::new(zone);
        page.line(&format!("NOT REACHED either: {} more", unreached.len() - MOST));
        letter.body.push_str(&page.text());
    }
}
