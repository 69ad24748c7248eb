//! `ping`: what the state allows to be claimed is told to the dead man's switches. A ping that fails never changes
//! what it reports on.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::cli::{Format, Ping};
use crate::commands::fresh::{self, Remembered};
use crate::commands::setup::{Configured, Setup};
use crate::commands::switches::{LIMIT, body, pick, settled};
use crate::heartbeat::{self, Heartbeat, Pinged, Signal};
use crate::judge::severity::{Severity, of_service};
use crate::model::state::Status;
use crate::model::time::Now;
use crate::outcome::Outcome;
use crate::report::ping::{Body, Doubt, Issue, LastCycle, Weight};
use crate::report::services::Shown;
use crate::store::holds::Kept;
use crate::store::outbox;
use crate::sys::host;

/// Pings all heartbeats, or the named one.
pub(super) fn run(setup: &Setup, args: &Ping) -> Result<Outcome> {
    let configured = setup.config()?;
    setup.warn_broken(&configured);
    let heartbeats = pick(&configured, args.name.as_deref())?;
    let (signal, body) = match given(args) {
        Some(signal) => (signal, body(args)?.unwrap_or_default()),
        None => claim(setup, &configured, body(args)?)?,
    };
    tell(setup, &heartbeats, signal, &body, args)
}

/// The signal that was asked for on the command line.
fn given(args: &Ping) -> Option<Signal> {
    match args {
        Ping { start: true, .. } => Some(Signal::Start),
        Ping { fail: true, .. } => Some(Signal::Fail),
        Ping { log: true, .. } => Some(Signal::Log),
        Ping { exit_code: Some(code), .. } => Some(Signal::ExitCode(*code)),
        _ => None,
    }
}

/// What the state allows to be claimed, and the text that says so.
fn claim(
    setup: &Setup,
    configured: &Configured,
    extra: Option<String>,
) -> Result<(Signal, String)> {
    let remembered = fresh::remember(setup, Some(configured), None)?;
    let report = report(configured, &remembered, setup);
    let signal = if report.is_ok() { Signal::Success } else { Signal::Fail };
    let mut text = report.text();
    if let Some(extra) = extra {
        text.push_str(&format!("\n{extra}\n"));
    }
    Ok((signal, text))
}

fn report(configured: &Configured, remembered: &Remembered, setup: &Setup) -> Body {
    let state = &remembered.state;
    let cycle = state.cycle.as_ref();
    let issues = state.services.iter().filter_map(|(name, known)| {
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
    Body {
        host: host::name(),
        services: configured.config.services.len(),
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

fn tell(
    setup: &Setup,
    heartbeats: &[&Heartbeat],
    signal: Signal,
    body: &str,
    args: &Ping,
) -> Result<Outcome> {
    let deadline = setup.deadline(None).within(LIMIT);
    let say = |_| heartbeat::Ping { rid: args.rid, ..heartbeat::Ping::new(signal, body) };
    let pinged = heartbeat::ping_all(heartbeats, &say, deadline);
    let mut outcome = Outcome::Ok;
    let mut text = String::new();
    for (heartbeat, pinged) in heartbeats.iter().zip(&pinged) {
        if settled(setup, heartbeat, signal, pinged) {
            text.push_str(&format!(
                "{}: {} accepted by {}\n",
                heartbeat.name,
                signal.word(),
                pinged.by
            ));
        } else {
            outcome = Outcome::Critical;
        }
    }
    let first = body.lines().next().unwrap_or_default();
    if args.format == Format::Json {
        setup.screen.data(&as_json(heartbeats, &pinged, signal, first))?;
        return Ok(outcome);
    }
    if signal == Signal::Fail && !first.is_empty() {
        text.push_str(&format!("{first}\n"));
    }
    if !setup.screen.quiet {
        setup.screen.data(&text)?;
    }
    Ok(outcome)
}

fn as_json(heartbeats: &[&Heartbeat], pinged: &[Pinged], signal: Signal, first: &str) -> String {
    let each = heartbeats.iter().zip(pinged).map(|(heartbeat, pinged)| {
        json!({
            "name": heartbeat.name,
            "accepted": pinged.accepted,
            "by": pinged.by,
            "answer": pinged.answer,
            "tries": pinged.tries,
            "took_ms": u64::try_from(pinged.took.as_millis()).unwrap_or(u64::MAX),
        })
    });
    let all = json!({
        "signal": signal.word(),
        "said": first,
        "heartbeats": each.collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}
