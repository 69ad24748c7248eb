//! `ping --register`, `--verify` and `--pause` against a strict server of the documented API; no hosted service is
//! called.

use super::{WEB, fast};
use crate::support::host::{Host, Ran};
use crate::support::pings::{Fault, Pings};

const UUID: &str = "5fe0c2a4-7b1e-4f0e-9a3c-2d6a8b1c9e77";
const KEY: &str = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3y01";
const READ: &str = "r3adr3adr3adr3adr3adr3adr3adr301";

/// A host with a heartbeat whose URL is not there yet, and whose check is to be as `more` says.
fn host(more: &str) -> (Host, Pings) {
    let pings = Pings::start();
    pings.project(KEY, READ);
    let host = Host::with(&fast(&[WEB]));
    host.write("key", &format!("{KEY}\n")).write("up", "");
    says(&host, &pings, more);
    (host, pings)
}

fn says(host: &Host, pings: &Pings, more: &str) {
    let url = pings.base();
    host.config(&fast(&[
        WEB,
        &format!(
            "[[heartbeat]]\nname = \"Nightly backup\"\nurl_file = \"$DIR/url\"\n\
             api_key_file = \"$DIR/key\"\napi_url = \"{url}\"\n{more}"
        ),
    ]));
}

/// Nothing secret is printed.
#[track_caller]
fn run(host: &Host, args: &[&str], code: i32) -> Ran {
    let ran = host.run(args).ends(code);
    for text in [&ran.stdout, &ran.stderr] {
        for secret in [UUID, KEY, READ, "00000000-1111-4000"] {
            assert!(!text.contains(secret), "{ran:?}");
        }
    }
    ran
}

