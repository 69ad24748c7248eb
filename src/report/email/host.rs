//! Letters about the host and this program itself: what is no outage of a service. Says what its story says.

use crate::model::story::{Change, Story};
use crate::model::text::human_duration;
use crate::report::email::section::Page;

/// The body.
pub(super) fn letter(page: &mut Page, story: &Story) {
    page.line(headline(story.change));
    page.blank();
    page.line(&format!("Host: {}", story.host));
    page.line(&format!("Time: {}", page.time(story.at)));
    if story.opened != story.at {
        let lasted = human_duration(story.lasted);
        page.line(&format!("Since: {}, for {lasted}", page.time(story.opened)));
    }
    if !story.reason.is_empty() {
        page.line(&format!("What: {}", story.reason));
    }
    if !story.lines.is_empty() {
        page.blank();
        for line in &story.lines {
            page.line(line);
        }
    }
    if let Some(end) = end(story.change) {
        page.blank();
        page.line(end);
    }
    if matches!(story.change, Change::Gap | Change::Channel | Change::Restarted) {
        page.blank();
        page.manual("WHAT YOU CAN DO", story);
    }
    page.problems(story);
}

fn headline(change: Change) -> &'static str {
    match change {
        Change::Restarted => "🔄 THE HOST WAS RESTARTED, and this was not asked for here",
        Change::Gap => "⚠️ NOBODY LOOKED for a while: what went on meanwhile is not known",
        Change::Hold => "ℹ️ A HOLD HAS ENDED: services are healed and told of again",
        Change::Channel => "⚠️ SOMEBODY IS NOT REACHED: a channel does not take its letters",
        Change::Summary => "📋 HOW THINGS STAND",
        _ => "🔔 THIS IS A TEST: nothing has happened, and nothing is to be done",
    }
}

/// What a reader should know who has only this letter.
fn end(change: Change) -> Option<&'static str> {
    match change {
        Change::Summary => Some(
            "That this letter came shows that it could be sent. Its absence is noticed by nobody: a heartbeat \
             (`[[heartbeat]]`) is what tells when this host falls silent.",
        ),
        _ => None,
    }
}
