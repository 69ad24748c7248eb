//! The command line itself: exit codes, help, names, output, and what becomes of it when nobody reads it.

use std::os::unix::fs::symlink;

use super::{WEB, fast};
use crate::support::host::Host;
use crate::support::real;

#[test]
fn help_and_version_go_to_standard_output_and_end_well() {
    let host = Host::new();
    let version = format!("miraclemax {}\n", env!("CARGO_PKG_VERSION"));
    host.run(&["--version"]).is(0, &version, "");
    for command in [&[][..], &["check"], &["heal"], &["ping"], &["stale"], &["status"]] {
        let ran = host.run(&[command, &["--help"]].concat()).ends(0);
        assert!(ran.stdout.contains("Usage: miraclemax"), "{}", ran.stdout);
        assert_eq!(ran.stderr, "");
        let wide = ran.stdout.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "wider than 80 columns");
    }
}

#[test]
fn help_names_every_kind_of_probe() {
    let host = Host::new();
    let refused = host.run(&["check", "quantum:x"]).ends(64).stderr;
    let (_, kinds) = refused.split_once("hint: there is ").expect("the hint lists them");
    let help = host.run(&["check", "--help"]).ends(0).stdout;
    let said = format!("The kinds: {};", real::flat(kinds));
    assert!(real::flat(&help).contains(&said), "not in --help: {said}");
}

#[test]
fn wrong_usage_goes_to_standard_error_and_ends_with_64() {
    let host = Host::with(&fast(&[WEB]));
    for (args, why) in [
        (&["frobnicate"][..], "unrecognized subcommand 'frobnicate'"),
        (&[], "requires a subcommand"),
        (&["statsu"], "'status'"),
        (&["check", "--wait", "soon"], "`soon` is no duration"),
        (&["--deadline", "0s", "check"], "must be longer than nothing"),
        (&["-q", "-v", "check"], "cannot be used with"),
        (&["ping", "--start", "--fail"], "cannot be used with"),
        (&["ping", "--exit-code", "256"], "256"),
        (&["ping", "--rid", "me"], "'--rid"),
        (&["heal", "--drill", "web"], "cannot be used with"),
        (&["check", "--merge"], "--discover"),
        (&["check", "--discover", "--dry-run"], "cannot be used with"),
        (&["status", "--format", "xml"], "xml"),
        (&["--color", "pink", "status"], "pink"),
    ] {
        let ran = host.run(args).ends(64);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(ran.stderr.starts_with("miraclemax: error: "), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{args:?}: {}", ran.stderr);
    }
    assert!(!host.path("state").exists(), "wrong usage leaves nothing behind");
}

#[test]
fn an_unknown_service_is_answered_with_the_nearest_one() {
    let host = Host::with(&fast(&[WEB]));
    let said = "miraclemax: error: there is no service `wbe`\nhint: did you mean `web`?\n";
    let far = "miraclemax: error: there is no service `postgres`\nhint: the configured services are: web\n";
    for command in ["check", "heal", "status"] {
        host.run(&[command, "wbe"]).is(64, "", said);
        host.run(&[command, "postgres"]).is(64, "", far);
        host.run(&[command, "web", "wbe"]).is(64, "", said);
    }
    host.run(&["heal", "--dry-run", "wbe"]).is(64, "", said);
}

#[test]
fn without_any_config_no_service_is_known() {
    let mut host = Host::new();
    host.without_root();
    let binary = real::miraclemax().into_os_string();
    let run = |args: &[&str]| {
        let mut words = vec![binary.clone()];
        words.extend(args.iter().map(Into::into));
        host.finish(host.bare(words), &args.join(" "), "")
    };
    run(&["check", "web"]).is(
        64,
        "",
        "miraclemax: error: there is no service `web`: nothing is configured\n\
         hint: give a probe such as `systemd:nginx`, `process:nginx` or `tcp:localhost:80`\n",
    );
    run(&["status", "web"]).is(
        64,
        "",
        "miraclemax: error: there is no service `web`\nhint: none is configured\n",
    );
    let no_config = "miraclemax: error: there is no configuration at `$DIR/home/.config/miraclemax/config.toml`\n[...]\n";
    run(&["heal"]).is(78, "", no_config);
    run(&["ping"]).is(78, "", no_config);
    let ran = run(&["stale"]).ends(2);
    let own =
        "$DIR/home/.local/state/miraclemax/state.json: NEVER-RAN: no cycle was ever completed ";
    assert!(ran.stdout.starts_with(own), "{ran:?}");
    assert_eq!(ran.stderr, "");
    // The host itself is looked at; how it fares is not ours to say.
    let ran = run(&["check"]);
    assert!([0, 1, 2].contains(&ran.code), "{ran:?}");
    for probe in ["disk:/?warn=10%&crit=5%", "memory:?", "load:?"] {
        assert!(ran.stdout.contains(probe), "{ran:?}");
    }
    assert!(
        ran.stderr.ends_with(
            "this is the host alone\nhint: `miraclemax check --discover` writes one for what runs here\n"
        ),
        "{ran:?}"
    );
    let quiet = run(&["-q", "check"]);
    assert!(quiet.code != 0 || quiet.stdout.is_empty(), "{quiet:?}");
    assert_eq!(quiet.stderr, "");
    assert!(!host.path("home/.local").exists(), "probes given on the spot leave no state");
}

#[test]
fn links_run_the_command_they_are_named_after() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "");
    for name in ["miraclemax-self-heal", "miraclemax-status", "miraclemax-heartbeat"] {
        symlink(real::miraclemax(), host.path(name)).unwrap();
    }
    let run = |name: &str, args: &[&str]| {
        host.finish(host.command_as(&host.path(name), args), &format!("{name} {args:?}"), "")
    };
    run("miraclemax-self-heal", &["-q"]).silent();
    assert_eq!(host.state()["cycle"]["command"], "heal");
    run("miraclemax-status", &["-q"]).silent();
    let ran = run("miraclemax-status", &["--format", "json"]).ends(0);
    assert_eq!(ran.json()["services"][0]["name"], "web");
    run("miraclemax-heartbeat", &[]).is(
        78,
        "",
        "miraclemax: error: no heartbeat is configured\n\
         hint: add a [[heartbeat]] with `name` and `url_file`; see miraclemax-config(5)\n",
    );
}

