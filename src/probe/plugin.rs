//! `plugin:check_disk -w 20% -c 10% -p /`: any monitoring plugin, with its warning and its numbers. What its exit
//! statuses mean, and which part of its output is what, is from the Monitoring Plugins Development Guidelines
//! ("Plugin Output for Nagios", "Plugin Return Codes"). Runs it as `exec` does: no shell, killed when time is up.

mod perfdata;

use std::path::Path;

use crate::model::fields::Fields;
use crate::model::measure::Measure;
use crate::model::text::one_line;
use crate::probe::command::Command;
use crate::probe::{Answer, At};
use crate::sys::exec::{Ended, Output};

/// Where distributions and the plugins' own `make install` put them.
const FOLDERS: [&str; 6] = [
    "/usr/lib/nagios/plugins",
    "/usr/lib/monitoring-plugins",
    "/usr/lib64/nagios/plugins",
    "/usr/local/lib/nagios/plugins",
    "/usr/local/libexec/nagios",
    "/usr/local/nagios/libexec",
];

/// How many bytes of output are looked at.
const KEEP: usize = 64 * 1024;

/// Which plugin to run.
#[derive(Debug, Clone)]
pub struct Plugin {
    command: Command,
}

impl Plugin {
    /// As for `exec`: the target is the command, or the key `command` is a list. A program without a `/` is
    /// looked for where plugins are, then in `PATH`.
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let example = ("plugin:check_load -w 5 -c 9", "check_load");
        Command::read_like(example, target, fields).map(|command| Self { command })
    }

    pub(super) fn shown(&self) -> String {
        self.command.shown()
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        self.judge(&self.command.run(found, KEEP, at))
    }

    fn judge(&self, output: &Output) -> Answer {
        // Of more than was kept the beginning is lost, and with it what the rest means.
        let (said, measures) = if output.stdout.len() < KEEP {
            take_apart(&output.text())
        } else {
            (format!("its output is longer than {} KiB", KEEP / 1024), Vec::new())
        };
        let said = if said.is_empty() { complaint(&output.stderr) } else { said };
        let tell = |word: &str| self.command.tell(&said, word);
        let answer = match &output.ended {
            Ended::Exited(0) => Answer::up(""),
            Ended::Exited(1) => Answer::up("").warning(tell("warning")),
            Ended::Exited(2) => Answer::down(tell("critical")),
            Ended::Exited(3) => Answer::unknown(tell("exit status 3, unknown")),
            Ended::Exited(code) => {
                Answer::unknown(tell(&format!("exit status {code}, which no plugin ends with")))
            }
            Ended::Signaled(signal) => Answer::unknown(tell(&format!("killed by signal {signal}"))),
            Ended::TimedOut => Answer::unknown(self.command.endless(output)),
            Ended::NotStarted(why) => {
                let answer = Answer::unknown(format!("cannot be started: {why}"));
                let missing = why.ends_with("not found");
                let hint = "apt-get install monitoring-plugins-basic";
                if missing { answer.hinting(hint) } else { answer }
            }
        };
        measures.into_iter().fold(answer.saying(said), Answer::measuring)
    }
}

/// The path of a plugin that is only named; the name itself, for `PATH`, when it is in none of the folders.
fn found(program: &str) -> String {
    let path = |folder: &str| format!("{folder}/{program}");
    let there = |path: &String| Path::new(path).is_file();
    let named = !program.is_empty() && !program.contains('/');
    let place = if named { FOLDERS.into_iter().map(path).find(there) } else { None };
    place.unwrap_or_else(|| program.to_owned())
}

/// The text for people, and the numbers: behind the first `|` of the first line, and behind the first of the
/// lines after it, up to the end.
fn take_apart(text: &str) -> (String, Vec<Measure>) {
    let text = text.trim_start();
    let (first, long) = text.split_once('\n').unwrap_or((text, ""));
    let (said, numbers) = first.split_once('|').unwrap_or((first, ""));
    let more = long.split_once('|').map_or("", |(_, more)| more);
    (one_line(said.trim(), 200), perfdata::read(&format!("{numbers}\n{more}")))
}

