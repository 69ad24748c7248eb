//! `check --self --preview CHANGE`: what each channel would be told, made by what sends it, and nothing is sent.
//! Asks nobody, takes no lock and changes nothing.

mod example;

use anyhow::Result;
use jiff::tz::TimeZone;

use crate::cli::{Check, Form, WAITING};
use crate::commands::memory::Memory;
use crate::commands::posting::{self, Upcoming};
use crate::commands::setup::Setup;
use crate::commands::shown;
use crate::config::{Config, Service};
use crate::model::letter::{self, Outgoing};
use crate::model::story::{Change, Story};
use crate::notify::Channel;
use crate::outcome::{Outcome, Refusal};
use crate::report::email;
use crate::report::leaving::{self, Shown};
use crate::store::Dir;
use crate::sys::host;

/// Shows what would be told of `what`: a change, or what waits.
pub(super) fn run(setup: &Setup, args: &Check, what: &str) -> Result<Outcome> {
    if args.format == Form::Nagios {
        let refusal = Refusal::new(Outcome::Usage, "a preview has no form `nagios`");
        return Err(refusal.hint("for programs there is `-o json`").into());
    }
    let configured = setup.config()?;
    setup.warn_broken(&configured);
    let config = &configured.config;
    if config.notify.is_empty() {
        let refusal = Refusal::new(Outcome::Config, "no [[notify]] is configured: nobody is told");
        return Err(refusal.hint("see NOTIFICATIONS in miraclemax-config(5)").into());
    }
    if args.what.len() > 1 {
        let refusal = Refusal::new(Outcome::Usage, "a preview is of one service");
        return Err(refusal.hint(format!("name one: `--preview {what} {}`", args.what[0])).into());
    }
    let shown = match Change::ALL.into_iter().find(|change| change.word() == what) {
        None if what == WAITING => waiting(setup, config)?,
        None => Vec::new(),
        Some(change) => {
            let service = match &args.what[..] {
                [] => config.services.first(),
                some => shown::pick(config, some)?.into_iter().next(),
            };
            of_change(setup, config, change, service)
        }
    };
    let said = match args.format {
        Form::Json => leaving::json(what, &shown),
        Form::Text | Form::Nagios => leaving::text(&shown),
    };
    setup.screen.data(&said)?;
    let troubles = shown.iter().flat_map(|shown| &shown.letters).any(|it| !it.troubles.is_empty());
    Ok(match configured.broken {
        Some(_) => Outcome::Config,
        None if troubles => Outcome::Warning,
        None => Outcome::Ok,
    })
}

/// What lies in the outbox, as a run would send it now.
fn waiting(setup: &Setup, config: &Config) -> Result<Vec<Shown>> {
    let dir = Dir::existing(&setup.state_path()?)?;
    let upcoming = dir.as_ref().map(|dir| posting::upcoming(&Memory::look(setup, dir), config));
    let mut upcoming = upcoming.unwrap_or_default().into_iter();
    let each = config.notify.iter().map(|channel| {
        let mut shown = Shown { channel: channel.name.clone(), ..Shown::default() };
        match upcoming.next().filter(|upcoming| upcoming.waiting > 0) {
            None => shown.why_not = Some("nothing waits for it".into()),
            Some(Upcoming { letters, .. }) if letters.is_empty() => {
                shown.why_not = Some("what waits for it waits until its quiet hours end".into());
            }
            Some(Upcoming { letters, resting, .. }) => {
                shown.waits = resting.then(|| "it asked to be left alone for now".into());
                shown.letters = letters;
            }
        }
        shown
    });
    Ok(each.collect())
}

/// An example of a change, as each channel would be told it.
fn of_change(
    setup: &Setup,
    config: &Config,
    change: Change,
    service: Option<&Service>,
) -> Vec<Shown> {
    let story = example::story(change, config, service, &host::name(), &setup.now);
    let zone = TimeZone::system();
    let letter = email::compose(&story, None, &zone);
    let id = letter::message_id(&story);
    let each = config.notify.iter().map(|channel| {
        let mut shown = Shown { channel: channel.name.clone(), ..Shown::default() };
        shown.why_not = why_not(channel, &story);
        if shown.why_not.is_none() {
            let out = Outgoing {
                letter: &letter,
                id: &id,
                stories: &[&story],
                holds: config.fresh_for * 2,
                reply_to: None,
            };
            shown.letters.push(channel.preview(&out));
            let quiet = service.is_some_and(|service| {
                let quiet = &service.policy.quiet_hours;
                story.service == service.name
                    && !story.critical
                    && quiet.iter().any(|window| window.contains(setup.now.wall))
            });
            if quiet || channel.routing.quiet(&story, setup.now.wall) {
                shown.waits = Some("these are quiet hours (`quiet_hours`)".into());
            }
        }
        shown
    });
    each.collect()
}

fn why_not(channel: &Channel, story: &Story) -> Option<String> {
    let after = channel.routing.after;
    match story.change {
        Change::Test => None,
        Change::Summary => {
            let none = channel.routing.summary.is_none();
            none.then(|| "it is told no summary (`summary`)".into())
        }
        Change::Escalated if after.is_none() => Some("it is told at once (no `after`)".into()),
        // What is told to some by name is told of what their other keys let through.
        Change::Escalated => {
            let down = Story { change: Change::Failed, only: Vec::new(), ..story.clone() };
            channel.why_not(&down, true)
        }
        _ => {
            // Who would have been told of the outage when it had lasted so long.
            let told = after.is_none_or(|after| story.lasted >= after);
            channel.why_not(story, told)
        }
    }
}
