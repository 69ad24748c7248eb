//! Mail through a sendmail of the host: each change of an incident is told once, and what was not taken waits.

use std::time::Duration;

use super::fast;
use super::hearing::waiting;
use crate::support::host::Host;

const WEB: &str = r#"
[[service]]
name = "web"
checks = ["file:$DIR/up"]
restart = ["$DIR/bin/restart"]
max_heals = "1 per 10m"
retry_after = "1h"
[[notify]]
via = "email"
to = ["me@example.org"]
from = "max@example.org"
sendmail = "$DIR/bin/sendmail"
"#;

fn host(restart: &str) -> Host {
    let host = Host::with(&fast(&[WEB]));
    host.fake("restart", restart);
    host.fake("sendmail", "cat > $DIR/mail.$$");
    host
}

/// The letters so far, decoded as far as the tests need.
pub(super) fn mails(host: &Host) -> Vec<String> {
    let found = host
        .snapshot("")
        .into_iter()
        .filter(|(path, ..)| path.to_string_lossy().starts_with("mail."));
    found
        .map(|(_, _, bytes)| {
            String::from_utf8(bytes).unwrap().replace("=\r\n", "").replace("=\n", "")
        })
        .collect()
}

#[test]
fn a_heal_is_told_once() {
    let host = host("touch $DIR/up");
    host.run(&["heal"]).is(
        0,
        "healed  web  $DIR/bin/restart in [T], verified by 1 probe\n\n1 notification sent\n",
        "",
    );
    host.run(&["-q", "heal"]).silent();
    let mails = mails(&host);
    assert_eq!(mails.len(), 1, "{mails:?}");
    for said in [
        "Test: web - RESOLVED",
        "To: me@example.org",
        "HOW IT WAS FIXED:",
        "1. Detected web was down:",
        "2. Executed: ",
        "3. Verified: ",
        "ROOT CAUSE:",
        "HEALING TIME:",
    ] {
        assert!(mails[0].contains(said), "{said:?} in {}", mails[0]);
    }
    assert!(!mails[0].contains("LATE"), "{}", mails[0]);
    assert_eq!(waiting(&host), 0);
}

#[test]
fn giving_up_is_told_once_and_the_recovery_after_it_once() {
    let host = host(":");
    host.run(&["heal"]).ends(2);
    for _ in 0..3 {
        host.age(Duration::from_secs(300));
        host.run(&["heal"]).ends(2);
    }
    let failed = mails(&host);
    assert_eq!(failed.len(), 1, "{failed:?}");
    for said in ["Test: web - FAILED", "MANUAL INTERVENTION REQUIRED", "bin/restart"] {
        assert!(failed[0].contains(said), "{said:?} in {}", failed[0]);
    }
    host.write("up", "");
    host.run(&["heal"]).ends(0);
    host.run(&["heal"]).ends(0);
    let all = mails(&host);
    assert_eq!(all.len(), 2, "{all:?}");
    assert_eq!(
        all.iter().filter(|mail| mail.contains("Test: web - RESOLVED")).count(),
        1,
        "{all:?}"
    );
}

#[test]
fn what_was_not_taken_waits_and_is_delivered_once_and_marked_late() {
    let host = host("touch $DIR/up");
    host.fake("sendmail", "cat > /dev/null; echo 'mail queue is full' >&2; exit 75");
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stdout.starts_with("healed  web  "), "{ran:?}");
    assert!(!ran.stdout.contains("sent"), "{ran:?}");
    assert!(
        ran.stderr.starts_with(
            "miraclemax: warning: email:me@example.org did not accept a notification: "
        ),
        "{ran:?}"
    );
    assert_eq!(waiting(&host), 1);
    let ran = host.run(&["status"]).ends(0);
    assert!(ran.stdout.contains("UNSENT"), "{ran:?}");
    assert!(ran.stdout.contains("waits to be accepted: resolved of web:"), "{ran:?}");
    assert!(host.service("web")["last_incident"].is_object());

    host.fake("sendmail", "cat > $DIR/mail.$$");
    host.run(&["heal"]).is(0, "up  web  0 B, [T] old\n\n1 notification sent\n", "");
    host.run(&["heal"]).is(0, "up  web  0 B, [T] old\n", "");
    let mails = mails(&host);
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].to_lowercase().contains("late"), "{}", mails[0]);
    assert_eq!(waiting(&host), 0);
}

