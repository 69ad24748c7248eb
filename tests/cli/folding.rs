//! What waited for a channel leaves as one message that tells how things are now; and a channel that takes nothing is
//! known to the others.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::fast;
use super::hearing::waiting;
use super::mailing::mails;
use crate::support::host::{Host, ago};

const WEB: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["$DIR/bin/restart"]
max_heals = "1 per 10m"
retry_after = "1h"
remind_every = "2m"
"#;
const MAIL: &str = r#"
[[notify]]
via = "email"
to = ["me@example.org"]
from = "max@example.org"
sendmail = "$DIR/bin/sendmail"
"#;
/// Another, that takes what it gets.
const LOG: &str = r#"
[[notify]]
name = "log"
via = "command"
command = ["$DIR/bin/log"]
"#;
const DEAD: &str = "cat > /dev/null; echo 'mail queue is full' >&2; exit 75";

fn host(parts: &[&str]) -> Host {
    let host = Host::with(&fast(parts));
    host.fake("restart", ":");
    host.fake("sendmail", DEAD);
    host.fake("log", "cat > $DIR/log.$$");
    host
}

fn well(host: &Host) {
    host.fake("sendmail", "cat > $DIR/mail.$$");
}

/// What the other channel was told.
fn logged(host: &Host) -> Vec<String> {
    let found = host.snapshot("").into_iter();
    let found = found.filter(|(path, ..)| path.to_string_lossy().starts_with("log."));
    found.map(|(_, _, bytes)| String::from_utf8(bytes).expect("text")).collect()
}

/// It is down, still down, and up again.
fn outage(host: &Host) {
    host.run(&["heal"]).ends(2);
    host.age(Duration::from_secs(180));
    host.run(&["heal"]).ends(2);
    host.write("up", "");
    host.age(Duration::from_secs(60));
    host.run(&["heal"]).ends(0);
}

#[test]
fn a_failure_a_reminder_and_a_recovery_that_waited_are_one_message() {
    let host = host(&[WEB, MAIL]);
    outage(&host);
    assert_eq!(waiting(&host), 3);

    well(&host);
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.ends_with("\n1 notification sent\n"), "{ran:?}");
    host.run(&["heal", "-q"]).silent();
    let mails = mails(&host);
    assert_eq!(mails.len(), 1, "{mails:?}");
    for said in [
        "Test: web - RESOLVED",
        "LATE: 3 letters could not be sent from ",
        "mail queue is full",
        "FAILED at ",
        ", STILL DOWN at ",
        ", RESOLVED at ",
    ] {
        assert!(mails[0].contains(said), "{said:?} in {}", mails[0]);
    }
    assert_eq!(waiting(&host), 0);
    let json = host.run(&["status", "--format", "json"]).json();
    assert_eq!(json["channels"][0]["broken"], false, "{json}");
    assert_eq!(host.snapshot("state/outbox/taken").len(), 0);
}

#[test]
fn a_failure_that_waited_says_that_it_is_over_also_where_recoveries_are_not_told() {
    let host = host(&[WEB, MAIL, "on = [\"failed\"]\n"]);
    outage(&host);
    well(&host);
    host.run(&["heal"]).ends(0);
    let mails = mails(&host);
    assert_eq!(mails.len(), 1, "{mails:?}");
    for said in ["Test: web - FAILED, UP AGAIN", "LATE: this was written at ", ", UP AGAIN at "] {
        assert!(mails[0].contains(said), "{said:?} in {}", mails[0]);
    }
    assert!(!mails[0].contains("MANUAL INTERVENTION"), "{}", mails[0]);
}

