//! `check --self --send-test`: one message, marked as a test, through every channel, whatever it is asked to tell, and a
//! note to every heartbeat. It goes past the outbox: what fails now must not arrive by surprise later.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cli::{Check, Form};
use crate::commands::setup::Setup;
use crate::commands::switches;
use crate::commands::telling::name_of;
use crate::config::Config;
use crate::heartbeat::{self, Heartbeat, Pinged, Signal};
use crate::model::incident::named;
use crate::model::letter::{self, Outgoing, Sent};
use crate::model::story::{Change, Story};
use crate::model::text::{human_duration, one_line};
use crate::notify::Channel;
use crate::outcome::{Outcome, Refusal};
use crate::report::email;
use crate::report::nagios::Found;
use crate::report::screen::Paint;
use crate::report::text::{Row, table};
use crate::store::events::{self, Event, Kind};
use crate::store::{Dir, channels, outbox};
use crate::sys::clock::{Deadline, Stopwatch};
use crate::sys::crew::{self, Work};
use crate::sys::host;

use super::plugin;

/// Tested at once; those over it wait for their turn.
const AT_ONCE: usize = 32;
/// Kept back at the end of the run for saying how it went.
const RESERVE: Duration = Duration::from_secs(1);
/// Characters of a name and of an answer.
const NAME: usize = 80;
const SAID: usize = 400;

/// What came of one of them.
#[derive(Debug)]
struct Tested {
    /// `channel` or `heartbeat`.
    what: &'static str,
    name: String,
    /// None when it could not be tested without counting there.
    accepted: Option<bool>,
    answer: String,
    took: Duration,
}

/// What tells of nothing but that it arrives.
pub(super) fn story(config: &Config, host: &str, at: Timestamp) -> Story {
    Story {
        name: name_of(config, host),
        incident: named("test", at),
        reason: "asked for by `miraclemax check --self --send-test`".into(),
        ..Story::new(Change::Test, host, at)
    }
}

/// Tests them all, and says what came of it.
pub(super) fn run(setup: &Setup, args: &Check) -> Result<Outcome> {
    let configured = setup.config()?;
    setup.warn_broken(&configured);
    let config = &configured.config;
    if config.notify.is_empty() && config.heartbeats.is_empty() {
        let message =
            "neither a [[notify]] nor a [[heartbeat]] is configured: there is nobody to be told";
        let refusal = Refusal::new(Outcome::Config, message);
        return Err(refusal.hint("see NOTIFICATIONS in miraclemax-config(5)").into());
    }
    let deadline = setup.deadline(Some(config));
    let by = Deadline::after(deadline.left().saturating_sub(RESERVE));
    let tested = all(setup, config, by);
    let failed = tested.iter().any(|one| one.accepted == Some(false));
    let outcome = if failed { Outcome::Critical } else { Outcome::Ok };
    if !setup.screen.quiet || failed {
        say(setup, args.format, outcome, &tested)?;
    }
    Ok(if configured.broken.is_some() && !failed { Outcome::Config } else { outcome })
}

fn all(setup: &Setup, config: &Config, by: Deadline) -> Vec<Tested> {
    let story = Arc::new(story(config, &host::name(), setup.now.wall));
    let mut works: Vec<Work<Vec<Tested>>> = Vec::new();
    let mut names: Vec<Vec<(&str, String)>> = Vec::new();
    for channel in &config.notify {
        names.push(vec![("channel", channel.name.clone())]);
        let (channel, story, holds) = (channel.clone(), Arc::clone(&story), config.fresh_for * 2);
        works.push(Box::new(move || vec![send(&channel, &story, holds, by)]));
    }
    // Together, because those of one address keep a distance.
    if !config.heartbeats.is_empty() {
        let heartbeats = config.heartbeats.clone();
        names.push(heartbeats.iter().map(|one| ("heartbeat", one.name.clone())).collect());
        works.push(Box::new(move || ping(&heartbeats, by)));
    }
    let dir = setup.state_path().ok().and_then(|path| Dir::existing(&path).ok().flatten());
    let mut tested = Vec::new();
    for (names, done) in names.into_iter().zip(crew::all(works, AT_ONCE, by)) {
        let late = |(what, name)| Tested {
            what: if what == "channel" { "channel" } else { "heartbeat" },
            name,
            accepted: Some(false),
            answer: "no answer by the deadline".into(),
            took: setup.watch.read(),
        };
        tested.extend(done.unwrap_or_else(|| names.into_iter().map(late).collect()));
    }
    for one in &tested {
        remember(setup, dir.as_ref(), one);
    }
    if let Some(dir) = &dir {
        restore(setup, dir, &tested);
    }
    tested
}

