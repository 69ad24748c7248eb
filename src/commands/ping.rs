//! `ping`: what the state allows to be claimed is told to the dead man's switches. A ping that fails never changes
//! what it reports on.

use anyhow::Result;
use serde_json::json;

use crate::cli::{Format, Ping};
use crate::commands::claiming::{Claim, claim};
use crate::commands::fresh;
use crate::commands::setup::{Configured, Setup};
use crate::commands::switches::{LIMIT, body, pick, settled, taken};
use crate::heartbeat::{self, Heartbeat, Pinged, Signal};
use crate::outcome::Outcome;

/// Pings all heartbeats, or the named one.
pub(super) fn run(setup: &Setup, args: &Ping) -> Result<Outcome> {
    let configured = setup.config()?;
    setup.warn_broken(&configured);
    let heartbeats = pick(&configured, args.name.as_deref())?;
    let claims = claims(setup, &configured, &heartbeats, args)?;
    tell(setup, &heartbeats, &claims, args)
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

/// What is said to each of them: what was asked for, or what the state allows to claim.
fn claims(
    setup: &Setup,
    configured: &Configured,
    heartbeats: &[&Heartbeat],
    args: &Ping,
) -> Result<Vec<Claim>> {
    let extra = body(args)?;
    if let Some(signal) = given(args) {
        let text = extra.unwrap_or_default();
        let one = |_| Claim { signal, text: text.clone(), facts: None };
        return Ok(heartbeats.iter().map(one).collect());
    }
    let remembered = fresh::remember(setup, Some(configured), None)?;
    let claims = heartbeats.iter().map(|heartbeat| {
        let mut claim = claim(setup, configured, &remembered, heartbeat);
        if let Some(extra) = &extra {
            claim.text.push_str(&format!("\n{extra}\n"));
        }
        claim
    });
    Ok(claims.collect())
}

fn tell(
    setup: &Setup,
    heartbeats: &[&Heartbeat],
    claims: &[Claim],
    args: &Ping,
) -> Result<Outcome> {
    let deadline = setup.deadline(None).within(LIMIT);
    let say = |index: usize| {
        let Claim { signal, text, facts } = &claims[index];
        let facts = facts.as_ref();
        heartbeat::Ping { rid: args.rid, facts, ..heartbeat::Ping::new(*signal, text) }
    };
    let pinged = heartbeat::ping_all(heartbeats, &say, deadline);
    let mut outcome = Outcome::Ok;
    let mut text = String::new();
    for ((heartbeat, claim), pinged) in heartbeats.iter().zip(claims).zip(&pinged) {
        if !settled(setup, heartbeat, claim.signal, pinged) {
            outcome = Outcome::Critical;
            continue;
        }
        // A failure is told by not pinging, too; what else cannot be told was asked for in vain.
        if pinged.unheard && claim.signal != Signal::Fail {
            outcome = outcome.worst(Outcome::Warning);
        }
        let (name, word) = (&heartbeat.name, claim.signal.word());
        text.push_str(&format!("{name}: {word} {}\n", taken(pinged)));
    }
    if args.format == Format::Json {
        setup.screen.data(&as_json(heartbeats, claims, &pinged))?;
        return Ok(outcome);
    }
    let mut failing: Vec<&str> = Vec::new();
    for claim in claims.iter().filter(|claim| claim.signal == Signal::Fail) {
        if !claim.first_line().is_empty() && !failing.contains(&claim.first_line()) {
            failing.push(claim.first_line());
            text.push_str(&format!("{}\n", claim.first_line()));
        }
    }
    if !setup.screen.quiet {
        setup.screen.data(&text)?;
    }
    Ok(outcome)
}

fn as_json(heartbeats: &[&Heartbeat], claims: &[Claim], pinged: &[Pinged]) -> String {
    let each = heartbeats.iter().zip(claims).zip(pinged).map(|((heartbeat, claim), pinged)| {
        json!({
            "name": heartbeat.name,
            "signal": claim.signal.word(),
            "said": claim.first_line(),
            "accepted": pinged.accepted,
            "by": pinged.by,
            "answer": pinged.answer,
            "tries": pinged.tries,
            "took_ms": u64::try_from(pinged.took.as_millis()).unwrap_or(u64::MAX),
        })
    });
    // Of all of them: what is said to those that are told of a failure, if there are any.
    let whole = claims.iter().find(|claim| claim.signal == Signal::Fail).or(claims.first());
    let all = json!({
        "signal": whole.map(|claim| claim.signal.word()),
        "said": whole.map(Claim::first_line),
        "heartbeats": each.collect::<Vec<_>>(),
    });
    format!("{all:#}\n")
}
