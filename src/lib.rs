//! miraclemax heals a host's services when they go down, proves that the heal held, reports it honestly, and
//! tells a dead man's switch that it is alive. One-shot commands; see `commands`. No semver promise: the
//! library exists for the binary and its tests.

pub mod cli;
pub mod commands;
pub mod config;
pub mod heartbeat;
pub mod judge;
pub mod manager;
pub mod model;
pub mod notify;
pub mod outcome;
pub mod probe;
pub mod remedy;
pub mod report;
pub mod store;
pub mod sys;

use std::ffi::OsString;
use std::io::{Write, stderr, stdout};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::model::time::Now;
use crate::outcome::{Outcome, Refusal};

/// Names by which links to the binary run one command, as the scripts of old call them.
const NAMES: [(&str, &str); 3] = [
    ("miraclemax-status", "status"),
    ("miraclemax-heartbeat", "ping"),
    ("miraclemax-self-heal", "heal"),
];

/// Runs one command line to its end and says with which status to exit.
pub fn run(args: impl IntoIterator<Item = OsString>, now: Now) -> ExitCode {
    let args = with_command(args);
    let outcome = match cli::Cli::try_parse_from(&args) {
        Ok(cli) => {
            let quiet = cli.global.quiet;
            commands::run(cli, now).unwrap_or_else(|err| complain(&err, quiet))
        }
        Err(err) => usage(&args, &err),
    };
    outcome.into()
}

/// The arguments, with the command put in that the program's own name stands for.
fn with_command(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let name = args.first().and_then(|first| Path::new(first).file_name()).map(OsString::from);
    if let Some((_, command)) =
        NAMES.iter().find(|(link, _)| name.as_deref() == Some(link.as_ref()))
    {
        args.insert(1, OsString::from(*command));
    }
    args
}

fn usage(args: &[OsString], err: &clap::Error) -> Outcome {
    let text = err.render();
    // Nobody is left to be told when the stream is closed.
    if matches!(err.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = write!(stdout(), "{text}");
        return Outcome::Ok;
    }
    if let Some(outcome) = commands::wrong_usage(args, &text.to_string()) {
        return outcome;
    }
    // The help that is shown when no command was given is no complaint.
    let prefix = match err.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "",
        _ => "miraclemax: ",
    };
    let _ = write!(stderr(), "{prefix}{text}");
    Outcome::Usage
}

fn complain(err: &anyhow::Error, quiet: bool) -> Outcome {
    let refusal = err.downcast_ref::<Refusal>();
    if !quiet || !refusal.is_some_and(|refusal| refusal.harmless) {
        // Nobody is left to be told when the stream is closed.
        let _ = writeln!(stderr(), "miraclemax: error: {err:#}");
    }
    refusal.map_or(Outcome::Unknown, |refusal| refusal.outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_runs_the_command_it_is_named_after() {
        for (args, want) in [
            (
                vec!["/usr/local/bin/miraclemax-status", "web"],
                vec!["/usr/local/bin/miraclemax-status", "status", "web"],
            ),
            (vec!["miraclemax-heartbeat"], vec!["miraclemax-heartbeat", "ping"]),
            (vec!["miraclemax", "status"], vec!["miraclemax", "status"]),
            (vec![], vec![]),
        ] {
            let args = args.into_iter().map(OsString::from);
            assert_eq!(
                with_command(args),
                want.into_iter().map(OsString::from).collect::<Vec<_>>()
            );
        }
    }
}
