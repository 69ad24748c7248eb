//! Looks with many probes side by side, under a bound. Each look has its own time; one that does not come
//! back by then is given up and its thread left behind, so that nothing that hangs holds the others or the run.
//! What a look costs here does not depend on how many there are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use crate::model::text::human_duration;
use crate::model::trail::Before;
use crate::model::verdict::Look;
use crate::probe::workers::{Worker, Workers};
use crate::probe::{Answer, At, Probe, Seen};
use crate::sys::clock::{Deadline, Stopwatch};

/// A probe ends by its own limit, and says more of it than that it did not answer; so it gets this much longer.
const SLACK: Duration = Duration::from_millis(500);
/// How long it may take before anybody is told how far it is, and how often they are told then.
const QUIET: Duration = Duration::from_millis(700);
const TICK: Duration = Duration::from_millis(100);

/// How much at once, and until when.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Looks side by side; at least 1.
    pub jobs: usize,
    /// What has not answered by then is unknown.
    pub deadline: Deadline,
}

/// A probe to look with, the policy already applied.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The probe.
    pub probe: Arc<Probe>,
    /// Bound on one look.
    pub timeout: Duration,
    /// Looks before one that is not up is believed; at least 1.
    pub tries: u32,
    /// Pause between them.
    pub gap: Duration,
    /// How long a unit may be on its way up before that counts as down.
    pub start_grace: Duration,
    /// What it left the last time.
    pub before: Before,
    /// What the look is for.
    pub aim: Aim,
}

/// What a look is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// To know how it is; that it is down is believed after so many looks in a row, at least 1.
    Know {
        /// The policy's `fail_after`.
        fail_after: u32,
    },
    /// To verify an attempt to heal: only what has come since the look before counts.
    Verify,
}

/// How far it is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Looks that are over.
    pub done: usize,
    /// All of them.
    pub total: usize,
    /// The probe that has been waited for the longest.
    pub waiting: Option<&'a str>,
}

/// Looks with all of them. The looks come back in the order of `asks`. `progress` is told when it takes long, ten
/// times a second.
pub fn look_all(
    asks: Vec<Ask>,
    seen: &Arc<Seen>,
    bounds: &Bounds,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Vec<Look> {
    let deadline = bounds.deadline;
    let jobs = asks.into_iter().map(|ask| {
        let (probe, seen) = (ask.probe.clone(), Arc::clone(seen));
        let before = ask.before.clone();
        let work = move |again| {
            let at = At {
                limit: ask.timeout,
                deadline,
                start_grace: ask.start_grace,
                again,
                before: &before,
                aim: ask.aim,
                seen: &seen,
            };
            probe.kind.look(&at)
        };
        // A second look at what was read beforehand would see the same.
        let waits = ask.probe.kind.waits();
        Job {
            text: ask.probe.text.clone(),
            work: Arc::new(work),
            timeout: ask.timeout,
            tries: if waits { ask.tries.max(1) } else { 1 },
            gap: ask.gap,
            threaded: waits,
            before: ask.before,
        }
    });
    Round::new(jobs.collect(), bounds, progress).run()
}

type Work = Arc<dyn Fn(bool) -> Answer + Send + Sync>;

struct Job {
    text: String,
    work: Work,
    timeout: Duration,
    tries: u32,
    gap: Duration,
    threaded: bool,
    before: Before,
}

/// A look that goes on in its thread.
struct Running {
    tried: u32,
    watch: Stopwatch,
    worker: Worker,
}

/// What a look came to, and which try of which job it was.
struct Done {
    index: usize,
    tried: u32,
    answer: Answer,
    took: Duration,
}

struct Round<'a> {
    jobs: Vec<Job>,
    looks: Vec<Option<Look>>,
    done: usize,
    at_once: usize,
    deadline: Deadline,
    progress: &'a mut dyn FnMut(Progress<'_>),
    next_tick: Deadline,
    workers: Workers,
    /// Which job, and which try of it comes next.
    ready: VecDeque<(usize, u32)>,
    /// By job.
    running: Vec<Option<Running>>,
    count: usize,
    /// When each that runs is given up, the soonest first; some have come back meanwhile.
    cutoffs: BinaryHeap<Reverse<(Deadline, usize, u32)>>,
    /// By job: not up, and to be tried again.
    resting: Vec<Option<Done>>,
    /// When, the soonest first.
    rests: BinaryHeap<Reverse<(Deadline, usize)>>,
    sender: Sender<Done>,
    receiver: Receiver<Done>,
}

