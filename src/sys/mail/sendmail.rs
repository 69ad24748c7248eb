//! The mail system of this host, through its `sendmail` program. Never uses a shell; addresses are arguments
//! after `--`, so that none is taken for an option.

use crate::model::letter::Sent;
use crate::model::text::one_line;
use crate::sys::clock::Deadline;
use crate::sys::exec::{Command, Ended};

use super::{Message, SAID};

/// `EX_DATAERR` and `EX_NOUSER` of `sysexits.h`: the mail itself, or its address, is refused.
const NEVER: [i32; 2] = [65, 67];

/// What is run for it.
pub(super) fn argv(program: &str, message: &Message) -> Vec<String> {
    let from = message.envelope.from().map(ToString::to_string).unwrap_or_default();
    let mut argv = vec![program.to_owned(), "-i".into(), "-f".into(), from, "--".into()];
    argv.extend(message.envelope.to().iter().map(ToString::to_string));
    argv
}

/// Hands `message` to `program`. Status 0 is acceptance into its queue; the statuses about the mail itself are
/// for good; all others (75 `EX_TEMPFAIL`, 77 no right, 78 its config, not started, killed) can be mended.
pub(super) fn send(program: &str, message: &Message, deadline: Deadline) -> Sent {
    // A local program expects the line ends of this system.
    let text = String::from_utf8_lossy(&message.bytes).replace("\r\n", "\n") + "\n";
    let output = Command::new(argv(program, message), deadline.left()).stdin(text).run();
    let why = || format!("`{}`: {}", one_line(program, 120), one_line(&output.reason(), SAID));
    match output.ended {
        Ended::Exited(0) => Sent::Accepted(format!("taken by `{program}`").into()),
        Ended::Exited(code) if NEVER.contains(&code) => Sent::Never(why()),
        Ended::Exited(_) | Ended::Signaled(_) | Ended::TimedOut | Ended::NotStarted(_) => {
            Sent::Later(why())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::Duration;

    use lettre::address::Envelope;

    use super::*;

    fn program(dir: &Path, script: &str) -> String {
        let path = dir.join("sendmail");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    fn hand_to(script: &str, dir: &Path) -> Sent {
        let to = vec!["-oQ/tmp@example.org".parse().unwrap(), "you@example.org".parse().unwrap()];
        let from = Some("mm@example.org".parse().unwrap());
        let envelope = Envelope::new(from, to).unwrap();
        let message = Message {
            envelope,
            headers: Vec::new(),
            bytes: b"Subject: x\r\n\r\n.\r\nend".to_vec(),
        };
        send(&program(dir, script), &message, Deadline::after(Duration::from_secs(10)))
    }

    #[test]
    fn it_gets_the_envelope_as_arguments_and_the_mail_with_local_line_ends() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().display();
        let sent =
            hand_to(&format!("printf '%s\\n' \"$@\" >{out}/args; cat >{out}/mail"), dir.path());
        assert!(matches!(sent, Sent::Accepted(_)), "{sent:?}");
        let read = |name| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            read("args"),
            "-i\n-f\nmm@example.org\n--\n-oQ/tmp@example.org\nyou@example.org\n"
        );
        assert_eq!(read("mail"), "Subject: x\n\n.\nend\n");
    }

    #[test]
    fn only_a_refusal_of_the_mail_itself_is_for_good() {
        let dir = tempfile::tempdir().unwrap();
        for (code, never) in
            [(65, true), (67, true), (64, false), (69, false), (75, false), (78, false)]
        {
            let sent =
                hand_to(&format!("cat >/dev/null; echo no such user >&2; exit {code}"), dir.path());
            let (Sent::Never(why) | Sent::Later(why)) = &sent else { panic!("{code}: {sent:?}") };
            assert!(why.contains(&format!("exit status {code}: no such user")), "{why}");
            assert_eq!(matches!(sent, Sent::Never(_)), never, "{code}");
        }
    }
}
