//! `stale`: files, URLs and the own state; each answer has its reason, and nothing can make it wait.

use std::os::unix::fs::symlink;
use std::time::Duration;

use super::{WEB, fast};
use crate::support::host::{Answers, Host, ago, http_date, now};
use crate::support::real;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn files_are_judged_by_their_age() {
    let host = Host::new();
    host.write("new", "x").write("old", "x").write("ahead", "x");
    host.touch("old", ago(50 * MINUTE)).touch("ahead", now() + 10 * MINUTE);
    host.fifo("fifo");
    symlink("loop", host.path("loop")).unwrap();
    symlink("new", host.path("link")).unwrap();
    for (what, code, said) in [
        ("new", 0, "FRESH: changed [T] ago, the limit is 20m"),
        ("link", 0, "FRESH: changed [T] ago, the limit is 20m"),
        ("old", 2, "STALE: last changed 50m [..]ago, the limit is 20m"),
        ("gone", 2, "STALE: not there"),
        ("no/such/dir", 2, "STALE: not there"),
        ("ahead", 3, "CLOCK: changed [..] in the future; one of the clocks is wrong"),
        ("fifo", 3, "UNKNOWN: it is a FIFO, not a file"),
        ("home", 3, "UNKNOWN: it is a directory, not a file"),
        ("loop", 3, "UNKNOWN: [..]"),
    ] {
        let path = host.path(what).display().to_string();
        let want = format!("$DIR/{what}: {said}\n");
        host.run(&["stale", &path]).is(code, &want, "");
        host.run(&["-q", "stale", &path]).is(code, if code == 0 { "" } else { &want }, "");
    }
    host.run(&["stale", "--max-age", "1h", "$DIR/old", "$DIR/gone"]).is(
        2,
        "$DIR/old: FRESH: changed 50m [..]ago, the limit is 1h\n$DIR/gone: STALE: not there\n",
        "",
    );
    assert!(!host.path("state").exists());
}

#[test]
fn what_may_not_be_looked_at_is_not_called_stale() {
    let mut host = Host::new();
    if !host.without_root() {
        return;
    }
    std::fs::create_dir(host.path("shut")).unwrap();
    host.write("shut/file", "x");
    host.without_root();
    let mut chmod = real::command("chmod");
    chmod.arg("0").arg(host.path("shut"));
    real::run(chmod, b"", MINUTE).ok();
    let ran = host.run(&["stale", "$DIR/shut/file"]).ends(3);
    assert!(ran.stdout.starts_with("$DIR/shut/file: UNKNOWN: "), "{ran:?}");
    assert!(ran.stdout.to_lowercase().contains("permission denied"), "{ran:?}");
}

#[test]
fn a_url_is_judged_by_when_it_was_last_modified() {
    let host = Host::new();
    let dated = |at: std::time::SystemTime| format!("Last-Modified: {}\r\n", http_date(at));
    for (status, headers, code, said) in [
        ("200 OK", dated(ago(MINUTE)), 0, "FRESH: changed 1m[..] ago, the limit is 20m"),
        ("200 OK", dated(ago(60 * MINUTE)), 2, "STALE: last changed 1h[..] ago, the limit is 20m"),
        ("200 OK", String::new(), 3, "UNKNOWN: the server does not say when it was last modified"),
        ("404 Not Found", String::new(), 2, "STALE: not there (status 404)"),
        ("503 Busy", String::new(), 3, "UNKNOWN: the server answered with status 503"),
    ] {
        let server = Answers::http(status, &headers, "");
        let url = server.url();
        host.run(&["stale", &url]).is(code, &format!("{url}: {said}\n"), "");
    }
    let nobody = format!("http://127.0.0.1:{}/", real::free_port());
    let ran = host.run(&["stale", &nobody]).ends(3);
    assert!(ran.stdout.starts_with(&format!("{nobody}: UNKNOWN: ")), "{ran:?}");
    let garbage = Answers::with("SSH-2.0-not-a-web-server\r\n");
    host.run(&["stale", &garbage.url()]).ends(3);
    // One that accepts and says nothing is given up.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let ran = host.run(&["--deadline", "2s", "stale", &url]).ends(3);
    assert!(ran.stdout.contains("UNKNOWN: "), "{ran:?}");
}

#[test]
fn the_own_state_says_why_it_is_not_fresh() {
    // Shorter than any host that runs tests has been up, so that it has not just been booted.
    let config = format!("fresh_for = \"1m\"\n{}", fast(&[WEB]));
    let host = Host::with(&config);
    host.run(&["stale"]).is(
        2,
        "$DIR/state/state.json: NEVER-RAN: no cycle was ever completed (there is no `$DIR/state`); `miraclemax check` completes one\n",
        "",
    );
    host.write("up", "");
    host.run(&["-q", "check"]).silent();
    host.run(&["stale"]).is(0, "$DIR/state/state.json: FRESH: last complete cycle [T] ago\n", "");
    host.age(Duration::from_secs(100));
    let stale = "$DIR/state/state.json: STALE: last complete cycle 1m [T] ago, 1m allowed\n";
    host.run(&["stale"]).is(2, stale, "");
    host.run(&["stale", "--max-age", "1h"]).ends(0);
    host.run(&["status"]).ends(2);
    let mtime = host.mtime();
    host.touch("state/state.json", now());
    host.run(&["stale"]).is(
        2,
        "$DIR/state/state.json: TOUCHED: last complete cycle 1m [T] ago, though the file was touched [T] ago\n",
        "",
    );
    host.touch("state/state.json", now() + 60 * MINUTE);
    host.run(&["stale"]).is(
        3,
        "$DIR/state/state.json: CLOCK: written [..] in the future: the clock was set, or the file touched\n",
        "",
    );
    host.touch("state/state.json", mtime);
    host.run(&["stale"]).is(2, stale, "");
    host.config(&format!("{config}[[service]]\nname = \"new\"\nchecks = [\"file:$DIR/up\"]\n"));
    host.run(&["-q", "check", "web"]).silent();
    host.run(&["stale"]).is(2, stale, "");
    host.run(&["-q", "check"]).silent();
    host.run(&["stale"]).ends(0);
}

#[test]
fn a_stale_state_names_who_holds_the_lock() {
    let host = Host::with(&format!(
        "fresh_for = \"1m\"\n{}",
        fast(&[
            "[[service]]\nname = \"web\"\nchecks = [\"file:$DIR/up\"]\nrestart = [\"$DIR/bin/restart\"]\n"
        ])
    ));
    host.write("up", "");
    host.run(&["-q", "check"]).silent();
    host.fake("restart", "touch $DIR/begun; while [ -d $DIR ] && [ ! -e $DIR/go ]; do sleep 0.1; done; touch $DIR/up");
    host.remove("up");
    let heal = host.start(&["heal"]);
    real::wait_until("the restart has begun", MINUTE, || host.path("begun").exists().then_some(()));
    host.age(Duration::from_secs(100));
    let want = format!(
        "$DIR/state/state.json: LOCK-HELD: last complete cycle 1m [T] ago, 1m allowed; pid {} has held the lock for [T]\n",
        heal.pid()
    );
    host.run(&["stale"]).is(2, &want, "");
    host.write("go", "");
    assert_eq!(heal.code(), Some(0));
    host.run(&["stale"]).ends(0);
}
