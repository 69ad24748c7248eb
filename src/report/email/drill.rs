//! The letters of a drill, marked as such: that it went well as far as to this letter, or that it failed.

use crate::model::story::{Change, Story};
use crate::model::text::human_duration;
use crate::report::email::section::{self, Page};

pub(super) fn subject(story: &Story, name: &str, host: &str) -> String {
    if story.change == Change::Failed {
        format!("❌ DRILL FAILED: {name}: {host}")
    } else {
        format!("✅ DRILL: {name}: {host} - HEALED")
    }
}

pub(super) fn letter(page: &mut Page, story: &Story) {
    if story.change == Change::Failed {
        failed(page, story);
    } else {
        healed(page, story);
    }
}

fn head(page: &mut Page, story: &Story) {
    page.blank();
    page.line(&format!("Host: {}", story.host));
    page.line(&format!("Time: {}", page.time(story.at)));
    page.blank();
}

fn healed(page: &mut Page, story: &Story) {
    page.line(
        "✅ DRILL: nothing is wrong. A service made for the purpose was broken and healed; that this letter has \
         arrived proves that you are told.",
    );
    head(page, story);
    page.head("HOW IT WENT");
    page.numbered(&section::how(story));
    page.blank();
    if let Some(time) = section::healing_time(story) {
        page.line(&format!("HEALING TIME: {time}"));
    }
    page.line(&format!("DOWN FOR: {}", human_duration(story.lasted)));
    page.blank();
    page.line(
        "Were another channel or a heartbeat found not to work, a second letter (DRILL FAILED) would follow this one.",
    );
}

fn failed(page: &mut Page, story: &Story) {
    page.line("❌ DRILL FAILED: an outage might not be healed, or nobody told of it");
    head(page, story);
    page.line(&format!("Reason: {}", story.reason));
    page.blank();
    page.head("MANUAL INTERVENTION REQUIRED");
    let steps = [
        format!("ssh {}", story.host),
        "miraclemax heal --drill --notify -v".to_owned(),
        "miraclemax check --dry-run".to_owned(),
    ];
    page.numbered(&steps);
}
