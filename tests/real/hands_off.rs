//! What must not be restarted is not, and is told once; what fails again and again is given up and told once, and once more
//! when it works again.

use std::time::Duration;

use crate::support::machine::Machine;
use crate::support::real::{self, Output, saw};
use crate::support::smtp::{Options, Receiver};

const RUNS: usize = 5;

fn miraclemax(machine: &Machine, arguments: &[&str]) -> Output {
    let mut line = vec!["miraclemax"];
    line.extend(arguments);
    let output = machine.run(&line);
    saw(&line.join(" "), format_args!("{}{}[{}]", output.stdout, output.stderr, output.code()));
    output
}

fn config(receiver: &Receiver, services: &[&str]) -> String {
    let mut text = format!(
        "name = \"MiracleMax\"\n[defaults]\ntries = 1\nstable_for = \"1s\"\nverify_for = \"2s\"\n\
         cooldown = \"0s\"\nmax_heals = \"2 per 10m\"\n\
         [[notify]]\nvia = \"email\"\nto = [\"me@example.org\"]\nfrom = \"max@example.org\"\n\
         smtp = \"smtp+plain://127.0.0.1:{}\"\n",
        receiver.port()
    );
    for name in services {
        text.push_str(&format!("[[service]]\nname = \"{name}\"\nunit = \"{name}.service\"\n"));
    }
    text
}

fn subjects(receiver: &Receiver) -> Vec<String> {
    let mut subjects: Vec<String> = receiver.mails().into_iter().map(|mail| mail.subject).collect();
    subjects.sort();
    subjects
}

fn attempts(machine: &Machine, name: &str) -> usize {
    let state = machine.read("/var/lib/miraclemax/state.json").expect("there is a state");
    let state: serde_json::Value = serde_json::from_str(&state).expect("it is JSON");
    state["services"][name]["attempts"].as_array().map_or(0, Vec::len)
}

#[test]
fn what_an_administrator_or_systemd_holds_back_is_left_alone_and_told() {
    let Some(machine) = Machine::boot("hands-off") else { return };
    let Some(receiver) = Receiver::start(&Options::default()) else { return };
    let services = ["masked", "missing", "disabled", "slow", "once"];
    machine.write("/etc/miraclemax/config.toml", &config(&receiver, &services));
    // A unit file in /etc cannot be masked: the link would have to be where it is.
    machine
        .write("/usr/lib/systemd/system/masked.service", "[Service]\nExecStart=sleep infinity\n");
    machine.unit(
        "disabled.service",
        "[Service]\nExecStart=sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    );
    machine.unit("slow.service", "[Service]\nType=notify\nExecStart=sleep infinity\n");
    machine.unit("once.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=true\n");
    machine.run(&["systemctl", "mask", "masked"]).ok();
    machine.run(&["systemctl", "start", "once"]).ok();
    machine.run(&["systemctl", "start", "--no-block", "slow"]).ok();
    machine.wait_until("it is starting", Duration::from_secs(10), |machine| {
        (machine.property("slow", "ActiveState") == "activating").then_some(())
    });
    let before = machine.property("slow", "MainPID");

    let first = miraclemax(&machine, &["heal"]);
    assert_eq!(first.code(), 2, "{first:?}");
    for words in ["is masked", "is disabled", "is starting", "no manager here knows it"] {
        let said = real::flat(&first.stdout);
        assert!(said.contains(words), "no `{words}`: {}", first.stdout);
    }
    for _ in 1..RUNS {
        assert_eq!(machine.run(&["miraclemax", "heal", "-q"]).code(), 2);
    }
    for (unit, state) in [
        ("masked", "inactive"),
        ("disabled", "inactive"),
        ("slow", "activating"),
        ("once", "active"),
    ] {
        assert_eq!(machine.property(unit, "ActiveState"), state, "{unit}");
        assert_eq!(attempts(&machine, unit), 0, "{unit}");
    }
    assert_eq!(machine.property("slow", "MainPID"), before, "a slow starter is not restarted");
    assert_eq!(attempts(&machine, "missing"), 0);
    let mails = receiver.mails();
    for mail in &mails {
        saw(&mail.subject, &mail.text);
    }
    let told = ["disabled", "masked"].map(|name| format!("❌ MiracleMax: {name} - FAILED"));
    assert_eq!(subjects(&receiver), told, "each once in {RUNS} runs");
    let status = miraclemax(&machine, &["status"]);
    assert_eq!(status.code(), 2);
    miraclemax(&machine, &["status", "once", "masked"]);

    // The administrator changes their mind: that is enough.
    machine.sh("systemctl unmask masked; systemctl enable disabled").ok();
    miraclemax(&machine, &["heal"]);
    saw("after unmask and enable", subjects(&receiver).join("\n"));
}

#[test]
fn what_fails_again_and_again_is_told_once_and_its_recovery_once() {
    let Some(machine) = Machine::boot("broken") else { return };
    let Some(receiver) = Receiver::start(&Options::default()) else { return };
    machine.write("/etc/miraclemax/config.toml", &config(&receiver, &["broken"]));
    let unit = |command: &str| format!("[Service]\nExecStart=sh -c '{command}'\n");
    machine.unit(
        "broken.service",
        &unit("echo cannot open /srv/story/catalogue: no such file >&2; exit 3"),
    );
    machine.run(&["systemctl", "start", "broken"]);
    machine.wait_until("it has failed and said why", Duration::from_secs(20), |machine| {
        let failed = machine.property("broken", "ActiveState") == "failed";
        (failed && machine.journal(&["-u", "broken"]).contains("cannot open")).then_some(())
    });
    for _ in 0..RUNS {
        assert_eq!(machine.run(&["miraclemax", "heal", "-q"]).code(), 2);
    }
    assert_eq!(attempts(&machine, "broken"), 2, "never more than the budget");
    assert_eq!(subjects(&receiver), ["❌ MiracleMax: broken - FAILED"]);
    let mail = &receiver.mails()[0];
    saw(&mail.subject, &mail.text);
    for words in [
        "❌ ALL HEALING STRATEGIES FAILED",
        "MANUAL INTERVENTION REQUIRED",
        "journalctl -u broken.service -n 100",
        "cannot open /srv/story/catalogue: no such file",
    ] {
        assert!(mail.text.contains(words), "no `{words}` in\n{}", mail.text);
    }
    miraclemax(&machine, &["status"]);
    miraclemax(&machine, &["status", "broken"]);

    machine.unit("broken.service", &unit("exec sleep infinity"));
    machine.sh("systemctl reset-failed broken; systemctl start broken").ok();
    for _ in 0..RUNS {
        assert_eq!(machine.run(&["miraclemax", "heal", "-q"]).code(), 0);
    }
    let both = ["✅ MiracleMax: broken - RESOLVED", "❌ MiracleMax: broken - FAILED"];
    assert_eq!(subjects(&receiver), both);
    let mail = real::wait_until("it is there", Duration::from_secs(5), || receiver.mails().pop());
    saw(&mail.subject, &mail.text);
    let journal = machine.journal(&["-t", "miraclemax-self-heal"]);
    saw("journal", &journal);
    assert_eq!(journal.matches("-> failed").count(), 1, "{journal}");
}
