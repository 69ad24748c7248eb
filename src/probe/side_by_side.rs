//! Looks with many probes side by side, under a bound. Each look has its own time; one that does not come
//! back by then is given up and its thread left behind, so that nothing that hangs holds the others or the run.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use crate::model::text::human_duration;
use crate::model::trail::Before;
use crate::model::verdict::Look;
use crate::probe::{Answer, At, Probe, Seen};
use crate::sys::clock::{Deadline, Stopwatch};

/// A probe ends by its own limit, and says more of it than that it did not answer; so it gets this much longer.
const SLACK: Duration = Duration::from_millis(500);

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
}

/// Looks with all of them. The looks come back in the order of `asks`; `progress` hears of each as it comes,
/// with its place in that order.
pub fn look_all(
    asks: Vec<Ask>,
    seen: &Arc<Seen>,
    bounds: &Bounds,
    progress: &mut dyn FnMut(usize, &Look),
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
    index: usize,
    tried: u32,
    watch: Stopwatch,
    cutoff: Deadline,
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
    at_once: usize,
    deadline: Deadline,
    progress: &'a mut dyn FnMut(usize, &Look),
    /// Which job, and which try of it comes next.
    ready: VecDeque<(usize, u32)>,
    running: Vec<Running>,
    /// Not up, and to be tried again then.
    resting: Vec<(Deadline, Done)>,
    sender: Sender<Done>,
    receiver: Receiver<Done>,
}

