//! The verdicts on what real engines answered, and on engines that answer nothing.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::model::trail::Before;
use crate::probe::tests::{look, look_after, probe, problem};

/// 90 seconds.
const GRACE: Duration = Duration::from_secs(90);

fn kept(name: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/container");
    std::fs::read_to_string(dir.join(format!("{name}.json"))).unwrap()
}

/// An engine that has these containers, one after another being asked for, and nothing else.
fn serve(dir: &Path, answers: Vec<(String, String)>) -> String {
    let path = dir.join("docker.sock");
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let asked = lines.next().unwrap_or_default();
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            let found = answers.iter().find(|(path, _)| asked.contains(path.as_str()));
            let none = r#"{"message":"No such container: x"}"#;
            let (status, body) = found.map_or((404, none), |(_, body)| (200, body));
            let length = body.len();
            let _ =
                write!(&stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        }
    });
    path.display().to_string()
}

fn judged(file: &str, after: &str) -> Answer {
    let text = kept(file);
    let found: engine::Container = if text.starts_with('[') {
        serde_json::from_str::<Vec<_>>(&text).unwrap().remove(0)
    } else {
        serde_json::from_str(&text).unwrap()
    };
    let brand = if file.starts_with("podman") { Brand::Podman } else { Brand::Docker };
    judge(&found, brand, GRACE, after.parse().unwrap())
}

#[test]
fn every_state_of_the_real_engines_has_its_verdict_and_words() {
    let logs = |brand: &str, name| format!("see what it says: `{brand} logs --tail 50 {name}`");
    for (file, word, said, hint) in [
        ("docker-web", "up", "running in docker, healthy", String::new()),
        ("podman-web", "up", "running in podman, healthy", String::new()),
        ("podman-loop", "up", "running in podman", String::new()),
        ("podman-cli-loop", "up", "running in podman", String::new()),
        (
            "docker-sick",
            "down",
            "container `sick` is unhealthy for 47 checks: no answer from 127.0.0.1:8080",
            logs("docker", "sick"),
        ),
        (
            "podman-sick",
            "down",
            "container `sick` is unhealthy for 3 checks: no answer from 127.0.0.1:8080",
            logs("podman", "sick"),
        ),
        (
            "docker-killed",
            "down",
            "container `killed` is exited: exit status 137 (SIGKILL)",
            logs("docker", "killed"),
        ),
        (
            "docker-mem",
            "down",
            "container `mem` is exited: exit status 137 (SIGKILL), killed because memory ran out",
            logs("docker", "mem"),
        ),
        (
            "docker-loop",
            "down",
            "container `loop` is restarting, 9 times so far: exit status 5",
            logs("docker", "loop"),
        ),
        (
            "docker-still",
            "down",
            "container `still` is paused",
            "let it go on: `docker unpause still`".into(),
        ),
        (
            "podman-still",
            "down",
            "container `still` is paused",
            "let it go on: `podman unpause still`".into(),
        ),
        (
            "podman-never",
            "down",
            "container `never` was made, but does not run",
            "start it: `podman start never`".into(),
        ),
        (
            "docker-wrong",
            "down",
            "container `wrong` was made, but does not run: failed to create shim task: OCI runtime create failed: \
             runc create failed: unable to start container process: exec: \"nonsuch\": executable file not found in \
             $PATH: unknown",
            "start it: `docker start wrong`".into(),
        ),
    ] {
        let answer = judged(file, "2026-11-25T09:33:00Z");
        let got = if word == "up" { &answer.detail } else { answer.verdict.reason() };
        let hinted = answer.hint.unwrap_or_default();
        assert_eq!((answer.verdict.word(), got, hinted), (word, said, hint), "{file}");
    }
}

#[test]
fn starting_is_unknown_until_its_check_should_have_spoken() {
    // Its first check runs after 300 seconds.
    for (at, word, reason) in [
        ("2026-11-25T09:32:00Z", "unknown", "container `slow` is starting, for 0s so far"),
        ("2026-11-25T09:32:50Z", "unknown", "container `slow` is starting, for 39s so far"),
        ("2026-11-25T09:37:00Z", "unknown", "container `slow` is starting, for 4m 49s so far"),
        (
            "2026-11-25T09:38:00Z",
            "down",
            "container `slow` has been starting for 5m 49s, more than 5m",
        ),
    ] {
        let answer = judged("docker-slow", at);
        assert_eq!((answer.verdict.word(), answer.verdict.reason()), (word, reason), "{at}");
    }
}

