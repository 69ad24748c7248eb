//! A clock that jumps between the recording of a story and its delivery: it is told once, as late as it is, and no channel
//! is left alone for longer than it asked. What earlier runs wrote is changed instead of the clock.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::fast;
use crate::support::host::Host;
use crate::support::real;

/// Down, given up on at once, and told by a program that answers with `$DIR/answer`.
const LOST: &str = "max_heals = \"1 per 10m\"\nretry_after = \"1h\"\n[[service]]\nname = \"web\"\n\
                    checks = [\"file:$DIR/up\"]\nrestart = [\"false\"]\n\
                    [[notify]]\nvia = \"command\"\ncommand = [\"$DIR/bin/tell\"]\n";

/// Changes all entries that wait.
fn edit(host: &Host, change: impl Fn(&mut Value)) {
    for (path, _, bytes) in host.snapshot("state/outbox") {
        let name = path.to_str().expect("a plain name");
        if path.extension().is_some_and(|end| end == "json") && !name.contains("/done/") {
            let mut entry: Value = serde_json::from_slice(&bytes).expect("an entry is JSON");
            change(&mut entry);
            host.write(name, &entry.to_string());
        }
    }
}

#[test]
fn a_story_is_told_once_and_as_late_whatever_the_clock_did_before_it_was_delivered() {
    for (what, wall, boot) in [
        ("the clock was right", None, None),
        ("the clock was ahead, and was set back", Some("2199-01-01T00:00:00Z"), None),
        ("the clock began in 1970, and was set", Some("1970-01-01T00:00:07Z"), None),
        ("it was ahead before a reboot", Some("2199-01-01T00:00:00Z"), Some("another-boot")),
        ("it began in 1970 before a reboot", Some("1970-01-01T00:00:07Z"), Some("another-boot")),
    ] {
        let host = Host::with(&fast(&[LOST]));
        host.fake("tell", "cat >> $DIR/told.new; read code <$DIR/answer; [ $code = 0 ] && cat $DIR/told.new >>$DIR/told; rm $DIR/told.new; exit $code");
        host.write("answer", "1\n");
        host.run(&["heal"]).ends(2);
        edit(&host, |entry| {
            if let Some(wall) = wall {
                entry["created"]["wall"] = wall.into();
                entry["story"]["at"] = wall.into();
                entry["story"]["opened"] = wall.into();
                entry["channels"]["command:tell"]["last"] = wall.into();
            }
            if let Some(boot) = boot {
                entry["created"]["boot"] = boot.into();
            }
        });
        host.write("answer", "0\n");
        let ran = host.run(&["heal"]).ends(2);
        assert!(ran.stdout.ends_with("\n1 notification sent\n"), "{what}: {ran:?}");
        host.run(&["heal"]).ends(2);
        let told = host.read("told");
        real::saw(what, &told);
        assert_eq!(told.lines().count(), 1, "{what}: {told}");
        assert!(told.contains("LATE: "), "{what}: {told}");
        let status = host.run(&["status", "--format", "json"]).json();
        assert_eq!(status["notifications_waiting"], Value::Array(vec![]), "{what}");
    }
}

#[test]
fn a_channel_is_left_alone_as_long_as_it_asked_and_a_clock_set_back_does_not_make_it_longer() {
    let now = Timestamp::try_from(crate::support::host::now()).expect("a sane clock");
    let minutes = |count: u64| Duration::from_secs(60 * count);
    for (what, last, sent) in [
        ("a minute ago", now - minutes(1), false),
        ("long enough ago", now - minutes(11), true),
        ("in the future: the clock was set back", now + minutes(600), true),
        ("in 1970", Timestamp::UNIX_EPOCH, true),
    ] {
        let host = Host::with(&fast(&[LOST]));
        host.fake("tell", "cat >/dev/null; exit 1");
        host.run(&["heal"]).ends(2);
        edit(&host, |entry| {
            entry["channels"]["command:tell"]["last"] = last.to_string().into();
            entry["channels"]["command:tell"]["retry_after"] = 600.into();
        });
        let before = host.calls().len();
        host.run(&["heal"]).ends(2);
        assert_eq!(host.calls().len() > before, sent, "{what}");
    }
}
