//! `ping` against a strict receiver: what may be claimed, what counts as accepted, and wrapped jobs.

use std::time::Duration;

use super::{WEB, fast};
use crate::support::host::{BOUND, Host, Ran};
use crate::support::pings::Action::{self, Fail, Log, Start, Success};
use crate::support::pings::{Fault, Pings};
use crate::support::real;

const UUID: &str = "5fe0c2a4-7b1e-4f0e-9a3c-2d6a8b1c9e77";
const RID: &str = "0f0e0d0c-1111-4222-8333-444455556666";

/// A host with one service that is up and a heartbeat whose URL is in a file.
fn host() -> (Host, Pings) {
    let pings = Pings::start();
    let host = Host::with(&format!(
        "fresh_for = \"1m\"\n{}",
        fast(&[WEB, "[[heartbeat]]\nname = \"hc\"\nurl_file = \"$DIR/url\"\n"])
    ));
    host.write("url", &format!("{}\n", pings.check(UUID))).write("up", "");
    std::fs::set_permissions(host.path("url"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    (host, pings)
}

/// The URL is a secret: it is nowhere in what was printed, nor in what was written.
#[track_caller]
fn secret(host: &Host, ran: Ran) -> Ran {
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(UUID), "{ran:?}");
    }
    for (path, _, bytes) in host.snapshot("state") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(UUID), "{}: {text}", path.display());
    }
    ran
}

#[test]
fn success_is_claimed_only_when_the_state_proves_it() {
    let (host, pings) = host();
    host.run(&["ping"]).is(
        0,
        "hc: fail accepted\nISSUES services_down:0 cycle:NEVER-RAN [..]\n",
        "",
    );
    host.run(&["-q", "check"]).silent();
    host.run(&["ping"]).is(0, "hc: success accepted\n", "");
    host.run(&["-q", "ping"]).silent();
    host.age(Duration::from_secs(100));
    host.run(&["ping"]).is(0, "hc: fail accepted\nISSUES services_down:0 cycle:STALE [..]\n", "");
    host.remove("up");
    host.run(&["check"]).ends(2);
    host.run(&["ping"]).is(0, "hc: fail accepted\nISSUES services_down:1 web:DOWN [..]\n", "");
    host.run(&["-q", "heal"]).ends(0);
    host.config(&format!(
        "{}[[service]]\nname = \"new\"\nchecks = [\"file:$DIR/up\"]\n",
        host.read("config.toml")
    ));
    host.run(&["ping"]).is(
        0,
        "hc: fail accepted\nISSUES services_down:0 cycle:NOT-COVERED [..]\n",
        "",
    );
    host.run(&["-q", "check"]).silent();
    secret(&host, host.run(&["ping", "hc"])).is(0, "hc: success accepted\n", "");

    let taken = pings.pings();
    let actions: Vec<Action> = taken.iter().map(|ping| ping.action).collect();
    assert_eq!(actions, [Fail, Success, Success, Fail, Fail, Fail, Success]);
    assert!(taken[1].body.starts_with("ALL_OK services:1 "), "{}", taken[1].body);
    assert!(
        taken[3].body.contains("all well is not claimed: last complete cycle"),
        "{}",
        taken[3].body
    );
    assert!(taken[4].body.contains("web"), "{}", taken[4].body);
}

#[test]
fn what_was_not_accepted_is_said_and_never_the_url() {
    let (host, pings) = host();
    host.run(&["-q", "check"]).silent();
    for (fault, said) in [
        (Fault::Status(404), "not found: no such check (404)"),
        (Fault::Captive, "answered 200, but not as a ping receiver does: a captive portal?"),
        (Fault::Redirect, "redirected (302)"),
        (Fault::OkNotFound, "[..]"),
        (Fault::Status(503), "[..]"),
        (Fault::Garbage, "[..]"),
        (Fault::Drop, "[..]"),
        (Fault::Silent, "[..]"),
    ] {
        pings.fault(fault.clone());
        let ran = secret(&host, host.run(&["--deadline", "4s", "ping"]));
        ran.is(2, "", &format!("miraclemax: error: hc: success was not accepted: {said}\n"));
    }
    pings.heal();
    assert!(pings.pings().is_empty());
    let ran = host.run(&["status"]).ends(0);
    assert!(ran.stdout.contains("HEARTBEAT  hc  success not accepted: "), "{ran:?}");
    host.run(&["ping"]).ends(0);
    let ran = secret(&host, host.run(&["status"]).ends(0));
    assert!(ran.stdout.contains("heartbeat  hc  success accepted at "), "{ran:?}");
}

#[test]
fn a_refused_connection_is_not_accepted() {
    let (host, pings) = host();
    drop(pings);
    let refused = format!("http://127.0.0.1:{}/ping/{UUID}", real::free_port());
    host.write("url", &refused);
    host.run(&["-q", "check"]).silent();
    let ran = secret(&host, host.run(&["--deadline", "3s", "ping"]));
    ran.is(
        2,
        "",
        "miraclemax: error: hc: success was not accepted: no connection: connection refused[..]\n",
    );
}

#[test]
fn a_fault_that_passes_is_tried_again() {
    let (host, pings) = host();
    host.run(&["-q", "check"]).silent();
    pings.fault_times(1, Fault::Status(503));
    host.run(&["ping"]).is(0, "hc: success accepted\n", "");
    assert_eq!((pings.requests().len(), pings.pings().len()), (2, 1));
}

