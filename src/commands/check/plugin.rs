//! `check -o nagios`: what was found, and what kept it from being found, as a monitoring plugin says it. Nagios
//! knows 0 to 3 alone and takes anything else for a broken plugin, so what is refused is unknown here.

use std::ffi::OsString;
use std::io::{Write, stdout};

use anyhow::Result;

use crate::commands::posting::Delivered;
use crate::commands::setup::{Configured, Setup};
use crate::commands::shown;
use crate::outcome::Outcome;
use crate::report::nagios::{Found, labelled, refusal};
use crate::report::services::Shown;
use crate::report::text::Row;

/// What concerns the run and not a service.
pub(super) fn said(configured: &Configured, saved: bool, delivered: &Delivered) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(headline) = configured.headline() {
        said.push(format!(
            "the configuration is wrong; the last one that loaded is in use: {headline}"
        ));
    }
    if !saved {
        said.push("the state could not be saved".to_owned());
    }
    said.extend(shown::unsent(delivered));
    said
}

/// The services as they stand.
pub(super) fn services(outcome: Outcome, shown: &[Shown], said: &[String]) -> String {
    // As a plugin, it has everything that text has without `-v`: views show the long lines on demand.
    let rows: Vec<Row> = shown.iter().map(|one| one.row(false)).collect();
    let mut named: Vec<&Shown> = shown.iter().collect();
    named.sort_by(|a, b| a.name.cmp(&b.name));
    let measures: Vec<_> =
        named.into_iter().flat_map(|one| labelled(&one.name, &one.probes)).collect();
    let found = Found {
        word: word(outcome),
        noun: "service",
        well: "up",
        said,
        rows: &rows,
        measures: &measures,
    };
    found.text()
}

/// `OK`, `WARNING`, `CRITICAL`; all else is `UNKNOWN`.
pub(super) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "OK",
        Outcome::Warning => "WARNING",
        Outcome::Critical => "CRITICAL",
        _ => "UNKNOWN",
    }
}

/// The end of a run: a refusal is told on standard output, where the caller reads.
pub(super) fn ended(setup: &Setup, found: Result<Outcome>) -> Result<Outcome> {
    match found {
        Ok(outcome) => Ok(outcome),
        Err(err) => {
            setup.screen.data(&refusal(&format!("{err:#}")))?;
            Ok(Outcome::Unknown)
        }
    }
}

/// For a command line that is not understood, when it asks for this form all the same.
pub(in super::super) fn wrong_usage(args: &[OsString], why: &str) -> Option<Outcome> {
    let words: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let asked = words.iter().any(|word| ["--format=nagios", "-onagios"].contains(&&**word))
        || words.windows(2).any(|two| ["-o", "--format"].contains(&&*two[0]) && two[1] == "nagios");
    if !asked || !words.iter().any(|word| word == "check") {
        return None;
    }
    let why = why.strip_prefix("error: ").unwrap_or(why);
    // Nobody is left to be told when the stream is closed.
    let _ = stdout().write_all(refusal(why).as_bytes());
    Some(Outcome::Unknown)
}
