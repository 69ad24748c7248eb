//! Debian's own monitoring plugins in a real machine: each says alone what it says as a `plugin:` probe, with its numbers, and
//! what our own probe of the same thing says, in words and as a plugin. It never compares what two runs at different times
//! measured.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::machine::Machine;
use crate::support::nagios;
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

/// How late a slow answer comes: several times as late as any limit that it is to break, and far from those that hold.
const SLOW: Duration = Duration::from_millis(500);

/// A port on which `serve` answers each connection, for as long as the test runs.
fn server(serve: fn(&TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(&stream));
        }
    });
    port
}

/// A web server with a page of each kind.
fn pages(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut asked = String::new();
    let _ = reader.read_line(&mut asked);
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        line.clear();
    }
    let (status, more) = match asked.split(' ').nth(1).unwrap_or_default() {
        "/slow" => {
            thread::sleep(SLOW);
            ("200 OK", "")
        }
        "/broken" => ("500 Internal Server Error", ""),
        "/moved" => ("302 Found", "Location: /\r\n"),
        "/moved-and-broken" => ("302 Found", "Location: /broken\r\n"),
        _ => ("200 OK", ""),
    };
    let body = "all is well here\n";
    let length = body.len();
    let mut stream = stream;
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

/// Greets as a mail server does.
fn greeting(mut stream: &TcpStream) {
    let _ = stream.write_all(b"220 mail.example.org ready\r\n");
    // Closed once the other side has, so that nothing it says is answered by a reset.
    let _ = BufReader::new(stream).read_line(&mut String::new());
}

/// The same, late.
fn late_greeting(stream: &TcpStream) {
    thread::sleep(SLOW);
    greeting(stream);
}

#[test]
fn our_probes_come_to_the_verdict_of_the_plugins() {
    let Some(machine) = Machine::boot("beside") else { return };
    machine.sh("cp /bin/sleep /usr/local/bin/twin").ok();
    machine.unit("twin@.service", "[Service]\nExecStart=/usr/local/bin/twin 1000\n");
    machine.sh("systemctl start twin@1 twin@2").ok();
    // The machine's network is the host's.
    let (web, mail, late) = (server(pages), server(greeting), server(late_greeting));
    let http = |plugin: &str, path: &str, options: &str, status| {
        let plugin = format!("check_http -H 127.0.0.1 -p {web} -u {path} {plugin}");
        (plugin, format!("http://127.0.0.1:{web}{path}{options}"), status)
    };
    let tcp = |port: u16, plugin: &str, options: &str, status| {
        let plugin = format!("check_tcp -H 127.0.0.1 -p {port} {plugin}");
        (plugin, format!("tcp:127.0.0.1:{port}{options}"), status)
    };
    let local = |plugin: &str, ours: &str, status| (plugin.to_owned(), ours.to_owned(), status);
    let cases = [
        http("", "/", "", 0),
        http("", "/broken", "", 2),
        http("-e 500", "/broken", "#status=500", 0),
        http("-e 200", "/broken", "#status=200", 2),
        http("-s well", "/", "#contains=well", 0),
        http("-s ill", "/", "#contains=ill", 2),
        http("-r w.ll", "/", "#matches=w.ll", 0),
        http("-r w.l$", "/", "#matches=w.l$", 2),
        http("-r well --invert-regex", "/", "#not_contains=well", 2),
        http("-w 30 -c 60", "/", "#warn=30&crit=60", 0),
        http("-w 0.1 -c 60", "/slow", "#warn=0.1&crit=60", 1),
        http("-w 0.05 -c 0.1", "/slow", "#warn=0.05&crit=0.1", 2),
        http("-f follow", "/moved", "", 0),
        http("-f critical", "/moved", "#redirects=0", 2),
        http("-f ok -e 302", "/moved", "#redirects=0&status=302", 0),
        http("-f follow", "/moved-and-broken", "", 2),
        local("check_http -H 127.0.0.1 -p 1", "http://127.0.0.1:1/", 2),
        tcp(1, "", "", 2),
        tcp(mail, "", "", 0),
        tcp(mail, "-e 220", "?expect=220", 0),
        tcp(mail, "-e +OK -M crit", "?expect=%2BOK&timeout=1s", 2),
        tcp(late, "-e 220 -w 0.1 -c 60", "?expect=220&warn=0.1&crit=60", 1),
        tcp(late, "-e 220 -w 0.05 -c 0.1", "?expect=220&warn=0.05&crit=0.1", 2),
        local("check_procs -c 1: -C systemd", "process:systemd", 0),
        local("check_procs -c 1: -C no-such-one", "process:no-such-one", 2),
        local("check_procs -c 2:4 -C no-such-one", "process:no-such-one?count=2:4", 2),
        local("check_procs -c 1:1 -C no-such-one", "process:no-such-one?count=1:1", 2),
        local("check_procs -c 0:0 -C no-such-one", "process:no-such-one?count=0", 0),
        local("check_procs -c 1:1 -C twin", "process:twin?count=1:1", 2),
        local("check_procs -c 2:2 -C twin", "process:twin?count=2:2", 0),
        local("check_procs -c 0:0 -C twin", "process:twin?count=0", 2),
        local("check_disk -w 0% -c 0% -p /", "disk:/?free=0%", 0),
        local("check_disk -w 100% -c 100% -p /", "disk:/?free=100%", 2),
        local("check_disk -w 100% -c 0% -p /", "disk:/?warn=100%&crit=0%", 1),
        local("check_disk -w 1% -c 0% -p /", "disk:/?warn=1%&crit=0%", 0),
        local("check_disk -u GB -w 900000 -c 0 -p /", "disk:/?warn=900000G&crit=0M", 1),
        local("check_disk -u GB -w 900001 -c 900000 -p /", "disk:/?warn=900001G&crit=900000G", 2),
        local("check_load -w 9000,9000,9000 -c 9999,9999,9999", "load:?warn=9000&crit=9999", 0),
    ];
    for (plugin, ours, status) in cases {
        let theirs = machine.sh(&format!("/usr/lib/nagios/plugins/{plugin}"));
        let seen = machine.run(&["miraclemax", "check", &ours]);
        let line = machine.run(&["miraclemax", "check", "-o", "nagios", &ours]);
        saw(
            &plugin,
            format_args!("{}{}[{}]\n{}", theirs.stdout, seen.stdout, seen.code(), line.stdout),
        );
        let got = (theirs.code(), seen.code(), line.code());
        assert_eq!(
            got,
            (status, status, status),
            "{plugin}, {ours}: {}{}{}",
            theirs.stdout,
            seen.stdout,
            line.stdout
        );
        is_strictly_a_plugins(&line.stdout, status);
    }
}

