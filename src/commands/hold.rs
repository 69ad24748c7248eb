//! `heal --hold` and `heal --release`: hands are kept off services while people work on them. Takes no lock, so it
//! works while a run goes on. Looks at no service and heals none.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Result;

use crate::cli::Heal;
use crate::commands::holding::{ended, in_force, service_of};
use crate::commands::setup::Setup;
use crate::commands::shown;
use crate::config::Config;
use crate::model::hold::{Hold, LONGEST, Owner, VERSION};
use crate::model::text::one_line;
use crate::outcome::{Outcome, Refusal};
use crate::store::Dir;
use crate::store::events::{self, Event, Kind};
use crate::store::holds::{self, Kept};
use crate::store::lock::{self, Seen};
use crate::sys::job::{Job, JobEnded};
use crate::sys::process;

/// Places a hold, for a time or around a command; or releases.
pub(super) fn run(setup: &Setup, args: &Heal) -> Result<Outcome> {
    let Some(time) = args.hold else { return release(setup, &args.services) };
    let services = named(setup, &args.services)?;
    if time > LONGEST {
        let refusal = Refusal::new(Outcome::Usage, "a hold lasts 7d at most");
        return Err(refusal.hint("`maintenance` windows and `heal = \"off\"` last longer").into());
    }
    let hold = Hold {
        version: VERSION,
        services,
        since: setup.clock().stamp(),
        lasts_secs: time.as_secs().max(1),
        by: who(setup),
        reason: args
            .reason
            .as_deref()
            .map(|reason| one_line(reason.trim(), 200))
            .unwrap_or_default(),
        owner: args.pid.map(owner).transpose()?,
        until_healthy: args.until_healthy,
    };
    let (dir, _) = setup.state_dir_to_heal()?;
    if args.guarded.is_empty() {
        place(setup, &dir, &hold)?;
        if !setup.screen.quiet {
            let words = hold.words(&setup.clock());
            setup.screen.data(&format!("held: {} {words}\n", hold.what()))?;
        }
        if let Seen::Held(Some(holder)) = lock::holder(&dir)
            && holder.command == "heal"
        {
            setup.screen.note(&format!(
                "note: a `heal` is at work (pid {}); what it is doing at this moment it finishes",
                holder.pid
            ));
        }
        return Ok(Outcome::Ok);
    }
    around(setup, &dir, hold, &args.guarded, time)
}

/// Runs the command with the hold on, which ends with it, however it ends. Its exit status is ours.
fn around(
    setup: &Setup,
    dir: &Dir,
    mut hold: Hold,
    command: &[OsString],
    time: Duration,
) -> Result<Outcome> {
    // Until the command runs, the hold is this process's own.
    hold.owner = Some(owner(std::process::id())?);
    let id = place(setup, dir, &hold)?;
    let mut unheld = None;
    let report = Job::new(command).run(|pid| {
        // From then on the command's: it may outlive a process that is killed here.
        if let Some(process) = process::one(pid) {
            hold.owner = Some(Owner { pid, start: process.start });
            unheld = holds::replace(dir, &id, &hold).err();
        }
    });
    let (code, took) = (report.ended.exit_code(), report.took);
    let not_started = match &report.ended {
        JobEnded::NotStarted { why, .. } => Some(why.clone()),
        _ => None,
    };
    let over = holds::end(dir, &id);
    // What the command wrote comes first, then what is to be said of it.
    report.deliver();
    if let Some(why) = not_started {
        setup.screen.note(&format!("error: cannot run the command: {why}"));
    }
    if let Some(err) = unheld {
        setup
            .screen
            .note(&format!("warning: the hold was this process's, not the command's: {err:#}"));
    }
    match over {
        Ok(true) => note(setup, dir, &hold, "the command has ended"),
        Ok(false) if took >= time => {
            setup.screen.note("warning: the hold ended before the command did: its time was up");
        }
        Ok(false) => {}
        Err(err) => setup.screen.note(&format!("warning: {err:#}")),
    }
    Ok(Outcome::Job(code))
}

