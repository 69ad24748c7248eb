//! Several incidents in one letter: ten outages with one cause are one thing to read, not ten. Says of each what is so
//! now, what happened and what was done; the evidence stays on the host, and the letter says where to look.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::course::{Course, Over};
use crate::model::incident::{Attempt, Outcome};
use crate::model::story::Change;
use crate::model::text::{human_duration, one_line, plural};
use crate::report::email::section::{self, Page};
use crate::report::email::{Late, late, mark};

/// Told in full; of the others only the names are.
const FULL: usize = 40;
/// Worst first.
const ORDER: [Change; 16] = [
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
    Change::Unwatched,
    Change::Hold,
    Change::Summary,
    Change::Test,
];

/// As which of [`ORDER`] those count that are over although their story is not their end.
const OVER: Change = Change::Resolved;

/// Subject and body for all of `courses`, of which there is at least one, worst first.
pub(super) fn digest(
    courses: &[Course<'_>],
    late: Option<&Late>,
    zone: &TimeZone,
) -> (String, String) {
    let mut page = Page::new(zone);
    let mut courses: Vec<&Course<'_>> = courses.iter().collect();
    courses.sort_by_key(|course| (rank(course), !course.story.critical));
    let Some(first) = courses.first() else { return (String::new(), page.text()) };
    if let Some(late) = late {
        late::note(&mut page, late, courses.len() == 1 && first.steps.len() == 1);
    }
    page.line(&format!("{}: {}", counted(&courses), first.story.host));
    page.line(&format!("Time: {}", page.time(late.map_or(first.story.at, |late| late.now))));
    let mut causes: Vec<&str> = Vec::new();
    for common in courses.iter().filter_map(|course| course.story.evidence.common.as_deref()) {
        if !causes.contains(&common) {
            causes.push(common);
        }
    }
    for cause in causes {
        page.line(&format!("COMMON CAUSE: {cause}"));
    }
    for these in sections(&courses) {
        page.blank();
        page.head(&format!("{} ({})", word(these[0]), these.len()));
        for course in these.iter().take(FULL) {
            page.blank();
            item(&mut page, course, late.map(|late| late.now));
        }
        let rest: Vec<&str> = these.iter().skip(FULL).map(|course| course.story.about()).collect();
        if !rest.is_empty() {
            page.blank();
            page.line(&format!("and {} more: {}", rest.len(), rest.join(", ")));
        }
    }
    page.blank();
    page.head("LOOK CLOSER");
    let look = if first.story.service.is_empty() || first.story.change == Change::Unwatched {
        "miraclemax status".to_owned()
    } else {
        format!("miraclemax status {}", first.story.service)
    };
    page.numbered(&[format!("ssh {}", first.story.host), look]);
    page.problems(first.story);
    (subject(&courses), page.text())
}

fn subject(courses: &[&Course<'_>]) -> String {
    let (first, name) = (courses[0], one_line(&courses[0].story.name, 60));
    let mark = mark(if first.over.is_some() { OVER } else { first.story.change }).0;
    if let [Course { story, over: Some(_), .. }] = courses {
        let (about, was) = (one_line(story.about(), 80), super::mark(story.change).1);
        return format!("{mark} {name}: {about} - {was}, UP AGAIN");
    }
    format!("{mark} {name}: {}", counted(courses))
}

/// `7 services - FAILED`, or `7 FAILED, 3 RESOLVED`.
fn counted(courses: &[&Course<'_>]) -> String {
    let sections = sections(courses);
    let of_services = courses.iter().all(|course| course.story.change.of_service());
    if let [these] = &sections[..]
        && of_services
    {
        return format!("{} - {}", plural(these.len(), "service"), word(these[0]));
    }
    let counts = sections.iter().map(|these| format!("{} {}", these.len(), word(these[0])));
    counts.collect::<Vec<_>>().join(", ")
}

/// Those of which the same is so now, worst first.
fn sections<'c, 's>(courses: &[&'c Course<'s>]) -> Vec<Vec<&'c Course<'s>>> {
    let mut sections: BTreeMap<_, Vec<&Course<'_>>> = BTreeMap::new();
    for course in courses {
        sections.entry(rank(course)).or_default().push(course);
    }
    sections.into_values().collect()
}

/// What is so now, in a word.
fn word(course: &Course<'_>) -> &'static str {
    if course.over.is_some() { "UP AGAIN" } else { mark(course.story.change).1 }
}

/// Its place in the letter, and among those whose end is told.
fn rank(course: &Course<'_>) -> (usize, bool) {
    let change = if course.over.is_some() { OVER } else { course.story.change };
    let place = ORDER.iter().position(|other| *other == change).unwrap_or(ORDER.len());
    (place, course.over.is_none())
}

/// One of them; `late` is when a letter leaves that waited.
fn item(page: &mut Page, course: &Course<'_>, late: Option<Timestamp>) {
    let Course { story, steps, over } = course;
    let domain = story.domain.as_ref().map(|domain| format!(" ({domain})")).unwrap_or_default();
    // What the configuration said of it may have gone with it.
    let known = story.change != Change::Unwatched;
    let standard = if story.critical || !known { "" } else { ", standard priority" };
    page.line(&format!("* {}{domain}{standard}: {}", story.about(), story.reason));
    let mut lines = story.lines.clone();
    if let Some(now) = late {
        lines.push(late::course(page, steps, over.as_ref(), now));
    }
    if let Some(Over { healed_by, .. }) = over {
        lines.push(match healed_by {
            Some(remedy) => format!("it is over: healed by {remedy}"),
            None => "it is over: it came back by itself, or by somebody's hand".into(),
        });
    }
    let goes_on = over.is_none();
    if matches!(story.change, Change::Resolved | Change::Returned) {
        let by = story.attempts.iter().rev().find(|a| a.outcome == Some(Outcome::Healed));
        let how = match (by, section::healing_time(story)) {
            (Some(attempt), Some(time)) => format!("healed by {} in {time}", attempt.remedy),
            (Some(attempt), None) => format!("healed by {}", attempt.remedy),
            (None, _) => "came back by itself".to_owned(),
        };
        lines.push(format!("down for {}; {how}", human_duration(story.lasted)));
    } else if story.change == Change::Unwatched {
        lines.push("it is not in the configuration any more; how it is now is not known".into());
    } else if story.attempts.iter().any(Attempt::counts) {
        lines.extend(section::tried(story, page));
    } else if story.change == Change::Failed && goes_on {
        lines.push(format!("not touched: {}", section::why_not(story)));
    }
    if let Some(repeats) = story.repeats.as_ref().filter(|repeats| repeats.reached) {
        lines.push(repeats.words());
    }
    if let Some(cause) = &story.evidence.cause {
        lines.push(format!("root cause: {cause}"));
    }
    // How long it is until then was said when it was written.
    if story.change == Change::Failed && late.is_none() && !story.next.is_empty() {
        lines.push(format!("next attempt: {}", story.next));
    }
    lines.push(format!("incident {}", story.incident));
    for line in lines {
        page.below(&line);
    }
}
