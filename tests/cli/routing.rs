//! Different people for different things: who is told later, again, by night, of the host itself, and every day.

use std::time::Duration;

use serde_json::Value;

use super::HOPELESS;
use super::hearing::{channel, host, told};
use crate::support::host::Host;

const HOUR: Duration = Duration::from_secs(3600);

/// One that nothing helps, and that is told again every hour.
fn web() -> String {
    format!("{HOPELESS}remind_every = \"1h\"\n")
}

/// The team, and who is told later.
fn channels() -> String {
    channel("team", "") + &channel("boss", "after = \"30m\"\nremind_every = \"2h\"")
}

#[test]
fn the_next_people_are_told_when_it_lasts_and_of_its_end_only_if_they_were() {
    let host = host(&[&web(), &channels()]);
    host.run(&["heal"]).ends(2);
    assert_eq!(told(&host), ["team Test: web - FAILED"]);
    host.age(Duration::from_secs(1500));
    host.run(&["heal"]).ends(2);
    assert_eq!(told(&host), [] as [&str; 0]);
    host.write("up", "");
    host.run(&["heal"]).ends(0);
    assert_eq!(told(&host), ["team Test: web - RESOLVED"], "the boss never heard of it");

    std::fs::remove_file(host.path("up")).unwrap();
    host.age(24 * HOUR);
    host.run(&["heal"]).ends(2);
    assert_eq!(told(&host), ["team Test: web - FAILED"]);
    host.age(HOUR / 2);
    host.run(&["heal"]).ends(2);
    assert_eq!(told(&host), ["boss Test: web - ESCALATED"]);
    host.run(&["heal"]).ends(2);
    assert_eq!(told(&host), [] as [&str; 0], "once");
    host.age(HOUR / 2);
    host.run(&["heal"]).ends(2);
    assert_eq!(told(&host), ["team Test: web - STILL DOWN"], "each by a time of its own");
    host.age(HOUR + HOUR / 2);
    host.run(&["heal"]).ends(2);
    let mut both = told(&host);
    both.sort();
    assert_eq!(both, ["boss Test: web - STILL DOWN", "team Test: web - STILL DOWN"]);
    host.write("up", "");
    host.run(&["heal"]).ends(0);
    let mut both = told(&host);
    both.sort();
    assert_eq!(both, ["boss Test: web - RESOLVED", "team Test: web - RESOLVED"]);
}

#[test]
fn by_night_only_what_is_critical_is_sent() {
    let night = channel("team", "quiet_hours = \"00:00-24:00\"");
    let shop = web().replace("web", "shop").replace("DIR/up", "DIR/open") + "critical = false\n";
    let host = host(&[&web(), &shop, &night]);
    host.run(&["heal"]).ends(2);
    assert_eq!(told(&host), ["team Test: web - FAILED"]);
    let json = host.run(&["status", "--format", "json"]).json();
    let waiting = json["notifications_waiting"].as_array().unwrap();
    assert!(waiting.len() == 1 && waiting[0]["why"].as_str().unwrap().contains("shop"), "{json}");
    let config = host.read("config.toml").replace("quiet_hours = \"00:00-24:00\"", "");
    host.write("config.toml", &config);
    host.run(&["heal"]).ends(2);
    let morning = told(&host);
    assert!(morning.len() == 1 && morning[0].contains("shop"), "{morning:?}");
}

#[test]
fn what_comes_back_by_itself_before_anybody_was_told_is_told() {
    let waits = web() + "boot_grace = \"900d\"\n";
    let host = host(&[&waits, &channels()]);
    host.run(&["heal"]).ends(2);
    assert_eq!(told(&host), [] as [&str; 0], "it is given time");
    host.write("up", "");
    host.run(&["heal"]).ends(0);
    assert_eq!(told(&host), ["team Test: web - CAME BACK"]);
    host.run(&["heal"]).ends(0);
    assert_eq!(told(&host), [] as [&str; 0]);
}

/// Sets the time of the last cycle, and whether it was in this boot.
fn last_cycle(host: &Host, hours_ago: i64, boot: Option<&str>) {
    let mut state = host.state();
    let stamp = &mut state["cycle"]["finished"];
    let wall: jiff::Timestamp = stamp["wall"].as_str().unwrap().parse().unwrap();
    stamp["wall"] = (wall - jiff::SignedDuration::from_hours(hours_ago)).to_string().into();
    if let Some(boot) = boot {
        stamp["boot"] = boot.into();
    }
    host.write("state/state.json", &state.to_string());
}

#[test]
fn a_restart_of_the_host_is_told_once_and_not_where_it_was_asked_for() {
    let host = host(&[&web(), &channels()]);
    host.write("up", "");
    host.run(&["heal"]).ends(0);
    last_cycle(&host, 1, Some("another-boot"));
    host.run(&["check"]).ends(0);
    assert_eq!(told(&host), [] as [&str; 0], "a check tells nobody unless it is asked to");
    host.run(&["heal"]).ends(0);
    let hostname = host.state()["host"].as_str().unwrap().to_owned();
    assert_eq!(told(&host), [format!("team Test: {hostname} - RESTARTED")]);
    host.run(&["heal"]).ends(0);
    assert_eq!(told(&host), [] as [&str; 0]);

    last_cycle(&host, 1, Some("the-boot-before"));
    let mut state = host.state();
    let at = state["cycle"]["finished"].clone();
    state["reboot"] = serde_json::json!({"at": at, "service": "web", "incident": "i", "why": "w"});
    host.write("state/state.json", &state.to_string());
    host.run(&["heal"]).ends(0);
    assert_eq!(told(&host), [] as [&str; 0], "its own restart has a letter of its own");
}

#[test]
fn how_things_stand_is_told_when_it_is_time_and_once() {
    let daily = "[[notify]]\nname = \"day\"\nvia = \"command\"\ncommand = [\"$DIR/bin/keep\"]\nsummary = \"00:00 UTC\"\n";
    let host = host(&[&web(), daily]);
    host.fake("keep", "cat >> $DIR/told; echo >> $DIR/told");
    host.write("up", "");
    let letters = || -> Vec<Value> {
        let lines = std::fs::read_to_string(host.path("told")).unwrap_or_default();
        lines
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    host.run(&["heal"]).ends(0);
    host.run(&["heal"]).ends(0);
    assert_eq!(letters().len(), 0, "of what was before it was asked for there is nothing to say");
    let mut state = host.state();
    let at: jiff::Timestamp = state["summed"]["day"]["at"].as_str().unwrap().parse().unwrap();
    state["summed"]["day"]["at"] = (at - jiff::SignedDuration::from_hours(24)).to_string().into();
    host.write("state/state.json", &state.to_string());
    host.run(&["heal"]).ends(0);
    host.run(&["heal"]).ends(0);
    let all = letters();
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0]["subject"].as_str().unwrap().contains(" - 1 service up"), "{all:?}");
    let text = all[0]["text"].as_str().unwrap();
    for said in [
        "HOW THINGS STAND",
        "all services were looked at 2 times.",
        "* up all the time: web",
        "A heartbeat",
    ] {
        let said = said.replace("A heartbeat", "a heartbeat");
        assert!(text.replace("\n  ", " ").contains(&said), "{said}: {text}");
    }
}
