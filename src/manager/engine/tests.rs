//! The facts from what real engines answered (`tests/fixtures/container`), and the acts against an engine that says what a
//! test wants it to say; the engines themselves are in `tests/real`.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::model::unit::{Exit, HandsOff, UnitFacts, UnitState};

const LIMIT: Duration = Duration::from_secs(60);

fn kept(name: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/container");
    std::fs::read_to_string(dir.join(format!("{name}.json"))).unwrap()
}

fn facts_of(text: &str, manager: ManagerKind, at: &str) -> UnitFacts {
    let container: Container = if text.starts_with('[') {
        serde_json::from_str::<Vec<_>>(text).unwrap().remove(0)
    } else {
        serde_json::from_str(text).unwrap()
    };
    match facts::found(&container, manager, at.parse().unwrap()) {
        Found::Facts(facts) => facts,
        other => panic!("{other:?}"),
    }
}

fn facts(file: &str) -> UnitFacts {
    let podman = file.starts_with("podman");
    let manager = if podman { ManagerKind::Podman } else { ManagerKind::Docker };
    facts_of(&kept(file), manager, "2026-11-25T09:33:10Z")
}

/// What an engine says to a request that holds this text: a status and a body; nothing at all with status 0.
type Answers = Vec<(&'static str, u16, Vec<u8>)>;

/// An engine, and what it was asked.
fn serve(dir: &Path, answers: Answers) -> (Reach, Arc<Mutex<Vec<String>>>) {
    let path = dir.join("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let line = lines.next().unwrap_or_default();
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            log.lock().unwrap().push(line.trim_end_matches(" HTTP/1.1").to_owned());
            let none = ("", 404, br#"{"message":"No such container: x"}"#.to_vec());
            let found = answers.iter().find(|(text, ..)| line.contains(text)).unwrap_or(&none);
            let (_, status, body) = found;
            if *status == 0 {
                held.push(stream);
                continue;
            }
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = (&stream).write_all(&[head.as_bytes(), body].concat());
        }
    });
    let mut reach = Reach::nothing();
    reach.engines = vec![Engine::at(&path)];
    (reach, asked)
}

#[test]
fn every_state_of_the_real_engines_has_its_word() {
    use UnitState::{Failed, Retrying, Running, Starting, Stopped};
    for (file, state, words, exit) in [
        ("docker-web", Running, "running, healthy", None),
        ("podman-web", Running, "running, healthy", None),
        ("podman-loop", Running, "running", None),
        (
            "docker-sick",
            Failed,
            "running, unhealthy for 47 checks: no answer from 127.0.0.1:8080",
            None,
        ),
        (
            "podman-cli-sick",
            Failed,
            "running, unhealthy for 3 checks: no answer from 127.0.0.1:8080",
            None,
        ),
        ("docker-slow", Starting, "running, starting", None),
        ("docker-killed", Failed, "exited (SIGKILL)", Some(Exit::Code(137))),
        ("docker-mem", Failed, "exited (SIGKILL)", Some(Exit::Code(137))),
        (
            "docker-loop",
            Retrying,
            "restarting as its policy `always` says, 9 so far",
            Some(Exit::Code(5)),
        ),
        ("docker-still", Stopped, "paused", None),
        ("podman-still", Stopped, "paused", None),
        ("podman-never", Stopped, "created, never started", None),
    ] {
        let facts = facts(file);
        let got = (facts.state, facts.words.as_str(), facts.exit);
        assert_eq!(got, (state, words, exit), "{file}");
        let paused = file.ends_with("still").then_some(HandsOff::Paused);
        assert_eq!(facts.hands_off, paused, "{file}");
        let oom = (file == "docker-mem").then(|| "oom-kill".to_owned());
        assert_eq!(facts.result, oom, "{file}");
        let runs = words.starts_with("running");
        assert_eq!((facts.instance.is_some(), facts.main_pid.is_some()), (runs, runs), "{file}");
    }
    let wrong = facts("docker-wrong");
    assert_eq!(wrong.state, Failed);
    assert!(wrong.words.starts_with("created, never started: failed to create"), "{wrong:?}");
    assert_eq!(facts("podman-loop").restarts, Some(160));
}

