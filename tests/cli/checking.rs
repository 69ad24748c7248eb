//! `check`: what it looks at, what it says, what it leaves alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{WEB, fast};
use crate::support::host::{Answers, Host};
use crate::support::real;

#[test]
fn what_is_up_and_what_is_down_is_said_worst_first() {
    let host = Host::with(&fast(&[
        WEB,
        "[[service]]\nname = \"api\"\nchecks = [\"file:$DIR/api\"]\ncritical = false\n",
        "[[service]]\nname = \"db\"\nchecks = [\"file:$DIR/db\"]\n",
    ]));
    host.write("up", "").write("db", "12345");
    host.run(&["check"]).is(
        1,
        "DOWN  api  `$DIR/api` is missing\n\
         \u{20}          for [T], not critical\n\
         up    db   5 B, [T] old\n\
         up    web  0 B, [T] old\n",
        "",
    );
    host.remove("db");
    host.run(&["check"]).is(
        2,
        "DOWN  db   `$DIR/db` is missing\n\
         \u{20}          for [T]\n\
         DOWN  api  `$DIR/api` is missing\n\
         \u{20}          for [T], not critical\n\
         up    web  0 B, [T] old\n",
        "",
    );
    host.run(&["check", "web"]).is(0, "up  web  0 B, [T] old\n", "");
    let json = host.run(&["check", "--format", "json"]).ends(2).json();
    let order: Vec<_> = json["services"].as_array().unwrap().iter().map(|s| &s["name"]).collect();
    assert_eq!(order, ["db", "api", "web"]);
}

#[test]
fn a_dry_run_only_reads_the_config() {
    let host = Host::with(&fast(&[WEB, "[[service]]\nname = \"api\"\nport = 1\n"]));
    host.run(&["check", "--dry-run"]).is(
        0,
        "$DIR/config.toml: valid: 2 services, 0 heartbeats, 0 notification channels\n",
        "",
    );
    host.run(&["-q", "check", "--dry-run"]).silent();
    host.config("[[service]]\nname = \"web\"\nprot = 80\nchecks = [\"tcp:localhost\"]\n[[service]]\nname = \"web\"\n");
    let ran = host.run(&["check", "--dry-run"]).ends(78);
    assert_eq!(ran.stdout, "");
    for said in [
        "the configuration is wrong\n",
        "$DIR/config.toml:3:1: service has no key `prot`\n  hint: did you mean `port`?\n",
        "$DIR/config.toml:4:",
        "`web`",
    ] {
        assert!(ran.stderr.contains(said), "{said:?} in {}", ran.stderr);
    }
    assert!(!host.path("state").exists());
}

#[test]
fn what_a_url_is_asked_with_is_in_no_output_and_not_in_the_state() {
    let (down, up) = (Answers::http("401 X", "", "hunter2"), Answers::http("200 OK", "", "{}"));
    let keys = [
        "header = [\"Authorization: hunter2\", \"X-Other: hunter2\"]",
        "body = \"user=max&password=hunter2\"",
        "user = \"max\"\npassword_file = \"$DIR/secret\"",
        "token_file = \"$DIR/secret\"",
        "header_file = \"X-Api-Key: $DIR/secret\"",
        "body_file = \"$DIR/secret\"",
    ];
    let mut services = String::new();
    for (index, keys) in keys.iter().enumerate() {
        for (name, url) in [("up", up.url()), ("down", down.url())] {
            services += &format!(
                "[[service]]\nname = \"{name}{index}\"\nheal = \"off\"\n[[service.check]]\nprobe = \"{url}/\"\n{keys}\n"
            );
        }
    }
    let host = Host::with(&fast(&[&services]));
    host.write("secret", "hunter2\n");
    fs::set_permissions(host.path("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    for args in [
        &["check"][..],
        &["check", "-o", "json"],
        &["check", "-o", "nagios"],
        &["-v", "check"],
        &["status"],
        &["status", "-o", "json"],
        &["heal", "--dry-run"],
        &["heal"],
    ] {
        let ran = host.run(args);
        assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
        assert!(!format!("{ran:?}").contains("aHVudGVyMg"), "{ran:?}");
        assert!(ran.stdout.contains("down5"), "{ran:?}");
    }
    let state = host.read("state/state.json");
    assert!(state.contains("header=Authorization:***,X-Other:***"), "{state}");
    assert!(state.contains("body=***") && state.contains("200 OK"), "{state}");
    // What worked of the config is kept whole, for its owner alone.
    let files = host.snapshot("state");
    let files = files.iter().filter(|(path, ..)| !path.display().to_string().contains("last-good"));
    for (path, _, bytes) in files {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains("hunter2"), "{}: {text}", path.display());
    }
    let ran = host.run(&["check", &format!("{}#header=X-Key: hunter2&bodyy=hunter2", up.url())]);
    assert!(ran.code == 78 || ran.code == 64, "{ran:?}");
    assert!(!ran.stderr.contains("X-Key: hunter2"), "{ran:?}");
}

