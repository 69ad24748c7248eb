//! Whether a channel could be used, by the cheapest honest look: whatever is asked, nobody is told anything. Says what
//! that look does not prove.

use crate::model::letter::Sent;
use crate::notify::hidden::Hidden;
use crate::notify::post::Answer;
use crate::notify::{Channel, Kind};
use crate::sys::clock::Deadline;
use crate::sys::{connect, http};

/// What that came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// It is there, as far as that was asked.
    Yes {
        /// What it said, or what was seen.
        said: String,
        /// What is not known all the same.
        unproven: &'static str,
    },
    /// It would not take a message, and why.
    No(String),
    /// It could not be found out, and why.
    Unknown(String),
}

impl Reached {
    /// It is there.
    pub(super) fn yes(said: impl Into<String>, unproven: &'static str) -> Self {
        Self::Yes { said: said.into(), unproven }
    }
}

/// Of a question that was not answered as hoped.
impl From<Sent> for Reached {
    fn from(sent: Sent) -> Self {
        match sent {
            // Asked too often it is there, and does not say more.
            Sent::Busy { why, .. } => Self::Unknown(why),
            Sent::Later(why) | Sent::Never(why) => Self::No(why),
            Sent::Accepted(taken) => Self::Unknown(taken.said),
        }
    }
}

/// What an answer that is none of acceptance means here.
pub(super) fn refused(answer: &Answer, said: &str) -> Reached {
    answer.refused(said, None).into()
}

/// A line to the host of `url`, and no request.
pub(super) fn line(url: &str, hidden: &Hidden, by: Deadline, unproven: &'static str) -> Reached {
    match connect::reaches(url, by.left()) {
        Ok(said) => Reached::yes(hidden.scrub(&said), unproven),
        // Behind a proxy a straight line proves nothing.
        Err(why) if http::is_proxied(url) => Reached::Unknown(format!(
            "{}; what is sent goes through the proxy of the environment, which was not asked",
            hidden.scrub(&why)
        )),
        Err(why) => Reached::No(hidden.scrub(&why)),
    }
}

impl Channel {
    /// Looks whether it could be used, by the deadline or its own timeout, whichever is first. Sends nothing.
    pub fn reach(&self, by: Deadline) -> Reached {
        let by = by.within(self.timeout);
        match &self.kind {
            Kind::Email(email) => email.reach(by),
            Kind::Telegram(telegram) => telegram.reach(by),
            Kind::Slack(slack) => slack.reach(by),
            Kind::Discord(discord) => discord.reach(by),
            Kind::Ntfy(ntfy) => ntfy.reach(by),
            Kind::Webhook(webhook) => webhook.reach(by),
            Kind::PagerDuty(pagerduty) => pagerduty.reach(by),
            Kind::Alertmanager(alertmanager) => alertmanager.reach(by),
            Kind::Twilio(twilio) => twilio.reach(by),
            Kind::Command(command) => command.reach(by),
        }
    }
}

#[cfg(test)]
mod tests;
