//! The config and the files that secrets are in: do they load, and who else may read or write them. Shows no secret.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::commands::setup::{Configured, Setup};
use crate::config::Config;
use crate::model::finding::Finding;
use crate::model::secret::SecretSource;
use crate::model::text::{one_line, plural};
use crate::sys::files::{self, FileLook};
use crate::sys::{process, secret};

use super::secrets;

/// What findings here are about.
const ABOUT: &str = "config";
/// Bound on a look at one file.
const LIMIT: Duration = Duration::from_secs(5);

/// What is to be said of it.
pub(super) fn findings(setup: &Setup, loaded: &Result<Option<Configured>>) -> Vec<Finding> {
    let path = setup.config_path();
    let mut found = Vec::new();
    let configured = match (loaded, &path) {
        (Err(err), _) => {
            let text = format!("{err:#}");
            let told = |line: &&str| !line.trim_start().starts_with("hint:");
            let text = text.lines().filter(told).collect::<Vec<_>>().join("\n");
            found.push(
                Finding::critical(ABOUT, format!("it cannot be used: {}", one_line(&text, 500)))
                    .hint("`miraclemax check --dry-run` says all that is wrong with it"),
            );
            None
        }
        (Ok(None), Ok(path)) => {
            let said = format!("there is none at `{}`: nothing is looked after", path.display());
            let folder = path.parent().unwrap_or(path).display();
            let hint = format!(
                "write one for what runs here, and read it: `mkdir -pm 700 '{folder}'`; \
                 `miraclemax check --discover --output '{}'`",
                path.display()
            );
            found.push(Finding::critical(ABOUT, said).hint(hint));
            None
        }
        (Ok(None), Err(why)) => {
            found.push(Finding::unknown(ABOUT, one_line(&format!("{why:#}"), 300)));
            None
        }
        (Ok(Some(configured)), _) => Some(configured),
    };
    if let Some(configured) = configured {
        found.push(loads(configured, path.as_deref().ok()));
        let plain = secrets(&configured.config)
            .iter()
            .any(|(_, source)| matches!(source, SecretSource::Plain(_)));
        let files = configured.sources.iter().map(|source| source.path.clone());
        let files: Vec<PathBuf> = match &configured.broken {
            None => files.collect(),
            Some(_) => path.iter().cloned().collect(),
        };
        for file in &files {
            found.extend(guarded(file, setup.euid, plain));
        }
        let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
        found.extend(folders.into_iter().filter_map(folder));
        found.extend(secret_files(&configured.config, setup.euid));
    }
    found
}

fn loads(configured: &Configured, path: Option<&Path>) -> Finding {
    let shown = path.map(|path| path.display().to_string()).unwrap_or_default();
    if let Some(headline) = configured.headline() {
        let said = format!(
            "it is wrong, and the last one that loaded is in use: {}",
            one_line(&headline, 300)
        );
        return Finding::critical(ABOUT, said)
            .hint("`miraclemax check --dry-run` says all that is wrong with it");
    }
    let config = &configured.config;
    let what = [
        plural(config.services.len(), "service"),
        plural(config.heartbeats.len(), "heartbeat"),
        plural(config.notify.len(), "channel"),
    ];
    let said = format!("{shown}: {}", what.join(", "));
    if config.services.is_empty() {
        return Finding::warning(ABOUT, format!("{said}: no service is looked after"))
            .hint("`miraclemax check --discover --merge` adds what runs here");
    }
    if config.heartbeats.is_empty() && config.notify.is_empty() {
        return Finding::warning(ABOUT, format!("{said}: nobody is told of anything"))
            .hint("add a [[notify]] and a [[heartbeat]]; see miraclemax-config(5)");
    }
    if config.heartbeats.is_empty() {
        return Finding::warning(
            ABOUT,
            format!("{said}: nobody notices when this host or its cron is dead"),
        )
        .hint("add a [[heartbeat]]; see miraclemax-config(5)");
    }
    Finding::ok(ABOUT, said)
}