/// A channel that takes a message is not broken, whatever was remembered of it. Who delivers just now finds that out.
fn restore(setup: &Setup, dir: &Dir, tested: &[Tested]) {
    let mut known = channels::load(dir);
    let accepted = tested.iter().filter(|one| one.what == "channel" && one.accepted == Some(true));
    let names: Vec<&str> = accepted.map(|one| one.name.as_str()).collect();
    if !known.iter().any(|(name, it)| it.failing_since.is_some() && names.contains(&&**name)) {
        return;
    }
    let turn = outbox::take_turn(dir);
    if let Ok(Some(_turn)) = &turn {
        known = channels::load(dir);
        for (_, known) in known.iter_mut().filter(|(name, _)| names.contains(&name.as_str())) {
            known.sent(&Sent::Accepted("".into()), true, &setup.clock());
        }
    }
    let saved = match turn {
        Ok(Some(_)) => channels::save(dir, &known),
        Ok(None) => Ok(()),
        Err(err) => Err(err),
    };
    if let Err(err) = saved {
        setup.screen.note(&format!("warning: {err:#}"));
    }
}

fn send(channel: &Channel, story: &Story, holds: Duration, by: Deadline) -> Tested {
    let letter = email::compose(story, None, &TimeZone::system());
    let id = letter::message_id(story);
    let out = Outgoing { letter: &letter, id: &id, stories: &[story], holds, reply_to: None };
    let watch = Stopwatch::start();
    let sent = channel.send(&out, by);
    let (accepted, answer) = match sent {
        Sent::Accepted(taken) => (true, taken.said),
        Sent::Later(why) | Sent::Busy { why, .. } | Sent::Never(why) => (false, why),
    };
    let (name, took) = (channel.name.clone(), watch.read());
    Tested { what: "channel", name, accepted: Some(accepted), answer, took }
}

fn ping(heartbeats: &[Heartbeat], by: Deadline) -> Vec<Tested> {
    // Once: what comes through at the third try is no proof.
    let once: Vec<Heartbeat> =
        heartbeats.iter().map(|one| Heartbeat { tries: 1, ..one.clone() }).collect();
    let all: Vec<&Heartbeat> = once.iter().collect();
    let body = format!("TEST of {}: only a note, nothing has happened\n", host::name());
    let say = |_| heartbeat::Ping::new(Signal::Log, &body);
    let pinged = heartbeat::ping_all(&all, &say, by);
    all.iter().zip(pinged).map(|(heartbeat, pinged)| noted(heartbeat, &pinged)).collect()
}

fn noted(heartbeat: &Heartbeat, pinged: &Pinged) -> Tested {
    let answer = if pinged.unheard {
        format!("a note was {}; anything else would count as a sign of life", pinged.answer)
    } else {
        switches::taken(pinged)
    };
    Tested {
        what: "heartbeat",
        name: heartbeat.name.clone(),
        accepted: (!pinged.unheard).then_some(pinged.accepted),
        answer,
        took: pinged.took,
    }
}

/// Writes it where `status` finds it. That it cannot be written is no reason not to test.
fn remember(setup: &Setup, dir: Option<&Dir>, one: &Tested) {
    let (Some(dir), Some(accepted)) = (dir, one.accepted) else { return };
    let kind = if one.what == "channel" { Kind::Notification } else { Kind::Ping };
    let word = if accepted { "accepted" } else { "not accepted" };
    let event = Event {
        at: setup.clock().wall,
        kind,
        service: String::new(),
        incident: String::new(),
        text: format!("test by {}: {word}: {}", one.name, one.answer),
        fields: [("accepted".to_owned(), accepted.to_string())].into(),
    };
    if let Err(err) = events::append(dir, &event) {
        setup.screen.note(&format!("warning: {err:#}"));
    }
}

fn say(setup: &Setup, format: Form, outcome: Outcome, tested: &[Tested]) -> Result<()> {
    let rows: Vec<Row> = tested.iter().map(row).collect();
    let text = match format {
        Form::Text => table(&rows, &setup.screen),
        Form::Json => {
            let of = |what| tested.iter().filter(|one| one.what == what).map(value).collect();
            let (channels, heartbeats): (Vec<Value>, Vec<Value>) = (of("channel"), of("heartbeat"));
            let accepted = outcome == Outcome::Ok;
            let all =
                json!({ "accepted": accepted, "channels": channels, "heartbeats": heartbeats });
            format!("{all:#}\n")
        }
        Form::Nagios => {
            let mut rows = rows;
            rows.sort_by_key(|row| row.paint != Paint::Bad);
            let word = plugin::word(outcome);
            Found { word, noun: "test", well: "accepted", said: &[], rows: &rows, measures: &[] }
                .text()
        }
    };
    Ok(setup.screen.data(&text)?)
}

fn row(one: &Tested) -> Row {
    let (word, paint) = match one.accepted {
        Some(true) => ("accepted", Paint::Good),
        Some(false) => ("NOT ACCEPTED", Paint::Bad),
        None => ("not tested", Paint::Dim),
    };
    let took = human_duration(one.took);
    let answer = one_line(&one.answer, SAID);
    let said = if one.accepted.is_some() { format!("{took}: {answer}") } else { answer };
    Row { word: word.into(), paint, name: one_line(&one.name, NAME), details: vec![said] }
}

fn value(one: &Tested) -> Value {
    json!({
        "name": one.name,
        "accepted": one.accepted,
        "answer": one.answer,
        "took_ms": u64::try_from(one.took.as_millis()).unwrap_or(u64::MAX),
    })
}
