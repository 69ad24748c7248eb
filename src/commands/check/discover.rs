//! `check --discover`: a config for what runs here, to standard output or a file. Changes nothing on the host, and
//! writes nothing that does not load.

mod asking;
mod gather;
mod present;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::Result;

use self::gather::Gathered;
use crate::commands::setup::Setup;
use crate::config::{self, Config, Source};
use crate::judge::discovery;
use crate::manager::Reach;
use crate::model::text::plural;
use crate::outcome::{Outcome, Refusal};
use crate::report::discovered;

/// Finds, asks, and writes the whole of it, or with `merge` the present config and what it lacks.
pub(super) fn run(setup: &Setup, merge: bool) -> Result<Outcome> {
    let path = setup.config_path()?;
    // What is wrong with the present config is told before anything is looked for.
    let present = if merge { setup.sources_if_any()? } else { None };
    let main = match &present {
        Some((sources, _)) => sources.iter().find(|source| source.path == path),
        None => None,
    };
    if main.is_some_and(|main| config::is_json(&main.path)) {
        let message = format!("cannot merge into `{}`: it is JSON", path.display());
        let hint = "print what runs with `--discover` alone, or put it into a `.toml` file in `conf.d` beside it";
        return Err(Refusal::new(Outcome::Usage, message).hint(hint).into());
    }
    let reach = Reach::here(present.as_ref().and_then(|(_, config)| config.supervisord.clone()));
    let deadline = setup.deadline(present.as_ref().map(|(_, config)| config));
    let Gathered { seen, troubles } = gather::gather(&reach, deadline, &setup.screen);
    let mut found = discovery::sort_out(&seen);
    asking::ask(&mut found.services, deadline, &setup.screen);
    let hidden = found.hidden;
    let none = found.services.is_empty();
    let text = if let Some((sources, config)) = &present {
        let present = present::services(config);
        let lacking = discovery::lacking(found.services, &present);
        tell_added(setup, &path, lacking.len());
        let main = main.map_or("", |main| main.text.as_str());
        let text = discovered::merged(main, &lacking);
        loads(&path, &text, sources)?;
        text
    } else {
        let text = discovered::config(&found);
        loads(&path, &text, &[])?;
        text
    };
    setup.screen.data(&text)?;
    if none && present.is_none() {
        setup
            .screen
            .note("note: no service was found here; what was written looks at the host alone");
    }
    if hidden > 0 && !reach.root {
        setup.screen.note(&format!(
            "note: {} may not see whose {} is; as root it finds more",
            reach.user,
            plural(hidden, "listening socket")
        ));
    }
    for trouble in &troubles {
        setup.screen.note(&format!("warning: {trouble}"));
    }
    Ok(if troubles.is_empty() { Outcome::Ok } else { Outcome::Unknown })
}

fn tell_added(setup: &Setup, path: &Path, count: usize) {
    if !setup.screen.quiet {
        let what = if count == 0 { "no service".into() } else { plural(count, "service") };
        setup.screen.note(&format!("note: {what} added to what `{}` says", path.display()));
    }
}

/// Reads the text as the config that it would be, beside the files of `conf.d`.
fn loads(path: &Path, text: &str, present: &[Source]) -> Result<Config> {
    let beside = present.iter().filter(|source| source.path != path).cloned();
    let main = Source { path: toml(path), text: text.to_owned() };
    let sources: Vec<_> = std::iter::once(main).chain(beside).collect();
    config::parse(&sources).map_err(|problems| {
        let message = format!("what runs here cannot be written as a config\n{problems}");
        let hint = "nothing was written; `--discover` without `--merge` shows the services alone";
        Refusal::new(Outcome::Config, message).hint(hint).into()
    })
}

/// What is written is TOML, whatever the name of the config that is not there.
fn toml(path: &Path) -> PathBuf {
    path.with_extension("toml")
}
