//! `heal --drill`: the first command anybody types. On this host, and as a transient unit of a real systemd; it leaves
//! nothing behind.

use std::fs;

use crate::support::machine::Machine;
use crate::support::place::Place;
use crate::support::real::{flat, saw};
use crate::support::supervisor::Who;

/// The promise: found, healed and verified in less than ten seconds.
const LIMIT: f64 = 10.0;

/// Looks at the steps and their times; how long it took from the break to the proof, as the drill measured it.
fn timeline(text: &str) -> f64 {
    let words: Vec<(f64, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut parts = line.split_whitespace();
            let seconds = parts.next()?.strip_suffix('s')?.parse().ok()?;
            Some((seconds, parts.next()?))
        })
        .collect();
    let steps: Vec<&str> = words.iter().map(|(_, word)| *word).collect();
    assert_eq!(
        steps,
        ["started", "seen", "broken", "found", "restarted", "verified", "reported", "passed"],
        "{text}"
    );
    assert!(words.is_sorted_by(|a, b| a.0 <= b.0), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "lines fit a terminal:\n{text}");
    let at = |step: &str| words.iter().find(|(_, word)| *word == step).map(|(seconds, _)| *seconds);
    let took = at("verified").zip(at("broken")).map(|(verified, broken)| verified - broken);
    took.expect("both steps are there")
}

#[test]
fn the_drill_passes_on_this_host_and_leaves_nothing() {
    for who in [Who::Same, Who::Nobody] {
        let place = Place::new(who);
        let temp = place.folder().join("home");
        let temp = temp.to_str().expect("its name is ASCII");
        let ran = place.run_with(&[("TMPDIR", temp)], &["heal", "--drill"]);
        assert_eq!(ran.code(), 0, "{ran}");
        let seconds = timeline(&ran.output.stdout);
        assert!(seconds < LIMIT, "{seconds} s");
        assert_eq!(ran.output.stderr, "");
        let left: Vec<_> = fs::read_dir(temp).expect("it is there").collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(!place.state_dir().exists(), "the drill has a state of its own");
        // Its port and its folder name it among the processes.
        let running: Vec<String> = fs::read_dir("/proc")
            .expect("Linux has it")
            .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
            .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
            .filter(|line| line.contains("drill-service") && line.contains(temp))
            .collect();
        assert!(running.is_empty(), "{running:?}");
    }
}

#[test]
fn the_drill_passes_as_a_unit_of_systemd_and_leaves_nothing() {
    let Some(machine) = Machine::boot("drill") else { return };
    let before =
        machine.sh("ls -A /tmp /var/lib; ls -A /run/systemd/transient || true").ok().stdout;
    let ran = machine.run(&["miraclemax", "heal", "--drill"]);
    saw("heal --drill", &ran.stdout);
    assert_eq!((ran.code(), ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    let seconds = timeline(&ran.stdout);
    assert!(seconds < LIMIT, "{seconds} s");
    let said = flat(&ran.stdout);
    assert!(said.contains("transient systemd unit miraclemax-drill-"), "{}", ran.stdout);
    let units = machine.run(&["systemctl", "list-units", "--all", "miraclemax-drill*"]).ok().stdout;
    assert!(units.contains("0 loaded units"), "{units}");
    assert_eq!(
        machine.sh("ls -A /tmp /var/lib; ls -A /run/systemd/transient || true").ok().stdout,
        before
    );
    assert_eq!(machine.run(&["pgrep", "-f", "drill-service"]).code(), 1);
    let quiet = machine.run(&["miraclemax", "heal", "--drill", "-q"]);
    assert_eq!((quiet.code(), quiet.stdout.as_str(), quiet.stderr.as_str()), (0, "", ""));
}
