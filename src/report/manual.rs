//! What a person can type when a service has to be looked at by hand: commands that apply to who runs it.
//! Never runs them.

use crate::model::story::{Change, Story};
use crate::model::text::one_line;
use crate::model::unit::{HandsOff, ManagerKind};

/// One step: what it is for, and what to type.
pub(super) struct Step {
    /// In words: `look at its log`.
    pub(super) what: &'static str,
    /// To be pasted into a shell.
    pub(super) command: String,
}

/// The steps for this story, in the order to take them.
pub(super) fn steps(story: &Story) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = |what, words: &[&str]| {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        steps.push(Step { what, command: words.join(" ") });
    };
    if !story.host.is_empty() {
        step("SSH to server", &["ssh", &story.host]);
    }
    if !story.change.of_service() {
        let (what, words): (_, &[&str]) = match story.change {
            Change::Config => {
                ("See every problem, and again when mended", &["miraclemax", "check", "--dry-run"])
            }
            Change::Restarted => {
                ("See what came before it", &["journalctl", "-b", "-1", "-n", "100"])
            }
            Change::Channel => (
                "See whether each channel works",
                &["miraclemax", "check", "--self", "--send-test"],
            ),
            Change::Gap => ("See whether the schedule works", &["miraclemax", "check", "--self"]),
            _ => ("See how things stand", &["miraclemax", "status"]),
        };
        step(what, words);
        return steps;
    }
    let held = story.evidence.unit.as_ref().and_then(|unit| match unit.hands_off {
        Some(HandsOff::Masked) => Some("unmask"),
        Some(HandsOff::Disabled) => Some("enable"),
        _ => None,
    });
    let hands_off = story.evidence.unit.as_ref().and_then(|unit| unit.hands_off.as_ref());
    let paused = hands_off == Some(&HandsOff::Paused);
    let run_by = match hands_off {
        Some(HandsOff::RunBy(unit)) => Some(unit.as_str()),
        _ => None,
    };
    let limited = story.evidence.unit.as_ref().is_some_and(|unit| unit.start_limited);
    if let (Some(manager), Some(unit)) = (story.manager, story.unit.as_deref()) {
        match manager {
            ManagerKind::Systemd => {
                step("Check logs", &["journalctl", "-u", unit, "-n", "100"]);
                step("See its state", &["systemctl", "status", unit]);
                if limited {
                    step("Let it be started again", &["systemctl", "reset-failed", unit]);
                }
                if let Some(verb) = held {
                    step("If it is to run, allow it", &["systemctl", verb, unit]);
                }
            }
            ManagerKind::SystemdUser => {
                step("Check logs", &["journalctl", "--user", "-u", unit, "-n", "100"]);
                step("See its state", &["systemctl", "--user", "status", unit]);
                if limited {
                    step("Let it be started again", &["systemctl", "--user", "reset-failed", unit]);
                }
                if let Some(verb) = held {
                    step("If it is to run, allow it", &["systemctl", "--user", verb, unit]);
                }
            }
            ManagerKind::Supervisord => {
                let server = story.server.as_deref().map_or(vec![], |server| vec!["-s", server]);
                let mut step = |what, words: &[&str]| {
                    step(what, &[&["supervisorctl"], &server[..], words].concat());
                };
                step("Check logs", &["tail", unit, "stderr"]);
                step("See its state", &["status", unit]);
            }
            ManagerKind::Launchd => {
                // Where it logs is in what launchd prints, too.
                step("See its state, and where it logs", &["launchctl", "print", unit]);
                if held.is_some() {
                    step("If it is to run, allow it", &["launchctl", "enable", unit]);
                }
            }
            ManagerKind::Docker | ManagerKind::Podman => {
                let engine = manager.word();
                step("Check logs", &[engine, "logs", "--tail", "100", unit]);
                step("See its state", &[engine, "inspect", unit]);
                if paused {
                    step("If it is to run, let it go on", &[engine, "unpause", unit]);
                }
                if let Some(by) = run_by {
                    step("See the unit that runs it", &["systemctl", "status", by]);
                }
            }
            // Its commands are the user's own; where it logs is not known.
            ManagerKind::Command => {}
        }
    }
    step("See what is remembered", &["miraclemax", "status", &story.service]);
    step("When mended, heal and verify", &["miraclemax", "heal", &story.service]);
    steps
}

/// A word as a POSIX shell takes it, on one line.
fn quoted(word: &str) -> String {
    let word = one_line(word, 200);
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_cannot_become_a_command() {
        assert_eq!(quoted("web; rm -rf /"), "'web; rm -rf /'");
        assert_eq!(quoted("it's\n$(id)"), r"'it'\''s $(id)'");
        assert_eq!(quoted("web@1.service"), "web@1.service");
    }
}
