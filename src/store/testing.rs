//! What the tests of the store share: states to save, odd files, and other processes to be killed or to have
//! no rights.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Map;

use crate::model::state::{Cycle, ServiceState, State, Status, Tally};
use crate::model::time::Now;
use crate::model::verdict::Verdict;

/// `secs` after 2026-01-01.
pub(super) fn now(secs: u64) -> Now {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Now { wall: start, boot: "b".into(), since_boot: Duration::from_secs(1000) }
        .after(Duration::from_secs(secs))
}

/// A state whose last cycle finished at `secs`.
pub(super) fn state(secs: u64) -> State {
    let stamp = now(secs).stamp();
    let tally = Tally {
        tried: 3,
        worked: 1,
        last: stamp.clone(),
        skip_told: false,
        rest: Map::from_iter([("newer_tally_key".to_owned(), "kept".into())]),
    };
    let service = ServiceState {
        heals: Vec::new(),
        repeats_told: None,
        seen_up: None,
        exe: None,
        held: None,
        flapping: false,
        recent: String::new(),
        status: Status::Up,
        since: stamp.clone(),
        verdict: Verdict::Down("nobody listens on port 8080".into()),
        looked: stamp.clone(),
        looks: Vec::new(),
        failures: 0,
        successes: 3,
        blocked_by: None,
        left_alone: None,
        incident: None,
        attempts: Vec::new(),
        last_incident: None,
        instance: Some("abc".into()),
        trails: crate::model::trail::Trails::default(),
        remedies: BTreeMap::from([("service_restart".to_owned(), tally)]),
        rest: Map::from_iter([("newer_service_key".to_owned(), "kept".into())]),
    };
    State {
        host: "h".into(),
        cycle: Some(Cycle {
            awake_ms: None,
            finished: stamp,
            took_ms: 12,
            command: "heal".into(),
            count: secs,
            after_ms: None,
            services: vec!["web".into()],
            config_broken: None,
            oom_kills: None,
            host_line: String::new(),
        }),
        services: BTreeMap::from([("web".to_owned(), service)]),
        rest: Map::from_iter([("newer_key".to_owned(), vec![1, 2].into())]),
        ..State::default()
    }
}

/// The names in `folder`, sorted.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A FIFO at `path`.
pub(super) fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Waits until `what` holds, at most 10 s.
pub(super) fn until(mut what: impl FnMut() -> bool, words: &str) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < Duration::from_secs(10), "still not so after 10 s: {words}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Says by name what this machine cannot test.
#[expect(clippy::print_stderr, reason = "a skipped test is said, not passed over")]
pub(super) fn skipped(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
}

/// This test binary again, behind `prefix`, to run `test` alone, ignored or not.
#[expect(
    clippy::disallowed_methods,
    reason = "a test that kills and confines processes starts them itself"
)]
pub(super) fn rerun(prefix: &[&str], test: &str) -> Command {
    let exe = std::env::current_exe().unwrap();
    let mut command = match prefix {
        [] => Command::new(&exe),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(&exe);
            command
        }
    };
    command.args(["--exact", test, "--include-ignored", "--nocapture", "--test-threads=1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `test` again to its end behind `prefix`; none when this machine cannot. Panics when it failed there.
pub(super) fn passes_behind(prefix: &[&str], test: &str, vars: &[(&str, &Path)]) -> Option<()> {
    let output = rerun(prefix, test).envs(vars.iter().copied()).output().ok()?;
    let out = String::from_utf8_lossy(&output.stdout);
    if !out.contains("running 1 test") {
        return None;
    }
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(out.contains("1 passed"), "{out}\n{err}");
    Some(())
}

/// When this is root, who may do everything: runs `test` as nobody instead, and says that it is done.
pub(super) fn rerun_as_nobody(test: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        return false;
    }
    let prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let nowhere = std::env::temp_dir();
    if passes_behind(&prefix, test, &[("TMPDIR", &nowhere)]).is_none() {
        skipped(test, "this is root, and `setpriv` cannot run this test as nobody");
    }
    true
}

/// A child that is killed when the test ends, however it ends.
pub(super) struct Killed(pub(super) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
