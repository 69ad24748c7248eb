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
        "hc: fail accepted by 127.0.0.1:[..]\nISSUES services_down:0 cycle:NEVER-RAN [..]\n",
        "",
    );
    host.run(&["-q", "check"]).silent();
    host.run(&["ping"]).is(0, "hc: success accepted by 127.0.0.1:[..]\n", "");
    host.run(&["-q", "ping"]).silent();
    host.age(Duration::from_secs(100));
    host.run(&["ping"]).is(
        0,
        "hc: fail accepted by 127.0.0.1:[..]\nISSUES services_down:0 cycle:STALE [..]\n",
        "",
    );
    host.remove("up");
    host.run(&["check"]).ends(2);
    host.run(&["ping"]).is(
        0,
        "hc: fail accepted by 127.0.0.1:[..]\nISSUES services_down:1 web:DOWN [..]\n",
        "",
    );
    host.run(&["-q", "heal"]).ends(0);
    host.config(&format!(
        "{}[[service]]\nname = \"new\"\nchecks = [\"file:$DIR/up\"]\n",
        host.read("config.toml")
    ));
    host.run(&["ping"]).is(
        0,
        "hc: fail accepted by 127.0.0.1:[..]\nISSUES services_down:0 cycle:NOT-COVERED [..]\n",
        "",
    );
    host.run(&["-q", "check"]).silent();
    secret(&host, host.run(&["ping", "hc"])).is(0, "hc: success accepted by 127.0.0.1:[..]\n", "");

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
fn liveness_outlives_an_outage_and_a_heartbeat_of_a_service_speaks_of_it_alone() {
    let pings = Pings::start();
    let uuids = ["1", "2", "3"].map(|digit| format!("{digit}{}", &UUID[1..]));
    let beat = |name: &str, uuid: &str, key: &str| {
        format!("[[heartbeat]]\nname = \"{name}\"\nurl = \"{}\"\n{key}\n", pings.check(uuid))
    };
    let beats = [
        beat("health", &uuids[0], ""),
        beat("alive", &uuids[1], "reports = \"liveness\""),
        beat("db", &uuids[2], "services = [\"db\"]"),
    ]
    .concat();
    let db = "[[service]]\nname = \"db\"\nchecks = [\"file:$DIR/db\"]\n";
    let host = Host::with(&format!("fresh_for = \"1m\"\n{}", fast(&[WEB, db, &beats])));
    host.write("up", "").write("db", "");
    host.run(&["-q", "check"]).silent();
    host.remove("up");
    host.run(&["check"]).ends(2);
    host.run(&["ping"]).is(
        0,
        "health: fail accepted by [..]\nalive: success accepted by [..]\ndb: success accepted by [..]\n\
         ISSUES services_down:1 web:DOWN [..]\n",
        "",
    );
    let taken = pings.pings();
    let of = |uuid: &str| taken.iter().find(|ping| ping.check == uuid).unwrap();
    assert!(of(&uuids[1]).body.contains("web is down"), "{}", of(&uuids[1]).body);
    assert!(of(&uuids[2]).body.starts_with("ALL_OK services:1 "), "{}", of(&uuids[2]).body);
    host.age(Duration::from_secs(100));
    let ran = host.run(&["ping"]).ends(0);
    for name in ["health", "alive", "db"] {
        assert!(ran.stdout.contains(&format!("{name}: fail accepted by ")), "{ran:?}");
    }
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
    host.run(&["ping"]).is(0, "hc: success accepted by 127.0.0.1:[..]\n", "");
    assert_eq!((pings.requests().len(), pings.pings().len()), (2, 1));
}

