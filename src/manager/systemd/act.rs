//! Restarts a unit of systemd and reads its journal. Asks what it is before and after, so that a start that was
//! refused is told from one that was tried; resets a start limit once, never twice.

use std::time::Duration;

use crate::manager::acted::Acted;
use crate::manager::reach::Reach;
use crate::manager::systemd::{absent, show, systemctl, typed};
use crate::model::text::one_line;
use crate::model::unit::{Found, ManagerKind, UnitFacts, UnitState};
use crate::sys::clock::Deadline;
use crate::sys::exec::{Ended, Output};
use crate::sys::journal_read;

/// How long it may take to ask once more when the restart itself used up the time.
const ASK: Duration = Duration::from_secs(2);

/// One `systemctl restart`; before it `reset-failed` when the start limit is hit. `before` is what was known
/// just now. Waits for the job, so that its failure has words, but not past `limit`: the job then goes on in
/// systemd, and the probes tell what became of it.
pub(crate) fn restart(
    manager: ManagerKind,
    unit: &str,
    before: Option<&UnitFacts>,
    reach: &Reach,
    limit: Duration,
) -> Acted {
    let deadline = Deadline::after(limit);
    if let Some(why) = absent(manager, reach) {
        return Acted::refused(why);
    }
    let run = |verb: &str, mut acted: Acted| {
        acted.did.push(typed(manager, verb, unit));
        let output = systemctl(manager, &[verb], &[unit], reach, deadline.left()).run();
        (acted, output)
    };
    let mut acted = Acted::nothing();
    let limited = before.is_some_and(|facts| facts.start_limited);
    if limited {
        let (after, output) = run("reset-failed", acted);
        acted = after;
        if !output.ok() {
            return judged(acted, "restart", unit, reach, &output);
        }
    }
    let (acted, output) = run("restart", acted);
    if output.ok() {
        return acted;
    }
    if output.ended == Ended::TimedOut {
        return unanswered(acted, unit, &look(manager, unit, reach, ASK));
    }
    if !limited && start_refused(manager, unit, before, reach, &output) {
        let (acted, output) = run("reset-failed", acted);
        if !output.ok() {
            return judged(acted, "restart", unit, reach, &output);
        }
        let (acted, output) = run("restart", acted);
        return match output.ended {
            Ended::TimedOut => unanswered(acted, unit, &look(manager, unit, reach, ASK)),
            _ => judged(acted, "restart", unit, reach, &output),
        };
    }
    judged(acted, "restart", unit, reach, &output)
}

/// Refused at the start limit. systemd says so in words only where the unit had not failed before; else it is
/// known by there being no new run.
fn start_refused(
    manager: ManagerKind,
    unit: &str,
    before: Option<&UnitFacts>,
    reach: &Reach,
    output: &Output,
) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    if output.ended != Ended::Exited(1) || !said.starts_with("Job for ") {
        return false;
    }
    said.contains("attempted too often")
        || before.is_some_and(|before| {
            before.state == UnitState::Failed
                && matches!(look(manager, unit, reach, ASK), Found::Facts(after)
                    if after.state == UnitState::Failed && after.instance == before.instance)
        })
}

fn look(manager: ManagerKind, unit: &str, reach: &Reach, limit: Duration) -> Found {
    show(manager, &[unit], reach, limit)
        .remove(unit)
        .unwrap_or_else(|| Found::Unknown("systemd said nothing about it".into()))
}

/// The restart did not come back in time: either its job goes on, or systemd is out of order.
fn unanswered(mut acted: Acted, unit: &str, now: &Found) -> Acted {
    match now {
        Found::Facts(facts) => {
            acted.said.push(format!("the restart of {unit} goes on: {}", facts.words));
            acted
        }
        Found::Nowhere(_) => acted.refuse(format!("{unit} is gone")),
        Found::Unknown(why) => acted.refuse(why.clone()),
    }
}

