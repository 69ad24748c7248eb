//! Runs a program of the user's that mends the service: a list of words, no shell, a deadline, its whole group
//! killed at it. Believes no exit status: the probes say whether it helped.

use std::time::Duration;

use crate::manager::Acted;
use crate::model::scrub::scrubbed;
use crate::model::text::one_line;
use crate::remedy::Patient;
use crate::sys::exec::{Command, Ended, Output};

/// Bytes kept of each of its streams.
const OUTPUT: usize = 16 << 10;
/// The last lines of each that go into the evidence, and characters of each line.
const TAIL: usize = 20;
const WIDTH: usize = 240;

/// Runs it, or says why not.
pub(crate) fn apply(patient: &Patient<'_>, limit: Duration) -> Acted {
    let Some(argv) = patient.heal_command else {
        return Acted::refused(format!(
            "no `heal_command` is configured for `{}`",
            patient.service
        ));
    };
    let command = Command::new(argv.iter().cloned(), limit).keep(OUTPUT);
    let output = command.run();
    let shown = command.shown();
    match &output.ended {
        Ended::NotStarted(why) => Acted::refused(format!("cannot run `{shown}`: {why}")),
        // The shell's words for a program that could not be run: nothing was done.
        Ended::Exited(code @ (126 | 127)) => {
            Acted::refused(format!("cannot run `{shown}`: exit status {code}"))
        }
        ended @ (Ended::Exited(_) | Ended::Signaled(_) | Ended::TimedOut) => {
            let mut acted = Acted::nothing();
            acted.shown = tail(&output);
            if *ended != Ended::Exited(0) {
                acted.said.push(format!("`{shown}` did not work: {}", scrubbed(&output.reason())));
            }
            acted.did.push(shown);
            acted
        }
    }
}

/// The end of what it wrote, standard error last: that is where the reason is.
fn tail(output: &Output) -> Vec<String> {
    let last = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(TAIL)..]
            .iter()
            .map(|line| one_line(&scrubbed(&one_line(line, 2 * WIDTH)), WIDTH))
            .collect::<Vec<_>>()
    };
    [last(&output.stdout), last(&output.stderr)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remedy::patient::testing;

    fn run(script: &str, limit: Duration) -> Acted {
        let argv = ["sh", "-c", script].map(String::from);
        testing::with(|patient| apply(&Patient { heal_command: Some(&argv), ..*patient }, limit))
    }

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn it_is_run_as_it_stands_and_the_end_of_its_output_is_evidence() {
        let acted = run("seq 30; echo password=hunter2 >&2", LIMIT);
        assert_eq!((acted.result, acted.said), (Ok(()), vec![]));
        assert_eq!(acted.did, ["sh -c 'seq 30; echo password=hunter2 >&2'"]);
        assert_eq!((acted.shown.len(), acted.shown[0].as_str()), (21, "11"));
        assert_eq!(acted.shown[20], "password=***");
    }

    #[test]
    fn one_that_fails_was_an_attempt_that_did_not_work() {
        let acted = run("echo no such tenant >&2; exit 3", LIMIT);
        assert_eq!(acted.result, Ok(()));
        let want = "did not work: exit status 3: no such tenant";
        assert!(acted.said[0].ends_with(want), "{acted:?}");
    }

    #[test]
    fn one_that_hangs_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let script = format!("sleep 60 & echo $! > {0}.new; mv {0}.new {0}; wait", pid.display());
        let acted = run(&script, Duration::from_secs(1));
        assert!(acted.said[0].contains("did not work: no answer within"), "{acted:?}");
        let child: u32 = std::fs::read_to_string(pid).unwrap().trim().parse().unwrap();
        let limit = crate::sys::clock::Deadline::after(LIMIT);
        let alive = || crate::sys::process::one(child).is_some_and(|process| !process.zombie);
        while alive() && !limit.passed() {
            std::thread::yield_now();
        }
        assert!(!alive(), "its child is still there");
    }

    #[test]
    fn what_cannot_be_run_is_refused_and_costs_nothing() {
        let argv = ["/no/such/fix".to_owned()];
        let acted = testing::with(|patient| {
            apply(&Patient { heal_command: Some(&argv), ..*patient }, LIMIT)
        });
        assert!(acted.did.is_empty());
        assert!(acted.result.unwrap_err().why.contains("`/no/such/fix` not found"));
        let acted = run("exec /no/such/program", LIMIT);
        assert!(acted.did.is_empty() && acted.result.is_err());
        assert!(testing::with(|patient| apply(patient, LIMIT)).result.is_err());
    }
}
