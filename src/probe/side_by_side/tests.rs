//! Bounds, order, tries and deadlines, with work that the tests make up.

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
    Job { text, work: Arc::new(work), timeout, tries, gap, threaded: true, before: Before::Nowhere }
}

fn round(jobs: Vec<Job>, at_once: usize, deadline: Duration) -> Vec<Look> {
    let bounds = Bounds { jobs: at_once, deadline: Deadline::after(deadline) };
    Round::new(jobs, &bounds, &mut |_| {}).run()
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
    let looks = round(jobs.collect(), 32, LONG);
    let most = MOST.load(Ordering::SeqCst);
    assert!((2..=32).contains(&most), "{most} at once");
    // One after the other it would be a second at least.
    assert!(watch.read() < Duration::from_millis(900), "{:?}", watch.read());
    let want: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    assert_eq!(looks.iter().map(|look| look.detail.clone()).collect::<Vec<_>>(), want);
}

#[test]
fn one_that_hangs_is_unknown_and_holds_nobody() {
    let (hold, work) = hangs();
    let jobs = vec![job(3, SHORT, work), job(1, LONG, |_| Answer::up("fine"))];
    let watch = Stopwatch::start();
    let looks = round(jobs, 1, LONG);
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
    let looks = round(jobs, 2, LONG);
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
    let looks = round(vec![job(3, LONG, third(&count))], 4, LONG);
    assert_eq!(looks[0].detail, "now");
    count.store(0, Ordering::SeqCst);
    let looks = round(vec![job(2, LONG, third(&count))], 4, LONG);
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
    let looks = round(jobs, 1, Duration::from_millis(100));
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
    let trails: Vec<_> = round(jobs, 4, LONG).into_iter().map(|look| look.trail).collect();
    assert_eq!(trails, [trail(1), trail(2), Arc::default()]);
}

#[test]
fn nothing_asked_is_nothing_answered() {
    assert_eq!(round(vec![], 32, LONG), []);
}

#[test]
fn looks_share_threads_and_a_hung_one_is_replaced() {
    let threads = Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
    let (hold, work) = hangs();
    let quick = (0..2000).map(|_| {
        let threads = Arc::clone(&threads);
        job(1, LONG, move |_| {
            threads.lock().unwrap().insert(std::thread::current().id());
            Answer::up("fine")
        })
    });
    let jobs = std::iter::once(job(1, SHORT, work)).chain(quick).collect();
    let looks = round(jobs, 2, LONG);
    assert_eq!(looks.iter().filter(|look| look.verdict.is_up()).count(), 2000);
    assert!(looks[0].verdict.reason().starts_with("it did not answer within"));
    let count = threads.lock().unwrap().len();
    assert!((1..=2).contains(&count), "{count} threads");
    drop(hold);
}

#[test]
fn what_takes_long_is_named_while_it_is_waited_for() {
    let (hold, work) = hangs();
    let slow = Job { text: "slow".into(), ..job(1, LONG, work) };
    let jobs = vec![job(1, LONG, |_| Answer::up("fine")), slow];
    let bounds = Bounds { jobs: 4, deadline: Deadline::after(LONG) };
    let (mut told, mut hold) = (None, Some(hold));
    Round::new(jobs, &bounds, &mut |progress| {
        told = Some((progress.done, progress.total, progress.waiting.map(str::to_owned)));
        hold = None;
    })
    .run();
    assert_eq!(told, Some((1, 2, Some("slow".to_owned()))));
}
