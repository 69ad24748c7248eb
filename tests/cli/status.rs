//! `status`: what is remembered, worst first, for people and for programs.

use super::{WEB, fast};
use crate::support::host::Host;

/// Up, down, down but not critical, blocked.
fn four() -> Host {
    let host = Host::with(&fast(&[
        WEB,
        "[[service]]\nname = \"api\"\nchecks = [\"file:$DIR/api\"]\ncritical = false\nrestart = [\"true\"]\n",
        "[[service]]\nname = \"db\"\nchecks = [\"file:$DIR/db\"]\nrestart = [\"true\"]\n",
        "[[service]]\nname = \"app\"\nneeds = [\"db\"]\nchecks = [\"file:$DIR/app\"]\nrestart = [\"true\"]\n",
    ]));
    host.write("up", "");
    host.run(&["heal"]).ends(2);
    host
}

#[test]
fn the_worst_comes_first_within_80_columns() {
    let host = four();
    let ran = host.run(&["status"]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    ran.is(
        2,
        "$HOST: 1 of 4 services up\n\
         FRESH: last complete cycle [T] ago\n\
         load:[..]\n\
         \n\
         DOWN     db   `$DIR/db` is missing\n\
         \u{20}             for [T], 1 attempt\n\
         BLOCKED  app  waits for db\n\
         DOWN     api  `$DIR/api` is missing\n\
         \u{20}             for [T], 1 attempt, not critical\n\
         up       web  for [T]\n\
         \u{20}             0 B, [T] old\n",
        "",
    );
}

#[test]
fn named_services_are_shown_in_depth() {
    let host = four();
    host.run(&["status", "api"]).is(
        1,
        "$HOST: 0 of 1 service up\n\
         FRESH: last complete cycle [T] ago\n\
         load:[..]\n\
         \n\
         DOWN  api  `$DIR/api` is missing\n\
         \u{20}          for [T], 1 attempt, not critical\n\
         \u{20}          file:$DIR/api: down ([T]) `$DIR/api` is missing\n\
         \u{20}          true: still down: `$DIR/api` is missing ([T])\n",
        "",
    );
    host.run(&["status", "web"]).ends(0);
}

#[test]
fn json_has_the_same_words_as_keys() {
    let host = four();
    let json = host.run(&["status", "--format", "json"]).ends(2).json();
    for key in
        ["host", "fresh", "freshness", "cycle", "services", "heartbeats", "notifications_waiting"]
    {
        assert!(json.get(key).is_some(), "{key}: {json}");
    }
    assert_eq!(json["fresh"], true);
    assert_eq!(json["cycle"]["command"], "heal");
    let services = json["services"].as_array().unwrap();
    let words: Vec<_> = services
        .iter()
        .map(|s| (s["name"].as_str().unwrap(), s["status"].as_str().unwrap()))
        .collect();
    assert_eq!(words, [("db", "down"), ("app", "blocked"), ("api", "down"), ("web", "up")]);
    for key in ["critical", "since", "for_seconds", "looked", "reason", "attempts", "probes"] {
        assert!(services.iter().all(|service| service.get(key).is_some()), "{key}: {json}");
    }
    assert_eq!(services[0]["attempts"][0]["remedy"], "service_restart");
    assert_eq!(services[1]["blocked_by"], "db");
}

#[test]
fn a_configured_service_that_was_never_looked_at_is_shown_as_such() {
    let host = Host::with(&fast(&[WEB]));
    let never = "NEVER-RAN: no cycle was ever completed (there is no `$DIR/state`);\n`miraclemax check` completes one\n";
    let text = format!("this host: 0 of 1 service up\n{never}\nUNKNOWN  web  not looked at yet\n");
    host.run(&["status"]).is(2, &text, "");
    host.run(&["status", "web"]).ends(2);
    host.write("up", "");
    host.run(&["-q", "check"]).silent();
    host.config(&fast(&[WEB, "[[service]]\nname = \"new\"\nchecks = [\"file:$DIR/up\"]\n"]));
    host.run(&["status"]).is(
        1,
        "$HOST: 1 of 2 services up\n\
         NOT-COVERED: 1 configured service not looked at yet: new\n\
         load:[..]\n\
         \n\
         UNKNOWN  new  not looked at yet\n\
         up       web  for [T]\n\
         \u{20}             0 B, [T] old\n",
        "",
    );
}

#[test]
fn a_hundred_services_are_all_there() {
    let services: String = (0..100)
        .map(|n| format!("[[service]]\nname = \"service-{n:03}\"\nchecks = [\"file:$DIR/up\"]\n"))
        .collect();
    let host = Host::with(&fast(&[&services]));
    host.write("up", "");
    host.run(&["-q", "check"]).silent();
    let ran = host.run(&["status"]).ends(0);
    assert_eq!(ran.stdout.matches("\nup  service-").count(), 100, "{}", ran.stdout);
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 80));
    let json = host.run(&["status", "--format", "json"]).ends(0).json();
    assert_eq!(json["services"].as_array().unwrap().len(), 100);
}

#[test]
fn status_probes_nothing_and_changes_nothing() {
    let host = four();
    let before = host.snapshot("state");
    host.write("db", "").write("api", "").write("app", "");
    host.run(&["status"]).ends(2);
    host.run(&["status", "--format", "json", "db"]).ends(2);
    assert_eq!(host.snapshot("state"), before);
}
