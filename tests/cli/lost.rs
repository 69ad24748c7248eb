//! What could be lost on its way to people: seen first by a run that tells nobody, meant for several at one moment, or
//! of a service that is no longer looked at.

use std::time::Duration;

use super::hearing::{channel, host, told};
use super::{HOPELESS, WEB};
use crate::support::host::Host;
use crate::support::real;

#[test]
fn what_a_check_found_down_that_tells_nobody_is_told_by_the_next_that_does_and_once() {
    let host = host(&[WEB, &channel("team", "")]);
    host.run(&["check"]).ends(2);
    assert_eq!(told(&host), [] as [&str; 0]);
    host.run(&["check", "--notify"]).ends(2);
    assert_eq!(told(&host), ["team Test: web - DOWN"]);
    host.run(&["check", "--notify"]).ends(2);
    assert_eq!(told(&host), [] as [&str; 0]);
}

#[test]
fn where_everybody_is_told_late_what_a_check_found_is_told_then() {
    let host = host(&[WEB, &channel("boss", "after = \"30m\"")]);
    host.run(&["check", "--notify"]).ends(2);
    assert_eq!(told(&host), [] as [&str; 0]);
    host.age(Duration::from_secs(1900));
    host.run(&["check", "--notify"]).ends(2);
    assert_eq!(told(&host), ["boss Test: web - ESCALATED"]);
}

/// Sets back the time for which a channel was told how things stand.
fn summed_before(host: &Host, channel: &str, hours: i64) {
    let mut state = host.state();
    let at = &mut state["summed"][channel]["at"];
    let then: jiff::Timestamp = at.as_str().unwrap().parse().unwrap();
    *at = (then - jiff::SignedDuration::from_hours(hours)).to_string().into();
    host.write("state/state.json", &state.to_string());
}

#[test]
fn two_who_are_told_how_things_stand_at_one_time_since_different_times_are_both_told() {
    let daily = "summary = \"00:00 UTC\"";
    let host = host(&[WEB, &channel("day", daily), &channel("week", daily)]);
    host.write("up", "");
    host.run(&["heal"]).ends(0);
    summed_before(&host, "day", 24);
    summed_before(&host, "week", 7 * 24);
    host.run(&["heal"]).ends(0);
    let mut both = told(&host);
    both.sort();
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both[0].starts_with("day ") && both[1].starts_with("week "), "{both:?}");
}

#[test]
fn who_was_told_of_a_service_that_is_no_longer_configured_hears_that_nobody_looks_at_it_any_more() {
    let other = WEB.replace("web", "shop").replace("DIR/up", "DIR/open");
    let channels = [
        channel("team", ""),
        channel("deaf", "on = [\"failed\"]"),
        channel("mum", "services = [\"shop\"]"),
    ];
    let host = host(&[HOPELESS, &other, &channels.concat()]);
    host.write("open", "");
    host.run(&["heal"]).ends(2);
    let mut both = told(&host);
    both.sort();
    assert_eq!(both, ["deaf Test: web - FAILED", "team Test: web - FAILED"]);
    let config = host.read("config.toml").replace(&host.fill(HOPELESS), "");
    host.write("config.toml", &config);
    host.run(&["heal"]).ends(0);
    assert_eq!(told(&host), ["team Test: web - NO LONGER WATCHED"]);
    host.run(&["heal"]).ends(0);
    assert_eq!(told(&host), [] as [&str; 0]);
}

/// As after a restart of the host.
fn restarted(host: &Host) {
    let mut state = host.state();
    state["cycle"]["finished"]["boot"] = "another-boot".into();
    host.write("state/state.json", &state.to_string());
}

#[test]
fn a_restart_that_was_seen_by_a_run_that_does_not_tell_is_told_by_the_next_that_does() {
    for first in [&["check"][..], &["heal", "web"]] {
        let host = host(&[WEB, &channel("team", "")]);
        host.write("up", "");
        host.run(&["heal"]).ends(0);
        restarted(&host);
        host.run(first).ends(0);
        host.run(&["heal"]).ends(0);
        let all = told(&host);
        assert!(all.len() == 1 && all[0].ends_with(" - RESTARTED"), "{first:?}: {all:?}");
        host.run(&["heal"]).ends(0);
        assert_eq!(told(&host), [] as [&str; 0]);
    }
}

#[test]
fn where_the_state_cannot_be_saved_who_is_told_later_still_is() {
    let channels = [
        channel("team", ""),
        channel("lead", "after = \"30m\""),
        channel("boss", "after = \"31m\""),
    ];
    let host = host(&[HOPELESS, &channels.concat()]);
    host.run(&["heal"]).ends(2);
    host.age(Duration::from_secs(1830));
    let before = host.state();
    host.run(&["heal"]).ends(2);
    assert_eq!(told(&host), ["team Test: web - FAILED", "lead Test: web - ESCALATED"]);
    host.write("state/state.json", &before.to_string());
    host.age(Duration::from_secs(60));
    host.run(&["heal"]).ends(2);
    assert_eq!(told(&host), ["boss Test: web - ESCALATED"]);
}

#[test]
fn a_channel_that_takes_nothing_is_told_once_also_where_that_cannot_be_remembered() {
    let host = host(&[
        HOPELESS,
        &channel("team", ""),
        "[[notify]]\nname = \"dead\"\nvia = \"command\"\ncommand = [\"$DIR/bin/no\"]\n",
    ]);
    host.fake("no", "cat > /dev/null; exit 75");
    host.run(&["heal"]).ends(2);
    let before = host.read("state/channels.json");
    let mut all = Vec::new();
    for _ in 0..3 {
        host.run(&["heal"]).ends(2);
        all.extend(told(&host));
        host.write("state/channels.json", &before);
    }
    let of_channel = all.iter().filter(|one| one.contains("NOT REACHED")).count();
    assert_eq!(of_channel, 1, "{all:?}");
}

#[test]
fn what_others_find_while_one_run_tells_is_told_by_that_run_however_often() {
    let service = |name: &str| WEB.replace("web", name).replace("DIR/up", &format!("DIR/{name}"));
    let [a, b, c] = ["a", "b", "c"].map(service);
    let host = host(&[&a, &b, &c, &channel("team", "")]);
    // Each time a message arrives something else breaks, and another run sees it.
    let binary = real::miraclemax();
    let binary = binary.display();
    host.fake(
        "tell",
        &format!(
            "python3 -c 'import json,sys; print(json.load(sys.stdin)[\"subject\"].split()[-3])' >> $DIR/told\n\
             for next in b c; do\n\
             if [ -e $DIR/$next ]; then\n\
             rm $DIR/$next\n\
             {binary} --config $DIR/config.toml --state-dir $DIR/state check --notify >/dev/null 2>&1\n\
             exit 0\nfi\ndone"
        ),
    );
    host.write("b", "").write("c", "");
    host.run(&["check", "--notify"]).ends(2);
    let mut all = told(&host);
    all.sort();
    assert_eq!(all, ["a", "b", "c"]);
}