impl<'a> Round<'a> {
    fn new(jobs: Vec<Job>, bounds: &Bounds, progress: &'a mut dyn FnMut(Progress<'_>)) -> Self {
        let (sender, receiver) = mpsc::channel();
        Self {
            looks: jobs.iter().map(|_| None).collect(),
            done: 0,
            ready: (0..jobs.len()).map(|index| (index, 1)).collect(),
            running: jobs.iter().map(|_| None).collect(),
            count: 0,
            cutoffs: BinaryHeap::new(),
            resting: jobs.iter().map(|_| None).collect(),
            rests: BinaryHeap::new(),
            jobs,
            at_once: bounds.jobs.max(1),
            deadline: bounds.deadline,
            progress,
            next_tick: Deadline::after(QUIET),
            workers: Workers::default(),
            sender,
            receiver,
        }
    }

    fn run(mut self) -> Vec<Look> {
        loop {
            self.wake();
            if self.deadline.passed() {
                self.stop();
            }
            self.begin();
            if self.count == 0 && self.rests.is_empty() {
                break;
            }
            if let Ok(done) = self.receiver.recv_timeout(self.pause()) {
                self.weigh(done);
            }
            // All that has come counts before anything is called late: this thread may have been held up.
            while let Ok(done) = self.receiver.try_recv() {
                self.weigh(done);
            }
            self.give_up();
            self.tell();
        }
        self.looks.into_iter().flatten().collect()
    }

    /// Those whose pause is over are ready again.
    fn wake(&mut self) {
        while let Some(Reverse((until, index))) = self.rests.peek().copied()
            && until.passed()
        {
            self.rests.pop();
            if let Some(done) = self.resting[index].take() {
                self.ready.push_back((index, done.tried + 1));
            }
        }
    }

    /// The run's time is over: what is not under way will not be.
    fn stop(&mut self) {
        for Reverse((_, index)) in std::mem::take(&mut self.rests) {
            if let Some(done) = self.resting[index].take() {
                self.finish(index, done.answer, done.took);
            }
        }
        for (index, _) in std::mem::take(&mut self.ready) {
            let answer = Answer::unknown("not looked at: the run's deadline came first");
            self.finish(index, answer, Duration::ZERO);
        }
    }

    fn begin(&mut self) {
        while self.count < self.at_once {
            let Some((index, tried)) = self.ready.pop_front() else { break };
            let (job, watch) = (&self.jobs[index], Stopwatch::start());
            let work = Arc::clone(&job.work);
            if !job.threaded {
                let answer = caught(&work, false);
                self.finish(index, answer, watch.read());
                continue;
            }
            let cutoff = Deadline::after(self.deadline.left().min(job.timeout) + SLACK);
            let sender = self.sender.clone();
            let look = move || {
                let answer = caught(&work, tried > 1);
                // The receiver has gone when the round is over: then it is too late.
                let _ = sender.send(Done { index, tried, answer, took: watch.read() });
            };
            match self.workers.give(Box::new(look)) {
                Ok(worker) => {
                    self.running[index] = Some(Running { tried, watch, worker });
                    self.count += 1;
                    self.cutoffs.push(Reverse((cutoff, index, tried)));
                }
                Err(err) => {
                    let answer = Answer::unknown(format!("no thread could be started: {err}"));
                    self.finish(index, answer, watch.read());
                }
            }
        }
    }

    /// Takes this try of a job from those that run; none when it was given up.
    fn take(&mut self, index: usize, tried: u32) -> Option<Running> {
        let running = self.running[index].take_if(|running| running.tried == tried)?;
        self.count -= 1;
        Some(running)
    }

    fn weigh(&mut self, done: Done) {
        // One that was given up may still come back: too late.
        let Some(running) = self.take(done.index, done.tried) else { return };
        self.workers.back(running.worker);
        let job = &self.jobs[done.index];
        if done.answer.verdict.is_up() || done.tried >= job.tries || self.deadline.passed() {
            self.finish(done.index, done.answer, done.took);
        } else {
            let index = done.index;
            self.rests.push(Reverse((Deadline::after(job.gap), index)));
            self.resting[index] = Some(done);
        }
    }

    fn give_up(&mut self) {
        while let Some(Reverse((cutoff, index, tried))) = self.cutoffs.peek().copied()
            && (cutoff.passed() || !self.runs(index, tried))
        {
            self.cutoffs.pop();
            // Its worker is dropped, and ends if the look ever does.
            let Some(running) = self.take(index, tried) else { continue };
            let (took, limit) = (running.watch.read(), self.jobs[index].timeout);
            let answer = if took < limit {
                Answer::unknown("it had not answered when the run's deadline came")
            } else {
                Answer::unknown(format!("it did not answer within {}", human_duration(limit)))
            };
            // Not tried again: that would only leave another thread behind.
            self.finish(index, answer, took);
        }
    }

    fn runs(&self, index: usize, tried: u32) -> bool {
        self.running[index].as_ref().is_some_and(|running| running.tried == tried)
    }

    fn finish(&mut self, index: usize, answer: Answer, took: Duration) {
        let job = &self.jobs[index];
        let trail = answer.trail.map_or_else(|| job.before.kept(), Arc::new);
        self.looks[index] = Some(Look {
            probe: job.text.clone(),
            verdict: answer.verdict,
            detail: answer.detail,
            warning: answer.warning,
            hint: answer.hint,
            measures: answer.measures,
            took,
            trail,
        });
        self.done += 1;
    }

    fn tell(&mut self) {
        if !self.next_tick.passed() {
            return;
        }
        self.next_tick = Deadline::after(TICK);
        let running = self.running.iter().zip(&self.jobs);
        let longest = running
            .filter_map(|(running, job)| Some((running.as_ref()?.watch.read(), job)))
            .max_by_key(|(time, _)| *time);
        (self.progress)(Progress {
            done: self.done,
            total: self.jobs.len(),
            waiting: longest.map(|(_, job)| job.text.as_str()),
        });
    }

    /// Until something has to be done at the latest.
    fn pause(&self) -> Duration {
        let cutoff = self.cutoffs.peek().map(|Reverse((cutoff, ..))| cutoff.left());
        let rest = self.rests.peek().map(|Reverse((until, _))| until.left());
        let next = cutoff.into_iter().chain(rest).min().unwrap_or_default();
        let next = next.min(self.next_tick.left());
        if self.deadline.passed() { next } else { next.min(self.deadline.left()) }
    }
}

/// A probe that breaks is unknown, and the others do not notice.
fn caught(work: &Work, again: bool) -> Answer {
    catch_unwind(AssertUnwindSafe(|| work(again))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Answer::unknown(format!("the probe itself broke: {said}"))
    })
}

#[cfg(test)]
mod tests;
