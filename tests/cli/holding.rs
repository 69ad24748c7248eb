//! Hands are kept off while people work: what is held is looked at, neither healed nor told of, and shown everywhere;
//! and every hold ends.

use std::time::Duration;

use super::{WEB, fast};
use crate::support::host::{BOUND, Host};
use crate::support::pings::Action::{Fail, Success};
use crate::support::pings::Pings;
use crate::support::real;

const MINUTE: Duration = Duration::from_secs(60);

/// A service whose restart helps, and mail that is kept as `mail.PID`.
const MAILED: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["$DIR/bin/restart"]
[[notify]]
via = "email"
to = ["me@example.org"]
from = "max@example.org"
sendmail = "$DIR/bin/sendmail"
on = ["down", "failed", "resolved"]
"#;

fn mailed() -> Host {
    let host = Host::with(&fast(&[MAILED]));
    host.fake("restart", "touch $DIR/up");
    host.fake("sendmail", "cat > $DIR/mail.$$");
    host
}

/// What programs were called to do something.
fn touched(host: &Host) -> Vec<String> {
    host.calls().into_iter().map(|call| call.trim().to_owned()).collect()
}

/// What the events say of holds.
fn told(host: &Host) -> Vec<String> {
    let events = host.events();
    let holds = events.iter().filter(|event| event["kind"] == "hold");
    holds.map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

fn kill(signal: &str, pid: u32) {
    let mut kill = real::command("kill");
    kill.args([signal, &pid.to_string()]);
    real::run(kill, b"", BOUND).ok();
}

#[test]
fn what_is_held_is_looked_at_and_neither_healed_nor_told_of_until_it_is_released() {
    let host = mailed();
    host.run(&["heal", "--hold", "20m", "web", "--reason", "new release"]).is(
        0,
        "held: web until [..]Z by [..] (new release)\n",
        "",
    );
    let row =
        "HELD  web  held until [..]Z by [..] (new release)\n           `$DIR/up` is missing\n";
    host.run(&["heal"]).is(1, row, "");
    host.run(&["check", "--notify"]).is(1, row, "");
    host.run(&["-q", "heal"]).is(1, "", "");
    host.run(&["-q", "check", "--notify"]).is(1, "", "");
    assert!(touched(&host).is_empty(), "{:?}", touched(&host));
    let web = host.service("web");
    assert_eq!((&web["status"], web["attempts"].as_array().unwrap().len()), (&"down".into(), 0));

    // It is shown everywhere.
    let ran = host.run(&["heal", "--dry-run"]).ends(1);
    let plan = real::flat(&ran.stdout);
    assert!(plan.starts_with("web: left alone: held until "), "{plan}");
    assert!(plan.contains(" (new release): `$DIR/up` is missing"), "{plan}");
    let ran = host.run(&["check", "-o", "nagios"]).ends(1);
    assert!(ran.stdout.starts_with("MIRACLEMAX WARNING - web: held until "), "{ran:?}");
    let ran = host.run(&["status"]).ends(1);
    assert!(ran.stdout.contains("HELD  web  held until "), "{ran:?}");
    assert!(ran.stdout.contains("HOLD  web  until "), "{ran:?}");
    let json = host.run(&["status", "-o", "json"]).ends(1).json();
    assert_eq!(
        (&json["holds"][0]["services"][0], &json["holds"][0]["reason"]),
        (&"web".into(), &"new release".into())
    );
    assert_eq!(json["services"][0]["status"], "held");

    host.run(&["heal", "--release", "web"]).is(
        0,
        "released: web, held until [..]Z by [..] (new release)\n",
        "",
    );
    host.run(&["heal", "--release"]).is(0, "nothing is held\n", "");
    // What is asked now is not what the last run found.
    host.run(&["status"]).ends(2);
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.starts_with("healed  web  $DIR/bin/restart in "), "{ran:?}");
    assert_eq!(touched(&host)[0], "restart");
    let mail = host
        .snapshot("")
        .into_iter()
        .find(|(path, ..)| path.to_string_lossy().starts_with("mail."));
    let mail = String::from_utf8(mail.expect("its end was told").2).unwrap();
    let mail = real::flat(&mail.replace("=\r\n", "").replace("=\n", ""));
    assert!(mail.contains("Hands were kept off meanwhile: held until "), "{mail}");
    let told = told(&host);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[1].starts_with("the hold of web by ") && told[1].contains("released by"),
        "{told:?}"
    );
}

