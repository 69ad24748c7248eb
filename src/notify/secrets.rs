//! Where the secrets of a channel are, so that somebody can look at who else may read them. Reads none.

use crate::model::secret::SecretSource;
use crate::notify::{Channel, Kind};

impl Channel {
    /// All of them.
    pub fn secrets(&self) -> Vec<&SecretSource> {
        match &self.kind {
            Kind::Email(email) => email.secrets(),
            Kind::Telegram(telegram) => telegram.secrets(),
            Kind::Slack(slack) => slack.secrets(),
            Kind::Discord(discord) => discord.secrets(),
            Kind::Ntfy(ntfy) => ntfy.secrets(),
            Kind::Webhook(webhook) => webhook.secrets(),
            Kind::PagerDuty(pagerduty) => pagerduty.secrets(),
            Kind::Alertmanager(alertmanager) => alertmanager.secrets(),
            Kind::Twilio(twilio) => twilio.secrets(),
            Kind::Command(_) => Vec::new(),
        }
    }
}
