//! `heal` with plain commands: healed and proven, given up and tried again, in order, or left alone.

use std::time::Duration;

use super::{WEB, fast};
use crate::support::host::Host;
use crate::support::real;

const HOUR: Duration = Duration::from_secs(3600);

/// Its restart does nothing but log that it was called.
const USELESS: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["$DIR/bin/restart"]
max_heals = "2 per 10m"
cooldown = "1m"
retry_after = "1h"
"#;

#[test]
fn what_is_down_is_healed_proven_and_remembered() {
    let host = Host::with(&fast(&[WEB]));
    host.run(&["heal"]).is(0, "healed  web  touch $DIR/up in [T], verified by 1 probe\n", "");
    let web = host.service("web");
    assert_eq!(
        (&web["status"], &web["last_incident"]["healed_by"]),
        (&"up".into(), &"service_restart".into())
    );
    let kinds: Vec<_> =
        host.events().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["flip", "attempt-begun", "attempt-ended", "flip"]);
    host.run(&["heal"]).is(0, "up  web  0 B, [T] old\n", "");
    assert_eq!(host.events().len(), 4, "a good look leaves no event");
}

#[test]
fn a_real_service_is_started_again_and_verified_over_its_port() {
    let port = real::free_port();
    let host = Host::new();
    let binary = real::miraclemax().display().to_string();
    host.config(&fast(&[&format!(
        r#"
[[service]]
name = "drill"
port = {port}
checks = ["http://127.0.0.1:{port}/", "process:miraclemax?pidfile=$DIR/pid"]
start = ["{binary}", "drill-service", "--port", "{port}", "--pidfile", "$DIR/pid", "--lifetime", "5m", "--detach"]
stop = ["true"]
verify_for = "20s"
"#
    )]));
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.starts_with("healed  drill  "), "{ran:?}");
    assert!(ran.stdout.contains("verified by 3 probes"), "{ran:?}");
    let first: u32 = host.read("pid").trim().parse().unwrap();
    let kill = |pid: u32| {
        let mut kill = real::command("kill");
        kill.args(["-KILL", &pid.to_string()]);
        real::run(kill, b"", HOUR).ok();
        real::wait_until("it is gone", Duration::from_secs(20), || {
            real::is_gone(pid).then_some(())
        });
    };
    kill(first);
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.starts_with("healed  drill  "), "{ran:?}");
    let second: u32 = host.read("pid").trim().parse().unwrap();
    kill(second);
    assert_ne!(first, second);
}

#[test]
fn what_does_not_come_back_is_given_up_announced_once_and_tried_again_later() {
    let host = Host::with(&fast(&[USELESS]));
    host.fake("restart", ":");
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.starts_with("DOWN  web  `$DIR/up` is missing\n"), "{ran:?}");
    // Where the line is wrapped depends on how long it took.
    let words = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = "1 attempt; cooling down after 1 attempt; looked at again in ";
    assert!(words.contains(said), "{ran:?}");
    host.run(&["heal"]).ends(2);
    assert_eq!(host.calls().len(), 1, "it cools down");
    host.age(Duration::from_secs(61));
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.starts_with("FAILED  web  `$DIR/up` is missing\n"), "{ran:?}");
    assert!(ran.stdout.contains("given up: 2 attempts failed within"), "{ran:?}");
    assert_eq!(host.calls().len(), 2);
    for _ in 0..4 {
        host.age(Duration::from_secs(600));
        host.run(&["heal"]).ends(2);
    }
    assert_eq!(host.calls().len(), 2, "given up");
    let failed = |host: &Host| {
        host.events()
            .iter()
            .filter(|e| e["text"].as_str().unwrap().starts_with("down -> failed"))
            .count()
    };
    assert_eq!(failed(&host), 1, "announced once");
    host.age(HOUR);
    host.run(&["heal"]).ends(2);
    assert_eq!(host.calls().len(), 3, "one more try");
    host.run(&["heal"]).ends(2);
    assert_eq!((host.calls().len(), failed(&host)), (3, 1));
    // And when that one helps, it is healed.
    host.fake("restart", "touch $DIR/up");
    host.age(HOUR);
    host.run(&["heal"]).is(0, "healed  web  $DIR/bin/restart in [T], verified by 1 probe\n", "");
}

