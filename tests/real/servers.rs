//! Real servers of Debian in a booted machine, asked in their own protocols: redis, sshd, postgresql, a web server and bare
//! TLS with certificates of each kind, and a time server. Each is looked at while it is well, and after somebody broke it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::certs::{Certs, Pair};
use crate::support::machine::Machine;
use crate::support::real::{self, flat, free_ports};

const SHORT: Duration = Duration::from_secs(60);
/// Said by a client of postgres that wants TLS (postgresql.org/docs/15/protocol-message-formats.html, `SSLRequest`).
const SSL_REQUEST: &str = r"\x00\x00\x00\x08\x04\xd2\x16\x2f";

/// What the probe says, with all of its words in one line.
fn look(machine: &Machine, probe: &str) -> (i32, String) {
    let seen = machine.run(&["miraclemax", "check", "-v", probe]);
    real::saw(probe, format_args!("{}{}[{}]", seen.stdout, seen.stderr, seen.code()));
    (seen.code(), flat(&seen.stdout))
}

#[track_caller]
fn says(machine: &Machine, probe: &str, code: i32, words: &str) {
    let seen = look(machine, probe);
    assert!(seen.0 == code && seen.1.contains(words), "{probe}: {words} ({code}) is not {seen:?}");
}

fn listens(machine: &Machine, ports: &[u16]) {
    machine.wait_until("they listen", SHORT, |machine| {
        let listening = machine.sh("cat /proc/net/tcp").stdout;
        let open =
            |port: &u16| listening.contains(&format!("0100007F:{port:04X} 00000000:0000 0A"));
        ports.iter().all(open).then_some(())
    });
}

