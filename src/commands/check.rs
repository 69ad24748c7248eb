//! `check`: look once, remember, say. Heals nothing.

mod discover;
mod host;
mod on_the_spot;
mod own;
mod plugin;
mod preview;
mod retrying;
mod sending;

use anyhow::Result;

use crate::cli::{Check, Form, Format};
use crate::commands::cycle::Eye;
use crate::commands::happening;
use crate::commands::keeping;
use crate::commands::memory::Memory;
use crate::commands::posting::{self, Delivered};
use crate::commands::reminding::reminders;
use crate::commands::setup::{Configured, Setup};
use crate::commands::shown;
use crate::commands::summing::summaries;
use crate::commands::telling::{self, Before};
use crate::manager::Reach;
use crate::model::state::Status;
use crate::model::story::Change;
use crate::model::text::{one_line, plural};
use crate::model::trail::Left;
use crate::outcome::{Outcome, Refusal};

pub(super) use plugin::wrong_usage;

/// Looks at services, at probes given on the spot, or at the host.
pub(super) fn run(setup: &Setup, args: &Check) -> Result<Outcome> {
    let found = look(setup, args);
    if args.format == Form::Nagios { plugin::ended(setup, found) } else { found }
}

fn look(setup: &Setup, args: &Check) -> Result<Outcome> {
    if args.dry_run {
        return validate(setup, args);
    }
    if let Some(what) = &args.preview {
        return preview::run(setup, args, what);
    }
    if args.own {
        if args.send_test {
            return sending::run(setup, args);
        }
        if let Some(name) = args.what.first() {
            let name = one_line(name, 80);
            let refusal =
                Refusal::new(Outcome::Usage, format!("`--self` looks at no service: `{name}`"));
            return Err(refusal.hint("leave it out, or leave `--self` out").into());
        }
        return own::run(setup, args);
    }
    if args.discover {
        return discover::run(setup, args.merge);
    }
    if args.what.iter().any(|what| what.contains(':')) {
        return on_the_spot::run(setup, args, &args.what);
    }
    match setup.config_if_any()? {
        Some(configured) => {
            setup.warn_broken(&configured);
            services(setup, args, &configured)
        }
        None if args.what.is_empty() => {
            let outcome = on_the_spot::run(setup, args, &host::probes())?;
            if !setup.screen.quiet {
                let path = setup.config_path()?;
                setup.screen.note(&format!(
                    "note: there is no configuration at `{}`; this is the host alone\n\
                     hint: `miraclemax check --discover` writes one for what runs here",
                    path.display()
                ));
            }
            Ok(outcome)
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

fn validate(setup: &Setup, args: &Check) -> Result<Outcome> {
    let (path, config) = setup.config_on_disk()?;
    if !setup.screen.quiet {
        let what = [
            plural(config.services.len(), "service"),
            plural(config.heartbeats.len(), "heartbeat"),
            plural(config.notify.len(), "notification channel"),
        ];
        let head = if args.format == Form::Nagios { "MIRACLEMAX OK - " } else { "" };
        setup.screen.data(&format!("{head}{}: valid: {}\n", path.display(), what.join(", ")))?;
    }
    Ok(Outcome::Ok)
}

fn services(setup: &Setup, args: &Check, configured: &Configured) -> Result<Outcome> {
    let config = &configured.config;
    let services = shown::pick(config, &args.what)?;
    let deadline = setup.deadline_after(Some(config), args.retry_for);
    let dir = setup.state_dir()?;
    let reach = Reach::here(config.supervisord.clone());
    let eye = Eye::new(config, &reach, deadline, &setup.screen);
    if let Some(time) = args.retry_for {
        retrying::services(setup, &eye, &dir, &services, time);
    }
    let patience = setup.patience(args.wait.or(retrying::patience(args.retry_for)));
    let mut memory = Memory::open(setup, &dir, "check", deadline, patience, false)?;
    let complete = services.len() == config.services.len();
    let since = memory.since(config.fresh_for, complete).filter(|_| complete);
    let sights = eye.look(&services, &Left::by(&memory.state));
    memory.refresh_holds();
    let mut stories = Vec::new();
    for sight in &sights {
        let before = Before::of(&memory, sight.service);
        let flip = memory.observe(sight, &sight.service.policy);
        // Who is not told what goes down wonders what came back.
        stories.extend(
            telling::closed(&memory, config, sight, before, flip.as_ref())
                .filter(|story| args.notify || story.change != Change::Returned),
        );
        let state = memory.state.services.get(&sight.service.name);
        let incident = state.and_then(|state| state.incident.clone());
        let held = state.is_some_and(|state| state.held.is_some());
        let news = flip.is_some_and(|flip| flip.to == Status::Down)
            // What nobody was told of because hands were kept off, or by a run that tells nobody, and is still so.
            || incident.as_ref().is_some_and(|it| it.told.is_none())
                && sight.verdict.is_down()
                && !config.notify.is_empty();
        if let Some(incident) = incident.filter(|_| args.notify && !held && news) {
            keeping::keep_evidence(&memory, &reach, sight, &incident.id, None, deadline);
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
    memory.weigh_holds(config, &sights);
    let of_host = since.and_then(|since| happening::of_host(&memory, config, &since));
    if args.notify {
        stories.extend(reminders(&memory, config, &sights));
        stories.extend(happening::told(&mut memory, config, of_host));
        stories.extend(summaries(&mut memory, config));
    } else {
        happening::kept(&mut memory, config, of_host);
    }
    if complete {
        stories.extend(telling::unwatched(&memory, config));
    }
    if configured.broken.is_none() {
        keeping::keep_config(&memory, &configured.sources);
    }
    stories.extend(telling::config_story(&mut memory, configured));
    telling::mention_config(&mut stories, configured);
    let unrecorded = posting::record(&mut memory, config, &stories);
    let saved = memory.finish("check", config, complete, configured.headline());
    memory.release();
    let delivered = if args.notify || !stories.is_empty() {
        posting::deliver(&memory, config, unrecorded, deadline)
    } else {
        Delivered::default()
    };
    let mut outcome = shown::outcome(&memory.state, &services);
    if !saved {
        outcome = outcome.worst(Outcome::Unknown);
    }
    shown::complain(setup, &delivered);
    let said = plugin::said(configured, saved, &delivered);
    if args.format == Form::Nagios && configured.broken.is_some() {
        outcome = outcome.worst(Outcome::Unknown);
    }
    // A plugin is never silent where something is down.
    let loud = outcome != Outcome::Ok
        && (args.format == Form::Nagios || shown::is_news(outcome, &memory.state, &services));
    if !setup.screen.quiet || loud {
        let shown = shown::services(&memory.state, &services, &[], &[], &memory.now());
        match args.format {
            Form::Text => shown::print(setup, &shown, Format::Text, &delivered)?,
            Form::Json => shown::print(setup, &shown, Format::Json, &delivered)?,
            Form::Nagios => setup.screen.data(&plugin::services(outcome, &shown, &said))?,
        }
    }
    let refused = configured.broken.is_some() && args.format != Form::Nagios;
    Ok(if refused { Outcome::Config } else { outcome })
}
