//! The steps of a ladder beyond a restart: reloaded first, a program of the user's, room on a disk, a config put
//! back, the last resort refused; and a step that never worked makes room for the others.

use std::time::Duration;

use serde_json::{Value, json};

use super::fast;
use crate::support::host::Host;
use crate::support::real;

const DAY: Duration = Duration::from_secs(86_400);

fn healed_by(host: &Host) -> Value {
    host.service("web")["last_incident"]["healed_by"].clone()
}

/// What each attempt so far was, and came to.
fn attempts(host: &Host) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let attempts = host.service("web")["attempts"].as_array().cloned().unwrap_or_default();
    let of = |a: &Value| (text(&a["remedy"]), text(&a["outcome"]), text(&a["why"]));
    attempts.iter().map(of).collect()
}

fn evidence(host: &Host) -> String {
    let all = host.snapshot("state/incidents");
    all.into_iter()
        .filter(|(path, ..)| path.ends_with("evidence.json"))
        .map(|(.., bytes)| String::from_utf8(bytes).unwrap())
        .collect()
}

/// Puts a tally into what is remembered.
fn remember(host: &Host, remedy: &str, tried: u32) {
    let mut state = host.state();
    let looked = state["services"]["web"]["looked"].clone();
    state["services"]["web"]["remedies"][remedy] =
        json!({"tried": tried, "worked": 0, "last": looked, "newer": 1});
    let mtime = host.mtime();
    host.write("state/state.json", &state.to_string()).touch("state/state.json", mtime);
}

const RELOAD: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["$DIR/bin/restart"]
reload = ["$DIR/bin/reload"]
reload_first = true
"#;

#[test]
fn a_reload_that_helps_needs_no_restart() {
    let host = Host::with(&fast(&[RELOAD]));
    host.fake("reload", "touch $DIR/up");
    host.fake("restart", ":");
    host.run(&["heal"]).is(0, "healed  web  $DIR/bin/reload in [T], verified by 1 probe\n", "");
    assert_eq!((host.calls(), healed_by(&host)), (vec!["reload ".into()], "service_reload".into()));
}

#[test]
fn after_a_reload_in_vain_comes_the_restart() {
    let host = Host::with(&fast(&[RELOAD]));
    host.fake("reload", "exit 1");
    host.fake("restart", "touch $DIR/up");
    let plan = host.run(&["heal", "--dry-run"]).ends(2).stdout;
    assert!(real::flat(&plan).contains("service_reload, then service_restart"), "{plan}");
    host.run(&["heal"]).is(0, "healed  web  $DIR/bin/restart in [T], verified by 1 probe\n", "");
    assert_eq!(host.calls(), ["reload ", "restart "]);
    assert_eq!(healed_by(&host), "service_restart");
}

/// No manager knows it, and none is needed.
const FIX: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
healing_strategies = ["command"]
heal_command = ["$DIR/bin/fix", "--now"]
"#;

#[test]
fn a_program_of_the_users_heals_what_no_manager_knows() {
    let host = Host::with(&fast(&[FIX]));
    host.fake("fix", "echo fixed; echo token=hunter2; touch $DIR/up");
    let plan = host.run(&["heal", "--dry-run"]).ends(2).stdout;
    assert!(plan.contains("\n  command: `$DIR/bin/fix --now`\n"), "{plan}");
    host.run(&["heal"]).is(0, "healed  web  $DIR/bin/fix --now in [T], verified by 1 probe\n", "");
    assert_eq!(host.calls(), ["fix --now"]);
    assert_eq!(healed_by(&host), "command");
    let evidence = evidence(&host);
    assert!(evidence.contains("fixed") && !evidence.contains("hunter2"), "{evidence}");
}

#[test]
fn one_that_does_not_work_is_told_with_its_words() {
    let host = Host::with(&fast(&[FIX]));
    host.fake("fix", "echo no such tenant >&2; exit 3");
    host.run(&["heal"]).ends(2);
    let [(remedy, outcome, why)] = &attempts(&host)[..] else { panic!() };
    assert_eq!((remedy.as_str(), outcome.as_str()), ("command", "still-down"));
    assert!(why.contains("did not work: exit status 3: no such tenant"), "{why}");
}