/// What a plugin that said nothing wrote to its standard error last.
fn complaint(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    one_line(last.unwrap_or_default().trim(), 200)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::{look, look_within, probe, problem};
    use crate::probe::{Kind, Seen};
    use std::time::Duration;

    #[test]
    fn exit_statuses_are_those_of_the_guidelines() {
        for (script, word, reason, warning, detail) in [
            ("echo 'OK - fine | t=1'", "up", "", None, "OK - fine"),
            ("echo LOAD 9; exit 1", "up", "", Some("`sh`: LOAD 9 (warning)"), "LOAD 9"),
            ("echo bad; exit 2", "down", "`sh`: bad (critical)", None, "bad"),
            ("exit 3", "unknown", "`sh`: exit status 3, unknown", None, ""),
            (
                "echo no x >&2; exit 127",
                "unknown",
                "`sh`: no x (exit status 127, which no plugin ends with)",
                None,
                "no x",
            ),
            ("kill -9 $$", "unknown", "`sh`: killed by signal 9", None, ""),
        ] {
            let seen = look(&format!("plugin:/bin/sh -c \"{script}\""));
            let got = (seen.verdict.word(), seen.verdict.reason(), seen.warning.as_deref());
            assert_eq!(got, (word, reason, warning), "{script}");
            assert_eq!(seen.detail, detail, "{script}");
        }
    }

    #[test]
    fn numbers_are_taken_from_the_first_line_and_from_behind_the_long_text() {
        let text = "DISK OK | /=2\nlong a=1\nlong | /boot=68\n/home=69\n'/a b'=70\n";
        let (said, measures) = take_apart(text);
        let labels: Vec<_> = measures.iter().map(|measure| measure.label.as_str()).collect();
        assert_eq!((said.as_str(), labels), ("DISK OK", vec!["/", "/boot", "/home", "/a b"]));
        let seen = look("plugin:/bin/sh -c \"echo 'SLOW | time=1500ms;1000;2000'; exit 2\"");
        let [time] = &seen.measures[..] else { panic!("{seen:?}") };
        assert_eq!((time.value, time.warn.as_deref()), (Some(1.5), Some("1")));
    }

    #[test]
    fn what_floods_or_never_ends_is_bounded() {
        let seen = look("plugin:/bin/sh -c \"head -c 1000000 /dev/zero | tr '\\0' '|'\"");
        assert_eq!(seen.detail, "its output is longer than 64 KiB");
        assert!(seen.verdict.is_up() && seen.measures.is_empty(), "{seen:?}");
        let Kind::Plugin(plugin) = probe("plugin:/bin/sleep 60").kind else { unreachable!() };
        let limit = Duration::from_millis(100);
        let ended = crate::sys::exec::Command::new(["/bin/sleep", "60"], limit).run();
        let answer = plugin.judge(&ended);
        assert_eq!(answer.verdict.word(), "unknown");
        assert!(answer.verdict.reason().starts_with("`sleep` did not end within"), "{answer:?}");
        let seen = look_within("plugin:/bin/sleep 60", Seen::default(), limit);
        assert_eq!(seen.verdict.word(), "unknown", "{seen:?}");
    }

    #[test]
    fn one_that_is_missing_is_unknown_with_what_to_type() {
        let seen = look("plugin:check_no_such_thing -w 1");
        let want = "cannot be started: `check_no_such_thing` not found";
        assert_eq!((seen.verdict.word(), seen.verdict.reason()), ("unknown", want));
        assert_eq!(seen.hint.as_deref(), Some("apt-get install monitoring-plugins-basic"));
        assert!(look("plugin:true").verdict.is_up(), "found in PATH");
        assert!(problem("plugin:").contains("no command is named"));
    }
}
