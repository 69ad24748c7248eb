//! `ping`: what the state allows to be claimed is told to the dead man's switches; or a job is run and its end
//! told. A ping that fails never changes what it reports on.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result};
use uuid::Uuid;

use crate::cli::Ping;
use crate::commands::fresh::{self, Remembered};
use crate::commands::setup::{Configured, Setup};
use crate::heartbeat::{self, Heartbeat, Pinged, Signal};
use crate::judge::severity::{Severity, of_service};
use crate::model::state::Status;
use crate::model::text::{nearest, one_line};
use crate::model::time::Now;
use crate::outcome::{Outcome, Refusal};
use crate::report::ping::{Body, Doubt, Issue, LastCycle, Weight};
use crate::report::services::Shown;
use crate::store::events::{self, Event, Kind};
use crate::store::holds::Kept;
use crate::store::{Dir, outbox};
use crate::sys::clock::Deadline;
use crate::sys::host;
use crate::sys::job::{Job, JobEnded};

/// Bound on all pings of a run together, retries included.
const LIMIT: Duration = Duration::from_secs(45);
/// Most that is read of a body from standard input.
const BODY: u64 = 1 << 20;

/// Pings all heartbeats, or the named one.
pub(super) fn run(setup: &Setup, args: &Ping) -> Result<Outcome> {
    let configured = setup.config()?;
    setup.warn_broken(&configured);
    let heartbeats = pick(&configured, args.name.as_deref())?;
    if !args.job.is_empty() {
        return wrap(setup, &heartbeats, args);
    }
    let (signal, body) = match given(args) {
        Some(signal) => (signal, body(args)?.unwrap_or_default()),
        None => claim(setup, &configured, body(args)?)?,
    };
    tell(setup, &heartbeats, signal, &body, args.rid)
}

fn pick<'c>(configured: &'c Configured, name: Option<&str>) -> Result<Vec<&'c Heartbeat>> {
    let all = &configured.config.heartbeats;
    if all.is_empty() {
        let refusal = Refusal::new(Outcome::Config, "no heartbeat is configured");
        return Err(refusal
            .hint("add a [[heartbeat]] with `name` and `url_file`; see miraclemax-config(5)")
            .into());
    }
    let Some(name) = name else { return Ok(all.iter().collect()) };
    if let Some(heartbeat) = all.iter().find(|heartbeat| heartbeat.name == name) {
        return Ok(vec![heartbeat]);
    }
    let refusal =
        Refusal::new(Outcome::Usage, format!("there is no heartbeat `{}`", one_line(name, 80)));
    let names = all.iter().map(|heartbeat| heartbeat.name.as_str());
    Err(match nearest(name, names.clone()) {
        Some(near) => refusal.hint(format!("did you mean `{near}`?")),
        None => refusal.hint(format!(
            "the configured heartbeats are: {}",
            names.collect::<Vec<_>>().join(", ")
        )),
    }
    .into())
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

fn body(args: &Ping) -> Result<Option<String>> {
    let Some(body) = &args.body else { return Ok(None) };
    if body != "-" {
        return Ok(Some(body.clone()));
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(BODY)
        .read_to_end(&mut bytes)
        .context("cannot read the body from standard input")?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
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
    rid: Option<Uuid>,
) -> Result<Outcome> {
    let deadline = setup.deadline(None).within(LIMIT);
    let say = |_| heartbeat::Ping { rid, ..heartbeat::Ping::new(signal, body) };
    let pinged = heartbeat::ping_all(heartbeats, &say, deadline);
    let mut outcome = Outcome::Ok;
    for (heartbeat, pinged) in heartbeats.iter().zip(&pinged) {
        if settled(setup, heartbeat, signal, pinged) {
            if !setup.screen.quiet {
                setup.screen.data(&format!("{}: {} accepted\n", heartbeat.name, signal.word()))?;
            }
        } else {
            outcome = Outcome::Critical;
        }
    }
    let first = body.lines().next().unwrap_or_default();
    if signal == Signal::Fail && !setup.screen.quiet && !first.is_empty() {
        setup.screen.data(&format!("{first}\n"))?;
    }
    Ok(outcome)
}

/// Runs the command between a start ping, which does not delay it, and a ping with how it ended. Its exit
/// status is ours, whatever becomes of the pings.
fn wrap(setup: &Setup, heartbeats: &[&Heartbeat], args: &Ping) -> Result<Outcome> {
    let extra = body(args)?;
    let rid = Some(args.rid.unwrap_or_else(Uuid::new_v4));
    let mut job = Job::new(&args.job);
    job.limit = args.timeout;
    let mut started = Vec::new();
    let report = job.run(|_| {
        let deadline = Deadline::after(LIMIT);
        started.extend(heartbeats.iter().map(|one| one.ping_beside(Signal::Start, rid, deadline)));
    });
    // One that was accepted tells how much text it takes.
    let started: Vec<Pinged> = started.into_iter().map(heartbeat::Beside::settle).collect();
    let code = report.ended.exit_code();
    let signal = if matches!(report.ended, JobEnded::NotStarted { .. }) {
        Signal::Fail
    } else {
        Signal::ExitCode(code)
    };
    let mut text = report.text();
    for line in extra.iter().map(String::as_str).chain([report.words().as_str()]) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
    }
    let say = |index: usize| {
        let body_limit = started.get(index).and_then(|pinged: &Pinged| pinged.body_limit);
        heartbeat::Ping { rid, body_limit, ..heartbeat::Ping::new(signal, &text) }
    };
    let ended = heartbeat::ping_all(heartbeats, &say, Deadline::after(LIMIT));
    let not_started = match &report.ended {
        JobEnded::NotStarted { why, .. } => Some(why.clone()),
        _ => None,
    };
    // What the job wrote comes first, then what is to be said of it.
    report.deliver();
    if let Some(why) = not_started {
        setup.screen.note(&format!("error: cannot run the command: {why}"));
    }
    for (signal, answers) in [(Signal::Start, &started), (signal, &ended)] {
        for (heartbeat, pinged) in heartbeats.iter().zip(answers) {
            settled(setup, heartbeat, signal, pinged);
        }
    }
    Ok(Outcome::Job(code))
}

/// Writes down what came of a ping, and complains when it was not accepted. Whether it was.
fn settled(setup: &Setup, heartbeat: &Heartbeat, signal: Signal, pinged: &Pinged) -> bool {
    remember(setup, heartbeat, signal, pinged);
    if !pinged.accepted {
        let (name, word) = (&heartbeat.name, signal.word());
        setup.screen.note(&format!("error: {name}: {word} was not accepted: {}", pinged.answer));
    }
    pinged.accepted
}

/// Writes the answer where `status` finds it. That it cannot be written is no reason not to ping.
fn remember(setup: &Setup, heartbeat: &Heartbeat, signal: Signal, pinged: &Pinged) {
    let Ok(path) = setup.state_path() else { return };
    let Ok(Some(dir)) = Dir::existing(&path) else { return };
    let text = if pinged.accepted {
        format!("{} accepted", signal.word())
    } else {
        format!("{} not accepted: {}", signal.word(), pinged.answer)
    };
    let fields = [("accepted", pinged.accepted.to_string()), ("signal", signal.word())];
    let event = Event {
        at: setup.clock().wall,
        kind: Kind::Ping,
        service: heartbeat.name.clone(),
        incident: String::new(),
        text,
        fields: fields.map(|(key, value)| (key.to_owned(), value)).into(),
    };
    if let Err(err) = events::append(&dir, &event) {
        setup.screen.note(&format!("warning: {err:#}"));
    }
}
