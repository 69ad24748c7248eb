//! A story as a letter in plain text: what happened, what was done, what was verified, what is left to do.
//! Claims nothing that is not in the story, and takes no measure of its own. Sends nothing.

mod digest;
mod drill;
mod host;
mod late;
mod section;
mod unreached;

use jiff::tz::TimeZone;
pub use late::{Late, Wait, Why};
pub use unreached::{Unreached, mention};

use crate::model::course::Course;

use crate::model::incident::{Attempt, Outcome};
use crate::model::letter::{Letter, digest_thread, thread};
use crate::model::repeats::Repeats;
use crate::model::story::{Change, Story};
use crate::model::text::{human_duration, one_line};
use crate::report::email::section::Page;

/// The letter that tells of all these, of which there is at least one: of one incident in full, of several in short,
/// worst first. Times are shown in `zone` with their offset from UTC.
pub fn tell(courses: &[Course<'_>], late: Option<&Late>, zone: &TimeZone) -> Letter {
    // An outage that is over is not told at length as if it went on.
    if let [Course { story, steps, over: None }] = courses {
        let mut page = Page::new(zone);
        if let Some(late) = late {
            late::note(&mut page, late, steps.len() == 1);
            if steps.len() > 1 {
                page.line(&late::course(&page, steps, None, late.now));
                page.blank();
            }
        }
        return full(page, story);
    }
    let stories: Vec<&Story> = courses.iter().map(|course| course.story).collect();
    let thread = match stories[..] {
        [story] => thread(story),
        _ => digest_thread(&stories),
    };
    let (subject, body) = digest::digest(courses, late, zone);
    Letter { subject, body, thread }
}

/// The letter that tells `story` alone.
pub fn compose(story: &Story, late: Option<&Late>, zone: &TimeZone) -> Letter {
    tell(&[Course::of(story)], late, zone)
}

fn full(mut page: Page<'_>, story: &Story) -> Letter {
    match story.change {
        _ if story.drill => drill::letter(&mut page, story),
        Change::Resolved | Change::Returned => resolved(&mut page, story),
        Change::Unwatched => unwatched(&mut page, story),
        Change::Repeated => repeated(&mut page, story),
        Change::Failed | Change::Reminder | Change::Escalated => failed(&mut page, story),
        Change::Down => down(&mut page, story),
        Change::Reboot => reboot(&mut page, story),
        Change::Config => config(&mut page, story),
        Change::Restarted
        | Change::Gap
        | Change::Hold
        | Change::Channel
        | Change::Summary
        | Change::Test => host::letter(&mut page, story),
    }
    Letter { subject: subject(story), body: page.text(), thread: thread(story) }
}

fn subject(story: &Story) -> String {
    if story.drill {
        return drill::subject(story, &one_line(&story.name, 60), &one_line(&story.host, 80));
    }
    let (mark, word) = mark(story.change);
    // What it comes to is the news of a summary.
    let word = if story.change == Change::Summary { &story.reason } else { word };
    let (about, word) = (one_line(story.about(), 80), one_line(word, 60));
    // Where no name is configured it is the host's, and need not be said twice.
    if story.service.is_empty() && story.name == story.host {
        return format!("{mark} {about} - {word}");
    }
    format!("{mark} {}: {about} - {word}", one_line(&story.name, 60))
}

/// How subjects show a change.
fn mark(change: Change) -> (&'static str, &'static str) {
    match change {
        Change::Resolved => ("✅", "RESOLVED"),
        Change::Failed => ("❌", "FAILED"),
        Change::Reminder => ("❌", "STILL DOWN"),
        Change::Repeated => ("🔁", "REPEATED"),
        Change::Down => ("⚠️", "DOWN"),
        Change::Reboot => ("⚠️", "REBOOT"),
        Change::Escalated => ("❌", "ESCALATED"),
        Change::Returned => ("✅", "CAME BACK"),
        Change::Unwatched => ("ℹ️", "NO LONGER WATCHED"),
        Change::Restarted => ("🔄", "RESTARTED"),
        Change::Gap => ("⚠️", "NOBODY LOOKED"),
        Change::Hold => ("ℹ️", "HOLD ENDED"),
        Change::Channel => ("⚠️", "NOT REACHED"),
        Change::Config => ("⚠️", "CONFIG"),
        Change::Summary => ("📋", "SUMMARY"),
        Change::Test => ("🔔", "TEST"),
    }
}

fn resolved(page: &mut Page, story: &Story) {
    let healed = story.attempts.iter().rev().find(|a| a.outcome == Some(Outcome::Healed));
    let proven = !story.verified.is_empty() && story.verified.iter().all(|l| l.verdict.is_up());
    page.header(story, None);
    page.blank();
    page.line(&match healed {
        _ if !proven => "✅ UP AGAIN: but what the probes saw was not kept".to_owned(),
        None if story.attempts.iter().any(Attempt::counts) => {
            "✅ UP AGAIN: the service is active, but no attempt was seen to heal it".to_owned()
        }
        None => "✅ UP AGAIN: the service came back by itself and is now active".to_owned(),
        Some(attempt) if attempt.remedy == "service_restart" && story.new_instance => {
            "✅ SUCCESS: Service restarted and is now active".to_owned()
        }
        Some(attempt) if attempt.remedy == "reboot" => {
            "✅ SUCCESS: the host was rebooted, and the service is active again".to_owned()
        }
        Some(attempt) => {
            format!("✅ SUCCESS: Service is active again, after {}", attempt.remedy)
        }
    });
    page.blank();
    page.head(if healed.is_some() { "HOW IT WAS FIXED" } else { "WHAT HAPPENED" });
    page.numbered(&section::how(story));
    page.blank();
    page.cause(story);
    page.blank();
    if let Some(time) = section::healing_time(story) {
        page.line(&format!("HEALING TIME: {time}"));
    }
    page.line(&format!(
        "DOWN FOR: {}, since it was confirmed at {}",
        human_duration(story.lasted),
        page.time(story.opened)
    ));
    page.held(story);
    page.repeats(story);
    page.evidence(story);
    page.problems(story);
}

fn unwatched(page: &mut Page, story: &Story) {
    page.line(
        "ℹ️ NO LONGER WATCHED: it is not in the configuration any more, and no more is told of it",
    );
    page.blank();
    page.header(story, Some("not known; it was down when it was last looked at"));
    page.since(story);
    page.blank();
    page.line("Where it only has another name now, its outage is told under that name.");
    page.problems(story);
}

fn repeated(page: &mut Page, story: &Story) {
    let words = story.repeats.as_ref().map(Repeats::words).unwrap_or_default();
    page.line(&format!("🔁 HEALED AGAIN AND AGAIN: {words}"));
    page.blank();
    page.header(story, Some("up, but what brings it down is still there"));
    page.blank();
    if let Some(repeats) = &story.repeats {
        page.head("WHEN IT WAS HEALED");
        page.numbered(&section::heals(repeats, page));
        page.blank();
        page.head("ROOT CAUSES");
        page.numbered(&section::counted(&repeats.causes()));
        page.blank();
        page.head("WHAT HELPED");
        page.numbered(&section::counted(&repeats.remedies()));
        page.blank();
    }
    page.manual("WHAT YOU CAN DO", story);
    page.blank();
    page.line(
        "This is told once a week at most; `repeats` in the configuration says from when on.",
    );
    page.problems(story);
}

fn failed(page: &mut Page, story: &Story) {
    let tried = story.attempts.iter().any(Attempt::counts);
    let goes_on = matches!(story.change, Change::Reminder | Change::Escalated);
    let still = if goes_on { "❌ STILL DOWN" } else { "❌ NOT HEALED" };
    page.line(&if tried && story.change == Change::Failed {
        "❌ ALL HEALING STRATEGIES FAILED".to_owned()
    } else if tried {
        format!("{still}: healing was tried and did not help")
    } else {
        format!("{still}: {}", section::why_not(story))
    });
    page.blank();
    let status = if tried { "STILL DOWN after healing attempts" } else { "STILL DOWN" };
    page.header(story, Some(status));
    page.since(story);
    page.blank();
    if !story.lines.is_empty() {
        for line in &story.lines {
            page.line(line);
        }
        page.blank();
    }
    still_down(page, story, "MANUAL INTERVENTION REQUIRED");
}

/// What is told of every service that is not up yet; `steps` heads what a person can type.
fn still_down(page: &mut Page, story: &Story, steps: &str) {
    if !story.attempts.is_empty() {
        page.head("WHAT WAS TRIED");
        page.numbered(&section::tried(story, page));
        page.skipped(story);
        page.blank();
    }
    page.cause(story);
    page.blank();
    page.manual(steps, story);
    page.blank();
    page.next(story);
    page.evidence(story);
    page.problems(story);
}

fn down(page: &mut Page, story: &Story) {
    page.line("⚠️ SERVICE IS DOWN");
    page.blank();
    page.header(story, Some("DOWN"));
    page.since(story);
    page.blank();
    still_down(page, story, "WHAT YOU CAN DO");
}

fn reboot(page: &mut Page, story: &Story) {
    page.line("⚠️ THE HOST IS BEING REBOOTED, as the last resort");
    page.blank();
    page.header(story, Some("DOWN"));
    page.since(story);
    page.blank();
    if !story.attempts.is_empty() {
        page.head("WHAT WAS TRIED");
        page.numbered(&section::tried(story, page));
        page.blank();
    }
    page.cause(story);
    page.blank();
    page.line("The first run after the boot looks whether that has helped, and tells.");
    page.evidence(story);
    page.problems(story);
}

fn config(page: &mut Page, story: &Story) {
    page.line("⚠️ THE CONFIGURATION IS BROKEN");
    page.blank();
    page.line(&format!("Host: {}", story.host));
    page.line("Status: the last configuration that loaded is still in use");
    page.line(&format!("Time: {}", page.time(story.at)));
    page.blank();
    page.head("PROBLEMS");
    page.problem_list(story);
    page.blank();
    page.manual("WHAT TO DO", story);
}

#[cfg(test)]
mod golden;