impl<'a> Round<'a> {
    fn new(jobs: Vec<Job>, bounds: &Bounds, progress: &'a mut dyn FnMut(usize, &Look)) -> Self {
        let (sender, receiver) = mpsc::channel();
        Self {
            looks: jobs.iter().map(|_| None).collect(),
            ready: (0..jobs.len()).map(|index| (index, 1)).collect(),
            jobs,
            at_once: bounds.jobs.max(1),
            deadline: bounds.deadline,
            progress,
            running: Vec::new(),
            resting: Vec::new(),
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
            if self.running.is_empty() && self.resting.is_empty() {
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
        }
        self.looks.into_iter().flatten().collect()
    }

    /// Those whose pause is over are ready again.
    fn wake(&mut self) {
        let all = std::mem::take(&mut self.resting);
        let (over, rest): (Vec<_>, _) = all.into_iter().partition(|(until, _)| until.passed());
        self.resting = rest;
        self.ready.extend(over.into_iter().map(|(_, done)| (done.index, done.tried + 1)));
    }

    /// The run's time is over: what is not under way will not be.
    fn stop(&mut self) {
        for (_, done) in std::mem::take(&mut self.resting) {
            self.finish(done.index, done.answer, done.took);
        }
        for (index, _) in std::mem::take(&mut self.ready) {
            let answer = Answer::unknown("not looked at: the run's deadline came first");
            self.finish(index, answer, Duration::ZERO);
        }
    }

    fn begin(&mut self) {
        while self.running.len() < self.at_once {
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
            match std::thread::Builder::new().name("probe".into()).spawn(look) {
                Ok(_) => self.running.push(Running { index, tried, watch, cutoff }),
                Err(err) => {
                    let answer = Answer::unknown(format!("no thread could be started: {err}"));
                    self.finish(index, answer, watch.read());
                }
            }
        }
    }

    fn weigh(&mut self, done: Done) {
        let same = |running: &Running| (running.index, running.tried) == (done.index, done.tried);
        // One that was given up may still come back: too late.
        let Some(place) = self.running.iter().position(same) else { return };
        self.running.swap_remove(place);
        let job = &self.jobs[done.index];
        if done.answer.verdict.is_up() || done.tried >= job.tries || self.deadline.passed() {
            self.finish(done.index, done.answer, done.took);
        } else {
            self.resting.push((Deadline::after(job.gap), done));
        }
    }

    fn give_up(&mut self) {
        let all = std::mem::take(&mut self.running);
        let (late, rest): (Vec<_>, _) = all.into_iter().partition(|r| r.cutoff.passed());
        self.running = rest;
        for Running { index, watch, .. } in late {
            let (took, limit) = (watch.read(), self.jobs[index].timeout);
            let answer = if took < limit {
                Answer::unknown("it had not answered when the run's deadline came")
            } else {
                Answer::unknown(format!("it did not answer within {}", human_duration(limit)))
            };
            // Not tried again: that would only leave another thread behind.
            self.finish(index, answer, took);
        }
    }

    fn finish(&mut self, index: usize, answer: Answer, took: Duration) {
        let job = &self.jobs[index];
        let trail = answer.trail.map_or_else(|| job.before.kept(), Arc::new);
        let look = Look {
            probe: job.text.clone(),
            verdict: answer.verdict,
            detail: answer.detail,
            warning: answer.warning,
            hint: answer.hint,
            measures: answer.measures,
            took,
            trail,
        };
        (self.progress)(index, &look);
        self.looks[index] = Some(look);
    }

    /// Until something has to be done at the latest.
    fn pause(&self) -> Duration {
        let cutoffs = self.running.iter().map(|running| running.cutoff.left());
        let rests = self.resting.iter().map(|(until, _)| until.left());
        let next = cutoffs.chain(rests).min().unwrap_or_default();
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
mod tests {
    use super::*;
    use crate::model::verdict::Verdict;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(50);

    fn job(
        tries: u32,
        timeout: Duration,
        work: impl Fn(bool) -> Answer + Send + Sync + 'static,
    ) -> Job {
        let (text, gap) = ("test".to_owned(), Duration::from_millis(1));
        Job {
            text,
            work: Arc::new(work),
            timeout,
            tries,
            gap,
            threaded: true,
            before: Before::Nowhere,
        }
    }

    fn round(jobs: Vec<Job>, at_once: usize, deadline: Duration) -> (Vec<Look>, Vec<usize>) {
        let bounds = Bounds { jobs: at_once, deadline: Deadline::after(deadline) };
        let mut heard = Vec::new();
        let looks = Round::new(jobs, &bounds, &mut |index, _| heard.push(index)).run();
        (looks, heard)
    }

    /// Blocks until it is dropped by the other side, as a hung mount would.
    fn hangs() -> (Sender<()>, impl Fn(bool) -> Answer + Send + Sync + 'static) {
        let (sender, receiver) = mpsc::channel::<()>();
        let receiver = std::sync::Mutex::new(receiver);
        let work = move |_| {
            let _ = receiver.lock().map(|receiver| receiver.recv());
            Answer::up("late")
        };
        (sender, work)
    }

    #[test]
    fn order_is_kept_and_never_more_than_the_bound_run_at_once() {
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let jobs = (0..200).map(|number| {
            job(1, LONG, move |_| {
                MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(5));
                NOW.fetch_sub(1, Ordering::SeqCst);
                Answer::up(number.to_string())
            })
        });
        let watch = Stopwatch::start();
        let (looks, mut heard) = round(jobs.collect(), 32, LONG);
        let most = MOST.load(Ordering::SeqCst);
        assert!((2..=32).contains(&most), "{most} at once");
        // One after the other it would be a second at least.
        assert!(watch.read() < Duration::from_millis(900), "{:?}", watch.read());
        let want: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        assert_eq!(looks.iter().map(|look| look.detail.clone()).collect::<Vec<_>>(), want);
        heard.sort_unstable();
        assert_eq!(heard, (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn one_that_hangs_is_unknown_and_holds_nobody() {
        let (hold, work) = hangs();
        let jobs = vec![job(3, SHORT, work), job(1, LONG, |_| Answer::up("fine"))];
        let watch = Stopwatch::start();
        let (looks, _) = round(jobs, 1, LONG);
        assert_eq!(looks[0].verdict, Verdict::Unknown("it did not answer within 0.1s".into()));
        assert_eq!(looks[1].detail, "fine");
        assert!(watch.read() < Duration::from_secs(5), "{:?}", watch.read());
        drop(hold);
    }

    #[test]
    fn a_panic_is_unknown_for_that_one_only() {
        let jobs = vec![
            job(1, LONG, |_| panic!("on purpose")),
            job(1, LONG, |_| Answer::up("fine")),
            Job { threaded: false, ..job(1, LONG, |_| panic!("inline")) },
        ];
        let (looks, _) = round(jobs, 2, LONG);
        assert_eq!(looks[0].verdict.reason(), "the probe itself broke: on purpose");
        assert!(looks[1].verdict.is_up());
        assert_eq!(looks[2].verdict.reason(), "the probe itself broke: inline");
    }

    #[test]
    fn what_is_not_up_is_tried_again_and_told_that_it_is() {
        let count = Arc::new(AtomicUsize::new(0));
        let third = |count: &Arc<AtomicUsize>| {
            let count = Arc::clone(count);
            move |again| {
                let before = count.fetch_add(1, Ordering::SeqCst);
                assert_eq!(again, before > 0);
                if before < 2 { Answer::down("not yet") } else { Answer::up("now") }
            }
        };
        let (looks, heard) = round(vec![job(3, LONG, third(&count))], 4, LONG);
        assert_eq!((looks[0].detail.as_str(), heard.len()), ("now", 1));
        count.store(0, Ordering::SeqCst);
        let (looks, _) = round(vec![job(2, LONG, third(&count))], 4, LONG);
        assert_eq!(looks[0].verdict, Verdict::Down("not yet".into()));
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn at_the_deadline_the_rest_is_unknown_but_what_was_seen_counts() {
        let (hold, work) = hangs();
        let mut seen_down = job(9, LONG, |_| Answer::down("seen"));
        seen_down.gap = LONG;
        let jobs = vec![seen_down, job(1, LONG, work), job(1, LONG, |_| Answer::up("never"))];
        let watch = Stopwatch::start();
        let (looks, _) = round(jobs, 1, Duration::from_millis(100));
        assert!(watch.read() < Duration::from_secs(5), "{:?}", watch.read());
        let reasons: Vec<_> = looks.iter().map(|look| look.verdict.reason()).collect();
        assert_eq!(
            reasons,
            [
                "seen",
                "it had not answered when the run's deadline came",
                "not looked at: the run's deadline came first"
            ]
        );
        assert!(looks[0].verdict.is_down() && !looks[1].verdict.is_down());
        drop(hold);
    }

    #[test]
    fn a_look_that_leaves_nothing_keeps_what_was_left_before() {
        let trail = |n: u32| Arc::new(crate::model::trail::Trail::from([("n".into(), n.into())]));
        let with =
            |work: fn(bool) -> Answer| Job { before: Before::Kept(trail(1)), ..job(1, LONG, work) };
        let jobs = vec![
            with(|_| Answer::unknown("nothing seen")),
            with(|_| Answer::up("").leaving("n", 2.into())),
            Job { before: Before::Nowhere, ..with(|_| Answer::up("")) },
        ];
        let trails: Vec<_> = round(jobs, 4, LONG).0.into_iter().map(|look| look.trail).collect();
        assert_eq!(trails, [trail(1), trail(2), Arc::default()]);
    }

    #[test]
    fn nothing_asked_is_nothing_answered() {
        assert_eq!(round(vec![], 32, LONG).0, []);
    }
}
