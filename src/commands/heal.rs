//! `heal`: look, heal what is down, prove it, report it.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::cli::{Format, Heal};
use crate::commands::cycle::{Eye, Sight};
use crate::commands::healing::Healing;
use crate::commands::keeping;
use crate::commands::memory::Memory;
use crate::commands::posting::{self, Delivered};
use crate::commands::setup::{Configured, Setup};
use crate::commands::shown;
use crate::commands::telling;
use crate::judge::plan::{Action, Why};
use crate::manager::Reach;
use crate::model::story::Story;
use crate::model::text::human_duration;
use crate::model::trail::Left;
use crate::outcome::Outcome;
use crate::report::services::Shown;
use crate::store::Dir;
use crate::store::state::Save;

/// What one cycle came to.
pub(super) struct Cycled {
    pub(super) outcome: Outcome,
    pub(super) shown: Vec<Shown>,
    pub(super) stories: Vec<Story>,
    pub(super) delivered: Delivered,
    pub(super) healed: bool,
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
    }
    // Quiet, it says what nobody else does: with channels only what is new, or cron would mail it every minute.
    let untold = if configured.config.notify.is_empty() {
        cycled.outcome != Outcome::Ok || cycled.healed
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
    let mut stories = telling::untold(&memory, config, &sights);
    let mut healing = Healing::new(config, &mut memory, &eye, deadline);
    // Who names a service wants it healed, whatever the host has been through.
    healing.since = since.filter(|_| names.is_empty());
    for sight in &sights {
        healing.observe(sight, &sight.service.policy);
    }
    keep_known_good(&healing, configured, &sights);
    healing.memory.save(Save::Partial);
    stories.extend(telling::reminders(healing.memory, config, &sights));
    healing.run(sights);
    let Healing { stories: told, healed, next, .. } = healing;
    stories.extend(told);
    stories.extend(telling::config_story(&mut memory, configured));
    telling::mention_config(&mut stories, configured);
    let unrecorded = posting::record(&mut memory, config, &stories);
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
    Ok(Cycled { outcome, shown, stories, delivered, healed: !healed.is_empty() })
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
    let eye = Eye::new(config, &reach, deadline, &setup.screen);
    let sights = eye.look(&services, &Left::by(&memory.state));
    let mut healing = Healing::new(config, &mut memory, &eye, deadline);
    for sight in &sights {
        healing.observe(sight, &sight.service.policy);
    }
    let plans: Vec<(&str, String)> = sights
        .iter()
        .map(|sight| (sight.service.name.as_str(), in_words(&healing.plan(sight), sight, &reach)))
        .collect();
    let text = match args.format {
        Format::Json => {
            let plans: Vec<_> =
                plans.iter().map(|(name, plan)| json!({"service": name, "plan": plan})).collect();
            format!("{:#}\n", json!(plans))
        }
        Format::Text => plans.iter().map(|(name, plan)| format!("{name}: {plan}\n")).collect(),
    };
    setup.screen.data(&text)?;
    if configured.broken.is_some() {
        return Ok(Outcome::Config);
    }
    Ok(shown::outcome(&healing.memory.state, &services))
}

fn in_words(action: &Action, sight: &Sight, reach: &Reach) -> String {
    let reason = sight.verdict.reason();
    match action {
        Action::Leave(Why::Up) => "up, nothing to do".into(),
        Action::Leave(why) => format!("left alone: {}: {reason}", why.words()),
        Action::Blocked(by) => format!("down ({reason}), waits for {by}"),
        Action::Wait { left, why } => {
            format!("down ({reason}), waits {}: {why}", human_duration(*left))
        }
        Action::GiveUp(why) => format!("down ({reason}), would be given up: {why}"),
        Action::HandsOff(why) => format!("down ({reason}), not to be touched: {why}"),
        Action::Heal { half_open, .. } => {
            let ladder = sight
                .service
                .strategies
                .iter()
                .map(|s| s.word())
                .collect::<Vec<_>>()
                .join(", then ");
            let how = sight
                .settled
                .runner
                .as_ref()
                .map(|runner| runner.restart_command(reach))
                .unwrap_or_default();
            let once = if *half_open { " once (it was given up)" } else { "" };
            format!("down ({reason}), would try{once}: {ladder} (`{how}`)")
        }
    }
}
