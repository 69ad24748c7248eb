//! What is kept of an outage before anything is done, that no secret is in it, and that healing again and again is told.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::fast;
use super::mailing::mails;
use crate::support::host::Host;

const WEB: &str = r#"
[[service]]
name = "web"
checks = ["exec:$DIR/bin/look"]
restart = ["touch", "$DIR/up"]
config_files = ["$DIR/web.toml"]
[[notify]]
via = "email"
to = ["me@example.org"]
from = "max@example.org"
sendmail = "$DIR/bin/sendmail"
"#;

/// Every way in which a program gives itself away.
const SECRETS: &str =
    "password=hunter2 token: hunter2 postgres://app:hunter2@db/x --api-key hunter2";

fn host() -> Host {
    let host = Host::with(&fast(&[WEB]));
    host.fake("look", &format!("test -e $DIR/up || {{ echo 'no login: {SECRETS}'; exit 2; }}"));
    host.fake("sendmail", "cat > $DIR/mail.$$");
    host.write("web.toml", "port = 80\n").write("up", "");
    host.run(&["-q", "heal"]).silent();
    host
}

/// The evidence of the only incident, for programs and for people.
fn evidence(host: &Host) -> (Value, String) {
    let mut files = host.snapshot("state/incidents");
    files.retain(|(path, ..)| path.extension().is_some());
    let text = |name: &str| {
        let found = files.iter().find(|(path, ..)| path.ends_with(name));
        let (_, _, bytes) = found.unwrap_or_else(|| panic!("no {name} in {files:?}"));
        String::from_utf8(bytes.clone()).expect("it is UTF-8")
    };
    (serde_json::from_str(&text("evidence.json")).expect("it is JSON"), text("evidence.txt"))
}

#[test]
fn the_hosts_state_and_what_was_changed_are_kept_before_anything_is_done() {
    let host = host();
    let file = fs::File::options().append(true).open(host.path("web.toml")).unwrap();
    let written = file.metadata().and_then(|about| about.modified()).unwrap();
    file.set_modified(written + Duration::from_secs(3600)).unwrap();
    host.remove("up");
    host.run(&["heal"]).ends(0);
    let (json, text) = evidence(&host);
    let scene = &json["scene"];
    assert_eq!(scene["changed"][0]["path"], host.path("web.toml").display().to_string());
    assert!(scene["memory"]["total"].as_u64() > Some(0), "{scene}");
    assert_eq!(scene["processes"].as_array().map(Vec::len), Some(5), "{scene}");
    assert!(scene["processes"][0]["memory"].as_u64() >= scene["processes"][4]["memory"].as_u64());
    let places: Vec<&Value> =
        scene["file_systems"].as_array().unwrap().iter().map(|one| &one["total"]).collect();
    assert!(!places.is_empty() && places.iter().all(|total| total.as_u64() > Some(0)), "{scene}");
    assert!(scene["took"].as_u64() < Some(5_000), "{scene}");
    for said in
        ["Service: web", "Most memory:", "File systems:", "web.toml", "Root cause: not known"]
    {
        assert!(text.contains(said), "{said:?} in {text}");
    }
    // What stands in the letter stays short.
    let mails = mails(&host);
    assert_eq!(mails.len(), 1);
    assert!(!mails[0].contains("Most memory"), "{}", mails[0]);
}

#[test]
fn no_secret_of_a_probes_answer_is_kept_mailed_or_shown() {
    let host = host();
    host.remove("up");
    let ran = host.run(&["-v", "heal"]).ends(0);
    assert!(ran.stdout.contains("healed  web"), "{ran:?}");
    let status = host.run(&["status", "web"]).ends(0);
    let mails = mails(&host);
    assert!(mails[0].contains("no login: password=3D***"), "{}", mails[0]);
    for text in [&ran.stdout, &ran.stderr, &status.stdout, &mails[0]] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    for (path, _, bytes) in host.snapshot("state") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("hunter2"), "{}: {text}", path.display());
    }
    assert!(host.read("state/events.jsonl").contains("postgres://app:***@db/x"));
}

#[test]
fn the_third_heal_in_a_week_is_told_in_its_letter_and_once_by_one_of_its_own() {
    let host = host();
    for _ in 0..4 {
        host.remove("up");
        host.run(&["heal"]).ends(0);
    }
    let mails = mails(&host);
    let with = |words: &str| mails.iter().filter(|mail| mail.contains(words)).count();
    assert_eq!(
        (mails.len(), with("Test: web - RESOLVED"), with("Test: web - REPEATED")),
        (5, 4, 1)
    );
    assert_eq!(with("AGAIN: healed 2 times in 7 days"), 1, "{mails:?}");
    assert_eq!(with("REPEATED: healed 3 times in 7 days: fix the cause"), 1, "{mails:?}");
    assert_eq!(with("REPEATED: healed 4 times in 7 days: fix the cause"), 1, "{mails:?}");
    assert_eq!(with("HEALED AGAIN AND AGAIN: healed 3 times in 7 days"), 1, "{mails:?}");
    let ran = host.run(&["status"]).ends(0);
    assert!(ran.stdout.contains("healed 4 times in 7 days: fix the cause"), "{ran:?}");
    let json = host.run(&["status", "--format", "json"]).json();
    let repeats = &json["services"][0]["repeats"];
    assert_eq!(repeats["reached"], true, "{json}");
    assert_eq!(repeats["heals"].as_array().map(Vec::len), Some(4), "{json}");
    assert_eq!(repeats["heals"][0]["remedy"], "service_restart", "{json}");
}

#[test]
fn repeats_that_are_off_are_counted_and_not_told() {
    let host = host();
    host.config(&host.read("config.toml").replace("restart =", "repeats = \"off\"\nrestart ="));
    for _ in 0..3 {
        host.remove("up");
        host.run(&["heal"]).ends(0);
    }
    assert_eq!(mails(&host).iter().filter(|mail| mail.contains("REPEATED")).count(), 0);
    let ran = host.run(&["status", "web"]).ends(0);
    assert!(ran.stdout.contains("healed 3 times in 7 days"), "{ran:?}");
    assert!(!ran.stdout.contains("fix the cause"), "{ran:?}");
}
