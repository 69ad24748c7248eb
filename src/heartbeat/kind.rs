//! The services, each by its name, its wire format and what it can be told: one match for each question.

use std::time::Duration;

use crate::heartbeat::answer::{self, Answer};
use crate::heartbeat::hearing::Part;
use crate::heartbeat::{
    Heartbeat, Ping, address, alertmanager, better_stack, cronitor, datadog, dead_mans_snitch,
    dogstatsd, healthchecks, otlp, pushgateway, template, uptime_kuma, uptime_robot,
};
use crate::model::fields::Fields;
use crate::sys::http::{Request, Response};

/// Which service, and so which wire format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Healthchecks, hosted or one's own, and what speaks like it.
    Healthchecks,
    /// Dead Man's Snitch.
    DeadMansSnitch,
    /// Heartbeat monitors of `UptimeRobot`.
    UptimeRobot,
    /// Push monitors of Uptime Kuma.
    UptimeKuma,
    /// Cronitor's telemetry.
    Cronitor,
    /// Heartbeats of Better Stack.
    BetterStack,
    /// Prometheus' Pushgateway.
    Pushgateway(pushgateway::Group),
    /// A watchdog at Alertmanager.
    Alertmanager(alertmanager::Watchdog),
    /// Datadog's service checks over HTTP.
    Datadog(datadog::Datadog),
    /// Datadog's agent.
    Dogstatsd(dogstatsd::Dogstatsd),
    /// OpenTelemetry over HTTP.
    Otlp(otlp::Otlp),
    /// Any other, by templates of the requests.
    Url(Box<template::Template>),
}

/// Reads what a kind has of its own.
pub(super) type Reader = for<'a, 'p> fn(&'a mut Fields<'p>) -> Kind;

/// Every name with how its settings are read.
pub(super) const KINDS: [(&str, Reader); 12] = [
    ("healthchecks", |_| Kind::Healthchecks),
    ("deadmanssnitch", |_| Kind::DeadMansSnitch),
    ("uptimerobot", |_| Kind::UptimeRobot),
    ("uptimekuma", |_| Kind::UptimeKuma),
    ("cronitor", |_| Kind::Cronitor),
    ("betterstack", |_| Kind::BetterStack),
    ("pushgateway", |fields| Kind::Pushgateway(pushgateway::Group::read(fields))),
    ("alertmanager", |fields| Kind::Alertmanager(alertmanager::Watchdog::read(fields))),
    ("datadog", |fields| Kind::Datadog(datadog::Datadog::read(fields))),
    ("dogstatsd", |fields| Kind::Dogstatsd(dogstatsd::Dogstatsd::read(fields))),
    ("otlp", |fields| Kind::Otlp(otlp::Otlp::read(fields))),
    ("url", |fields| Kind::Url(Box::new(template::Template::read(fields)))),
];

