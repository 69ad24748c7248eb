//! Crontabs: what they run of this program's, when, and what keeps them from it. Pure: it is told what was read.

pub mod command;
pub mod table;
pub mod times;
pub mod traps;

#[cfg(test)]
mod tests;

use crate::judge::cron::command::{Ours, ours};
use crate::judge::schedule::Firing;
use crate::model::finding::{Finding, Standing};
use crate::model::schedule::{Tab, Whose};

use traps::{Around, Costs};

/// Where cron looks for programs unless a crontab says otherwise (`PATH` in Debian's cron and in cronie).
pub const PATH: &str = "/usr/bin:/bin";

/// What a crontab has of ours, and what is the matter with it. Of one that has nothing of ours nothing is said.
pub fn judge(tab: &Tab, around: &Around<'_>) -> (Vec<Firing>, Vec<Finding>) {
    let about = "schedule";
    let text = match &tab.text {
        Ok(text) => text,
        Err(why) => {
            let said = format!("{} cannot be read: {why}", tab.name);
            return (Vec::new(), vec![Finding::unknown(about, said)]);
        }
    };
    let mut table = table::read(text, !matches!(tab.whose, Whose::User(_)));
    let mut scripts: Vec<usize> = Vec::new();
    for line in table.lines.iter_mut().filter(|line| line.ours.is_empty()) {
        line.ours = in_script(&line.command, around);
        scripts.extend((!line.ours.is_empty()).then_some(line.number));
    }
    if table.lines.iter().all(|line| line.ours.is_empty()) {
        return (Vec::new(), Vec::new());
    }
    let traps = traps::traps(tab, &table, around);
    let passed_over = |line: usize| {
        traps.iter().any(|trap| match trap.costs {
            Costs::Nothing => false,
            Costs::Line => trap.line == Some(line),
            Costs::File => true,
        })
    };
    let place = |line: Option<usize>| match line {
        Some(line) => format!("{}, line {line}", tab.name),
        None => tab.name.clone(),
    };
    let mut firings = Vec::new();
    for line in &table.lines {
        let user = match (&tab.whose, &line.user) {
            (Whose::User(owner), _) => owner.clone(),
            (_, user) => user.clone().unwrap_or_default(),
        };
        for ours in &line.ours {
            firings.push(Firing {
                place: place(Some(line.number)),
                ours: ours.clone(),
                user: user.clone(),
                every: line.times.as_ref().ok().and_then(times::Times::longest),
                fires: !passed_over(line.number),
                // A script may set its own.
                path: (!scripts.contains(&line.number))
                    .then(|| line.path.clone().unwrap_or_else(|| PATH.to_owned())),
                variables: line.variables.clone(),
                more_variables: false,
            });
        }
    }
    let findings = traps.iter().map(|trap| {
        let said = format!("{}: {}", place(trap.line), trap.said);
        let standing = match trap.costs {
            Costs::Nothing => Standing::Warning,
            Costs::Line | Costs::File => Standing::Critical,
        };
        Finding::new(about, standing, said).hint(trap.hint.clone())
    });
    (firings, findings.collect())
}

/// What the first script of a command runs of ours. What becomes of its output is its own affair.
fn in_script(command: &str, around: &Around<'_>) -> Vec<Ours> {
    let path = command.split_whitespace().find(|word| word.starts_with('/'));
    let Some(text) = path.and_then(|path| (around.script)(path)) else { return Vec::new() };
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.flat_map(ours).map(|one| Ours { quiet: true, ..one }).collect()
}
