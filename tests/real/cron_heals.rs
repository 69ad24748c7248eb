//! The main job on a real host: Debian's cron, contrib's cron.d file, systemd, a mail server over STARTTLS. Four services
//! broken in four ways come back by themselves within cron's minute, and everything tells the same story.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::support::certs::Certs;
use crate::support::machine::Machine;
use crate::support::pings::Pings;
use crate::support::real::{self, saw};
use crate::support::smtp::{Mail, Mode, Options, Receiver};

const CRON: &str = include_str!("../../contrib/cron.d/miraclemax");
const UUID: &str = "7d1c6c52-8a0e-4b51-9a8e-2f1f0f6f8a02";
/// Cron's minute, and a run on a busy machine.
const MINUTE: Duration = Duration::from_secs(120);
/// From the finding to the proof.
const HEALED_WITHIN: f64 = 15.0;

/// Broken in four ways.
const SERVICES: [&str; 4] = ["story-stages", "chapter-mill", "ink-press", "proof-room"];

/// What the mail has to find out about each.
const CAUSES: [&str; 4] = [
    "stopped by somebody (clean stop)",
    "killed by signal 9 (SIGKILL)",
    "it failed too often in a short time (`start-limit-hit`)",
    "it failed too often in a short time (`start-limit-hit`)",
];

/// A small web server. systemd itself brings back only the last of them, until it has tried too often.
fn unit(name: &str, port: u16) -> String {
    let restart = if name == SERVICES[3] { "always" } else { "no" };
    format!(
        "[Unit]\nDescription={name}\nStartLimitBurst=3\nStartLimitIntervalSec=600\n[Service]\n\
         Restart={restart}\nExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory /srv/{name} {port}\n\
         [Install]\nWantedBy=multi-user.target\n"
    )
}

#[test]
fn what_is_broken_on_a_host_with_cron_comes_back_by_itself_and_is_told() {
    let Some(machine) = Machine::boot("cron-heals") else { return };
    let certs = Certs::new();
    let login = Some(("max", "mutton:lettuce"));
    let options = Options {
        mode: Mode::StartTls,
        pair: Some(&certs.good),
        auth: login,
        ..Options::default()
    };
    let Some(receiver) = Receiver::start(&options) else { return };
    let pings = Pings::start();
    install(&machine, &certs, &receiver, &pings);
    let check = machine.run(&["miraclemax", "check"]).ok();
    saw("check before", &check.stdout);
    break_all(&machine);
    let plan = machine.run(&["miraclemax", "heal", "--dry-run"]);
    saw("heal --dry-run", &plan.stdout);
    assert_eq!(plan.code(), 2, "a plan is not a cure");

    machine
        .write("/etc/cron.d/miraclemax", &format!("SSL_CERT_FILE=/etc/miraclemax/ca.pem\n{CRON}"));
    let mails =
        real::try_until(MINUTE, || Some(receiver.mails()).filter(|mails| !mails.is_empty()))
            .unwrap_or_else(|| {
                panic!(
                    "no mails: {:?}\n{}\n{}",
                    receiver.mails(),
                    machine.journal(&["-t", "CRON", "-t", "miraclemax-self-heal"]),
                    machine.run(&["miraclemax", "status", "-v"]).stdout
                )
            });
    machine.wait_until("the run has ended", Duration::from_secs(20), |machine| {
        machine.run(&["miraclemax", "status", "-q"]).status.success().then_some(())
    });
    for (name, cause) in SERVICES.into_iter().zip(CAUSES) {
        assert_eq!(machine.property(name, "ActiveState"), "active");
        told_by_mail(&mails[0], name, cause);
        told_by_the_journal(&machine, name);
    }
    assert_eq!(receiver.mails().len(), 1, "all that one run healed is one letter: {mails:#?}");
    let status = machine.run(&["miraclemax", "status"]).ok().stdout;
    saw("status", &status);
    let state = machine.read("/var/lib/miraclemax/state.json").expect("there is a state");
    let state: Value = serde_json::from_str(&state).expect("the state is JSON");
    for name in SERVICES {
        assert!(status.contains(name), "{status}");
        let seconds = finding_to_proof(&state["services"][name]);
        saw(name, format_args!("from finding to verified: {seconds:.2} s"));
        assert!(seconds < HEALED_WITHIN, "{name}: {seconds} s");
    }
    saw("status in depth", machine.run(&["miraclemax", "status", SERVICES[0]]).ok().stdout);
    saw("events", machine.read("/var/lib/miraclemax/events.jsonl").unwrap_or_default());
    // -q: cron mails what is printed, and nothing was wrong once it had been healed.
    assert_eq!(machine.read("/var/mail/root"), None);
}

