//! `status`: what is remembered, and whether that may still be believed. Probes nothing, changes nothing.

use std::time::Duration;

use anyhow::Result;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cli::{Format, Status};
use crate::commands::fresh::{self, Remembered};
use crate::commands::pinged;
use crate::commands::setup::Setup;
use crate::commands::shown;
use crate::commands::unreached;
use crate::judge::severity::of_service;
use crate::model::hold::Hold;
use crate::model::reachable::{Channels, Reachable};
use crate::model::state::{Happening, ServiceState};
use crate::model::text::{human_duration, one_line, plural};
use crate::model::time::{Now, lapse};
use crate::model::verdict::Verdict;
use crate::outcome::Outcome;
use crate::report::email::Unreached;
use crate::report::screen::Paint;
use crate::report::services::Shown;
use crate::report::text::{Row, table};
use crate::store::holds::Kept;
use crate::store::outbox::Entry;
use crate::store::{channels, outbox};

/// More notifications that wait are counted.
const WAITING: usize = 10;

/// Shows all services, or the named ones in depth.
pub(super) fn run(setup: &Setup, args: &Status) -> Result<Outcome> {
    let remembered = fresh::remember(setup, None, None)?;
    let mut shown = services(setup, args, &remembered)?;
    shown.sort_by(|a, b| a.order().cmp(&b.order()));
    let severities = shown.iter().filter_map(|shown| {
        let state = remembered.state.services.get(&shown.name)?;
        Some(of_service(Some(state), remembered.critical(&shown.name)))
    });
    let outcome = severities.map(shown::of).fold(remembered.outcome, Outcome::worst);
    if setup.screen.quiet && outcome == Outcome::Ok {
        return Ok(outcome);
    }
    let told = Told::of(&remembered, &setup.now);
    let text = match args.format {
        Format::Json => format!("{:#}\n", as_json(&remembered, &shown, &told)),
        Format::Text => as_text(setup, args, &remembered, &shown, &told),
    };
    setup.screen.data(&text)?;
    Ok(outcome)
}

fn services(setup: &Setup, args: &Status, remembered: &Remembered) -> Result<Vec<Shown>> {
    let mut known = remembered.state.services.clone();
    for (name, why) in remembered.unseen() {
        let mut state = ServiceState::new(setup.now.stamp());
        state.verdict = Verdict::Unknown(why.to_owned());
        known.insert(name.to_owned(), state);
    }
    for name in &args.services {
        if !known.contains_key(name) {
            return Err(shown::unknown_service(name, known.keys().map(String::as_str)).into());
        }
    }
    let wanted =
        known.iter().filter(|(name, _)| args.services.is_empty() || args.services.contains(name));
    Ok(wanted
        .map(|(name, state)| {
            Shown::of(name, state, remembered.critical(name), false, &setup.now).counted(
                state,
                remembered.repeats(name),
                &setup.now,
            )
        })
        .collect())
}

/// What happened to the host is shown for so long.
const NEWS: Duration = Duration::from_hours(7 * 24);

/// What is known of heartbeats and notifications.
#[derive(Default)]
struct Told {
    /// Name, whether the last ping was accepted, and the line to show.
    heartbeats: Vec<(String, bool, String)>,
    /// Notifications that no channel has accepted yet: channel, and why.
    waiting: Vec<(String, String)>,
    /// What is known of each channel.
    channels: Channels,
    /// Those that take nothing.
    broken: Vec<Unreached>,
}

impl Told {
    fn of(remembered: &Remembered, now: &Now) -> Self {
        let Some(dir) = &remembered.dir else { return Self::default() };
        let (channels, entries) = (channels::load(dir), outbox::waiting(dir).entries);
        Self {
            heartbeats: pinged::last(dir),
            waiting: waiting(&entries),
            broken: unreached::broken(&channels, &entries, now),
            channels,
        }
    }
}

fn waiting(entries: &[Entry]) -> Vec<(String, String)> {
    let mut waiting = Vec::new();
    for entry in entries {
        for (channel, delivery) in &entry.channels {
            if !delivery.finished() {
                let what = format!("{} of {}", entry.story.change.word(), entry.story.service);
                let why =
                    if delivery.answer.is_empty() { "not tried yet" } else { &delivery.answer };
                waiting.push((channel.clone(), format!("{what}: {why}")));
            }
        }
    }
    waiting
}

fn as_json(remembered: &Remembered, shown: &[Shown], told: &Told) -> Value {
    let heartbeats: Vec<Value> = told
        .heartbeats
        .iter()
        .map(|(name, accepted, last)| json!({"name": name, "accepted": accepted, "last": last}))
        .collect();
    let waiting: Vec<Value> =
        told.waiting.iter().map(|(channel, why)| json!({"channel": channel, "why": why})).collect();
    let channels: Vec<Value> =
        told.channels.iter().map(|(name, known)| channel_as_json(name, known, told)).collect();
    let holds: Vec<Value> = remembered.holds.iter().map(hold_as_json).collect();
    json!({
        "host": remembered.state.host,
        "fresh": remembered.outcome == Outcome::Ok,
        "freshness": remembered.words,
        "cycle": remembered.state.cycle,
        "happened": remembered.state.happened,
        "services": shown,
        "holds": holds,
        "heartbeats": heartbeats,
        "notifications_waiting": waiting,
        "channels": channels,
    })
}

fn channel_as_json(name: &str, known: &Reachable, told: &Told) -> Value {
    let broken = told.broken.iter().find(|one| one.channel == name);
    json!({
        "name": name,
        "broken": broken.is_some(),
        "last_accepted": known.last_accepted,
        "failing_since": known.failing_since.as_ref().map(|since| since.wall),
        "failed_runs": known.runs,
        "refused_for_good": known.refused_for_good,
        "why": known.why,
        "waiting": told.waiting.iter().filter(|(channel, _)| channel == name).count(),
    })
}