#[test]
fn what_an_engine_has_no_word_for_is_unknown() {
    for (state, word, reason) in [
        (r#"{"Status":"dreaming"}"#, "unknown", "is in a state that is not known: `dreaming`"),
        (
            r#"{"Status":"running","Health":{"Status":"so-so"}}"#,
            "unknown",
            "has a health that is not known: `so-so`",
        ),
        (r#"{"Status":"removing"}"#, "down", "is removing"),
        (r#"{"Status":"dead","ExitCode":1}"#, "down", "is dead: exit status 1"),
        (
            r#"{"Status":"running","Health":{"Status":"unhealthy","Log":[{"ExitCode":2,"Output":"\n"}]}}"#,
            "down",
            "is unhealthy: its check says nothing, exit status 2",
        ),
    ] {
        let text = format!(r#"{{"Id":"1","Name":"/x","State":{state}}}"#);
        let found: engine::Container = serde_json::from_str(&text).unwrap();
        let answer = judge(&found, Brand::Docker, GRACE, Timestamp::UNIX_EPOCH);
        let want = format!("container `x` {reason}");
        assert_eq!((answer.verdict.word(), answer.verdict.reason()), (word, want.as_str()));
    }
}

#[test]
fn one_that_is_not_there_is_down_with_the_nearest_that_is() {
    let dir = tempfile::tempdir().unwrap();
    let socket = serve(dir.path(), vec![("json?all=1".into(), kept("docker-list"))]);
    for (name, hint) in
        [("wbe", "did you mean `web`?"), ("quantum", "see what there is: `docker ps --all`")]
    {
        let look = look(&format!("container:{name}?socket={socket}"));
        let reason = format!("there is no container `{name}`");
        assert_eq!(
            (look.verdict.word(), look.verdict.reason(), look.hint.as_deref()),
            ("down", reason.as_str(), Some(hint))
        );
    }
}

#[test]
fn an_engine_that_does_not_answer_proves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none.sock");
    let seen = look(&format!("container:web?engine=podman&socket={}", path.display()));
    let reason = format!(
        "container `web`: podman at {}: no connection: no such file or directory",
        path.display()
    );
    assert_eq!((seen.verdict.word(), seen.verdict.reason()), ("unknown", reason.as_str()));
    assert_eq!(seen.hint.as_deref(), Some("see whether it answers: `podman info`"));
}

#[test]
fn restarts_are_counted_from_look_to_look_and_so_is_another_container_of_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let run = |id: &str, started: &str, count: u32| {
        let state = format!(r#"{{"Status":"running","StartedAt":"{started}"}}"#);
        let body =
            format!(r#"{{"Id":"{id}","Name":"/web","State":{state},"RestartCount":{count}}}"#);
        serve(dir.path(), vec![("/containers/web/json".into(), body)])
    };
    let socket = run("a", "2026-01-01T00:00:00Z", 2);
    let probe = format!("container:web?socket={socket}&restarts_warn=0&restarts=3");
    let first = look_after(&probe, Before::Kept(Arc::default()));
    assert_eq!((first.verdict.word(), first.detail.as_str()), ("up", "running in docker"));
    let before = Before::Kept(first.trail);
    for (id, started, count, word, said) in [
        ("a", "2026-01-01T00:00:00Z", 2, "up", ""),
        (
            "a",
            "2026-01-02T00:00:00Z",
            3,
            "up",
            "`web` was restarted once since the last look, more than 0",
        ),
        (
            "b",
            "2026-01-02T00:00:00Z",
            0,
            "up",
            "`web` was restarted once since the last look, more than 0",
        ),
        (
            "a",
            "2026-01-02T00:00:00Z",
            6,
            "down",
            "`web` was restarted 4 times since the last look, more than 3",
        ),
    ] {
        run(id, started, count);
        let seen = look_after(&probe, before.clone());
        let got = seen.warning.as_deref().unwrap_or(seen.verdict.reason());
        assert_eq!((seen.verdict.word(), got), (word, said), "{id} {started} {count}");
    }
}

#[test]
fn only_what_can_be_a_containers_name_is_one() {
    for name in ["", "shop/web", "-web", "a b", "../json"] {
        let problem = problem(&format!("container:{name}"));
        assert!(problem.contains(&format!("`{name}` is no container's name")), "{problem}");
    }
    assert_eq!(
        probe("container:shop_web-1.2?engine=podman").text,
        "container:shop_web-1.2?engine=podman"
    );
}
