//! `ping -- COMMAND`: a job is run and its end told. Its exit status is ours, whatever becomes of the pings: a mistake
//! of the monitoring, in the configuration or in the name of the heartbeat, never keeps a job from being run.

use anyhow::Result;
use uuid::Uuid;

use crate::cli::Ping;
use crate::commands::setup::{Configured, Setup};
use crate::commands::switches::{LIMIT, body, pick, settled};
use crate::heartbeat::{self, Heartbeat, Pinged, Signal};
use crate::model::text::human_duration;
use crate::outcome::Outcome;
use crate::store::job_lock::{self, JobLock, JobLocked, Run};
use crate::sys::clock::Deadline;
use crate::sys::job::{Job, JobEnded, JobReport};

/// Runs the command between a start ping, which does not delay it, and a ping with how it ended.
pub(super) fn run(setup: &Setup, args: &Ping) -> Outcome {
    let configured = setup.config().map_err(|err| complain(setup, &err)).ok();
    let heartbeats = configured.as_ref().map_or_else(Vec::new, |configured| {
        setup.warn_broken(configured);
        known(setup, configured, args.name.as_deref())
    });
    if heartbeats.is_empty() {
        setup.screen.note("warning: the command is run all the same, and nobody is told of it");
    }
    let mut extra = body(args).unwrap_or_else(|err| {
        complain(setup, &err);
        None
    });
    let mut lock = None;
    if let Some(name) = args.name.as_deref().filter(|_| args.lock) {
        match take(setup, name) {
            Ok(JobLocked::Mine(mine)) => lock = Some(mine),
            Ok(JobLocked::Held(by)) => return busy(setup, &heartbeats, name, by.as_ref()),
            Err(err) => {
                let why = format!("warning: run without its lock: {err:#}");
                setup.screen.note(&why);
                extra = Some(extra.map_or_else(|| why.clone(), |extra| format!("{extra}\n{why}")));
            }
        }
    }
    Outcome::Job(wrap(setup, &heartbeats, args, extra.as_deref(), lock))
}

/// A mistake that does not keep the job from being run is said all the same.
fn complain(setup: &Setup, err: &anyhow::Error) {
    setup.screen.note(&format!("error: {err:#}"));
}

fn known<'c>(setup: &Setup, configured: &'c Configured, name: Option<&str>) -> Vec<&'c Heartbeat> {
    pick(configured, name).unwrap_or_else(|err| {
        complain(setup, &err);
        Vec::new()
    })
}

/// The lock of the job, in the state directory; where that has become read-only, in the runtime directory.
fn take(setup: &Setup, name: &str) -> Result<JobLocked> {
    let (dir, _) = setup.state_dir_to_heal()?;
    job_lock::take(&dir, name, &Run { pid: std::process::id(), started: setup.now.stamp() })
}

/// Its last run has not ended: said here, and as a note to those who wait for the end of that one.
fn busy(setup: &Setup, heartbeats: &[&Heartbeat], name: &str, by: Option<&Run>) -> Outcome {
    let since = by.map_or_else(String::new, |run| {
        let lasted = human_duration(setup.now.elapsed(&run.started));
        format!(" (for {lasted}, pid {})", run.pid)
    });
    let text = format!("not started: the run before it has not ended{since}");
    let say = |_| heartbeat::Ping::new(Signal::Log, &text);
    let told = heartbeat::ping_all(heartbeats, &say, Deadline::after(LIMIT));
    setup.screen.note(&format!("error: {name}: {text}"));
    for (heartbeat, pinged) in heartbeats.iter().zip(&told) {
        settled(setup, heartbeat, Signal::Log, pinged);
    }
    Outcome::Busy
}

/// The job's exit status.
fn wrap(
    setup: &Setup,
    heartbeats: &[&Heartbeat],
    args: &Ping,
    extra: Option<&str>,
    lock: Option<JobLock>,
) -> u8 {
    let rid = Some(args.rid.unwrap_or_else(Uuid::new_v4));
    let job = Job { limit: args.timeout, hold: args.quiet_on_success, ..Job::new(&args.job) };
    let mut started = Vec::new();
    let report = job.run(|pid| {
        if let Some(lock) = &lock {
            lock.held_by(&Run { pid, started: setup.clock().stamp() });
        }
        if !args.no_start {
            let deadline = Deadline::after(LIMIT);
            let beside = |one: &&Heartbeat| one.ping_beside(Signal::Start, rid, deadline);
            started.extend(heartbeats.iter().map(beside));
        }
    });
    // The next run need not wait for our pings.
    drop(lock);
    // One that was accepted tells how much text it takes.
    let started: Vec<Pinged> = started.into_iter().map(heartbeat::Beside::settle).collect();
    let code = report.ended.exit_code();
    let not_started = match &report.ended {
        JobEnded::NotStarted { why, .. } => Some(why.clone()),
        _ => None,
    };
    let signal = if not_started.is_some() { Signal::Fail } else { Signal::ExitCode(code) };
    let text = text(&report, extra);
    let say = |index: usize| {
        let body_limit = started.get(index).and_then(|pinged: &Pinged| pinged.body_limit);
        let took = Some(report.took);
        heartbeat::Ping { rid, body_limit, took, ..heartbeat::Ping::new(signal, &text) }
    };
    let ended = heartbeat::ping_all(heartbeats, &say, Deadline::after(LIMIT));
    if report.left_out > 0 {
        let left_out = report.left_out;
        setup
            .screen
            .note(&format!("warning: the first {left_out} bytes of the output are left out"));
    }
    // What the job wrote comes first, then what is to be said of it.
    report.deliver();
    if let Some(why) = not_started {
        setup.screen.note(&format!("error: cannot run the command: {why}"));
    }
    for (signal, answers) in [(Signal::Start, &started), (signal, &ended)] {
        for (heartbeat, pinged) in heartbeats.iter().zip(answers) {
            settled(setup, heartbeat, signal, pinged);
        }
    }
    code
}

/// The end of its output, what was given with `--body`, and how it ended.
fn text(report: &JobReport, extra: Option<&str>) -> String {
    let mut text = report.text();
    for line in extra.into_iter().chain([report.words().as_str()]) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
    }
    text
}
