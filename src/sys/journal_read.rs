//! Reads the last lines of the journal, through `journalctl`. Never follows it, never waits past its deadline;
//! what cannot be read is no lines.

use std::time::Duration;

use crate::model::text::one_line;
use crate::sys::exec::Command;

/// The longest line that is kept, in characters.
const LONGEST: usize = 500;

/// The last `lines` messages that match (`-u UNIT`, `FIELD=value`), oldest first, each on one line and with when and
/// who: `Jan 02 03:04:05 systemd[1]: Stopping web.service`.
pub fn tail(matches: &[String], lines: usize, limit: Duration) -> Vec<String> {
    let mut argv: Vec<String> =
        ["journalctl", "-q", "--no-pager", "--no-hostname", "-o", "short", "-n"]
            .map(String::from)
            .into();
    argv.push(lines.to_string());
    argv.extend_from_slice(matches);
    let output = Command::new(argv, limit).env("LC_ALL", "C.UTF-8").run();
    if !output.ok() {
        return Vec::new();
    }
    let text = output.text();
    let all: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|line| one_line(line, LONGEST)).collect()
}
