//! `log` probes on a machine: Debian's logrotate in the ways that people configure it, and a real journal through
//! rotation and vacuum, whose readers' own reports stand among the lines they read.

use std::time::Duration;

use serde_json::Value;

use crate::support::machine::Machine;
use crate::support::real::saw;

fn config(machine: &Machine, services: &str) {
    let text = format!(
        "name = \"Test\"\n[defaults]\ntries = 1\nstable_for = \"1s\"\nverify_for = \"3s\"\nstart_grace = \"1ms\"\ncooldown = \"0s\"\n{services}"
    );
    machine.write("/etc/miraclemax/config.toml", &text);
    machine.sh("chmod 600 /etc/miraclemax/config.toml").ok();
}

/// One run of `check`; the lines and the matches that the probe of the service `app` counted, and what it said.
fn look(machine: &Machine) -> (u64, u64, String) {
    machine.run(&["journalctl", "--sync"]).ok();
    let output = machine.run(&["miraclemax", "check", "app"]);
    saw("miraclemax check app", &output.stdout);
    let state = machine.read("/var/lib/miraclemax/state.json").expect("there is a state");
    let state: Value = serde_json::from_str(&state).expect("it is JSON");
    let looks = state["services"]["app"]["looks"].as_array().expect("there are looks");
    let look = looks
        .iter()
        .find(|look| look["probe"].as_str().is_some_and(|probe| probe.starts_with("log:")))
        .unwrap_or_else(|| panic!("no log probe in {looks:?}"));
    let number = |label: &str| {
        let measures = look["measures"].as_array().into_iter().flatten();
        let mut value =
            measures.filter(|m| m["label"] == label).filter_map(|m| m["value"].as_f64());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
        value.next().map_or(u64::MAX, |value| value as u64)
    };
    (number("lines"), number("matches"), look.to_string())
}

#[test]
fn logrotate_loses_no_line_in_any_of_its_ways() {
    let Some(machine) = Machine::boot("logrotate") else { return };
    config(
        &machine,
        "[[service]]\nname = \"app\"\nheal = \"off\"\nchecks = [\"log:/var/log/app/app.log?hold=0s\"]\n",
    );
    for (way, options) in [
        ("create", "create"),
        ("nocreate", "nocreate"),
        ("copytruncate", "copytruncate"),
        ("dateext", "dateext\ndateformat -%Y%m%d-ROUND\ncreate"),
        ("extension", "extension .log\ncreate"),
        ("delaycompress", "compress\ndelaycompress\ncreate"),
    ] {
        machine
            .sh("rm -rf /var/log/app; mkdir -p /var/log/app; echo start >/var/log/app/app.log")
            .ok();
        look(&machine);
        look(&machine);
        let turn = "logrotate --force --state /tmp/rotated /etc/rotate.conf";
        for round in 0..3 {
            // The same day has but one date.
            let options = options.replace("ROUND", &round.to_string());
            let rule = format!("/var/log/app/app.log {{\nrotate 5\n{options}\n}}\n");
            machine.write("/etc/rotate.conf", &rule);
            machine.sh("chmod 644 /etc/rotate.conf").ok();
            // With the round, as logs have the time: a file that was cut and has the same bytes again is the same.
            machine.sh(&format!("echo ERROR rest {round} >>/var/log/app/app.log")).ok();
            machine.sh(turn).ok();
            machine.sh(&format!("echo ERROR new {round} >>/var/log/app/app.log")).ok();
            let (lines, matches, look) = look(&machine);
            assert_eq!((lines, matches), (2, 2), "{way}, round {round}: {look}");
        }
    }
}

