//! Asks the service's own validator whether its config is well and, when it is not, puts back the files that
//! worked last and restarts. Undoes that when the validator is no happier with them. Never edits a config.

use std::time::Duration;

use crate::manager::{Acted, Reach};
use crate::model::scrub::scrubbed;
use crate::model::text::one_line;
use crate::remedy::known_good::{PutBack, changed, put_back};
use crate::remedy::{Patient, service_restart};
use crate::sys::clock::Deadline;
use crate::sys::exec::{Command, Ended, Output};

/// The longest that one validation may take.
const VALIDATE: Duration = Duration::from_secs(30);

/// Puts the last known good config back where the present one is invalid, or says why not.
pub(crate) fn apply(patient: &Patient<'_>, reach: &Reach, limit: Duration) -> Acted {
    let deadline = Deadline::after(limit);
    let Some(argv) = patient.validate else {
        return Acted::refused(format!("no `validate` is configured for `{}`", patient.service));
    };
    if let Err(why) = service_restart::ready(patient, reach, deadline) {
        return Acted::refused(why);
    }
    // Half of the time at most: the second validation and the restart need some too.
    let command = Command::new(argv.iter().cloned(), VALIDATE.min(deadline.left() / 2));
    let complaint = match verdict(&command.run()) {
        Ok(Valid::Yes) => return Acted::refused("the config is valid"),
        Ok(Valid::No(complaint)) => complaint,
        Err(why) => {
            return Acted::refused(format!("cannot validate with `{}`: {why}", command.shown()));
        }
    };
    let changed = changed(patient.config_files, patient.known_good);
    if changed.is_empty() {
        return Acted::refused(format!(
            "the config is invalid and there is no other known good one: {complaint}"
        ));
    }
    let mut acted = Acted::nothing();
    acted.said.push(format!("`{}`: {complaint}", command.shown()));
    let stamp = patient.now.wall.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut done = Vec::new();
    for file in changed {
        match put_back(file, patient.known_good, &stamp) {
            Ok(back) => done.push(back),
            Err(err) => return undo(acted, &done, &format!("{err:#}")),
        }
    }
    match verdict(&command.run()) {
        Ok(Valid::Yes) => {}
        Ok(Valid::No(complaint)) => {
            let why = format!("the last known good config is not valid either: {complaint}");
            return undo(acted, &done, &why);
        }
        Err(why) => {
            return undo(acted, &done, &format!("cannot validate the known good one: {why}"));
        }
    }
    acted.did.extend(done.iter().map(PutBack::shown));
    acted.said.extend(done.iter().flat_map(PutBack::told));
    acted.shown.extend(done.iter().flat_map(PutBack::diff).cloned());
    let restarted = service_restart::apply(patient, reach, deadline.left());
    let unrestarted = restarted.result.clone().err();
    let mut acted = acted.then(restarted);
    if let Some(refusal) = unrestarted {
        // A config was changed: that is an attempt, whatever came of the restart.
        acted.result = Ok(());
        acted.said.push(format!("not restarted: {}", refusal.why));
    }
    acted
}

enum Valid {
    Yes,
    /// And its last words.
    No(String),
}

/// Only an exit status is a verdict: a validator that hangs or cannot be started has none.
fn verdict(output: &Output) -> Result<Valid, String> {
    match output.ended {
        Ended::Exited(0) => Ok(Valid::Yes),
        // 126 and 127 are the shell's words for a program that could not be run.
        Ended::Exited(code) if code != 126 && code != 127 => {
            let complained = !output.stderr.is_empty();
            let said = if complained { &output.stderr } else { &output.stdout };
            let said = String::from_utf8_lossy(said);
            let last = said.lines().rev().find(|line| !line.trim().is_empty());
            Ok(Valid::No(
                last.map_or_else(|| output.reason(), |line| scrubbed(&one_line(line.trim(), 300))),
            ))
        }
        Ended::Exited(_) | Ended::Signaled(_) | Ended::TimedOut | Ended::NotStarted(_) => {
            Err(output.reason())
        }
    }
}

