//! A run that hangs long past its deadline does not keep the next ones from looking; nobody else is ended for it.

use std::time::Duration;

use serde_json::Value;

use super::{WEB, fast};
use crate::support::host::{BOUND, Host};
use crate::support::real;

/// Its restart never ends by itself while the test goes on.
const STUCK: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["$DIR/bin/restart"]
cooldown = "0s"
"#;

fn signal(name: &str, pid: u32) {
    let mut kill = real::command("kill");
    kill.args([name, &pid.to_string()]);
    real::run(kill, b"", BOUND).ok();
}

/// Its holder began at boot, and promised to end at once.
fn overdue(host: &Host) {
    let mut holder: Value = serde_json::from_str(&host.read("state/lock")).unwrap();
    holder["started"]["since_boot_ms"] = 0.into();
    holder["awake_ms"] = 0.into();
    holder["deadline_secs"] = 0.into();
    host.write("state/lock", &holder.to_string());
}

#[test]
fn a_run_that_hangs_past_its_deadline_is_ended_with_what_it_started() {
    let host = Host::with(&fast(&[STUCK]));
    host.fake(
        "restart",
        "echo $$ > $DIR/child; touch $DIR/begun; while [ -d $DIR ]; do sleep 0.1; done",
    );
    let stuck = host.start(&["heal"]);
    real::wait_until("the restart has begun", BOUND, || host.path("begun").exists().then_some(()));
    let child: u32 = host.read("child").trim().parse().unwrap();
    signal("-STOP", stuck.pid());
    // Within its deadline it is only busy.
    host.run(&["heal"]).ends(75);
    overdue(&host);
    host.run(&["heal", "--dry-run"]).ends(75);
    host.fake("restart", "touch $DIR/up");
    let ran = host.run(&["heal"]).ends(0);
    let pid = stuck.pid();
    assert!(
        ran.stderr
            .starts_with(&format!("miraclemax: warning: `miraclemax heal` (pid {pid}) hung, "))
            && ran.stderr.contains("past its deadline: ended by SIGKILL and "),
        "{ran:?}"
    );
    assert!(ran.stdout.starts_with("healed  web  "), "{ran:?}");
    real::wait_until("what it had started is gone", Duration::from_secs(20), || {
        real::is_gone(child).then_some(())
    });
    let said = |event: &Value| event["kind"] == "action";
    assert_eq!(host.events().iter().filter(|event| said(event)).count(), 1);
    drop(stuck);
}

#[test]
fn somebody_else_who_holds_the_lock_is_left_alone() {
    let host = Host::with(&fast(&[WEB]));
    host.run(&["heal"]).ends(0);
    let holder = host.bare(
        ["flock", "--no-fork", &host.path("state/lock").display().to_string(), "sleep", "300"]
            .map(Into::into)
            .to_vec(),
    );
    let mut holder = { holder }.spawn().unwrap();
    real::wait_until("the lock is held", BOUND, || (host.run(&["heal"]).code == 75).then_some(()));
    // A run that has died left its name, and its number was given to another process.
    let started = serde_json::json!({
        "wall": "2030-01-01T00:00:00Z", "boot": host.state()["cycle"]["finished"]["boot"], "since_boot_ms": 0
    });
    let text = serde_json::json!({
        "pid": holder.id(), "command": "heal", "started": started, "deadline_secs": 0, "awake_ms": 0
    });
    host.write("state/lock", &text.to_string());
    let ran = host.run(&["heal"]).ends(75);
    assert!(ran.stderr.contains("/sleep`, not this program"), "{ran:?}");
    assert!(holder.try_wait().unwrap().is_none(), "it lives");
    holder.kill().unwrap();
    holder.wait().unwrap();
}
