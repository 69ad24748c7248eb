//! Asks as a person would: with curl. What is answered, it does not judge.

use std::time::Duration;

use super::real;

/// More than curl is given.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a server answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// 000 when nobody answered.
    pub(crate) status: String,
    /// As text.
    pub(crate) body: String,
}

/// Asks with curl, logged in as `max`, where that is asked for.
pub(crate) fn ask(url: &str, more: &[&str]) -> Answer {
    let mut command = real::command("curl");
    command.args(["--silent", "--max-time", "10", "--user", "max:s3cret"]);
    command.args(["--write-out", "\n%{http_code}"]).args(more).arg(url);
    let output = real::run(command, b"", PATIENCE);
    let (body, status) = output.stdout.rsplit_once('\n').unwrap_or_default();
    Answer { status: status.to_owned(), body: body.to_owned() }
}