#[test]
fn a_channel_that_takes_nothing_is_told_to_the_others_once_and_shown_everywhere() {
    let host = host(&[WEB, MAIL, LOG]);
    outage(&host);
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stderr.contains("email:me@example.org did not accept a notification: "), "{ran:?}");
    assert!(ran.stderr.contains("; none since ") || ran.stderr.contains("(none since "), "{ran:?}");
    assert!(ran.stderr.contains(", 3 letters wait"), "{ran:?}");
    host.run(&["heal"]).ends(0);
    let told = logged(&host);
    let about: Vec<&String> = told.iter().filter(|one| one.contains("NOT REACHED\"")).collect();
    let subjects =
        told.iter().filter(|one| one.contains("Test: ") && one.contains(" - NOT REACHED"));
    assert_eq!(subjects.count(), 1, "{about:?} {told:?}");
    let foot = told.iter().filter(|one| one.contains("NOT REACHED: email:me@example.org since "));
    assert!(foot.count() >= 1, "{told:?}");

    let status = host.run(&["status"]).ends(0);
    assert!(status.stdout.contains("NOT REACHED"), "{status:?}");
    let json = host.run(&["status", "--format", "json"]).json();
    let mail = &json["channels"][0];
    assert_eq!((&mail["name"], &mail["broken"]), (&"email:me@example.org".into(), &true.into()));
    assert_eq!((&mail["waiting"], &json["channels"][1]["broken"]), (&3.into(), &false.into()));

    // It works again, and breaks again: that is told again.
    well(&host);
    host.run(&["heal"]).ends(0);
    assert_eq!(mails(&host).len(), 1);
    assert!(!host.run(&["status"]).ends(0).stdout.contains("NOT REACHED"));
    host.fake("sendmail", DEAD);
    host.remove("up");
    host.age(Duration::from_secs(900));
    for _ in 0..4 {
        host.run(&["heal"]).ends(2);
    }
    let subjects = |one: &&String| one.contains(" - NOT REACHED");
    assert_eq!(logged(&host).iter().filter(subjects).count(), 2, "{:?}", logged(&host));
}

#[test]
fn a_channel_that_is_renamed_is_said_plainly() {
    let host = host(&[WEB, MAIL]);
    host.run(&["heal"]).ends(2);
    host.config(&host.read("config.toml").replace("via =", "name = \"boss\"\nvia ="));
    let ran = host.run(&["heal"]).ends(2);
    let said = "miraclemax: warning: 1 letter for `email:me@example.org` is given up: no channel of that name is \
                configured any more\n";
    assert_eq!(ran.stderr, said);
    assert_eq!(host.run(&["heal"]).ends(2).stderr, "");
    let noted = |event: &Value| event["text"].as_str().unwrap().contains("is given up");
    assert!(host.events().iter().any(noted), "{:?}", host.events());
}

/// Lets three hours pass for what waits.
fn age_outbox(host: &Host) {
    let hours = SignedDuration::from_hours(3);
    let earlier = |at: &mut Value| {
        let then: Timestamp = at.as_str().expect("a time").parse().expect("a time");
        *at = (then - hours).to_string().into();
    };
    for (path, _, bytes) in host.snapshot("state/outbox") {
        if path.extension().is_none_or(|end| end != "json") || path.starts_with("state/outbox/done")
        {
            continue;
        }
        let mut entry: Value = serde_json::from_slice(&bytes).expect("an entry is JSON");
        earlier(&mut entry["created"]["wall"]);
        earlier(&mut entry["story"]["at"]);
        let since_boot = entry["created"]["since_boot_ms"].as_u64().expect("a number");
        let hours = u64::try_from(hours.as_millis()).expect("it is some");
        entry["created"]["since_boot_ms"] = since_boot.saturating_sub(hours).into();
        host.write(path.to_str().expect("a plain name"), &entry.to_string());
    }
}

#[test]
fn what_quiet_hours_held_back_was_not_unsendable() {
    let always = "quiet_hours = \"00:00-24:00\"\n";
    for (of_service, of_channel) in [(always, ""), ("", always)] {
        let config = fast(&[WEB, "critical = false\n", of_service, MAIL, of_channel]);
        let host = Host::with(&config);
        host.fake("restart", ":");
        well(&host);
        host.run(&["heal"]).ends(1);
        host.age(Duration::from_secs(180));
        host.run(&["heal"]).ends(1);
        assert_eq!(mails(&host).len(), 0, "it is quiet");
        age_outbox(&host);
        let at = |hours| {
            let then = Timestamp::try_from(ago(Duration::from_hours(hours)));
            then.expect("a time").strftime("%H:%M").to_string()
        };
        let then = format!("quiet_hours = \"{}-{} UTC\"\n", at(4), at(2));
        host.config(&config.replace(always, &then));
        let ran = host.run(&["heal"]).ends(1);
        assert!(ran.stdout.ends_with("\n1 notification sent\n"), "{ran:?}");
        let mails = mails(&host);
        assert_eq!(mails.len(), 1, "{mails:?}");
        for said in ["STILL DOWN", "LATE: 2 letters were held back for quiet hours from "] {
            assert!(mails[0].contains(said), "{said:?} in {}", mails[0]);
        }
        assert!(!mails[0].contains("could not be sent"), "{}", mails[0]);
    }
}