#[test]
fn quiet_is_silent_while_all_is_well_and_only_then() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "");
    for args in [&["-q", "check"][..], &["-q", "heal"], &["-q", "status"], &["-q", "stale"]] {
        host.run(args).silent();
    }
    host.run(&["-q", "check", "file:$DIR/up"]).silent();
    host.run(&["-q", "stale", "$DIR/up"]).silent();
    host.remove("up");
    host.run(&["-q", "check"]).is(2, "DOWN  web  `$DIR/up` is missing\n           for [T]\n", "");
    host.run(&["-q", "status"]).ends(2);
    // No channel is told of the heal, so that it is said here.
    host.run(&["-q", "heal"]).is(0, "healed  web  touch $DIR/up in [T], verified by 1 probe\n", "");
    host.run(&["-q", "heal"]).silent();
}

#[test]
fn output_is_written_whole_or_not_at_all() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "").write("out.json", "what was there before, and longer than what comes\n");
    host.run(&["-q", "check"]).silent();
    host.run(&["--output", "$DIR/out.json", "status", "--format", "json"]).silent();
    let written: serde_json::Value = serde_json::from_str(&host.read("out.json")).unwrap();
    assert_eq!(written["services"][0]["name"], "web");
    let left: Vec<_> = host
        .snapshot("")
        .into_iter()
        .filter(|(path, ..)| path.to_string_lossy().contains("out.json"))
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");

    host.run(&["--output", "$DIR/no/such", "status"]).is(
        3,
        "",
        "miraclemax: error: cannot write the output to `$DIR/no/such`: No such file or directory (os error 2)\n",
    );
    host.run(&["--output", "$DIR/home", "status"]).is(
        3,
        "",
        "miraclemax: error: cannot write the output to `$DIR/home`: Is a directory (os error 21)\n",
    );
}

#[test]
fn colour_is_shown_when_asked_for_and_never_to_a_file() {
    let host = Host::with(&fast(&[WEB]));
    host.run(&["check"]).ends(2);
    let plain = host.run(&["status"]).ends(2).stdout;
    assert!(!plain.contains('\u{1b}'));
    let colour = host.run(&["--color", "always", "status"]).ends(2).stdout;
    assert!(colour.contains("\u{1b}[1;31mDOWN\u{1b}[0m"), "{colour:?}");
    assert!(!host.run(&["--color", "never", "status"]).ends(2).stdout.contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let host = Host::with(&fast(&[WEB]));
    host.write("up", "");
    host.shell("miraclemax check; miraclemax status --format json >/dev/null").ends(0);
    host.shell("{ miraclemax status --format json; echo $? >&2; } | head -1").is(0, "{\n", "0\n");
    host.shell("{ miraclemax check; echo $? >&2; } | true").is(0, "", "0\n");
    host.shell("{ miraclemax --help; echo $? >&2; } | true").is(0, "", "0\n");
}

#[test]
fn closed_standard_streams_change_nothing_but_what_is_seen() {
    let host = Host::with(&fast(&[WEB]));
    host.shell("miraclemax heal <&- >&- 2>&-").silent();
    assert!(host.path("up").exists(), "it was healed");
    assert_eq!(host.service("web")["status"], "up");
    host.shell("miraclemax check 2>&-").is(0, "up  web  0 B, [T] old\n", "");
    // Nothing that the run opened was taken for a standard stream.
    let state = host.state();
    assert_eq!(state["cycle"]["command"], "check");
    assert!(host.events().iter().all(|event| event["kind"].is_string()));
}

#[test]
fn the_deadline_ends_a_run_whatever_hangs() {
    let host = Host::with(&fast(&[r#"
[[service]]
name = "slow"
[[service.check]]
probe = "exec:/bin/sleep 300"
timeout = "40s"
"#]));
    let ran = host.run(&["--deadline", "2s", "check"]).ends(3);
    assert!(ran.stdout.starts_with("UNKNOWN  slow  "), "{ran:?}");
    let ran = host.run(&["--deadline", "2s", "check", "exec:/bin/sleep 300"]).ends(3);
    assert!(ran.stdout.starts_with("UNKNOWN  exec:/bin/sleep 300  "), "{ran:?}");
}

#[test]
fn cron_needs_nothing_but_its_bare_environment() {
    let mut host = Host::new();
    if !host.without_root() {
        return;
    }
    let config = host.fill(&fast(&[WEB]));
    std::fs::create_dir_all(host.path("home/.config/miraclemax")).unwrap();
    host.write("home/.config/miraclemax/config.toml", &config);
    host.without_root();
    host.set("PATH", "/usr/bin:/bin").set("LOGNAME", "me");
    let line = format!("{} -q heal", real::miraclemax().display());
    let run = || {
        host.finish(host.bare(vec!["/bin/sh".into(), "-c".into(), line.clone().into()]), &line, "")
    };
    run().is(0, "healed  web  touch $DIR/up in [T], verified by 1 probe\n", "");
    run().silent();
    assert!(host.path("home/.local/state/miraclemax/state.json").is_file());
}
