//! The text of a ping: what a person reads at the dead man's switch, and perhaps all that is left of a host.
//! The first line is the one that its predecessor sent; the rest says what it rests on. Worst first, bounded,
//! every line made safe. Claims nothing that the caller did not bring.

use std::fmt::Write;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::text::{human_duration, one_line, plural};

/// More services than this are counted, not listed: in the first line, where a name is short.
const NAMED: usize = 10;
/// More than this are counted, not listed, in the lines below.
const LISTED: usize = 25;
/// More channels than this are not in the first line.
const CHANNELS: usize = 3;
/// Characters kept of one reason.
const REASON: usize = 200;
/// Characters kept of one name.
const NAME: usize = 60;

/// Bytes of the whole: less than any server keeps, so that none cuts it.
const MOST: usize = 8000;

/// What a ping has to say.
#[derive(Debug, Clone, Default)]
pub struct Body {
    /// The host's name.
    pub host: String,
    /// How many services are configured.
    pub services: usize,
    /// Those that are not well, in any order.
    pub issues: Vec<Issue>,
    /// Load, memory and disk: `load:0.42 mem:41% disk:63%`; empty when not known.
    pub host_line: String,
    /// The last cycle that looked at every configured service; none when none ever did.
    pub cycle: Option<LastCycle>,
    /// Why all being well cannot be claimed, whatever the services say.
    pub doubt: Option<Doubt>,
    /// What hands are kept off: `web until 14:20Z by root (deploy)`.
    pub held: Vec<String>,
    /// The first problem of the config on disk, while it is broken and the last good one is in use.
    pub config_broken: Option<String>,
    /// Notifications that no channel has taken yet.
    pub waiting: usize,
    /// The channels that take nothing: the name, and since when and why in words.
    pub unreached: Vec<(String, String)>,
    /// No channel takes anything, so that an outage would be told to nobody.
    pub nobody: bool,
}

/// A service that is not well.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Its name.
    pub service: String,
    /// Its status in one word: `down`, `failed`, `suspect`, `unknown` …
    pub status: &'static str,
    /// How bad it is; decides the order, and whether the first line names it.
    pub weight: Weight,
    /// Why, in words.
    pub reason: String,
    /// How long it has been so, when that is known.
    pub lasted: Option<Duration>,
}

/// How bad an issue is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// A critical service is down.
    Critical,
    /// Another service is down.
    Down,
    /// It could not be found out.
    Unknown,
    /// Worth a line, no reason to fail: suspect, held, left alone.
    Note,
}

/// A complete cycle.
#[derive(Debug, Clone)]
pub struct LastCycle {
    /// When it finished, by the wall clock.
    pub finished: Timestamp,
    /// How long ago that was.
    pub age: Duration,
    /// How long it took.
    pub took: Duration,
    /// Which command ran it: `check` or `heal`.
    pub command: String,
}

/// Why all being well cannot be claimed.
#[derive(Debug, Clone)]
pub struct Doubt {
    /// In one word for the first line: `STALE`, `NEVER`, `PARTIAL` …
    pub word: &'static str,
    /// In words: `the last complete cycle is 47m old, 20m are allowed`.
    pub why: String,
}

impl Body {
    /// True when the first line says `ALL_OK`.
    pub fn is_ok(&self) -> bool {
        self.doubt.is_none()
            && !self.nobody
            && self.issues.iter().all(|issue| issue.weight == Weight::Note)
    }

    /// The whole text, newline at its end; at most 8000 bytes.
    pub fn text(&self) -> String {
        let mut issues: Vec<_> = self.issues.iter().collect();
        issues.sort_by(|a, b| (a.weight, &a.service).cmp(&(b.weight, &b.service)));
        let mut out = self.first_line(&issues);
        let mut line = |text: String| {
            out.push('\n');
            out.push_str(&text);
        };
        line(format!("host: {}", one_line(&self.host, NAME)));
        if let Some(doubt) = &self.doubt {
            line(format!("all well is not claimed: {}", one_line(&doubt.why, REASON)));
        }
        for issue in issues.iter().take(LISTED) {
            line(issue.line());
        }
        if issues.len() > LISTED {
            line(format!("… and {} more", issues.len() - LISTED));
        }
        for held in self.held.iter().take(NAMED) {
            line(format!("held: {}", one_line(held, REASON)));
        }
        line(format!("checked: {}, {} not well", plural(self.services, "service"), issues.len()));
        line(
            self.cycle
                .as_ref()
                .map_or_else(|| "last complete cycle: never".into(), LastCycle::line),
        );
        if let Some(problem) = &self.config_broken {
            let problem = one_line(problem, REASON);
            line(format!("the config is broken, the last good one is in use: {problem}"));
        }
        if self.nobody {
            line("nobody can be told of an outage: no channel takes letters".into());
        }
        for (_, words) in self.unreached.iter().take(NAMED) {
            line(format!("not reached: {}", one_line(words, REASON)));
        }
        if self.waiting > 0 {
            line(format!("{} waiting to be delivered", plural(self.waiting, "notification")));
        }
        while out.len() >= MOST {
            out.pop();
        }
        out.push('\n');
        out
    }

