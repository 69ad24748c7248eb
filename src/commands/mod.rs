//! The commands: they compose everything else and add nothing of their own. One command never calls another;
//! what two of them need is in a file of its own (`setup`, `cycle`, `memory`, `healing` …).

mod attempting;
mod check;
mod cycle;
mod drill;
mod fresh;
mod heal;
mod healing;
mod keeping;
mod memory;
mod ping;
mod posting;
mod setup;
mod shown;
mod stale;
mod status;
mod telling;

use anyhow::Result;

use crate::cli::{Cli, Command};
use crate::commands::setup::Setup;
use crate::model::time::Now;
use crate::outcome::Outcome;

/// Runs the command that was asked for.
pub fn run(cli: Cli, now: Now) -> Result<Outcome> {
    let setup = Setup::new(cli.global, now);
    match cli.command {
        Command::Check(args) => check::run(&setup, &args),
        Command::Heal(args) if args.drill => drill::run(&setup),
        Command::Heal(args) => heal::run(&setup, &args),
        Command::Ping(args) => ping::run(&setup, &args),
        Command::Stale(args) => stale::run(&setup, &args),
        Command::Status(args) => status::run(&setup, &args),
        Command::DrillService(args) => drill::serve(&args),
    }
}
