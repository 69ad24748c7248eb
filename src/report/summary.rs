//! How things stand, for those who want to hear it every day or week: what it comes to in a few words, and line by line
//! what was seen since the last time. Says nothing that was not counted.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::state::{ServiceState, Status};
use crate::model::text::{human_duration, one_line, plural};

/// The most that is said of what happened to the host.
const HAPPENINGS: usize = 10;

/// What a summary is made of.
#[derive(Debug)]
pub struct Standing<'a> {
    /// From when on it is counted.
    pub from: Timestamp,
    /// Until when.
    pub now: Timestamp,
    /// The services, in the order of the config.
    pub services: Vec<Counted<'a>>,
    /// Complete cycles since.
    pub cycles: Option<u64>,
    /// Load, memory and disk, as they were seen last.
    pub host_line: &'a str,
    /// Of each heartbeat: its name, whether its last ping was accepted, and the words for that.
    pub heartbeats: Vec<(String, bool, String)>,
    /// Messages that wait for a channel, and those that were given up on since.
    pub waiting: usize,
    /// See `waiting`.
    pub lost: usize,
    /// The holds in force, in words.
    pub holds: Vec<String>,
    /// What happened to the host since, in words.
    pub happened: Vec<&'a str>,
}

/// One service.
#[derive(Debug)]
pub struct Counted<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is believed of it; none when it was never looked at.
    pub state: Option<&'a ServiceState>,
    /// How often it went down.
    pub outages: usize,
    /// For how long in all.
    pub lasted: Duration,
    /// How often it was healed.
    pub heals: usize,
}

impl Counted<'_> {
    /// Worst first.
    fn rank(&self) -> u8 {
        match self.state.map(|state| state.status) {
            Some(Status::Failed) => 0,
            Some(Status::Down) => 1,
            Some(Status::Suspect) => 2,
            None | Some(Status::New) => 3,
            Some(Status::Up) if self.outages > 0 => 4,
            Some(Status::Up) => 5,
        }
    }

    fn is_down(&self) -> bool {
        self.rank() < 2
    }

    fn line(&self) -> String {
        let name = self.name;
        let Some(state) = self.state else { return format!("{name}: never looked at") };
        let status = match state.status {
            Status::Up => "up".to_owned(),
            status => {
                let why = one_line(state.verdict.reason(), 200);
                let why = if why.is_empty() { why } else { format!(" ({why})") };
                format!("{}{why}", status.word().to_uppercase())
            }
        };
        let mut parts = vec![status];
        if self.outages > 0 {
            parts.push(format!("went down {}", plural(self.outages, "time")));
        }
        if !self.lasted.is_zero() {
            parts.push(format!("down for {} in all", human_duration(self.lasted)));
        }
        if self.heals > 0 {
            parts.push(format!("healed {}", plural(self.heals, "time")));
        }
        if let Some(held) = &state.held {
            parts.push(one_line(held, 120));
        }
        format!("{name}: {}", parts.join(", "))
    }
}

/// What it comes to: `7 services up`, `2 of 7 services down: web, db`.
pub fn headline(standing: &Standing) -> String {
    let (all, word) = (standing.services.len(), "service");
    let down: Vec<&str> =
        standing.services.iter().filter(|it| it.is_down()).map(|it| it.name).collect();
    let up = standing.services.iter().filter(|it| it.rank() > 3).count();
    match (down.len(), up == all) {
        (0, true) => format!("{} up", plural(all, word)),
        (0, false) => format!("{up} of {} up, none known to be down", plural(all, word)),
        (count, _) => {
            let names = one_line(&down.join(", "), 40);
            format!("{count} of {} down: {names}", plural(all, word))
        }
    }
}

