//! `check --discover` in a booted machine: nginx, redis, Debian's postgresql, an application that needs them, a
//! socket unit and supervisord's programs, written down, loaded, looked at, and merged.

use std::time::Duration;

use crate::support::machine::Machine;
use crate::support::real::{self, free_ports};

const SHORT: Duration = Duration::from_secs(60);

/// Everything that is to be found, running; gives nginx's, redis's, postgres's, the application's, the socket's
/// and the program's port.
fn furnish(machine: &Machine) -> [u16; 6] {
    let ports = free_ports::<6>();
    let [nginx, redis, postgres, app, pad, program] = ports;
    machine.write(
        "/etc/nginx/sites-enabled/default",
        &format!(
            "server {{ listen 127.0.0.1:{nginx}; location = /healthz {{ return 200 ok; }} \
             location / {{ return 404; }} }}\n"
        ),
    );
    let server = |port| {
        format!(
            "/usr/bin/python3 -c \"import http.server as h; \
             h.HTTPServer((\'127.0.0.1\', {port}), h.SimpleHTTPRequestHandler).serve_forever()\""
        )
    };
    machine.unit(
        "app.service",
        &format!(
            "[Unit]\nRequires=redis-server.service\nAfter=redis-server.service postgresql.service\n\
             [Service]\nWorkingDirectory=/srv\nExecStart={}\n[Install]\nWantedBy=multi-user.target\n",
            server(app)
        ),
    );
    machine.unit(
        "pad.socket",
        &format!("[Socket]\nListenStream=127.0.0.1:{pad}\n[Install]\nWantedBy=sockets.target\n"),
    );
    machine.unit("pad.service", "[Service]\nExecStart=/bin/sleep 1000\n");
    machine.write(
        "/etc/supervisor/conf.d/books.conf",
        &format!(
            "[program:books]\ncommand={}\ndirectory=/srv\nstartsecs=0\n\
             [program:jobs]\ncommand=/bin/sleep 1000\nstartsecs=0\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)02d\n",
            server(program)
        ),
    );
    machine
        .sh(&format!(
            r"
        sed -i 's/^port .*/port {redis}/; s/^bind .*/bind 127.0.0.1/' /etc/redis/redis.conf
        sed -i 's/^#*port = .*/port = {postgres}/' /etc/postgresql/*/main/postgresql.conf
        systemctl daemon-reload
        systemctl -q enable nginx redis-server postgresql supervisor app pad.socket
        systemctl start nginx redis-server postgresql supervisor app pad.socket
        "
        ))
        .ok();
    machine.wait_until("all of them listen", SHORT, |machine| {
        let listening = machine.sh("cat /proc/net/tcp").stdout;
        let open =
            |port: &u16| listening.contains(&format!("0100007F:{port:04X} 00000000:0000 0A"));
        ports.iter().all(open).then_some(())
    });
    ports
}

#[test]
fn what_runs_is_written_down_and_loads_and_is_all_up() {
    let Some(machine) = Machine::boot("discovery") else { return };
    let [nginx, redis, postgres, app, pad, program] = furnish(&machine);

    let found = machine.run(&["miraclemax", "check", "--discover"]).ok();
    real::saw("check --discover", &found.stdout);
    for want in [
        format!("checks = [\"http://127.0.0.1:{nginx}/healthz\"]"),
        format!("# redis-server.service: listens on 127.0.0.1:{redis} (redis-server)"),
        format!(
            "unit = \"redis-server.service\"\nport = {redis}\nchecks = [\"tcp:127.0.0.1:{redis}\"]\n"
        ),
        format!("port = {postgres}\nchecks = [\"tcp:127.0.0.1:{postgres}\"]\n"),
        format!("unit = \"app.service\"\nport = {app}\nchecks = [\"http://127.0.0.1:{app}/\"]\n"),
        "needs = [\"postgresql@15-main\", \"redis-server\"]\n".to_owned(),
        format!("unit = \"pad.socket\"\nport = {pad}\n"),
        format!("supervisord = \"books\"\nport = {program}\n"),
        "supervisord = \"jobs:*\"\nneeds = [\"supervisor\"]\n".to_owned(),
    ] {
        assert!(found.stdout.contains(&want), "{want}\nis not in\n{}", found.stdout);
    }
    for base in ["systemd-journald", "dbus.service", "cron.service"] {
        assert!(!found.stdout.contains(&format!("unit = \"{base}")), "{}", found.stdout);
    }
    let wide = found.stdout.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
    let again = machine.run(&["miraclemax", "check", "--discover"]).ok();
    assert_eq!(again.stdout, found.stdout, "twice the same");
    assert_eq!(
        machine.property("pad.service", "ActiveState"),
        "inactive",
        "a connection would have started it"
    );

    let said = machine.sh("cat /var/log/redis/redis-server.log").stdout;
    assert!(!said.contains("SECURITY ATTACK"), "redis was asked for a page: {said}");

    let file = "/etc/miraclemax/config.toml";
    machine.sh("mkdir -p /etc/miraclemax").ok();
    machine.run(&["miraclemax", "check", "--discover", "--output", file]).ok();
    assert_eq!(machine.read(file).as_deref(), Some(found.stdout.as_str()));
    let valid = machine.run(&["miraclemax", "check", "--dry-run"]).ok();
    assert!(valid.stdout.contains("valid: 8 services"), "{}", valid.stdout);
    machine.wait_until("everything that was found is up", SHORT, |machine| {
        let checked = machine.run(&["miraclemax", "check"]);
        real::saw("check", &checked.stdout);
        checked.status.success().then_some(())
    });
    machine.sh("systemctl stop redis-server").ok();
    let checked = machine.run(&["miraclemax", "check", "redis-server"]);
    assert_eq!(checked.status.code(), Some(2), "{checked:?}");
    assert!(checked.stdout.contains("DOWN"), "{}", checked.stdout);

    // With redis away, a config that knows it only by its unit keeps it, and gets the others.
    machine.sh("systemctl start redis-server app").ok();
    let mine = "# mine\n[[service]]\nname = \"cache\"\nunit = \"redis-server\"   # by hand";
    machine.write(file, mine);
    machine.sh(&format!("chmod 600 {file}")).ok();
    let merge = ["miraclemax", "check", "--discover", "--merge", "--output", file];
    machine.run(&merge).ok();
    let merged = machine.read(file).expect("it was written");
    assert!(merged.starts_with(&format!("{mine}\n\n# Found by ")), "{merged}");
    assert!(!merged.contains("name = \"redis-server\""), "{merged}");
    assert!(merged.contains("needs = [\"cache\", \"postgresql@15-main\"]"), "{merged}");
    machine.run(&merge).ok();
    assert_eq!(machine.read(file).as_deref(), Some(merged.as_str()), "nothing is added twice");
    assert_eq!(machine.sh(&format!("stat -c %a {file}")).stdout.trim(), "600");
    machine.run(&["miraclemax", "check", "--dry-run"]).ok();

    let seen = machine.run_as("nobody", &["miraclemax", "check", "--discover"]);
    assert_eq!(seen.status.code(), Some(3), "{seen:?}");
    assert!(seen.stdout.contains("name = \"app\""), "{}", seen.stdout);
    assert!(seen.stderr.contains("cannot be asked: permission denied"), "{}", seen.stderr);
    assert!(seen.stderr.contains("note: nobody may not see whose"), "{}", seen.stderr);
}
