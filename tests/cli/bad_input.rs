//! Configs, states and directories that are missing, empty, cut, foreign, or something else altogether; hostile text.
//! Each gets a clear error, nothing is lost, and nothing waits for ever (every run here has its bound).

use super::{WEB, fast};
use crate::support::host::Host;
use crate::support::real;

const ALL: [&[&str]; 7] = [
    &["check"],
    &["check", "--dry-run"],
    &["heal"],
    &["heal", "--dry-run"],
    &["ping"],
    &["stale"],
    &["status"],
];

#[test]
fn a_config_that_cannot_be_used_is_refused_with_its_reason() {
    let host = Host::new();
    let loops = || std::os::unix::fs::symlink("config.toml", host.path("config.toml")).unwrap();
    for (make, said) in [
        (&(|| ()) as &dyn Fn(), "there is no configuration at `$DIR/config.toml`\nhint: "),
        (
            &|| {
                host.write("config.toml", "");
            },
            "$DIR/config.toml: no services and no heartbeats",
        ),
        (
            &|| {
                host.write("config.toml", "[[service]]\nname = \"we");
            },
            "$DIR/config.toml:2:11: ",
        ),
        (
            &|| std::fs::write(host.path("config.toml"), b"name = \"\xff\"").unwrap(),
            "$DIR/config.toml:1:9: byte 0xff is not UTF-8",
        ),
        (
            &|| {
                host.fifo("config.toml");
            },
            "$DIR/config.toml: is not a regular file\n",
        ),
        (
            &|| std::fs::create_dir(host.path("config.toml")).unwrap(),
            "$DIR/config.toml: is a directory, not a config file\n",
        ),
        (&loops, "$DIR/config.toml: cannot read it: "),
    ] {
        make();
        for args in ALL {
            let tolerant = matches!(args[0], "stale" | "status");
            let ran = host.run(args).ends(if tolerant { 2 } else { 78 });
            let word = if tolerant { "warning" } else { "error" };
            assert!(ran.stderr.starts_with(&format!("miraclemax: {word}: ")), "{args:?}: {ran:?}");
            assert!(ran.stderr.contains(said), "{args:?}: {said:?}: {ran:?}");
        }
        assert!(!host.path("state").exists(), "{said}");
        let path = host.path("config.toml");
        let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir(&path));
    }
}

#[test]
fn a_config_without_the_right_to_read_it_is_refused_with_that_reason() {
    let mut host = Host::with(&fast(&[WEB]));
    if !host.without_root() {
        return;
    }
    let mut chmod = real::command("chmod");
    chmod.arg("0").arg(host.path("config.toml"));
    real::run(chmod, b"", crate::support::host::BOUND).ok();
    for args in ALL {
        let tolerant = matches!(args[0], "stale" | "status");
        let ran = host.run(args).ends(if tolerant { 2 } else { 78 });
        assert!(ran.stderr.to_lowercase().contains("permission denied"), "{args:?}: {ran:?}");
    }
}

/// Everything below `state/` whose bytes are these.
fn kept(host: &Host, bytes: &[u8]) -> bool {
    host.snapshot("state").iter().any(|(_, _, found)| found == bytes)
}

