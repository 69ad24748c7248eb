use super::*;
use crate::model::scene::{FileSystem, Listening};
use crate::model::unit::ManagerKind;

const KILLED: &str = "Jan 02 03:04:05 kernel: Memory cgroup out of memory: Killed process 4711 (web) \
    total-vm:1308420kB, anon-rss:1258291kB, file-rss:2944kB, shmem-rss:0kB, UID:33 pgtables:2548kB oom_score_adj:0";

fn facts(state: UnitState, result: Option<&str>, exit: Option<Exit>) -> UnitFacts {
    UnitFacts {
        result: result.map(Into::into),
        exit,
        ..UnitFacts::bare(ManagerKind::Systemd, "web.service", state)
    }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(1_767_351_600 + secs).unwrap()
}

fn listening(address: &str, pid: Option<u32>, own: bool) -> Listening {
    Listening {
        address: address.into(),
        name: Some("python3".into()),
        pid,
        user: Some("www".into()),
        unit: None,
        own,
    }
}

fn room(place: &str, used: bool, free: u64, read_only: bool) -> FileSystem {
    FileSystem { place: place.into(), used, total: 9, free, inodes: 0, inodes_free: 0, read_only }
}

fn killed() -> Scene {
    Scene { kernel: vec![KILLED.into()], memory_limit: Some(64 << 20), ..Scene::default() }
}

#[test]
fn memory_that_ran_out_is_told_from_the_kernels_line_and_never_without_proof() {
    let signal = Some(Exit::Signal(9));
    let failed = |result| facts(UnitState::Failed, result, signal);
    let limit = Scene { memory_limit: Some(64 << 20), ..Scene::default() };
    let said = "killed by the OOM killer: `web` had 1.2 GiB of memory, its limit (`MemoryMax`) is 64.0 MiB";
    for (facts, scene, want) in [
        (failed(Some("oom-kill")), killed(), said),
        (failed(Some("signal")), killed(), said),
        (
            failed(Some("oom-kill")),
            limit,
            "killed by the kernel because memory ran out (`oom-kill`); its limit (`MemoryMax`) is 64.0 MiB",
        ),
        (failed(Some("signal")), Scene::default(), "killed by signal 9 (SIGKILL)"),
        (
            facts(UnitState::Failed, Some("exit-code"), Some(Exit::Code(1))),
            killed(),
            "exit status 1",
        ),
    ] {
        assert_eq!(root(Some(&facts), &[], &scene).as_deref(), Some(want));
    }
    let running = facts(UnitState::Running, None, signal);
    assert_eq!(root(Some(&running), &[], &killed()), None);
}

#[test]
fn a_config_that_was_changed_shortly_before_the_end_is_named_with_how_long_before() {
    let exit = |code| facts(UnitState::Failed, Some("exit-code"), Some(Exit::Code(code)));
    let scene = |changed: i64, ended: Option<i64>| Scene {
        at: at(600),
        ended: ended.map(at),
        changed: vec![Changed { path: "/etc/web.toml".into(), at: at(changed) }],
        ..Scene::default()
    };
    for (facts, scene, want) in [
        (
            exit(78),
            scene(0, Some(240)),
            "exit status 78 (EX_CONFIG), 4m after `/etc/web.toml` was changed",
        ),
        (exit(1), scene(0, None), "exit status 1, 10m after `/etc/web.toml` was changed"),
        // Changed after it had ended, or long before.
        (exit(1), scene(300, Some(240)), "exit status 1"),
        (exit(1), scene(-90_000, Some(240)), "exit status 1"),
        (
            facts(UnitState::Failed, Some("signal"), Some(Exit::Signal(11))),
            scene(0, Some(240)),
            "killed by signal 11 (SIGSEGV)",
        ),
    ] {
        assert_eq!(root(Some(&facts), &[], &scene).as_deref(), Some(want));
    }
}

#[test]
fn who_holds_the_port_is_named_unless_it_is_its_own_or_systemds() {
    let on = |address: &str, pid, own| Scene {
        port: Some(8080),
        listeners: vec![listening(address, pid, own)],
        ..Scene::default()
    };
    let held = "its port 8080 is held by `python3` (pid 4711, user www)";
    let exit = facts(UnitState::Failed, Some("exit-code"), Some(Exit::Code(1)));
    let both = format!("exit status 1; {held}");
    for (facts, scene, want) in [
        (Some(&exit), on("0.0.0.0:8080", Some(4711), false), Some(both.as_str())),
        (Some(&exit), on("[::]:8080", Some(4711), false), Some(&both)),
        (Some(&exit), on("0.0.0.0:8080", Some(4711), true), Some("exit status 1")),
        (Some(&exit), on("0.0.0.0:18080", Some(4711), false), Some("exit status 1")),
        (Some(&exit), on("0.0.0.0:8080", Some(1), false), Some("exit status 1")),
        (Some(&exit), on("0.0.0.0:8080", None, false), Some("exit status 1")),
        (None, on("0.0.0.0:8080", Some(4711), false), None),
    ] {
        assert_eq!(root(facts, &[], &scene).as_deref(), want);
    }
    let log = ["web[7]: bind: Address already in use".to_owned()];
    let said = root(None, &log, &on("0.0.0.0:8080", Some(4711), false));
    assert_eq!(said.as_deref(), Some(held));
}

#[test]
fn a_file_system_is_a_cause_when_the_service_uses_it_or_its_log_says_so() {
    let exit = facts(UnitState::Failed, Some("exit-code"), Some(Exit::Code(1)));
    let with = |rooms: &[FileSystem]| Scene { file_systems: rooms.to_vec(), ..Scene::default() };
    let (full, other) = (room("/srv", true, 0, false), room("/var", false, 0, false));
    let read_only = room("/usr", true, 5, true);
    let enospc = ["web[7]: write: No space left on device".to_owned()];
    let erofs = ["web[7]: open: Read-only file system".to_owned()];
    for (rooms, log, want) in [
        (
            vec![room("/", true, 5, false), full],
            &[][..],
            "exit status 1; its file system `/srv` is full",
        ),
        (vec![other.clone()], &[], "exit status 1"),
        (vec![other], &enospc, "exit status 1; its file system `/var` is full"),
        (vec![read_only.clone()], &enospc, "exit status 1"),
        (vec![read_only], &erofs, "exit status 1; its file system `/usr` is mounted read-only"),
    ] {
        assert_eq!(root(Some(&exit), log, &with(&rooms)).as_deref(), Some(want));
    }
}

#[test]
fn a_dependency_is_the_cause_where_nothing_else_is_proven() {
    let scene = Scene { needs_down: vec!["db".into()], ..Scene::default() };
    let running = facts(UnitState::Running, None, None);
    assert_eq!(root(Some(&running), &[], &scene).as_deref(), Some("its dependency `db` is down"));
    let exit = facts(UnitState::Failed, Some("exit-code"), Some(Exit::Code(1)));
    assert_eq!(root(Some(&exit), &[], &scene).as_deref(), Some("exit status 1"));
    assert_eq!(root(Some(&running), &[], &Scene::default()), None);
}