#[test]
fn it_ends_by_its_time_and_what_is_still_down_is_told_then() {
    let host = mailed();
    host.run(&["-q", "heal", "--hold", "20m"]).silent();
    host.run(&["check", "--notify"]).ends(1);
    host.age_holds(19 * MINUTE).age(19 * MINUTE);
    host.run(&["check", "--notify"]).ends(1);
    assert!(touched(&host).is_empty());
    host.age_holds(2 * MINUTE).age(2 * MINUTE);
    // Nobody has run since; who asks is told the truth all the same.
    host.run(&["status"]).ends(2);
    let ran = host.run(&["check", "--notify"]).ends(2);
    assert!(ran.stdout.contains("1 notification sent"), "{ran:?}");
    host.run(&["check", "--notify"]).ends(2);
    assert_eq!(touched(&host).len(), 1, "once: {:?}", touched(&host));
    assert!(host.snapshot("state/holds").is_empty());
    let told = told(&host);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("all services is held until "), "{told:?}");
    assert!(told[1].ends_with("ended: its time is up"), "{told:?}");
    host.run(&["heal"]).ends(0);
}

#[test]
fn it_ends_with_the_process_that_it_was_given() {
    let host = Host::with(&fast(&[WEB]));
    let mut sleep = real::command("sleep").arg("300").spawn().unwrap();
    let pid = sleep.id().to_string();
    host.run(&["heal", "--hold", "20m", "--pid", &pid]).ends(0);
    host.run(&["heal"]).ends(1);
    let ran = host.run(&["status"]).ends(1);
    assert!(ran.stdout.contains(&format!("ends with pid {pid}")), "{ran:?}");
    sleep.kill().unwrap();
    // Not waited for yet: a zombie works on nothing.
    real::wait_until("it is dead", BOUND, || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.contains(") Z ").then_some(())
    });
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.starts_with("healed  web  "), "{ran:?}");
    sleep.wait().unwrap();
    assert!(
        told(&host)[1].ends_with("ended: the process that held has ended"),
        "{:?}",
        told(&host)
    );
    let ran = host.run(&["heal", "--hold", "20m", "--pid", &pid]).ends(64);
    assert!(ran.stderr.contains(&format!("there is no process {pid}")), "{ran:?}");
}

#[test]
fn around_a_command_it_is_as_long_as_the_command_and_ends_with_its_exit_status() {
    let host = Host::with(&fast(&[WEB]));
    host.fake(
        "deploy",
        "echo out; echo err >&2; cat; cat $DIR/state/holds/*.json > $DIR/seen; exit 7",
    );
    host.finish(
        host.command(&[
            "heal",
            "--hold",
            "20m",
            "web",
            "--reason",
            "v2",
            "--",
            "$DIR/bin/deploy",
            "--fast",
        ]),
        "heal --hold",
        "in\n",
    )
    .is(7, "out\nin\n", "err\n");
    assert_eq!(touched(&host), ["deploy --fast"]);
    let seen: serde_json::Value = serde_json::from_str(&host.read("seen")).unwrap();
    assert_eq!((&seen["services"][0], &seen["reason"]), (&"web".into(), &"v2".into()));
    assert!(seen["owner"]["pid"].as_u64().is_some(), "{seen}");
    assert!(host.snapshot("state/holds").is_empty());
    host.run(&["heal"]).ends(0);
    let told = told(&host);
    assert!(told[1].ends_with("ended: the command has ended"), "{told:?}");
    host.run(&["heal", "--hold", "1m", "--", "$DIR/none"]).is(
        127,
        "",
        "miraclemax: error: cannot run the command: [..]\n",
    );
    assert!(host.snapshot("state/holds").is_empty());
}

#[test]
fn a_signal_is_passed_on_and_a_killed_wrapper_leaves_the_hold_to_the_command() {
    let host = Host::with(&fast(&[WEB]));
    host.fake(
        "deploy",
        "trap 'echo got > $DIR/got; exit 9' TERM; echo $$ > $DIR/pid; while :; do sleep 0.1; done",
    );
    let pid = || real::wait_until("it runs", BOUND, || host.read("pid").trim().parse::<u32>().ok());
    let args = ["heal", "--hold", "20m", "--", "$DIR/bin/deploy"];
    let run = host.start(&args);
    pid();
    host.run(&["-q", "heal"]).is(1, "", "");
    kill("-TERM", run.pid());
    assert_eq!((run.code(), host.read("got").as_str()), (Some(9), "got\n"));
    assert!(host.snapshot("state/holds").is_empty());

    host.remove("pid");
    let run = host.start(&args);
    let deploy = pid();
    // The hold is the command's own by the time that a run can see it do anything.
    real::wait_until("the command owns it", BOUND, || {
        // Not the one that is still being written beside it.
        let files = host.snapshot("state/holds");
        let whole = |path: &std::path::Path| path.extension().is_some_and(|ext| ext == "json");
        let (_, _, bytes) = files.into_iter().find(|(path, ..)| whole(path))?;
        let hold: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        (hold["owner"]["pid"] == deploy).then_some(())
    });
    run.kill();
    host.run(&["heal"]).ends(1);
    kill("-KILL", deploy);
    real::wait_until("it is gone", BOUND, || real::is_gone(deploy).then_some(()));
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.starts_with("healed  web  "), "{ran:?}");
}

