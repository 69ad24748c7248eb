//! The state between runs: who renews it, the lock, and a run that was killed in the middle.

use std::time::Duration;

use super::{WEB, fast};
use crate::support::host::{BOUND, Host};
use crate::support::real;

/// Its restart begins, and ends only when `$DIR/go` is there (or the test is over).
const BLOCKING: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["$DIR/bin/restart"]
max_heals = "3 per 1h"
cooldown = "30s"
retry_after = "2h"
"#;
const BLOCK: &str = "touch $DIR/begun; while [ -d $DIR ] && [ ! -e $DIR/go ]; do sleep 0.1; done";

fn begun(host: &Host) {
    real::wait_until("the restart has begun", BOUND, || host.path("begun").exists().then_some(()));
}

#[test]
fn only_a_look_at_all_services_renews_the_state_file() {
    let host =
        Host::with(&fast(&[WEB, "[[service]]\nname = \"api\"\nchecks = [\"file:$DIR/up\"]\n"]));
    host.write("up", "");
    host.run(&["-q", "check"]).silent();
    host.age(Duration::from_secs(600));
    let (old, looked) = (host.mtime(), host.service("web")["looked"].clone());
    host.run(&["-q", "check", "web"]).silent();
    assert_eq!(host.mtime(), old, "a named service keeps the mtime");
    assert_ne!(host.service("web")["looked"], looked, "and is remembered");
    host.run(&["-q", "heal", "web"]).silent();
    assert_eq!(host.mtime(), old);
    host.run(&["check", "file:$DIR/up"]).ends(0);
    host.run(&["heal", "--dry-run"]).ends(0);
    assert_eq!(host.mtime(), old);
    let count = host.state()["cycle"]["count"].as_u64().unwrap();
    for (index, command) in ["check", "heal"].into_iter().enumerate() {
        host.age(Duration::from_secs(600));
        let old = host.mtime();
        host.run(&["-q", command]).silent();
        assert!(host.mtime() > old + Duration::from_secs(500), "{command} of all renews it");
        assert_eq!(host.state()["cycle"]["count"], count + 1 + index as u64);
    }
}

#[test]
fn a_run_beside_another_does_nothing_and_says_who_holds_the_lock() {
    let host = Host::with(&fast(&[BLOCKING]));
    host.fake("restart", &format!("{BLOCK}; touch $DIR/up"));
    let heal = host.start(&["heal"]);
    begun(&host);
    let said = format!(
        "miraclemax: error: `miraclemax heal` (pid {}, since [N]:[N]:[N]Z) holds the lock; nothing was done\n\
         hint: wait for it with `--wait 1m`\n",
        heal.pid()
    );
    let before = host.snapshot("state");
    for args in [&["check"][..], &["heal"], &["check", "web"], &["heal", "--wait", "300ms"]] {
        host.run(args).is(75, "", &said);
    }
    // When quiet, that runs overlap is no news; the exit status tells.
    host.run(&["-q", "heal"]).is(75, "", "");
    assert_eq!(host.snapshot("state"), before);
    // Those who only read do not wait.
    host.run(&["status"]).ends(2);
    host.run(&["check", "file:$DIR/begun"]).ends(0);
    let waiting = host.start(&["check", "--wait", "50s"]);
    host.write("go", "");
    assert_eq!(heal.code(), Some(0));
    assert_eq!(waiting.code(), Some(0));
    assert_eq!(host.calls().len(), 1);
    assert_eq!(host.state()["cycle"]["command"], "check");
}

#[test]
fn a_run_that_was_killed_is_resumed_and_its_attempt_counts() {
    let host = Host::with(&fast(&[BLOCKING]));
    host.fake("restart", BLOCK);
    let heal = host.start(&["heal"]);
    begun(&host);
    heal.kill();
    let attempts = host.service("web")["attempts"].clone();
    assert_eq!(attempts.as_array().map(Vec::len), Some(1), "saved before it was begun: {attempts}");
    assert_eq!(attempts[0].get("outcome").filter(|o| !o.is_null()), None, "{attempts}");
    host.write("go", "");

    // The next one finds the lock free, and the killed attempt counts: within the cooldown it waits.
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.contains("1 attempt"), "{ran:?}");
    assert_eq!(host.calls().len(), 1, "no second restart at once: {ran:?}");
    // Never more than the budget, the killed one included.
    for _ in 0..6 {
        host.age(Duration::from_secs(320));
        host.run(&["heal"]).ends(2);
    }
    assert_eq!(host.calls().len(), 3);
    assert_eq!(host.service("web")["status"], "failed");
}

#[test]
fn a_run_that_was_killed_after_the_service_came_back_tells_of_the_recovery_once() {
    let host = Host::with(&fast(&[
        BLOCKING,
        "[[notify]]\nvia = \"email\"\nto = [\"me@example.org\"]\nfrom = \"max@example.org\"\nsendmail = \"$DIR/bin/sendmail\"\n",
    ]));
    host.fake("restart", &format!("touch $DIR/up; {BLOCK}"));
    host.fake("sendmail", "cat >> $DIR/mails");
    let heal = host.start(&["heal"]);
    begun(&host);
    heal.kill();
    host.write("go", "");
    host.run(&["heal"]).ends(0);
    host.run(&["heal"]).ends(0);
    assert_eq!(host.calls().iter().filter(|call| call.starts_with("restart")).count(), 1);
    assert!(host.read("mails").matches("Subject:").count() <= 1, "{}", host.read("mails"));
    assert_eq!(host.service("web")["status"], "up");
}

#[test]
fn a_term_in_the_middle_of_a_heal_leaves_a_state_that_reads() {
    let host = Host::with(&fast(&[BLOCKING]));
    host.fake("restart", BLOCK);
    let heal = host.start(&["heal"]);
    begun(&host);
    let mut kill = real::command("kill");
    kill.args(["-TERM", &heal.pid().to_string()]);
    real::run(kill, b"", BOUND).ok();
    assert_ne!(heal.code(), Some(0));
    host.write("go", "").write("up", "");
    host.run(&["heal"]).ends(0);
}