#[test]
fn signals_and_bodies_are_sent_as_given() {
    let (host, pings) = host();
    host.run(&["ping", "--start", "--rid", RID]).is(
        0,
        "hc: start accepted by 127.0.0.1:[..]\n",
        "",
    );
    host.run(&["ping", "hc", "--fail", "--body", "it broke"]).is(
        0,
        "hc: fail accepted by 127.0.0.1:[..]\nit broke\n",
        "",
    );
    host.run(&["ping", "--log", "--body", "a note"]).is(
        0,
        "hc: log accepted by 127.0.0.1:[..]\n",
        "",
    );
    host.run(&["ping", "--exit-code", "7"]).is(0, "hc: exit 7 accepted by 127.0.0.1:[..]\n", "");
    host.run(&["ping", "--exit-code", "0"]).is(0, "hc: exit 0 accepted by 127.0.0.1:[..]\n", "");
    host.run_with(&["ping", "--log", "--body", "-"], "from\nstdin\n").is(
        0,
        "hc: log accepted by 127.0.0.1:[..]\n",
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
    host.run(&["ping", "hcc"]).is(
        64,
        "",
        "miraclemax: error: there is no heartbeat `hcc`\nhint: did you mean `hc`?\n",
    );
    assert!(pings.requests().is_empty());
}

#[test]
fn a_mistake_of_the_monitoring_does_not_keep_a_job_from_being_run() {
    const NOBODY: &str =
        "miraclemax: warning: the command is run all the same, and nobody is told of it\n";
    let (host, pings) = host();
    let job = ["--", "sh", "-c", "echo out; exit 3"];
    let run = |name: &str| host.run(&[&["ping", name][..], &job].concat());
    run("hcc").is(
        3,
        "out\n",
        &format!(
            "miraclemax: error: there is no heartbeat `hcc`\nhint: did you mean `hc`?\n{NOBODY}"
        ),
    );
    let good = host.read("config.toml");
    host.config("[[heartbeat]\n");
    let ran = run("hc").ends(3);
    assert_eq!(ran.stdout, "out\n");
    assert!(ran.stderr.contains("error: the configuration is wrong\n"), "{ran:?}");
    assert!(ran.stderr.ends_with(NOBODY), "{ran:?}");
    host.remove("config.toml");
    let ran = run("hc").ends(3);
    assert!(ran.stderr.contains("there is no configuration at"), "{ran:?}");
    assert!(ran.stderr.ends_with(NOBODY), "{ran:?}");
    assert!(pings.requests().is_empty());

    // Once it has loaded, a configuration that breaks later costs no ping either.
    host.config(&good);
    host.run(&["-q", "check"]).silent();
    host.config("[[heartbeat]\n");
    let ran = run("hc").ends(3);
    assert!(ran.stderr.contains("the last one that loaded is in use"), "{ran:?}");
    assert_eq!(pings.wait_for(2, BOUND).len(), 2);
}

#[test]
fn json_says_who_accepted_what() {
    let (host, pings) = host();
    let ran = secret(&host, host.run(&["ping", "-o", "json"])).ends(0);
    let said = ran.json();
    assert_eq!(said["signal"], "fail");
    assert!(said["said"].as_str().unwrap().starts_with("ISSUES "), "{said}");
    let one = &said["heartbeats"][0];
    assert_eq!((&one["name"], &one["accepted"]), (&"hc".into(), &true.into()));
    assert_eq!(one["by"], format!("127.0.0.1:{}", pings.port()));
    pings.forget_checks();
    let one = &host.run(&["ping", "--log", "-o", "json"]).ends(2).json()["heartbeats"][0];
    assert_eq!(one["accepted"], false);
    assert_eq!(one["answer"], "not found: no such check (404)");
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

#[test]
fn a_receiver_that_hangs_does_not_delay_the_start_of_a_job() {
    let (host, pings) = host();
    pings.fault(Fault::Silent);
    // The job waits until its start ping hangs, so it runs beside that or never ends.
    let script = "touch $DIR/begun; until [ -e $DIR/hangs ]; do sleep 0.05; done; exit 4";
    let ping = host.start(&["ping", "hc", "--timeout", "1m", "--", "sh", "-c", script]);
    real::wait_until("the start ping hangs", BOUND, || {
        (!pings.requests().is_empty()).then_some(())
    });
    real::wait_until("the job has begun", Duration::from_secs(4), || {
        host.path("begun").exists().then_some(())
    });
    pings.heal();
    host.write("hangs", "");
    assert_eq!(ping.code(), Some(4));
    let taken = pings.wait_for(1, BOUND);
    assert_eq!((taken[0].action, taken[0].exit_status), (Fail, Some(4)));
}

#[test]
fn without_a_start_ping_only_the_end_is_told() {
    let (host, pings) = host();
    host.run(&["ping", "hc", "--no-start", "--", "true"]).is(0, "", "");
    let actions: Vec<_> = pings.pings().iter().map(|ping| ping.action).collect();
    assert_eq!(actions, [Success]);
}

#[test]
fn the_output_of_a_job_that_went_well_can_be_kept_back() {
    let (host, pings) = host();
    let quiet =
        |script: &str| host.run(&["ping", "hc", "--quiet-on-success", "--", "sh", "-c", script]);
    quiet("echo out; echo err >&2").is(0, "", "");
    quiet("echo out; echo err >&2; exit 3").is(3, "out\n", "err\n");
    quiet("echo out; kill -9 $$").is(137, "out\n", "");
    let ends = pings.pings();
    assert!(ends[1].body.contains("out\n") && ends[1].body.contains("err\n"), "{ends:?}");
    let ran = quiet("seq 1 1000000; exit 1").ends(1);
    assert!(ran.stdout.ends_with("\n1000000\n") && !ran.stdout.starts_with("1\n"));
    assert!(ran.stdout.len() <= 4 << 20, "{}", ran.stdout.len());
    let want = format!(
        "miraclemax: warning: the first {} bytes of the output are left out\n",
        6_888_896 - ran.stdout.len()
    );
    assert_eq!(ran.stderr, want);
}

#[test]
fn a_job_that_still_runs_is_not_started_twice() {
    let (host, pings) = host();
    let script = "echo $$ > $DIR/job; until [ -e $DIR/end ]; do sleep 0.05; done";
    let first = host.start(&["ping", "hc", "--lock", "--", "sh", "-c", script]);
    let job = real::wait_until("the job has begun", BOUND, || {
        host.path("job").exists().then(|| host.read("job")).filter(|pid| pid.ends_with('\n'))
    });
    pings.wait_for(1, BOUND);
    let busy = format!(
        "miraclemax: error: hc: not started: the run before it has not ended (for [..], pid {})\n",
        job.trim()
    );
    let second = ["ping", "hc", "--lock", "--", "touch", "$DIR/ran"];
    host.run(&second).is(75, "", &busy);
    let note = pings.wait_for(2, BOUND).pop().unwrap();
    assert_eq!(note.action, Log);
    assert!(note.body.starts_with("not started: the run before it has not ended"), "{note:?}");
    // Another job is another lock; and without one nobody asks.
    host.run(&["ping", "other", "--lock", "--", "true"]).ends(0);
    host.run(&["ping", "hc", "--", "true"]).is(0, "", "");
    // Who looks after the job is killed: the job runs on, and so does its lock.
    first.kill();
    host.run(&second).is(75, "", &busy);
    assert!(!host.path("ran").exists());
    host.write("end", "");
    real::wait_until("the lock is free", BOUND, || (host.run(&second).code == 0).then_some(()));
    assert!(host.path("ran").exists());
}

#[test]
fn a_daemon_that_a_job_leaves_behind_does_not_keep_its_lock() {
    let (host, _pings) = host();
    let script = "setsid sh -c 'echo $$ > $DIR/daemon; exec sleep 60' >/dev/null 2>&1 & \
                  until [ -s $DIR/daemon ]; do sleep 0.05; done";
    host.run(&["ping", "hc", "--lock", "--", "sh", "-c", script]).is(0, "", "");
    host.run(&["ping", "hc", "--lock", "--", "true"]).is(0, "", "");
    let mut kill = real::command("kill");
    kill.arg(host.read("daemon").trim());
    real::run(kill, b"", BOUND).ok();
}

#[test]
fn where_no_lock_can_be_had_the_job_runs_and_that_is_said() {
    let (host, pings) = host();
    host.run(&["-q", "check"]).silent();
    host.write("state/jobs", "in the way");
    let ran = host.run(&["ping", "hc", "--lock", "--", "echo", "out"]).ends(0);
    assert_eq!(ran.stdout, "out\n");
    assert!(ran.stderr.starts_with("miraclemax: warning: run without its lock: "), "{ran:?}");
    let end = pings.wait_for(2, BOUND).pop().unwrap();
    assert!(end.body.contains("warning: run without its lock: "), "{}", end.body);
}
