//! Debian's own monitoring plugins in a real machine: each says alone what it says as a `plugin:` probe, with its numbers, and
//! what our own probe of the same thing says. It never compares what two runs at different times measured.

use std::net::TcpListener;

use serde_json::Value;

use crate::support::machine::Machine;
use crate::support::real::saw;

/// A plugin as a person would call it, its exit status, and the first of its numbers, if it has any.
const CASES: [(&str, i32, Option<&str>); 13] = [
    ("check_disk -w 1% -c 0% -p /", 0, Some("/")),
    ("check_disk -w 100% -c 0% -p /", 1, Some("/")),
    ("check_disk -w 100% -c 100% -p /", 2, Some("/")),
    ("check_load -w 9000,9000,9000 -c 9999,9999,9999", 0, Some("load1")),
    ("check_procs -w 1: -c 1: -C systemd", 0, Some("procs")),
    ("check_procs -w 1: -c 0: -C no-such-program", 1, Some("procs")),
    ("check_procs -w 1: -c 1: -C no-such-program", 2, Some("procs")),
    ("check_tcp -H 127.0.0.1 -p 1", 2, None),
    ("check_http -H 127.0.0.1 -p 1", 2, None),
    ("check_ssh -p 1 127.0.0.1", 2, None),
    ("check_dummy 1 'not so well'", 1, None),
    ("check_dummy 3", 3, None),
    ("check_tcp --no-such-option", 3, None),
];

#[test]
fn a_plugin_of_debian_says_as_a_probe_what_it_says_alone() {
    let Some(machine) = Machine::boot("plugins") else { return };
    for (call, status, number) in CASES {
        let alone = machine.sh(&format!("/usr/lib/nagios/plugins/{call}"));
        assert_eq!(alone.code(), status, "{call}: {}{}", alone.stdout, alone.stderr);
        let probe = format!("plugin:{call}");
        let ours = machine.run(&["miraclemax", "check", "--format", "json", &probe]);
        saw(call, format_args!("{}[{}]\n{}[{}]", alone.stdout, status, ours.stdout, ours.code()));
        assert_eq!(ours.code(), status, "{call}: {}{}", ours.stdout, ours.stderr);
        let report: Value = serde_json::from_str(&ours.stdout).unwrap();
        assert_eq!(first_label(&report).as_deref(), number, "{call}: {report:#}");
    }
}

#[test]
fn our_probes_come_to_the_verdict_of_the_plugins() {
    let Some(machine) = Machine::boot("beside") else { return };
    // The machine's network is the host's. Connections wait in the backlog; nobody needs to accept them.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let cases = [
        (format!("check_tcp -H 127.0.0.1 -p {port}"), format!("tcp:127.0.0.1:{port}"), 0),
        ("check_tcp -H 127.0.0.1 -p 1".into(), "tcp:127.0.0.1:1".into(), 2),
        ("check_http -H 127.0.0.1 -p 1".into(), "http://127.0.0.1:1/".into(), 2),
        ("check_procs -c 1: -C systemd".into(), "process:systemd".into(), 0),
        ("check_procs -c 1: -C no-such-one".into(), "process:no-such-one".into(), 2),
        ("check_procs -c 2:4 -C no-such-one".into(), "process:no-such-one?count=2:4".into(), 2),
        ("check_disk -w 0% -c 0% -p /".into(), "disk:/?free=0%".into(), 0),
        ("check_disk -w 100% -c 100% -p /".into(), "disk:/?free=100%".into(), 2),
    ];
    for (plugin, ours, status) in cases {
        let theirs = machine.sh(&format!("/usr/lib/nagios/plugins/{plugin}"));
        let seen = machine.run(&["miraclemax", "check", &ours]);
        saw(&plugin, format_args!("{}{}[{}]", theirs.stdout, seen.stdout, seen.code()));
        let got = (theirs.code(), seen.code());
        assert_eq!(got, (status, status), "{plugin}, {ours}: {}{}", theirs.stdout, seen.stdout);
    }
}

/// The label of the first measure in the report, wherever the look stands in it.
fn first_label(report: &Value) -> Option<String> {
    match report {
        Value::Object(fields) => match fields.get("measures") {
            Some(measures) => measures[0]["label"].as_str().map(str::to_owned),
            None => fields.values().find_map(first_label),
        },
        Value::Array(items) => items.iter().find_map(first_label),
        _ => None,
    }
}
