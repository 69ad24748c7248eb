//! A disk that is full, read-only or broken, from any write of a run on: people are told all the same, once, and the run
//! says what it could not keep. When there is room again nothing is told a second time that could be noted.

use std::ffi::OsString;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::killed::{Scene, Told, WORKERS, litter, noted, scenes, told_over_both};
use crate::support::real;
use crate::support::sink::Sink;
use crate::support::strace;

/// What fails: a write once, for what is said to people is written, too; the others for the rest of the run.
const CALLS: [(&str, &str); 6] = [
    ("openat", ""),
    ("write", ""),
    ("fsync", "+"),
    ("/^rename", "+"),
    ("/^link", "+"),
    ("/^mkdir", "+"),
];
/// How, and what the run is to say of it.
const ERRORS: [(&str, &str); 3] = [
    ("ENOSPC", "No space left on device"),
    ("EIO", "Input/output error"),
    ("EROFS", "Read-only file system"),
];

struct Job<'s> {
    scene: &'s Scene,
    point: strace::Point,
    after: &'static str,
    error: (&'static str, &'static str),
    want: Told,
    /// Its exit status where nothing fails.
    code: i32,
}

fn fails(job: &Job<'_>, sink: &Sink) {
    let (scene, point, (error, words)) = (job.scene, &job.point, job.error);
    let shown = format!("{}, {error} at {point}", scene.name);
    let host = scene.host(sink);
    let mut traced: Vec<OsString> =
        ["strace", "-qq", "-o", "/dev/null", "-e"].map(Into::into).into();
    traced.push(point.inject(&format!("error={error}"), job.after).into());
    let before = host.state()["cycle"]["count"].clone();
    let ran = host.finish(host.traced(traced, scene.args), &shown, "");
    let saved = host.state()["cycle"]["count"] != before;
    let worst = if job.code == 0 { 3 } else { job.code };
    // What is there, and perhaps would not outlive a power cut, may be said not to be saved.
    let honest = ran.code == worst || ran.code == job.code && saved;
    assert!(honest, "{shown}: {ran:?}");
    let channels = ["tell", "webhook"];
    let notes = channels.map(|channel| job.want.keys().all(|story| noted(&host, channel, story)));
    let said = ran.stderr.contains(words) || host.read("state/events.jsonl").contains(words);
    assert!(said || saved && notes == [true; 2], "{shown}: {ran:?}");
    for (channel, told) in told_over_both(&host, sink) {
        assert_eq!(told.keys().collect::<Vec<_>>(), job.want.keys().collect::<Vec<_>>(), "{shown}");
        assert!(told.values().all(|ids| ids.len() == 1), "{shown}: {channel}: {told:?}");
    }
    for round in 0..2 {
        let next = host.run(scene.args);
        for (channel, told) in told_over_both(&host, sink) {
            let most = if notes[usize::from(channel != "tell")] { 1 } else { 2 };
            let fits = told.values().all(|ids| ids.len() <= most);
            assert!(fits, "{shown}: {channel}: {told:?}, run {round} after it: {next:?}");
        }
    }
    assert_eq!(litter(&host), Vec::<std::path::PathBuf>::new(), "{shown}");
}

#[test]
fn from_whatever_write_on_the_disk_is_full_people_are_told_once_and_the_run_says_so() {
    if !real::or_skip("`strace`, and the right to trace", strace::works()) {
        return;
    }
    let (sink, scenes) = (Sink::start(), scenes());
    let mut jobs = Vec::new();
    for scene in
        scenes.iter().filter(|scene| ["healed", "three fail, in one letter"].contains(&scene.name))
    {
        for (call, after) in CALLS {
            let host = scene.host(&sink);
            let calls = strace::calls(&host, &format!("trace={call}"), scene.args);
            let code = host.run(scene.args).code;
            let want = told_over_both(&host, &sink).remove("tell").expect("it is a channel");
            // What is said to people comes last; what is there already can be opened on a full disk.
            let points = strace::points(&calls, "").into_iter().filter(|point| {
                let line = point.to_string();
                !line.contains(": write(1,") && (call != "openat" || line.contains("O_EXCL"))
            });
            jobs.extend(points.enumerate().map(|(number, point)| {
                let (want, error) = (want.clone(), ERRORS[number % ERRORS.len()]);
                Job { scene, point, after, error, want, code }
            }));
        }
    }
    assert!(jobs.len() > 60, "{}", jobs.len());
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    fails(job, &sink);
                }
            });
        }
    });
}
