//! Whole configs, good and bad, in `tests/fixtures/config`. For each bad one the very words of its errors are
//! kept beside it; `MIRACLEMAX_BLESS=1 cargo test` writes them anew, to be read before they are committed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::*;
use crate::model::policy::{Budget, Flapping, Policy, WhenStopped};

fn dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config").join(name)
}

fn good(name: &str) -> Config {
    let path = dir("good").join(name);
    load(&path).unwrap_or_else(|err| panic!("{name}:\n{err}")).config
}

fn same_as_kept(kept: &Path, found: &str) {
    if std::env::var_os("MIRACLEMAX_BLESS").is_some() {
        fs::write(kept, found).unwrap();
    }
    let want = fs::read_to_string(kept).unwrap_or_default();
    assert_eq!(found, want, "{}: MIRACLEMAX_BLESS=1 writes it anew", kept.display());
}

#[test]
fn every_bad_config_is_refused_in_these_words() {
    let mut count = 0;
    for entry in fs::read_dir(dir("bad")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|ext| ext == "txt") {
            continue;
        }
        let sources = if path.is_dir() {
            let mut sources = gather(&path.join("config.toml")).unwrap();
            for source in &mut sources {
                source.path = source.path.strip_prefix(&path).unwrap().to_owned();
            }
            sources
        } else {
            vec![Source { path: name.clone().into(), text: fs::read_to_string(&path).unwrap() }]
        };
        let problems = parse(&sources).expect_err(&name);
        same_as_kept(&dir("bad").join(format!("{name}.txt")), &format!("{problems}\n"));
        count += 1;
    }
    assert!(count > 30, "only {count}");
}

#[test]
fn mistakes_in_a_probe_on_the_command_line_are_shown_with_a_caret() {
    let mut found = String::new();
    for text in [
        "nginx",
        "8080",
        "",
        ":8080",
        "localhost:5432",
        "tpc:localhost:5432",
        "tcp:localhost",
        "tcp:localhost:5432?uder=2s",
        "tcp:localhost:5432?under=2s&under=3s",
        "tcp:localhost:5432?timeout=soon",
        "tcp:localhost:5432?timeout=5s&",
        "tcp://localhost:5432",
        "https://me:s3cret@books.example.org/health?q=1#staus=200",
        "https://books.example.org/health?a-rather-long-query-that-takes-up-room#timeout=soon&under=2s",
        "port:99999",
        "port:http",
        "disk:var?free=10%",
        "disk:/var?free=many",
        "file:/backup/db.dump?max_age=26",
        "process:nginx?count=x",
        "load:?per_core=-1",
        "exec:check_ntp_time -H ntp.example.org",
        "unit:\u{1b}[2Jnginx",
    ] {
        let shown = crate::model::text::one_line(text, 200);
        match probe(text) {
            Ok(probe) => writeln!(found, "$ {shown}\nis fine: {}\n", probe.text).unwrap(),
            Err(problem) => writeln!(found, "$ {shown}\n{problem}\n").unwrap(),
        }
    }
    same_as_kept(&dir("probes.txt"), &found);
}

#[test]
fn toml_and_json_say_the_same() {
    let (toml, json) = (good("design.toml"), good("design.json"));
    assert_eq!(format!("{toml:#?}"), format!("{json:#?}"));
}

#[test]
fn the_example_of_the_contract_means_what_it_says() {
    let config = good("design.toml");
    assert_eq!(config.name.as_deref(), Some("MiracleMax"));
    assert_eq!(config.fresh_for, Duration::from_secs(1200));
    assert_eq!(config.deadline, Duration::from_secs(240));
    assert_eq!(config.jobs, 32);
    let [stages, postgres] = &config.services[..] else { panic!("{config:#?}") };
    assert_eq!(
        (stages.name.as_str(), stages.port, stages.critical),
        ("story-stages", Some(8080), true)
    );
    assert_eq!(stages.domain.as_deref(), Some("books.example.org"));
    let words: Vec<_> = stages.strategies.iter().map(|strategy| strategy.word()).collect();
    assert_eq!(words, ["service_restart", "port_conflict"]);
    let probes: Vec<_> = stages.probes.iter().map(|probe| probe.text.as_str()).collect();
    assert_eq!(probes, ["port:8080", "http://127.0.0.1:8080/health"]);
    assert_eq!(stages.needs, ["postgres"]);
    assert_eq!(stages.config_files, [PathBuf::from("/etc/story/stages.toml")]);
    assert_eq!(stages.validate.as_deref().unwrap(), ["story-stages", "--check-config"]);
    assert!(postgres.probes.is_empty() && postgres.critical);
    assert_eq!(postgres.strategies.len(), 1);
    assert_eq!(postgres.policy, Policy::default());
    assert_eq!(config.heartbeats[0].name, "MiracleMax Server");
    assert_eq!(config.notify.len(), 1);
}

#[test]
fn conf_d_adds_up_in_the_order_of_names_and_copies_are_left_out() {
    let loaded = load(&dir("good/split/config.toml")).unwrap();
    let files: Vec<_> = loaded
        .sources
        .iter()
        .map(|source| source.path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(files, ["config.toml", "10-books.toml", "20-postgres.json"]);
    let [books, postgres] = &loaded.config.services[..] else { panic!() };
    assert_eq!((books.name.as_str(), postgres.name.as_str()), ("story-stages", "postgres"));
    assert_eq!(books.policy.timeout, Duration::from_secs(7));
    assert_eq!(postgres.policy.timeout, Duration::from_secs(5));
    assert_eq!((books.policy.tries, postgres.policy.tries), (3, 3));
    assert!(!postgres.critical);
}

#[test]
fn policy_keys_of_a_service_outweigh_the_defaults() {
    let config = good("full.toml");
    let policy = &config.services[0].policy;
    let secs = Duration::from_secs;
    let want = Policy {
        timeout: secs(5),
        tries: 3,
        gap: secs(0),
        fail_after: 2,
        recover_after: 2,
        verify_for: secs(60),
        stable_for: secs(10),
        start_grace: secs(120),
        max_heals: Budget { count: 3, window: secs(3600) },
        cooldown: secs(1200),
        cooldown_max: secs(1200),
        retry_after: secs(7200),
        flapping: Some(Flapping { start: 60, stop: 25 }),
        remind_every: None,
        when_stopped: WhenStopped::Respect,
        heal: true,
    };
    assert_eq!(*policy, want);
    let probes: Vec<_> = config.services[0]
        .probes
        .iter()
        .map(|probe| (probe.text.as_str(), probe.timeout))
        .collect();
    assert_eq!(
        probes,
        [("tcp:localhost:80", None), ("port:80", None), ("tcp:localhost:81", Some(secs(2)))]
    );
}

#[test]
fn a_hundred_services_are_read_in_no_time() {
    let mut text = String::from("# many\n");
    for n in 0..100 {
        write!(
            text,
            "[[service]]\nname = \"s{n}\"\nport = {}\nchecks = [\"http://127.0.0.1:{0}/health\"]\n\n",
            8000 + n
        )
        .unwrap();
    }
    let sources = [Source { path: "many.toml".into(), text }];
    let best = (0..20)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(parse(&sources).unwrap().services.len(), 100);
            start.elapsed()
        })
        .min()
        .unwrap();
    // Unoptimized code on a busy machine; what is built for release takes well under 2 ms.
    assert!(best < Duration::from_millis(60), "{best:?}");
}
