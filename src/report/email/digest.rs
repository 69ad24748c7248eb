//! Several stories of one run in one letter: ten outages with one cause are one thing to read, not ten. Says of
//! each what happened and what was done; the evidence stays on the host, and the letter says where to look.

use jiff::tz::TimeZone;

use crate::model::incident::{Attempt, Outcome};
use crate::model::letter::{Letter, digest_thread};
use crate::model::story::{Change, Story};
use crate::model::text::{human_duration, one_line, plural};
use crate::report::email::section::{self, Page};
use crate::report::email::{Late, mark, note_late};

/// Told in full; of the others only the names are.
const FULL: usize = 40;
/// Worst first.
const ORDER: [Change; 15] = [
    Change::Failed,
    Change::Escalated,
    Change::Down,
    Change::Reminder,
    Change::Reboot,
    Change::Config,
    Change::Channel,
    Change::Gap,
    Change::Repeated,
    Change::Restarted,
    Change::Resolved,
    Change::Returned,
    Change::Hold,
    Change::Summary,
    Change::Test,
];

/// The letter for all of `stories`, of which there is at least one, worst first.
pub fn digest(stories: &[&Story], late: Option<&Late>, zone: &TimeZone) -> Letter {
    let mut page = Page::new(zone);
    let Some(first) = stories.first() else {
        return Letter { subject: String::new(), body: page.text(), thread: String::new() };
    };
    let mut stories: Vec<&Story> = stories.to_vec();
    stories.sort_by_key(|story| (rank(story.change), !story.critical));
    if let Some(late) = late {
        note_late(&mut page, first, late);
    }
    page.line(&format!("{}: {}", counted(&stories), first.host));
    page.line(&format!("Time: {}", page.time(first.at)));
    let mut causes: Vec<&str> = Vec::new();
    for common in stories.iter().filter_map(|story| story.evidence.common.as_deref()) {
        if !causes.contains(&common) {
            causes.push(common);
        }
    }
    for cause in causes {
        page.line(&format!("COMMON CAUSE: {cause}"));
    }
    for change in ORDER {
        let these: Vec<&&Story> = stories.iter().filter(|story| story.change == change).collect();
        if these.is_empty() {
            continue;
        }
        page.blank();
        page.head(&format!("{} ({})", mark(change).1, these.len()));
        for story in these.iter().take(FULL) {
            page.blank();
            item(&mut page, story);
        }
        let rest: Vec<&str> = these.iter().skip(FULL).map(|story| story.about()).collect();
        if !rest.is_empty() {
            page.blank();
            page.line(&format!("and {} more: {}", rest.len(), rest.join(", ")));
        }
    }
    page.blank();
    page.head("LOOK CLOSER");
    let steps =
        [format!("ssh {}", first.host), format!("miraclemax status {}", stories[0].about())];
    page.numbered(&steps);
    page.problems(first);
    Letter { subject: subject(&stories), body: page.text(), thread: digest_thread(&stories) }
}

fn subject(stories: &[&Story]) -> String {
    let name = one_line(&stories[0].name, 60);
    format!("{} {name}: {}", mark(stories[0].change).0, counted(stories))
}

/// `7 services - FAILED`, or `7 FAILED, 3 RESOLVED`.
fn counted(stories: &[&Story]) -> String {
    let counts: Vec<(usize, &str)> = ORDER
        .iter()
        .map(|change| {
            (stories.iter().filter(|story| story.change == *change).count(), mark(*change).1)
        })
        .filter(|(count, _)| *count > 0)
        .collect();
    match counts[..] {
        [(count, word)] => format!("{} - {word}", plural(count, "service")),
        _ => counts.iter().map(|(n, word)| format!("{n} {word}")).collect::<Vec<_>>().join(", "),
    }
}

fn rank(change: Change) -> usize {
    ORDER.iter().position(|other| *other == change).unwrap_or(ORDER.len())
}

fn item(page: &mut Page, story: &Story) {
    let domain = story.domain.as_ref().map(|domain| format!(" ({domain})")).unwrap_or_default();
    let standard = if story.critical { "" } else { ", standard priority" };
    page.line(&format!("* {}{domain}{standard}: {}", story.about(), story.reason));
    let mut lines = Vec::new();
    if matches!(story.change, Change::Resolved | Change::Returned) {
        let by = story.attempts.iter().rev().find(|a| a.outcome == Some(Outcome::Healed));
        let how = match (by, section::healing_time(story)) {
            (Some(attempt), Some(time)) => format!("healed by {} in {time}", attempt.remedy),
            (Some(attempt), None) => format!("healed by {}", attempt.remedy),
            (None, _) => "came back by itself".to_owned(),
        };
        lines.push(format!("down for {}; {how}", human_duration(story.lasted)));
    } else if story.attempts.iter().any(Attempt::counts) {
        lines.extend(section::tried(story, page));
    } else if story.change == Change::Failed {
        lines.push(format!("not touched: {}", section::why_not(story)));
    }
    if let Some(repeats) = story.repeats.as_ref().filter(|repeats| repeats.reached) {
        lines.push(repeats.words());
    }
    if let Some(cause) = &story.evidence.cause {
        lines.push(format!("root cause: {cause}"));
    }
    if story.change == Change::Failed && !story.next.is_empty() {
        lines.push(format!("next attempt: {}", story.next));
    }
    lines.push(format!("incident {}", story.incident));
    for line in lines {
        page.below(&line);
    }
}
