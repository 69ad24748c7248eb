//! `check`: look once, remember, say. Heals nothing.

use std::sync::Arc;

use anyhow::Result;
use serde_json::json;

use crate::cli::{Check, Format};
use crate::commands::cycle::Eye;
use crate::commands::keeping;
use crate::commands::memory::Memory;
use crate::commands::posting::{self, Delivered};
use crate::commands::setup::{Configured, Setup};
use crate::commands::shown;
use crate::commands::telling;
use crate::config;
use crate::manager::Reach;
use crate::model::policy::Policy;
use crate::model::state::Status;
use crate::model::story::Change;
use crate::model::text::{brief_duration, one_line, plural};
use crate::model::trail::{Before, Left};
use crate::model::verdict::{Look, Verdict};
use crate::outcome::{Outcome, Refusal};
use crate::probe::{Ask, Probe};
use crate::report::screen::Paint;
use crate::report::text::{Row, table};
use crate::sys::host;

/// What a host is looked at for when nothing is configured.
const HOST: [&str; 4] = ["disk:/", "inodes:/", "memory:", "load:"];

/// Looks at services, at probes given on the spot, or at the host.
pub(super) fn run(setup: &Setup, args: &Check) -> Result<Outcome> {
    if args.dry_run {
        return validate(setup);
    }
    if args.what.iter().any(|what| what.contains(':')) {
        return on_the_spot(setup, args, &args.what);
    }
    match setup.config_if_any()? {
        Some(configured) => {
            setup.warn_broken(&configured);
            let outcome = services(setup, args, &configured)?;
            Ok(if configured.broken.is_some() { Outcome::Config } else { outcome })
        }
        None if args.what.is_empty() => {
            if !setup.screen.quiet {
                let path = setup.config_path()?;
                setup.screen.note(&format!(
                    "note: there is no configuration at `{}`; this is the host alone",
                    path.display()
                ));
            }
            on_the_spot(setup, args, &HOST.map(String::from))
        }
        None => {
            let refusal = Refusal::new(
                Outcome::Usage,
                format!(
                    "there is no service `{}`: nothing is configured",
                    one_line(&args.what[0], 80)
                ),
            );
            Err(refusal
                .hint("give a probe such as `systemd:nginx`, `process:nginx` or `tcp:localhost:80`")
                .into())
        }
    }
}

fn validate(setup: &Setup) -> Result<Outcome> {
    let (path, config) = setup.config_on_disk()?;
    if !setup.screen.quiet {
        let what = [
            plural(config.services.len(), "service"),
            plural(config.heartbeats.len(), "heartbeat"),
            plural(config.notify.len(), "notification channel"),
        ];
        setup.screen.data(&format!("{}: valid: {}\n", path.display(), what.join(", ")))?;
    }
    Ok(Outcome::Ok)
}

fn services(setup: &Setup, args: &Check, configured: &Configured) -> Result<Outcome> {
    let config = &configured.config;
    let services = shown::pick(config, &args.what)?;
    let deadline = setup.deadline(Some(config));
    let dir = setup.state_dir()?;
    let reach = Reach::here(config.supervisord.clone());
    let mut memory =
        Memory::open(setup, &dir, "check", deadline, setup.patience(args.wait), false)?;
    let eye = Eye::new(config, &reach, deadline, &setup.screen);
    let sights = eye.look(&services, &Left::by(&memory.state));
    let mut stories = Vec::new();
    for sight in &sights {
        let before =
            memory.state.services.get(&sight.service.name).and_then(|state| state.incident.clone());
        let flip = memory.observe(sight, &sight.service.policy);
        stories.extend(telling::closed(&memory, config, sight, before, flip.as_ref()));
        let state = memory.state.services.get(&sight.service.name);
        let incident = state.and_then(|state| state.incident.clone());
        let held = state.is_some_and(|state| state.held.is_some());
        if let (true, Some(Status::Down), Some(incident)) =
            (args.notify && !held, flip.map(|flip| flip.to), incident)
        {
            keeping::keep_evidence(&memory, &reach, sight, &incident.id, deadline);
            stories.push(telling::story(
                &memory,
                config,
                sight.service,
                sight,
                &incident,
                Change::Down,
            ));
        }
    }
    if configured.broken.is_none() {
        keeping::keep_config(&memory, &configured.sources);
    }
    stories.extend(telling::config_story(&mut memory, configured));
    telling::mention_config(&mut stories, configured);
    posting::record(&mut memory, config, &stories);
    let complete = services.len() == config.services.len();
    let saved = memory.finish("check", config, complete, configured.headline());
    memory.release();
    let delivered = if args.notify || !stories.is_empty() {
        posting::deliver(&memory, config, deadline)
    } else {
        Delivered::default()
    };
    let mut outcome = shown::outcome(&memory.state, &services);
    if !saved {
        outcome = outcome.worst(Outcome::Unknown);
    }
    shown::complain(setup, &delivered);
    if !setup.screen.quiet || outcome != Outcome::Ok {
        let shown = shown::services(&memory.state, &services, &[], &[], &memory.now());
        shown::print(setup, &shown, args.format, &delivered)?;
    }
    Ok(outcome)
}

/// Probes that belong to no service: no config, no state, no lock.
fn on_the_spot(setup: &Setup, args: &Check, texts: &[String]) -> Result<Outcome> {
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
    let deadline = setup.deadline(None);
    let eye = Eye { reach: &reach, jobs: config::JOBS, deadline, screen: &setup.screen };
    let policy = Policy::default();
    let mut looks = eye.probes(probes, |probe: Probe| Ask {
        timeout: probe.timeout.unwrap_or(policy.timeout),
        tries: probe.tries.unwrap_or(1),
        gap: probe.gap.unwrap_or(policy.gap),
        start_grace: policy.start_grace,
        before: Before::Nowhere,
        probe: Arc::new(probe),
    });
    let outcome = looks.iter().map(of).fold(Outcome::Ok, Outcome::worst);
    if setup.screen.quiet && outcome == Outcome::Ok {
        return Ok(outcome);
    }
    looks.sort_by_key(|look| match (&look.verdict, look.warns()) {
        (Verdict::Down(_), _) => 0,
        (Verdict::Up, Some(_)) => 1,
        (Verdict::Unknown(_), _) => 2,
        (Verdict::Up, None) => 3,
    });
    let text = match args.format {
        Format::Json => format!("{:#}\n", json!({ "host": host::name(), "probes": looks })),
        Format::Text => table(&looks.iter().map(row).collect::<Vec<_>>(), &setup.screen),
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
