//! A program of the host's own: it is told by its standard input, and its exit status is the answer. Whatever notifies
//! from a command line (Apprise, a script) is a channel with it. Never uses a shell, and ends its whole group in time.

use crate::model::fields::Fields;
use crate::model::leaving::Leaving;
use crate::model::letter::{Outgoing, Sent};
use crate::model::scrub::scrub;
use crate::model::text::one_line;
use crate::notify::facts;
use crate::notify::reach::Reached;
use crate::notify::template::Template;
use crate::sys::clock::Deadline;
use crate::sys::exec::{self, Ended};
use crate::sys::programs::{self, Absent};

/// `EX_DATAERR` and `EX_NOUSER` of `sysexits.h`: what it was told, or whom it should tell, is refused. Whatever else
/// it ends with can be mended: most programs say 1 for a line that is down.
const NEVER: [i32; 2] = [65, 67];
/// Characters of its words that are shown.
const SAID: usize = 200;

/// What it reads.
#[derive(Debug, Clone, Copy)]
enum Input {
    Json,
    Text,
}

/// A program with its arguments.
#[derive(Debug, Clone)]
pub(super) struct Command {
    program: String,
    args: Vec<Template>,
    input: Input,
    /// Whether several stories may be one run.
    pub(super) digests: bool,
}

impl Command {
    /// Takes `command`, `input` and `digests`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        if !fields.has("command") {
            fields.required("command");
        }
        let place = fields.place_of("command");
        let argv = fields.argv("command");
        let inputs = [("json", Input::Json), ("text", Input::Text)];
        let input = fields.one_of("input", &inputs).unwrap_or(Input::Json);
        let digests = fields.flag("digests").unwrap_or(true);
        let (program, args) = argv.as_ref()?.split_first()?;
        let mut templates = Vec::new();
        for arg in args {
            match Template::parse(arg) {
                Ok(template) => templates.push(template),
                Err(why) => fields.wrong(&place, format!("`command`: {why}"), None),
            }
        }
        let whole = templates.len() == args.len();
        whole.then(|| Self { program: program.clone(), args: templates, input, digests })
    }

    /// The program's name without its directory.
    pub(super) fn name(&self) -> &str {
        self.program.rsplit('/').next().unwrap_or(&self.program)
    }

    /// Whether there is such a program. It is not started.
    pub(super) fn reach(&self, by: Deadline) -> Reached {
        let path = std::env::var("PATH").unwrap_or_default();
        match programs::find(&self.program, &path, by.left()) {
            Ok(at) => {
                let said = format!("`{}` can be run", one_line(&at.display().to_string(), 120));
                let bare = "whether cron's PATH leads there, and what it does with a message";
                let unproven =
                    if self.program.contains('/') { "what it does with a message" } else { bare };
                Reached::yes(said, unproven)
            }
            Err(Absent::No(why)) => Reached::No(why),
            Err(Absent::Unknown(why)) => Reached::Unknown(why),
        }
    }

    /// What is run, and what it reads.
    fn call(&self, out: &Outgoing<'_>) -> (Vec<String>, String) {
        let args = self.args.iter().map(|arg| arg.fill(out, str::to_owned));
        let argv = std::iter::once(self.program.clone()).chain(args).collect();
        let told = match self.input {
            Input::Json => format!("{}\n", facts::json(out)),
            Input::Text => out.letter.body.clone(),
        };
        (argv, told)
    }

    /// The same as it is shown: a password may stand among the arguments.
    pub(super) fn shown(&self, out: &Outgoing<'_>) -> Leaving {
        let (argv, stdin) = self.call(out);
        let argv = argv.iter().map(|arg| scrub(arg).into_owned()).collect();
        Leaving::Run { argv, stdin }
    }

    /// Runs it.
    pub(super) fn send(&self, out: &Outgoing<'_>, by: Deadline) -> Sent {
        let (argv, told) = self.call(out);
        let output = exec::Command::new(argv, by.left()).stdin(told).run();
        let shown = one_line(&self.program, 120);
        let why = || format!("`{shown}`: {}", one_line(&output.reason(), SAID));
        match output.ended {
            Ended::Exited(0) => Sent::Accepted(format!("taken by `{shown}`").into()),
            Ended::Exited(code) if NEVER.contains(&code) => Sent::Never(why()),
            Ended::Exited(_) | Ended::Signaled(_) | Ended::TimedOut | Ended::NotStarted(_) => {
                Sent::Later(why())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::testing::{self, Mail};
    use std::path::Path;

    fn send(dir: &Path, script: &str, more: &str) -> Sent {
        let script = script.replace("DIR", &dir.display().to_string());
        let table = format!("via = 'command'\n{more}");
        let table = table.replace("SCRIPT", &format!("'sh', '-c', '''{script}''', 'sh'"));
        Mail::new("❌ web; touch x", "a\nb\n").send(&testing::channel(&table))
    }

    #[test]
    fn it_reads_json_and_its_arguments_are_filled_in_without_a_shell() {
        let dir = tempfile::tempdir().unwrap();
        let script = "cat > DIR/in; printf \"%s|\" \"$@\" > DIR/args";
        let sent = send(dir.path(), script, "command = [SCRIPT, '{{subject}}', 'x={{host}}']");
        assert_eq!(sent, Sent::Accepted("taken by `sh`".into()));
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(read("args"), "❌ web; touch x|x=web1|");
        let json: serde_json::Value = serde_json::from_str(&read("in")).unwrap();
        assert_eq!((&json["version"], &json["stories"][0]["service"]), (&1.into(), &"web".into()));
    }

    #[test]
    fn it_can_read_the_text_alone() {
        let dir = tempfile::tempdir().unwrap();
        send(dir.path(), "cat > DIR/in", "command = [SCRIPT]\ninput = 'text'");
        assert_eq!(std::fs::read_to_string(dir.path().join("in")).unwrap(), "a\nb\n");
    }

    #[test]
    fn its_exit_status_is_the_answer() {
        let dir = tempfile::tempdir().unwrap();
        for (script, more, want) in [
            ("exit 0", "", "accepted"),
            ("echo no >&2; exit 65", "", "never"),
            ("exit 67", "", "never"),
            ("exit 75", "", "later"),
            ("exit 1", "", "later"),
            ("kill -9 $$", "", "later"),
            ("sleep 60 & sleep 60", "timeout = '300ms'", "later"),
        ] {
            let sent = send(dir.path(), script, &format!("command = [SCRIPT]\n{more}"));
            assert_eq!(testing::class(&sent), want, "{script}: {sent:?}");
        }
        let missing = testing::channel("via = 'command'\ncommand = ['/no/such/program']");
        assert_eq!(testing::class(&Mail::new("a", "b").send(&missing)), "later");
    }
}
