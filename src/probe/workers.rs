//! Threads that do what they are given, one thing each at a time, and then wait for more: a thread costs more than
//! most looks. One that does not come back is let go of, and ends when it does. Knows nothing of looks.

use std::io;
use std::sync::mpsc::{self, Sender};

/// Something to do.
pub(super) type Task = Box<dyn FnOnce() + Send>;

/// A thread that waits for its next task. It ends when this is dropped and its task, if it has one, is done.
pub(super) struct Worker(Sender<Task>);

/// Those that wait.
#[derive(Default)]
pub(super) struct Workers {
    idle: Vec<Worker>,
}

impl Workers {
    /// Has `task` done by one that waits, or by a new one; the worker must be given [`back`](Self::back) when
    /// it is done. An error when no thread can be started.
    pub(super) fn give(&mut self, task: Task) -> io::Result<Worker> {
        let worker = match self.idle.pop() {
            Some(worker) => worker,
            None => start()?,
        };
        // It only ends by being dropped, so it takes the task.
        let _ = worker.0.send(task);
        Ok(worker)
    }

    /// `worker` has done its task.
    pub(super) fn back(&mut self, worker: Worker) {
        self.idle.push(worker);
    }
}

fn start() -> io::Result<Worker> {
    let (sender, tasks) = mpsc::channel::<Task>();
    let work = move || tasks.into_iter().for_each(|task| task());
    std::thread::Builder::new().name("probe".into()).spawn(work)?;
    Ok(Worker(sender))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::ThreadId;

    #[test]
    fn one_that_is_given_back_does_the_next_task_and_ends_when_dropped() {
        let (sender, done) = mpsc::channel::<ThreadId>();
        let task = || {
            let sender = sender.clone();
            Box::new(move || sender.send(std::thread::current().id()).unwrap())
        };
        let mut workers = Workers::default();
        let first = workers.give(task()).unwrap();
        let id = done.recv().unwrap();
        let second = workers.give(task()).unwrap();
        assert_ne!(done.recv().unwrap(), id, "the first one was not given back");
        workers.back(first);
        let _third = workers.give(task()).unwrap();
        assert_eq!(done.recv().unwrap(), id);
        let held = sender.clone();
        workers.back(second);
        workers.back(workers_of(&mut Workers::default(), held));
        drop((workers, sender));
        // Every thread that held a sender has ended when there is nothing more to come.
        assert!(done.recv().is_err());
    }

    fn workers_of(workers: &mut Workers, held: Sender<ThreadId>) -> Worker {
        workers.give(Box::new(move || drop(held))).unwrap()
    }
}