#[test]
fn probes_given_on_the_spot_need_no_config_and_touch_neither_state_nor_lock() {
    let host = Host::new();
    let server = Answers::http("200 OK", "", "fine");
    let (url, tcp) = (server.url(), format!("tcp:127.0.0.1:{}", server.port()));
    let port = format!("port:{}", server.port());
    let ran = host.run(&["check", &url, &tcp, &port, "disk:/", "file:/etc/passwd"]).ends(0);
    assert_eq!(ran.stderr, "");
    assert_eq!(ran.stdout.lines().filter(|line| line.starts_with("up ")).count(), 5, "{ran:?}");
    let nobody = format!("tcp:127.0.0.1:{}", real::free_port());
    let ran = host.run(&["check", &url, &nobody]).ends(2);
    assert!(ran.stdout.starts_with(&format!("DOWN  {nobody}  ")), "{ran:?}");
    let ran =
        host.run(&["check", &format!("{url}#status=404"), &format!("{url}#contains=nope")]).ends(2);
    assert_eq!(ran.stdout.matches("DOWN").count(), 2, "{ran:?}");
    assert!(!host.path("state").exists());

    // Beside a state of somebody else's run, nothing of it changes.
    host.config(&fast(&[WEB])).write("up", "");
    host.run(&["-q", "check"]).silent();
    let before = host.snapshot("state");
    host.run(&["check", "file:/etc/passwd"]).ends(0);
    host.run(&["check", "file:$DIR/not-there"]).ends(2);
    assert_eq!(host.snapshot("state"), before);
}

