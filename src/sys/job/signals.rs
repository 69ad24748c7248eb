//! The signals that are meant for the job, as they reach us. Those that we were started with as ignored (`nohup`,
//! a shell's background) stay ignored, here and in the job. Once the job has ended they do to us what they would
//! have done.

use std::io::{ErrorKind, Read, Result};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use signal_hook::SigId;

/// Passed on.
const FORWARDED: [Signal; 6] =
    [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];

/// Listens from [`Signals::listen`] until it is dropped.
pub(super) struct Signals {
    flags: Vec<(Signal, Arc<AtomicBool>)>,
    ids: Vec<SigId>,
    /// True when they are no longer for the job.
    ours: Arc<AtomicBool>,
    wake: UnixStream,
    waker: UnixStream,
}

impl Signals {
    /// Begins to listen. Before the job is started: one that comes in between must not end us and leave it behind.
    pub(super) fn listen() -> Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        waker.set_nonblocking(true)?;
        let ours = Arc::new(AtomicBool::new(false));
        let mut listening = Self { flags: Vec::new(), ids: Vec::new(), ours, wake, waker };
        listening.wake_on(Signal::CHILD)?;
        let ignored = ignored(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
        for signal in FORWARDED.into_iter().filter(|signal| !ignored(signal.as_raw())) {
            // This one stays for ever: without any action left, the signal would be ignored.
            signal_hook::flag::register_conditional_default(
                signal.as_raw(),
                Arc::clone(&listening.ours),
            )?;
            let flag = Arc::new(AtomicBool::new(false));
            listening.ids.push(signal_hook::flag::register(signal.as_raw(), Arc::clone(&flag))?);
            listening.flags.push((signal, flag));
            listening.wake_on(signal)?;
        }
        Ok(listening)
    }

    fn wake_on(&mut self, signal: Signal) -> Result<()> {
        let waker = self.waker()?;
        self.ids.push(signal_hook::low_level::pipe::register(signal.as_raw(), waker)?);
        Ok(())
    }

    /// Those that came since the last call. One that came twice meanwhile counts once, as with any pending signal.
    pub(super) fn arrived(&self) -> Vec<Signal> {
        let came = |(_, flag): &&(Signal, Arc<AtomicBool>)| flag.swap(false, Ordering::SeqCst);
        self.flags.iter().filter(came).map(|(signal, _)| *signal).collect()
    }

    /// Something to write a byte to that ends a wait for [`Self::wake_fd`].
    pub(super) fn waker(&self) -> Result<UnixStream> {
        self.waker.try_clone()
    }

    /// Readable when a signal came, a child ended, or a waker was written to.
    pub(super) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Makes [`Self::wake_fd`] wait again.
    pub(super) fn drain(&self) {
        let mut buffer = [0; 256];
        loop {
            match (&self.wake).read(&mut buffer) {
                Ok(count) if count > 0 => {}
                Err(err) if err.kind() == ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }

    /// The job has ended: from now on they do to us what they would have done.
    pub(super) fn stand_down(&self) {
        self.ours.store(true, Ordering::SeqCst);
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.stand_down();
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

/// Which signals are ignored, by `SigIgn` of proc(5), a mask in hexadecimal. Where there is none (macOS), none is known.
fn ignored(status: &str) -> impl Fn(i32) -> bool + use<> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    move |signal| (1..=64).contains(&signal) && mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read_from_proc() {
        // As nohup leaves it: HUP (1), and PIPE (13) by Rust's own start.
        let status = "Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        let ignored = ignored(status);
        let found: Vec<_> = (0..70).filter(|signal| ignored(*signal)).collect();
        assert_eq!(found, [1, 13]);
        assert!(!super::ignored("")(1));
    }
}
