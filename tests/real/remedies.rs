//! The steps of a ladder that need a real systemd: a reload of the same instance, and the last resort, which is
//! asked for once, with evidence, and told before.

use std::time::Duration;

use serde_json::Value;

use crate::support::machine::Machine;
use crate::support::real::{self, saw};
use crate::support::smtp::{Options, Receiver};

const FAST: &str = "name = \"MiracleMax\"\n[defaults]\ntries = 1\nstable_for = \"1s\"\nverify_for = \"2s\"\n\
                    cooldown = \"0s\"\nstart_grace = \"0s\"\n";

fn state(machine: &Machine) -> Value {
    let state = machine.read("/var/lib/miraclemax/state.json").expect("there is a state");
    serde_json::from_str(&state).expect("it is JSON")
}

#[test]
fn a_unit_that_can_reload_is_healed_by_that_and_stays_the_same_instance() {
    let Some(machine) = Machine::boot("reload") else { return };
    machine.write(
        "/etc/miraclemax/config.toml",
        &format!(
            "{FAST}[[service]]\nname = \"web\"\nreload_first = true\nchecks = [\"file:/run/up\"]\n\
             [[service]]\nname = \"plain\"\nreload_first = true\nchecks = [\"file:/run/plain\"]\n"
        ),
    );
    machine.unit(
        "web.service",
        "[Service]\nExecStart=sleep infinity\nExecReload=touch /run/up\n[Install]\nWantedBy=multi-user.target\n",
    );
    machine.unit(
        "plain.service",
        "[Service]\nExecStart=sh -c 'test ! -e /run/once || touch /run/plain; touch /run/once; exec sleep infinity'\n\
         [Install]\nWantedBy=multi-user.target\n",
    );
    machine.run(&["systemctl", "enable", "--now", "web", "plain"]).ok();
    let before = machine.property("web", "MainPID");
    let ran = machine.run(&["miraclemax", "heal"]);
    saw("heal", &ran.stdout);
    assert_eq!(ran.code(), 0, "{ran:?}");
    assert!(real::flat(&ran.stdout).contains("systemctl reload web.service"), "{}", ran.stdout);
    assert_eq!(machine.property("web", "MainPID"), before, "the same instance");
    let services = &state(&machine)["services"];
    assert_eq!(services["web"]["last_incident"]["healed_by"], "service_reload");
    // Without `ExecReload=` there is nothing to try but the restart.
    assert_eq!(services["plain"]["last_incident"]["healed_by"], "service_restart");
    assert_eq!(services["plain"]["attempts"][0]["outcome"], "refused");
}

#[test]
fn the_host_is_rebooted_once_for_what_hangs_in_the_kernel_and_that_is_told_before() {
    let Some(machine) = Machine::boot("reboot") else { return };
    // The machine's clock is the host's, and no host is rebooted soon after its boot.
    let up = std::fs::read_to_string("/proc/uptime").expect("Linux has it");
    let up: f64 = up.split(' ').next().and_then(|text| text.parse().ok()).expect("a number");
    if !real::or_skip("a host that has been up for 11 minutes", up > 660.0) {
        return;
    }
    let Some(receiver) = Receiver::start(&Options::default()) else { return };
    machine.write(
        "/etc/miraclemax/config.toml",
        &format!(
            "reboot = \"allowed\"\n{FAST}[[notify]]\nvia = \"email\"\nto = [\"me@example.org\"]\n\
             from = \"max@example.org\"\nsmtp = \"smtp+plain://127.0.0.1:{}\"\n\
             [[service]]\nname = \"stuck\"\nchecks = [\"file:/run/up\"]\n\
             healing_strategies = [\"service_restart\", \"reboot\"]\n",
            receiver.port()
        ),
    );
    // Whoever has called vfork(2) waits in the kernel until its child has gone: number 58 on x86-64.
    if !real::or_skip("vfork(2) by its number on x86-64", cfg!(target_arch = "x86_64")) {
        return;
    }
    machine.unit(
        "stuck.service",
        "[Service]\nExecStart=perl -e 'syscall(58); sleep 600'\n[Install]\nWantedBy=multi-user.target\n",
    );
    machine.write(
        "/usr/local/sbin/systemctl",
        "#!/bin/sh\necho \"$*\" >>/run/asked\ncase $1 in reboot) exit 0;; esac\nexec /usr/bin/systemctl \"$@\"\n",
    );
    machine.run(&["chmod", "755", "/usr/local/sbin/systemctl"]).ok();
    machine.run(&["systemctl", "enable", "--now", "stuck"]).ok();

    let ran = machine.run(&["miraclemax", "heal"]);
    saw("heal", &ran.stdout);
    assert_eq!(ran.code(), 2, "{ran:?}");
    assert!(real::flat(&ran.stdout).contains("the host is being rebooted"), "{}", ran.stdout);
    let reboots = || {
        let asked = machine.read("/run/asked").unwrap_or_default();
        asked.lines().filter(|line| line.starts_with("reboot")).count()
    };
    assert_eq!(reboots(), 1);
    let told = state(&machine)["reboot"]["why"].as_str().unwrap_or_default().to_owned();
    assert!(told.contains("(perl) hangs in the kernel"), "{told}");
    let mails = real::wait_until("the letter", Duration::from_secs(20), || {
        let mails = receiver.mails();
        mails.iter().any(|mail| mail.subject.contains("REBOOT")).then_some(mails)
    });
    let mail = mails.iter().find(|mail| mail.subject.contains("REBOOT")).expect("it came");
    assert!(real::flat(&mail.text).contains("hangs in the kernel"), "{}", mail.text);

    // It has not come about, and is not asked for again.
    machine.run(&["miraclemax", "heal"]);
    assert_eq!(reboots(), 1);
}
