//! `check`: what it looks at, what it says, what it leaves alone.

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