/// What the exit status of `systemctl` means (LSB codes: 4 no right, 5 not installed; 1 everything else).
pub(crate) fn judged(
    mut acted: Acted,
    verb: &str,
    unit: &str,
    reach: &Reach,
    output: &Output,
) -> Acted {
    let said = String::from_utf8_lossy(&output.stderr);
    let first = one_line(said.lines().next().unwrap_or_default().trim(), 200);
    let denied = ["Access denied", "authentication required", "Permission denied"]
        .iter()
        .any(|words| said.contains(words));
    match output.ended {
        Ended::Exited(0) => acted,
        Ended::Exited(_) if denied => {
            acted.no_right(format!("no right to {verb} {unit} as {}: {first}", reach.user))
        }
        Ended::Exited(1) if said.contains("attempted too often") => {
            acted.refuse(format!("systemd refuses to start {unit} any more: {first}"))
        }
        Ended::Exited(5) => acted.refuse(format!("systemd does not know {unit}: {first}")),
        // It was tried, and did not come up: what it said is the reason, the probes have the last word.
        Ended::Exited(1)
            if said.starts_with("Job for ") || said.starts_with("A dependency job") =>
        {
            acted.said.push(first);
            acted
        }
        Ended::Exited(_) if !first.is_empty() => acted.refuse(format!("systemctl: {first}")),
        _ => acted.refuse(format!("systemctl: {}", output.reason())),
    }
}

/// The unit's last lines, of its last run where that is known: the manager's own about it included.
pub(crate) fn log_tail(
    manager: ManagerKind,
    unit: &str,
    facts: Option<&UnitFacts>,
    lines: usize,
    limit: Duration,
) -> Vec<String> {
    journal_read::tail(&journal_matches(manager, unit, facts), lines, limit)
}

/// systemd.journal-fields(7): the service's own lines carry `_SYSTEMD_INVOCATION_ID`, its manager's lines
/// about it `INVOCATION_ID` or, of a user's manager, `USER_INVOCATION_ID`.
fn journal_matches(manager: ManagerKind, unit: &str, facts: Option<&UnitFacts>) -> Vec<String> {
    let user = manager == ManagerKind::SystemdUser;
    let id = facts.and_then(|facts| facts.instance.as_deref());
    match id.filter(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_hexdigit())) {
        Some(id) => vec![
            format!("_SYSTEMD_INVOCATION_ID={id}"),
            "+".into(),
            format!("{}INVOCATION_ID={id}", if user { "USER_" } else { "" }),
        ],
        None => vec![(if user { "--user-unit" } else { "-u" }).into(), unit.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `systemctl` 252 wrote to standard error, and its exit status.
    fn told(code: i32, stderr: &str) -> Acted {
        let output = Output {
            ended: Ended::Exited(code),
            stdout: vec![],
            stderr: stderr.into(),
            took: Duration::ZERO,
        };
        judged(Acted::nothing(), "restart", "web.service", &Reach::nothing(), &output)
    }

    #[test]
    fn a_refusal_is_told_from_a_start_that_failed() {
        let see = "\nSee system logs and 'systemctl status web.service' for details.\n";
        let denied = told(4, &format!("Failed to restart web.service: Access denied{see}"));
        assert!(denied.result.unwrap_err().no_right);
        let reset = told(1, "Failed to reset failed state of unit web.service: Access denied\n");
        assert!(reset.result.unwrap_err().no_right);
        for (code, words) in [
            (5, "Failed to restart web.service: Unit web.service not found.\n"),
            (1, "Failed to restart web.service: Unit web.service is masked.\n"),
            (1, "Failed to restart web.service: Unit web.service has a bad unit file setting.\n"),
            (1, "Failed to connect to bus: Host is down\n"),
        ] {
            let refusal = told(code, words).result.unwrap_err();
            assert!(!refusal.no_right && refusal.why.contains(words.trim()), "{refusal:?}");
        }
    }

    #[test]
    fn a_start_that_failed_was_an_attempt_and_its_words_are_kept() {
        let words =
            "Job for web.service failed because the control process exited with error code.";
        let acted = told(1, &format!("{words}\nSee \"systemctl status web.service\" …\n"));
        assert_eq!((acted.result, acted.said), (Ok(()), vec![words.to_owned()]));
    }

    #[test]
    fn the_journal_is_read_by_invocation_where_it_is_known() {
        let mut facts = UnitFacts {
            instance: Some("ab12".into()),
            ..UnitFacts::bare(ManagerKind::SystemdUser, "web.service", UnitState::Failed)
        };
        assert_eq!(
            journal_matches(ManagerKind::SystemdUser, "web.service", Some(&facts)),
            ["_SYSTEMD_INVOCATION_ID=ab12", "+", "USER_INVOCATION_ID=ab12"]
        );
        facts.instance = Some("1:2 --vacuum".into());
        assert_eq!(
            journal_matches(ManagerKind::Systemd, "web.service", Some(&facts)),
            ["-u", "web.service"]
        );
    }
}
