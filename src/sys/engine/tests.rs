//! The client against what Docker 20.10 and Podman 4.3 answered (`tests/fixtures/container`), said by a server at a socket
//! of its own; the engines themselves are in `tests/real`.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::find::Places;
use super::*;
use crate::sys::clock::Stopwatch;

const LIMIT: Duration = Duration::from_secs(10);

fn kept(name: &str) -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/container");
    std::fs::read_to_string(dir.join(format!("{name}.json"))).unwrap()
}

/// An engine that answers every request with this status and body.
fn engine(dir: &Path, status: u16, body: impl Into<String>) -> Engine {
    let (path, body) = (dir.join("docker.sock"), body.into());
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let length = body.len();
            let _ =
                write!(&stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        }
    });
    Engine::at(&path)
}

#[test]
fn what_the_engines_answer_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    for (file, name, status, health, code, restarts) in [
        ("docker-web", "web", "running", "healthy", 0, 0),
        ("docker-sick", "sick", "running", "unhealthy", 0, 0),
        ("docker-slow", "slow", "running", "starting", 0, 0),
        ("docker-killed", "killed", "exited", "", 137, 0),
        ("docker-mem", "mem", "exited", "", 137, 0),
        ("docker-loop", "loop", "restarting", "", 5, 9),
        ("docker-still", "still", "paused", "", 0, 0),
        ("docker-wrong", "wrong", "created", "", 127, 0),
        ("podman-web", "web", "running", "healthy", 0, 0),
        ("podman-sick", "sick", "running", "unhealthy", 0, 0),
        ("podman-loop", "loop", "running", "", 0, 160),
        ("podman-still", "still", "paused", "", 0, 0),
        ("podman-never", "never", "created", "", 0, 0),
    ] {
        let found = engine(dir.path(), 200, kept(file)).inspect(name, LIMIT).unwrap();
        let health = (found.health().map_or("", |health| &health.status), health);
        let State { exit_code, oom_killed, .. } = found.state;
        assert_eq!(
            (found.name(), found.state.status.as_str(), exit_code, found.restart_count),
            (name, status, code, restarts),
            "{file}"
        );
        assert_eq!((health.0, oom_killed), (health.1, file == "docker-mem"), "{file}");
    }
}

#[test]
fn what_the_command_prints_is_the_same_and_an_old_podmans_health_has_another_name() {
    let read = |text: &str| serde_json::from_str::<Vec<Container>>(text).unwrap().remove(0);
    let sick = read(&kept("podman-cli-sick"));
    let by_socket: Container = serde_json::from_str(&kept("podman-sick")).unwrap();
    assert_eq!((sick.name(), sick.health()), ("sick", by_socket.health()));
    let last = sick.health().and_then(Health::last).unwrap();
    assert_eq!((last.exit_code, last.output.as_str()), (1, "no answer from 127.0.0.1:8080"));
    let old = kept("podman-cli-sick").replace("\"Health\":", "\"Healthcheck\":");
    assert_eq!(read(&old).health(), by_socket.health());
    assert_eq!(read(&kept("podman-cli-loop")).health(), None);
}

#[test]
fn the_list_is_the_same_from_both_engines_and_from_the_command() {
    let dir = tempfile::tempdir().unwrap();
    for (file, image, state) in
        [("docker-list", "base", "restarting"), ("podman-list", "localhost/base:latest", "stopped")]
    {
        let listed = engine(dir.path(), 200, kept(file)).list(LIMIT).unwrap();
        assert_eq!(listed.len(), 10, "{file}");
        let one = |name: &str| listed.iter().find(|listed| listed.name == name).unwrap();
        assert_eq!(one("web").labels["app"], "shop", "{file}");
        assert_eq!((one("loop").image.as_str(), one("loop").state.as_str()), (image, state));
    }
    let row = r#"{"Id":"1","Names":["/shop/db","/db"],"Image":"postgres:16","State":"running","Labels":null,"Ports":[
        {"IP":"::","PrivatePort":5432,"PublicPort":5433,"Type":"tcp"},{"PrivatePort":80,"Type":"tcp"},
        {"IP":"0.0.0.0","PrivatePort":5432,"PublicPort":5433,"Type":"tcp"}]}"#;
    let by_socket = engine(dir.path(), 200, format!("[{row}]")).list(LIMIT).unwrap().remove(0);
    let inspected = r#"{"Id":"1","Name":"/db","State":{"Status":"running"},"Config":{"Image":"postgres:16","Labels":null},
        "NetworkSettings":{"Ports":{"80/tcp":null,"5432/tcp":[{"HostIp":"0.0.0.0","HostPort":"5433"},
        {"HostIp":"::","HostPort":"5433"}]}}}"#;
    let container: Container = serde_json::from_str(inspected).unwrap();
    assert_eq!(by_socket, Listed::from(container));
    let ports: Vec<_> = by_socket.ports.iter().map(|port| (port.ip.as_str(), port.port)).collect();
    assert_eq!(ports, [("0.0.0.0", 5433), ("::", 5433)]);
}

