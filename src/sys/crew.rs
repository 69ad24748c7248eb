//! Several pieces of work side by side, some at a time, until a deadline: what is not done by then is left behind with its
//! thread. Knows nothing of what they do.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::Builder;

use crate::sys::clock::Deadline;

/// A piece of work.
pub type Work<T> = Box<dyn FnOnce() -> T + Send>;

/// Does all of `works`, `at_once` of them at a time (at least one), and has what each came to, in their order. None for
/// one that was not done by the deadline, or broke.
pub fn all<T: Send + 'static>(
    works: Vec<Work<T>>,
    at_once: usize,
    deadline: Deadline,
) -> Vec<Option<T>> {
    let mut done: Vec<Option<T>> = works.iter().map(|_| None).collect();
    let threads = at_once.clamp(1, works.len().max(1));
    let queue: VecDeque<(usize, Work<T>)> = works.into_iter().enumerate().collect();
    let queue = Arc::new(Mutex::new(queue));
    let (sender, receiver) = mpsc::channel();
    for _ in 0..threads {
        let (queue, sender) = (Arc::clone(&queue), sender.clone());
        let take = move || {
            while let Some((index, work)) =
                queue.lock().ok().and_then(|mut queue| queue.pop_front())
            {
                let value = catch_unwind(AssertUnwindSafe(work)).ok();
                // The receiver has gone when it is too late.
                if sender.send((index, value)).is_err() {
                    break;
                }
            }
        };
        // Where no thread can be had, the others do its part.
        let _ = Builder::new().name("crew".into()).spawn(take);
    }
    drop(sender);
    // It ends, too, when the last thread has gone.
    while let Ok((index, value)) = receiver.recv_timeout(deadline.left()) {
        done[index] = value;
    }
    done
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sys::clock::Stopwatch;

    #[test]
    fn each_answer_is_in_its_place_and_what_hangs_or_breaks_is_none() {
        let (held, hold) = mpsc::channel::<()>();
        let works: Vec<Work<u8>> = vec![
            Box::new(|| 1),
            Box::new(move || {
                let _ = hold.recv();
                2
            }),
            Box::new(|| panic!("on purpose")),
            Box::new(|| 4),
        ];
        let watch = Stopwatch::start();
        let done = all(works, 4, Deadline::after(Duration::from_millis(300)));
        assert_eq!(done, [Some(1), None, None, Some(4)]);
        assert!(watch.read() < Duration::from_secs(5));
        drop(held);
    }

    #[test]
    fn it_is_over_as_soon_as_all_is_done_and_no_more_run_at_once_than_allowed() {
        let running = Arc::new(Mutex::new((0, 0)));
        let work = || {
            let running = Arc::clone(&running);
            let work: Work<()> = Box::new(move || {
                let mut count = running.lock().unwrap();
                count.0 += 1;
                count.1 = count.1.max(count.0);
                drop(count);
                std::thread::yield_now();
                running.lock().unwrap().0 -= 1;
            });
            work
        };
        let done =
            all((0..40).map(|_| work()).collect(), 3, Deadline::after(Duration::from_secs(60)));
        assert!(done.iter().all(Option::is_some));
        assert!(running.lock().unwrap().1 <= 3);
        let none: Vec<Work<u8>> = Vec::new();
        assert_eq!(all(none, 0, Deadline::after(Duration::from_secs(60))), []);
    }
}
