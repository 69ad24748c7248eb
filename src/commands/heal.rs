//! `heal`: look, heal what is down, prove it, report it.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::cli::{Format, Heal};
use crate::commands::cycle::{Eye, Sight};
use crate::commands::foretelling::Foretold;
use crate::commands::happening;
use crate::commands::healing::Healing;
use crate::commands::keeping;
use crate::commands::memory::Memory;
use crate::commands::posting::{self, Delivered};
use crate::commands::reminding::reminders;
use crate::commands::setup::{Configured, Setup};
use crate::commands::shown;
use crate::commands::summing::summaries;
use crate::commands::telling;
use crate::manager::Reach;
use crate::model::story::Story;
use crate::model::trail::Left;
use crate::outcome::Outcome;
use crate::report::services::Shown;
use crate::store::Dir;

/// What one cycle came to.
pub(super) struct Cycled {
    pub(super) outcome: Outcome,
    pub(super) shown: Vec<Shown>,
    pub(super) stories: Vec<Story>,
    pub(super) delivered: Delivered,
    pub(super) healed: bool,
    /// Something is wrong that is not held.
    pub(super) news: bool,
}

/// Heals, or with `--dry-run` says what it would do.
pub(super) fn run(setup: &Setup, args: &Heal) -> Result<Outcome> {
    let configured = setup.config()?;
    setup.warn_broken(&configured);
    let (dir, refuge) = setup.state_dir_to_heal()?;
    if args.dry_run {
        return preview(setup, args, &configured, &dir);
    }
    let mut cycled = cycle(setup, &args.services, args.wait, &configured, &dir)?;
    if refuge {
        cycled.outcome = cycled.outcome.worst(Outcome::Unknown);
        cycled.news = true;
    }
    // Quiet, it says what nobody else does: with channels only what is new, or cron would mail it every minute.
    let untold = if configured.config.notify.is_empty() {
        cycled.news || cycled.healed
    } else {
        cycled.outcome != Outcome::Ok && !cycled.stories.is_empty()
    };
    shown::complain(setup, &cycled.delivered);
    if !setup.screen.quiet || untold {
        shown::print(setup, &cycled.shown, args.format, &cycled.delivered)?;
    }
    Ok(cycled.outcome)
}

/// One cycle on a config and a state directory, whoever chose them.
pub(super) fn cycle(
    setup: &Setup,
    names: &[String],
    wait: Option<Duration>,
    configured: &Configured,
    dir: &Dir,
) -> Result<Cycled> {
    let config = &configured.config;
    let services = shown::pick(config, names)?;
    let deadline = setup.deadline(Some(config));
    let reach = Reach::here(config.supervisord.clone());
    let mut memory = Memory::open(setup, dir, "heal", deadline, setup.patience(wait), false)?;
    let eye = Eye::new(config, &reach, deadline, &setup.screen);
    let complete = services.len() == config.services.len();
    let since = memory.since(config.fresh_for, complete);
    let sights = eye.look(&services, &Left::by(&memory.state));
    memory.refresh_holds();
    let mut healing = Healing::new(configured, &mut memory, &eye, deadline);
    // Who names a service wants it healed, whatever the host has been through.
    let of_host = since.as_ref().filter(|_| complete);
    let of_host = of_host.and_then(|since| happening::of_host(healing.memory, config, since));
    healing.since = since.filter(|_| names.is_empty());
    for sight in &sights {
        healing.observe(sight, &sight.service.policy);
    }
    healing.memory.weigh_holds(config, &sights);
    keep_known_good(&healing, configured, &sights);
    healing.save();
    let mut stories = reminders(healing.memory, config, &sights);
    healing.run(sights);
    let Healing { stories: mut told, recorded, mut unrecorded, healed, next, .. } = healing;
    stories.extend(told.drain(recorded..));
    stories.extend(happening::told(&mut memory, config, of_host));
    if complete {
        stories.extend(telling::unwatched(&memory, config));
    }
    stories.extend(summaries(&mut memory, config));
    stories.extend(telling::config_story(&mut memory, configured));
    telling::mention_config(&mut stories, configured);
    unrecorded.extend(posting::record(&mut memory, config, &stories));
    stories.extend(told);
    let saved = memory.finish("heal", config, complete, configured.headline());
    memory.release();
    let delivered = posting::deliver(&memory, config, unrecorded, deadline);
    let mut outcome = shown::outcome(&memory.state, &services);
    if !saved {
        outcome = outcome.worst(Outcome::Unknown);
    }
    if configured.broken.is_some() {
        outcome = Outcome::Config;
    }
    let shown = shown::services(&memory.state, &services, &healed, &next, &memory.now());
    let news = shown::is_news(outcome, &memory.state, &services);
    Ok(Cycled { outcome, shown, stories, delivered, healed: !healed.is_empty(), news })
}

/// Remembers what works: the config that loaded, and the config files of services that are up.
fn keep_known_good(healing: &Healing, configured: &Configured, sights: &[Sight]) {
    for sight in sights.iter().filter(|sight| sight.verdict.is_up()) {
        keeping::keep_known_good(healing.memory, sight.service);
    }
    if configured.broken.is_none() {
        keeping::keep_config(healing.memory, &configured.sources);
    }
}

/// What would be done, and why. Nothing is: the state is not even saved.
fn preview(setup: &Setup, args: &Heal, configured: &Configured, dir: &Dir) -> Result<Outcome> {
    let config = &configured.config;
    let services = shown::pick(config, &args.services)?;
    let deadline = setup.deadline(Some(config));
    let reach = Reach::here(config.supervisord.clone());
    let mut memory =
        Memory::open(setup, dir, "heal --dry-run", deadline, setup.patience(args.wait), true)?;
    let since = memory.since(config.fresh_for, args.services.is_empty());
    let eye = Eye::new(config, &reach, deadline, &setup.screen);
    let sights = eye.look(&services, &Left::by(&memory.state));
    memory.refresh_holds();
    let mut healing = Healing::new(configured, &mut memory, &eye, deadline);
    for sight in &sights {
        healing.observe(sight, &sight.service.policy);
    }
    healing.since = since.filter(|_| args.services.is_empty());
    healing.brake = healing.common_cause(sights.iter());
    let plans: Vec<_> = sights.iter().map(|sight| healing.foretold(sight)).collect();
    let text = match args.format {
        Format::Json => format!("{:#}\n", json!(plans)),
        Format::Text => plans.iter().map(Foretold::text).collect(),
    };
    setup.screen.data(&text)?;
    if configured.broken.is_some() {
        return Ok(Outcome::Config);
    }
    Ok(shown::outcome(&healing.memory.state, &services))
}