impl Kind {
    /// Its name in the config.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Healthchecks => "healthchecks",
            Self::DeadMansSnitch => "deadmanssnitch",
            Self::UptimeRobot => "uptimerobot",
            Self::UptimeKuma => "uptimekuma",
            Self::Cronitor => "cronitor",
            Self::BetterStack => "betterstack",
            Self::Pushgateway(_) => "pushgateway",
            Self::Alertmanager(_) => "alertmanager",
            Self::Datadog(_) => "datadog",
            Self::Dogstatsd(_) => "dogstatsd",
            Self::Otlp(_) => "otlp",
            Self::Url(_) => "url",
        }
    }

    /// The kind that a URL tells by its host or path; of all others, Healthchecks, which many speak like.
    pub fn of_url(url: &str) -> Self {
        let (host, path) = address::host_and_path(url);
        match host.as_str() {
            "nosnch.in" => Self::DeadMansSnitch,
            "heartbeat.uptimerobot.com" => Self::UptimeRobot,
            "cronitor.link" => Self::Cronitor,
            "uptime.betterstack.com" | "uptime.betterstackdata.com" | "betteruptime.com" => {
                Self::BetterStack
            }
            _ if path.contains("/api/push/") => Self::UptimeKuma,
            _ => Self::Healthchecks,
        }
    }

    /// Whether it can be told this.
    pub(super) fn hears(&self, part: Part) -> bool {
        use Part::{ExitCode, Fail, Log, RunId, Start, Text};
        let parts: &[Part] = match self {
            Self::Healthchecks => &[Start, Fail, Log, ExitCode, Text, RunId],
            Self::DeadMansSnitch | Self::BetterStack => &[Fail, ExitCode, Text],
            Self::UptimeRobot => &[],
            Self::Pushgateway(_) | Self::Otlp(_) => &[Fail, ExitCode],
            Self::UptimeKuma | Self::Alertmanager(_) | Self::Datadog(_) | Self::Dogstatsd(_) => {
                &[Fail, Text]
            }
            Self::Cronitor => &[Start, Fail, ExitCode, Text, RunId],
            Self::Url(template) => return template.hears(part),
        };
        parts.contains(&part)
    }

    /// Whether it answers at all.
    pub(super) fn is_answered(&self) -> bool {
        !matches!(self, Self::Dogstatsd(_))
    }

    /// How close pings of one address may come; none where no limit is told.
    pub(super) fn spacing(&self) -> Option<Duration> {
        matches!(self, Self::Healthchecks).then_some(healthchecks::SPACING)
    }

    /// Where it is when no URL is given.
    pub(super) fn usual_url(&self) -> Option<&'static str> {
        matches!(self, Self::Datadog(_)).then_some(datadog::URL)
    }

    /// What is wrong with a URL for it, in words that follow "`url`".
    pub(super) fn check_url(&self, url: &str) -> Result<(), String> {
        match self {
            Self::Healthchecks
            | Self::DeadMansSnitch
            | Self::UptimeRobot
            | Self::UptimeKuma
            | Self::Cronitor
            | Self::BetterStack
            | Self::Url(_) => address::check(url),
            Self::Pushgateway(_) | Self::Alertmanager(_) | Self::Datadog(_) | Self::Otlp(_) => {
                address::check_base(url)
            }
            Self::Dogstatsd(_) => dogstatsd::check(url),
        }
    }

    /// Tells `ping` to `url` without HTTP, where that is the way; what became of it.
    pub(super) fn tell(&self, url: &str, ping: &Ping<'_>, limit: Duration) -> Option<Answer> {
        match self {
            Self::Dogstatsd(agent) => Some(agent.send(url, ping, limit)),
            _ => None,
        }
    }

    /// The request that tells `ping` to `url`.
    pub(super) fn request(
        &self,
        heartbeat: &Heartbeat,
        url: &str,
        ping: &Ping<'_>,
        limit: Duration,
    ) -> Result<Request, String> {
        match self {
            Self::Healthchecks => healthchecks::request(url, ping, limit),
            Self::DeadMansSnitch => dead_mans_snitch::request(url, ping, limit),
            Self::UptimeRobot => uptime_robot::request(url, limit),
            Self::UptimeKuma => uptime_kuma::request(url, ping, limit),
            Self::Cronitor => cronitor::request(url, ping, limit),
            Self::BetterStack => better_stack::request(url, ping, limit),
            Self::Pushgateway(group) => group.request(url, ping, limit),
            Self::Alertmanager(watchdog) => watchdog.request(heartbeat, url, ping, limit),
            Self::Datadog(site) => site.request(url, ping, limit),
            Self::Dogstatsd(_) => Err("datagrams are not sent over HTTP".into()),
            Self::Otlp(collector) => collector.request(&heartbeat.name, url, ping, limit),
            Self::Url(template) => template.request(&heartbeat.name, url, ping, limit),
        }
    }

    /// What the answer means.
    pub(super) fn judge(&self, response: &Response) -> Answer {
        match self {
            Self::Healthchecks => healthchecks::judge(response),
            Self::DeadMansSnitch => dead_mans_snitch::judge(response),
            Self::UptimeKuma => uptime_kuma::judge(response),
            Self::UptimeRobot | Self::Cronitor | Self::BetterStack | Self::Dogstatsd(_) => {
                answer::plain(response)
            }
            Self::Pushgateway(_) => pushgateway::judge(response),
            Self::Alertmanager(_) => alertmanager::judge(response),
            Self::Datadog(_) => datadog::judge(response),
            Self::Otlp(_) => otlp::judge(response),
            Self::Url(template) => template.judge(response),
        }
    }

    /// Bytes of body that it says it keeps.
    pub(super) fn body_limit(&self, response: &Response) -> Option<usize> {
        match self {
            Self::Healthchecks => healthchecks::body_limit(response),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_tells_its_kind_by_host_or_path() {
        for (url, want) in [
            ("https://hc-ping.com/5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278", "healthchecks"),
            ("https://hc.example.org/ping/key/slug?create=1", "healthchecks"),
            ("https://NOSNCH.in/c2354d53d2", "deadmanssnitch"),
            ("https://heartbeat.uptimerobot.com/m1-2", "uptimerobot"),
            ("https://status.example.org/api/push/tok?status=up&msg=OK&ping=", "uptimekuma"),
            ("https://cronitor.link/p/key/name", "cronitor"),
            ("https://uptime.betterstack.com/api/v1/heartbeat/tok", "betterstack"),
            ("https://nosnch.in.example.org/x", "healthchecks"),
        ] {
            assert_eq!(Kind::of_url(url).name(), want, "{url}");
        }
    }
}
