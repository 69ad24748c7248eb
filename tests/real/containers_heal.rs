//! Containers that are down or unwell, brought back by their engines in a booted machine: what `docker = "…"` and
//! `podman = "…"` heal, and what they leave alone.

use std::time::Duration;

use crate::containers::furnish;
use crate::support::machine::Machine;
use crate::support::real;

const SHORT: Duration = Duration::from_secs(90);

fn configure(machine: &Machine, engine: &str, names: &[&str]) {
    let services: String = names
        .iter()
        .map(|name| {
            format!("[[service]]\nname = \"{name}\"\n{engine} = \"{name}\"\nverify_for = \"40s\"\n")
        })
        .collect();
    machine.write("/etc/miraclemax/config.toml", &services);
}

fn inspect(machine: &Machine, engine: &str, what: &str, name: &str) -> String {
    let shown = machine.sh(&format!("{engine} inspect -f '{{{{{what}}}}}' {name}")).ok();
    shown.stdout.trim().to_owned()
}

/// Waits until the engine says so.
fn comes_to(machine: &Machine, engine: &str, what: &str, name: &str, want: &str) {
    machine.wait_until(&format!("{name} comes to {what} = {want}"), SHORT, |machine| {
        (inspect(machine, engine, what, name) == want).then_some(())
    });
}

#[test]
fn docker_brings_back_what_is_stopped_or_unwell_and_the_rest_is_left_alone() {
    let Some(machine) = Machine::boot_for_containers("docker-heals") else { return };
    furnish(&machine, "docker");
    machine
        .sh(r#"
        run="docker run --detach --network none"
        $run --name books base sh -c "echo turning pages; exec sleep 1000"
        $run --name poorly --health-cmd "read word </state && exit 1 || exit 0" --health-interval 1s --health-retries 1 \
            base sh -c ": >/state; exec sleep 1000"
        $run --name still base sleep 1000
        $run --name loop --restart always base sh -c "exit 5"
        "#)
        .ok();
    configure(&machine, "docker", &["books", "poorly", "still", "loop", "gone"]);
    comes_to(&machine, "docker", ".State.Health.Status", "poorly", "healthy");
    let check = machine.run(&["miraclemax", "check", "books", "poorly"]);
    real::saw("check before", format_args!("{}[{}]", check.stdout, check.code()));
    assert_eq!(check.code(), 0, "{}", check.stdout);

    machine
        .sh("docker stop -t 1 books; docker exec poorly sh -c 'echo x >/state'; docker pause still")
        .ok();
    comes_to(&machine, "docker", ".State.Health.Status", "poorly", "unhealthy");
    comes_to(&machine, "docker", ".State.Status", "loop", "restarting");
    let run = inspect(&machine, "docker", ".State.StartedAt", "poorly");
    let plan = machine.run(&["miraclemax", "heal", "--dry-run"]);
    real::saw("heal --dry-run", &plan.stdout);
    let healed = machine.run(&["miraclemax", "heal"]);
    real::saw("heal", format_args!("{}{}[{}]", healed.stdout, healed.stderr, healed.code()));
    assert_eq!(healed.code(), 2, "three cannot be healed");
    for name in ["books", "poorly"] {
        assert_eq!(inspect(&machine, "docker", ".State.Status", name), "running", "{name}");
    }
    assert_eq!(inspect(&machine, "docker", ".State.Health.Status", "poorly"), "healthy");
    assert_ne!(inspect(&machine, "docker", ".State.StartedAt", "poorly"), run);
    assert_eq!(inspect(&machine, "docker", ".State.Paused", "still"), "true");
    let events =
        machine.sh("cat /var/lib/miraclemax/events.jsonl; cat /var/lib/miraclemax/state.json").ok();
    let said = events.stdout;
    for want in ["docker restart books", "docker restart poorly", "docker unpause still"] {
        assert!(said.contains(want), "{want} is not in {said}");
    }
    for never in ["docker restart still", "docker restart loop", "docker restart gone"] {
        assert!(!said.contains(never), "{never} is in {said}");
    }
    let evidence = machine.sh("grep -r 'turning pages' /var/lib/miraclemax").ok();
    real::saw("the log that was kept", &evidence.stdout);
    let now = machine.run(&["miraclemax", "check", "books", "poorly"]);
    assert_eq!(now.code(), 0, "{}{}", now.stdout, now.stderr);
}

#[test]
fn podman_brings_back_what_was_killed_but_not_what_a_unit_runs() {
    let Some(machine) = Machine::boot_for_containers("podman-heals") else { return };
    furnish(&machine, "podman");
    machine
        .sh(r"
        podman run --detach --name books --network none base sleep 1000
        podman create --name kept --network none base sleep 1000
        podman generate systemd --new --name kept >/etc/systemd/system/kept.service
        podman rm kept
        systemctl daemon-reload
        systemctl start kept
        ")
        .ok();
    configure(&machine, "podman", &["books", "kept"]);
    for by in ["command", "socket"] {
        if by == "socket" {
            machine.sh("systemctl start podman.socket").ok();
        }
        machine.sh("podman kill books; podman pause kept").ok();
        comes_to(&machine, "podman", ".State.Status", "books", "exited");
        let healed = machine.run(&["miraclemax", "heal"]);
        real::saw(by, format_args!("{}{}[{}]", healed.stdout, healed.stderr, healed.code()));
        assert_eq!(healed.code(), 2, "one is its unit's: {}", healed.stdout);
        assert_eq!(inspect(&machine, "podman", ".State.Status", "books"), "running");
        assert_eq!(inspect(&machine, "podman", ".State.Status", "kept"), "paused");
        let status = machine.run(&["miraclemax", "status", "kept"]);
        let said = real::flat(&status.stdout);
        assert!(said.contains("is run by systemd's `kept.service`"), "{said}");
        machine.sh("podman unpause kept").ok();
    }
}
