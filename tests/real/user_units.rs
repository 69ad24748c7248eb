//! Without root, in cron's bare environment: the units of the user's own systemd are healed, those of the system are not, and
//! that is said.

use std::time::Duration;

use crate::support::machine::Machine;
use crate::support::real::{Output, flat, saw};

const CRONTAB: &str = include_str!("../../contrib/crontab.example");
/// Cron's minute, and a run on a busy machine.
const MINUTE: Duration = Duration::from_secs(120);

/// What cron gives to a crontab of this user, and nothing else.
fn as_cron(machine: &Machine, arguments: &[&str]) -> Output {
    let bare =
        ["env", "-i", "HOME=/home/max", "LOGNAME=max", "PATH=/usr/bin:/bin", "SHELL=/bin/sh"];
    let mut line = bare.to_vec();
    line.push("/usr/local/bin/miraclemax");
    line.extend(arguments);
    let output = machine.run_as("max", &line);
    saw(
        &format!("miraclemax {}", arguments.join(" ")),
        format_args!("{}{}[{}]", output.stdout, output.stderr, output.code()),
    );
    output
}

fn systemctl(machine: &Machine, arguments: &str) -> Output {
    let script = format!("XDG_RUNTIME_DIR=/run/user/$(id -u) systemctl --user {arguments}");
    machine.run_as("max", &["sh", "-c", &script])
}

/// A machine with a user `max` who lingers and has this config.
fn with_user(name: &str, config: &str) -> Option<Machine> {
    let machine = Machine::boot(name)?;
    machine.sh("useradd --create-home --shell /bin/sh max && loginctl enable-linger max").ok();
    machine.write("/home/max/.config/miraclemax/config.toml", config);
    machine.write(
        "/home/max/.config/systemd/user/story.service",
        "[Service]\nExecStart=sleep infinity\n",
    );
    machine.sh("chown -R max: /home/max").ok();
    machine.wait_until("the user's systemd runs", Duration::from_secs(30), |machine| {
        systemctl(machine, "daemon-reload").status.success().then_some(())
    });
    Some(machine)
}

#[test]
fn a_unit_of_the_users_own_systemd_is_healed_from_cron_without_root() {
    let config = "[[service]]\nname = \"story\"\nstable_for = \"2s\"\n";
    let Some(machine) = with_user("user", config) else { return };
    systemctl(&machine, "start story").ok();
    assert_eq!(as_cron(&machine, &["check"]).code(), 0);
    systemctl(&machine, "stop story").ok();
    let ran = as_cron(&machine, &["heal"]);
    assert_eq!(ran.code(), 0, "{ran:?}");
    assert_eq!(systemctl(&machine, "is-active story").stdout, "active\n");
    assert!(ran.stdout.contains("healed"), "{ran:?}");

    let pid = systemctl(&machine, "show --value -p MainPID story").ok().stdout;
    assert_ne!(pid.trim(), "0");
    machine.run_as("max", &["kill", "-9", pid.trim()]).ok();
    machine.wait_until("it was killed", Duration::from_secs(10), |machine| {
        systemctl(machine, "is-failed story").status.success().then_some(())
    });
    let ran = as_cron(&machine, &["heal", "-q"]);
    assert_eq!(ran.code(), 0, "{ran:?}");
    assert!(ran.stdout.contains("story"), "no channel is configured, so it is said here: {ran:?}");
    assert_eq!(systemctl(&machine, "is-active story").stdout, "active\n");
    let state = machine.read("/home/max/.local/state/miraclemax/state.json").expect("his own");
    assert!(state.contains("\"healed\"") && state.contains("systemctl --user restart"), "{state}");
    assert_eq!(as_cron(&machine, &["status"]).code(), 0);
    let journal = machine.journal(&["-t", "miraclemax-self-heal"]);
    assert!(journal.contains("story: systemctl --user restart story.service: healed"), "{journal}");
    let drill = as_cron(&machine, &["heal", "--drill"]).ok();
    assert!(flat(&drill.stdout).contains("of the user's systemd"), "{}", drill.stdout);

    // And by cron itself, from contrib's example as it is.
    machine.run_with(&["crontab", "-u", "max", "-"], CRONTAB.as_bytes(), MINUTE).ok();
    systemctl(&machine, "stop story").ok();
    machine.wait_until("cron's minute has healed it", MINUTE, |machine| {
        (systemctl(machine, "is-active story").stdout == "active\n").then_some(())
    });
}

#[test]
fn a_unit_of_the_system_is_not_healed_without_the_right_and_that_is_said() {
    let config = "[[service]]\nname = \"ink\"\nunit = \"ink.service\"\ntries = 1\nstable_for = \"1s\"\n\
                  verify_for = \"2s\"\n";
    let Some(machine) = with_user("no-right", config) else { return };
    machine.unit("ink.service", "[Service]\nExecStart=sleep infinity\n");
    machine.run(&["systemctl", "start", "ink"]).ok();
    assert_eq!(as_cron(&machine, &["check"]).code(), 0, "looking needs no right");
    machine.run(&["systemctl", "stop", "ink"]).ok();
    for _ in 0..3 {
        let ran = as_cron(&machine, &["heal"]);
        assert_eq!(ran.code(), 2, "never OK: {ran:?}");
        assert!(flat(&ran.stdout).contains("no right"), "{ran:?}");
    }
    assert_eq!(machine.property("ink", "ActiveState"), "inactive");
    let status = as_cron(&machine, &["status", "ink"]);
    assert_eq!(status.code(), 2);
    assert!(flat(&status.stdout).contains("no right"), "{status:?}");
    assert!(!flat(&status.stdout).contains("the next run tries again"), "{status:?}");
}