#[test]
fn a_journal_is_read_on_across_vacuum_and_our_own_words_in_it_are_none() {
    let Some(machine) = Machine::boot("journal") else { return };
    machine.unit("app.service", "[Service]\nExecStart=sleep infinity\n");
    let say = |text: &str| {
        machine.unit("say.service", &format!("[Service]\nType=oneshot\nExecStart=echo {text}\n"));
        machine.run(&["systemctl", "start", "say"]).ok();
    };
    config(
        &machine,
        "[[service]]\nname = \"app\"\nunit = \"app.service\"\nchecks = [\"log:say?match=NEWS|ERROR&hold=0s\"]\n",
    );
    machine.run(&["systemctl", "start", "app"]).ok();
    let (.., nothing) = look(&machine);
    assert!(nothing.contains("the journal has no entry of `say.service`"), "{nothing}");
    say("NEWS first");
    assert_eq!(look(&machine).1, 1, "all that a new unit says is new");
    assert_eq!(look(&machine).0, 0);

    // The entry that was read last is gone, and so is its file; the first one after it must not be passed over.
    machine.sh("journalctl --rotate; sleep 1.1; journalctl --rotate --vacuum-time=1s").ok();
    let left = machine.journal(&["-u", "say"]);
    assert_eq!(left, "", "the old entries are gone");
    assert_eq!(look(&machine).0, 0);
    say("NEWS second");
    let entries = machine.journal(&["-u", "say"]).lines().count();
    let (lines, matches, look_) = look(&machine);
    assert_eq!((usize::try_from(lines), matches), (Ok(entries), 1), "{look_}");

    // As `heal` writes of a unit: by root, with the unit as its object. journalctl shows it among the unit's own.
    let ours = "SYSLOG_IDENTIFIER=miraclemax-self-heal\nOBJECT_SYSTEMD_UNIT=say.service\nMESSAGE=still down: ERROR\n";
    machine.run_with(&["logger", "--journald"], ours.as_bytes(), Duration::from_secs(10)).ok();
    machine.wait_until("journald has it", Duration::from_secs(10), |machine| {
        machine.journal(&["-u", "say"]).contains("still down: ERROR").then_some(())
    });
    assert_eq!((look(&machine).0, look(&machine).1), (0, 0));

    // Another user may not read what the system's units say.
    machine.sh("useradd --create-home joe").ok();
    let output = machine.run_as("joe", &["miraclemax", "check", "log:say"]);
    saw("joe", &output.stdout);
    assert_eq!(output.code(), 3, "{output:?}");
    assert!(output.stdout.contains("no right to read the journal"), "{output:?}");
}

#[test]
fn a_unit_whose_journal_has_an_error_is_restarted_once_and_stays_healed() {
    let Some(machine) = Machine::boot("log-heals") else { return };
    machine.unit(
        "app.service",
        "[Service]\nExecStart=sh -c 'trap \"echo ERROR last words; exit 0\" TERM; \
         while test ! -e /run/trip; do sleep 0.05; done; rm /run/trip; echo ERROR cannot go on; \
         while :; do sleep 0.05; done'\n",
    );
    config(
        &machine,
        "[[service]]\nname = \"app\"\nunit = \"app.service\"\nchecks = [\"log:app\"]\n",
    );
    machine.run(&["systemctl", "start", "app"]).ok();
    assert_eq!(machine.run(&["miraclemax", "heal"]).code(), 0);
    machine.sh("touch /run/trip").ok();
    machine.wait_until("it has said so", Duration::from_secs(10), |machine| {
        machine.journal(&["-u", "app"]).contains("cannot go on").then_some(())
    });
    let healed = machine.run(&["miraclemax", "heal"]);
    saw("miraclemax heal", &healed.stdout);
    assert_eq!(healed.code(), 0, "{healed:?}");
    assert!(healed.stdout.contains("healed"), "{healed:?}");
    for _ in 0..3 {
        let after = machine.run(&["miraclemax", "heal"]);
        assert_eq!(after.code(), 0, "{after:?}");
    }
    let healings = machine.journal(&["-t", "miraclemax-self-heal"]);
    saw("journal", &healings);
    let starts = machine.journal(&["-u", "app"]).matches("Started app.service").count();
    assert_eq!(starts, 2, "at first, and once again");
}