fn full(host: &Host, below: &str) {
    host.config(&fast(&[&r#"
[[service]]
name = "web"
checks = ["exec:$DIR/bin/full"]
healing_strategies = ["disk_cleanup"]
disk_cleanup = { below = "BELOW", files = [{ glob = "$DIR/log/*.gz", older_than = "1d" }] }
"#
    .replace("BELOW", below)]));
    host.fake("full", "[ ! -e $DIR/log/old.gz ] || { echo full; exit 2; }");
    std::fs::create_dir(host.path("log")).unwrap();
    for name in ["old.gz", "new.gz", "old.log"] {
        host.write(&format!("log/{name}"), "x");
        if name.starts_with("old") {
            let written =
                std::fs::metadata(host.path("log").join(name)).unwrap().modified().unwrap();
            host.touch(&format!("log/{name}"), written - 2 * DAY);
        }
    }
}

#[test]
fn room_is_made_on_a_full_disk_and_what_was_freed_is_measured() {
    let host = Host::new();
    full(&host, "99.999%");
    let plan = host.run(&["heal", "--dry-run"]).ends(2).stdout;
    assert!(plan.contains("disk_cleanup: `$DIR/log` has"), "{plan}");
    assert!(host.path("log/old.gz").exists());
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.starts_with("healed  web  rm $DIR/log/*.gz: 1 file,"), "{ran:?}");
    let left = ["old.gz", "new.gz", "old.log"].map(|name| host.path("log").join(name).exists());
    assert_eq!(left, [false, true, true]);
    assert!(evidence(&host).contains(" freed"), "{}", evidence(&host));
}

#[test]
fn where_there_is_room_nothing_is_removed_and_that_costs_no_attempt() {
    let host = Host::new();
    full(&host, "0.00001%");
    host.run(&["heal"]).ends(2);
    let [(_, outcome, why)] = &attempts(&host)[..] else { panic!() };
    assert_eq!(outcome, "refused");
    assert!(why.contains("no file system is short of room"), "{why}");
    assert!(host.path("log/old.gz").exists());
}

