//! Ways to reach people. One file a channel: its settings, its sending, what its answers mean. Composes
//! nothing, remembers nothing: what was not accepted is the caller's to try again.

mod alertmanager;
mod command;
mod discord;
mod email;
mod facts;
mod fit;
mod hidden;
mod keys;
mod ntfy;
mod pagerduty;
mod phase;
mod post;
mod reach;
mod routing;
mod secrets;
mod slack;
mod sms;
mod telegram;
mod template;
#[cfg(test)]
mod testing;
mod twilio;
mod webhook;
mod words;

use std::borrow::Cow;
use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::leaving::{Leaving, Preview};
use crate::model::letter::{First, Letter, Ongoing, Outgoing, Sent, Taken};
use crate::model::place::Problems;
use crate::model::story::{Change, Story};
use crate::sys::clock::Deadline;

pub use email::Email;
pub use reach::Reached;
pub use routing::{Routing, Severity};

use alertmanager::Alertmanager;
use command::Command;
use discord::Discord;
use hidden::Hidden;
use ntfy::Ntfy;
use pagerduty::PagerDuty;
use phase::Phase;
use post::Call;
use slack::Slack;
use telegram::Telegram;
use twilio::Twilio;
use webhook::Webhook;
use words::{Own, Words};

/// The bound on one sending unless the config says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The bound on changing a message: other letters may wait behind it.
const MARKING: Duration = Duration::from_secs(10);

/// What became of changing a message; else as what became of sending one.
type Marked = Result<(), Sent>;

/// A `[[notify]]`.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Names it in the outbox and in `status`: its `name`, or what its kind makes of its settings, such as `email:`
    /// and the first recipient. Not checked to be unique here.
    pub name: String,
    /// Whom it tells what, and when.
    pub routing: Routing,
    /// Bound on one sending.
    pub timeout: Duration,
    words: Words,
    kind: Kind,
}

/// One kind of channel with its settings.
#[derive(Debug, Clone)]
enum Kind {
    Email(Email),
    Telegram(Telegram),
    Slack(Slack),
    Discord(Discord),
    Ntfy(Ntfy),
    Webhook(Webhook),
    PagerDuty(PagerDuty),
    Alertmanager(Alertmanager),
    Twilio(Twilio),
    Command(Command),
}

