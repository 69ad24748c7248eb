//! One run of a job at a time, by the name of its heartbeat. The lock is the operating system's, on a file of its own
//! (`jobs/NAME.lock`), and the job has it too: killed without a word, we leave it with the job, to whose end it
//! then lasts. Never waits for a run to end.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::model::time::Stamp;
use crate::store::lock::{Flock, try_flock};
use crate::store::{Dir, dir};

/// Who runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The job's process; before it is started, the one that starts it.
    pub pid: u32,
    /// When it was started.
    pub started: Stamp,
}

/// What came of trying to take it.
#[derive(Debug)]
pub enum JobLocked {
    /// Taken, until it is dropped.
    Mine(JobLock),
    /// A run before this one has it; which, where that could be read.
    Held(Option<Run>),
}

/// The lock of a job, held. Dropped, it is let go for whoever else still has it: a daemon that the job left behind
/// does not keep the next run from starting.
#[derive(Debug)]
pub struct JobLock(Flock);

impl JobLock {
    /// Writes down who runs. On a full disk it holds all the same, without saying who.
    pub fn held_by(&self, run: &Run) {
        if let Ok(text) = serde_json::to_vec(run) {
            self.0.say(&text);
        }
    }
}

impl Drop for JobLock {
    fn drop(&mut self) {
        // Nobody is to be named as the holder of a free lock.
        self.0.say(b"");
    }
}

/// Takes the lock of the job called `name`, or says which run has it, within 0.1 s. Programs started from here on
/// have it too.
pub fn take(dir: &Dir, name: &str, run: &Run) -> Result<JobLocked> {
    let path = dir.job_lock(name);
    dir::make(path.parent().unwrap_or(dir.path()))?;
    let Some(flock) = try_flock(&path)? else {
        let text = std::fs::read(&path).unwrap_or_default();
        return Ok(JobLocked::Held(serde_json::from_slice(&text).ok()));
    };
    flock.inherited().with_context(|| format!("cannot hand on the lock `{}`", path.display()))?;
    let lock = JobLock(flock);
    lock.held_by(run);
    Ok(JobLocked::Mine(lock))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::now;

    #[test]
    fn each_name_has_its_own_and_who_has_it_is_told() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::create(&temp.path().join("s")).unwrap();
        let run = |pid| Run { pid, started: now(0).stamp() };
        let JobLocked::Mine(mine) = take(&dir, "a/b", &run(1)).unwrap() else { panic!("free") };
        assert!(matches!(take(&dir, "a:b", &run(2)).unwrap(), JobLocked::Mine(_)));
        let held = |want: Option<Run>| matches!(take(&dir, "a/b", &run(3)).unwrap(), JobLocked::Held(by) if by == want);
        assert!(held(Some(run(1))));
        mine.held_by(&run(7));
        assert!(held(Some(run(7))));
        std::fs::write(dir.job_lock("a/b"), "{").unwrap();
        assert!(held(None));
        drop(mine);
        assert_eq!(std::fs::read(dir.job_lock("a/b")).unwrap(), b"");
        assert!(matches!(take(&dir, "a/b", &run(3)).unwrap(), JobLocked::Mine(_)));
    }
}