#[test]
fn a_state_that_cannot_be_read_is_set_aside_and_the_one_before_is_used() {
    for (what, bytes, said) in [
        ("empty", &b""[..], "it is damaged: it is empty"),
        ("cut", b"{\"version\":1,\"host\":\"h\",\"serv", "it is damaged: EOF while parsing"),
        ("no json", b"\x00\xff\x1b[2J", "it is damaged: "),
        ("of a newer version", b"{\"version\":99,\"services\":[]}", "a newer version wrote it"),
    ] {
        let host = Host::with(&fast(&[WEB]));
        host.run(&["-q", "heal"]).ends(0);
        host.run(&["-q", "heal"]).silent();
        let opened = host.service("web")["last_incident"]["id"].clone();
        assert!(opened.is_string(), "there is something to lose: {}", host.state());
        std::fs::write(host.path("state/state.json"), bytes).unwrap();
        let before = host.snapshot("state");

        // Those who only read say so and change nothing.
        let ran = host.run(&["stale"]).ends(3);
        assert!(ran.stdout.starts_with("$DIR/state/state.json: UNREADABLE: "), "{what}: {ran:?}");
        assert!(ran.stdout.contains(said), "{what}: {ran:?}");
        assert!(!ran.stdout.contains('\u{1b}'), "{what}: {ran:?}");
        let ran = host.run(&["status"]).ends(3);
        assert!(ran.stdout.contains("UNKNOWN  web  the state cannot be read\n"), "{what}: {ran:?}");
        let ran = host.run(&["heal", "--dry-run"]).ends(0);
        assert!(
            ran.stderr.contains("warning: cannot read `$DIR/state/state.json`: "),
            "{what}: {ran:?}"
        );
        let unlocked = |all: Vec<_>| -> Vec<_> {
            all.into_iter()
                .filter(|(path, ..): &(std::path::PathBuf, _, _)| !path.ends_with("lock"))
                .collect()
        };
        assert_eq!(unlocked(host.snapshot("state")), unlocked(before), "{what}");

        // Those who write keep it, use the one before, and say both.
        let ran = host.run(&["check"]).ends(0);
        assert!(
            ran.stderr.contains("it is kept as `$DIR/state/state.json.bad-"),
            "{what}: {ran:?}"
        );
        assert!(ran.stderr.contains("the state of the run before is used"), "{what}: {ran:?}");
        assert_eq!(host.service("web")["last_incident"]["id"], opened, "{what}");
        assert!(bytes.is_empty() || kept(&host, bytes), "{what}: nothing is lost");
        host.run(&["-q", "check"]).silent();
    }
}

#[test]
fn a_fifo_or_directory_in_the_place_of_the_state_is_set_aside() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "");
    for fifo in [true, false] {
        host.run(&["-q", "check"]).silent();
        host.run(&["-q", "check"]).silent();
        host.remove("state/state.json");
        if fifo {
            host.fifo("state/state.json");
        } else {
            std::fs::create_dir(host.path("state/state.json")).unwrap();
        }
        let what = if fifo { "a FIFO" } else { "a directory" };
        let want = format!("$DIR/state/state.json: UNREADABLE: it is {what}, not a regular file\n");
        host.run(&["stale"]).is(3, &want, "");
        host.run(&["status"]).ends(3);
        let ran = host.run(&["heal"]).ends(0);
        assert!(
            ran.stderr.contains(&format!("it is {what}, not a regular file; it is kept as ")),
            "{ran:?}"
        );
        host.run(&["-q", "stale"]).silent();
    }
}

#[test]
fn a_state_that_is_gone_is_taken_from_the_run_before() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "");
    host.run(&["-q", "check"]).silent();
    host.run(&["-q", "check"]).silent();
    host.remove("state/state.json");
    host.run(&["stale"]).ends(2);
    let ran = host.run(&["check"]).ends(0);
    assert!(
        ran.stderr.contains("`$DIR/state/state.json` is gone; the state of the run before is used"),
        "{ran:?}"
    );
    host.run(&["-q", "check"]).silent();
}

#[test]
fn odd_things_beside_the_state_neither_hang_nor_stop_a_heal() {
    for name in ["events.jsonl", "outbox", "incidents", "config.last-good.json", "state.json.1"] {
        for fifo in [true, false] {
            let host = Host::with(&fast(&[WEB]));
            host.write("up", "");
            host.run(&["-q", "check"]).silent();
            host.remove("up");
            let path = host.path("state").join(name);
            let _ = std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path));
            if fifo || name == "outbox" || name == "incidents" {
                host.fifo(&format!("state/{name}"));
            } else {
                std::fs::create_dir(&path).unwrap();
            }
            let ran = host.run(&["heal"]);
            assert!(host.path("up").exists(), "{name}: {ran:?}");
            assert!([0, 3].contains(&ran.code), "{name}: {ran:?}");
            assert!(ran.stdout.starts_with("healed  web  "), "{name}: {ran:?}");
            host.run(&["status"]).ends(0);
            host.run(&["stale"]).ends(0);
        }
    }
}

