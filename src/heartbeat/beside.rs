//! A ping that goes out while something else is done: a job's start ping never delays the job. It is settled
//! before the job's end is told: a start that arrived after its end would look like a run that never ends.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use uuid::Uuid;

use crate::heartbeat::{Heartbeat, Ping, Pinged, Signal};
use crate::sys::clock::Deadline;
use crate::sys::http;

/// Bound on one try: the end ping may have to wait for it.
const TRY: Duration = Duration::from_secs(5);

/// A ping on its way.
#[must_use = "the end of the job must not be told before its start is settled"]
pub struct Beside {
    thread: Result<JoinHandle<Pinged>, String>,
    /// Dropped, it ends the pause before another try.
    go_on: Sender<()>,
}

impl Heartbeat {
    /// Sends `signal` without a body in a thread of its own.
    pub fn ping_beside(&self, signal: Signal, rid: Option<Uuid>, deadline: Deadline) -> Beside {
        let mut heartbeat = self.clone();
        heartbeat.timeout = heartbeat.timeout.min(TRY);
        let (go_on, stop) = channel();
        let work = move || {
            let ping = Ping { rid, ..Ping::new(signal, "") };
            heartbeat.ping_with(&ping, deadline, &mut http::send, &mut |time| wait(&stop, time))
        };
        let thread = std::thread::Builder::new().name("start ping".into()).spawn(work);
        Beside { thread: thread.map_err(|err| format!("cannot start a thread: {err}")), go_on }
    }
}

impl Beside {
    /// Tries no more, waits for the try on its way (5 s at most), and says what came of it.
    pub fn settle(self) -> Pinged {
        drop(self.go_on);
        match self.thread {
            Err(why) => Pinged::untried(why),
            Ok(thread) => thread
                .join()
                .unwrap_or_else(|_| Pinged::untried("the ping failed inside this program".into())),
        }
    }
}

/// Sleeps; false when the other end is gone.
fn wait(stop: &Receiver<()>, time: Duration) -> bool {
    stop.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
}