/// Who may write a config file, and read it when secrets are written in it.
fn guarded(path: &Path, euid: u32, holds_secrets: bool) -> Vec<Finding> {
    let shown = path.display();
    let about = match files::look(path, LIMIT) {
        Ok(about) => about,
        Err(why) => {
            return vec![Finding::unknown(ABOUT, format!("`{shown}` cannot be looked at: {why}"))];
        }
    };
    let mut found = Vec::new();
    found.extend(owner(path, &about, euid).map(|said| {
        Finding::critical(ABOUT, said)
            .hint(format!("`chown {} '{shown}'`", process::user_name(euid)))
    }));
    let mode = about.mode;
    if mode & 0o002 != 0 {
        let said = format!(
            "`{shown}` can be written by everybody (mode {mode:04o}): who writes it decides what is run"
        );
        found.push(Finding::critical(ABOUT, said).hint(format!("`chmod go-w '{shown}'`")));
    } else if mode & 0o020 != 0 {
        let said = format!("`{shown}` can be written by its group (mode {mode:04o})");
        found.push(Finding::warning(ABOUT, said).hint(format!("`chmod g-w '{shown}'`")));
    }
    if holds_secrets && mode & 0o044 != 0 {
        let said = format!(
            "a secret is written in the config, and `{shown}` can be read by others (mode {mode:04o})"
        );
        let hint = format!(
            "`chmod 600 '{shown}'`, or move the secret to a file: `url_file`, `password_file` …"
        );
        found.push(Finding::warning(ABOUT, said).hint(hint));
    }
    found
}

/// In a directory that everybody may write, whoever wants to replaces what is in it; but not with the sticky bit.
fn folder(path: &Path) -> Option<Finding> {
    let mode = files::look(path, LIMIT).ok()?.mode;
    let shown = path.display();
    (mode & 0o002 != 0 && mode & 0o1000 == 0).then(|| {
        let said = format!("everybody can replace the config: `{shown}` has mode {mode:04o}");
        Finding::critical(ABOUT, said).hint(format!("`chmod go-w '{shown}'`"))
    })
}

fn owner(path: &Path, about: &FileLook, euid: u32) -> Option<String> {
    let (shown, uid) = (path.display(), about.uid);
    (uid != 0 && uid != euid).then(|| {
        let (owner, user) = (process::user_name(uid), process::user_name(euid));
        format!("`{shown}` belongs to `{owner}`, and this runs as `{user}`")
    })
}

/// Every secret that is in a file of its own.
fn secret_files(config: &Config, euid: u32) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut good = 0;
    let mut seen: Vec<&Path> = Vec::new();
    for (of, source) in secrets(config) {
        let SecretSource::File(path) = source else { continue };
        if seen.contains(&path.as_path()) {
            continue;
        }
        seen.push(path);
        let bad = secret_file(&of, path, source, euid);
        good += usize::from(bad.is_empty());
        found.extend(bad);
    }
    if good > 0 && found.is_empty() {
        let said = format!("{}, for the owner alone", plural(good, "secret file"));
        found.push(Finding::ok("secrets", said));
    }
    found
}

fn secret_file(of: &str, path: &Path, source: &SecretSource, euid: u32) -> Vec<Finding> {
    let shown = path.display();
    let about = match files::look(path, LIMIT) {
        Ok(about) => about,
        Err(files::Missed::Forbidden) => {
            let said = format!("the secret file `{shown}` may not be looked at by this user");
            return vec![
                Finding::unknown(of, said)
                    .hint("look as the user whose it is: `sudo miraclemax check --self`"),
            ];
        }
        Err(why) => {
            let said = format!("the secret file `{shown}` cannot be read: {why}");
            return vec![Finding::critical(of, said).hint(format!(
                "`install -m 600 /dev/null '{shown}'`, and write the secret into it"
            ))];
        }
    };
    let mut found = Vec::new();
    if let Err(err) = secret::read(source) {
        let said = one_line(&format!("{err:#}"), 300);
        found.push(Finding::critical(of, said).hint(format!("see it: `ls -l '{shown}'`")));
    }
    found.extend(owner(path, &about, euid).map(|said| {
        Finding::warning(of, format!("the secret file {said}"))
            .hint(format!("`chown {} '{shown}'`", process::user_name(euid)))
    }));
    if about.mode & 0o077 != 0 {
        let whom = if about.mode & 0o007 != 0 { "others" } else { "its group" };
        let said = format!("the secret file `{shown}` is open to {whom} (mode {:04o})", about.mode);
        found.push(Finding::warning(of, said).hint(format!("`chmod 600 '{shown}'`")));
    }
    found
}
