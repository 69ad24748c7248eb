//! `check --self` on a host of its own: config, secrets, state, a crontab of the user's own; in every form, and without
//! touching anything.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;

use crate::support::host::{Answers, Host, Ran};
use crate::support::pings::Pings;
use crate::support::real;

const CONFIG: &str = "[[service]]\nname = \"web\"\nchecks = [\"file:$DIR/up\"]\n\
                      [[heartbeat]]\nname = \"outside\"\nurl_file = \"$DIR/url\"\nperiod = \"5m\"\n";

/// One that has been looked at once, with a crontab of its user's own.
fn host(crontab: &str) -> Host {
    let host = Host::with(CONFIG);
    host.write("up", "").write("url", "http://127.0.0.1:9/secret-path\n");
    mode(&host, "url", 0o600);
    mode(&host, "config.toml", 0o600);
    tab(&host, crontab);
    host.run(&["-q", "check"]).silent();
    host
}

fn mode(host: &Host, name: &str, mode: u32) {
    fs::set_permissions(host.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// `PROGRAM` in it is the program under test.
fn tab(host: &Host, crontab: &str) {
    let program = real::miraclemax().display().to_string();
    host.write("tab", &host.fill(&crontab.replace("PROGRAM", &program)));
    host.fake("crontab", "cat '$DIR/tab'");
}

fn findings(ran: &Ran) -> Vec<(String, String, String)> {
    let json = ran.json();
    let findings = json["findings"].as_array().expect("there are findings");
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|one| (text(one, "status"), text(one, "about"), text(one, "said")))
        .collect()
}

#[track_caller]
fn finds(host: &Host, status: &str, about: &str, want: &str) {
    let ran = host.run(&["check", "--self", "-o", "json"]);
    let found = findings(&ran);
    let hit = found.iter().any(|(s, a, said)| s == status && a == about && said.contains(want));
    assert!(hit, "no {status} {about} `{want}` in {found:#?}");
    assert!(!ran.stdout.contains("secret-path"), "{ran:?}");
}

#[test]
fn nothing_is_touched_and_all_forms_say_the_same() {
    let host = host("* * * * * PROGRAM heal -q\n");
    let before = host.snapshot("");
    let json = host.run(&["check", "--self", "-o", "json"]);
    let text = host.run(&["check", "--self"]);
    let nagios = host.run(&["check", "--self", "-o", "nagios"]);
    let calls = |snapshot: Vec<(std::path::PathBuf, std::time::SystemTime, Vec<u8>)>| {
        snapshot
            .into_iter()
            .filter(|(path, ..)| !path.ends_with("calls") && path.components().count() > 0)
            .map(|(path, _, bytes)| (path, bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(calls(host.snapshot("")), calls(before));
    // Nothing pings it, whatever else this machine has.
    assert_eq!((json.code, text.code, nagios.code), (2, 2, 2), "{json:?}");
    finds(&host, "critical", "heartbeat outside", "nothing that fires pings it");
    assert!(nagios.stdout.starts_with("MIRACLEMAX CRITICAL - "), "{nagios:?}");
    let first = findings(&json).remove(0);
    assert_eq!(first.0, "critical", "the worst is first");
    assert!(text.stdout.starts_with("CRITICAL  "), "{text:?}");
    assert!(text.stdout.contains("hint: "), "{text:?}");
}

#[test]
fn without_a_config_it_says_so_and_looks_at_what_there_is() {
    let mut host = Host::new();
    host.set("XDG_CONFIG_HOME", "/nowhere");
    if !host.without_root() {
        return;
    }
    let words = [
        real::miraclemax().as_os_str().into(),
        "check".into(),
        "--self".into(),
        "-o".into(),
        "json".into(),
    ];
    let ran = host.finish(host.bare(words.to_vec()), "check --self", "");
    let found = findings(&ran);
    let has = |status: &str, about: &str, want: &str| {
        found.iter().any(|(s, a, said)| s == status && a == about && said.contains(want))
    };
    assert!(
        has("critical", "config", "there is none at `/nowhere/miraclemax/config.toml`"),
        "{found:#?}"
    );
    // Nothing could have been looked at: what is missing is the config alone.
    assert!(!found.iter().any(|(_, about, _)| about == "state"), "{found:#?}");
}

#[test]
fn channels_that_never_answer_are_not_waited_for_long() {
    let host = host("");
    // Who connects is let in by the kernel, and hears nothing.
    let deaf: Vec<_> =
        (0..3).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let channels = deaf.iter().enumerate().map(|(chat, deaf)| {
        let at = deaf.local_addr().unwrap();
        format!("[[notify]]\nvia = \"telegram\"\ntoken = \"1:a\"\nchat_id = {chat}\nurl = \"http://{at}\"\n")
    });
    host.config(&format!("{CONFIG}{}", channels.collect::<String>()));
    let began = std::time::Instant::now();
    let ran = host.run(&["check", "--self", "-o", "json"]);
    // Twice what it may take, as this host may be busy; a channel's own patience is 30 seconds.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for chat in 0..3 {
        let about = format!("channel telegram:{chat}");
        assert!(findings(&ran).iter().any(|one| one.0 == "critical" && one.1 == about), "{ran:?}");
    }
}

#[test]
fn who_may_read_and_write_config_and_secrets_is_told() {
    let host = host("");
    for (file, bits, status, about, want) in [
        ("config.toml", 0o666, "critical", "config", "can be written by everybody (mode 0666)"),
        ("config.toml", 0o620, "warning", "config", "can be written by its group (mode 0620)"),
        ("url", 0o640, "warning", "heartbeat outside", "is open to its group (mode 0640)"),
        ("url", 0o604, "warning", "heartbeat outside", "is open to others (mode 0604)"),
        ("state", 0o755, "warning", "state", "can be read by others (mode 0755)"),
        ("state", 0o777, "critical", "state", "can be written by others (mode 0777)"),
    ] {
        let before = fs::metadata(host.path(file)).unwrap().permissions().mode();
        mode(&host, file, bits);
        finds(&host, status, about, want);
        mode(&host, file, before & 0o777);
    }
    mode(&host, "", 0o777);
    finds(&host, "critical", "config", "everybody can replace the config");
    mode(&host, "", 0o700);
    finds(&host, "ok", "secrets", "1 secret file, for the owner alone");
    host.remove("url");
    finds(&host, "critical", "heartbeat outside", "cannot be read: no such file or directory");
    host.config(&format!(
        "{CONFIG}[[notify]]\nvia = \"slack\"\nurl = \"http://127.0.0.1:9/secret-path\"\n"
    ));
    mode(&host, "config.toml", 0o644);
    finds(&host, "warning", "config", "a secret is written in the config");
    host.config("[[services]]\n");
    finds(&host, "critical", "config", "the last one that loaded is in use");
    host.remove("state/config.last-good.json");
    finds(&host, "critical", "config", "it cannot be used: the configuration is wrong");
}

#[test]
fn a_state_that_is_not_renewed_is_told_in_the_words_of_stale() {
    let host = host("");
    finds(&host, "ok", "state", "FRESH: last complete cycle");
    // Less than any host that runs tests has been up.
    host.config(&format!("fresh_for = \"1m\"\n{CONFIG}"));
    host.age(Duration::from_secs(100));
    finds(&host, "critical", "state", "STALE: last complete cycle");
    host.write("state/state.json", "{");
    finds(&host, "unknown", "state", "UNREADABLE");
    fs::remove_file(host.path("state/events.jsonl")).ok();
    fs::create_dir(host.path("state/events.jsonl")).unwrap();
    finds(&host, "critical", "events", "nothing can be written there");
}

/// A process that is called as the cron daemon is; it ends with this.
struct Cron(std::process::Child);

impl Cron {
    fn start(host: &Host) -> Self {
        let at = host.path("bin/cron");
        fs::copy("/bin/sleep", &at).expect("there is a sleep");
        let mut cron = real::command(at);
        Self(cron.arg("600").spawn().expect("it can be run"))
    }
}

impl Drop for Cron {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_secret_in_a_variable_has_to_be_set_where_cron_runs() {
    let host = host("");
    let _cron = Cron::start(&host);
    host.config(&CONFIG.replace("url_file = \"$DIR/url\"", "url_env = \"PING_URL\""));
    let line = "*/5 * * * * PROGRAM -c $DIR/config.toml --state-dir $DIR/state ping -q\n";
    for (crontab, lacks) in [(line.to_owned(), true), (format!("PING_URL=x\n{line}"), false)] {
        tab(&host, &crontab);
        let said = findings(&host.run(&["check", "--self", "-o", "json"]));
        let want = "its secret is in the variable `PING_URL`, which crontab of ";
        assert_eq!(said.iter().any(|(_, _, said)| said.contains(want)), lacks, "{said:#?}");
    }
}

#[test]
fn a_crontab_of_ones_own_that_works_on_this_state_is_enough() {
    let host = host("");
    let _cron = Cron::start(&host);
    let there = Answers::http("200 OK", "", "OK");
    host.write("url", &format!("{}/7d1c6c52-8a0e-4b51-9a8e-2f1f0f6f8a02\n", there.url()));
    host.run(&["-q", "ping"]).silent();
    let options = "-q -c $DIR/config.toml --state-dir $DIR/state";
    tab(&host, &format!("* * * * * PROGRAM {options} heal\n*/5 * * * * PROGRAM {options} ping\n"));
    finds(&host, "ok", "schedule", "line 1 runs it every 1m");
    finds(&host, "ok", "heartbeat outside", "line 2 pings it every 5m, as it expects");
    tab(&host, &format!("* * * * * PROGRAM heal -q\n*/5 * * * * PROGRAM {options} ping\n"));
    finds(&host, "warning", "schedule", "line 1 works with `");
    finds(&host, "critical", "schedule", "nothing that fires runs");
    tab(&host, &format!("* * * * * miraclemax {options} heal\n"));
    finds(&host, "critical", "schedule", "there is no `miraclemax` in its PATH (`/usr/bin:/bin`)");
}

#[test]
fn it_stands_alone() {
    for more in ["--dry-run", "--notify", "--discover", "web"] {
        assert_eq!(Host::new().run(&["check", "--self", more]).code, 64, "{more}");
    }
}

#[test]
fn a_heartbeat_is_held_to_its_last_ping_that_was_accepted() {
    let host = host("");
    finds(&host, "critical", "heartbeat outside", "it was never pinged");
    host.run(&["-q", "ping"]).ends(2);
    finds(
        &host,
        "critical",
        "heartbeat outside",
        "no ping of it was ever accepted; the last was success not accepted",
    );
    let there = Answers::http("200 OK", "", "OK");
    host.write("url", &format!("{}/7d1c6c52-8a0e-4b51-9a8e-2f1f0f6f8a02\n", there.url()));
    host.run(&["-q", "ping"]).silent();
    finds(&host, "ok", "heartbeat outside", "the last ping (success) was accepted by 127.0.0.1:");
    let events = host.read("state/events.jsonl");
    let then =
        jiff::Timestamp::try_from(crate::support::host::ago(Duration::from_secs(400))).unwrap();
    let line = events.lines().last().expect("the ping is there");
    let event: Value = serde_json::from_str(line).unwrap();
    let at = event["at"].as_str().expect("it has a time");
    host.write("state/events.jsonl", &format!("{}\n", line.replace(at, &then.to_string())));
    finds(&host, "critical", "heartbeat outside", "ago, and it alerts after 5m");
    host.config(&CONFIG.replace("period = \"5m\"", "period = \"5m\"\ngrace = \"10m\""));
    finds(&host, "warning", "heartbeat outside", "ago, and it expects one every 5m");
}

#[test]
fn channels_are_looked_at_side_by_side_and_nobody_is_told() {
    let host = host("");
    let discord = Answers::http("200 OK", "", r#"{"id":"1","name":"alerts","channel_id":"2"}"#);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap().port();
    let refused = real::free_port();
    let mut config = format!(
        "{CONFIG}[[notify]]\nvia = \"discord\"\nurl = \"{}/api/webhooks/1/secret-path\"\n\
         [[notify]]\nvia = \"slack\"\nurl = \"http://127.0.0.1:{refused}/secret-path\"\n\
         [[notify]]\nvia = \"command\"\ncommand = [\"/nowhere/tell\"]\n",
        discord.url()
    );
    for number in 0..6 {
        config.push_str(&format!(
            "[[notify]]\nname = \"quiet {number}\"\nvia = \"telegram\"\ntoken = \"1:secret-path\"\nchat_id = 1\n\
             url = \"http://127.0.0.1:{silent}\"\ntimeout = \"2s\"\n"
        ));
    }
    host.config(&config);
    finds(
        &host,
        "ok",
        "channel discord",
        "the webhook `alerts` is known; not proven: whether a message arrives",
    );
    finds(&host, "critical", "channel slack", "no connection");
    finds(&host, "critical", "channel command:tell", "there is no `/nowhere/tell`");
    let begun = std::time::Instant::now();
    finds(&host, "critical", "channel quiet 3", "timed out");
    // One after the other they would take twelve.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    let ran = host.run(&["--deadline", "1s", "check", "--self", "-o", "json"]).ends(2);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(findings(&ran).iter().any(|(_, about, _)| about == "channel quiet 5"), "{ran:?}");
    assert_eq!(fs::read_dir(host.path("state/outbox")).map_or(0, Iterator::count), 0);
}

#[test]
fn a_check_that_can_be_read_back_is_asked_how_it_stands() {
    const KEY: &str = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3y02";
    let pings = Pings::start();
    pings.project(KEY, "r3adr3adr3adr3adr3adr3adr3adr302");
    let host = host("");
    let beat = |period: &str| {
        format!(
            "[[service]]\nname = \"web\"\nchecks = [\"file:$DIR/up\"]\n\
             [[heartbeat]]\nname = \"outside\"\nurl_file = \"$DIR/ping-url\"\napi_key_file = \"$DIR/key\"\n\
             api_url = \"{}\"\nperiod = \"{period}\"\ngrace = \"10m\"\n",
            pings.base()
        )
    };
    host.write("key", &format!("{KEY}\n"));
    mode(&host, "key", 0o600);
    host.config(&beat("5m"));
    host.run(&["-q", "ping", "--register"]).ends(0);
    finds(
        &host,
        "warning",
        "heartbeat outside",
        "it was never pinged: it alerts nobody before its first ping",
    );
    host.run(&["-q", "ping"]).silent();
    finds(&host, "ok", "heartbeat outside", "up at 127.0.0.1:");
    host.config(&beat("1h"));
    finds(
        &host,
        "warning",
        "heartbeat outside",
        "it is pinged every 1h, and expects that every 5m",
    );
    host.write("key", "another-key-that-nobody-knows-00\n");
    finds(&host, "unknown", "heartbeat outside", "127.0.0.1:");
}

#[test]
fn times_when_nobody_looked_are_told_for_a_day() {
    let host = host("");
    let happened = |hours: u64, text: &str| {
        let at = crate::support::host::ago(Duration::from_secs(hours * 3600));
        let at = jiff::Timestamp::try_from(at).unwrap();
        let mut state = host.state();
        state["happened"] = serde_json::json!([{ "at": at.to_string(), "text": text }]);
        host.write("state/state.json", &state.to_string());
    };
    happened(3, "nobody looked from 2026-01-01 00:16Z to 02:16Z (2h): the host slept for 2h");
    finds(&host, "warning", "gaps", "the host slept for 2h");
    happened(3, "the host was restarted, 4m ago");
    finds(&host, "ok", "gaps", "the host was restarted, 4m ago");
    happened(30, "nobody looked from 2026-01-01 00:16Z to 02:16Z (2h): the host slept for 2h");
    let ran = host.run(&["check", "--self", "-o", "json"]);
    assert!(!findings(&ran).iter().any(|(_, about, _)| about == "gaps"), "{ran:?}");
}
