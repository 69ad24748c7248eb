//! The main job without root: programs of a supervisord that runs as nobody, in every state that is not RUNNING. What can be
//! brought back is; what cannot ends FAILED, and is told once.

use std::time::Duration;

use crate::support::place::Place;
use crate::support::real;
use crate::support::smtp::{Options, Receiver};
use crate::support::supervisor::{Supervisor, Who};

const SHORT: Duration = Duration::from_secs(30);

/// A program that runs unless `FLAG` is in the folder of its supervisord.
fn unless(flag: &str, more: &str) -> String {
    format!("command=/bin/sh -c 'test ! -e %(here)s/{flag} && exec sleep 1000'\n{more}")
}

/// A service for each program, and a mail server.
fn config(supervisor: &Supervisor, receiver: &Receiver, services: &[&str], policy: &str) -> String {
    let mut text = format!(
        "name = \"MiracleMax\"\n[supervisord]\nurl = \"unix://{}\"\n[defaults]\n{policy}\n\
         [[notify]]\nvia = \"email\"\nto = [\"me@example.org\"]\nfrom = \"max@example.org\"\n\
         smtp = \"smtp+plain://127.0.0.1:{}\"\n",
        supervisor.socket().display(),
        receiver.port()
    );
    for name in services {
        text.push_str(&format!("[[service]]\nname = \"{name}\"\nsupervisord = \"{name}\"\n"));
    }
    text
}

fn subjects(receiver: &Receiver) -> Vec<String> {
    let mut subjects: Vec<String> = receiver.mails().into_iter().map(|mail| mail.subject).collect();
    subjects.sort();
    subjects
}

#[test]
fn stopped_exited_and_fatal_programs_come_back_without_root() {
    let sections = [
        ("program:stopped", "command=sleep 1000\nstartsecs=0".to_owned()),
        ("program:exited", "command=sleep 1000\nstartsecs=0\nautorestart=false".into()),
        ("program:fatal", unless("fatal.broken", "startretries=0\nstartsecs=1")),
        ("program:untouched", "command=sleep 1000\nstartsecs=0".into()),
    ];
    let sections: Vec<(&str, &str)> =
        sections.iter().map(|(name, body)| (*name, body.as_str())).collect();
    let Some(supervisor) = Supervisor::start(Who::Nobody, &sections) else { return };
    let Some(receiver) = Receiver::start(&Options::default()) else { return };
    let place = Place::new(Who::Nobody);
    let services = ["stopped", "exited", "fatal", "untouched"];
    place.config(&config(&supervisor, &receiver, &services, "tries = 1"));
    for program in services {
        supervisor.wait_for(program, "RUNNING", SHORT);
    }
    assert_eq!(place.run(&["check", "-q"]).code(), 0);

    let flag = supervisor.folder().join("fatal.broken");
    std::fs::write(&flag, "").expect("root or its owner may");
    supervisor.ctl(&["stop", "stopped"]).ok();
    supervisor.ctl(&["signal", "KILL", "exited"]).ok();
    supervisor.ctl(&["restart", "fatal"]);
    for (program, state) in [("stopped", "STOPPED"), ("exited", "EXITED"), ("fatal", "FATAL")] {
        supervisor.wait_for(program, state, SHORT);
    }
    // What made it fail is gone, and supervisord does not try again: somebody has to.
    std::fs::remove_file(&flag).expect("it was just written");
    let untouched = supervisor.pid_of("untouched").expect("it runs");

    let ran = place.run(&["heal"]);
    assert_eq!(ran.code(), 0, "{ran}");
    for program in services {
        assert_eq!(supervisor.state(program), "RUNNING");
    }
    assert_eq!(supervisor.pid_of("untouched"), Some(untouched), "what is up is not touched");
    assert_eq!(
        subjects(&receiver),
        ["✅ MiracleMax: 3 services - RESOLVED"],
        "three are one letter"
    );
    let mail = &receiver.mails()[0];
    real::saw(&mail.subject, &mail.text);
    for name in ["exited", "fatal", "stopped"] {
        assert!(mail.text.contains(&format!("\n* {name}: ")), "{}", mail.text);
    }
    assert_eq!(mail.text.matches("healed by service_restart in ").count(), 3, "{}", mail.text);
    for name in ["stopped", "exited", "fatal"] {
        let attempt = &place.state()["services"][name]["attempts"][0];
        let took = attempt["took"].as_u64().expect("milliseconds");
        real::saw(name, format_args!("healed and verified in {took} ms"));
        assert!(took < 15_000, "{attempt}");
    }
    assert_eq!(place.run(&["status"]).code(), 0);
}

