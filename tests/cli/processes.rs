//! `process` probes from run to run, on real processes: what one run leaves in the state the next one goes on from. Time
//! passes by making what was left older, never by waiting for it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::fast;
use crate::support::host::{BOUND, Host};
use crate::support::real::{Keeper, or_skip, wait_until};

/// The one look of the service `it` in a run of `check`, as JSON has it.
fn look(host: &Host) -> Value {
    let all = host.run(&["check", "-o", "json"]).json();
    all["services"][0]["probes"][0].clone()
}

/// Makes the samples of `it` that were left under `name`, in this list of its, this many seconds older.
fn older(host: &Host, name: &str, list: &str, by: f64) {
    let mut state = host.state();
    let trails = state["services"]["it"]["trails"].as_object_mut().expect("there are trails");
    let (_, trail) = trails.iter_mut().next().expect("of one probe");
    let samples = trail[name][list].as_object_mut().unwrap_or_else(|| panic!("of `{name}`"));
    assert!(!samples.is_empty());
    for (_, sample) in samples {
        sample[0] = json!(sample[0].as_f64().expect("seconds since boot") - by);
    }
    host.write("state/state.json", &state.to_string());
}

/// The field of `/proc/PID/stat` of that number, counted from 1 as in proc(5); 3 or more.
fn stat(pid: u32, field: usize) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, rest) = text.rsplit_once(") ").expect("its name ends there");
    rest.split(' ').nth(field - 3).expect("there are more").to_owned()
}

/// Processor time in hundredths of a second.
fn used(pid: u32) -> u64 {
    [14, 15].map(|field| stat(pid, field).parse::<u64>().expect("a number")).iter().sum()
}

fn start(host: &Host, words: &[&str]) -> Keeper {
    let words: Vec<String> = words.iter().map(|word| host.fill(word)).collect();
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    Keeper::spawn(&words, &host.path("log"), Keeper::TERM)
}

#[test]
fn a_busy_loop_is_averaged_between_the_runs_and_not_over_its_life() {
    let host = Host::with(&fast(&[
        "[[service]]\nname = \"it\"\nchecks = [\"process:?exe=$DIR/bin/spinner&cpu=~:1%\"]\n",
    ]));
    fs::copy("/bin/sh", host.path("bin/spinner")).unwrap();
    host.fifo("go");
    let busy = start(&host, &["$DIR/bin/spinner", "-c", "read x <$DIR/go; while :; do :; done"]);
    wait_until("it waits", BOUND, || {
        (host.runs("bin/spinner") && stat(busy.pid(), 3) == "S").then_some(())
    });
    assert_eq!(look(&host)["verdict"], "up", "it has only started");
    fs::write(host.path("go"), "go\n").unwrap();
    let then = used(busy.pid());
    wait_until("it was busy for a second", BOUND, || {
        (used(busy.pid()) >= then + 100).then_some(())
    });
    let seen = look(&host);
    assert_eq!(seen["verdict"], "down", "{seen}");
    let said = format!("of a processor in pid {} since the last look, more than 1%", busy.pid());
    assert!(seen["reason"].as_str().unwrap().contains(&said), "{seen}");
    assert_eq!(seen["hint"], format!("see what it does: `top -H -p {}`", busy.pid()));
    // Had it been over a day that it was as busy as between these two runs, that would be little.
    older(&host, "cpu", "used", 86_400.0);
    let seen = look(&host);
    assert_eq!(seen["verdict"], "up", "{seen}");
    assert!(seen["measures"][0]["value"].as_f64().is_some_and(|value| value < 1.0), "{seen}");
}

#[test]
fn one_that_waits_in_the_kernel_is_blocked_only_when_it_did_at_the_run_before() {
    let python = Path::new("/usr/bin/python3");
    if !or_skip("`/usr/bin/python3`, for a process that waits in the kernel", python.is_file()) {
        return;
    }
    let host =
        Host::with(&fast(&["[[service]]\nname = \"it\"\nchecks = [\"pidfile:$DIR/pid\"]\n"]));
    host.fifo("never");
    // Who starts a program with vfork(2) waits until that has begun; here it first waits for a FIFO that nobody writes.
    let script = "import os, sys\n\
        open(sys.argv[1] + '/pid', 'w').write(str(os.getpid()))\n\
        wait = (os.POSIX_SPAWN_OPEN, 0, sys.argv[1] + '/never', os.O_RDONLY, 0)\n\
        os.posix_spawn('/bin/true', ['true'], {}, file_actions=[wait])\n";
    // KILL reaches this one, TERM does not.
    let line = ["/usr/bin/python3", "-c", script, "$DIR"].map(|word| host.fill(word));
    let line: Vec<&OsStr> = line.iter().map(OsStr::new).collect();
    let blocked = Keeper::spawn(&line, &host.path("log"), "");
    let pid = blocked.pid();
    // For a moment it may do so while it starts, too: but then it has no child yet.
    let begun = || fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    blocked.ready("it waits in the kernel", BOUND, || {
        (begun().is_ok_and(|child| !child.is_empty()) && stat(pid, 3) == "D").then_some(())
    });

    let seen = look(&host);
    assert_eq!(seen["verdict"], "up", "once proves nothing: {seen}");
    let seen = look(&host);
    assert_eq!(seen["verdict"], "up", "nor do two runs at once: {seen}");
    older(&host, "waiting", "seen", 300.0);
    let seen = look(&host);
    assert_eq!(seen["verdict"], "down", "{seen}");
    let said = format!("pid {pid} (`python3.");
    let reason = seen["reason"].as_str().unwrap();
    assert!(
        reason.starts_with(&said) || reason.starts_with(&format!("pid {pid} (`python3`")),
        "{seen}"
    );
    assert!(reason.contains("is blocked in the kernel for 5m"), "{seen}");
    assert!(seen["hint"].as_str().unwrap().contains(&format!("/proc/{pid}/stack")), "{seen}");
    assert_eq!(host.service("it")["status"], "down");
    drop(blocked);
    wait_until("it has gone", Duration::from_secs(20), || {
        (!Path::new(&format!("/proc/{pid}")).exists()).then_some(())
    });
    let seen = look(&host);
    assert!(seen["reason"].as_str().unwrap().contains("which does not run"), "{seen}");
}
