//! Whole configs, good and bad, in `tests/fixtures/config`. For each bad one the very words of its errors are
//! kept beside it; `MIRACLEMAX_BLESS=1 cargo test` writes them anew, to be read before they are committed.

use jiff::tz::TimeZone;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::model::policy::{Allowance, Budget, Flapping, Policy, WhenStopped};
use crate::model::window::Window;

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
        "tls:www.example.org",
        "tls:www.example.org:443?day=14",
        "tls:mail.example.org:587?starttls=stmp",
        "tls:www.example.org:443?days=soon",
        "https://me:s3cret@books.example.org/health?q=1#staus=200",
        "https://books.example.org/health?a-rather-long-query-that-takes-up-room#timeout=soon&under=2s",
        "http://h/#json=status = \"ok\"",
        "http://h/#json=queue < many&status=200",
        "http://h/#json=a[x]",
        "http://h/#method=TRACE",
        "http://h/#method=HEAD&json=up",
        "http://h/#header=Bearer s3cret",
        "http://h/#header=X Key: s3cret&status=200",
        "http://h/#header=Content-Length: 7",
        "http://h/#header=Host: a%0AHost: b",
        "http://h/#header_file=X-Key: s3cret",
        "http://h/#expect_header=X Cache",
        "http://h/#password=s3cret&user=max",
        "http://h/#token=s3cret",
        "http://h/#token_file=token",
        "http://h/#body=s3cret&body_file=/b",
        "http://h/?token=s3cret#body=s3cret&method=HEAD",
        "http://me:s3cret@h/#token_file=/t",
        "http://h/#header=Authorization: s3cret&user=max&password_file=/p",
        "https://localhost/#unix=/run/docker.sock",
        "http://localhost/#unix=docker.sock",
        "http://h/#size=big",
        "http://h/#header=X-Key: s3cret&body=s3cret&size=1k:&expect_header=X-Cache: HIT",
        "port:99999",
        "tcp:localhost:6379?send=PING\\r\\n",
        "tcp:localhost:6379?send=PI\\NG&expect=+PONG",
        "tcp:localhost:25?expect=/220(/",
        "tcp:localhost:23?closed=true&expect=login",
        "unix:run/app.sock",
        "unix:/run/app.sock?send=PING\\r\\n",
        "unix:/run/app.sock?close=true",
        "dns:localhost:53",
        "dns:192.0.2.1",
        "dns:db.example.org?is=10.0.0",
        "dns:db.example.org?type=AX",
        "dns:db.example.org?type=A&is=::1",
        "dns:db.example.org?only=true",
        "dns:db.example.org?absent=true&is=10.0.0.5",
        "dns:db.example.org?server=a/b",
        "port:http",
        "disk:var?free=10%",
        "disk:/var?free=many",
        "disk:/var?warn=20&crit=10%",
        "disk:/var?warn=20%&crit=5G&clear_above=6G",
        "file:/backup/db.dump?max_age=26",
        "process:nginx?count=x",
        "process:nginx?cpu=lots",
        "process:nginx?memory=5G&restarted=yes",
        "pidfile:run/nginx.pid",
        "load:?per_core=-1",
        "container:",
        "container:shop/web",
        "container:web?engine=doker",
        "container:web?socket=docker.sock&restart=3",
        "container:web?engine=podman&restarts_warn=0",
        "log:/var/log/app.log?match=ERROR&max=0",
        "log:nginx?priority=err",
        "log:/var/log/app.log?match=a{1,3}|b",
        "log:",
        "log:app.log",
        "log:/x?match=(",
        "log:/x?match=.*",
        "log:/x?priority=err",
        "log:/x?max=-1",
        "log:/x?hold=long",
        "log:/x?macth=ERROR",
        "exec:check_ntp_time -H ntp.example.org",
        "plugin:check_disk -w 20% -c 10% -p /",
        "plugin:",
        "plugin:check_disk -p '/srv",
        "/usr/lib/nagios/plugins/check_load -w 5",
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
    let channels: Vec<_> = config.notify.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(channels, ["email:me@example.org"]);
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
    let gate: Vec<_> = config.gate.iter().map(|probe| probe.text.as_str()).collect();
    assert_eq!(gate, ["tcp:1.1.1.1:443", "https://example.org"]);
    assert_eq!(config.deploy_locks, [std::path::PathBuf::from("/run/deploy.lock")]);
    assert_eq!(config.allowance, Allowance { run: 5, day: 20 });
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
        boot_grace: secs(300),
        max_heals: Budget { count: 3, window: secs(3600) },
        cooldown: secs(1200),
        cooldown_max: secs(1200),
        retry_after: secs(7200),
        flapping: Some(Flapping { start: 60, stop: 25 }),
        repeats: Some(Budget { count: 5, window: secs(14 * 86_400) }),
        remind_every: None,
        when_stopped: WhenStopped::Respect,
        maintenance: vec![Window::parse("Sun 02:00-04:00 UTC", &TimeZone::UTC).unwrap()],
        quiet_hours: Vec::new(),
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