#[test]
fn a_wrong_short_form_is_shown_with_a_caret() {
    let host = Host::new();
    host.run(&["check", "tcp:localhost", "tpc:localhost:1"]).is(
        64,
        "",
        "miraclemax: error: command line: `localhost` is not a host and a port\n\
         \u{20} tcp:localhost\n\
         \u{20}     ^\n\
         \u{20} hint: write `tcp:localhost:5432` or `tcp:[::1]:5432`\n\
         command line: there is no kind of probe `tpc`\n\
         \u{20} tpc:localhost:1\n\
         \u{20} ^\n\
         \u{20} hint: did you mean `tcp`?\n",
    );
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_down_within_its_timeout() {
    let host = Host::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/#timeout=1s", silent.local_addr().unwrap());
    let ran = host.run(&["check", &url]).ends(2);
    assert!(ran.stdout.starts_with("DOWN"), "{ran:?}");
}

#[test]
fn a_plugin_speaks_for_itself() {
    let host = Host::new();
    for (code, want, word) in [(0, 0, "up"), (2, 2, "DOWN"), (3, 3, "UNKNOWN")] {
        host.fake("check_it", &format!("echo 'IT: said so | x=1'\nexit {code}"));
        let ran = host.run(&["check", "exec:$DIR/bin/check_it -w 5"]).ends(want);
        assert!(ran.stdout.starts_with(&format!("{word}  ")), "{code}: {ran:?}");
        assert!(ran.stdout.contains("said so"), "{code}: {ran:?}");
    }
    assert_eq!(host.calls(), ["check_it -w 5"; 3]);
}

#[test]
fn when_the_host_is_offline_what_lies_beyond_it_is_unknown_and_not_healed() {
    // 192.0.2.0/24 is for documentation (RFC 5737): nobody is there.
    let service = "[[service]]\nname = \"far\"\nchecks = [\"tcp:192.0.2.7:9?timeout=200ms\"]\n\
                   restart = [\"touch\", \"$DIR/restarted\"]\n";
    let gate = |gate: &str| format!("gate = [\"{gate}\"]\n{}", fast(&[service]));
    let host = Host::with(&gate("tcp:192.0.2.1:9?timeout=200ms"));
    let ran = host.run(&["heal"]).ends(3);
    assert!(ran.stdout.starts_with("UNKNOWN  far  host offline: `192.0.2.1:9`: "), "{ran:?}");
    assert!(!host.path("restarted").exists());
    let online = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    host.config(&gate(&format!("tcp:{}", online.local_addr().unwrap())));
    let ran = host.run(&["check"]).ends(2);
    assert!(ran.stdout.starts_with("DOWN  far  `192.0.2.7:9`: "), "{ran:?}");
}

#[test]
fn as_a_plugin_it_says_one_line_with_performance_data_and_ends_with_0_to_3() {
    let host = Host::with(&fast(&[
        WEB,
        "[[service]]\nname = \"load\"\nchecks = [\"load:?max=1000000\"]\n",
        "[[service]]\nname = \"api\"\nchecks = [\"file:$DIR/api\"]\ncritical = false\n",
    ]));
    host.write("up", "").write("api", "");
    let load = "'load.load1'=[..];;~:1000000;0 'load.per_core'=[..];;;0";
    let ran = host.run(&["check", "-o", "nagios"]).ends(0);
    assert!(ran.stdout.starts_with("MIRACLEMAX OK - all 3 services up"), "{ran:?}");
    host.remove("up").remove("api");
    host.run(&["check", "-o", "nagios"]).is(
        2,
        &format!(
            "MIRACLEMAX CRITICAL - web: `$DIR/up` is missing; api: `$DIR/api` is missing; 1 of 3 services up | {load}\n\
             DOWN web: `$DIR/up` is missing; for [T]\n\
             DOWN api: `$DIR/api` is missing; for [T], not critical\n\
             up load: load [..]\n"
        ),
        "",
    );
    host.run(&["check", "-o", "nagios", "load"]).is(
        0,
        &format!("MIRACLEMAX OK - load: load [..] per core | {load}\n"),
        "",
    );
    host.run(&["check", "-o", "nagios", "load:?max=1000000"]).is(
        0,
        "MIRACLEMAX OK - load:?max=1000000: load [..] | 'load1'=[..];;~:1000000;0 'per_core'=[..];;;0\n",
        "",
    );
    host.run(&["check", "-o", "nagios", "file:$DIR/a", "file:/etc/passwd"]).is(
        2,
        "MIRACLEMAX CRITICAL - file:$DIR/a: `$DIR/a` is missing ([T]); 1 of 2 probes up[..]\n\
         DOWN file:$DIR/a: `$DIR/a` is missing ([T])\n[...]\n",
        "",
    );
}

#[test]
fn as_a_plugin_whatever_is_refused_is_unknown_on_standard_output() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "");
    let usage = "MIRACLEMAX UNKNOWN - there is no service `wbe`\nhint: did you mean `web`?\n";
    host.run(&["check", "-o", "nagios", "wbe"]).is(3, usage, "");
    for args in [["-o", "nagios"].as_slice(), &["--format=nagios"], &["--format", "nagios"]] {
        let ran = host.run(&[&["check", "--frob"], args].concat()).ends(3);
        let said = "MIRACLEMAX UNKNOWN - unexpected argument '--frob' found\n";
        assert!(ran.stdout.starts_with(said) && ran.stderr.is_empty(), "{ran:?}");
    }
    host.run(&["check", "--frob"]).ends(64);
    host.run(&["check", "-o", "nagios", "tpc:localhost:1"]).is(
        3,
        "MIRACLEMAX UNKNOWN - command line: there is no kind of probe `tpc`\n\
         tpc:localhost:1\n^\nhint: did you mean `tcp`?\n",
        "",
    );
    host.run(&["check", "-o", "nagios", "--dry-run"]).is(
        0,
        "MIRACLEMAX OK - $DIR/config.toml: valid: 1 service, 0 heartbeats, 0 notification channels\n",
        "",
    );
    host.config("prot = 80\n");
    let ran = host.run(&["check", "-o", "nagios"]).ends(3);
    assert!(ran.stdout.starts_with("MIRACLEMAX UNKNOWN - the configuration is wrong\n"), "{ran:?}");

    // With a last good configuration, what is down stays worse than that.
    host.config(&fast(&[WEB])).run(&["check"]).ends(0);
    host.config("prot = 80\n");
    let said = "the configuration is wrong; the last one that loaded is in use: $DIR/config.toml";
    let ran = host.run(&["check", "-o", "nagios"]).ends(3);
    assert!(ran.stdout.starts_with(&format!("MIRACLEMAX UNKNOWN - {said}")), "{ran:?}");
    host.remove("up");
    let ran = host.run(&["check", "-o", "nagios"]).ends(2);
    assert!(ran.stdout.starts_with(&format!("MIRACLEMAX CRITICAL - {said}")), "{ran:?}");
}

#[test]
fn json_has_a_word_for_each_probe_and_what_it_measured() {
    let host =
        Host::with(&fast(&["[[service]]\nname = \"load\"\nchecks = [\"load:?warn=0:0\"]\n"]));
    let here =
        host.run(&["check", "-o", "json", "load:?warn=-1:-1", "file:$DIR/no"]).ends(2).json();
    let (file, load) = (&here["probes"][0], &here["probes"][1]);
    assert_eq!((&file["status"], &file["verdict"]), (&"down".into(), &"down".into()));
    assert_eq!((&load["status"], &load["verdict"]), (&"degraded".into(), &"up".into()));
    assert!(load["warning"].as_str().unwrap().contains("load"), "{here}");
    assert!(load["hint"].as_str().unwrap().contains("ps "), "{here}");
    assert_eq!(load["measures"][0]["label"], "load1");
    let all = host.run(&["check", "-o", "json", "load"]).json();
    let probe = &all["services"][0]["probes"][0];
    assert_eq!(probe["verdict"], "up");
    assert!(["up", "degraded"].contains(&probe["status"].as_str().unwrap()), "{all}");
}
