//! Where the secrets of a heartbeat are, so that somebody can look at who else may read them. Reads none.

use crate::heartbeat::{Heartbeat, Kind};
use crate::model::secret::SecretSource;

impl Heartbeat {
    /// All of them: its URL, unless that only names a server; keys, and headers.
    pub fn secrets(&self) -> Vec<&SecretSource> {
        let (server, own): (bool, Vec<&SecretSource>) = match &self.kind {
            Some(Kind::Pushgateway(group)) => (true, group.headers().sources().collect()),
            Some(Kind::Alertmanager(watchdog)) => (true, watchdog.headers().sources().collect()),
            Some(Kind::Otlp(collector)) => (true, collector.headers().sources().collect()),
            Some(Kind::Datadog(site)) => (true, site.key().into_iter().collect()),
            Some(Kind::Dogstatsd(_)) => (true, Vec::new()),
            Some(Kind::Url(template)) => (false, template.headers().sources().collect()),
            Some(
                Kind::Healthchecks
                | Kind::DeadMansSnitch
                | Kind::UptimeRobot
                | Kind::UptimeKuma
                | Kind::Cronitor
                | Kind::BetterStack,
            )
            | None => (false, Vec::new()),
        };
        let open = server && matches!(self.url, SecretSource::Plain(_));
        let url = (!open).then_some(&self.url);
        url.into_iter().chain(own).chain(self.settings.key()).collect()
    }
}