fn place(setup: &Setup, dir: &Dir, hold: &Hold) -> Result<String> {
    let id = holds::place(dir, hold)?;
    let text = format!("{} is held {}", hold.what(), hold.words(&setup.clock()));
    event(setup, dir, service_of(hold), text);
    Ok(id)
}

/// Ends the holds on these services, or all. Of one that is on others too, those stay held.
fn release(setup: &Setup, names: &[String]) -> Result<Outcome> {
    let names = named(setup, names)?;
    let now = setup.clock();
    let mut released = Vec::new();
    if let Some(dir) = Dir::existing(&setup.state_path()?)? {
        for kept in in_force(&dir, &now) {
            let Kept { id, hold } = &kept;
            if !names.is_empty() && !names.iter().any(|name| hold.covers(name)) {
                continue;
            }
            let others = others(setup, hold, &names)?;
            let over = if others.is_empty() {
                holds::end(&dir, id)?
            } else {
                holds::replace(&dir, id, &Hold { services: others, ..hold.clone() })?
            };
            if over {
                let freed = if names.is_empty() {
                    hold.clone()
                } else {
                    let freed = names.iter().filter(|name| hold.covers(name)).cloned();
                    Hold { services: freed.collect(), ..hold.clone() }
                };
                note(setup, &dir, &freed, &format!("released by {}", who(setup)));
                released.push(format!("released: {}, held {}\n", freed.what(), hold.words(&now)));
            }
        }
    }
    if !setup.screen.quiet {
        let nothing = match names.as_slice() {
            [] => "nothing is held\n".to_owned(),
            names => format!("nothing holds {}\n", names.join(", ")),
        };
        let text = if released.is_empty() { nothing } else { released.concat() };
        setup.screen.data(&text)?;
    }
    Ok(Outcome::Ok)
}

/// What a hold is still on when `released` are not held any more; nothing when it is over.
fn others(setup: &Setup, hold: &Hold, released: &[String]) -> Result<Vec<String>> {
    if released.is_empty() {
        return Ok(Vec::new());
    }
    let all = if hold.services.is_empty() {
        known(&setup.config()?.config)
    } else {
        hold.services.clone()
    };
    Ok(all.into_iter().filter(|name| !released.contains(name)).collect())
}

/// The names as they are configured; none is all of them, and needs no configuration.
fn named(setup: &Setup, names: &[String]) -> Result<Vec<String>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let configured = setup.config()?;
    let picked = shown::pick(&configured.config, names)?;
    Ok(picked.into_iter().map(|service| service.name.clone()).collect())
}

fn known(config: &Config) -> Vec<String> {
    config.services.iter().map(|service| service.name.clone()).collect()
}

fn owner(pid: u32) -> Result<Owner> {
    let Some(process) = process::one(pid).filter(|process| !process.zombie) else {
        let refusal = Refusal::new(Outcome::Usage, format!("there is no process {pid}"));
        return Err(refusal
            .hint("leave `--pid` out for a hold that ends by its time alone")
            .into());
    };
    Ok(Owner { pid, start: process.start })
}

/// Who asks: behind sudo the user who called it.
fn who(setup: &Setup) -> String {
    let sudo = std::env::var("SUDO_USER").ok().filter(|_| setup.euid == 0);
    let name = sudo.filter(|name| !name.is_empty());
    one_line(&name.unwrap_or_else(|| process::user_name(setup.euid)), 60)
}

fn note(setup: &Setup, dir: &Dir, hold: &Hold, why: &str) {
    let (service, text) = ended(hold, why);
    event(setup, dir, service, text);
}

/// Writes down what happened. That it cannot be written is said, and costs nothing else.
fn event(setup: &Setup, dir: &Dir, service: String, text: String) {
    let event = Event {
        at: setup.clock().wall,
        kind: Kind::Hold,
        service,
        incident: String::new(),
        text,
        fields: std::collections::BTreeMap::new(),
    };
    if let Err(err) = events::append(dir, &event) {
        setup.screen.note(&format!("warning: {err:#}"));
    }
}