fn install(machine: &Machine, certs: &Certs, receiver: &Receiver, pings: &Pings) {
    let ca = std::fs::read_to_string(&certs.ca).expect("it was just made");
    machine.write("/etc/miraclemax/ca.pem", &ca);
    machine.write("/etc/miraclemax/smtp-password", "mutton:lettuce\n");
    machine.write("/etc/miraclemax/ping-url", &format!("{}\n", pings.check(UUID)));
    machine.write("/etc/hosts", "127.0.0.1 localhost\n");
    let mut config = format!(
        "name = \"MiracleMax\"\n\
         [[heartbeat]]\nname = \"MiracleMax Server\"\nurl_file = \"/etc/miraclemax/ping-url\"\n\
         [[notify]]\nvia = \"email\"\nto = [\"me@example.org\"]\nfrom = \"miraclemax@example.org\"\n\
         smtp = \"smtp://max@localhost:{}\"\npassword_file = \"/etc/miraclemax/smtp-password\"\n",
        receiver.port()
    );
    for name in SERVICES {
        let port = real::free_port();
        machine.write(&format!("/srv/{name}/health"), "ok\n");
        machine.unit(&format!("{name}.service"), &unit(name, port));
        machine.run(&["systemctl", "enable", "--now", name]).ok();
        config.push_str(&format!(
            "[[service]]\nname = \"{name}\"\nport = {port}\n\
             checks = [\"http://127.0.0.1:{port}/health#contains=ok\"]\n"
        ));
        machine.wait_until("it answers", Duration::from_secs(30), |machine| {
            let url = format!("http://127.0.0.1:{port}/health");
            machine.run(&["curl", "-fsS", &url]).status.success().then_some(())
        });
    }
    machine.write("/etc/miraclemax/config.toml", &config);
    machine.sh("chmod 600 /etc/miraclemax/config.toml /etc/miraclemax/smtp-password /etc/miraclemax/ping-url").ok();
}

fn break_all(machine: &Machine) {
    let [stopped, killed, limited, looping] = SERVICES;
    machine.run(&["systemctl", "stop", stopped]).ok();
    let pid = machine.property(killed, "MainPID");
    assert_ne!(pid, "0");
    machine.run(&["kill", "-9", &pid]).ok();
    machine.wait_until("it was killed", Duration::from_secs(10), |machine| {
        (machine.property(killed, "Result") == "signal").then_some(())
    });
    // It crashes at each start until systemd gives up; then what was in its way is put right, and nobody starts it.
    let pid = machine.property(looping, "MainPID");
    assert_ne!(pid, "0");
    let more = "/etc/systemd/system/proof-room.service.d/broken.conf";
    machine.write(more, "[Service]\nExecStartPre=test -e /srv/proof-room/ready\n");
    machine.run(&["systemctl", "daemon-reload"]).ok();
    machine.run(&["kill", "-9", &pid]).ok();
    machine.wait_until("systemd has given up", Duration::from_secs(30), |machine| {
        let tried: u32 = machine.property(looping, "NRestarts").parse().unwrap_or(0);
        (machine.property(looping, "ActiveState") == "failed" && tried > 1).then_some(())
    });
    machine.write("/srv/proof-room/ready", "");
    machine.wait_until("the start limit is hit", Duration::from_secs(20), |machine| {
        machine.run(&["systemctl", "restart", limited]);
        (machine.property(limited, "Result") == "start-limit-hit").then_some(())
    });
}

fn told_by_mail(mail: &Mail, name: &str, cause: &str) {
    saw(&mail.subject, &mail.text);
    assert_eq!(mail.subject, format!("✅ MiracleMax: {} services - RESOLVED", SERVICES.len()));
    assert!(mail.tls && mail.user.as_deref() == Some("max"), "{mail:?}");
    assert_eq!(mail.defects, [""; 0]);
    let about = mail.text.split("\n* ").find(|part| part.starts_with(&format!("{name}: ")));
    let about = real::flat(about.unwrap_or_else(|| panic!("no {name} in\n{}", mail.text)));
    for words in [&format!("root cause: {cause}"), "healed by service_restart in ", "down for "] {
        assert!(about.contains(words), "no `{words}` in\n{about}");
    }
    assert!(!mail.text.contains("LATE"), "{}", mail.text);
}

fn told_by_the_journal(machine: &Machine, name: &str) {
    let unit = format!("{name}.service");
    for matches in [&["-t", "miraclemax-self-heal"][..], &["-u", name][..]] {
        let entries = machine.journal_entries(matches);
        let healed = entries.iter().find(|entry| {
            entry["MIRACLEMAX_SERVICE"] == *name && entry["MIRACLEMAX_OUTCOME"] == "healed"
        });
        let healed = healed.unwrap_or_else(|| panic!("not in {matches:?}: {entries:#?}"));
        let message = healed["MESSAGE"].as_str().unwrap_or_default();
        assert!(message.contains(&format!("systemctl restart {unit}")), "{message}");
        assert_eq!(healed["MIRACLEMAX_ATTEMPT"], "1", "{healed}");
    }
    saw("journalctl -u", machine.journal(&["-u", name]));
    saw("journalctl -t", machine.journal(&["-t", "miraclemax-self-heal"]));
}

/// Seconds from when the run had found it down to the proof that it is up.
fn finding_to_proof(service: &Value) -> f64 {
    let attempt = service["attempts"]
        .as_array()
        .and_then(|attempts| attempts.last())
        .unwrap_or_else(|| panic!("no attempt: {service:#}"));
    assert_eq!(attempt["outcome"], "healed", "{attempt}");
    let time = |value: &Value| -> Timestamp {
        value["wall"].as_str().and_then(|text| text.parse().ok()).expect("a stamp has a time")
    };
    let found = time(&service["last_incident"]["opened"]);
    let closed = time(&service["last_incident"]["closed"]);
    let attempt_ms = attempt["took"].as_u64().expect("milliseconds");
    let seconds = closed.duration_since(found).as_secs_f64();
    assert!(attempt_ms > 5000, "{attempt_ms} ms prove nothing: it has to stay up for 5 s");
    seconds.max(Duration::from_millis(attempt_ms).as_secs_f64())
}