#[test]
fn what_a_broken_config_differed_in_is_evidence_without_its_secrets() {
    let host = Host::with(&fast(&[r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["touch", "$DIR/up"]
healing_strategies = ["config_validation"]
config_files = ["$DIR/app.conf"]
validate = ["grep", "-q", "port = 80", "$DIR/app.conf"]
"#]));
    host.write("up", "").write("app.conf", "password = hunter2\nport = 80\n");
    host.run(&["heal"]).ends(0);
    host.remove("up").write("app.conf", "password = hunter3\nport = eighty\n");
    host.run(&["heal"]).ends(0);
    assert_eq!(host.read("app.conf"), "password = hunter2\nport = 80\n");
    assert_eq!(healed_by(&host), "config_validation");
    let evidence = evidence(&host);
    for words in ["-port = eighty", "+port = 80", "-password = ***", "app.conf (broken)"] {
        assert!(evidence.contains(words), "no {words:?} in {evidence}");
    }
    assert!(!evidence.contains("hunter"), "{evidence}");
    let events = host.read("state/events.jsonl");
    assert!(!events.contains("hunter") && !host.state().to_string().contains("hunter"));
}

#[test]
fn the_host_is_not_rebooted_without_evidence() {
    let config = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["$DIR/bin/restart"]
healing_strategies = ["service_restart", "reboot"]
"#;
    let host = Host::with(&format!("reboot = \"allowed\"\n{}", fast(&[config])));
    host.fake("restart", ":");
    host.fake("systemctl", "exit 0");
    host.run(&["heal"]).ends(2);
    let attempts = attempts(&host);
    let outcomes: Vec<_> = attempts.iter().map(|(a, b, _)| (a.as_str(), b.as_str())).collect();
    assert_eq!(outcomes, [("service_restart", "still-down"), ("reboot", "refused")]);
    assert!(host.calls().iter().all(|call| !call.contains("reboot")), "{:?}", host.calls());
    assert!(host.state().get("reboot").is_none());
}

#[test]
fn the_first_run_after_a_reboot_says_that_it_helped() {
    let config = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["$DIR/bin/restart"]
healing_strategies = ["service_restart", "reboot"]
[[notify]]
via = "email"
to = ["me@example.org"]
from = "max@example.org"
sendmail = "$DIR/bin/sendmail"
"#;
    let host = Host::with(&format!("reboot = \"allowed\"\n{}", fast(&[config])));
    host.fake("restart", ":");
    host.fake("sendmail", "cat > $DIR/mail.$$");
    host.run(&["heal"]).ends(2);
    // As a run leaves it that has asked for the reboot: in another boot than this one.
    let mut state = host.state();
    let web = &mut state["services"]["web"];
    let mut attempt = web["attempts"][0].clone();
    for key in ["outcome", "why", "took"] {
        attempt.as_object_mut().unwrap().remove(key);
    }
    attempt["remedy"] = "reboot".into();
    attempt["did"] = json!(["systemctl reboot"]);
    attempt["at"]["boot"] = "the-boot-before".into();
    web["attempts"] = json!([web["attempts"][0].clone(), attempt]);
    host.write("state/state.json", &state.to_string()).write("up", "");
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.contains("1 notification sent"), "{ran:?}");
    assert_eq!(healed_by(&host), "reboot");
    let mails: Vec<_> = host
        .snapshot("")
        .into_iter()
        .filter(|(path, ..)| path.to_string_lossy().starts_with("mail."))
        .map(|(.., bytes)| {
            String::from_utf8(bytes).unwrap().replace("=\r\n", "").replace("=\n", "")
        })
        .collect();
    assert!(mails.iter().any(|mail| mail.contains("the host was rebooted")), "{mails:?}");
}

const LADDER: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["$DIR/bin/restart"]
healing_strategies = ["service_restart", "command"]
heal_command = ["$DIR/bin/fix"]
max_heals = "50 per 10m"
cooldown = "0s"
flapping = "off"
"#;

#[test]
fn a_step_that_never_worked_is_skipped_said_once_and_tried_again_after_a_week() {
    let host = Host::with(&fast(&[LADDER]));
    host.fake("restart", ":");
    host.fake("fix", ":");
    host.run(&["heal"]).ends(2);
    assert_eq!(host.calls(), ["restart ", "fix "]);
    let tallies = host.service("web")["remedies"].clone();
    assert_eq!(
        (&tallies["service_restart"]["tried"], &tallies["command"]["tried"]),
        (&json!(1), &json!(1))
    );
    remember(&host, "service_restart", 6);
    let plan = host.run(&["heal", "--dry-run"]).ends(2).stdout;
    assert!(plan.contains("would try: command\n"), "{plan}");
    let told = "  skipped: service_restart, never worked in 6 tries; tried again in ";
    assert!(plan.contains(told), "{plan}");
    assert!(plan.lines().all(|line| line.chars().count() <= 80), "{plan}");
    host.run(&["heal"]).ends(2);
    host.run(&["heal"]).ends(2);
    assert_eq!(host.calls()[2..], ["fix ", "fix "], "only what may help");
    let said = host.events().iter().filter(|event| event["kind"] == "step-skipped").count();
    assert_eq!(said, 1);
    let status = host.run(&["status", "web"]).ends(2).stdout;
    assert!(status.contains("service_restart: never worked in 6 tries"), "{status}");
    assert_eq!(host.service("web")["remedies"]["service_restart"]["newer"], 1);
    // The step that is left alone works now, and has done so before the week is over.
    host.age(8 * DAY);
    host.fake("restart", "touch $DIR/up");
    host.run(&["heal"]).is(0, "healed  web  $DIR/bin/restart in [T], verified by 1 probe\n", "");
    assert_eq!(host.service("web")["remedies"]["service_restart"]["worked"], 1);
}

#[test]
fn what_never_worked_is_tried_all_the_same_when_nothing_else_can_act() {
    let host = Host::with(
        &fast(&[LADDER])
            .replace("\"command\"", "\"port_conflict\"")
            .replace("heal_command = [\"$DIR/bin/fix\"]\n", ""),
    );
    host.fake("restart", ":");
    host.run(&["heal"]).ends(2);
    remember(&host, "service_restart", 6);
    host.run(&["heal"]).ends(2);
    assert_eq!(host.calls(), ["restart ", "restart "]);
    let last: Vec<_> = attempts(&host).into_iter().map(|(remedy, ..)| remedy).collect();
    assert_eq!(last[2..], ["port_conflict", "service_restart"]);
}
