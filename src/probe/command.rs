//! `exec:/usr/local/bin/all-is-well --fast`: any command says that all is well. 3 is unknown as for monitoring
//! plugins; those have a kind of their own, which knows a warning from a failure.
//! Never uses a shell; the whole process group is killed when time is up.

use crate::model::fields::Fields;
use crate::model::text::{human_duration, one_line};
use crate::probe::{Answer, At};
use crate::sys::exec::{self, Ended, Output};

/// What to run.
#[derive(Debug, Clone)]
pub struct Command {
    argv: Vec<String>,
}

impl Command {
    /// `target` is the command, split at white space, with simple quotes; or it is empty and the key `command` is
    /// a list of the program and its arguments.
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        Self::read_like(("exec:/path/to/command -w 5", "/path/to/command"), target, fields)
    }

    /// The same with an example of the kind's own: in the short form, and its program.
    pub(super) fn read_like(
        (short, program): (&str, &str),
        target: &str,
        fields: &mut Fields<'_>,
    ) -> Option<Self> {
        let listed = fields.has("command");
        let argv = fields.argv("command");
        if listed && !target.trim().is_empty() {
            fields.problem("target", "the command is given twice: keep `command`", None);
        }
        if listed {
            return argv.map(|argv| Self { argv });
        }
        match split(target) {
            Ok(argv) if !argv.is_empty() => Some(Self { argv }),
            Ok(_) => {
                let hint = format!("write `{short}`, or `command = [\"{program}\"]`");
                fields.problem("target", "no command is named", Some(hint));
                None
            }
            Err(why) => {
                fields.problem("target", why, None);
                None
            }
        }
    }

    /// As a person would type it, without the values of options that are named like secrets.
    pub(super) fn shown(&self) -> String {
        const NAMES: [&str; 6] = ["password", "passwd", "secret", "token", "auth", "community"];
        let secret = |word: &str| {
            word.starts_with("--") && NAMES.iter().any(|name| word.to_lowercase().contains(name))
        };
        let mut hide = false;
        let words = self.argv.iter().map(|word| {
            let hidden = std::mem::replace(&mut hide, secret(word) && !word.contains('='));
            match word.split_once('=') {
                _ if hidden => "…".to_owned(),
                Some((name, _)) if secret(name) => format!("{name}=…"),
                _ => word.clone(),
            }
        });
        one_line(&exec::shown(&words.collect::<Vec<_>>()), 200)
    }

    /// Its program's file name, for messages.
    fn called(&self) -> &str {
        let program = self.argv.first().map_or("", String::as_str);
        program.rsplit('/').next().unwrap_or_default()
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        self.judge(&self.run(str::to_owned, 8 * 1024, at))
    }

    /// Runs it, its program where `found` says it is, and keeps the last `keep` bytes of what it writes.
    pub(super) fn run(&self, found: fn(&str) -> String, keep: usize, at: &At<'_>) -> Output {
        // Not longer than the run: whoever is left behind would leave its children behind as well.
        let limit = at.limit.min(at.deadline.left());
        let mut argv = self.argv.clone();
        if let Some(program) = argv.first_mut() {
            *program = found(program);
        }
        exec::Command::new(argv, limit).keep(keep).run()
    }

    /// What it said, and what that means.
    pub(super) fn tell(&self, said: &str, word: &str) -> String {
        match said {
            "" => format!("`{}`: {word}", self.called()),
            said => format!("`{}`: {said} ({word})", self.called()),
        }
    }

    /// That it was killed when time was up.
    pub(super) fn endless(&self, output: &Output) -> String {
        let took = human_duration(output.took);
        format!("`{}` did not end within {took} and was killed", self.called())
    }

    fn judge(&self, output: &Output) -> Answer {
        let said = first_line(&output.text());
        let tell = |word: &str| self.tell(&said, word);
        let answer = match &output.ended {
            Ended::Exited(0) => Answer::up(""),
            Ended::Exited(1) => Answer::down(tell("warning")),
            Ended::Exited(2) => Answer::down(tell("critical")),
            Ended::Exited(3) => Answer::unknown(tell("exit status 3, unknown")),
            Ended::Exited(code) => Answer::down(tell(&format!("exit status {code}"))),
            Ended::Signaled(signal) => Answer::unknown(tell(&format!("killed by signal {signal}"))),
            Ended::TimedOut => Answer::unknown(self.endless(output)),
            Ended::NotStarted(why) => Answer::unknown(format!("cannot be started: {why}")),
        };
        answer.saying(said)
    }
}

/// What a plugin says to people; the rest is performance data and long output.
fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    one_line(line.split('|').next().unwrap_or_default().trim(), 200)
}

/// Words as a person would type them, with `'…'` and `"…"` and no other magic.
fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    for c in text.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    if let Some(quote) = quote {
        return Err(format!("a quote is not closed: `{quote}`"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::{look, probe, problem};
    use std::time::Duration;

    #[test]
    fn exit_statuses_are_those_of_monitoring_plugins() {
        for (script, word, reason, detail) in [
            ("echo 'OK - fine | t=1'", "up", "", "OK - fine"),
            ("echo 'LOAD 9|x'; exit 1", "down", "`sh`: LOAD 9 (warning)", "LOAD 9"),
            ("echo bad; exit 2", "down", "`sh`: bad (critical)", "bad"),
            ("exit 3", "unknown", "`sh`: exit status 3, unknown", ""),
            ("exit 4", "down", "`sh`: exit status 4", ""),
            ("kill -9 $$", "unknown", "`sh`: killed by signal 9", ""),
        ] {
            let seen = look(&format!("exec:sh -c \"{script}\""));
            let got = (seen.verdict.word(), seen.verdict.reason(), seen.detail.as_str());
            assert_eq!(got, (word, reason, detail), "{script}");
        }
    }

    #[test]
    fn not_started_and_not_ended_are_unknown() {
        let seen = look("exec:/no/such/plugin");
        let want = "cannot be started: `/no/such/plugin` not found";
        assert_eq!((seen.verdict.word(), seen.verdict.reason()), ("unknown", want));
        let command = Command { argv: vec!["sleep".into(), "60".into()] };
        let limit = Duration::from_millis(100);
        let ended = exec::Command::new(command.argv.clone(), limit).run();
        let seen = command.judge(&ended);
        assert_eq!(seen.verdict.word(), "unknown");
        assert!(seen.verdict.reason().starts_with("`sleep` did not end within"), "{seen:?}");
    }

    #[test]
    fn words_are_split_without_a_shell() {
        let want = Ok(["a", "b c", "", "d e", "$X"].map(String::from).to_vec());
        assert_eq!(split("a 'b c' \"\" d' 'e $X"), want);
        assert_eq!(split("a 'b"), Err("a quote is not closed: `'`".into()));
        assert!(problem("exec:").contains("no command is named"));
    }

    #[test]
    fn secrets_among_the_options_are_not_shown() {
        let text = probe("exec:check_x --password hunter2 --auth-token=abc -H db").text;
        assert_eq!(text, "exec:check_x --password '…' '--auth-token=…' -H db");
    }
}
