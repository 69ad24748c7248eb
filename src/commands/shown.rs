//! What `check` and `heal` share of their output: which services, the table or JSON, the exit status.

use anyhow::Result;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::cli::Format;
use crate::commands::posting::Delivered;
use crate::commands::setup::Setup;
use crate::config::{Config, Service};
use crate::judge::severity::{Severity, of_service};
use crate::model::state::State;
use crate::model::text::{nearest, one_line, plural};
use crate::model::time::Now;
use crate::outcome::{Outcome, Refusal};
use crate::report::services::Shown;
use crate::report::text::{Row, table};

/// The services of the config, or the named ones; a name that does not exist gets the nearest that does.
pub(super) fn pick<'c>(config: &'c Config, names: &[String]) -> Result<Vec<&'c Service>> {
    if names.is_empty() {
        return Ok(config.services.iter().collect());
    }
    let mut picked: Vec<&Service> = Vec::new();
    for name in names {
        let Some(service) = config.services.iter().find(|service| service.name == *name) else {
            return Err(
                unknown_service(name, config.services.iter().map(|s| s.name.as_str())).into()
            );
        };
        if !picked.iter().any(|other| other.name == service.name) {
            picked.push(service);
        }
    }
    Ok(picked)
}

/// For a name that is no service.
pub(super) fn unknown_service<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Refusal {
    let refusal =
        Refusal::new(Outcome::Usage, format!("there is no service `{}`", one_line(name, 80)));
    match nearest(name, known.clone()) {
        Some(near) => refusal.hint(format!("did you mean `{near}`?")),
        None if known.clone().next().is_none() => refusal.hint("none is configured"),
        None => refusal
            .hint(format!("the configured services are: {}", known.collect::<Vec<_>>().join(", "))),
    }
}

/// The outcome of the worst of them.
pub(super) fn outcome(state: &State, services: &[&Service]) -> Outcome {
    let outcomes = services.iter().map(|s| of(of_service(state.services.get(&s.name), s.critical)));
    outcomes.fold(Outcome::Ok, Outcome::worst)
}

/// Whether a run that came to `outcome` and was asked to be quiet has something to say: not where all that is wrong
/// is held, which is known.
pub(super) fn is_news(came_to: Outcome, state: &State, services: &[&Service]) -> bool {
    let held = |service: &&&Service| state.services.get(&service.name)?.held.as_ref();
    let free: Vec<&Service> = services.iter().filter(|s| held(s).is_none()).copied().collect();
    came_to != Outcome::Ok && !(came_to == Outcome::Warning && outcome(state, &free) == Outcome::Ok)
}

/// A severity as an outcome.
pub(super) fn of(severity: Severity) -> Outcome {
    match severity {
        Severity::Ok => Outcome::Ok,
        Severity::Warning => Outcome::Warning,
        Severity::Critical => Outcome::Critical,
        Severity::Unknown => Outcome::Unknown,
    }
}

/// The services as they stand, worst first.
pub(super) fn services(
    state: &State,
    services: &[&Service],
    healed: &[String],
    next: &[(String, String)],
    now: &Now,
) -> Vec<Shown> {
    let mut shown: Vec<Shown> = services
        .iter()
        .filter_map(|service| {
            let known = state.services.get(&service.name)?;
            let mut shown = Shown::of(
                &service.name,
                known,
                service.critical,
                healed.contains(&service.name),
                now,
            )
            .counted(known, service.policy.repeats, now);
            if let Some((_, words)) = next.iter().find(|(name, _)| *name == service.name) {
                shown.next.clone_from(words);
            }
            Some(shown)
        })
        .collect();
    shown.sort_by(|a, b| a.order().cmp(&b.order()));
    shown
}

/// Says which channels did not accept, also when asked to be quiet: somebody was to be told, and was not.
pub(super) fn complain(setup: &Setup, delivered: &Delivered) {
    for problem in unsent(delivered) {
        setup.screen.note(&format!("warning: {problem}"));
    }
    // What was not tried now was said when it was.
    let refused = |name: &str| delivered.refused.iter().any(|(channel, _)| channel == name);
    let broken =
        delivered.broken.iter().filter(|one| !setup.screen.quiet && !refused(&one.channel));
    for one in broken {
        let words = one.words(&TimeZone::system());
        setup.screen.note(&format!("warning: nobody is reached by {words}"));
    }
}

/// What was not accepted in this run, and what never will be.
pub(super) fn unsent(delivered: &Delivered) -> Vec<String> {
    let refused = delivered.refused.iter().map(|(channel, why)| {
        let broken = delivered.broken.iter().find(|one| one.channel == *channel);
        let since = broken.map(|one| format!(" ({})", one.since_words(&TimeZone::system())));
        format!("{channel} did not accept a notification: {why}{}", since.unwrap_or_default())
    });
    refused.chain(delivered.given_up.iter().cloned()).collect()
}

/// Prints them.
pub(super) fn print(
    setup: &Setup,
    shown: &[Shown],
    format: Format,
    delivered: &Delivered,
) -> Result<()> {
    let text = match format {
        Format::Json => format!("{:#}\n", json!({ "services": shown })),
        Format::Text if shown.is_empty() => "no services are configured\n".to_owned(),
        Format::Text => {
            let rows: Vec<Row> = shown.iter().map(|one| one.row(setup.screen.verbose)).collect();
            let mut text = table(&rows, &setup.screen);
            if delivered.accepted > 0 {
                text.push_str(&format!("\n{} sent\n", plural(delivered.accepted, "notification")));
            }
            text
        }
    };
    setup.screen.data(&text)?;
    Ok(())
}
