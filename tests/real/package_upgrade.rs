//! While dpkg is at work nothing is restarted: a real package whose maintainer script takes its time.

use std::time::Duration;

use crate::support::machine::Machine;
use crate::support::real::{self, saw};

const BOUND: Duration = Duration::from_secs(60);

#[test]
fn what_is_down_while_dpkg_is_at_work_is_healed_when_it_has_done() {
    let Some(machine) = Machine::boot("upgrade") else { return };
    machine.write(
        "/etc/miraclemax/config.toml",
        "[defaults]\ntries = 1\nstable_for = \"1s\"\n[[service]]\nname = \"web\"\nunit = \"web.service\"\n",
    );
    machine.unit("web.service", "[Service]\nExecStart=sleep infinity\n");
    machine.write(
        "/root/slow/DEBIAN/control",
        "Package: slow\nVersion: 1\nArchitecture: all\nMaintainer: Max <max@example.org>\nDescription: slow\n",
    );
    machine.write(
        "/root/slow/DEBIAN/postinst",
        "#!/bin/sh\ntouch /root/begun\nuntil [ -e /root/go-on ]; do sleep 0.1; done\n",
    );
    machine.run(&["chmod", "755", "/root/slow/DEBIAN/postinst"]).ok();
    machine.run(&["dpkg-deb", "-b", "/root/slow", "/root/slow.deb"]).ok();
    machine.run(&["systemd-run", "--unit=upgrade", "dpkg", "-i", "/root/slow.deb"]).ok();
    real::wait_until("the upgrade has begun", BOUND, || machine.read("/root/begun"));

    let heal = |arguments: &[&str]| {
        let mut line = vec!["miraclemax", "heal"];
        line.extend(arguments);
        let output = machine.run(&line);
        saw(&line.join(" "), format_args!("{}{}", output.stdout, output.stderr));
        output
    };
    let output = heal(&[]);
    assert_eq!(output.code(), 2);
    let said = real::flat(&output.stdout);
    assert!(said.contains("a package manager is at work (dpkg, pid "), "{said}");
    assert_eq!(machine.run(&["systemctl", "is-active", "web"]).code(), 3);
    let said = real::flat(&heal(&["--dry-run"]).stdout);
    assert!(said.contains("a package manager is at work (dpkg, pid "), "{said}");

    machine.run(&["touch", "/root/go-on"]).ok();
    real::wait_until("the upgrade has ended", BOUND, || {
        let state = machine.run(&["systemctl", "is-active", "upgrade"]);
        (state.stdout.trim() != "active").then_some(())
    });
    // Asking left no lock behind, and took none from it.
    assert!(machine.run(&["dpkg", "-s", "slow"]).ok().stdout.contains("install ok installed"));
    let output = heal(&[]).ok();
    assert!(output.stdout.starts_with("healed  web  "), "{}", output.stdout);
}
