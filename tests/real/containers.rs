//! The container engines themselves, in a booted machine with a network of its own: Docker by its socket, Podman by its
//! command and by its socket. What their containers come to is told, written down by `check --discover`, and healed. Nothing
//! comes from a registry: the one image is made of the machine's own shell.

use std::time::Duration;

use crate::support::machine::Machine;
use crate::support::real::{self, flat};

const SHORT: Duration = Duration::from_secs(60);
const FILE: &str = "/etc/miraclemax/config.toml";

/// Makes the image `base`, and gives the engine a storage that works on any file system.
pub(crate) fn furnish(machine: &Machine, engine: &str) {
    machine.write(
        "/etc/docker/daemon.json",
        r#"{"storage-driver": "vfs", "iptables": false, "ip6tables": false, "ip-forward": false}"#,
    );
    machine.write(
        "/etc/containers/storage.conf",
        "[storage]\ndriver = \"vfs\"\nrunroot = \"/run/containers/storage\"\n\
         graphroot = \"/var/lib/containers/storage\"\n",
    );
    machine.write(
        "/etc/containers/containers.conf",
        "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n",
    );
    if engine == "docker" {
        machine.sh("systemctl start docker").ok();
    }
    machine
        .sh(&format!(
            r"
            mkdir -p /tmp/image/bin && cd /tmp/image
            cp -L /bin/sh /bin/sleep /bin/nc bin/
            ldd bin/* | grep -o '/[^ :]* ' | sort -u | xargs cp -L --parents -t .
            tar -c . | {engine} import - base
            "
        ))
        .ok();
}

/// What the probe of a container says, with all of its words in one line.
fn look(machine: &Machine, probe: &str) -> (i32, String) {
    let seen = machine.run(&["miraclemax", "check", probe]);
    real::saw(probe, format_args!("{}{}[{}]", seen.stdout, seen.stderr, seen.code()));
    (seen.code(), flat(&seen.stdout))
}

#[track_caller]
fn says(machine: &Machine, probe: &str, code: i32, words: &str) {
    let seen = look(machine, probe);
    assert!(seen.0 == code && seen.1.contains(words), "{probe}: {words} ({code}) is not {seen:?}");
}

/// Waits for an engine that comes to it by itself.
fn comes_to(machine: &Machine, probe: &str, code: i32, words: &str) {
    machine.wait_until(&format!("{probe} comes to: {words}"), SHORT, |machine| {
        let seen = look(machine, probe);
        (seen.0 == code && seen.1.contains(words)).then_some(())
    });
}

/// Writes down what runs, and looks whether the text holds all of this.
fn discovered(machine: &Machine, wanted: &[&str]) {
    machine.sh("mkdir -p /etc/miraclemax").ok();
    machine.run(&["miraclemax", "check", "--discover", "--output", FILE]).ok();
    let found = machine.read(FILE).expect("it was written");
    real::saw("check --discover", &found);
    for want in wanted {
        assert!(found.contains(want), "{want}\nis not in\n{found}");
    }
    assert!(!found.contains("\"done\""), "it has ended: {found}");
    assert!(!found.contains("no manager restarts it"), "{found}");
    machine.run(&["miraclemax", "check", "--dry-run"]).ok();
}

/// A container that was killed by hand runs again, with a process of its own.
fn killed_and_healed(machine: &Machine, engine: &str, name: &str) {
    machine.sh(&format!("{engine} kill {name}")).ok();
    comes_to(machine, name, 2, &format!("`{name}` is exited (SIGKILL): exit status 137"));
    let healed = machine.run(&["miraclemax", "heal", name]);
    real::saw("heal", format_args!("{}{}[{}]", healed.stdout, healed.stderr, healed.code()));
    assert_eq!(healed.code(), 0, "{}{}", healed.stdout, healed.stderr);
    let running = machine.sh(&format!("{engine} inspect -f '{{{{.State.Running}}}}' {name}")).ok();
    assert_eq!(running.stdout.trim(), "true");
}

#[test]
fn containers_of_docker_are_judged_written_down_and_healed() {
    let Some(machine) = Machine::boot_for_containers("docker") else { return };
    furnish(&machine, "docker");
    machine
        .sh(r#"
        run="docker run --detach --network none"
        $run --name plain base sleep 1000
        $run --name well --health-cmd true --health-interval 1s base sleep 1000
        $run --name sick --health-cmd "echo no answer; exit 1" --health-interval 1s --health-retries 1 base sleep 1000
        $run --name slow --health-cmd true --health-interval 900s base sleep 1000
        $run --name done base sh -c "exit 3"
        $run --name loop --restart always base sh -c "exit 5"
        docker run --detach --name books --publish 127.0.0.1:8080:80 --label PODMAN_SYSTEMD_UNIT=no-such.service \
            base nc -dlk 80
        docker run --detach --name own --network host base nc -dlk 9000
        "#)
        .ok();
    says(&machine, "container:plain", 0, "running in docker");
    says(&machine, "container:books?engine=docker", 0, "running in docker");
    says(&machine, "container:plain?engine=podman", 2, "there is no container `plain`");
    says(&machine, "container:slow", 3, "container `slow` is starting, for ");
    says(&machine, "container:plian", 2, "hint: did you mean `plain`?");
    let id = machine.sh("docker inspect -f '{{.Id}}' plain").ok().stdout;
    says(&machine, &format!("container:{}", &id[..12]), 0, "running in docker");
    says(&machine, &format!("container:{}", &id[..6]), 2, "there is no container");
    comes_to(&machine, "container:well", 0, "running in docker, healthy");
    comes_to(&machine, "container:sick", 2, "container `sick` is unhealthy for ");
    says(&machine, "container:sick", 2, "hint: see what it says: `docker logs --tail 50 sick`");
    comes_to(&machine, "container:done", 2, "container `done` is exited: exit status 3");
    comes_to(&machine, "container:loop", 2, "so far: exit status 5");
    machine.sh("docker rm --force loop; docker pause plain").ok();
    says(&machine, "container:plain", 2, "hint: let it go on: `docker unpause plain`");
    machine.sh("docker unpause plain").ok();

    discovered(
        &machine,
        &[
            "# container books: listens on 127.0.0.1:8080\n# docker container of base\n\
             [[service]]\nname = \"books\"\ndocker = \"books\"\nport = 8080\n\
             checks = [\"tcp:127.0.0.1:8080\"]\n",
            "# container own: listens on 0.0.0.0:9000 (nc)\n# docker container of base\n",
            "name = \"plain\"\ndocker = \"plain\"\n",
            "name = \"sick\"\n",
            "name = \"slow\"\n",
            "name = \"well\"\n",
        ],
    );
    killed_and_healed(&machine, "docker", "books");

    machine.sh("systemctl stop docker docker.socket").ok();
    let (code, said) = look(&machine, "container:books?engine=docker");
    assert!(code == 3 && said.contains("container `books`: "), "not known is not down: {said}");
}

#[test]
fn containers_of_podman_are_judged_by_command_and_by_socket_written_down_and_healed() {
    let Some(machine) = Machine::boot_for_containers("podman") else { return };
    furnish(&machine, "podman");
    // Its checks are run by timers of systemd; here by hand, so that it is known when.
    machine
        .sh(r#"
        run="podman run --detach --network none --health-interval disable"
        $run --name plain base sleep 1000
        $run --name well --health-cmd true base sleep 1000
        $run --name sick --health-cmd "echo no answer; exit 1" --health-retries 1 base sleep 1000
        $run --name done base sh -c "exit 3"
        podman create --name never --network none base sleep 1000
        podman healthcheck run well
        podman healthcheck run sick || :
        podman run --detach --name books --publish 127.0.0.1:8081:80 base nc -dlk 80
        podman run --detach --name own --network host base nc -dlk 9000
        podman create --name kept --network none base sleep 1000
        podman generate systemd --new --name kept >/etc/systemd/system/kept.service
        podman rm kept
        systemctl daemon-reload
        systemctl enable --now kept
        "#)
        .ok();
    for by in ["command", "socket"] {
        if by == "socket" {
            machine.sh("systemctl start podman.socket").ok();
        }
        says(&machine, "container:plain", 0, "running in podman");
        says(&machine, "container:well", 0, "running in podman, healthy");
        says(&machine, "container:sick", 2, "container `sick` is unhealthy for 1 check: no answer");
        comes_to(&machine, "container:done", 2, "container `done` is exited: exit status 3");
        says(&machine, "container:never", 2, "container `never` was made, but does not run");
        says(&machine, "container:wlel?engine=podman", 2, "hint: did you mean `well`?");
        discovered(
            &machine,
            &[
                "# container books: listens on 127.0.0.1:8081\n# podman container of localhost/base:latest\n\
                 [[service]]\nname = \"books\"\npodman = \"books\"\nport = 8081\n\
                 checks = [\"tcp:127.0.0.1:8081\"]\n",
                "# container own: listens on 0.0.0.0:9000 (nc)\n# podman container of localhost/base:latest\n",
                "# runs the container kept\n[[service]]\nname = \"kept\"\nunit = \"kept.service\"\n",
            ],
        );
        killed_and_healed(&machine, "podman", "books");
    }
}
