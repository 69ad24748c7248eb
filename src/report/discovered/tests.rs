use super::*;
use crate::model::discovery::{Ask, Port};
use proptest::prelude::*;
use toml::de::DeTable;

fn finding(name: &str, unit: &str, port: Option<(&str, &str)>) -> Finding {
    let ports = port.into_iter().map(|(addr, check)| Port {
        number: addr.parse::<SocketAddr>().unwrap().port(),
        addrs: vec![addr.parse().unwrap()],
        program: Some("web".into()),
        ask: Ask::Http,
        check: Some(check.into()),
        said: None,
    });
    Finding {
        name: name.into(),
        runner: Runner::Unit { unit: unit.into(), user: false },
        marks: vec![format!("systemd:{unit}")],
        ports: ports.collect(),
        needs: Vec::new(),
        remarks: Vec::new(),
    }
}

fn host() -> Findings {
    let db = finding("db", "db.service", Some(("127.0.0.1:5432", "tcp:127.0.0.1:5432")));
    let mut web = finding("web", "web.service", Some(("0.0.0.0:80", "http://127.0.0.1:80/health")));
    web.ports[0].addrs.push("[::]:80".parse().unwrap());
    web.ports[0].said = Some("answers HTTP at /health".into());
    web.needs.push("db".into());
    let mut jobs = finding("jobs", "", None);
    jobs.runner = Runner::Program("jobs:*".into());
    jobs.remarks.push("3 processes of supervisord".into());
    let mut found = Findings { services: vec![db, jobs, web], ..Findings::default() };
    found.base.insert("systemd-resolved.service".into(), vec!["127.0.0.53:53".parse().unwrap()]);
    found.unmanaged.insert("python3".into(), vec!["0.0.0.0:8000".parse().unwrap()]);
    found
}

const WHOLE: &str = r#"# What `miraclemax check --discover` found on this host: 3 services. Take out
# what nobody relies on, and add what it could not see: workers without a port,
# jobs, backups.
#
#   miraclemax check --dry-run      is this file valid
#   miraclemax check                look at everything once
#   miraclemax heal --dry-run       what heal would do now, and why
#
# All keys are in miraclemax-config(5).

# db.service: listens on 127.0.0.1:5432 (web)
[[service]]
name = "db"
unit = "db.service"
port = 5432
checks = ["tcp:127.0.0.1:5432"]

# supervisord's jobs:*: runs, and listens on no TCP port
# 3 processes of supervisord
[[service]]
name = "jobs"
supervisord = "jobs:*"

# web.service: listens on 0.0.0.0:80 and [::]:80 (web), answers HTTP at /health
[[service]]
name = "web"
unit = "web.service"
port = 80
checks = ["http://127.0.0.1:80/health"]
needs = ["db"]

# Also listening:
#   systemd-resolved.service on 127.0.0.53:53: left out: part of the base system
#   python3 on 0.0.0.0:8000: no manager restarts it
"#;

#[test]
fn the_whole_file_says_what_was_seen_and_loads() {
    let text = config(&host());
    assert_eq!(text, WHOLE);
    assert!(text.lines().all(|line| line.chars().count() <= 80));
}

#[test]
fn a_container_is_restarted_by_its_engine() {
    let mut found = finding("books", "", Some(("0.0.0.0:8081", "tcp:127.0.0.1:8081")));
    found.runner = Runner::Container { engine: "podman".into(), name: "books".into() };
    let text = service(&found);
    assert!(text.contains("name = \"books\"\npodman = \"books\"\nport = 8081\n"), "{text}");
    assert!(text.contains("checks = [\"tcp:127.0.0.1:8081\"]\n"), "{text}");
}

#[test]
fn merging_leaves_every_byte_that_was_there() {
    let present = "# mine\r\nname = \"x\"\n[[service]]\nname = \"db\"";
    let lacking = [finding("web", "web.service", None)];
    assert_eq!(merged(present, &[]), present);
    let text = merged(present, &lacking);
    assert!(text.starts_with(&format!("{present}\n\n# Found by ")), "{text}");
}

proptest! {
    #[test]
    fn whatever_a_text_holds_reads_back_from_its_quotes(text in any::<String>()) {
        let line = format!("name = {}\n", quoted(&text));
        let table = DeTable::parse(&line).expect("it is TOML");
        let read = table.get_ref().get("name").and_then(|value| value.get_ref().as_str());
        prop_assert_eq!(read, Some(text.as_str()));
    }

    #[test]
    fn whatever_was_seen_stays_inside_its_comment(said in any::<String>()) {
        let mut found = finding("web", "web.service", Some(("127.0.0.1:80", "port:80")));
        found.ports[0].program = Some(said.clone());
        found.ports[0].said = Some(said.clone());
        found.remarks.push(said);
        let text = service(&found);
        let table = DeTable::parse(&text).expect("it is TOML");
        prop_assert_eq!(table.get_ref().len(), 1);
    }
}