#[test]
fn a_lock_that_is_none_is_refused_with_what_to_type() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "");
    host.run(&["-q", "check"]).silent();
    host.remove("state/lock").fifo("state/lock");
    for command in ["check", "heal"] {
        host.run(&[command]).is(
            3,
            "",
            "miraclemax: error: cannot use the lock `$DIR/state/lock`: it is a FIFO, not a regular file\n\
             \u{20} hint: `rm '$DIR/state/lock'`\n",
        );
    }
    for command in ["status", "stale"] {
        host.run(&["-q", command]).silent();
    }
    host.remove("state/lock");
    std::fs::create_dir(host.path("state/lock")).unwrap();
    for command in ["check", "heal"] {
        host.run(&[command]).is(
            3,
            "",
            "miraclemax: error: cannot open the lock `$DIR/state/lock`: [..]\n",
        );
    }
}

#[test]
fn a_state_directory_that_others_could_fill_is_not_used() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let host = Host::with(&fast(&[WEB]));
    host.write("state", "");
    let refused = |why: &str| {
        for command in ["check", "heal"] {
            let ran = host.run(&[command]).ends(3);
            assert!(ran.stderr.contains(why), "{why}: {ran:?}");
            assert!(ran.stderr.contains("hint: "), "{why}: {ran:?}");
        }
        assert!(!host.path("up").exists(), "{why}");
    };
    refused("the state directory `$DIR/state` is not a directory");
    host.remove("state");
    std::fs::create_dir(host.path("state")).unwrap();
    std::fs::set_permissions(host.path("state"), std::fs::Permissions::from_mode(0o777)).unwrap();
    refused("can be written by others");
    std::fs::remove_dir(host.path("state")).unwrap();
    symlink("home", host.path("state")).unwrap();
    refused("is a symbolic link");
}

#[test]
fn hostile_names_are_refused_or_shown_harmless() {
    let host = Host::new();
    for name in ["../../etc/passwd", "a/b", "\\u001b[2Jweb", "a\\nb", "-q", "", ".", ".."] {
        host.config(&format!("[[service]]\nname = \"{name}\"\nchecks = [\"file:$DIR/up\"]\n"));
        for args in [&["check"][..], &["heal"], &["status"]] {
            let ran = host.run(args);
            let all = format!("{}{}", ran.stdout, ran.stderr);
            assert!(ran.code != 0, "{name:?} {args:?}: {ran:?}");
            assert!(!all.contains('\u{1b}'), "{name:?} {args:?}: {ran:?}");
        }
    }
    // As an argument, too.
    host.config(&fast(&[WEB])).write("up", "");
    for name in ["\u{1b}[2Jweb", "we\nb"] {
        let ran = host.run(&["check", name]).ends(64);
        assert!(!ran.stderr.contains('\u{1b}'), "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), 2, "{ran:?}");
    }
}

#[test]
fn hostile_output_of_a_plugin_is_shown_harmless_everywhere() {
    let host = Host::with(&fast(&[r#"
[[service]]
name = "web"
checks = ["exec:$DIR/bin/plugin"]
restart = ["true"]
[[notify]]
via = "email"
to = ["me@example.org"]
from = "max@example.org"
sendmail = "$DIR/bin/sendmail"
"#]));
    let evil = r"CRIT \033]0;owned\007\033[2J\r\nBcc: all@example.org\r\n\r\n<b>\342\200\256x";
    host.fake("plugin", &format!("printf '{evil}'; exit 2"));
    host.fake("sendmail", "cat >> $DIR/mails");
    for args in [
        &["check"][..],
        &["heal"],
        &["status"],
        &["status", "web"],
        &["status", "--format", "json"],
    ] {
        let ran = host.run(args).ends(2);
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert_eq!(ran.stdout.chars().find(|c| bad(*c)), None, "{args:?}: {}", ran.stdout);
        assert_eq!(ran.stderr.chars().find(|c| bad(*c)), None, "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.contains("CRIT"), "{args:?}: {}", ran.stdout);
    }
    for _ in 0..5 {
        host.age(std::time::Duration::from_secs(400));
        host.run(&["heal"]).ends(2);
    }
    let mails = host.read("mails");
    assert!(mails.contains("FAILED"), "{mails}");
    assert!(!mails.lines().any(|line| line.starts_with("Bcc:")), "{mails}");
}
