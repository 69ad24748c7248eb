//! Runs what may hang for ever (a name look-up, a dead NFS mount) in a thread that is left behind when it
//! does. Never waits longer than told; a thread left behind ends with the process.

use std::sync::mpsc;
use std::thread::Builder;
use std::time::Duration;

/// Runs `work` in a thread of its own and waits at most `limit` for it. None: it has not come back, or it
/// broke, or no thread could be started.
pub fn aside<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (answer, wait) = mpsc::sync_channel(1);
    let run = move || {
        // The receiver may have gone: then nobody wants the answer any more.
        let _ = answer.send(work());
    };
    Builder::new().name("aside".into()).spawn(run).ok()?;
    wait.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::clock::Stopwatch;

    #[test]
    fn what_hangs_is_left_behind_and_what_breaks_is_none() {
        let (sender, held) = mpsc::channel::<()>();
        let watch = Stopwatch::start();
        assert_eq!(aside(Duration::from_millis(50), move || held.recv().is_ok()), None);
        assert!(watch.read() < Duration::from_secs(5));
        drop(sender);
        assert_eq!(aside(Duration::from_secs(10), || 7), Some(7));
        assert_eq!(aside(Duration::from_secs(10), || -> u8 { panic!("on purpose") }), None);
    }
}