#[test]
fn a_run_is_named_by_the_container_and_when_it_was_started() {
    let sick = facts("docker-sick");
    assert_eq!(
        sick.instance.unwrap(),
        "8359702f34a3db9894ba431a8f057650e98fa31987afe3e553dccd852c22e502@2026-11-25T09:32:10.689074742Z"
    );
    assert_eq!((sick.main_pid, sick.in_state_ms), (Some(1109), Some(59_310)));
    let before = facts_of(&kept("docker-sick"), ManagerKind::Docker, "2026-11-25T09:00:00Z");
    assert_eq!(before.in_state_ms, None, "a clock that was set back");
}

#[test]
fn what_docker_does_not_restart_was_stopped_by_somebody() {
    // `docker stop` of one with the policy `always`.
    let always = kept("docker-stopped");
    let of = |text: &str, manager| {
        let facts = facts_of(text, manager, "2026-11-25T09:33:10Z");
        (facts.state, facts.words)
    };
    let stopped = (UnitState::Stopped, "exited (SIGKILL), stopped by somebody".to_owned());
    let failed = (UnitState::Failed, "exited (SIGKILL)".to_owned());
    assert_eq!(of(&always, ManagerKind::Docker), stopped);
    assert_eq!(of(&always, ManagerKind::Podman), failed);
    let clean = kept("docker-killed").replace(r#""ExitCode":137"#, r#""ExitCode":0"#);
    assert_eq!(of(&clean, ManagerKind::Docker), (UnitState::Stopped, "exited".into()));
    let unless = always.replace(r#""Name":"always""#, r#""Name":"unless-stopped""#);
    assert_eq!(of(&unless, ManagerKind::Docker).0, UnitState::Stopped);
    let memory = always.replace(r#""OOMKilled":false"#, r#""OOMKilled":true"#);
    assert_eq!(of(&memory, ManagerKind::Docker).0, UnitState::Failed);
}

#[test]
fn a_check_has_its_time_to_speak_before_start_grace_counts() {
    // Its first check runs after 300 seconds.
    let slow = |at: &str| facts_of(&kept("docker-slow"), ManagerKind::Docker, at).in_state_ms;
    assert_eq!(slow("2026-11-25T09:36:00Z"), None);
    assert!(slow("2026-11-25T09:38:00Z").is_some_and(|millis| millis > 300_000));
}

#[test]
fn a_container_of_a_unit_is_left_to_it() {
    let labelled = kept("podman-cli-sick")
        .replace("\"Labels\": null", "\"Labels\": {\"PODMAN_SYSTEMD_UNIT\": \"box.service\"}");
    let label = |manager| facts_of(&labelled, manager, "2026-11-25T09:33:10Z").hands_off;
    assert_eq!(label(ManagerKind::Podman), Some(HandsOff::RunBy("box.service".into())));
    assert_eq!(label(ManagerKind::Docker), None, "the mark is podman's");
}

#[test]
fn all_are_asked_about_in_one_look_and_what_is_not_there_is_known_not_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let answers = vec![
        ("/containers/web/json", 200, kept("docker-web").into_bytes()),
        ("/containers/sick/json", 200, kept("docker-sick").into_bytes()),
    ];
    let (reach, _) = serve(dir.path(), answers);
    let found = show(ManagerKind::Docker, &["web", "sick", "gone"], &reach, LIMIT);
    let state = |name: &str| match &found[name] {
        Found::Facts(facts) => (facts.state, facts.hands_off.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(state("web"), (UnitState::Running, None));
    assert_eq!(state("sick"), (UnitState::Failed, None));
    assert!(matches!(state("gone"), (UnitState::Stopped, Some(HandsOff::NotFound(_)))));
    let nowhere = show(ManagerKind::Podman, &["web"], &reach, LIMIT);
    assert_eq!(nowhere["web"], Found::Nowhere("podman `web` (no podman on this host)".into()));
}

#[test]
fn an_engine_that_is_silent_is_unknown_and_not_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let body = br#"{"message":"layer does not exist"}"#.to_vec();
    let (reach, asked) = serve(dir.path(), vec![("/json", 500, body)]);
    let found = show(ManagerKind::Docker, &["a", "b"], &reach, LIMIT);
    for name in ["a", "b"] {
        let Found::Unknown(why) = &found[name] else { panic!("{found:?}") };
        assert!(why.ends_with("HTTP 500: layer does not exist"), "{why}");
    }
    assert_eq!(asked.lock().unwrap().len(), 1);
}

/// A restart of `docker-sick`, answered with this; what was asked for last, and what came of it.
fn restarted(status: u16, body: &str, limit: Duration) -> (String, crate::manager::Acted) {
    let dir = tempfile::tempdir().unwrap();
    let answers = vec![
        ("/restart?", status, body.as_bytes().to_vec()),
        ("/containers/sick/json", 200, kept("docker-sick").into_bytes()),
    ];
    let (reach, asked) = serve(dir.path(), answers);
    let acted = act::restart(ManagerKind::Docker, "sick", &reach, limit);
    let last = asked.lock().unwrap().last().cloned().unwrap_or_default();
    (last, acted)
}

#[test]
fn a_restart_is_one_request_and_one_that_failed_was_an_attempt() {
    let (asked, acted) = restarted(204, "", LIMIT);
    let id = "8359702f34a3db9894ba431a8f057650e98fa31987afe3e553dccd852c22e502";
    assert_eq!(asked, format!("POST /containers/{id}/restart?t=10"), "its own time to stop");
    assert_eq!((acted.result, acted.said), (Ok(()), vec![]));
    assert_eq!(acted.did, ["docker restart sick"]);
    let taken =
        r#"{"message":"driver failed: Bind for 0.0.0.0:80 failed: port is already allocated"}"#;
    let (_, acted) = restarted(500, taken, LIMIT);
    assert_eq!((acted.result, acted.did.len()), (Ok(()), 1));
    assert!(acted.said[0].ends_with("port is already allocated"), "{:?}", acted.said);
    let (_, acted) = restarted(404, r#"{"message":"No such container: sick"}"#, LIMIT);
    assert_eq!(acted.result.unwrap_err().why, "docker has no container `sick`");
    let (_, acted) = restarted(0, "", Duration::from_millis(300));
    assert_eq!((acted.result, acted.did.len()), (Ok(()), 1));
    assert_eq!(acted.said, ["the restart of `sick` goes on"]);
}

#[test]
fn what_its_engine_restarts_or_somebody_paused_is_not_restarted() {
    for (file, name) in [("docker-loop", "loop"), ("docker-still", "still")] {
        let dir = tempfile::tempdir().unwrap();
        let (reach, asked) = serve(dir.path(), vec![("/json", 200, kept(file).into_bytes())]);
        let acted = act::restart(ManagerKind::Docker, name, &reach, LIMIT);
        assert!(acted.did.is_empty() && acted.result.is_err(), "{file}");
        assert!(asked.lock().unwrap().iter().all(|line| line.starts_with("GET ")), "{file}");
    }
}

#[test]
fn the_log_is_that_of_the_last_run_and_both_streams() {
    let dir = tempfile::tempdir().unwrap();
    let log = b"\x01\0\0\0\0\0\0\x03up\n\x02\0\0\0\0\0\0\x05died\n".to_vec();
    let answers = vec![
        ("/logs?", 200, log),
        ("/containers/sick/json", 200, kept("docker-sick").into_bytes()),
    ];
    let (reach, asked) = serve(dir.path(), answers);
    assert_eq!(act::log_tail(ManagerKind::Docker, "sick", 5, &reach, LIMIT), ["up", "died"]);
    let last = asked.lock().unwrap().last().cloned().unwrap();
    assert!(last.ends_with("/logs?stdout=1&stderr=1&tail=5&since=1795599130"), "{last}");
}

#[test]
fn what_is_told_to_people_can_be_typed() {
    assert_eq!(typed(ManagerKind::Docker, &["restart"], "web"), "docker restart web");
    assert_eq!(typed(ManagerKind::Podman, &["logs", "--tail", "9"], "w"), "podman logs --tail 9 w");
    for (name, fine) in [("web", true), ("shop_db-1.x", true), ("-f", false), ("a/b", false)] {
        assert_eq!(container_name(name).is_ok(), fine, "{name}");
    }
}
