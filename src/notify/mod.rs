//! Ways to reach people. One file a channel: its settings, its sending, what its answers mean. Composes
//! nothing, remembers nothing: what was not accepted is the caller's to try again.

mod discord;
mod email;
mod fit;
mod keys;
mod ntfy;
mod post;
mod slack;
mod telegram;
#[cfg(test)]
mod testing;

use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::letter::{Outgoing, Sent};
use crate::model::place::Place;
use crate::model::story::{Change, Story};
use crate::model::text::{nearest, one_line};
use crate::sys::clock::Deadline;

pub use email::Email;

use discord::Discord;
use ntfy::Ntfy;
use slack::Slack;
use telegram::Telegram;

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
    /// Names it in the outbox and in `status`: its `name`, or what its kind makes of its settings, such as `email:`
    /// and the first recipient. Not checked to be unique here.
    pub name: String,
    /// Which changes it tells. Unless given: all but a broken config, which is told wherever a failure is.
    pub on: Vec<Change>,
    /// What it is told about, by severity.
    pub min_severity: Severity,
    /// The services it is told about, with their places; empty is all. Not checked to exist here.
    pub services: Vec<(String, Place)>,
    /// Bound on one sending.
    pub timeout: Duration,
    kind: Kind,
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
enum Kind {
    Email(Email),
    Telegram(Telegram),
    Slack(Slack),
    Discord(Discord),
    Ntfy(Ntfy),
}

/// Reads the settings of one kind.
type Reader = fn(&mut Fields<'_>) -> Option<Kind>;

/// Every kind by the name that `via` gives it.
const KINDS: [(&str, Reader); 5] = [
    ("email", |fields| Email::read(fields).map(Kind::Email)),
    ("telegram", |fields| Telegram::read(fields).map(Kind::Telegram)),
    ("slack", |fields| Slack::read(fields).map(Kind::Slack)),
    ("discord", |fields| Discord::read(fields).map(Kind::Discord)),
    ("ntfy", |fields| Ntfy::read(fields).map(Kind::Ntfy)),
];

impl Kind {
    fn default_name(&self) -> String {
        match self {
            Self::Email(email) => format!("email:{}", email.first_recipient()),
            Self::Telegram(telegram) => format!("telegram:{}", telegram.chat()),
            Self::Slack(_) => "slack".into(),
            Self::Discord(_) => "discord".into(),
            Self::Ntfy(ntfy) => format!("ntfy:{}", ntfy.server()),
        }
    }

    fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        match self {
            Self::Email(email) => email.send(out.letter, out.id, by),
            Self::Telegram(telegram) => telegram.send(out, by),
            Self::Slack(slack) => slack.send(out, by),
            Self::Discord(discord) => discord.send(out, by),
            Self::Ntfy(ntfy) => ntfy.send(out, by),
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
        let kind = reader(&mut fields);
        fields.finish();
        let kind = kind?;
        let name = name.unwrap_or_else(|| kind.default_name());
        Some(Self { name, on, min_severity, services, timeout, kind })
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
    /// side said so.
    pub fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        self.kind.send(out, by.within(self.timeout))
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
