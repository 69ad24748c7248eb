//! Asks an engine by its command: podman usually has no socket, and a Docker that is reached over a context or another
//! host has none here. Runs nothing but `ps`, `inspect`, `logs` and `restart`.

use std::time::Duration;

use crate::sys::clock::Deadline;
use crate::sys::engine::answer::{self, Container};
use crate::sys::engine::{Brand, LARGEST, Restarted, Trouble};
use crate::sys::exec::{Command, Ended, Output};

/// More are not asked about at once: a command line has an end.
const MOST: usize = 1000;

/// Those of these names that are there; [`Trouble::Missing`] if none is.
pub(super) fn inspect(
    brand: Brand,
    names: &[&str],
    limit: Duration,
) -> Result<Vec<Container>, Trouble> {
    let mut argv = vec![brand.word(), "inspect", "--type", "container", "--"];
    argv.extend(names);
    let output = run(&argv, limit);
    let parsed = serde_json::from_slice::<Vec<Container>>(&output.stdout);
    match parsed {
        // Some may have been removed since their names were read: those that are there are printed all the same.
        Ok(found) if output.ok() || !found.is_empty() => Ok(found),
        Err(err) if output.ok() => {
            Err(Trouble::Silent(format!("`{}`: {}", brand.word(), answer::not_understood(&err))))
        }
        _ => Err(trouble(brand, &output)),
    }
}

/// All containers.
pub(super) fn all(brand: Brand, limit: Duration) -> Result<Vec<Container>, Trouble> {
    let deadline = Deadline::after(limit);
    let output = run(&[brand.word(), "ps", "--all", "--quiet", "--no-trunc"], limit);
    if !output.ok() {
        return Err(trouble(brand, &output));
    }
    let text = output.text();
    let ids: Vec<_> = text.lines().map(str::trim).filter(|id| !id.is_empty()).take(MOST).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    match inspect(brand, &ids, deadline.left()) {
        Err(Trouble::Missing) => Ok(Vec::new()),
        found => found,
    }
}

/// Restarts this one; it has `stop` seconds to stop.
pub(super) fn restart(
    brand: Brand,
    id: &str,
    stop: u64,
    limit: Duration,
) -> Result<Restarted, Trouble> {
    let output = run(&[brand.word(), "restart", "-t", &stop.to_string(), "--", id], limit);
    match (&output.ended, trouble(brand, &output)) {
        (Ended::Exited(0), _) => Ok(Restarted::Done),
        (Ended::TimedOut, _) => Ok(Restarted::GoesOn),
        (Ended::Exited(_), Trouble::Silent(why)) => Ok(Restarted::Failed(why)),
        (_, trouble) => Err(trouble),
    }
}

/// The last lines that it wrote since then, a Unix time: each stream for itself, with the time before each line.
pub(super) fn logs(
    brand: Brand,
    id: &str,
    lines: usize,
    since: i64,
    most: usize,
    limit: Duration,
) -> [String; 2] {
    let (lines, since) = (lines.to_string(), since.to_string());
    let argv =
        [brand.word(), "logs", "--timestamps", "--tail", &lines, "--since", &since, "--", id];
    let output = Command::new(argv, limit).keep(most).run();
    if output.ok() {
        [output.text(), String::from_utf8_lossy(&output.stderr).into_owned()]
    } else {
        Default::default()
    }
}

fn run(argv: &[&str], limit: Duration) -> Output {
    Command::new(argv.iter().copied(), limit).keep(LARGEST).run()
}

fn trouble(brand: Brand, output: &Output) -> Trouble {
    let complaint = String::from_utf8_lossy(&output.stderr);
    let why = format!("`{}`: {}", brand.word(), output.reason());
    match output.ended {
        Ended::Exited(_) if answer::is_missing(&complaint) => Trouble::Missing,
        Ended::Exited(_) if complaint.to_lowercase().contains("permission denied") => {
            Trouble::NoRight(why)
        }
        _ => Trouble::Silent(why),
    }
}