/// Nagios goes by the exit status, people by the word: they must be the same.
#[track_caller]
fn is_strictly_a_plugins(output: &str, status: i32) {
    let said = nagios::read("MIRACLEMAX", output);
    let said = said.unwrap_or_else(|why| panic!("{why}, in\n{output}"));
    let words = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
    assert_eq!(words.iter().position(|word| *word == said.word), usize::try_from(status).ok());
}

#[test]
fn a_whole_host_in_the_form_of_a_plugin_is_by_the_guidelines_and_holds_its_numbers() {
    let Some(machine) = Machine::boot("beside-host") else { return };
    let web = server(pages);
    machine.write(
        "/etc/miraclemax/config.toml",
        &format!(
            "[[service]]\nname = \"page's | own\"\nunit = \"cron\"\n\
             checks = [\"http://127.0.0.1:{web}/#warn=30&crit=60\", \"http://127.0.0.1:{web}/broken\"]\n\
             [[service]]\nname = \"host\"\nchecks = [\"disk:/?warn=100%&crit=0%\", \"memory:\", \"load:?max=9000\", \"swap:\"]\n\
             heal = \"off\"\n"
        ),
    );
    let seen = machine.run(&["miraclemax", "check", "-o", "nagios"]);
    saw("check -o nagios", format_args!("{}{}[{}]", seen.stdout, seen.stderr, seen.code()));
    assert_eq!(seen.code(), 2, "{}{}", seen.stdout, seen.stderr);
    is_strictly_a_plugins(&seen.stdout, 2);
    let said = nagios::read("MIRACLEMAX", &seen.stdout).unwrap();
    assert_eq!(said.long.len(), 2, "one line a service: {:?}", said.long);
    let limited = |one: &&nagios::Measure| one.warn == "30" && one.crit == "60";
    let time = said.measures.iter().find(limited).expect("the time of the page");
    assert!(time.label.starts_with("page's ¦ own.http"), "{time:?}");
    assert!(time.unit == "s" && time.value.is_some_and(|value| value < 30.0), "{time:?}");
    let labels: Vec<_> = said.measures.iter().map(|one| one.label.as_str()).collect();
    assert!(labels.iter().any(|label| label.starts_with("host.disk.")), "{labels:?}");
    for (words, status) in [
        (&["plugin:check_dummy 3"][..], 3),
        (&["plugin:check_dummy 1", "plugin:check_disk -w 100% -c 0% -p /"], 1),
        (&["no-such-service"], 3),
        (&["--no-such-option"], 3),
    ] {
        let line = [&["miraclemax", "check", "-o", "nagios"], words].concat();
        let seen = machine.run(&line);
        saw(&words.join(" "), format_args!("{}{}[{}]", seen.stdout, seen.stderr, seen.code()));
        assert_eq!(seen.code(), status, "{words:?}: {}{}", seen.stdout, seen.stderr);
        is_strictly_a_plugins(&seen.stdout, status);
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
