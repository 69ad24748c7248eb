//! The commands: they compose everything else and add nothing of their own. One command never calls another;
//! what two of them need is in a file of its own (`setup`, `cycle`, `memory`, `healing` …).

mod attempting;
mod check;
mod claiming;
mod cycle;
mod deciding;
mod drill;
mod foretelling;
mod fresh;
mod gate;
mod happening;
mod heal;
mod healing;
mod hold;
mod holding;
mod keeping;
mod memory;
mod ping;
mod pinged;
mod posting;
mod rebooting;
mod registering;
mod reminding;
mod sacrifice;
mod scene;
mod setup;
mod shown;
mod signs;
mod stale;
mod status;
mod summing;
mod switches;
mod takeover;
mod telling;
mod unreached;
mod wrapping;

use std::ffi::OsString;

use anyhow::Result;

use crate::cli::{Cli, Command, Later};
use crate::commands::setup::Setup;
use crate::model::time::Now;
use crate::outcome::Outcome;

/// Answers for a command line that is not understood, where the one who asked does not know our exit statuses.
pub fn wrong_usage(args: &[OsString], why: &str) -> Option<Outcome> {
    check::wrong_usage(args, why)
}

/// Runs the command that was asked for.
pub fn run(cli: Cli, now: Now) -> Result<Outcome> {
    let setup = Setup::new(cli.global, now);
    match cli.command {
        Command::Check(Later(args)) => check::run(&setup, &args),
        Command::Heal(Later(args)) if args.drill => drill::run(&setup, &args),
        Command::Heal(Later(args)) if args.hold.is_some() || args.release => {
            hold::run(&setup, &args)
        }
        Command::Heal(Later(args)) => heal::run(&setup, &args),
        Command::Ping(Later(args)) if !args.job.is_empty() => Ok(wrapping::run(&setup, &args)),
        Command::Ping(Later(args)) if args.register || args.verify || args.pause => {
            registering::run(&setup, &args)
        }
        Command::Ping(Later(args)) => ping::run(&setup, &args),
        Command::Stale(Later(args)) => stale::run(&setup, &args),
        Command::Status(Later(args)) => status::run(&setup, &args),
        Command::DrillService(Later(args)) => sacrifice::serve(&args),
    }
}