#[test]
fn a_program_that_is_being_retried_is_waited_for_and_one_that_is_broken_ends_failed() {
    let sections = [
        ("program:broken", unless("broken", "startretries=0\nstartsecs=1")),
        ("program:struggling", unless("struggling", "startretries=100\nstartsecs=1")),
        ("program:hopeless", unless("hopeless", "startretries=100\nstartsecs=1")),
    ];
    let sections: Vec<(&str, &str)> =
        sections.iter().map(|(name, body)| (*name, body.as_str())).collect();
    let Some(supervisor) = Supervisor::start(Who::Nobody, &sections) else { return };
    let Some(receiver) = Receiver::start(&Options::default()) else { return };
    let place = Place::new(Who::Nobody);
    let services = ["broken", "struggling", "hopeless"];
    let policy = "tries = 1\nstable_for = \"1s\"\nverify_for = \"2s\"\ncooldown = \"1s\"\n\
                  max_heals = \"2 per 10m\"\nstart_grace = \"15s\"\nretry_after = \"1h\"";
    place.config(&config(&supervisor, &receiver, &services, policy));
    for program in services {
        supervisor.wait_for(program, "RUNNING", SHORT);
    }
    assert_eq!(place.run(&["check", "-q"]).code(), 0);
    for program in services {
        std::fs::write(supervisor.folder().join(program), "").expect("the folder is ours");
        supervisor.ctl(&["restart", program]);
    }
    supervisor.wait_for("broken", "FATAL", SHORT);
    supervisor.wait_for("struggling", "BACKOFF", SHORT);
    supervisor.wait_for("hopeless", "BACKOFF", SHORT);

    let ran = place.run(&["heal"]);
    assert_eq!(ran.code(), 2, "{ran}");
    assert!(ran.text().contains("restarting it already"), "{ran}");
    let attempts =
        |name: &str| place.state()["services"][name]["attempts"].as_array().map_or(0, Vec::len);
    assert_eq!((attempts("broken"), attempts("struggling"), attempts("hopeless")), (1, 0, 0));

    // supervisord brings back one of the two by itself, and nothing else is done to it.
    std::fs::remove_file(supervisor.folder().join("struggling")).expect("it was just written");
    supervisor.wait_for("struggling", "RUNNING", SHORT);
    real::wait_until("both are given up", Duration::from_secs(60), || {
        place.run(&["heal", "-q"]);
        let status = |name: &str| place.state()["services"][name]["status"].clone();
        (status("broken") == "failed" && status("hopeless") == "failed").then_some(())
    });
    for _ in 0..3 {
        assert_eq!(place.run(&["heal", "-q"]).code(), 2);
    }
    assert_eq!(attempts("struggling"), 0);
    assert_eq!((attempts("broken"), attempts("hopeless")), (2, 2), "never more than the budget");
    let told = [
        "✅ MiracleMax: struggling - CAME BACK",
        "❌ MiracleMax: broken - FAILED",
        "❌ MiracleMax: hopeless - FAILED",
    ];
    assert_eq!(subjects(&receiver), told, "each once");
    for mail in receiver.mails() {
        real::saw(&mail.subject, &mail.text);
    }
    place.run(&["status"]);

    // Mended by a person.
    for program in ["broken", "hopeless"] {
        std::fs::remove_file(supervisor.folder().join(program)).expect("it is there");
        supervisor.ctl(&["start", program]);
        supervisor.wait_for(program, "RUNNING", SHORT);
    }
    for _ in 0..2 {
        assert_eq!(place.run(&["heal", "-q"]).code(), 0);
    }
    let resolved = ["broken", "hopeless"].map(|name| format!("✅ MiracleMax: {name} - RESOLVED"));
    let mut all: Vec<String> = told.iter().map(ToString::to_string).chain(resolved).collect();
    all.sort();
    assert_eq!(subjects(&receiver), all, "and once");
    for mail in receiver.mails().iter().skip(3) {
        real::saw(&mail.subject, &mail.text);
    }
}
