//! What a real systemd proves of an outage: a config that was changed, memory that ran out, somebody else on the port.

use serde_json::Value;

use crate::support::machine::Machine;
use crate::support::real::{flat, saw};

const FAST: &str = "name = \"MiracleMax\"\n[defaults]\ntries = 1\nstable_for = \"1s\"\nverify_for = \"3s\"\n\
                    cooldown = \"0s\"\nmax_heals = \"1 per 10m\"\nboot_grace = \"0s\"\n";

/// The evidence of the service's only incident.
fn evidence(machine: &Machine, service: &str) -> (Value, String) {
    let cat = |name: &str| {
        machine.sh(&format!("cat /var/lib/miraclemax/incidents/{service}-*/{name}")).ok().stdout
    };
    let text = cat("evidence.txt");
    saw("evidence.txt", &text);
    (serde_json::from_str(&cat("evidence.json")).expect("it is JSON"), text)
}

#[test]
fn a_changed_config_memory_that_ran_out_and_a_taken_port_are_told_as_the_cause() {
    let Some(machine) = Machine::boot("evidence") else { return };
    machine.write(
        "/etc/miraclemax/config.toml",
        &format!(
            "{FAST}[[service]]\nname = \"web\"\nconfig_files = [\"/etc/web.conf\"]\n\
             healing_strategies = [\"service_restart\"]\n\
             [[service]]\nname = \"hungry\"\n\
             [[service]]\nname = \"bound\"\nport = 8099\nchecks = [\"systemd:bound\"]\n\
             healing_strategies = [\"service_restart\"]\n"
        ),
    );
    machine.write("/etc/web.conf", "good\n");
    machine.unit(
        "web.service",
        "[Service]\nExecStart=sh -c 'grep -q good /etc/web.conf || exit 78; exec sleep infinity'\n\
         WorkingDirectory=/var/tmp\nStateDirectory=web\n[Install]\nWantedBy=multi-user.target\n",
    );
    machine.unit(
        "hungry.service",
        "[Service]\nExecStart=sh -c 'if test -e /run/eat; then rm /run/eat; exec perl -e \"my \\$x = q(x) x 300000000; sleep 60\"; fi; exec sleep infinity'\n\
         MemoryMax=40M\nMemorySwapMax=0\n[Install]\nWantedBy=multi-user.target\n",
    );
    machine.unit(
        "bound.service",
        "[Service]\nExecStart=sh -c 'test ! -e /run/taken || exit 1; exec sleep infinity'\n\
         [Install]\nWantedBy=multi-user.target\n",
    );
    machine.run(&["systemctl", "enable", "--now", "web", "hungry", "bound"]).ok();
    machine.run(&["miraclemax", "heal", "-q"]);

    machine.write("/etc/web.conf", "bad\n");
    machine.sh("systemctl restart web; sleep 1; systemctl is-failed web").ok();
    machine.run(&["miraclemax", "heal", "web"]);
    let (json, text) = evidence(&machine, "web");
    let cause = json["cause"].as_str().unwrap_or_default();
    assert!(cause.starts_with("exit status 78 (EX_CONFIG), "), "{cause}");
    assert!(cause.ends_with(" after `/etc/web.conf` was changed"), "{cause}");
    let places = &json["scene"]["file_systems"];
    assert!(
        places.as_array().is_some_and(|all| all.iter().any(|one| one["used"] == true)),
        "{places}"
    );
    assert!(text.contains("Last lines of its log:"), "{text}");
    let status = machine.run(&["miraclemax", "status", "web"]).stdout;
    assert!(
        flat(&status).contains("exit status 78") || flat(&status).contains("failed"),
        "{status}"
    );

    machine.sh("touch /run/taken; perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 1, LocalPort => 8099, ReuseAddr => 1) or die; sleep 300' >/dev/null 2>&1 & sleep 1; systemctl restart bound; sleep 1").ok();
    machine.run(&["miraclemax", "heal", "bound"]);
    let (json, _) = evidence(&machine, "bound");
    let cause = json["cause"].as_str().unwrap_or_default();
    assert!(cause.starts_with("exit status 1; its port 8099 is held by `perl"), "{cause}");
    assert!(cause.contains("user root"), "{cause}");

    // Where memory cgroups are not to be had, the limit does nothing.
    machine.sh("touch /run/eat; systemctl restart hungry; sleep 3").ok();
    let result = machine.property("hungry", "Result");
    saw("Result of the unit that ate its memory", &result);
    if result == "oom-kill" {
        machine.run(&["miraclemax", "heal", "hungry"]);
        let (json, _) = evidence(&machine, "hungry");
        let cause = json["cause"].as_str().unwrap_or_default();
        assert!(cause.starts_with("killed by the "), "{cause}");
        assert!(cause.contains("its limit (`MemoryMax`) is 40.0 MiB"), "{cause}");
    }
}