/// Line by line.
pub fn lines(standing: &Standing) -> Vec<String> {
    let at = |time: Timestamp| time.strftime("%F %H:%MZ").to_string();
    let cycles = match standing.cycles {
        Some(cycles) => {
            format!(
                ": all services were looked at {}",
                plural(cycles.try_into().unwrap_or(usize::MAX), "time")
            )
        }
        None => String::new(),
    };
    let mut lines = vec![format!("From {} to {}{cycles}.", at(standing.from), at(standing.now))];
    let mut services: Vec<&Counted> = standing.services.iter().collect();
    services.sort_by_key(|service| service.rank());
    let (calm, rest): (Vec<&Counted>, Vec<&Counted>) =
        services.into_iter().partition(|it| it.rank() == 5 && it.lasted.is_zero() && it.heals == 0);
    lines.extend(rest.iter().map(|service| format!("* {}", service.line())));
    if !calm.is_empty() {
        let names: Vec<&str> = calm.iter().map(|service| service.name).collect();
        lines.push(format!("* up all the time: {}", names.join(", ")));
    }
    if !standing.host_line.is_empty() {
        lines.push(format!("Host: {}", standing.host_line));
    }
    for (name, accepted, last) in &standing.heartbeats {
        let mark = if *accepted { "Heartbeat" } else { "HEARTBEAT" };
        lines.push(format!("{mark} {name}: {last}"));
    }
    if standing.waiting > 0 {
        lines.push(format!("UNSENT: {} for a channel", waits(standing.waiting)));
    }
    if standing.lost > 0 {
        lines.push(format!("NOT TOLD: {} given up on", plural(standing.lost, "message")));
    }
    lines.extend(standing.holds.iter().map(|hold| format!("Held: {hold}")));
    let skipped = standing.happened.len().saturating_sub(HAPPENINGS);
    lines.extend(standing.happened[skipped..].iter().map(|text| format!("Noticed: {text}")));
    lines
}

fn waits(count: usize) -> String {
    if count == 1 { "1 message waits".into() } else { format!("{count} messages wait") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Stamp;
    use crate::model::verdict::Verdict;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + secs).unwrap() // 2026-01-01 00:00
    }

    fn state(status: Status, verdict: Verdict) -> ServiceState {
        let stamp = Stamp { wall: at(0), boot: "b".into(), since_boot_ms: 0 };
        ServiceState { status, verdict, ..ServiceState::new(stamp) }
    }

    fn counted<'a>(name: &'a str, state: Option<&'a ServiceState>, outages: usize) -> Counted<'a> {
        let lasted = Duration::from_secs(90 * u64::try_from(outages).unwrap());
        Counted { name, state, outages, lasted, heals: outages }
    }

    fn standing(services: Vec<Counted<'_>>) -> Standing<'_> {
        Standing {
            from: at(0),
            now: at(86_400),
            services,
            cycles: Some(288),
            host_line: "load 0.1",
            heartbeats: vec![("hc".into(), false, "not accepted: 404".into())],
            waiting: 1,
            lost: 2,
            holds: vec!["web until 14:20Z by root".into()],
            happened: vec!["the host slept for 4h"],
        }
    }

    #[test]
    fn what_is_wrong_comes_first_and_what_was_calm_is_one_line() {
        let (up, failed) = (
            state(Status::Up, Verdict::Up),
            state(Status::Failed, Verdict::Down("refused".into())),
        );
        let it = standing(vec![
            counted("a", Some(&up), 0),
            counted("b", Some(&up), 2),
            counted("c", Some(&failed), 1),
            counted("d", None, 0),
            counted("e", Some(&up), 0),
        ]);
        assert_eq!(headline(&it), "1 of 5 services down: c");
        assert_eq!(
            lines(&it),
            [
                "From 2026-01-01 00:00Z to 2026-01-02 00:00Z: all services were looked at 288 times.",
                "* c: FAILED (refused), went down 1 time, down for 1m 30s in all, healed 1 time",
                "* d: never looked at",
                "* b: up, went down 2 times, down for 3m in all, healed 2 times",
                "* up all the time: a, e",
                "Host: load 0.1",
                "HEARTBEAT hc: not accepted: 404",
                "UNSENT: 1 message waits for a channel",
                "NOT TOLD: 2 messages given up on",
                "Held: web until 14:20Z by root",
                "Noticed: the host slept for 4h",
            ]
        );
    }

    #[test]
    fn all_is_well_only_where_all_was_seen_up() {
        let up = state(Status::Up, Verdict::Up);
        for (services, want) in [
            (vec![counted("a", Some(&up), 0)], "1 service up"),
            (vec![counted("a", Some(&up), 3), counted("b", Some(&up), 0)], "2 services up"),
            (
                vec![counted("a", Some(&up), 0), counted("b", None, 0)],
                "1 of 2 services up, none known to be down",
            ),
        ] {
            assert_eq!(headline(&standing(services)), want);
        }
    }
}