fn undo(acted: Acted, done: &[PutBack], why: &str) -> Acted {
    let failed: Vec<_> =
        done.iter().filter_map(|back| back.undo().err()).map(|err| format!("{err:#}")).collect();
    if failed.is_empty() {
        return acted.refuse(why);
    }
    acted.refuse(format!("{why}; and {}", failed.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::command::Commands;
    use crate::manager::{Choice, Runner, settle};
    use crate::model::time::Now;
    use crate::remedy::known_good::keep;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// A service whose config is valid when it says `good`, and whose restart leaves a mark.
    struct Host {
        root: tempfile::TempDir,
        files: Vec<PathBuf>,
        validate: Vec<String>,
        runner: Runner,
        now: Now,
    }

    impl Host {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let files = vec![root.path().join("app.conf")];
            fs::write(&files[0], "good\n").unwrap();
            let mark = root.path().join("restarted");
            let script = format!(
                "grep -q good {} || {{ echo line 1 is bad >&2; exit 1; }}",
                files[0].display()
            );
            let commands = Commands {
                restart: Some(vec!["touch".into(), mark.display().to_string()]),
                ..Commands::default()
            };
            let choice = Choice::Commands(commands);
            let runner =
                settle(&choice, "app", &std::collections::HashMap::new(), &Reach::nothing()).runner;
            Self {
                files,
                validate: ["sh", "-c", &script].map(String::from).into(),
                runner: runner.unwrap(),
                now: crate::sys::clock::now(),
                root,
            }
        }

        fn dir(&self) -> PathBuf {
            self.root.path().join("known-good")
        }

        fn apply(&self) -> Acted {
            let dir = self.dir();
            let patient = Patient {
                service: "app",
                port: None,
                runner: Some(&self.runner),
                facts: None,
                config_files: &self.files,
                validate: Some(&self.validate),
                may_kill: &[],
                cleanup: None,
                heal_command: None,
                known_good: &dir,
                managed_units: &[],
                exe: None,
                now: &self.now,
            };
            apply(&patient, &Reach::nothing(), Duration::from_secs(20))
        }

        fn restarted(&self) -> bool {
            self.root.path().join("restarted").exists()
        }

        fn text(&self) -> String {
            fs::read_to_string(Path::new(&self.files[0])).unwrap()
        }
    }

    #[test]
    fn a_broken_config_is_replaced_by_the_last_good_one_and_the_service_restarted() {
        let host = Host::new();
        keep(&host.files, &host.dir()).unwrap();
        fs::write(&host.files[0], "bad\n").unwrap();
        let acted = host.apply();
        assert_eq!((acted.result.clone(), acted.did.len()), (Ok(()), 2), "{acted:?}");
        assert!(acted.said[0].ends_with("line 1 is bad"), "{acted:?}");
        assert_eq!(acted.shown[3..], ["-bad", "+good"]);
        assert_eq!(host.text(), "good\n");
        assert!(host.restarted());
    }

    #[test]
    fn a_valid_config_is_left_alone() {
        let host = Host::new();
        keep(&host.files, &host.dir()).unwrap();
        fs::write(&host.files[0], "good, and changed by its owner\n").unwrap();
        let why = host.apply().result.unwrap_err().why;
        assert_eq!(why, "the config is valid");
        assert_eq!(host.text(), "good, and changed by its owner\n");
        assert!(!host.restarted());
    }

    #[test]
    fn without_a_good_copy_the_validators_words_are_the_answer() {
        let host = Host::new();
        fs::write(&host.files[0], "bad\n").unwrap();
        let why = host.apply().result.unwrap_err().why;
        assert!(why.ends_with("line 1 is bad"), "{why}");
        assert!(!host.restarted());
    }

    #[test]
    fn a_good_copy_that_is_no_longer_valid_is_taken_back() {
        let host = Host::new();
        fs::write(&host.files[0], "worked before the upgrade\n").unwrap();
        keep(&host.files, &host.dir()).unwrap();
        fs::write(&host.files[0], "bad\n").unwrap();
        let acted = host.apply();
        assert!(acted.result.unwrap_err().why.contains("not valid either"));
        assert_eq!((host.text().as_str(), acted.did.len()), ("bad\n", 0));
        assert!(!host.restarted());
    }

    #[test]
    fn a_validator_that_cannot_run_changes_nothing() {
        for argv in [&["/no/such/validator"][..], &["sh", "-c", "kill -9 $$"]] {
            let mut host = Host::new();
            keep(&host.files, &host.dir()).unwrap();
            fs::write(&host.files[0], "bad\n").unwrap();
            host.validate = argv.iter().map(ToString::to_string).collect();
            let acted = host.apply();
            assert!(acted.result.unwrap_err().why.contains("cannot validate"), "{argv:?}");
            assert_eq!(host.text(), "bad\n");
        }
    }
}
