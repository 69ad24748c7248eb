//! contrib/systemd as it is: the units are valid, the timer's run heals, and what it finds does not make the healer's own unit
//! fail.

use std::time::Duration;

use crate::support::machine::Machine;
use crate::support::pings::{Action, Pings};
use crate::support::real::saw;

const UNITS: [(&str, &str); 4] = [
    ("miraclemax-heal.service", include_str!("../../contrib/systemd/miraclemax-heal.service")),
    ("miraclemax-heal.timer", include_str!("../../contrib/systemd/miraclemax-heal.timer")),
    ("miraclemax-ping.service", include_str!("../../contrib/systemd/miraclemax-ping.service")),
    ("miraclemax-ping.timer", include_str!("../../contrib/systemd/miraclemax-ping.timer")),
];
const UUID: &str = "1f2e3d4c-5b6a-4798-8a9b-acbdcedf0a04";

fn installed(name: &str) -> Option<Machine> {
    let machine = Machine::boot(name)?;
    for (name, text) in UNITS {
        machine.unit(name, text);
    }
    Some(machine)
}

/// systemd forgets a unit that has ended well, and with it how.
const NOTED: &str = "[Service]\nExecStopPost=+sh -c 'echo $EXIT_STATUS >/run/ended'\n";

/// Runs the unit once; the exit status of the program in it.
fn run_once(machine: &Machine, unit: &str) -> String {
    machine.write(&format!("/etc/systemd/system/{unit}.d/noted.conf"), NOTED);
    machine.run(&["systemctl", "daemon-reload"]).ok();
    let started = machine.run(&["systemctl", "start", unit]);
    let status = machine.read("/run/ended").unwrap_or_default().trim().to_owned();
    saw(&format!("systemctl start {unit}"), format_args!("{started:?}, program: {status}"));
    saw("its journal", machine.journal(&["-u", unit]));
    assert_eq!(started.code(), 0, "{started:?}");
    assert_ne!(machine.property(unit, "ActiveState"), "failed");
    status
}

#[test]
fn the_timers_run_heals_and_pings() {
    let Some(machine) = installed("timer") else { return };
    for (name, _) in UNITS {
        let path = format!("/etc/systemd/system/{name}");
        let verify = machine.run(&["systemd-analyze", "verify", "--man=no", &path]);
        assert_eq!(
            (verify.code(), verify.stdout.as_str(), verify.stderr.as_str()),
            (0, "", ""),
            "{name}"
        );
    }
    let pings = Pings::start();
    machine.write("/etc/miraclemax/ping-url", &pings.check(UUID));
    machine.write(
        "/etc/miraclemax/config.toml",
        "[[service]]\nname = \"story\"\nstable_for = \"1s\"\n\
         [[heartbeat]]\nname = \"outside\"\nurl_file = \"/etc/miraclemax/ping-url\"\n",
    );
    machine.sh("chmod 600 /etc/miraclemax/*").ok();
    machine.unit("story.service", "[Service]\nExecStart=sleep infinity\n");
    machine.run(&["systemctl", "start", "miraclemax-heal.timer"]).ok();
    machine.wait_until("the timer's minute has healed it", Duration::from_secs(100), |machine| {
        (machine.property("story", "ActiveState") == "active").then_some(())
    });
    machine.wait_until("the run has ended", Duration::from_secs(30), |machine| {
        (machine.property("miraclemax-heal.service", "ActiveState") == "inactive").then_some(())
    });
    assert_eq!(machine.run(&["miraclemax", "status", "-q"]).code(), 0);
    assert_eq!(machine.property("miraclemax-heal.service", "Result"), "success");
    assert_eq!(run_once(&machine, "miraclemax-ping.service"), "0");
    let taken = pings.wait_for(1, Duration::from_secs(10));
    assert_eq!(taken[0].action, Action::Success, "{taken:?}");
    saw("ping", &taken[0].body);
    let mode = machine.sh("stat -c '%a %U' /var/lib/miraclemax").ok().stdout;
    assert_eq!(mode, "700 root\n");
    let events = machine.read("/var/lib/miraclemax/events.jsonl").unwrap_or_default();
    assert!(events.contains("success accepted"), "the sandboxed ping is remembered: {events}");
}

#[test]
fn what_the_healer_finds_does_not_make_its_own_unit_fail() {
    let Some(machine) = installed("findings") else { return };
    machine.unit("ink.service", "[Service]\nExecStart=false\n");
    let ink = |critical: bool| {
        format!(
            "[defaults]\ntries = 1\nverify_for = \"1s\"\nstable_for = \"1s\"\nmax_heals = \"1 per 10m\"\n\
             [[service]]\nname = \"ink\"\ncritical = {critical}\n"
        )
    };
    let unknown = "[[service]]\nname = \"puzzle\"\nchecks = [\"exec:/bin/sh -c 'exit 3'\"]\n\
                   start = [\"true\"]\ntries = 1\n";
    for (config, status) in [(ink(false).as_str(), "1"), (&ink(true), "2"), (unknown, "3")] {
        machine.sh("rm -f /run/ended").ok();
        machine.write("/etc/miraclemax/config.toml", config);
        assert_eq!(run_once(&machine, "miraclemax-heal.service"), status, "{config}");
    }
    // A broken config is nobody's finding but the administrator's.
    machine.sh("rm -r /var/lib/miraclemax").ok();
    machine.write("/etc/miraclemax/config.toml", "[[services]]\n");
    assert_ne!(machine.run(&["systemctl", "start", "miraclemax-heal.service"]).code(), 0);
    assert_eq!(machine.property("miraclemax-heal.service", "ExecMainStatus"), "78");

    machine.write("/etc/miraclemax/config.toml", unknown);
    machine.write(
        "/etc/systemd/system/miraclemax-heal.service.d/state.conf",
        "[Service]\nStateDirectory=\nStateDirectory=elsewhere\n",
    );
    assert_eq!(run_once(&machine, "miraclemax-heal.service"), "3");
    machine.sh("test -s /var/lib/elsewhere/state.json").ok();
}