    /// `ALL_OK services:4 load:…` or `ISSUES services_down:1 web:DOWN load:…`.
    fn first_line(&self, sorted: &[&Issue]) -> String {
        let mut out = if self.is_ok() {
            format!("ALL_OK services:{}", self.services)
        } else {
            let down = sorted.iter().filter(|issue| issue.weight <= Weight::Down).count();
            format!("ISSUES services_down:{down}")
        };
        // Writing to a string cannot fail.
        if let Some(doubt) = &self.doubt {
            let _ = write!(out, " cycle:{}", doubt.word);
        }
        let named: Vec<_> = sorted.iter().filter(|issue| issue.weight != Weight::Note).collect();
        for issue in named.iter().take(NAMED) {
            let name = one_line(&issue.service, NAME).replace(' ', "_");
            let _ = write!(out, " {name}:{}", issue.status.to_uppercase());
        }
        if named.len() > NAMED {
            let _ = write!(out, " and_more:{}", named.len() - NAMED);
        }
        if !self.held.is_empty() {
            let _ = write!(out, " holds:{}", self.held.len());
        }
        if self.config_broken.is_some() {
            out.push_str(" config:BROKEN");
        }
        for (channel, _) in self.unreached.iter().take(CHANNELS) {
            let _ = write!(out, " channel:{}:BROKEN", one_line(channel, NAME).replace(' ', "_"));
        }
        if !self.host_line.is_empty() {
            let _ = write!(out, " {}", one_line(&self.host_line, REASON));
        }
        out
    }
}

impl Issue {
    fn line(&self) -> String {
        let since = self.lasted.map(|d| format!(" for {}", human_duration(d))).unwrap_or_default();
        let critical = if self.weight == Weight::Critical { ", critical" } else { "" };
        let (name, reason) = (one_line(&self.service, NAME), one_line(&self.reason, REASON));
        let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        format!("{name} is {}{since}{critical}{why}", self.status)
    }
}

