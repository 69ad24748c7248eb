//! The dead man's switches that a command line means, and what comes of telling them: shared by `ping` and its modes.

use std::io::Read;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::cli::Ping;
use crate::commands::setup::{Configured, Setup};
use crate::heartbeat::{Heartbeat, Pinged, Signal};
use crate::model::text::{nearest, one_line};
use crate::outcome::{Outcome, Refusal};
use crate::store::Dir;
use crate::store::events::{self, Event, Kind};

/// Bound on all pings of a run together, retries included.
pub(super) const LIMIT: Duration = Duration::from_secs(45);
/// Most that is read of a body from standard input.
const BODY: u64 = 1 << 20;

/// All heartbeats, or the named one.
pub(super) fn pick<'c>(
    configured: &'c Configured,
    name: Option<&str>,
) -> Result<Vec<&'c Heartbeat>> {
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

/// The text that was given.
pub(super) fn body(args: &Ping) -> Result<Option<String>> {
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

/// Writes down what came of a ping, and complains when it was not accepted. False only then: that a service cannot
/// be told something is no failure.
pub(super) fn settled(
    setup: &Setup,
    heartbeat: &Heartbeat,
    signal: Signal,
    pinged: &Pinged,
) -> bool {
    // That a start or a log went unsaid would hide what the service did take.
    if !(pinged.unheard && matches!(signal, Signal::Start | Signal::Log)) {
        remember(setup, heartbeat, signal, pinged);
    }
    if !pinged.accepted && !pinged.unheard {
        let (name, word) = (&heartbeat.name, signal.word());
        setup.screen.note(&format!("error: {name}: {word} was not accepted: {}", pinged.answer));
    }
    pinged.accepted || pinged.unheard
}

/// The answer, with who gave it: `accepted by hc-ping.com`.
pub(super) fn taken(pinged: &Pinged) -> String {
    match pinged.answer.strip_prefix("accepted") {
        Some(rest) if !pinged.by.is_empty() => format!("accepted by {}{rest}", pinged.by),
        _ => pinged.answer.clone(),
    }
}

/// Writes the answer where `status` finds it. That it cannot be written is no reason not to ping.
fn remember(setup: &Setup, heartbeat: &Heartbeat, signal: Signal, pinged: &Pinged) {
    let Ok(path) = setup.state_path() else { return };
    let Ok(Some(dir)) = Dir::existing(&path) else { return };
    let text = if pinged.accepted || pinged.unheard {
        format!("{} {}", signal.word(), pinged.answer)
    } else {
        format!("{} not accepted: {}", signal.word(), pinged.answer)
    };
    let fields = [
        ("accepted", pinged.accepted.to_string()),
        ("by", pinged.by.clone()),
        ("signal", signal.word()),
    ];
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
