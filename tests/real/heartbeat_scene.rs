//! The watcher watched: with no heal for longer than its freshness, `ping` reports failure and `stale` says why; and what is
//! not an acknowledgement is not taken for one.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::support::pings::{Action, Fault, Pings};
use crate::support::place::Place;
use crate::support::real;
use crate::support::supervisor::Who;

const UUID: &str = "9b3d0a1e-7c55-4a4f-8c3b-0e4d7a6f8a03";
const OTHER: &str = "0c4e1b2f-8d66-4b50-9d4c-1f5e8b7f9b14";

/// A place whose heartbeat goes to `url`, and that looks at its own folder only.
fn place(url: &str) -> Place {
    let place = Place::new(Who::Same);
    let secret = place.write("ping-url", &format!("{url}\n"));
    place.config(&format!(
        "fresh_for = \"1m\"\n[[service]]\nname = \"folder\"\nchecks = [\"exec:/bin/true\"]\n\
         start = [\"true\"]\n[[heartbeat]]\nname = \"MiracleMax Server\"\nurl_file = '{}'\n\
         timeout = \"2s\"\ntries = 2\n",
        secret.display()
    ));
    place
}

/// As if the last cycle had been `minutes` ago: its stamps and the file's time.
fn age(place: &Place, minutes: i64) {
    let path = place.state_dir().join("state.json");
    let mut state = place.state();
    let back = |stamp: &mut Value| {
        let wall: jiff::Timestamp =
            stamp["wall"].as_str().and_then(|text| text.parse().ok()).expect("a time");
        let old = wall - jiff::SignedDuration::from_mins(minutes);
        stamp["wall"] = old.to_string().into();
        let boot = stamp["since_boot_ms"].as_i64().expect("milliseconds");
        stamp["since_boot_ms"] = (boot - minutes * 60_000).into();
        old
    };
    let finished = back(&mut state["cycle"]["finished"]);
    let awake = state["cycle"]["awake_ms"].as_i64().expect("milliseconds");
    state["cycle"]["awake_ms"] = (awake - minutes * 60_000).into();
    fs::write(&path, state.to_string()).expect("the folder is ours");
    let file = fs::File::options().append(true).open(&path).expect("it is there");
    file.set_modified(finished.into()).expect("the file is ours");
}

#[test]
fn with_no_heal_for_longer_than_its_freshness_both_watchers_say_so() {
    let pings = Pings::start();
    let place = place(&pings.check(UUID));
    let never = place.run(&["stale"]);
    assert_eq!(never.code(), 2, "never ran is not fresh: {never}");
    assert!(never.text().contains("NEVER-RAN"), "{never}");
    assert_eq!(place.run(&["ping", "-q"]).code(), 0, "the failure was accepted");
    assert_eq!(place.run(&["heal", "-q"]).code(), 0);
    assert_eq!(place.run(&["stale"]).code(), 0);
    assert_eq!(place.run(&["ping"]).code(), 0);

    // Less than any host that runs this has been up for: across a boot it would be judged by other rules.
    age(&place, 2);
    let stale = place.run(&["stale"]);
    assert_eq!(stale.code(), 2, "{stale}");
    assert!(stale.text().contains("STALE") && stale.text().contains("2m"), "{stale}");
    assert!(stale.text().contains("1m"), "names its limit: {stale}");
    let ping = place.run(&["ping"]);
    assert_eq!(ping.code(), 0, "the failure was accepted: {ping}");
    assert!(ping.text().contains("cycle:STALE"), "{ping}");
    let status = place.run(&["status"]);
    assert_eq!(status.code(), 2, "{status}");
    assert!(status.text().contains("2m"), "{status}");

    let taken = pings.wait_for(3, Duration::from_secs(10));
    let actions: Vec<Action> = taken.iter().map(|ping| ping.action).collect();
    assert_eq!(actions, [Action::Fail, Action::Success, Action::Fail]);
    for ping in &taken {
        real::saw("body", &ping.body);
    }
    assert!(taken[2].body.contains("2m"), "{}", taken[2].body);

    // And one good cycle makes all of it good again.
    assert_eq!(place.run(&["heal", "-q"]).code(), 0);
    assert_eq!(place.run(&["stale", "-q"]).code(), 0);
    assert_eq!(place.run(&["ping", "-q"]).code(), 0);
    assert_eq!(pings.wait_for(4, Duration::from_secs(10))[3].action, Action::Success);
}

#[test]
fn what_is_not_an_acknowledgement_is_not_taken_for_one() {
    let pings = Pings::start();
    let url = pings.check(UUID);
    let nobody = real::free_port();
    for (what, url, fault, words) in [
        ("refused", format!("http://127.0.0.1:{nobody}/ping/{UUID}"), None, &["refused"][..]),
        ("not there", url.replace(UUID, OTHER), None, &["404", "not found"][..]),
        ("portal", url.clone(), Some(Fault::Captive), &["200", "portal"][..]),
        ("redirect", url.clone(), Some(Fault::Redirect), &["302", "redirect"][..]),
        ("ok, but", url.clone(), Some(Fault::OkNotFound), &["not found"][..]),
        ("limited", url.clone(), Some(Fault::OkRateLimited), &["too many pings"][..]),
        ("garbage", url.clone(), Some(Fault::Garbage), &[][..]),
        ("silent", url.clone(), Some(Fault::Silent), &["2s", "time"][..]),
    ] {
        let place = place(&url);
        assert_eq!(place.run(&["heal", "-q"]).code(), 0);
        pings.heal();
        if let Some(fault) = fault {
            pings.fault(fault);
        }
        let taken = pings.pings().len();
        // Quiet is for what is well: cron mails this.
        let ran = place.run(&["ping", "-q"]);
        assert_ne!(ran.code(), 0, "{what}: {ran}");
        assert!(ran.output.stderr.contains("was not accepted"), "{what}: {ran}");
        assert!(
            words.is_empty() || words.iter().any(|word| ran.output.stderr.contains(word)),
            "{what}: none of {words:?} in {ran}"
        );
        assert!(
            !ran.text().contains(UUID) && !ran.text().contains(OTHER),
            "{what}: the URL is a secret: {ran}"
        );
        assert!(ran.took < Duration::from_secs(45), "{what}: {:?}", ran.took);
        assert_eq!(pings.pings().len(), taken, "{what}");
    }
}
