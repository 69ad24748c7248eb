//! The heartbeats: when the last ping of each was accepted, by what is remembered; and where its service has an API, how
//! the check stands there. Pings none.

use crate::commands::setup::Setup;
use crate::config::Config;
use crate::heartbeat::Heartbeat;
use crate::heartbeat::healthchecks_api::{Failed, Failure, Standing as There};
use crate::model::finding::{Finding, Standing};
use crate::model::text::{human_duration, one_line};
use crate::model::time::lapse;
use crate::store::Dir;
use crate::store::events::{self, Event, Kind};
use crate::sys::clock::Deadline;

use super::Part;

/// So many pings are looked through.
const PINGS: usize = 2000;

/// What is remembered of each.
pub(super) fn remembered(setup: &Setup, config: &Config) -> Vec<Finding> {
    let dir = setup.state_path().ok().and_then(|path| Dir::existing(&path).ok().flatten());
    let pings = dir.map_or_else(Vec::new, |dir| events::recent_of(&dir, Kind::Ping, PINGS));
    config.heartbeats.iter().map(|heartbeat| last(setup, heartbeat, &pings)).collect()
}

fn last(setup: &Setup, heartbeat: &Heartbeat, pings: &[Event]) -> Finding {
    let name = &heartbeat.name;
    let about = about(heartbeat);
    let hint = format!("see what it answers: `miraclemax ping '{}'`", one_line(name, 60));
    let mine = || pings.iter().rev().filter(|ping| ping.service == *name);
    let taken = |ping: &&Event| ping.fields.get("accepted").is_some_and(|word| word == "true");
    let latest = mine().next().filter(|ping| !taken(ping));
    let refused = latest.map(|ping| format!("; the last was {}", one_line(&ping.text, 200)));
    let Some(ping) = mine().find(taken) else {
        let said = match refused {
            Some(refused) => format!("no ping of it was ever accepted{refused}"),
            None => "it was never pinged: it alerts nobody".to_owned(),
        };
        return Finding::critical(about, said).hint(hint);
    };
    let age = lapse(ping.at, setup.now.wall);
    let word = ping.fields.get("signal").map_or("", String::as_str);
    let by = match ping.fields.get("by").map(String::as_str) {
        Some("") | None => String::new(),
        Some(by) => format!(" by {}", one_line(by, 80)),
    };
    let said = format!(
        "the last ping ({}) was accepted{by} {} ago",
        one_line(word, 20),
        human_duration(age)
    );
    let Some(period) = heartbeat.period else {
        return match refused {
            Some(refused) => Finding::warning(about, format!("{said}{refused}")).hint(hint),
            None => Finding::ok(about, said),
        };
    };
    let allowed = period.saturating_add(heartbeat.grace.unwrap_or_default());
    let refused = refused.unwrap_or_default();
    if age > allowed {
        let said = format!("{said}, and it alerts after {}{refused}", human_duration(allowed));
        Finding::critical(about, said).hint(hint)
    } else if age > period || !refused.is_empty() {
        let said = format!("{said}, and it expects one every {}{refused}", human_duration(period));
        Finding::warning(about, said).hint(hint)
    } else {
        Finding::ok(about, said)
    }
}

/// A part for each that has an API.
pub(super) fn parts(config: &Config, by: Deadline) -> Vec<Part> {
    let with_api = config.heartbeats.iter().filter(|heartbeat| heartbeat.has_api());
    let part = |heartbeat: &Heartbeat| {
        let heartbeat = heartbeat.clone();
        Part::new(about(&heartbeat), move || there(&heartbeat, by))
    };
    with_api.map(part).collect()
}

/// As `ping --verify` reads it back.
fn there(heartbeat: &Heartbeat, by: Deadline) -> Vec<Finding> {
    let about = about(heartbeat);
    let host = heartbeat.api_host();
    let verify = format!("`miraclemax ping --verify '{}'`", one_line(&heartbeat.name, 60));
    let check = match heartbeat.read_back(by) {
        Ok(check) => check,
        Err(failed) => return vec![not_read(about, &host, &failed, &verify)],
    };
    let standing = match check.standing() {
        There::Up => Standing::Ok,
        There::Silent | There::Late => Standing::Warning,
        There::Down => Standing::Critical,
        There::Unknown => Standing::Unknown,
    };
    let said = format!("{} at {host}, {}", check.status(), check.rhythm());
    let warnings = check.findings(heartbeat);
    if warnings.is_empty() {
        let finding = Finding::new(about, standing, said);
        return vec![if standing == Standing::Ok { finding } else { finding.hint(verify) }];
    }
    let warning = |why: &String| {
        let standing = standing.min(Standing::Warning);
        Finding::new(about.clone(), standing, format!("at {host}: {why}"))
            .hint(format!("{verify}; `miraclemax ping --register` sets it as it is configured"))
    };
    warnings.iter().map(warning).collect()
}

fn not_read(about: String, host: &str, failed: &Failed, verify: &str) -> Finding {
    let said = format!("{host}: {}", one_line(&failed.why, 300));
    let finding = match failed.what {
        Failure::Config | Failure::Gone => Finding::critical(about, said),
        Failure::Refused | Failure::Unanswered => Finding::unknown(about, said),
    };
    let hint = failed.hint.as_ref().map(|hint| one_line(hint, 300));
    finding.hint(hint.unwrap_or_else(|| verify.to_owned()))
}

fn about(heartbeat: &Heartbeat) -> String {
    format!("heartbeat {}", one_line(&heartbeat.name, 60))
}
