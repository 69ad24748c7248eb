//! Restarts a service of launchd, and reads the end of its log file. `kickstart` does not wait until it is up: that is
//! for the probes.

use std::path::Path;
use std::time::Duration;

use crate::manager::acted::Acted;
use crate::manager::launchd::facts::Told;
use crate::manager::launchd::{NO_SERVICE, launchctl, typed};
use crate::manager::reach::Reach;
use crate::model::scrub;
use crate::model::text::one_line;
use crate::sys::clock::Deadline;
use crate::sys::exec::{Ended, Output};
use crate::sys::files::guarded;
use crate::sys::grown::Grown;

/// How much of a log's end is read.
const TAIL: usize = 16 * 1024;

/// Ends what runs, and starts it.
pub(crate) fn restart(target: &str, reach: &Reach, limit: Duration) -> Acted {
    let mut acted = Acted::nothing();
    if !reach.launchd {
        return acted.refuse("no launchd on this host");
    }
    let args = ["kickstart", "-k", target];
    let output = launchctl(&args, limit);
    if !matches!(output.ended, Ended::NotStarted(_)) {
        acted.did.push(typed(&args));
    }
    judged(acted, target, reach, &output)
}

/// launchctl's exit status is that of launchd's own answer, an errno or one of `launchctl error`.
fn judged(mut acted: Acted, target: &str, reach: &Reach, output: &Output) -> Acted {
    let said = String::from_utf8_lossy(&output.stderr);
    let first = one_line(said.lines().next().unwrap_or_default().trim(), 200);
    let refused = |mut acted: Acted| {
        acted.did.clear();
        acted
    };
    match output.ended {
        Ended::Exited(0) => acted,
        Ended::Exited(NO_SERVICE) => {
            refused(acted).refuse(format!("launchd has not loaded `{target}`: {first}"))
        }
        // 150 is that of the system's own services, which not even root may restart.
        Ended::Exited(150) => refused(acted).refuse(first),
        Ended::Exited(_) if said.contains("not permitted") => refused(acted)
            .no_right(format!("no right to restart `{target}` as {}: {first}", reach.user)),
        Ended::TimedOut => {
            acted.said.push(format!("the restart of `{target}` goes on"));
            acted
        }
        Ended::Exited(_) if !first.is_empty() => {
            refused(acted).refuse(format!("launchctl: {first}"))
        }
        _ => refused(acted).refuse(format!("launchctl: {}", output.reason())),
    }
}

/// The last lines of the file that its standard error goes to or, when that is nothing, of its standard output's.
pub(crate) fn log_tail(target: &str, lines: usize, reach: &Reach, limit: Duration) -> Vec<String> {
    if !reach.launchd {
        return Vec::new();
    }
    let deadline = Deadline::after(limit);
    let output = launchctl(&["print", target], deadline.left());
    if !output.ok() {
        return Vec::new();
    }
    let text = output.text();
    let told = Told::read(&text);
    ["stderr path", "stdout path"]
        .iter()
        .filter_map(|key| told.value(key))
        .map(|path| last_lines(Path::new(path), lines, deadline.left()))
        .find(|lines| !lines.is_empty())
        .unwrap_or_default()
}

fn last_lines(path: &Path, lines: usize, limit: Duration) -> Vec<String> {
    let end = guarded(path, limit, |path| {
        let file = Grown::open(path)?;
        let from = file.size.saturating_sub(TAIL as u64);
        let mut end = vec![0; TAIL];
        let read = file.read(&mut end, from)?;
        end.truncate(read);
        Ok(end)
    });
    let text = end.map(|end| String::from_utf8_lossy(&end).into_owned()).unwrap_or_default();
    let all: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    scrub::lines(all[all.len().saturating_sub(lines)..].iter().copied(), 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As others recorded what `launchctl` wrote to standard error, and its exit status.
    fn told(code: i32, stderr: &str) -> Acted {
        let output = Output {
            ended: Ended::Exited(code),
            stdout: vec![],
            stderr: stderr.into(),
            took: Duration::ZERO,
        };
        let mut acted = Acted::nothing();
        acted.did.push("launchctl kickstart".into());
        judged(acted, "system/a.b", &Reach::nothing(), &output)
    }

    #[test]
    fn a_refusal_was_no_attempt_and_a_right_that_is_missing_is_named() {
        assert_eq!(told(0, "").did.len(), 1);
        for (code, stderr, no_right) in [
            (1, "Could not kickstart service \"a.b\": 1: Operation not permitted\n", true),
            (
                150,
                "Could not kickstart service \"a.b\": 150: Operation not permitted while System \
                 Integrity Protection is engaged\n",
                false,
            ),
            (113, "Could not find service \"a.b\" in domain for system\n", false),
            (119, "Could not kickstart service \"a.b\": 119: Service is disabled\n", false),
            (3, "", false),
        ] {
            let acted = told(code, stderr);
            let refusal = acted.result.unwrap_err();
            assert_eq!((refusal.no_right, acted.did.len()), (no_right, 0), "{code}");
            assert!(refusal.why.contains(stderr.trim()), "{refusal:?}");
        }
    }

    #[test]
    fn the_last_lines_of_a_file_are_read_and_nothing_of_what_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.err.log");
        std::fs::write(&path, format!("{}\nlast but one\n\nlast\n", "x".repeat(40_000))).unwrap();
        let second = Duration::from_secs(1);
        assert_eq!(last_lines(&path, 2, second), ["last but one", "last"]);
        assert!(last_lines(dir.path(), 2, second).is_empty());
        assert!(last_lines(Path::new("/dev/null"), 2, second).is_empty());
    }
}
