//! Jobs on pipes of the test's own. Those about signals start this test program again as a process of its own, because
//! handlers belong to a whole process.

use std::io::{BufRead, BufReader, PipeReader, Read};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::*;
use crate::sys::clock::Deadline;

fn sh(script: &str) -> Job {
    Job { keep: 10_000, ..Job::new(["sh", "-c", script]) }
}

#[expect(clippy::disallowed_methods, reason = "a process to send signals to while it runs")]
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

/// Runs it with output and errors on pipes of their own; the report, and what came through each.
fn run(job: &Job) -> (JobReport, Vec<u8>, Vec<u8>) {
    let (mut out, out_end) = std::io::pipe().unwrap();
    let (mut err, err_end) = std::io::pipe().unwrap();
    let read = |pipe: &mut PipeReader| {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    };
    std::thread::scope(|scope| {
        let out = scope.spawn(move || read(&mut out));
        let err = scope.spawn(move || read(&mut err));
        let mut report = job.run_onto(out_end.as_fd(), err_end.as_fd(), false, |_| ());
        drop((out_end, err_end));
        for outlet in report.outlets.drain(..) {
            outlet.finish();
        }
        (report, out.join().unwrap(), err.join().unwrap())
    })
}

#[test]
fn each_end_has_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("script");
    std::fs::write(&file, "#!/no/such/interpreter\n").unwrap();
    let program = |path: &str| Job::new([path]);
    let shown = file.display().to_string();
    let mut late = sh("sleep 60");
    late.limit = Some(Duration::from_millis(100));
    for (job, code, words) in [
        (sh("exit 0"), 0, "exit status 0"),
        (sh("exit 3"), 3, "exit status 3"),
        (sh("kill -9 $$"), 137, "killed by signal 9 (SIGKILL)"),
        (program("/no/such/program"), 127, "cannot be started: `/no/such/program` not found"),
        (
            program("no-such-program-at-all"),
            127,
            "cannot be started: `no-such-program-at-all` not found",
        ),
        (
            program("/etc/passwd"),
            126,
            "cannot be started: `/etc/passwd`: Permission denied (os error 13)",
        ),
        (Job::new(None::<OsString>), 127, "cannot be started: no command was named"),
        (late, 124, "ended at its time limit"),
    ] {
        let (report, ..) = run(&job);
        assert_eq!((report.ended.exit_code(), report.ended.words().as_str()), (code, words));
        assert!(report.took < Duration::from_secs(20), "{:?}", report.took);
    }
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(run(&program(&shown)).0.ended.exit_code(), 126, "a missing interpreter");
}

#[test]
fn big_output_goes_through_byte_for_byte_and_its_end_is_kept() {
    // Both at once, binary, far more than any buffer holds.
    let script = "head -c 3000000 /dev/urandom | tee /dev/stderr; printf END";
    let (report, out, err) = run(&sh(script));
    assert_eq!((out.len(), err.len(), report.wrote), (3_000_003, 3_000_000, 6_000_003));
    assert!(out[..3_000_000] == err[..] && out.ends_with(b"END"), "the streams differ");
    assert_eq!(report.tail.len(), 10_000);
    assert!(report.tail.ends_with(b"END") || report.tail.ends_with(&err[err.len() - 100..]));
}

#[test]
fn order_is_exact_where_both_streams_go_to_one_place() {
    let script = "for n in $(seq 500); do echo out $n; echo err $n >&2; done";
    let (mut both, end) = std::io::pipe().unwrap();
    let mut job = sh(script);
    job.keep = 100_000;
    let report = job.run_onto(end.as_fd(), end.try_clone().unwrap().as_fd(), false, |_| ());
    drop(end);
    let lines: Vec<_> = (1..=500).map(|n| format!("out {n}\nerr {n}\n")).collect();
    let want = lines.concat();
    assert_eq!(report.text(), want);
    report.deliver();
    let mut through = String::new();
    both.read_to_string(&mut through).unwrap();
    assert_eq!(through, want);
}

#[test]
fn a_reader_that_is_gone_or_never_reads_does_not_end_or_hold_the_job() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut job = sh("yes | head -c 1000000; echo done; exit 5");
    let report = job.run_onto(writer.as_fd(), writer.as_fd(), false, |_| ());
    assert_eq!((report.ended.exit_code(), report.wrote), (5, 1_000_005));
    assert!(report.text().ends_with("done\n"));
    report.deliver();

    // Nobody reads: less than the pipes hold ends at once, more is ended by the limit, not by us waiting.
    let (_unread, writer) = std::io::pipe().unwrap();
    job.limit = Some(Duration::from_millis(300));
    let report = job.run_onto(writer.as_fd(), writer.as_fd(), false, |_| ());
    assert_eq!(report.ended, JobEnded::TimedOut);
    assert!(report.took < Duration::from_secs(9), "{:?}", report.took);
}

#[test]
fn a_daemon_left_behind_does_not_hold_us() {
    let (report, out, _) = run(&sh("sleep 30 & echo $!"));
    assert_eq!(report.ended, JobEnded::Exited(0));
    assert!(report.took < Duration::from_secs(10), "{:?}", report.took);
    let _ = command("kill").arg(String::from_utf8(out).unwrap().trim()).status();
}

