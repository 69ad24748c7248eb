//! A run that holds the lock long after its own deadline: it is ended, with what it had started, so that the next
//! one can look. Ends nobody who cannot be proven to be that very run, and nothing that the run did not start.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::model::text::human_duration;
use crate::model::time::{Now, lapse};
use crate::store::Dir;
use crate::store::lock::{self, Holder};
use crate::sys::process::{self, Process};
use crate::sys::signal::{Held, Tell};
use crate::sys::{clock, why};

/// So long past its deadline it is still believed to be about to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it has to end after `SIGTERM`, and then after `SIGKILL`.
const ENDING: Duration = Duration::from_secs(2);
/// The wall clocks of a process's start and of what it wrote down then may differ by so much.
const TOLERANCE: Duration = Duration::from_secs(5);

/// How long the holder has been hanging; none while it may still end by itself. Sleep of the host is not held
/// against it: its own clock stood still then, too.
pub(super) fn hangs(holder: &Holder, now: &Now) -> Option<Duration> {
    let over = holder.overdue(now)?;
    let awake = holder.awake_ms.map_or(over, |began| {
        let awake = clock::monotonic().saturating_sub(Duration::from_millis(began));
        awake.saturating_sub(Duration::from_secs(holder.deadline_secs))
    });
    Some(over.min(awake)).filter(|over| *over > PATIENCE)
}

/// Ends the run that holds the lock, or takes the lock away from one that is as good as dead. What was done, in
/// words; an error when nothing was, and why.
pub(super) fn take_over(
    dir: &Dir,
    holder: &Holder,
    over: Duration,
    now: &Now,
) -> Result<String, String> {
    let who = format!("`miraclemax {}` (pid {})", holder.command, holder.pid);
    let over = human_duration(over);
    let Some(process) = process::one(holder.pid).filter(|process| !process.zombie) else {
        return Err(format!("pid {} is gone, and the lock is held by somebody else", holder.pid));
    };
    proven(&process, holder, now)?;
    let started = below(&process);
    let Some(held) = Held::open(process.pid, process.start)? else {
        return Ok(format!("{who} has just ended"));
    };
    held.tell(Tell::Term)?;
    let mut how = "SIGTERM";
    if !held.ended(ENDING) {
        held.tell(Tell::Kill)?;
        how = "SIGKILL";
    }
    let ended = held.ended(ENDING);
    let mut children = 0;
    for child in &started {
        if let Ok(Some(child)) = Held::open(child.pid, child.start)
            && child.tell(Tell::Kill).is_ok()
        {
            children += 1;
        }
    }
    let with = match children {
        0 => String::new(),
        1 => " and a process that it had started".into(),
        count => format!(" and {count} processes that it had started"),
    };
    if ended {
        return Ok(format!("{who} hung, {over} past its deadline: ended by {how}{with}"));
    }
    // The signal waits for it: it will never run again, only the kernel cannot let it go yet.
    lock::bypass(dir, holder.pid).map_err(|err| format!("{err:#}"))?;
    Ok(format!(
        "{who} hung, {over} past its deadline, and does not even end by SIGKILL (it waits for a disk or a \
         mount): its lock was put aside"
    ))
}

/// Whether the process is the run that wrote its name into the lock, and may be ended by this user.
fn proven(process: &Process, holder: &Holder, now: &Now) -> Result<(), String> {
    let pid = process.pid;
    let started = process.started(now);
    let late = lapse(holder.started.wall, started);
    if late > TOLERANCE {
        return Err(format!(
            "pid {pid} was started after the lock was taken: it is another process"
        ));
    }
    let mine = std::env::current_exe().map_err(|err| why::why(&err))?;
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    match process::exe(pid) {
        Some(exe) if exe == mine || name(&exe) == name(&mine) => Ok(()),
        Some(exe) => Err(format!("pid {pid} runs `{}`, not this program", exe.display())),
        None => Err(format!("no right to see what pid {pid} runs")),
    }
}

/// What it has started and what those have, as long as they are its own.
fn below(process: &Process) -> Vec<Process> {
    let all = process::all().unwrap_or_default();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![process.pid];
    while let Some(parent) = parents.pop() {
        for child in all.iter().filter(|child| child.parent == parent && !child.zombie) {
            if child.pid != process.pid && !found.iter().any(|known| known.pid == child.pid) {
                parents.push(child.pid);
                found.push(child.clone());
            }
        }
    }
    found
}
