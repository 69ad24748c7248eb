//! Alertmanager (`http://HOST:9093`), as a watchdog: an alert that always fires while all is well, until `period` and
//! `grace` after the last ping; whoever receives it misses it when it ends. A failure fires another alert instead,
//! which the next success ends. Wire format: <https://prometheus.io/docs/alerting/latest/alerts_api>.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::heartbeat::answer::{self, Answer};
use crate::heartbeat::headers::Headers;
use crate::heartbeat::{Heartbeat, Ping, address, body, labels, request};
use crate::model::fields::Fields;
use crate::sys::clock;
use crate::sys::http::{Request, Response};

/// How long an alert lasts when neither `period` nor `grace` is told: three pings of five minutes.
const LASTS: Duration = Duration::from_secs(15 * 60);
/// Characters of a summary, and bytes of a description.
const SUMMARY: usize = 250;
const DESCRIPTION: usize = 8000;

/// Which alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watchdog {
    /// `alertname`, `instance` and `severity` have defaults.
    labels: Vec<(String, String)>,
    headers: Headers,
}

impl Watchdog {
    /// Keys: `labels`, `header`, `header_file`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        Self { labels: labels::read(fields, &[]), headers: Headers::read(fields) }
    }

    /// What it brings along.
    pub(super) fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The request that posts what `ping` says to the Alertmanager at `url`.
    pub(super) fn request(
        &self,
        heartbeat: &Heartbeat,
        url: &str,
        ping: &Ping<'_>,
        limit: Duration,
    ) -> Result<Request, String> {
        let lasts = heartbeat.period.map(|period| period + heartbeat.grace.unwrap_or(period));
        let now = clock::now().wall;
        let until = now.checked_add(lasts.unwrap_or(LASTS)).unwrap_or(Timestamp::MAX);
        let unwell = ("MiracleMaxUnwell", "critical");
        let alerts = if ping.is_bad() {
            vec![self.alert(unwell, ping, now, until)]
        } else {
            let watchdog = ("MiracleMaxWatchdog", "none");
            vec![self.alert(watchdog, ping, now, until), self.alert(unwell, ping, now, now)]
        };
        let url = address::below(url, "/api/v2/alerts", "/api/v2/alerts")?;
        let mut request = request::post(url, request::JSON, Value::from(alerts).to_string(), limit);
        request.headers.extend(self.headers.reveal()?);
        Ok(request)
    }

    fn alert(
        &self,
        (name, severity): (&str, &str),
        ping: &Ping<'_>,
        from: Timestamp,
        until: Timestamp,
    ) -> Value {
        let own = self.labels.iter().filter(|(label, _)| label != "alertname").cloned().collect();
        let own = labels::or(labels::or(own, "instance", &ping.host()), "severity", severity);
        let given = self.labels.iter().find(|(label, _)| label == "alertname");
        // One name of the owner's would make both the same alert.
        let name = match given {
            Some((_, given)) if ping.is_bad() || from == until => format!("{given}Unwell"),
            Some((_, given)) => given.clone(),
            None => name.to_owned(),
        };
        let all = [("alertname".to_owned(), name)].into_iter().chain(own);
        let labels: Map<String, Value> = all.map(|(name, value)| (name, value.into())).collect();
        json!({
            "labels": labels,
            "annotations": {
                "summary": body::gist(ping, SUMMARY),
                "description": body::fit(ping.body, DESCRIPTION),
            },
            "startsAt": from.to_string(),
            "endsAt": until.to_string(),
        })
    }
}

/// What the answer means: 200 without a word.
pub(super) fn judge(response: &Response) -> Answer {
    match response.status {
        200 if response.body.trim_ascii().is_empty() => Answer::Accepted,
        _ => answer::of_status(response),
    }
}