#[test]
fn redis_sshd_and_postgresql_answer_and_once_stopped_or_stuck_do_not() {
    let Some(machine) = Machine::boot("servers") else { return };
    let ports = free_ports::<3>();
    let [redis, ssh, postgres] = ports;
    machine.write(
        "/etc/ssh/sshd_config.d/test.conf",
        &format!("Port {ssh}\nListenAddress 127.0.0.1\n"),
    );
    machine
        .sh(&format!(
            r"
            sed -i 's/^port .*/port {redis}/; s/^bind .*/bind 127.0.0.1/' /etc/redis/redis.conf
            sed -i 's/^#*port = .*/port = {postgres}/' /etc/postgresql/*/main/postgresql.conf
            systemctl daemon-reload
            systemctl start redis-server ssh postgresql@15-main
            "
        ))
        .ok();
    listens(&machine, &ports);
    let redis_pings = format!(r"tcp:127.0.0.1:{redis}?send=PING\r\n&expect=%2BPONG&timeout=1s");
    let ssh_greets = format!("tcp:127.0.0.1:{ssh}?expect=SSH-2.0-");
    let postgres_says = format!("tcp:127.0.0.1:{postgres}?send={SSL_REQUEST}&expect=/^[SN]/");
    says(&machine, &redis_pings, 0, "answered `+PONG`");
    says(&machine, &ssh_greets, 0, "answered `SSH-2.0-OpenSSH");
    says(&machine, &postgres_says, 0, "answered `S`");

    // It accepts, and says something else.
    says(&machine, &redis_pings.replace("PONG", "OK"), 2, "answered `+PONG`, expected `+OK`");
    says(&machine, &format!("tcp:127.0.0.1:{ssh}?expect=220&timeout=1s"), 2, "expected `220`");
    machine.sh(&format!("redis-cli -p {redis} config set requirepass secret")).ok();
    says(&machine, &redis_pings, 2, "NOAUTH");
    machine.sh(&format!("redis-cli -p {redis} -a secret config set requirepass ''")).ok();
    says(&machine, &redis_pings, 0, "PONG");

    // Stuck, its kernel still accepts for it: only who talks to it finds out.
    machine.sh("systemctl kill --signal=STOP redis-server").ok();
    says(&machine, &format!("tcp:127.0.0.1:{redis}"), 0, "connected to");
    says(&machine, &redis_pings, 2, "said nothing within 1s");
    machine.sh("systemctl kill --signal=CONT redis-server").ok();
    says(&machine, &redis_pings, 0, "PONG");

    machine.sh("systemctl stop redis-server ssh postgresql@15-main").ok();
    for probe in [redis_pings, ssh_greets, postgres_says] {
        says(&machine, &probe, 2, "connection refused");
    }
}

/// Brings a certificate and its key into the machine.
fn bring(machine: &Machine, name: &str, pair: &Pair) {
    let read = |path: &Path| fs::read_to_string(path).expect("it was just made");
    machine.write(&format!("/etc/certs/{name}.pem"), &read(&pair.cert));
    machine.write(&format!("/etc/certs/{name}.key"), &read(&pair.key));
}

#[test]
fn certificates_that_expire_are_expired_or_are_anothers_are_told_apart() {
    let Some(machine) = Machine::boot("certificates") else { return };
    let certs = Certs::new();
    machine.write("/etc/certs/ca.pem", &fs::read_to_string(&certs.ca).expect("it was just made"));
    let ports = free_ports::<5>();
    let [web, good, expired, wrong_host, self_signed] = ports;
    bring(&machine, "expiring", &certs.expiring);
    machine.write(
        "/etc/nginx/sites-enabled/default",
        &format!(
            "server {{ listen 127.0.0.1:{web} ssl; ssl_certificate /etc/certs/expiring.pem; \
             ssl_certificate_key /etc/certs/expiring.key; location / {{ return 200 ok; }} }}\n"
        ),
    );
    machine.sh("systemctl start nginx").ok();
    for (name, pair, port) in [
        ("good", &certs.good, good),
        ("expired", &certs.expired, expired),
        ("wrong-host", &certs.wrong_host, wrong_host),
        ("self-signed", &certs.self_signed, self_signed),
    ] {
        bring(&machine, name, pair);
        machine.unit(
            &format!("tls-{name}.service"),
            &format!(
                "[Service]\nExecStart=/usr/bin/openssl s_server -quiet -www -accept 127.0.0.1:{port} \
                 -cert /etc/certs/{name}.pem -key /etc/certs/{name}.key\n"
            ),
        );
        machine.sh(&format!("systemctl start tls-{name}")).ok();
    }
    listens(&machine, &ports);

    let ca = "ca=/etc/certs/ca.pem";
    let https = |port: u16, more: &str| format!("https://127.0.0.1:{port}/#{ca}{more}");
    let tls = |port: u16, more: &str| format!("tls:127.0.0.1:{port}?{ca}{more}");
    says(&machine, &https(web, ""), 0, "HTTP 200 OK");
    says(&machine, &https(web, "&days=1"), 0, "HTTP 200 OK");
    says(&machine, &https(web, "&days=7"), 2, "2 days");
    says(&machine, &https(web, "&days_warn=7"), 1, "2 days");
    says(&machine, &tls(web, ""), 1, "2 days");
    says(&machine, &tls(web, "&days=1"), 0, "2 days");
    says(&machine, &tls(web, "&days=7"), 2, "2 days");
    says(&machine, &format!("https://127.0.0.1:{web}/"), 2, "certificate");

    says(&machine, &tls(good, ""), 0, "days");
    says(&machine, &https(good, ""), 0, "HTTP 200");
    says(&machine, &format!("tls:127.0.0.1:{good}"), 2, "does not trust");
    says(&machine, &tls(expired, ""), 2, "expired");
    says(&machine, &https(expired, ""), 2, "expired");
    says(&machine, &format!("tls:127.0.0.1:{expired}?verify=false"), 2, "expired");
    says(&machine, &tls(wrong_host, ""), 2, "elsewhere.example.org");
    says(&machine, &https(wrong_host, ""), 2, "elsewhere.example.org");
    says(&machine, &tls(wrong_host, "&name=elsewhere.example.org"), 0, "days");
    says(&machine, &tls(self_signed, ""), 2, "self-signed");
    says(&machine, &format!("tls:127.0.0.1:{self_signed}?verify=false"), 0, "days");

    machine.sh("systemctl stop nginx tls-good").ok();
    for probe in [https(web, ""), tls(web, ""), https(good, ""), tls(good, "")] {
        says(&machine, &probe, 2, "connection refused");
    }
}

#[test]
fn the_clock_is_held_to_chronys_and_one_that_knows_no_time_proves_nothing() {
    let Some(machine) = Machine::boot("chrony") else { return };
    let port = real::free_port();
    let serve = |machine: &Machine, more: &str| {
        machine.write(
            "/etc/chrony/test.conf",
            &format!(
                "allow 127.0.0.1\nbindaddress 127.0.0.1\nport {port}\ncmdport 0\nbindcmdaddress /\n\
                 pidfile /run/chrony-test.pid\n{more}"
            ),
        );
        machine.sh("systemctl restart time").ok();
    };
    // -x: it never sets the clock, which here is the host's.
    machine.unit(
        "time.service",
        "[Service]\nExecStart=/usr/sbin/chronyd -x -d -f /etc/chrony/test.conf\n",
    );
    let probe = format!("clock:?server=127.0.0.1:{port}&timeout=2s");
    serve(&machine, "local stratum 5\n");
    machine.wait_until("chrony serves its time", SHORT, |machine| {
        (look(machine, &probe).0 == 0).then_some(())
    });
    says(&machine, &probe, 0, "127.0.0.1");
    serve(&machine, "");
    machine.wait_until("chrony answers that it knows no time", SHORT, |machine| {
        let seen = look(machine, &probe);
        (seen.0 == 3 && seen.1.contains("synchronised")).then_some(())
    });
    machine.sh("systemctl stop time").ok();
    says(&machine, &probe, 3, "time server `127.0.0.1`");
    // In a container it is the host's, and nobody there can say.
    says(&machine, "clock:", 3, "container");
}
