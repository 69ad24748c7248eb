//! `dns` probes against a real dnsmasq, by wire and by the machine's own resolver, and `unix` probes against redis and
//! postgresql of Debian: up, stopped, and as a user who may not. The machine's network is the host's.

use std::time::Duration;

use crate::support::machine::Machine;
use crate::support::real::{self, saw};

/// The exit status and all that a check of these probes says on stdout.
fn check(machine: &Machine, probes: &[&str]) -> (i32, String) {
    let line = [&["miraclemax", "check"], probes].concat();
    let output = machine.run(&line);
    saw(&probes.join(" "), format_args!("{}{}[{}]", output.stdout, output.stderr, output.code()));
    (output.code(), output.stdout)
}

/// What was broken to fit a screen, in one line.
fn on_a_line(said: &str) -> String {
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn expect(machine: &Machine, probe: &str, status: i32, words: &str) {
    let (code, said) = check(machine, &[probe]);
    assert!(
        code == status && on_a_line(&said).contains(words),
        "{probe}: {words} [{status}]\n{said}[{code}]"
    );
}

const RECORDS: &str = "no-resolv
no-hosts
user=root
bind-interfaces
local=/example.test/
host-record=www.example.test,192.0.2.10,2001:db8::10
host-record=db.example.test,10.0.0.5
host-record=db.example.test,10.0.0.6
cname=alias.example.test,www.example.test
mx-host=example.test,mail.example.test,10
txt-record=example.test,v=spf1 -all
srv-host=_sip._tcp.example.test,sip.example.test,5060,1,2
";

/// Serves [`RECORDS`] at `server`, and at a loopback address of its own at the usual port, which the machine then asks.
fn serve_names(machine: &Machine, port: u16) {
    let texts = (0..10).map(|n| format!("txt-record=big.example.test,{n}{}\n", "x".repeat(150)));
    machine.write("/etc/names.conf", &format!("{RECORDS}{}", texts.collect::<String>()));
    let [.., high, low] = std::process::id().to_be_bytes();
    let own = format!("127.{}.{low}.53", high | 1);
    let serve = "exec dnsmasq --keep-in-foreground --conf-file=/etc/names.conf --pid-file=";
    for (name, address, port) in [("wire", "127.0.0.1", port), ("own", &*own, 53)] {
        let run = format!("{serve} --listen-address={address} --port={port}");
        machine.unit(
            &format!("names-{name}.service"),
            &format!("[Service]\nExecStart=/bin/sh -c '{run}'\n"),
        );
    }
    machine.write("/etc/resolv.conf", &format!("nameserver {own}\noptions timeout:1 attempts:1\n"));
    machine.sh("systemctl start names-wire names-own").ok();
    machine.wait_until("dnsmasq answers at both", Duration::from_secs(20), |machine| {
        let asked = [
            format!("dns:www.example.test?server=127.0.0.1:{port}"),
            format!("dns:www.example.test?server={own}"),
        ];
        (check(machine, &[&asked[0], &asked[1]]).0 == 0).then_some(())
    });
}

#[test]
fn names_are_what_dnsmasq_says_they_are() {
    let Some(machine) = Machine::boot("names") else { return };
    let port = real::free_port();
    serve_names(&machine, port);
    let wire = |name: &str, keys: &str| format!("dns:{name}?server=127.0.0.1:{port}{keys}");
    for (name, keys, status, words) in [
        ("www.example.test", "", 0, "192.0.2.10, 2001:db8::10"),
        ("www.example.test", "&type=A&is=192.0.2.10&only=true", 0, "192.0.2.10"),
        ("www.example.test", "&type=AAAA&is=2001:DB8::10", 0, "2001:db8::10"),
        ("alias.example.test", "&type=A", 0, "192.0.2.10"),
        ("alias.example.test", "&type=CNAME&is=www.example.test", 0, "www.example.test"),
        ("db.example.test", "&is=10.0.0.6,10.0.0.5&only=true", 0, "10.0.0."),
        ("db.example.test", "&is=10.0.0.5&only=true", 2, "also resolves to 10.0.0.6"),
        ("db.example.test", "&is=10.0.0.7", 2, "expected 10.0.0.7"),
        ("example.test", "&type=MX&is=mail.example.test", 0, "10 mail.example.test"),
        ("example.test", "&type=TXT&is=v=spf1 -all", 0, "v=spf1 -all"),
        ("_sip._tcp.example.test", "&type=SRV&is=sip.example.test", 0, "1 2 5060 sip.example.test"),
        ("192.0.2.10", "&type=PTR", 0, "www.example.test"),
        ("no.example.test", "", 2, "there is no such name (NXDOMAIN)"),
        ("no.example.test", "&absent=true", 0, "absent: there is no such name"),
        ("www.example.test", "&type=MX", 2, "it has no MX record"),
        ("www.example.test", "&absent=true", 2, "expected absent"),
        ("www.example.org", "&type=A", 2, "refuses to answer (REFUSED)"),
        // Ten times 150 bytes are more than fit without TCP.
        ("big.example.test", "&type=TXT", 0, "and 6 more"),
    ] {
        expect(&machine, &wire(name, keys), status, words);
    }
    // The machine's own: its resolver, and the servers of its resolv.conf.
    for (probe, status, words) in [
        ("dns:www.example.test?is=192.0.2.10", 0, "192.0.2.10"),
        ("dns:example.test?type=MX", 0, "10 mail.example.test"),
        ("dns:no.example.test", 2, "the name does not resolve"),
        ("dns:no.example.test?absent=true", 0, "absent: the name does not resolve"),
    ] {
        expect(&machine, probe, status, words);
    }

    machine.sh("systemctl stop names-wire names-own").ok();
    let refused = format!("127.0.0.1:{port}: connection refused");
    expect(&machine, &wire("www.example.test", ""), 2, &refused);
    expect(&machine, "dns:www.example.test", 2, "temporary failure in name resolution");
    expect(&machine, "dns:www.example.test?absent=true", 3, "temporary failure in name resolution");
    expect(&machine, "dns:example.test?type=MX", 2, "connection refused");
}

#[test]
fn redis_and_postgresql_accept_at_their_sockets() {
    let Some(machine) = Machine::boot("sockets") else { return };
    let port = real::free_port();
    machine
        .sh(&format!(
            "sed -i 's/^port .*/port 0/' /etc/redis/redis.conf
            printf 'unixsocket /run/redis/redis.sock\\nunixsocketperm 700\\n' >>/etc/redis/redis.conf
            sed -i 's/^#*port = .*/port = {port}/' /etc/postgresql/*/main/postgresql.conf
            useradd --create-home joe
            systemctl start redis-server postgresql"
        ))
        .ok();
    let redis = "unix:/run/redis/redis.sock?send=PING\\r\\n&expect=+PONG";
    let postgres = format!("unix:/run/postgresql/.s.PGSQL.{port}");
    // The length and the code of a request for TLS, which a server without it denies in one letter.
    let talking = format!("{postgres}?send=\\x00\\x00\\x00\\x08\\x04\\xd2\\x16\\x2f&expect=N");
    machine.wait_until("both accept", Duration::from_secs(30), |machine| {
        (check(machine, &[redis, &postgres]).0 == 0).then_some(())
    });
    expect(&machine, redis, 0, "answered `+PONG`");
    expect(&machine, &postgres, 0, "connected");
    expect(&machine, &talking, 0, "answered `N`");
    let closed = "unix:/run/redis/redis.sock?closed=true";
    expect(&machine, closed, 2, "accepts connections, expected closed");

    let output = machine.run_as("joe", &["miraclemax", "check", redis]);
    saw("joe", format_args!("{}[{}]", output.stdout, output.code()));
    assert_eq!(output.code(), 3, "{output:?}");
    let said = on_a_line(&output.stdout);
    assert!(said.contains("no right to connect: it is `redis`'s, with mode 0700"), "{output:?}");

    // Stopped in its midst it still listens, and says nothing.
    machine.sh("systemctl kill --signal=STOP redis-server").ok();
    expect(&machine, &format!("{redis}&timeout=1s"), 2, "said nothing within 1s");
    machine.sh("systemctl kill --signal=CONT redis-server").ok();
    expect(&machine, redis, 0, "answered `+PONG`");

    machine.sh("systemctl stop redis-server 'postgresql@*'").ok();
    expect(&machine, redis, 2, "no such socket");
    expect(&machine, &postgres, 2, "no such socket");
    expect(&machine, closed, 0, "closed: no such socket");
}
