//! `heal --drill --notify`: the end of the chain, by the configured channels and heartbeats themselves.

use super::mailing::mails;
use super::{WEB, fast};
use crate::support::host::Host;
use crate::support::pings::{Action, Fault, Pings};

const UUID: &str = "5fe0c2a4-7b1e-4f0e-9a3c-2d6a8b1c9e77";

/// A channel that asked for nothing that a drill tells, and a heartbeat.
const TOLD: &str = r#"
[[notify]]
via = "email"
to = ["me@example.org"]
from = "max@example.org"
sendmail = "$DIR/bin/sendmail"
on = ["down"]
min_severity = "critical"
[[heartbeat]]
name = "hc"
url_file = "$DIR/url"
"#;

fn host() -> (Host, Pings) {
    let pings = Pings::start();
    let mut host = Host::with(&fast(&[TOLD]));
    host.write("url", &pings.check(UUID));
    host.fake("sendmail", "cat > $DIR/mail.$$");
    let temp = host.path("home").display().to_string();
    host.set("TMPDIR", &temp);
    (host, pings)
}

#[test]
fn a_drill_that_passed_has_told_every_channel_and_left_a_note_with_every_heartbeat() {
    let (host, pings) = host();
    let ran = host.run(&["heal", "--drill", "--notify"]).ends(0);
    let at = |word: &str| {
        ran.stdout.find(word).unwrap_or_else(|| panic!("no {word:?} in\n{}", ran.stdout))
    };
    assert!(at("verified") < at("told       email:me@example.org accepted it"), "{ran:?}");
    assert!(at("told  ") < at("pinged     hc accepted a note in ") && at("pinged") < at("passed"));
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
    let told = mails(&host);
    assert_eq!(told.len(), 1, "{told:?}");
    for said in ["DRILL: Test: ", " - HEALED", "DRILL: nothing is wrong.", "HEALING TIME: "] {
        assert!(told[0].contains(said), "{said:?} in {}", told[0]);
    }
    let actions: Vec<Action> = pings.pings().iter().map(|ping| ping.action).collect();
    assert_eq!(actions, [Action::Log]);
    assert!(!ran.stdout.contains(UUID) && !told[0].contains(UUID));
    assert!(host.snapshot("home").is_empty(), "{:?}", host.snapshot("home"));
    assert!(!host.path("state").exists(), "the drill has a state of its own");
    host.run(&["-q", "heal", "--drill", "--notify"]).silent();
}

#[test]
fn a_heartbeat_that_does_not_accept_fails_the_drill_and_the_channels_are_told() {
    let (host, pings) = host();
    pings.fault(Fault::Status(404));
    let ran = host.run(&["-q", "heal", "--drill", "--notify"]).ends(2);
    assert!(ran.stdout.contains("NO PING    hc: not found"), "{ran:?}");
    assert!(ran.stdout.contains("FAILED     it was healed, but not told: hc did not"), "{ran:?}");
    assert!(!ran.stdout.contains("passed") && !ran.stdout.contains("started"), "{ran:?}");
    let mut told = mails(&host);
    told.retain(|mail| mail.contains("DRILL FAILED: Test: "));
    assert_eq!(told.len(), 1, "{told:?}");
    for said in ["hc did not accept a ping: not found", "miraclemax heal --drill --notify -v"] {
        assert!(told[0].contains(said), "{said:?} in {}", told[0]);
    }
}

#[test]
fn a_channel_that_does_not_accept_fails_the_drill_and_the_others_are_told() {
    let (host, pings) = host();
    let second = TOLD.split("[[heartbeat]]").next().unwrap();
    let second = second.replace("me@", "you@").replace("bin/sendmail", "bin/refuses");
    host.config(&fast(&[TOLD, &second]));
    host.fake("refuses", "cat > /dev/null; echo 'no such mailbox' >&2; exit 75");
    let ran = host.run(&["heal", "--drill", "--notify"]).ends(2);
    assert!(ran.stdout.contains("NOT TOLD   email:you@example.org: "), "{ran:?}");
    assert!(ran.stdout.contains("pinged     hc accepted a note in "), "{ran:?}");
    assert!(ran.stdout.contains("FAILED"), "{ran:?}");
    assert_eq!(pings.pings().len(), 1);
    let told = mails(&host);
    assert_eq!(told.len(), 2, "{told:?}");
    let failed = told.iter().find(|mail| mail.contains("DRILL FAILED: ")).expect("it was told");
    let failed = failed.replace("\r\n", "\n").replace("\n  ", " ");
    assert!(failed.contains("email:you@example.org did not accept a letter"), "{failed}");
}

#[test]
fn where_nobody_is_to_be_told_there_is_nothing_to_prove() {
    let host = Host::with(&fast(&[WEB]));
    let ran = host.run(&["heal", "--drill", "--notify"]).ends(78);
    assert!(ran.stderr.contains("there is nobody to be told"), "{ran:?}");
    let ran = Host::new().run(&["heal", "--drill", "--notify"]).ends(78);
    assert!(ran.stderr.contains("there is no configuration at"), "{ran:?}");
    let ran = host.run(&["heal", "--notify"]).ends(64);
    assert!(ran.stderr.contains("--drill"), "{ran:?}");
}