impl LastCycle {
    fn line(&self) -> String {
        format!(
            "last complete cycle: {} ({} ago, by `{}`, took {})",
            self.finished.strftime("%Y-%m-%dT%H:%M:%SZ"),
            human_duration(self.age),
            one_line(&self.command, NAME),
            human_duration(self.took)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(service: &str, status: &'static str, weight: Weight, reason: &str) -> Issue {
        let lasted = Some(Duration::from_secs(125));
        Issue { service: service.into(), status, weight, reason: reason.into(), lasted }
    }

    fn body(issues: Vec<Issue>) -> Body {
        Body {
            host: "miraclemax".into(),
            services: 4,
            issues,
            host_line: "load:0.42 mem:41% disk:63%".into(),
            cycle: Some(LastCycle {
                finished: "2026-01-02T03:04:05.678Z".parse().unwrap(),
                age: Duration::from_secs(70),
                took: Duration::from_millis(2300),
                command: "heal".into(),
            }),
            ..Body::default()
        }
    }

    #[test]
    fn all_well_reads_like_this() {
        assert_eq!(
            body(vec![]).text(),
            "ALL_OK services:4 load:0.42 mem:41% disk:63%\n\
             host: miraclemax\n\
             checked: 4 services, 0 not well\n\
             last complete cycle: 2026-01-02T03:04:05Z (1m 10s ago, by `heal`, took 2.3s)\n"
        );
    }

    #[test]
    fn the_worst_comes_first_and_says_why() {
        let text = Body {
            config_broken: Some("config.toml:3:1: service has no key `cooldwon`".into()),
            waiting: 1,
            ..body(vec![
                issue("cache", "suspect", Weight::Note, "one miss"),
                issue("proxy", "unknown", Weight::Unknown, "no right to ask"),
                issue("blog", "down", Weight::Down, "HTTP 500"),
                issue("web", "failed", Weight::Critical, "nobody listens on port 8080"),
            ])
        }
        .text();
        assert_eq!(
            text,
            "ISSUES services_down:2 web:FAILED blog:DOWN proxy:UNKNOWN config:BROKEN load:0.42 mem:41% disk:63%\n\
             host: miraclemax\n\
             web is failed for 2m 5s, critical: nobody listens on port 8080\n\
             blog is down for 2m 5s: HTTP 500\n\
             proxy is unknown for 2m 5s: no right to ask\n\
             cache is suspect for 2m 5s: one miss\n\
             checked: 4 services, 4 not well\n\
             last complete cycle: 2026-01-02T03:04:05Z (1m 10s ago, by `heal`, took 2.3s)\n\
             the config is broken, the last good one is in use: config.toml:3:1: service has no key `cooldwon`\n\
             1 notification waiting to be delivered\n"
        );
    }

    #[test]
    fn doubt_alone_is_an_issue_and_a_note_alone_is_not() {
        let doubt = |word, why: &str| Some(Doubt { word, why: why.into() });
        for (doubt, issues, want) in [
            (None, vec![issue("a", "suspect", Weight::Note, "")], "ALL_OK services:4 load:0.42"),
            (doubt("STALE", "47m old"), vec![], "ISSUES services_down:0 cycle:STALE load:0.42"),
            (doubt("NEVER", "no cycle"), vec![], "ISSUES services_down:0 cycle:NEVER load:0.42"),
            (
                None,
                vec![issue("a", "unknown", Weight::Unknown, "")],
                "ISSUES services_down:0 a:UNKNOWN",
            ),
        ] {
            let body = Body { doubt, ..body(issues) };
            assert!(body.text().starts_with(want), "{}", body.text());
            assert_eq!(body.is_ok(), want.starts_with("ALL_OK"));
        }
        let never =
            Body { cycle: None, doubt: doubt("NEVER", "no cycle has finished"), ..body(vec![]) };
        assert!(never.text().contains("all well is not claimed: no cycle has finished"));
        assert!(never.text().contains("last complete cycle: never"));
    }

    #[test]
    fn a_channel_that_takes_nothing_is_named_and_fails_the_ping_only_where_none_does() {
        let one = ("telegram:-1001".to_owned(), "telegram:-1001 since 02:10: 401".to_owned());
        for (nobody, ok, first, more) in [
            (false, true, "ALL_OK services:4 channel:telegram:-1001:BROKEN load:0.42", ""),
            (
                true,
                false,
                "ISSUES services_down:0 channel:telegram:-1001:BROKEN load:0.42",
                "nobody can be told of an outage: no channel takes letters\n",
            ),
        ] {
            let body = Body { unreached: vec![one.clone()], nobody, ..body(vec![]) };
            let text = body.text();
            assert!(text.starts_with(first) && body.is_ok() == ok, "{text}");
            let end = format!("{more}not reached: telegram:-1001 since 02:10: 401\n");
            assert!(text.ends_with(&end), "{text}");
        }
    }

    #[test]
    fn it_is_bounded_and_hostile_text_stays_on_its_line() {
        let evil = "x\nALL_OK services:9\u{1b}[2J".repeat(500);
        let issues = (0..500).map(|n| issue(&format!("{n} {evil}"), "down", Weight::Down, &evil));
        let text =
            Body { host: evil.clone(), host_line: evil.clone(), ..body(issues.collect()) }.text();
        assert!(text.len() <= MOST, "{}", text.len());
        assert_eq!(text.lines().filter(|line| line.starts_with("ALL_OK")).count(), 0, "{text}");
        assert!(text.contains("and_more:490") && !text.contains('\u{1b}'), "{text}");

        let many = (0..100).map(|n| issue(&format!("s{n:03}"), "down", Weight::Down, "refused"));
        let text = body(many.collect()).text();
        assert!(text.contains("s024 is down") && !text.contains("s025 is down"), "{text}");
        assert!(text.contains("\n… and 75 more\nchecked: 4 services, 100 not well\n"), "{text}");
    }
}
