//! What is told as values, for programs: JSON. Its keys are documented in miraclemax-config(5), and stay.

use serde_json::{Value, json};

use crate::model::incident::{Attempt, Outcome};
use crate::model::letter::{Outgoing, thread};
use crate::model::story::Story;
use crate::notify::phase::{Phase, severity};

/// All of it.
pub(super) fn json(out: &Outgoing<'_>) -> Value {
    json!({
        "version": 1,
        "id": out.id,
        "thread": out.letter.thread,
        "subject": out.letter.subject,
        "text": out.letter.body,
        "state": state(out).word(),
        "severity": worst(out),
        "stories": out.stories.iter().map(|story| one(story)).collect::<Vec<_>>(),
    })
}

fn one(story: &Story) -> Value {
    json!({
        "change": story.change.word(),
        "state": Phase::of(story.change).word(),
        "severity": severity(story.critical),
        "name": story.name,
        "host": story.host,
        "service": story.service,
        "domain": story.domain,
        "port": story.port,
        "incident": story.incident,
        "thread": thread(story),
        "reason": story.reason,
        "cause": cause(story),
        "healed_by": healed_by(story),
        "next": Some(&story.next).filter(|next| !next.is_empty()),
        "since": story.opened.to_string(),
        "at": story.at.to_string(),
        "lasted_s": story.lasted.as_secs(),
        "drill": story.drill,
    })
}

pub(super) fn state(out: &Outgoing<'_>) -> Phase {
    let is = |phase: &Phase| out.stories.iter().any(|story| Phase::of(story.change) == *phase);
    let worst = [Phase::Firing, Phase::Notice, Phase::Resolved, Phase::News];
    worst.into_iter().find(is).unwrap_or(Phase::Notice)
}

pub(super) fn worst(out: &Outgoing<'_>) -> &'static str {
    severity(out.stories.iter().any(|story| story.critical))
}

/// Why it happened, as far as that is proven.
pub(super) fn cause(story: &Story) -> Option<&str> {
    story.evidence.cause.as_deref().or(story.evidence.common.as_deref())
}

/// The remedy that brought it back.
pub(super) fn healed_by(story: &Story) -> Option<&str> {
    let healed = |attempt: &&Attempt| attempt.outcome == Some(Outcome::Healed);
    story.attempts.iter().rev().find(healed).map(|attempt| attempt.remedy.as_str())
}