#[test]
fn one_command_makes_the_check_and_keeps_its_url() {
    let (host, pings) = host("period = \"5m\"\ngrace = \"10m\"\ntags = [\"backup\", \"db\"]\n");
    let ran = run(&host, &["ping", "--register"], 0);
    assert!(ran.stdout.starts_with("Nightly backup: created at 127.0.0.1:"), "{ran:?}");
    for line in
        ["  every 5m, grace 10m\n", "  alerts by 2 integrations\n", "  its URL was written to `"]
    {
        assert!(ran.stdout.contains(line), "{line}: {ran:?}");
    }
    let check = pings.in_project(|project| project.checks.clone());
    assert_eq!(check.len(), 1);
    for (key, want) in [("name", "Nightly backup"), ("tags", "backup db")] {
        assert_eq!(check[0][key], want);
    }
    assert_eq!((&check[0]["timeout"], &check[0]["grace"]), (&300.into(), &600.into()));
    assert_eq!(host.read("url").trim(), check[0]["ping_url"].as_str().unwrap());
    let mode = std::fs::metadata(host.path("url")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o7777, 0o600);

    // Never pinged it alerts nobody, and that is said; its first ping mends it.
    let ran = run(&host, &["ping", "--verify"], 1);
    assert!(ran.stdout.contains("warning: it was never pinged"), "{ran:?}");
    run(&host, &["-q", "check"], 0);
    run(&host, &["ping"], 0);
    let ran = run(&host, &["ping", "--verify"], 0);
    assert!(ran.stdout.starts_with("Nightly backup: up at 127.0.0.1:"), "{ran:?}");
    assert!(ran.stdout.contains(" ago, 1 in all\n"), "{ran:?}");

    // Asked twice it changes nothing; asked for something else, only that.
    let ran = run(&host, &["ping", "--register"], 0);
    assert!(ran.stdout.contains(", as it should be\n"), "{ran:?}");
    assert!(ran.stdout.contains("the configured URL is this check's"), "{ran:?}");
    says(
        &host,
        &pings,
        "schedule = \"*/5 * * * *\"\ntz = \"Europe/Berlin\"\nchannels = [\"Pager\"]\n",
    );
    let ran = run(&host, &["ping", "--verify"], 1);
    assert!(
        ran.stdout.contains("it is pinged at */5 * * * * Europe/Berlin, and expects that every 5m"),
        "{ran:?}"
    );
    let ran = run(&host, &["ping", "--register"], 0);
    assert!(
        ran.stdout.contains("every 5m, grace 10m -> at */5 * * * * Europe/Berlin, grace 10m"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("2 integrations -> 1 integration"), "{ran:?}");
    assert_eq!(pings.in_project(|project| project.checks.len()), 1);
    run(&host, &["ping", "--verify"], 0);
}

#[test]
fn a_check_made_by_hand_is_found_by_its_url_and_keeps_what_is_not_configured() {
    let (host, pings) = host("period = \"5m\"\n");
    pings.in_project(|project| {
        project.add(UUID, "an old name");
        project.checks[0]["tags"] = "by-hand".into();
        project.checks[0]["channels"] = "00000000-0000-4000-8000-000000000002".into();
    });
    host.write("url", &pings.check(UUID));
    let ran = run(&host, &["ping", "--register", "-o", "json"], 0).json();
    let one = &ran["heartbeats"][0];
    assert_eq!((&one["exit"], &one["check"]["integrations"]), (&0.into(), &1.into()), "{ran}");
    let check = pings.in_project(|project| project.checks[0].clone());
    assert_eq!((&check["name"], &check["timeout"]), (&"Nightly backup".into(), &300.into()));
    assert_eq!((&check["tags"], &check["grace"]), (&"by-hand".into(), &3600.into()));

    // It is gone: nothing is made in its place unasked.
    pings.in_project(|project| project.checks.clear());
    let before = host.read("url");
    let ran = run(&host, &["ping", "--register"], 2);
    assert!(ran.stdout.contains("there is no such check (404)\n  hint: `--force` "), "{ran:?}");
    assert_eq!(host.read("url"), before);
    run(&host, &["ping", "--verify"], 2);
    let ran = run(&host, &["ping", "--register", "Nightly backup", "--force"], 0);
    assert!(ran.stdout.contains("created at "), "{ran:?}");
    assert_ne!(host.read("url"), before);
    run(&host, &["ping", "--log"], 0);
}

#[test]
fn a_zone_of_an_old_name_is_the_zone_that_the_server_renames_it_to() {
    let (host, pings) = host("schedule = \"0 3 * * *\"\ntz = \"Europe/Kiev\"\n");
    run(&host, &["ping", "--register"], 0);
    let ran = run(&host, &["ping", "--register"], 0);
    assert!(ran.stdout.contains(", as it should be\n"), "{ran:?}");
    run(&host, &["-q", "check"], 0);
    run(&host, &["ping"], 0);
    let ran = run(&host, &["ping", "--verify"], 0);
    assert!(ran.stdout.contains("at 0 3 * * * Europe/Kyiv"), "{ran:?}");

    says(&host, &pings, "schedule = \"0 3 * * *\"\ntz = \"Europe/Paris\"\n");
    let ran = run(&host, &["ping", "--verify"], 1);
    assert!(ran.stdout.contains("pinged at 0 3 * * * Europe/Paris, and expects"), "{ran:?}");
}

#[test]
fn how_it_stands_there_is_the_exit_status() {
    let (host, pings) = host("period = \"1d\"\ngrace = \"1h\"\n");
    pings.in_project(|project| {
        project.add(UUID, "x");
        project.checks[0]["channels"] = "00000000-0000-4000-8000-000000000002".into();
    });
    host.write("url", &pings.check(UUID));
    for (status, code) in [("up", 0), ("new", 1), ("grace", 1), ("down", 2), ("odd", 3)] {
        pings.in_project(|project| project.checks[0]["status"] = status.into());
        run(&host, &["ping", "--verify"], code);
    }
    let ran = run(&host, &["ping", "--pause"], 0);
    assert!(ran.stdout.contains(": paused at "), "{ran:?}");
    run(&host, &["ping", "--verify"], 1);
    pings.in_project(|project| {
        project.checks[0]["status"] = "up".into();
        project.checks[0]["channels"] = "".into();
    });
    let ran = run(&host, &["ping", "--verify"], 1);
    assert!(ran.stdout.contains("warning: it has no integration: it alerts nobody"), "{ran:?}");
    // A read-only key reads, and is not told of integrations.
    host.write("key", READ);
    let ran = run(&host, &["ping", "--verify"], 0);
    assert!(ran.stdout.contains("not told to a read-only key"), "{ran:?}");
    let ran = run(&host, &["ping", "--pause"], 3);
    assert!(ran.stdout.contains("the API key is not accepted (401): wrong api key"), "{ran:?}");
}

#[test]
fn refusals_are_told_in_words() {
    let (host, pings) = host("period = \"5m\"\n");
    pings.in_project(|project| project.room = 0);
    let ran = run(&host, &["ping", "--register"], 3);
    assert!(ran.stdout.contains("the account has no room for another check (403)"), "{ran:?}");
    assert!(!host.path("url").exists());
    for (fault, said) in [
        (Fault::Captive, "answered, but not as this API does"),
        (Fault::Redirect, "redirected (302)"),
        (Fault::Status(503), "the service is in trouble (503)"),
        (Fault::Status(429), "too many requests (429)"),
        (Fault::Drop, "no valid HTTP answer"),
    ] {
        pings.fault(fault);
        let ran = run(&host, &["--deadline", "3s", "ping", "--register"], 3);
        assert!(ran.stdout.contains(said), "{said}: {ran:?}");
    }
    pings.heal();
    says(&host, &pings, "period = \"5m\"\nchannels = [\"Pigeon\"]\n");
    let ran = run(&host, &["ping", "--register"], 3);
    assert!(ran.stdout.contains("not taken (400): invalid channel identifier: Pigeon"), "{ran:?}");
    says(&host, &pings, "");
    let ran = run(&host, &["ping", "--register"], 78);
    assert!(ran.stdout.contains("it has neither `period` nor `schedule`"), "{ran:?}");
    host.config("[[heartbeat]]\nname = \"x\"\nurl_file = \"$DIR/url\"\n");
    let ran = run(&host, &["ping", "--verify"], 78);
    assert!(ran.stderr.contains("there is no API key for `x`"), "{ran:?}");
}
