//! The crontabs that can run something here: `/etc/crontab`, `/etc/cron.d`, the one of this user; and the daemon that
//! reads them. Says what may not be read, and passes over nothing in silence.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::schedule::{Daemon, Tab, TabFile, Whose};
use crate::model::text::one_line;
use crate::sys::exec::{Command, Ended};
use crate::sys::files::{self, Kind, Missed};
use crate::sys::process;

/// Where cron looks for files of packages and people.
const DROPPED: &str = "/etc/cron.d";
/// And for its own.
const SYSTEM: &str = "/etc/crontab";
/// More than any crontab; of a larger one the start is read.
const MOST: u64 = 256 * 1024;
/// Files in `/etc/cron.d` that are looked at.
const FILES: usize = 200;

/// All that this user may read, and why not of those that may not be.
pub fn tabs(user: &str, limit: Duration) -> Vec<Tab> {
    let mut tabs = Vec::new();
    tabs.extend(file(Path::new(SYSTEM), &Whose::System, limit));
    match dropped(limit) {
        Ok(paths) => {
            tabs.extend(paths.iter().filter_map(|path| file(path, &Whose::Dropped, limit)));
        }
        Err(Missed::Missing) => {}
        Err(why) => tabs.push(Tab {
            name: DROPPED.into(),
            whose: Whose::Dropped,
            file: None,
            text: Err(why.to_string()),
        }),
    }
    tabs.extend(own(user, limit));
    tabs
}

fn dropped(limit: Duration) -> Result<Vec<PathBuf>, Missed> {
    let mut paths = files::guarded(Path::new(DROPPED), limit, |folder| {
        let entries = std::fs::read_dir(folder)?.flatten();
        Ok(entries.map(|entry| entry.path()).take(FILES).collect::<Vec<_>>())
    })?;
    paths.sort();
    Ok(paths)
}

fn file(path: &Path, whose: &Whose, limit: Duration) -> Option<Tab> {
    let tab =
        |file, text| Tab { name: path.display().to_string(), whose: whose.clone(), file, text };
    let about = match files::look(path, limit) {
        Ok(about) if about.kind == Kind::File => about,
        Ok(_) | Err(Missed::Missing) => return None,
        Err(why) => return Some(tab(None, Err(why.to_string()))),
    };
    let text = files::start(path, limit, MOST).map_err(|why| why.to_string());
    let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Some(tab(Some(TabFile { uid: about.uid, mode: about.mode }), text))
}

/// By `crontab -l`: its file is readable by no one but cron.
fn own(user: &str, limit: Duration) -> Option<Tab> {
    let output = Command::new(["crontab", "-l"], limit)
        .env("LC_ALL", "C")
        .keep(usize::try_from(MOST).unwrap_or(usize::MAX))
        .run();
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    let text = match output.ended {
        Ended::Exited(0) => Ok(output.text()),
        Ended::Exited(_) if said.contains("no crontab") => return None,
        // Where there is no such program there is no crontab of a user.
        Ended::NotStarted(_) => return None,
        _ => Err(one_line(&output.reason(), 200)),
    };
    let (name, whose) = (format!("crontab of {user}"), Whose::User(user.to_owned()));
    Some(Tab { name, whose, file: None, text })
}

/// Where a generator of systemd has turned crontabs into timers (systemd-cron(7)): there no daemon is needed.
const GENERATED: &str = "/run/systemd/generator/cron.target.wants";

/// Which cron runs.
pub fn daemon() -> Daemon {
    let named = |name: &str| {
        process::all()
            .is_ok_and(|all| all.iter().any(|process| process.name == name && !process.zombie))
    };
    match () {
        () if named("cron") || Path::new(GENERATED).exists() => Daemon::Cron,
        () if named("crond") => Daemon::Crond,
        () if !process::all_visible() => Daemon::Hidden,
        () => Daemon::Absent,
    }
}

/// Whether `/etc/passwd` has a user of this name; none when it cannot be read, or others may have more of them.
pub fn is_user(name: &str, limit: Duration) -> Option<bool> {
    let read = |path: &str| {
        let bytes = files::start(Path::new(path), limit, 4 << 20).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let listed = read("/etc/passwd")?
        .lines()
        .any(|line| line.split(':').next().is_some_and(|one| one == name));
    // A directory service may know users that the file does not (nsswitch.conf(5)).
    let elsewhere = read("/etc/nsswitch.conf").is_some_and(|text| {
        text.lines().filter_map(|line| line.trim().strip_prefix("passwd:")).any(|sources| {
            sources.split_whitespace().any(|one| !["files", "compat", "systemd"].contains(&one))
        })
    });
    (listed || !elsewhere).then_some(listed)
}