#[test]
fn where_each_is_a_record_of_its_own_each_is_told_but_for_the_reminder() {
    let host = host(&[WEB, LOG, "digests = false\n"]);
    host.fake("log", DEAD);
    outage(&host);
    host.fake("log", "cat > $DIR/log.$$");
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.ends_with("\n2 notifications sent\n"), "{ran:?}");
    let told: Vec<Value> =
        logged(&host).iter().map(|one| serde_json::from_str(one).expect("JSON")).collect();
    let mut changes: Vec<&str> =
        told.iter().map(|one| one["stories"][0]["change"].as_str().expect("a word")).collect();
    changes.sort_unstable();
    assert_eq!(changes, ["failed", "resolved"]);
    assert!(told.iter().all(|one| one["stories"].as_array().is_some_and(|it| it.len() == 1)));
}

#[test]
fn one_that_is_refused_for_good_does_not_take_those_with_it_that_were_folded() {
    let host = host(&[WEB, MAIL]);
    outage(&host);
    // It takes any letter but one that mentions the reminder.
    host.fake("sendmail", "cat > $DIR/new.$$; if grep -q 'STILL DOWN at\\|- STILL DOWN' $DIR/new.$$; then exit 65; fi; mv $DIR/new.$$ $DIR/mail.$$");
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.ends_with("\n2 notifications sent\n"), "{ran:?}");
    assert_eq!(mails(&host).len(), 2, "{:?}", mails(&host));
    host.run(&["heal", "-q"]).silent();
    assert_eq!(mails(&host).len(), 2, "no more than that");
}

#[test]
fn of_two_channels_of_one_kind_the_one_that_hangs_costs_the_other_nothing() {
    let slow = "name = \"slow\"\ntimeout = \"8s\"\n";
    let host = host(&[WEB, &MAIL.replace("bin/sendmail", "bin/tarpit"), slow, MAIL]);
    host.fake("tarpit", "sleep 300");
    well(&host);
    let running = host.start(&["heal"]);
    let deadline = Instant::now() + Duration::from_secs(6);
    while mails(&host).is_empty() {
        assert!(Instant::now() < deadline, "it waits for the other");
        std::thread::sleep(Duration::from_millis(50));
    }
    // What is to be told meanwhile has to wait neither for the next run nor for the one that hangs.
    host.write("up", "");
    host.run(&["heal"]).ends(0);
    assert_eq!(running.code(), Some(2));
    assert_eq!(mails(&host).len(), 2, "{:?}", mails(&host));
    let json = host.run(&["status", "--format", "json"]).json();
    let waiting = json["notifications_waiting"].as_array().unwrap();
    assert!(waiting.iter().all(|one| one["channel"] == "slow"), "{json}");
    assert_eq!(waiting.len(), 2, "{json}");
}

#[test]
fn five_hundred_that_waited_are_one_message_in_time() {
    let host = host(&[WEB, MAIL]);
    host.run(&["heal"]).ends(2);
    let found = host.snapshot("state/outbox").into_iter();
    let (_, _, bytes) = found
        .into_iter()
        .find(|(path, ..)| path.to_string_lossy().ends_with("-failed.json"))
        .expect("it waits");
    for at in 0..499 {
        let mut entry: Value = serde_json::from_slice(&bytes).expect("an entry is JSON");
        let incident = format!("old{at}-20260101T000000Z");
        entry["id"] = format!("{incident}-failed").into();
        entry["story"]["service"] = format!("old{at}").into();
        entry["story"]["incident"] = incident.clone().into();
        host.write(&format!("state/outbox/{incident}-failed.json"), &entry.to_string());
    }
    well(&host);
    let began = Instant::now();
    let ran = host.run(&["--deadline", "60s", "heal"]).ends(2);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert!(ran.stdout.ends_with("\n1 notification sent\n"), "{ran:?}");
    let mails = mails(&host);
    assert_eq!(mails.len(), 1);
    assert!(mails[0].contains("LATE: 500 letters could not be sent from "), "{}", mails[0]);
    assert_eq!(waiting(&host), 0);
    host.run(&["heal", "-q"]).ends(2);
    assert_eq!(super::mailing::mails(&host).len(), 1, "none is told again");
}
