//! How findings are said: a table, JSON, or as a monitoring plugin.

use anyhow::Result;
use serde_json::json;

use crate::cli::Form;

use crate::commands::setup::Setup;
use crate::model::finding::{Finding, Standing};
use crate::model::text::one_line;
use crate::outcome::Outcome;
use crate::report::nagios::Found;
use crate::report::screen::Paint;
use crate::report::text::{Row, table};
use crate::sys::host;

use super::super::plugin;
use super::outcome;

/// Says them, and what they come to; asked to be quiet, people are told only what is wrong.
pub(super) fn say(setup: &Setup, format: Form, found: &[Finding]) -> Result<Outcome> {
    let came_to =
        found.iter().map(|finding| outcome(finding.status)).fold(Outcome::Ok, Outcome::worst);
    if setup.screen.quiet && came_to == Outcome::Ok {
        return Ok(came_to);
    }
    let text = match format {
        Form::Json => format!("{:#}\n", json!({ "host": host::name(), "findings": found })),
        Form::Text => {
            let told = |finding: &&Finding| !setup.screen.quiet || finding.status != Standing::Ok;
            table(&found.iter().filter(told).map(row).collect::<Vec<_>>(), &setup.screen)
        }
        Form::Nagios => {
            let rows: Vec<Row> = found.iter().map(row).collect();
            let word = plugin::word(came_to);
            Found { word, noun: "finding", well: "fine", said: &[], rows: &rows, measures: &[] }
                .text()
        }
    };
    setup.screen.data(&text)?;
    Ok(came_to)
}

fn row(finding: &Finding) -> Row {
    let (word, paint) = match finding.status {
        Standing::Ok => ("ok", Paint::Good),
        Standing::Warning => ("WARNING", Paint::Warn),
        Standing::Unknown => ("UNKNOWN", Paint::Warn),
        Standing::Critical => ("CRITICAL", Paint::Bad),
    };
    let hint = finding.hint.as_ref().map(|hint| format!("hint: {}", one_line(hint, 400)));
    let details = std::iter::once(one_line(&finding.said, 600)).chain(hint).collect();
    Row { word: word.to_owned(), paint, name: one_line(&finding.about, 80), details }
}