#[test]
fn until_healthy_it_ends_when_its_services_came_back() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "");
    host.run(&["heal", "--hold", "1h", "web", "--until-healthy"]).ends(0);
    // Up before anybody has touched it proves nothing.
    host.run(&["heal"]).ends(0);
    host.remove("up");
    host.run(&["heal"]).ends(1);
    assert!(!host.path("up").exists());
    assert_eq!(host.snapshot("state/holds").len(), 1);
    host.write("up", "");
    host.run(&["heal"]).ends(0);
    assert!(host.snapshot("state/holds").is_empty());
    assert!(told(&host)[1].ends_with("ended: its services are up"), "{:?}", told(&host));
    host.remove("up");
    host.run(&["heal"]).ends(0);
    assert!(host.path("up").exists(), "healed again");
}

#[test]
fn a_hold_placed_in_the_middle_of_a_run_stops_its_next_act() {
    let both = r#"
[[service]]
name = "a"
checks = ["file:$DIR/a"]
restart = ["$DIR/bin/a"]
[[service]]
name = "b"
checks = ["file:$DIR/b"]
restart = ["$DIR/bin/b"]
"#;
    let host = Host::with(&fast(&[both]));
    let binary = real::miraclemax().display().to_string();
    host.fake(
        "a",
        &format!("{binary} --config $DIR/config.toml --state-dir $DIR/state heal --hold 5m b >/dev/null 2>&1; touch $DIR/a"),
    );
    host.fake("b", "touch $DIR/b");
    let ran = host.run(&["heal"]).ends(1);
    assert!(
        ran.stdout.contains("HELD    b  held until ") && ran.stdout.contains("healed  a"),
        "{ran:?}"
    );
    assert_eq!(touched(&host), ["a"]);
}

#[test]
fn of_a_hold_on_several_the_others_stay_held() {
    let more = "[[service]]\nname = \"db\"\nchecks = [\"file:$DIR/up\"]\n";
    let host = Host::with(&fast(&[WEB, more]));
    host.run(&["heal", "--hold", "20m"]).ends(0);
    host.run(&["heal", "--release", "web"]).is(0, "released: web, held until [..]\n", "");
    host.run(&["heal", "--release", "web"]).is(0, "nothing holds web\n", "");
    let json = host.run(&["status", "-o", "json"]).json();
    assert_eq!(json["holds"][0]["services"], serde_json::json!(["db"]));
    let ran = host.run(&["heal", "--release", "wbe"]).ends(64);
    assert!(ran.stderr.contains("did you mean `web`?"), "{ran:?}");
    host.run(&["heal", "--hold", "8d"]).is(
        64,
        "",
        "miraclemax: error: a hold lasts 7d at most\n\
         hint: `maintenance` windows and `heal = \"off\"` last longer\n",
    );
}

#[test]
fn a_broken_hold_holds_nothing_and_is_said_once() {
    let host = Host::with(&fast(&[WEB]));
    host.run(&["heal", "--hold", "20m"]).ends(0);
    let (path, ..) = host.snapshot("state/holds").remove(0);
    host.write(path.to_str().unwrap(), "{\"version\":1,");
    host.run(&["status"]).ends(2);
    let ran = host.run(&["-q", "check"]).ends(2);
    assert!(
        ran.stderr.contains("is no hold, so nothing is held by it: it is damaged: "),
        "{ran:?}"
    );
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.starts_with("healed  web  ") && ran.stderr.is_empty(), "{ran:?}");
    assert_eq!(told(&host).len(), 2, "{:?}", told(&host));
}