fn as_text(
    setup: &Setup,
    args: &Status,
    remembered: &Remembered,
    shown: &[Shown],
    told: &Told,
) -> String {
    let up = shown.iter().filter(|shown| shown.status == "up").count();
    let mut out = if shown.is_empty() {
        format!("{}: nothing is remembered\n", remembered.host())
    } else {
        format!("{}: {up} of {} up\n", remembered.host(), plural(shown.len(), "service"))
    };
    let paint = if remembered.outcome == Outcome::Ok { Paint::Dim } else { Paint::Bad };
    let words = format!("{}: {}", remembered.word, remembered.words);
    for line in crate::report::text::wrap(&words, crate::report::text::WIDTH) {
        out.push_str(&format!("{}\n", setup.screen.paint(paint, &line)));
    }
    if let Some(cycle) = remembered.state.cycle.as_ref().filter(|cycle| !cycle.host_line.is_empty())
    {
        out.push_str(&format!("{}\n", one_line(&cycle.host_line, crate::report::text::WIDTH)));
    }
    let in_depth = setup.screen.verbose || !args.services.is_empty();
    let rows: Vec<Row> = shown.iter().map(|shown| in_status(shown, in_depth)).collect();
    if !rows.is_empty() {
        out.push('\n');
        out.push_str(&table(&rows, &setup.screen));
    }
    let mut rest: Vec<Row> = Vec::new();
    rest.extend(remembered.holds.iter().map(|kept| hold_row(&kept.hold, setup)));
    for (name, accepted, line) in &told.heartbeats {
        let (word, paint) =
            if *accepted { ("heartbeat", Paint::Dim) } else { ("HEARTBEAT", Paint::Bad) };
        rest.push(Row {
            word: word.into(),
            paint,
            name: one_line(name, 40),
            details: vec![one_line(line, 300)],
        });
    }
    for one in &told.broken {
        let words = one.words(&TimeZone::UTC);
        let details = words.strip_prefix(&one.channel).unwrap_or(&words);
        rest.push(Row {
            word: "NOT REACHED".into(),
            paint: Paint::Bad,
            name: one_line(&one.channel, 40),
            details: vec![format!("takes no letters{details}")],
        });
    }
    let more = told.waiting.len().saturating_sub(WAITING);
    for (channel, why) in told.waiting.iter().take(WAITING) {
        let details = vec![format!("waits to be accepted: {}", one_line(why, 300))];
        rest.push(Row {
            word: "UNSENT".into(),
            paint: Paint::Warn,
            name: one_line(channel, 40),
            details,
        });
    }
    if more > 0 {
        rest.push(Row {
            word: "UNSENT".into(),
            paint: Paint::Warn,
            name: format!("{more} more"),
            details: vec!["`--format json` shows them all".into()],
        });
    }
    rest.extend(remembered.state.happened.last().and_then(|last| happened(last, setup)));
    if !rest.is_empty() {
        out.push('\n');
        out.push_str(&table(&rest, &setup.screen));
    }
    // What to type next, for whoever has just been woken; of no use to a file or a pipe.
    let asked = setup.screen.interactive() && args.services.is_empty();
    if let Some(worst) = shown.first().filter(|one| asked && one.status != "up") {
        let name = one_line(&worst.name, 60);
        let hint = format!(
            "`miraclemax status {name}` says what was tried; `miraclemax heal --dry-run {name}` what comes next"
        );
        out.push('\n');
        for line in crate::report::text::wrap(&hint, crate::report::text::WIDTH) {
            out.push_str(&format!("{}\n", setup.screen.paint(Paint::Dim, &line)));
        }
    }
    out
}

fn hold_row(hold: &Hold, setup: &Setup) -> Row {
    Row {
        word: "HOLD".into(),
        paint: Paint::Warn,
        name: one_line(&hold.what(), 40),
        details: vec![hold.words(&setup.now), hold.ends(&setup.now)],
    }
}

fn hold_as_json(kept: &Kept) -> Value {
    let hold = &kept.hold;
    json!({
        "id": kept.id,
        "services": hold.services,
        "since": hold.since.wall,
        "lasts_seconds": hold.lasts_secs,
        "by": hold.by,
        "reason": hold.reason,
        "pid": hold.owner.map(|owner| owner.pid),
        "until_healthy": hold.until_healthy,
    })
}

/// The last thing that happened to the host itself, while it is news.
fn happened(last: &Happening, setup: &Setup) -> Option<Row> {
    let ago = lapse(last.at, setup.now.wall);
    (ago < NEWS).then(|| Row {
        word: "note".into(),
        paint: Paint::Dim,
        name: last.at.strftime("%F %H:%MZ").to_string(),
        details: vec![one_line(&last.text, 300)],
    })
}

fn in_status(shown: &Shown, in_depth: bool) -> Row {
    let mut row = shown.row(in_depth);
    if shown.status == "up" {
        let age = human_duration(std::time::Duration::from_secs(shown.for_seconds));
        row.details.insert(0, format!("for {age}"));
        if let Some(last) = &shown.last_incident {
            let by = match &last.healed_by {
                Some(remedy) => format!("healed by {remedy}"),
                None => "came back by itself".to_owned(),
            };
            let at = last.closed.wall.strftime("%Y-%m-%d %H:%M:%SZ");
            row.details
                .push(format!("last down until {at}, {by}: {}", one_line(&last.reason, 200)));
        }
    }
    row
}
