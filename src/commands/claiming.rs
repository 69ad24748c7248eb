//! What the state allows to be claimed, for one heartbeat: the signal, the text, and the facts behind them. Sends
//! nothing and changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::commands::fresh::Remembered;
use crate::commands::setup::{Configured, Setup};
use crate::commands::unreached;
use crate::heartbeat::{Facts, Health, Heartbeat, Reports, Signal};
use crate::judge::severity::{Severity, of_service};
use crate::model::state::Status;
use crate::model::time::Now;
use crate::report::ping::{Body, Doubt, Issue, LastCycle, Weight};
use crate::report::services::Shown;
use crate::store::holds::Kept;
use crate::store::outbox;
use crate::sys::host;

/// What is said to one heartbeat.
pub(super) struct Claim {
    pub(super) signal: Signal,
    pub(super) text: String,
    /// None where the signal was asked for and rests on nothing.
    pub(super) facts: Option<Facts>,
}

impl Claim {
    /// The line that says most of its text.
    pub(super) fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

/// What `remembered` allows to claim to `heartbeat`. A heartbeat of some services speaks of these alone; one for
/// liveness succeeds while the healer's cycles are fresh and complete, whatever is down.
pub(super) fn claim(
    setup: &Setup,
    configured: &Configured,
    remembered: &Remembered,
    heartbeat: &Heartbeat,
) -> Claim {
    let wanted = |name: &str| {
        heartbeat.services.is_empty() || heartbeat.services.iter().any(|(one, _)| one == name)
    };
    let mut body = body(setup, configured, remembered, &wanted);
    // One of some services speaks of these alone.
    body.nobody &= heartbeat.services.is_empty();
    let well = match heartbeat.reports {
        Reports::Health => body.is_ok(),
        Reports::Liveness => body.doubt.is_none(),
    };
    let signal = if well { Signal::Success } else { Signal::Fail };
    let services = configured.config.services.iter().filter(|service| wanted(&service.name));
    let services = services.map(|service| {
        let known = remembered.state.services.get(&service.name);
        (service.name.clone(), health(of_service(known, service.critical)))
    });
    let cycle = remembered.state.cycle.as_ref();
    let facts = Facts {
        host: body.host.clone(),
        services: services.collect(),
        cycle: cycle.map(|cycle| (cycle.finished.wall, Duration::from_millis(cycle.took_ms))),
    };
    Claim { signal, text: body.text(), facts: Some(facts) }
}

fn health(severity: Severity) -> Health {
    match severity {
        Severity::Ok => Health::Ok,
        Severity::Warning => Health::Warning,
        Severity::Critical => Health::Critical,
        Severity::Unknown => Health::Unknown,
    }
}

fn body(
    setup: &Setup,
    configured: &Configured,
    remembered: &Remembered,
    wanted: &dyn Fn(&str) -> bool,
) -> Body {
    let state = &remembered.state;
    let cycle = state.cycle.as_ref();
    let issues =
        state.services.iter().filter(|(name, _)| wanted(name)).filter_map(|(name, known)| {
            let shown = Shown::of(name, known, remembered.critical(name), false, &setup.now);
            let held = known.held.is_some();
            let weight = match (of_service(Some(known), shown.critical), known.verdict.is_up()) {
                (Severity::Ok, _) => return None,
                (Severity::Unknown, _) => Weight::Unknown,
                (Severity::Critical, _) => Weight::Critical,
                (Severity::Warning, _)
                    if !held && matches!(known.status, Status::Down | Status::Failed) =>
                {
                    Weight::Down
                }
                (Severity::Warning, _) => Weight::Note,
            };
            Some(Issue {
                service: name.clone(),
                status: shown.status,
                weight,
                reason: shown.reason,
                lasted: Some(Duration::from_secs(shown.for_seconds)),
            })
        });
    let known = remembered.dir.as_ref().map(|dir| unreached::known(dir, &setup.now));
    let channels = &configured.config.notify;
    let mut broken = known.unwrap_or_default();
    broken.retain(|one| channels.iter().any(|channel| channel.name == one.channel));
    Body {
        nobody: !channels.is_empty() && broken.len() == channels.len(),
        unreached: broken
            .into_iter()
            .map(|one| (one.channel.clone(), one.words(&TimeZone::UTC)))
            .collect(),
        host: host::name(),
        services: configured.config.services.iter().filter(|one| wanted(&one.name)).count(),
        issues: issues.collect(),
        host_line: host::line(),
        cycle: cycle.map(|cycle| LastCycle {
            finished: cycle.finished.wall,
            age: setup.now.elapsed(&cycle.finished),
            took: Duration::from_millis(cycle.took_ms),
            command: cycle.command.clone(),
        }),
        doubt: remembered.doubt().map(|(word, why)| Doubt { word, why }),
        held: held_lines(remembered, &setup.now),
        config_broken: configured.headline(),
        waiting: remembered.dir.as_ref().map_or(0, |dir| outbox::waiting(dir).entries.len()),
    }
}

/// What hands are kept off, and until when: a line a hold, and a line for the services of each window.
fn held_lines(remembered: &Remembered, now: &Now) -> Vec<String> {
    let line = |kept: &Kept| format!("{} {}", kept.hold.what(), kept.hold.words(now));
    let mut lines: Vec<String> = remembered.holds.iter().map(line).collect();
    let mut windows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, state) in &remembered.state.services {
        if let Some(why) = state.held.as_deref().filter(|why| !why.starts_with("held ")) {
            windows.entry(why).or_default().push(name);
        }
    }
    lines.extend(windows.into_iter().map(|(why, names)| format!("{} {why}", names.join(", "))));
    lines
}
