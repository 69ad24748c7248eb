use super::*;
use crate::model::verdict::Verdict;
use crate::probe::tests::{look, problem};
use std::process::Stdio;
use std::time::Duration;

/// A `sleep` under a name of its own, ended when dropped.
struct Sleeper {
    child: std::process::Child,
    dir: tempfile::TempDir,
}

impl Sleeper {
    #[expect(
        clippy::disallowed_methods,
        reason = "it must outlive the call, and `sys::exec` waits"
    )]
    fn start(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let exe = dir.path().join(name);
        std::fs::copy("/bin/sleep", &exe).unwrap();
        let mut sleep = std::process::Command::new(exe);
        sleep.arg("60").stdin(Stdio::null());
        // What another test forks may hold the copy open for writing until it runs its own program.
        let child = loop {
            match sleep.spawn() {
                Err(err) if err.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                spawned => break spawned.unwrap(),
            }
        };
        Self { child, dir }
    }

    fn pidfile(&self, pid: impl std::fmt::Display) -> String {
        let path = self.dir.path().join("pid");
        std::fs::write(&path, format!("{pid}\n")).unwrap();
        path.display().to_string()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_running_one_is_found_by_name_exe_and_user() {
    let sleeper = Sleeper::start("mm-test-found");
    let pid = sleeper.child.id();
    let exe = sleeper.dir.path().join("mm-test-found");
    let me = process::user_name(rustix::process::geteuid().as_raw());
    for text in [
        "process:mm-test-found".to_owned(),
        format!("process:?exe={}", exe.display()),
        format!("process:mm-test-found?user={me}&exe={}", exe.display()),
        "process:mm-test-found?count=1:1".to_owned(),
    ] {
        let seen = look(&text);
        let want = (Verdict::Up, format!("running: pid {pid}"));
        assert_eq!((seen.verdict, seen.detail), want, "{text}");
    }
    let other = look("process:mm-test-found?user=nosuchuser");
    let want = "process `mm-test-found` of user nosuchuser: 0 running, expected at least 1";
    assert_eq!(other.verdict, Verdict::Down(want.into()));
}

#[test]
fn a_name_longer_than_the_kernel_keeps_is_told_from_its_neighbours() {
    let _one = Sleeper::start("mm-test-long-name-one");
    assert!(look("process:mm-test-long-name-one").verdict.is_up());
    let two = look("process:mm-test-long-name-two");
    assert!(two.verdict.is_down(), "{two:?}");
}

#[test]
fn a_count_that_is_not_met_is_down_with_what_was_expected() {
    let _one = Sleeper::start("mm-test-count");
    let seen = look("process:mm-test-count?count=2:");
    let want = "process `mm-test-count`: 1 running, expected at least 2";
    assert_eq!(seen.verdict, Verdict::Down(want.into()));
    assert!(look("process:mm-no-such?count=0:0").verdict.is_up());
    assert!(problem("process:x?count=2").contains("`2:2` for exactly 2"));
    assert!(problem("process:").contains("no process is named"));
}

#[test]
fn a_zombie_does_not_run() {
    let mut sleeper = Sleeper::start("mm-test-zombie");
    let (pid, pidfile) = (sleeper.child.id(), sleeper.pidfile(sleeper.child.id()));
    sleeper.child.kill().unwrap();
    let limit = clock::Deadline::after(Duration::from_secs(10));
    while process::one(pid).is_none_or(|process| !process.zombie) {
        assert!(!limit.passed(), "{:?}", process::one(pid));
        std::thread::yield_now();
    }
    let seen = look("process:mm-test-zombie");
    let want = "process `mm-test-zombie`: 0 running, expected at least 1 (1 zombie)";
    assert_eq!(seen.verdict, Verdict::Down(want.into()));
    let seen = look(&format!("process:mm-test-zombie?pidfile={pidfile}"));
    assert_eq!(
        seen.verdict,
        Verdict::Down(format!("pid file `{pidfile}` names pid {pid}, which does not run"))
    );
}

#[test]
fn a_pid_file_must_name_the_process_that_wrote_it() {
    let sleeper = Sleeper::start("mm-test-pidfile");
    let pid = sleeper.child.id();
    let file = sleeper.pidfile(pid);
    let by = |name: &str| look(&format!("process:{name}?pidfile={file}"));
    assert_eq!(by("mm-test-pidfile").detail, format!("pid {pid} (`mm-test-pidfile`)"));
    assert!(look(&format!("process:?pidfile={file}")).verdict.is_up());
    let reused = format!("pid file `{file}` names a reused pid: {pid} is now `mm-test-pidfile`");
    assert_eq!(by("nginx").verdict, Verdict::Down(reused));

    // Written a minute before the process started: it spoke of another one.
    let ago = process::one(pid).unwrap().age() + Duration::from_secs(60);
    let ago = SignedDuration::try_from(ago).unwrap();
    let then = clock::now().wall - ago;
    let stamp = rustix::fs::Timespec { tv_sec: then.as_second(), tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: stamp, last_modification: stamp };
    rustix::fs::utimensat(rustix::fs::CWD, &file, &times, rustix::fs::AtFlags::empty()).unwrap();
    let seen = by("mm-test-pidfile");
    let want = format!("pid file `{file}` is older than pid {pid}, so it names a reused pid");
    assert_eq!(seen.verdict, Verdict::Down(want));
}

#[test]
fn a_pid_file_that_is_no_pid_file_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(at("words"), "no pid\n").unwrap();
    std::fs::write(at("zero"), "0\n").unwrap();
    for (path, word, reason) in [
        (at("none"), "down", "is missing"),
        (at("words"), "down", "names no pid"),
        (at("zero"), "down", "names no pid"),
        (dir.path().display().to_string(), "unknown", "is a directory"),
    ] {
        let seen = look(&format!("process:x?pidfile={path}"));
        assert_eq!(seen.verdict.word(), word, "{path}");
        assert_eq!(seen.verdict.reason(), format!("pid file `{path}` {reason}"));
    }
}

#[test]
fn a_clock_that_was_set_since_is_no_proof_of_a_reused_pid() {
    let at = |second| Timestamp::from_second(second).unwrap();
    for (started, written, booted, want) in [
        (100, 101, 50, Age::Fits),
        (100, 96, 50, Age::Fits),
        (100, 60, 50, Age::Reused),
        (100, 40, 50, Age::Unsure),
    ] {
        assert_eq!(age(at(started), at(written), at(booted)), want, "{started} {written}");
    }
}