#[test]
fn the_limit_ends_the_whole_group_and_what_ignores_it_too() {
    // The shell goes at TERM; its child ignores TERM, keeps the pipe, and must be killed.
    let mut job = sh("(trap '' TERM; echo $$; exec sleep 60) & wait");
    job.limit = Some(Duration::from_millis(300));
    job.kill_after = Duration::from_millis(700);
    let mut group = 0;
    let (_unread, writer) = std::io::pipe().unwrap();
    let report = job.run_onto(writer.as_fd(), writer.as_fd(), false, |pid| group = pid);
    assert_eq!(report.ended, JobEnded::TimedOut);
    assert!(report.took >= Duration::from_secs(1), "KILL came too soon: {:?}", report.took);
    let alive = || {
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
            let fields: Vec<_> = after.split(' ').collect();
            // State, parent, group: a zombie that nobody has reaped yet is dead.
            fields.first().is_some_and(|state| *state != "Z" && *state != "X")
                && fields.get(2) == Some(&group.to_string().as_str())
        })
    };
    // What is killed ends when it next gets the processor.
    let limit = Deadline::after(Duration::from_secs(10));
    while alive() && !limit.passed() {
        std::thread::yield_now();
    }
    assert!(group > 0 && !alive(), "something of the group survived");
}

#[test]
fn a_torn_character_at_the_cut_is_left_out() {
    let mut job = sh("printf 'ää'");
    job.keep = 3;
    assert_eq!(run(&job).0.text(), "ä");
    job.keep = 100;
    assert_eq!(run(&job).0.text(), "ää");
}

/// The variable that makes [`wrapper`] what it is.
const SCRIPT: &str = "MIRACLEMAX_TEST_WRAPPED_SCRIPT";

/// Not a test: the wrapping process that the tests below start.
#[test]
#[ignore = "started by other tests as a process of its own"]
#[expect(clippy::exit, reason = "it stands for the whole program")]
fn wrapper() {
    let Ok(script) = std::env::var(SCRIPT) else { return };
    let report =
        sh(&script).run_onto(std::io::stdout().as_fd(), std::io::stderr().as_fd(), false, |_| ());
    let code = report.ended.exit_code();
    report.deliver();
    std::process::exit(code.into());
}

/// `env` that gives back signals which this run was started to ignore (`nohup`, a job in the background), where it can.
fn heeding() -> std::process::Command {
    let option = "--default-signal=HUP,INT,QUIT,TERM,USR1,USR2";
    let can = command("env").args([option, "true"]).stderr(Stdio::null()).status();
    let mut env = command("env");
    if can.is_ok_and(|status| status.success()) {
        env.arg(option);
    }
    env
}

/// Starts [`wrapper`] around `script` by `sh -c "BEFORE exec …"`, waits for `ready`, sends it `signal`, and says how it ended
/// and what it wrote after that.
fn signalled(before: &str, script: &str, signal: Option<Signal>) -> (Option<i32>, String) {
    let program = std::env::current_exe().unwrap();
    let mut starter = heeding();
    let mut child = starter
        .args(["sh", "-c", &format!("{before} exec \"$0\" \"$@\"")])
        .arg(program)
        .args(["--exact", "sys::job::tests::wrapper", "--ignored", "--nocapture"])
        .env(SCRIPT, script)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.by_ref().any(|line| line.unwrap().ends_with("ready"));
    assert!(ready, "it never said that it was ready");
    if let Some(signal) = signal {
        kill_process(Pid::from_child(&child), signal).unwrap();
    }
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    (child.wait().unwrap().code(), rest.join("\n"))
}

#[test]
fn every_signal_reaches_the_job_once_and_its_end_is_ours() {
    for (name, signal, raw) in [
        ("TERM", Signal::TERM, 15),
        ("INT", Signal::INT, 2),
        ("HUP", Signal::HUP, 1),
        ("QUIT", Signal::QUIT, 3),
        ("USR1", Signal::USR1, 10),
        ("USR2", Signal::USR2, 12),
    ] {
        // A second one of the same kind would print a second line.
        let script = format!(
            "got=0; trap 'got=$((got+1)); echo got {name}' {name}; echo ready; \
             until [ $got -gt 0 ]; do sleep 0.02; done; sleep 0.1; echo $got; exit 7"
        );
        assert_eq!(signalled("", &script, Some(signal)), (Some(7), format!("got {name}\n1")));
        let plain = "echo ready; exec sleep 60";
        assert_eq!(signalled("", plain, Some(signal)), (Some(128 + raw), String::new()), "{name}");
    }
}

#[test]
fn what_ends_a_job_ends_its_children_too() {
    let script = "sleep 60 & echo $!; sleep 60 & echo ready; wait";
    let (code, _) = signalled("", script, Some(Signal::TERM));
    // Both children held the pipe: had they survived, its end would not have come so soon.
    assert_eq!(code, Some(143));
}

#[test]
fn a_signal_that_we_were_started_to_ignore_stays_ignored_in_the_job() {
    let script = "echo ready; kill -HUP $$ $PPID; echo still here";
    assert_eq!(signalled("trap '' HUP;", script, None), (Some(0), "still here".into()));
}
