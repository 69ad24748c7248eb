//! What the whole host goes through: many services down at once, its own budget, a boot, sleep, a restart. The
//! clocks are set in the state, never waited for.

use super::hearing::waiting;
use super::{WEB, fast};
use crate::support::host::Host;

/// `count` services whose restart is `$DIR/bin/restart NAME`.
fn many(count: usize, more: &str) -> String {
    let services = (1..=count).map(|n| {
        format!(
            "[[service]]\nname = \"s{n}\"\nchecks = [\"file:$DIR/up{n}\"]\n\
             restart = [\"$DIR/bin/restart\", \"{n}\"]\n{more}\n"
        )
    });
    services.collect()
}

const MAIL: &str = r#"
[[notify]]
via = "email"
to = ["me@example.org"]
from = "max@example.org"
sendmail = "$DIR/bin/sendmail"
"#;

fn mails(host: &Host) -> Vec<String> {
    let found = host.snapshot("").into_iter();
    let found = found.filter(|(path, ..)| path.to_string_lossy().starts_with("mail."));
    let whole = |bytes| String::from_utf8(bytes).unwrap().replace("=\r\n", "").replace("=\n", "");
    found.map(|(_, _, bytes)| whole(bytes)).collect()
}

#[test]
fn many_outages_of_one_run_are_one_letter_and_so_is_their_end() {
    let host = Host::with(&fast(&[&many(4, "max_heals = \"1 per 10m\""), MAIL]));
    host.fake("restart", ":");
    host.fake("sendmail", "cat > $DIR/mail.$$");
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.ends_with("\n1 notification sent\n"), "{ran:?}");
    let told = mails(&host);
    assert_eq!(told.len(), 1, "{told:?}");
    for said in ["4 services - FAILED", "* s1: ", "* s4: ", "still down after", "incident s3-"] {
        let words = told[0].split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told[0].contains(said) || words.contains(said), "{said:?} in {}", told[0]);
    }
    assert_eq!(waiting(&host), 0);
    for n in 1..=4 {
        host.write(&format!("up{n}"), "");
    }
    host.run(&["heal"]).ends(0);
    host.run(&["heal"]).ends(0);
    let told = mails(&host);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told.iter().filter(|mail| mail.contains("4 services - RESOLVED")).count(), 1);
}

#[test]
fn two_outages_of_one_run_have_a_letter_each() {
    let host = Host::with(&fast(&[&many(2, "max_heals = \"1 per 10m\""), MAIL]));
    host.fake("restart", ":");
    host.fake("sendmail", "cat > $DIR/mail.$$");
    host.run(&["heal"]).ends(2);
    assert_eq!(mails(&host).len(), 2);
}

/// Without its line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_run_makes_no_more_attempts_than_it_may_and_the_next_goes_on() {
    let host = Host::with(&format!("heals_per_run = 2\n{}", fast(&[&many(5, "")])));
    host.fake("restart", "touch $DIR/up$1");
    let foretold = one_line(&host.run(&["heal", "--dry-run"]).ends(2).stdout);
    assert_eq!(foretold.matches("would try: service_restart").count(), 2, "{foretold}");
    assert_eq!(foretold.matches("waits: this run has made 2 attempts").count(), 3, "{foretold}");
    let ran = host.run(&["heal"]).ends(2);
    let words = one_line(&ran.stdout);
    assert!(words.contains("this run has made 2 attempts (`heals_per_run`)"), "{ran:?}");
    assert!(words.contains("the next run goes on"), "{ran:?}");
    assert_eq!(host.calls().len(), 2);
    host.run(&["heal"]).ends(2);
    host.run(&["heal"]).ends(0);
    assert_eq!(host.calls().len(), 5);
}

#[test]
fn when_the_day_of_the_host_is_used_up_people_are_told_and_room_is_used_at_once() {
    let host = Host::with(&format!("heals_per_day = 2\n{}", fast(&[&many(3, ""), MAIL])));
    host.fake("restart", "touch $DIR/up$1");
    host.fake("sendmail", "cat > $DIR/mail.$$");
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.contains("FAILED  s3"), "{ran:?}");
    host.run(&["heal"]).ends(2);
    let restarts = || host.calls().iter().filter(|call| call.starts_with("restart")).count();
    assert_eq!(restarts(), 2, "nothing more is done");
    let failed = mails(&host).into_iter().filter(|mail| mail.contains("FAILED")).count();
    assert_eq!(failed, 1, "and it is told once");
    let mut state = host.state();
    assert_eq!(state["acts"].as_array().map(Vec::len), Some(2));
    state["acts"] = serde_json::json!([]);
    host.write("state/state.json", &state.to_string());
    host.run(&["heal"]).ends(0);
    assert_eq!(restarts(), 3);
}

#[test]
fn a_host_that_has_just_booted_is_given_time() {
    let host = Host::with(&fast(&[&WEB.replace("restart", "boot_grace = \"3000d\"\nrestart")]));
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.contains("the host has only just booted (`boot_grace`)"), "{ran:?}");
    assert!(!host.path("up").exists());
}

/// The last cycle was at boot, and the host was awake for none of the time since.
fn slept(host: &Host) {
    let mut state = host.state();
    state["cycle"]["finished"]["since_boot_ms"] = 0.into();
    host.write("state/state.json", &state.to_string());
}

#[test]
fn what_is_down_after_sleep_is_looked_at_in_one_more_run_before_it_is_healed() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "");
    host.run(&["heal"]).ends(0);
    slept(&host);
    std::fs::remove_file(host.path("up")).unwrap();
    let foretold = one_line(&host.run(&["heal", "--dry-run"]).ends(2).stdout);
    assert!(foretold.contains("has just slept for"), "{foretold}");
    let ran = host.run(&["heal"]).ends(2);
    assert!(ran.stdout.contains("the host has just slept for "), "{ran:?}");
    let gap = host.events().into_iter().find(|event| event["kind"] == "gap").unwrap();
    assert!(gap["text"].as_str().unwrap().contains("the host slept for "), "{gap}");
    host.run(&["heal"]).ends(0);
    slept(&host);
    std::fs::remove_file(host.path("up")).unwrap();
    host.run(&["heal", "web"]).ends(0);
}

#[test]
fn a_restart_of_the_host_is_written_down_once_and_shown() {
    let host = Host::with(&fast(&[WEB, &many(1, "")]));
    host.write("up", "").write("up1", "");
    host.run(&["heal"]).ends(0);
    let mut state = host.state();
    state["cycle"]["finished"]["boot"] = "another".into();
    host.write("state/state.json", &state.to_string());
    host.run(&["heal", "web"]).ends(0);
    assert!(
        host.state()["happened"].is_null(),
        "a run over some services leaves it to a whole one"
    );
    host.run(&["heal"]).ends(0);
    host.run(&["heal"]).ends(0);
    let happened = host.state()["happened"].as_array().unwrap().clone();
    assert_eq!(happened.len(), 1, "{happened:?}");
    // How long ago that was depends on the host that this runs on.
    assert!(happened[0]["text"].as_str().unwrap().contains("restart"), "{happened:?}");
    let ran = host.run(&["status"]).ends(0);
    assert!(ran.stdout.contains("note  2"), "{ran:?}");
    let json = host.run(&["status", "--format", "json"]).json();
    assert_eq!(json["happened"].as_array().map(Vec::len), Some(1), "{json}");
}