#[test]
fn dependencies_come_first_and_what_needs_them_waits() {
    let services = r#"
[[service]]
name = "app"
needs = ["db"]
checks = ["file:$DIR/app"]
restart = ["$DIR/bin/app"]
[[service]]
name = "db"
checks = ["file:$DIR/db"]
restart = ["$DIR/bin/db"]
"#;
    let host = Host::with(&fast(&[services]));
    host.fake("db", "touch $DIR/db");
    host.fake("app", "[ -e $DIR/db ] && touch $DIR/app");
    host.run(&["heal"]).is(
        0,
        "healed  app  $DIR/bin/app in [T], verified by 1 probe\n\
         healed  db   $DIR/bin/db in [T], verified by 1 probe\n",
        "",
    );
    assert_eq!(host.calls(), ["db ", "app "]);

    let host = Host::with(&fast(&[services]));
    host.fake("db", "exit 1");
    host.fake("app", "touch $DIR/app");
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.contains("BLOCKED  app  waits for db\n"), "{ran:?}");
    assert_eq!(host.calls(), ["db "], "what is blocked is not touched");
    host.run(&["status", "app"]).ends(2);
}

#[test]
fn heal_off_looks_and_tells_and_never_touches() {
    let host = Host::with(&fast(&[WEB]).replace("restart =", "heal = \"off\"\nrestart ="));
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.contains("healing is off for it (`heal = \"off\"`)"), "{ran:?}");
    assert!(!host.path("up").exists());
}

#[test]
fn what_cannot_be_found_out_is_not_healed() {
    let host = Host::with(&fast(&[
        "[[service]]\nname = \"web\"\nchecks = [\"exec:$DIR/bin/probe\"]\nrestart = [\"$DIR/bin/restart\"]\n",
    ]));
    host.fake("probe", "exit 3");
    host.fake("restart", ":");
    let ran = host.run(&["heal"]).ends(3);
    assert!(ran.stdout.starts_with("UNKNOWN  web"), "{ran:?}");
    assert!(!host.calls().contains(&"restart ".to_owned()));
}

#[test]
fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    let host = Host::with(&fast(&[USELESS]));
    host.fake("restart", ":");
    let plan =
        "web: down (`$DIR/up` is missing), would try: service_restart\n  (`$DIR/bin/restart`)\n";
    host.run(&["heal", "--dry-run"]).is(2, plan, "");
    assert!(host.calls().is_empty());
    host.run(&["heal"]).ends(2);
    let before = host.snapshot("state");
    host.run(&["heal", "--dry-run"]).is(
        2,
        "web: down (`$DIR/up` is missing), waits [T]: cooling down after 1\n  attempt\n",
        "",
    );
    host.run(&["heal", "--dry-run", "--format", "json"]).ends(2);
    host.write("up", "");
    host.run(&["heal", "--dry-run"]).is(0, "web: up, nothing to do\n", "");
    let unlocked = |all: Vec<(std::path::PathBuf, _, Vec<u8>)>| -> Vec<_> {
        // The lock is taken and let go: its time may change, its text is empty again.
        all.into_iter().filter(|(path, ..)| !path.ends_with("lock")).collect()
    };
    assert_eq!(unlocked(host.snapshot("state")), unlocked(before));
    assert_eq!(host.calls().len(), 1);
}

#[test]
fn a_restart_that_hangs_ends_with_the_run_and_the_rest_is_saved() {
    let host = Host::with(
        &fast(&[USELESS, "[[service]]\nname = \"ok\"\nchecks = [\"file:$DIR/bin\"]\n"])
            .replace("file:$DIR/bin\"", "disk:/?free=0%\""),
    );
    host.fake("restart", "sleep 300");
    let ran = host.run(&["--deadline", "14s", "heal"]).ends(2);
    assert!(ran.stdout.contains("DOWN  web"), "{ran:?}");
    assert_eq!(host.service("ok")["status"], "up");
    assert_eq!(host.service("web")["attempts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn the_drill_proves_the_whole_chain_and_leaves_nothing_behind() {
    let mut host = Host::new();
    host.set("TMPDIR", &host.path("home").display().to_string());
    let ran = host.run(&["heal", "--drill"]).ends(0);
    let at = |word: &str| {
        ran.stdout.find(word).unwrap_or_else(|| panic!("no {word:?} in\n{}", ran.stdout))
    };
    assert!(
        at("started") < at("broken") && at("broken") < at("found") && at("found") < at("verified")
    );
    assert!(at("verified") < at("passed"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
    assert!(host.snapshot("home").is_empty(), "{:?}", host.snapshot("home"));
    assert!(!host.path("state").exists());
}