#[test]
fn a_sendmail_that_hangs_costs_only_its_own_deadline() {
    let host = host("touch $DIR/up");
    host.fake("sendmail", "sleep 300");
    let ran = host.run(&["--deadline", "12s", "heal"]).ends(0);
    assert!(ran.stdout.starts_with("healed  web  "), "{ran:?}");
    assert!(ran.stderr.contains("did not accept"), "{ran:?}");
    host.run(&["-q", "stale"]).silent();
    host.fake("sendmail", "cat > $DIR/mail.$$");
    host.run(&["heal"]).ends(0);
    assert_eq!(mails(&host).len(), 1);
}

#[test]
fn a_sendmail_that_is_not_there_is_said_and_nothing_is_lost() {
    let host = host("touch $DIR/up");
    host.remove("bin/sendmail");
    let ran = host.run(&["heal"]).ends(0);
    assert!(ran.stderr.contains("did not accept a notification"), "{ran:?}");
    host.fake("sendmail", "cat > $DIR/mail.$$");
    host.run(&["heal"]).ends(0);
    assert_eq!(mails(&host).len(), 1);
}

#[test]
fn check_tells_only_when_asked_to() {
    let host = host(":");
    host.config(&host.read("config.toml").replace("via =", "on = [\"down\", \"resolved\"]\nvia ="));
    host.run(&["check"]).ends(2);
    assert!(mails(&host).is_empty());
    host.write("up", "");
    host.run(&["check", "--notify"]).ends(0);
    assert!(mails(&host).is_empty(), "what nobody heard of ends as quietly");
    host.remove("up");
    host.run(&["check", "--notify"]).ends(2);
    host.run(&["check", "--notify"]).ends(2);
    assert_eq!(mails(&host).len(), 1);
    host.write("up", "");
    host.run(&["check", "--notify"]).ends(0);
    host.run(&["check", "--notify"]).ends(0);
    assert_eq!(mails(&host).len(), 2);
}

#[test]
fn what_a_killed_run_has_done_is_told_by_the_next() {
    let host = host("touch $DIR/up; kill -9 $PPID");
    let killed = host.command(&["heal"]).output().expect("it can be started");
    assert_eq!(killed.status.code(), None, "{killed:?}");
    assert_eq!(mails(&host).len(), 0);
    for _ in 0..2 {
        host.run(&["heal", "-q"]).silent();
    }
    let mails = mails(&host);
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0].contains("no attempt was seen to heal it"), "{}", mails[0]);
}

#[test]
fn an_outage_that_ended_before_its_run_was_killed_over_another_is_told_by_the_next() {
    let host = host("touch $DIR/up");
    let needy = "[[service]]\nname = \"z\"\nneeds = [\"web\"]\nchecks = [\"file:$DIR/z\"]\n\
                 restart = [\"$DIR/bin/killer\"]\n";
    host.config(&format!("{}{needy}", fast(&[WEB])));
    host.fake("killer", "touch $DIR/z; kill -9 $PPID");
    let killed = host.command(&["heal"]).output().expect("it can be started");
    assert_eq!(killed.status.code(), None, "{killed:?}");
    assert_eq!(host.service("web")["status"], "up", "its end was saved");
    assert_eq!(mails(&host).len(), 0);
    for _ in 0..2 {
        host.run(&["heal", "-q"]).silent();
    }
    let told = |service: &str| {
        let subject = format!("Test: {service} - RESOLVED");
        mails(&host).iter().filter(|mail| mail.contains(&subject)).count()
    };
    assert_eq!((told("web"), told("z")), (1, 1), "{:?}", mails(&host));
}

#[test]
fn what_cannot_be_put_into_the_outbox_is_sent_at_once() {
    let host = host("touch $DIR/up");
    host.run(&["check", "-q"]).ends(2);
    // No folder can be made where a file is: like a full disk, for root too.
    host.write("state/outbox", "");
    host.run(&["heal", "-q"]).silent();
    assert_eq!(mails(&host).len(), 1);
    let said =
        host.events().iter().any(|e| e["text"].as_str().unwrap().contains("could not be recorded"));
    assert!(said, "{:?}", host.events());
}
