//! A service with no manager but commands of the user's. Nobody tells its state: its probes alone do.

use std::time::Duration;

use crate::manager::acted::Acted;
use crate::model::fields::Fields;
use crate::sys::clock::Deadline;
use crate::sys::exec::{Command, Ended};

/// What starts, stops and restarts it: programs with their arguments, no shell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commands {
    /// Starts it when it does not run.
    pub start: Option<Vec<String>>,
    /// Stops it; its failure does not keep it from being started.
    pub stop: Option<Vec<String>>,
    /// Does both; preferred over the two.
    pub restart: Option<Vec<String>>,
    /// Makes it read its config again.
    pub reload: Option<Vec<String>>,
}

impl Commands {
    /// The keys it reads.
    pub const KEYS: [&'static str; 4] = ["start", "stop", "restart", "reload"];

    /// Takes `start`, `stop`, `restart`, `reload`; none when none of them is set.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let place = fields.place();
        let any = Self::KEYS.iter().any(|key| fields.has(key));
        let can = fields.has("start") || fields.has("restart");
        let commands = Self {
            start: fields.argv("start"),
            stop: fields.argv("stop"),
            restart: fields.argv("restart"),
            reload: fields.argv("reload"),
        };
        if any && !can {
            fields.problems().at_with_hint(
                &place,
                "`stop` and `reload` alone cannot bring a service up",
                "add `restart = [\"program\", \"argument\"]`, or `start`",
            );
        }
        any.then_some(commands)
    }

    /// What a restart runs, in order.
    fn steps(&self) -> Vec<(&[String], Need)> {
        match (&self.restart, &self.stop, &self.start) {
            (Some(restart), ..) => vec![(restart.as_slice(), Need::Must)],
            (None, Some(stop), Some(start)) => {
                vec![(stop.as_slice(), Need::May), (start.as_slice(), Need::Must)]
            }
            (None, None, Some(start)) => vec![(start.as_slice(), Need::Must)],
            (None, _, None) => Vec::new(),
        }
    }

    /// As a person would type it.
    pub(crate) fn typed(&self) -> String {
        let steps = self.steps();
        steps.iter().map(|(argv, _)| crate::sys::exec::shown(argv)).collect::<Vec<_>>().join("; ")
    }

    /// Runs `restart`, or `stop` and `start`.
    pub(crate) fn restart(&self, limit: Duration) -> Acted {
        let steps = self.steps();
        if steps.is_empty() {
            return Acted::refused("no `restart` and no `start` command is configured");
        }
        run(steps, limit)
    }

    /// Runs `reload`.
    pub(crate) fn reload(&self, limit: Duration) -> Acted {
        match &self.reload {
            Some(argv) => run(vec![(argv.as_slice(), Need::Must)], limit),
            None => Acted::refused("no `reload` command is configured"),
        }
    }
}

fn run(steps: Vec<(&[String], Need)>, limit: Duration) -> Acted {
    let deadline = Deadline::after(limit);
    let mut acted = Acted::nothing();
    for (argv, need) in steps {
        let command = Command::new(argv.iter().cloned(), deadline.left());
        let output = command.run();
        if let Ended::NotStarted(why) = &output.ended {
            return acted.refuse(format!("cannot run `{}`: {why}", command.shown()));
        }
        acted.did.push(command.shown());
        if !output.ok() {
            acted.said.push(format!("`{}`: {}", command.shown(), output.reason()));
            if need == Need::Must {
                break;
            }
        }
    }
    acted
}

/// Whether what comes after it makes sense without it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Must,
    May,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(String::from).into()
    }

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn a_stop_that_fails_does_not_keep_it_from_being_started() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("started");
        let commands = Commands {
            stop: Some(argv("echo not running >&2; exit 1")),
            start: Some(argv(&format!("touch {}", mark.display()))),
            ..Commands::default()
        };
        let acted = commands.restart(LIMIT);
        assert_eq!((acted.did.len(), acted.result.clone()), (2, Ok(())));
        assert!(acted.said[0].ends_with("exit status 1: not running"), "{acted:?}");
        assert!(mark.exists());
    }

    #[test]
    fn restart_is_preferred_and_a_program_that_is_not_there_is_refused() {
        let commands = Commands {
            start: Some(argv("exit 9")),
            restart: Some(vec!["/no/such/restart".into()]),
            ..Commands::default()
        };
        let acted = commands.restart(LIMIT);
        assert!(acted.did.is_empty());
        assert!(acted.result.unwrap_err().why.contains("`/no/such/restart` not found"));
        assert_eq!(commands.typed(), "/no/such/restart");
    }

    #[test]
    fn one_that_never_ends_is_killed_and_was_an_attempt() {
        let commands = Commands { restart: Some(argv("sleep 60")), ..Commands::default() };
        let acted = commands.restart(Duration::from_millis(100));
        assert_eq!((acted.did.len(), acted.result.clone()), (1, Ok(())));
        assert!(acted.said[0].contains("no answer within"), "{acted:?}");
    }

    #[test]
    fn a_reload_runs_its_command_and_without_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join("reloaded");
        let reload = Some(argv(&format!("touch {}", mark.display())));
        let acted = Commands { reload, ..Commands::default() }.reload(LIMIT);
        assert_eq!((acted.did.len(), acted.result.clone()), (1, Ok(())), "{acted:?}");
        assert!(mark.exists());
        let acted = Commands { restart: Some(argv("true")), ..Commands::default() }.reload(LIMIT);
        assert!(acted.did.is_empty() && acted.result.is_err());
    }

    #[test]
    fn nothing_to_start_it_with_is_refused() {
        let acted = Commands { stop: Some(argv("true")), ..Commands::default() }.restart(LIMIT);
        assert!(acted.did.is_empty() && acted.result.is_err());
    }
}
