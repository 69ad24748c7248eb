//! Probes that belong to no service: no config, no state, no lock.

use anyhow::Result;
use serde_json::json;

use crate::cli::{Check, Form};
use crate::commands::cycle::{self, Eye};
use crate::commands::gate::Gate;
use crate::commands::setup::Setup;
use crate::config;
use crate::manager::Reach;
use crate::model::policy::Policy;
use crate::model::text::{brief_duration, one_line};
use crate::model::verdict::{Look, Verdict};
use crate::outcome::{Outcome, Refusal};
use crate::probe::Probe;
use crate::report::looks::with_status;
use crate::report::nagios::{Found, labelled};
use crate::report::screen::Paint;
use crate::report::text::{Row, table};
use crate::sys::host;

use super::{plugin, retrying};

/// Looks with the probes that `texts` are, and says what they saw, worst first.
pub(super) fn run(setup: &Setup, args: &Check, texts: &[String]) -> Result<Outcome> {
    let mut probes = Vec::new();
    let mut problems = Vec::new();
    for text in texts {
        match config::probe(text) {
            Ok(probe) => probes.push(probe),
            Err(problem) => problems.push(problem.to_string()),
        }
    }
    if !problems.is_empty() {
        return Err(Refusal::new(Outcome::Usage, problems.join("\n")).into());
    }
    let reach = Reach::here(None);
    let deadline = setup.deadline_after(None, args.retry_for);
    let eye = Eye {
        reach: &reach,
        jobs: config::JOBS,
        deadline,
        screen: &setup.screen,
        gate: Gate::of(&[]),
    };
    let limit = Policy::default().timeout;
    let ask = |probe: Probe| cycle::alone(probe, limit);
    if let Some(time) = args.retry_for {
        retrying::probes(setup, &eye, &probes, time, ask);
    }
    let mut looks = eye.probes(probes, ask);
    let outcome = looks.iter().map(of).fold(Outcome::Ok, Outcome::worst);
    if setup.screen.quiet && outcome == Outcome::Ok {
        return Ok(outcome);
    }
    let given = looks.clone();
    looks.sort_by_key(|look| match (&look.verdict, look.warns()) {
        (Verdict::Down(_), _) => 0,
        (Verdict::Up, Some(_)) => 1,
        (Verdict::Unknown(_), _) => 2,
        (Verdict::Up, None) => 3,
    });
    let rows: Vec<Row> = looks.iter().map(row).collect();
    let text = match args.format {
        Form::Json => {
            let probes = with_status(&looks, serde_json::value::Serializer)?;
            format!("{:#}\n", json!({ "host": host::name(), "probes": probes }))
        }
        Form::Text => table(&rows, &setup.screen),
        Form::Nagios => {
            let measures = labelled("", &given);
            let word = plugin::word(outcome);
            Found { word, noun: "probe", well: "up", said: &[], rows: &rows, measures: &measures }
                .text()
        }
    };
    setup.screen.data(&text)?;
    Ok(outcome)
}

fn of(look: &Look) -> Outcome {
    match look.verdict {
        Verdict::Up if look.warns().is_some() => Outcome::Warning,
        Verdict::Up => Outcome::Ok,
        Verdict::Down(_) => Outcome::Critical,
        Verdict::Unknown(_) => Outcome::Unknown,
    }
}

fn row(look: &Look) -> Row {
    let (word, paint) = match of(look) {
        Outcome::Ok => (look.word().to_owned(), Paint::Good),
        Outcome::Critical => (look.word().to_uppercase(), Paint::Bad),
        _ => (look.word().to_uppercase(), Paint::Warn),
    };
    let said = if look.reason().is_empty() { &look.detail } else { look.reason() };
    let took = brief_duration(look.took);
    let detail = if said.is_empty() { took } else { format!("{} ({took})", one_line(said, 400)) };
    let hint = look.hint.as_ref().filter(|_| of(look) != Outcome::Ok);
    let hint = hint.map(|hint| format!("hint: {hint}"));
    let details = std::iter::once(detail).chain(hint).collect();
    Row { word, paint, name: one_line(&look.probe, 80), details }
}
