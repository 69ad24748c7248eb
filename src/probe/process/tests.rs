use super::*;
use crate::model::trail::Before;
use crate::model::verdict::Look;
use crate::model::verdict::Verdict;
use crate::probe::tests::{look, look_after, problem};
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
    assert!(look("process:mm-no-such?count=0").verdict.is_up());
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

/// Ends the child when dropped.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A `sh` under a name of its own that runs `script`, without a process more.
#[expect(clippy::disallowed_methods, reason = "it must outlive the call, and `sys::exec` waits")]
fn shell(dir: &Path, name: &str, script: &str) -> Ended {
    let exe = dir.join(name);
    std::fs::copy("/bin/sh", &exe).unwrap();
    let mut command = std::process::Command::new(exe);
    Ended(command.args(["-c", script]).stdin(Stdio::null()).spawn().unwrap())
}

fn until(what: impl Fn() -> bool) {
    let limit = clock::Deadline::after(Duration::from_secs(60));
    while !what() {
        assert!(!limit.passed(), "it never came");
        clock::pause(Duration::from_millis(20));
    }
}

#[test]
fn a_busy_loop_is_found_between_two_looks() {
    let dir = tempfile::tempdir().unwrap();
    let child = shell(dir.path(), "mm-test-spin", "while :; do :; done");
    let pid = child.0.id();
    let text = "process:mm-test-spin?cpu=~:5%&total_cpu=~:5%";
    let first = look_after(text, Before::Kept(std::sync::Arc::default()));
    let used = || process::usage(pid).expect("it runs").cpu;
    let then = used();
    until(|| used() >= then + Duration::from_secs(1));
    let second = look_after(text, Before::Kept(first.trail));
    let reason = second.verdict.reason();
    assert!(
        reason.contains(&format!("of a processor in pid {pid} since the last look, more than 5%")),
        "{second:?}"
    );
    assert!(reason.contains("of a processor in all, more than 5%"), "{second:?}");
    assert_eq!(
        second.hint.as_deref(),
        Some(format!("see what it does: `top -H -p {pid}`").as_str())
    );
    assert!(look("process:mm-test-spin?cpu=~:5%").verdict.reason().contains("since it started"));
}

#[test]
fn what_one_holds_is_held_to_its_limits() {
    let dir = tempfile::tempdir().unwrap();
    let exe = dir.path().join("mm-test-hog");
    std::fs::copy("/bin/sleep", &exe).unwrap();
    let script = format!("ulimit -n 100; exec 3</ 4</ 5</ 6</ 7</ 8</; exec {} 60", exe.display());
    let child = shell(dir.path(), "mm-test-shell", &script);
    let pid = child.0.id();
    // Asleep, it has loaded all that it loads.
    let asleep = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.contains("(mm-test-hog) S ")
    };
    until(asleep);
    // Nine, and what whoever runs the tests has left open to their children.
    let open = process::open_files(pid).expect("its own child");
    assert!(open >= 9, "{open}");
    for (keys, reason) in [
        ("files=~:8", format!("{open} files open in pid {pid}, more than 8")),
        ("files=9:", String::new()),
        (
            "files_share=~:8%",
            format!("{open}.0% of the files it may open in pid {pid}, more than 8%"),
        ),
        ("threads=~:0", format!("1 thread in pid {pid}, more than 0")),
        ("memory=1:&total_memory=1:&age=1h", String::new()),
    ] {
        let seen = look(&format!("process:mm-test-hog?{keys}"));
        assert_eq!(seen.verdict.reason(), reason, "{keys}");
        assert!(!seen.measures.is_empty(), "{keys}");
    }
    for key in ["memory=~:1K", "total_memory=~:1K", "age=1h:"] {
        assert!(look(&format!("process:mm-test-hog?{key}")).verdict.is_down(), "{key}");
    }
    assert!(look("process:mm-test-hog").measures.is_empty(), "nothing more is read than is asked");
}

#[test]
fn a_stopped_one_does_not_run_and_how_to_go_on_is_told() {
    let sleeper = Sleeper::start("mm-test-stopped");
    let pid = sleeper.child.id();
    let file = sleeper.pidfile(pid);
    let by_file = || look(&format!("pidfile:{file}?name=mm-test-stopped"));
    assert!(by_file().verdict.is_up());
    let raw = rustix::process::Pid::from_child(&sleeper.child);
    rustix::process::kill_process(raw, rustix::process::Signal::STOP).unwrap();
    until(|| process::one(pid).is_some_and(|process| process.stopped));
    let told = |seen: Look, reason: &str| {
        assert_eq!(seen.verdict, Verdict::Down(reason.into()));
        assert_eq!(seen.hint, Some(format!("let it go on: `kill -CONT {pid}`")));
    };
    told(
        look("process:mm-test-stopped"),
        &format!(
            "process `mm-test-stopped`: 0 running, expected at least 1 (pid {pid} stopped by a signal)"
        ),
    );
    told(by_file(), &format!("pid {pid} (`mm-test-stopped`) is stopped by a signal"));
    assert!(problem("pidfile:run/x.pid").contains("absolute"));
}

#[test]
fn another_process_than_at_the_last_look_is_told_once_if_asked() {
    let text = "process:mm-test-again?restarted=warn";
    let first = Sleeper::start("mm-test-again");
    let (old, seen) = (first.child.id(), look_after(text, Before::Kept(std::sync::Arc::default())));
    assert_eq!((seen.verdict.is_up(), seen.warning), (true, None));
    drop(first);
    let second = Sleeper::start("mm-test-again");
    let after = look_after(text, Before::Kept(seen.trail));
    let want = format!("restarted since the last look: pid {old} is now pid {}", second.child.id());
    assert_eq!((after.verdict.is_up(), after.warning), (true, Some(want)));
    assert_eq!(look_after(text, Before::Kept(after.trail)).warning, None);
}
