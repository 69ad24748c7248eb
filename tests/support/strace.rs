//! `strace`: which system calls a run makes, and what comes of it when one of them fails or is its last. Only the main
//! thread is followed, which writes and sends; what it starts is left alone.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Stdio;

use super::host::Host;
use super::real;

/// Whether it is here and may trace.
pub(crate) fn works() -> bool {
    let mut strace = real::command("strace");
    strace.args(["-qq", "-o", "/dev/null", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    strace.status().is_ok_and(|status| status.success())
}

/// One call of a run: the `number`th of its kind, from 1.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    call: String,
    number: usize,
    /// As it was traced.
    line: String,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.call, self.number, self.line)
    }
}

impl Point {
    /// `-e` of strace: what is done to it, and with `+` to all of its kind after it.
    pub(crate) fn inject(&self, what: &str, after: &str) -> String {
        format!("inject={}:{what}:when={}{after}", self.call, self.number)
    }
}

/// Runs it to its end and gives back its calls, a line each.
#[track_caller]
pub(crate) fn calls(host: &Host, what: &str, args: &[&str]) -> String {
    let trace = host.path("trace");
    let strace = ["strace", "-qq", "-s", "0", "-o"].map(Into::into);
    let mut words: Vec<std::ffi::OsString> = strace.into();
    words.extend([trace.into(), "-e".into(), what.into()]);
    let ran = host.finish(host.traced(words, args), &args.join(" "), "");
    assert!(ran.code < 125, "{ran:?}");
    host.read("trace")
}

/// Those of them that changed something, from the first whose line holds `from`. Between two of these nothing changes, so
/// it is all the same where exactly the run ends. A call that only makes writes last through a power cut is none.
pub(crate) fn points(calls: &str, from: &str) -> Vec<Point> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut points = Vec::new();
    let mut begun = false;
    for line in calls.lines() {
        let Some((call, _)) = line.split_once('(') else { continue };
        let number = counts.entry(call.to_owned()).or_default();
        *number += 1;
        begun |= line.contains(from);
        let in_vain = line.contains("= -1 ENOENT") || line.contains("= -1 EEXIST");
        let reads = call.starts_with("open") && !line.contains("O_CREAT");
        if begun && !in_vain && !reads {
            points.push(Point { call: call.to_owned(), number: *number, line: line.to_owned() });
        }
    }
    points
}