/// The keys that a table has, as it says itself when it is given one that it has not.
fn keys(before: &str) -> Vec<String> {
    let text = format!("{before}\nzzzzzzzzzzzzzzzzzzzzzzzz = 1\n");
    let problems = parse(&[Source { path: "keys.toml".into(), text }]).unwrap_err();
    let hint = problems.0.iter().find_map(|problem| {
        problem.message.contains("no key `zzz").then(|| problem.hint.clone()).flatten()
    });
    let hint = hint.unwrap_or_else(|| panic!("{before}:\n{problems}"));
    hint.strip_prefix("it has ").unwrap().split(", ").map(ToOwned::to_owned).collect()
}

#[test]
fn the_page_tells_every_key_and_every_kind_of_probe() {
    let page = fs::read_to_string(dir("../../../man/miraclemax-config.5")).unwrap();
    let told: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with(".It ") || line.starts_with(".Ic "))
        .flat_map(|line| line.split_whitespace().skip(1))
        .collect();
    let kinds: Vec<_> = ["http", "https"].iter().chain(Probe::KINDS).collect();
    for kind in &kinds {
        let begins = format!("{kind}:");
        assert!(told.iter().any(|word| word.starts_with(&begins)), "{kind} is not in the page");
    }
    let service = "[[service]]\nname = 'x'\n";
    let checks = kinds.iter().map(|kind| {
        let target = if kind.starts_with("http") { "//localhost" } else { "" };
        format!("{service}[[service.check]]\nprobe = '{kind}:{target}'")
    });
    let mut count = 0;
    for table in [
        "",
        "[defaults]",
        service,
        "[[heartbeat]]",
        "[[heartbeat]]\nkind = 'url'",
        "[[heartbeat]]\nkind = 'pushgateway'",
        "[[heartbeat]]\nkind = 'alertmanager'",
        "[[heartbeat]]\nkind = 'datadog'",
        "[[heartbeat]]\nkind = 'dogstatsd'",
        "[[heartbeat]]\nkind = 'otlp'",
        "[[notify]]\nvia = 'email'",
        "[supervisord]",
        "[defaults.flapping]",
        "[[service]]\nname = 'x'\nhealing_strategies = 'disk_cleanup'\n[service.disk_cleanup]",
        "[[service]]\nname = 'x'\n[[service.disk_cleanup.files]]",
    ]
    .map(ToOwned::to_owned)
    .into_iter()
    .chain(checks)
    {
        for key in keys(&table) {
            // The limits of a number beside the main one are told once, under "Limits".
            let limit = ["_warn", "_clear_below", "_clear_above"]
                .into_iter()
                .find_map(|end| Some((key.strip_suffix(end)?, format!("NAME{end}"))));
            let told_as_limit = limit
                .is_some_and(|(name, form)| told.contains(&name) && told.contains(&form.as_str()));
            assert!(
                told_as_limit || told.contains(&key.as_str()),
                "`{key}` of {table} is not in the page"
            );
            count += 1;
        }
    }
    assert!(count > 100, "only {count}");
}

#[test]
fn the_examples_of_the_page_are_good() {
    let page = fs::read_to_string(dir("../../../man/miraclemax-config.5")).unwrap();
    let blocks: Vec<_> = page.split(".Bd -literal").skip(1).collect();
    assert!(blocks.len() > 2);
    for block in blocks {
        let text = block.split_once('\n').unwrap().1.split("\n.Ed").next().unwrap();
        let (name, text) = if text.starts_with('{') {
            ("page.json", text.to_owned())
        } else if text.starts_with("[[service.check]]") {
            ("page.toml", format!("[[service]]\nname = 'x'\n{text}"))
        } else {
            ("page.toml", text.to_owned())
        };
        if let Err(problems) = parse(&[Source { path: name.into(), text: text.clone() }]) {
            panic!("{text}\n{problems}");
        }
    }
}

#[test]
fn channels_that_nobody_named_get_names_of_their_own() {
    let config = good("channels.toml");
    let names: Vec<_> = config.notify.iter().map(|channel| channel.name.as_str()).collect();
    assert_eq!(names, ["email:me@example.org", "email:me@example.org-2"]);
    assert_eq!(config.supervisord.unwrap().address, "http://127.0.0.1:9001");
}

#[test]
fn a_config_cut_anywhere_is_read_or_refused_with_places_that_exist() {
    for name in ["design.toml", "design.json", "full.toml"] {
        let text = fs::read_to_string(dir("good").join(name)).unwrap();
        let mut refused = 0;
        for (cut, _) in text.char_indices() {
            let sources = [Source { path: name.into(), text: text[..cut].to_owned() }];
            let Err(problems) = parse(&sources) else { continue };
            refused += 1;
            let lines = u32::try_from(text[..cut].split('\n').count()).unwrap();
            for place in problems.0.iter().map(|problem| problem.place.as_ref().unwrap()) {
                assert!(place.line <= lines, "{name} cut at {cut}: {problems}");
            }
        }
        assert!(refused > text.len() / 4, "{name}: only {refused}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_probe_or_a_problem_whose_caret_is_in_it(
        text in "(tcp|https|disk|exec|process|x)?(:|://|)[a-zäß:@/?#&=%0-9\"\u{202e} ]{0,30}"
    ) {
        if let Err(problem) = probe(&text)
            && let Some((shown, spot)) = &problem.caret
        {
            proptest::prop_assert!(*spot <= shown.chars().count(), "{}", problem);
        }
    }
}