#[test]
fn the_beginning_of_an_id_is_not_a_name() {
    let dir = tempfile::tempdir().unwrap();
    // Asked for `6bb`, which no container is called, Docker answers with the one whose id begins like that.
    let engine = engine(dir.path(), 200, kept("docker-web"));
    for (asked, found) in [
        ("6bb", Err(Trouble::Missing)),
        ("6bb59fdd8a59", Ok("web")),
        ("web", Ok("web")),
        ("../web", Err(Trouble::Missing)),
        ("", Err(Trouble::Missing)),
    ] {
        let got = engine.inspect(asked, LIMIT);
        assert_eq!(got.as_ref().map(Container::name).map_err(Clone::clone), found, "{asked}");
    }
}

#[test]
fn only_an_engine_that_says_so_has_no_such_container() {
    let dir = tempfile::tempdir().unwrap();
    let docker = r#"{"message":"No such container: x"}"#;
    let podman = r#"{"cause":"no such container","message":"no container with name or ID \"x\" found: no such container","response":404}"#;
    let many = r#"{"message":"Multiple IDs found with provided prefix: x"}"#;
    let fault = r#"{"message":"layer does not\nexist"}"#;
    for (status, body, want) in [
        (404, docker, None),
        (404, podman, None),
        (500, many, None),
        (404, "<html>", Some("it answers with HTTP 404")),
        (404, r#"{"message":"page not found"}"#, Some("HTTP 404: page not found")),
        (500, fault, Some("HTTP 500: layer does not exist")),
        (200, "{}", Some("its answer is not understood: missing field `Id` at line 1 column 2")),
        (
            200,
            "",
            Some("its answer is not understood: EOF while parsing a value at line 1 column 0"),
        ),
    ] {
        let engine = engine(dir.path(), status, body);
        let want = match want {
            Some(why) => Trouble::Silent(format!("{engine}: {why}")),
            None => Trouble::Missing,
        };
        assert_eq!(engine.inspect("x", LIMIT), Err(want), "{body}");
    }
}

#[test]
fn an_engine_that_hangs_or_is_gone_or_hides_is_trouble_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.sock");
    let hung = UnixListener::bind(&path).unwrap();
    let watch = Stopwatch::start();
    let trouble = Engine::at(&path).inspect("web", Duration::from_millis(200)).unwrap_err();
    assert!(watch.read() < Duration::from_secs(5), "{:?}", watch.read());
    assert!(trouble.to_string().ends_with("timed out while waiting for the answer"), "{trouble}");
    drop(hung);
    let trouble = Engine::at(&path).list(LIMIT).unwrap_err();
    assert!(trouble.to_string().ends_with("no connection: connection refused"), "{trouble}");
}

#[test]
fn each_engine_is_found_once_in_its_usual_places() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let make = |path: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let here = |docker_host: Option<&str>, as_root| Places {
        docker_host: docker_host.map(Into::into),
        runtime_dir: root.join("run/user/1"),
        path: root.join("bin").into(),
        root: root.clone(),
        as_root,
    };
    let places = |docker_host: Option<&str>| {
        here(docker_host, true)
            .engines()
            .iter()
            .map(|engine| engine.to_string().replace(&format!("{}/", root.display()), ""))
            .collect::<Vec<_>>()
    };
    assert!(places(None).is_empty());
    make("bin/docker");
    make("bin/podman");
    assert_eq!(places(None), ["`docker`", "`podman`"]);
    assert_eq!(places(Some("tcp://10.0.0.1:2376")), ["`docker`", "`podman`"]);
    let podman = make("run/podman/podman.sock");
    assert_eq!(places(None), ["podman at run/podman/podman.sock", "`docker`"]);
    std::fs::create_dir_all(root.join("var/run")).unwrap();
    std::os::unix::fs::symlink(&podman, root.join("var/run/docker.sock")).unwrap();
    assert_eq!(places(None), ["podman at run/podman/podman.sock", "`docker`"]);
    std::fs::remove_file(root.join("var/run/docker.sock")).unwrap();
    make("var/run/docker.sock");
    make("run/user/1/docker.sock");
    make("run/user/1/podman/podman.sock");
    let all = [
        "docker at var/run/docker.sock",
        "docker at run/user/1/docker.sock",
        "podman at run/podman/podman.sock",
        "podman at run/user/1/podman/podman.sock",
    ];
    assert_eq!(places(None), all);
    let told = ["docker at /srv/d.sock", all[2], all[3]];
    assert_eq!(places(Some("unix:///srv/d.sock")), told);
    assert_eq!(places(Some("ssh://me@far")), ["`docker`", all[2], all[3]]);

    let may_run = |brand, socket, as_root| here(None, as_root).may_run(&Engine { brand, socket });
    assert!(may_run(Brand::Docker, Some("/run/docker.sock".into()), true));
    assert!(!may_run(Brand::Docker, None, true), "its command asks another host, if anybody");
    assert!(!may_run(Brand::Podman, None, true), "nobody has used it yet");
    make("run/libpod/alive");
    assert!(may_run(Brand::Podman, None, true) && !may_run(Brand::Podman, None, false));
    make("run/user/1/libpod/tmp/alive");
    assert!(may_run(Brand::Podman, None, false));
}