#[test]
fn signals_and_bodies_are_sent_as_given() {
    let (host, pings) = host();
    host.run(&["ping", "--start", "--rid", RID]).is(0, "hc: start accepted\n", "");
    host.run(&["ping", "hc", "--fail", "--body", "it broke"]).is(
        0,
        "hc: fail accepted\nit broke\n",
        "",
    );
    host.run(&["ping", "--log", "--body", "a note"]).is(0, "hc: log accepted\n", "");
    host.run(&["ping", "--exit-code", "7"]).is(0, "hc: exit 7 accepted\n", "");
    host.run(&["ping", "--exit-code", "0"]).is(0, "hc: exit 0 accepted\n", "");
    host.run_with(&["ping", "--log", "--body", "-"], "from\nstdin\n").is(
        0,
        "hc: log accepted\n",
        "",
    );
    let taken = pings.pings();
    let actions: Vec<_> = taken.iter().map(|ping| (ping.action, ping.exit_status)).collect();
    assert_eq!(
        actions,
        [
            (Start, None),
            (Fail, None),
            (Log, None),
            (Fail, Some(7)),
            (Success, Some(0)),
            (Log, None)
        ]
    );
    assert_eq!(taken[0].rid.as_deref(), Some(RID));
    assert_eq!(taken[1].body, "it broke");
    assert_eq!(taken[5].body, "from\nstdin\n");
}

#[test]
fn an_unknown_heartbeat_is_answered_with_the_nearest_one() {
    let (host, pings) = host();
    for args in [&["ping", "hcc"][..], &["ping", "hcc", "--", "touch", "$DIR/ran"]] {
        host.run(args).is(
            64,
            "",
            "miraclemax: error: there is no heartbeat `hcc`\nhint: did you mean `hc`?\n",
        );
    }
    assert!(!host.path("ran").exists());
    assert!(pings.requests().is_empty());
}

#[test]
fn a_wrapped_job_keeps_its_output_and_its_exit_status() {
    let (host, pings) = host();
    let script = "echo out; echo err >&2; printf 'no newline'; exit 3";
    host.run(&["ping", "hc", "--", "sh", "-c", script]).is(3, "out\nno newline", "err\n");
    host.run_with(&["ping", "hc", "--", "cat"], "through\n").is(0, "through\n", "");
    let taken = pings.wait_for(4, BOUND);
    let actions: Vec<_> = taken.iter().map(|ping| (ping.action, ping.exit_status)).collect();
    assert_eq!(actions, [(Start, None), (Fail, Some(3)), (Start, None), (Success, Some(0))]);
    assert!(
        taken[1].body.contains("out\n") && taken[1].body.contains("err\n"),
        "{}",
        taken[1].body
    );
    assert!(taken[1].body.contains("exit status 3 after "), "{}", taken[1].body);
    assert!(taken[0].rid.is_some());
    assert_eq!(taken[0].rid, taken[1].rid, "a run id pairs start and end");
    assert_ne!(taken[1].rid, taken[3].rid);
}

#[test]
fn a_wrapped_job_that_is_killed_or_cannot_start_ends_as_in_a_shell() {
    let (host, pings) = host();
    host.run(&["ping", "hc", "--", "sh", "-c", "kill -9 $$"]).is(137, "", "");
    host.run(&["ping", "hc", "--", "sh", "-c", "kill -15 $$"]).is(143, "", "");
    host.run(&["ping", "hc", "--", "$DIR/not-there"]).is(
        127,
        "",
        "miraclemax: error: cannot run the command: `$DIR/not-there` not found\n",
    );
    let ran = host.run(&["ping", "hc", "--", "$DIR/home"]).ends(126);
    assert!(ran.stderr.starts_with("miraclemax: error: cannot run the command: "), "{ran:?}");
    host.run(&["ping", "hc", "--timeout", "1s", "--", "sleep", "300"]).ends(124);
    assert!(pings.pings().iter().filter(|ping| ping.action == Fail).count() >= 5);
}

#[test]
fn a_dead_receiver_changes_nothing_of_a_wrapped_job_but_standard_error() {
    let (host, pings) = host();
    for fault in [Fault::Drop, Fault::Status(404), Fault::Captive] {
        pings.fault(fault);
        let ran =
            secret(&host, host.run(&["ping", "hc", "--", "sh", "-c", "echo out; exit 5"]).ends(5));
        assert_eq!(ran.stdout, "out\n");
        assert!(
            ran.stderr.lines().all(|line| line.starts_with("miraclemax: error: hc: ")),
            "{ran:?}"
        );
        assert!(ran.stderr.contains("exit 5 was not accepted: "), "{ran:?}");
    }
}

#[test]
fn the_last_lines_of_a_long_output_are_kept() {
    let (host, pings) = host();
    pings.body_limit(1000);
    let ran = host.run(&["ping", "hc", "--", "seq", "1", "20000"]).ends(0);
    assert_eq!(ran.stdout.lines().count(), 20_000, "what passes through is whole");
    let end = pings.wait_for(2, BOUND).pop().unwrap();
    assert!(end.body.contains("\n20000\n"), "{}", end.body);
    assert!(!end.body.contains("\n1000\n"), "{}", end.body);
}

#[test]
fn a_signal_is_passed_on_to_the_wrapped_job() {
    let (host, pings) = host();
    let script = "trap 'exit 9' TERM; touch $DIR/begun; while [ -d $DIR ]; do sleep 0.1; done";
    let ping = host.start(&["ping", "hc", "--", "sh", "-c", script]);
    real::wait_until("the job has begun", BOUND, || host.path("begun").exists().then_some(()));
    let mut kill = real::command("kill");
    kill.args(["-TERM", &ping.pid().to_string()]);
    real::run(kill, b"", BOUND).ok();
    assert_eq!(ping.code(), Some(9));
    let end = pings.wait_for(2, BOUND).pop().unwrap();
    assert_eq!((end.action, end.exit_status), (Fail, Some(9)));
}
