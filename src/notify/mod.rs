//! Ways to reach people. One file a channel: its settings, its sending, what its answers mean. Composes
//! nothing, remembers nothing: what was not accepted is the caller's to try again.

mod email;

use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::letter::{Letter, Sent};
use crate::model::place::Place;
use crate::model::story::{Change, Story};
use crate::model::text::{nearest, one_line};
use crate::sys::clock::Deadline;

pub use email::Email;

/// The bound on one sending unless the config says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Every change that `on = [...]` can name.
const CHANGES: [Change; 7] = [
    Change::Down,
    Change::Failed,
    Change::Resolved,
    Change::Reminder,
    Change::Repeated,
    Change::Reboot,
    Change::Config,
];

/// A `[[notify]]`.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Names it in the outbox and in `status`: its `name`, or `email:` and the first recipient. Not checked to
    /// be unique here.
    pub name: String,
    /// Which changes it tells. Unless given: all but a broken config, which is told wherever a failure is.
    pub on: Vec<Change>,
    /// What it is told about, by severity.
    pub min_severity: Severity,
    /// The services it is told about, with their places; empty is all. Not checked to exist here.
    pub services: Vec<(String, Place)>,
    /// Bound on one sending.
    pub timeout: Duration,
    via: Via,
}

/// How much a service's outage matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Any service.
    Warning,
    /// Only those with `critical = true`.
    Critical,
}

/// One kind of channel with its settings.
#[derive(Debug, Clone)]
enum Via {
    Email(Email),
}

/// Reads the settings of one kind.
type Reader = fn(&mut Fields<'_>) -> Option<Via>;

/// Every kind by the name that `via` gives it.
const KINDS: [(&str, Reader); 1] = [("email", |fields| Email::read(fields).map(Via::Email))];

impl Via {
    fn default_name(&self) -> String {
        match self {
            Self::Email(email) => format!("email:{}", email.first_recipient()),
        }
    }

    fn send(&self, letter: &Letter, message_id: &str, deadline: Deadline) -> Sent {
        match self {
            Self::Email(email) => email.send(letter, message_id, deadline),
        }
    }
}

impl Channel {
    /// Reads a `[[notify]]` table. None when it cannot be used; each reason is among the problems.
    pub fn read(mut fields: Fields<'_>) -> Option<Self> {
        if !fields.has("via") {
            fields.required("via");
        }
        // Of an unknown kind the other keys cannot be judged.
        let reader = fields.one_of("via", &KINDS)?;
        let name = fields.word("name");
        let on = read_on(&mut fields);
        let severities = [("critical", Severity::Critical), ("warning", Severity::Warning)];
        let min_severity = fields.one_of("min_severity", &severities).unwrap_or(Severity::Warning);
        let services = fields.placed_texts("services").unwrap_or_default();
        let timeout = fields.duration("timeout").unwrap_or(TIMEOUT);
        let via = reader(&mut fields);
        fields.finish();
        let via = via?;
        let name = name.unwrap_or_else(|| via.default_name());
        Some(Self { name, on, min_severity, services, timeout, via })
    }

    /// Whether this story is for it. A broken config and a reboot are told wherever a failure is, a broken config
    /// whatever the services.
    pub fn wants(&self, story: &Story) -> bool {
        if story.change == Change::Config {
            return self.on.contains(&Change::Failed) || self.on.contains(&Change::Config);
        }
        let severity = if story.critical { Severity::Critical } else { Severity::Warning };
        let told = self.on.contains(&story.change)
            || story.change == Change::Reboot && self.on.contains(&Change::Failed);
        told && severity >= self.min_severity
            && (self.services.is_empty()
                || self.services.iter().any(|(name, _)| *name == story.service))
    }

    /// Sends one letter, by the deadline or its own timeout, whichever is first. Accepted only when the other
    /// side said so. `message_id` is the same whenever the same story is sent again.
    pub fn send(&self, letter: &Letter, message_id: &str, deadline: Deadline) -> Sent {
        self.via.send(letter, message_id, deadline.within(self.timeout))
    }

    /// The same channel for a drill: whatever it is asked to tell else, it takes what a drill has to say.
    #[must_use]
    pub fn for_drill(&self) -> Self {
        Self {
            on: vec![Change::Failed, Change::Resolved],
            min_severity: Severity::Warning,
            services: Vec::new(),
            ..self.clone()
        }
    }
}

fn read_on(fields: &mut Fields<'_>) -> Vec<Change> {
    let unless_given =
        vec![Change::Down, Change::Failed, Change::Resolved, Change::Reminder, Change::Repeated];
    let place = fields.place_of("on");
    let Some(words) = fields.placed_texts("on") else { return unless_given };
    let mut on = Vec::new();
    for (word, place) in &words {
        if let Some(change) = CHANGES.iter().find(|change| change.word() == word) {
            on.push(*change);
            continue;
        }
        let names = CHANGES.map(|change| format!("`{}`", change.word())).join(", ");
        let message = format!("`on` expects some of {names}, found `{}`", one_line(word, 40));
        match nearest(word, CHANGES.map(Change::word)) {
            Some(near) => {
                let hint = format!("did you mean `{near}`?");
                fields.problems().at_with_hint(place, message, hint);
            }
            None => fields.problems().at(place, message),
        }
    }
    if words.is_empty() {
        fields.problems().at(&place, "`on` is empty: this channel would never be used");
    }
    on
}

#[cfg(test)]
mod tests;