/// Reads the settings of one kind.
type Reader = fn(&mut Fields<'_>) -> Option<Kind>;

/// Every kind by the name that `via` gives it.
const KINDS: [(&str, Reader); 10] = [
    ("email", |fields| Email::read(fields).map(Kind::Email)),
    ("telegram", |fields| Telegram::read(fields).map(Kind::Telegram)),
    ("slack", |fields| Slack::read(fields).map(Kind::Slack)),
    ("discord", |fields| Discord::read(fields).map(Kind::Discord)),
    ("ntfy", |fields| Ntfy::read(fields).map(Kind::Ntfy)),
    ("webhook", |fields| Webhook::read(fields).map(Kind::Webhook)),
    ("pagerduty", |fields| PagerDuty::read(fields).map(Kind::PagerDuty)),
    ("alertmanager", |fields| Alertmanager::read(fields).map(Kind::Alertmanager)),
    ("twilio", |fields| Twilio::read(fields).map(Kind::Twilio)),
    ("command", |fields| Command::read(fields).map(Kind::Command)),
];

impl Kind {
    /// Whether it keeps a list of what is down, and is no reader.
    fn lists_outages(&self) -> bool {
        matches!(self, Self::PagerDuty(_) | Self::Alertmanager(_))
    }

    fn default_name(&self) -> String {
        match self {
            Self::Email(email) => format!("email:{}", email.first_recipient()),
            Self::Telegram(telegram) => format!("telegram:{}", telegram.chat()),
            Self::Slack(slack) => slack.default_name(),
            Self::Discord(_) => "discord".into(),
            Self::Ntfy(ntfy) => format!("ntfy:{}", ntfy.server()),
            Self::Webhook(_) => "webhook".into(),
            Self::PagerDuty(_) => "pagerduty".into(),
            Self::Alertmanager(alertmanager) => format!("alertmanager:{}", alertmanager.server()),
            Self::Twilio(twilio) => format!("twilio:{}", twilio.to()),
            Self::Command(command) => format!("command:{}", command.name()),
        }
    }

    /// `own` says which words of the letter are the channel's own.
    fn send(&self, out: &Outgoing<'_>, own: Own, by: Deadline) -> Sent {
        match self {
            Self::Email(email) => email.send(out, by),
            Self::Telegram(telegram) => telegram.send(out, by),
            Self::Slack(slack) => slack.send(out, by),
            Self::Discord(discord) => discord.send(out, by),
            Self::Ntfy(ntfy) => ntfy.send(out, by),
            Self::Webhook(webhook) => webhook.send(out, by),
            Self::PagerDuty(pagerduty) => pagerduty.send(out, own, by),
            Self::Alertmanager(alertmanager) => alertmanager.send(out, by),
            Self::Twilio(twilio) => twilio.send(out, own, by),
            Self::Command(command) => command.send(out, by),
        }
    }

    /// What [`Self::send`] would have leave first.
    fn leaving(
        &self,
        out: &Outgoing<'_>,
        own: Own,
        hidden: &mut Hidden,
    ) -> Result<Vec<Leaving>, Sent> {
        let call = match self {
            Self::Email(email) => return email.shown(out, hidden).map(|mail| vec![mail]),
            Self::Command(command) => return Ok(vec![command.shown(out)]),
            Self::Webhook(webhook) => return webhook.shown(out, hidden).map(|call| vec![call]),
            Self::PagerDuty(pagerduty) => {
                let calls = pagerduty.calls(out, own, hidden)?;
                return Ok(calls.into_iter().map(Call::shown).collect());
            }
            Self::Telegram(telegram) => telegram.call(out, hidden),
            Self::Slack(slack) => slack.call(out, hidden),
            Self::Discord(discord) => discord.call(out, hidden),
            Self::Ntfy(ntfy) => ntfy.call(out, hidden),
            Self::Alertmanager(alertmanager) => alertmanager.call(out, hidden),
            Self::Twilio(twilio) => twilio.call(out, own, hidden),
        };
        Ok(vec![call?.shown()])
    }

    fn mark_over(&self, first: First<'_>, out: &Outgoing<'_>, by: Deadline) -> Option<Marked> {
        match self {
            Self::Slack(slack) => slack.mark_over(first, out, by),
            Self::Discord(discord) => discord.mark_over(first, out, by),
            _ => None,
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
        let summary = fields.place_of("summary");
        let routing = Routing::read(&mut fields);
        let timeout = fields.duration("timeout").unwrap_or(TIMEOUT);
        let kind = reader(&mut fields);
        if routing.summary.is_some() && kind.as_ref().is_some_and(Kind::lists_outages) {
            let message = "`summary`: this keeps a list of what is down, and is no reader";
            fields.problems().at_with_hint(&summary, message, "give it to an email, or a chat");
        }
        let words = Words::read(&mut fields);
        fields.finish();
        let kind = kind?;
        let name = name.unwrap_or_else(|| kind.default_name());
        Some(Self { name, routing, timeout, words, kind })
    }

    /// Whether this story is for it; `told` says whether it was told of the same outage before.
    pub fn wants(&self, story: &Story, told: bool) -> bool {
        self.why_not(story, told).is_none()
    }

    /// Why this story is not for it, in words; none when it is.
    pub fn why_not(&self, story: &Story, told: bool) -> Option<String> {
        let news = Phase::of(story.change) == Phase::News && story.change != Change::Test;
        // What would end by itself later is over now, whether or not recoveries are to be told.
        let ends = Phase::of(story.change) == Phase::Resolved && told && self.renews();
        if ends {
            return None;
        }
        // Who keeps a list of what is down has no use for what is none.
        if news && self.kind.lists_outages() {
            return Some("it keeps a list of what is down, and this is no outage".into());
        }
        self.routing.why_not(&self.name, story, told)
    }

    /// Whether several stories may be one message; where each is a record of its own they are not.
    pub fn digests(&self) -> bool {
        match &self.kind {
            Kind::PagerDuty(_) => false,
            Kind::Webhook(webhook) => webhook.digests,
            Kind::Command(command) => command.digests,
            Kind::Email(_)
            | Kind::Telegram(_)
            | Kind::Slack(_)
            | Kind::Discord(_)
            | Kind::Ntfy(_)
            | Kind::Alertmanager(_)
            | Kind::Twilio(_) => true,
        }
    }

    /// Whether what it was told of would end by itself without [`Self::renew`].
    pub fn renews(&self) -> bool {
        matches!(self.kind, Kind::Alertmanager(_))
    }

    /// Says again of outages that it was told of that they go on, for as long as `holds`.
    pub fn renew(&self, ongoing: &[Ongoing<'_>], holds: Duration, by: Deadline) -> Sent {
        match &self.kind {
            Kind::Alertmanager(to) => to.renew(ongoing, holds, by.within(self.timeout)),
            _ => Sent::Accepted("nothing is to be renewed".into()),
        }
    }

    /// Sends one letter in the channel's own words, by the deadline or its own timeout, whichever is first. Accepted
    /// only when the other side said so.
    pub fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        let worded = self.words.put(out);
        let out = Outgoing { letter: &worded.letter, ..*out };
        worded.noted(self.kind.send(&out, worded.own, by.within(self.timeout)))
    }

    /// What [`Self::send`] says of it.
    pub fn worded<'a>(&self, out: &Outgoing<'a>) -> Cow<'a, Letter> {
        self.words.put(out).letter
    }

    /// What would leave if this were sent, made by what sends it. Asks nobody; no secret is in it.
    pub fn preview(&self, out: &Outgoing<'_>) -> Preview {
        let worded = self.words.put(out);
        let out = Outgoing { letter: &worded.letter, ..*out };
        let mut hidden = Hidden::to_show();
        let leaving = self.kind.leaving(&out, worded.own, &mut hidden);
        let mut troubles: Vec<String> = worded.trouble.into_iter().collect();
        let leaving = leaving.unwrap_or_else(|sent| {
            troubles.extend(sent.why().map(str::to_owned));
            Vec::new()
        });
        troubles.extend(hidden.troubles());
        Preview { leaving, troubles }
    }

    /// Notes what is wrong with the files that its words are in. They are read when they are needed, and without
    /// them the usual words are sent.
    pub fn check_files(&self, problems: &mut Problems) {
        self.words.check_files(problems);
    }

    /// After a letter was accepted with which all is over that the first message told of: has that show it, where the
    /// channel can change what it took. No more than a help: the letter has told it. The error says why not.
    pub fn mark_over(&self, out: &Outgoing<'_>, by: Deadline) -> Option<Result<(), String>> {
        let first = out.reply_to.filter(|first| first.over)?;
        let worded = self.words.put(out);
        let out = Outgoing { letter: &worded.letter, ..*out };
        let marked = self.kind.mark_over(first, &out, by.within(self.timeout.min(MARKING)))?;
        Some(marked.map_err(|sent| match sent {
            Sent::Accepted(Taken { said: why, .. })
            | Sent::Later(why)
            | Sent::Busy { why, .. }
            | Sent::Never(why) => why,
        }))
    }

    /// The same channel for a drill: whatever it is asked to tell else, it takes what a drill has to say.
    #[must_use]
    pub fn for_drill(&self) -> Self {
        Self { routing: Routing::of_a_drill(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