#[test]
fn a_ping_says_what_is_held_and_fails_once_it_is_not() {
    let pings = Pings::start();
    let host = Host::with(&fast(&[WEB, "[[heartbeat]]\nname = \"hc\"\nurl_file = \"$DIR/url\"\n"]));
    host.write("url", &pings.check("5fe0c2a4-7b1e-4f0e-9a3c-2d6a8b1c9e77"));
    std::fs::set_permissions(host.path("url"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    host.run(&["heal", "--hold", "20m", "web", "--reason", "deploy"]).ends(0);
    host.run(&["heal"]).ends(1);
    host.run(&["ping"]).ends(0);
    host.run(&["heal", "--release"]).ends(0);
    host.run(&["ping"]).ends(0);
    let taken = pings.pings();
    assert_eq!([taken[0].action, taken[1].action], [Success, Fail]);
    assert!(taken[0].body.starts_with("ALL_OK services:1 holds:1 "), "{}", taken[0].body);
    assert!(taken[0].body.contains("\nheld: web until "), "{}", taken[0].body);
    assert!(taken[0].body.contains(" (deploy)\n"), "{}", taken[0].body);
    assert!(taken[1].body.contains("web:DOWN"), "{}", taken[1].body);
}

#[test]
fn it_needs_no_root_and_no_configuration_for_all_services() {
    let mut host = Host::with(&fast(&[WEB]));
    if !host.without_root() {
        return;
    }
    let config = host.read("config.toml");
    host.config("[[service]\n");
    host.run(&["heal", "--hold", "20m"]).is(0, "held: all services until [..]\n", "");
    host.config(&config);
    host.run(&["heal"]).ends(1);
    host.run(&["heal", "--release"]).ends(0);
    host.run(&["heal"]).ends(0);
}

#[test]
fn while_anything_is_held_the_host_is_not_rebooted() {
    let both = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["true"]
healing_strategies = ["service_restart", "reboot"]
[[service]]
name = "db"
checks = ["disk:/?free=0%"]
"#;
    let host = Host::with(&format!("reboot = \"allowed\"\n{}", fast(&[both])));
    host.fake("systemctl", "exit 0");
    host.run(&["heal", "--hold", "20m", "db"]).ends(0);
    host.run(&["heal"]).ends(2);
    let refused = &host.service("web")["attempts"][1];
    assert_eq!(refused["remedy"], "reboot");
    let why = refused["why"].as_str().unwrap();
    assert!(why.starts_with("db is held until "), "{why}");
}

#[test]
fn a_deploy_that_holds_its_lock_is_waited_for_and_told_of_after_a_quarter_of_an_hour() {
    let host = Host::with(&format!("deploy_locks = [\"$DIR/lock\"]\n{}", fast(&[WEB])));
    // As `flock` leaves it: a file of old, which is a lock only while it is held.
    host.write("lock", "").touch("lock", crate::support::host::ago(24 * 60 * MINUTE));
    let file = std::fs::File::open(host.path("lock")).unwrap();
    file.lock().unwrap();
    let ran = host.run(&["heal"]).ends(2);
    let said = real::flat(&ran.stdout);
    let words = format!("a deploy is at work (`$DIR/lock`, pid {})", std::process::id());
    assert!(said.starts_with("DOWN web `$DIR/up` is missing"), "{said}");
    assert!(said.contains(&words), "{said}");
    let ran = host.run(&["heal", "--dry-run"]).ends(2);
    assert!(real::flat(&ran.stdout).contains(&words), "{ran:?}");
    assert!(!host.path("up").exists());
    host.age(16 * MINUTE);
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.starts_with("FAILED  web"), "{ran:?}");
    assert!(!host.path("up").exists());
    file.unlock().unwrap();
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.starts_with("healed  web  "), "{ran:?}");
}

#[test]
fn a_deploy_that_begins_in_the_middle_of_a_run_stops_its_next_act() {
    let both = r#"
[[service]]
name = "a"
checks = ["file:$DIR/a"]
restart = ["$DIR/bin/a"]
[[service]]
name = "b"
checks = ["file:$DIR/b"]
restart = ["$DIR/bin/b"]
"#;
    let host = Host::with(&format!("deploy_locks = [\"$DIR/lock\"]\n{}", fast(&[both])));
    host.fake("a", "touch $DIR/a $DIR/lock");
    host.fake("b", "touch $DIR/b");
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.contains("healed  a"), "{ran:?}");
    assert!(real::flat(&ran.stdout).contains("a deploy is at work (`$DIR/lock`)"), "{ran:?}");
    assert_eq!(touched(&host), ["a"]);
    host.remove("lock");
    host.run(&["heal"]).ends(0);
    assert_eq!(touched(&host), ["a", "b"]);
}

#[test]
fn what_came_back_while_others_were_healed_is_not_touched() {
    let both = r#"
[[service]]
name = "a"
checks = ["file:$DIR/a"]
restart = ["$DIR/bin/a"]
[[service]]
name = "b"
checks = ["file:$DIR/b"]
restart = ["$DIR/bin/b"]
[[service]]
name = "c"
checks = ["file:$DIR/c"]
restart = ["$DIR/bin/c"]
"#;
    let host = Host::with(&fast(&[both]));
    // A restart that takes its time, and somebody who puts `b` right meanwhile.
    host.fake("a", "touch $DIR/b; sleep 6; touch $DIR/a");
    host.fake("b", "touch $DIR/b");
    host.fake("c", "touch $DIR/c");
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.contains("healed  a") && ran.stdout.contains("healed  c"), "{ran:?}");
    assert!(ran.stdout.contains("up      b"), "{ran:?}");
    assert_eq!(touched(&host), ["a", "c"]);
}
