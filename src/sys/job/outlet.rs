//! Writes a job's output to ours, in a thread of its own that begins with the first byte: our output may be a dead NFS
//! file or a terminal on hold, and neither must keep signals and time limit from the job. Drops nothing while
//! its reader lives, and ends nothing when that is gone.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};

/// Pieces on their way to the writer, so that it and we seldom wait for each other.
const DEPTH: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Outlet {
    /// Before the thread has begun: where it will write, and how it says that it has taken a piece.
    idle: Option<(OwnedFd, UnixStream)>,
    queue: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
    /// What the queue has no room for.
    held: VecDeque<Vec<u8>>,
}

impl Outlet {
    /// Writes to `to`; a byte goes to `waker` with each piece taken.
    pub(super) fn new(to: OwnedFd, waker: UnixStream) -> Self {
        Self { idle: Some((to, waker)), queue: None, thread: None, held: VecDeque::new() }
    }

    /// Takes a piece; never waits.
    pub(super) fn pass(&mut self, piece: &[u8]) {
        if let Some((to, waker)) = self.idle.take() {
            let (queue, pieces) = sync_channel(DEPTH);
            // Without a thread (a host out of processes) the output is lost, the job and its tail are not.
            self.thread = std::thread::Builder::new()
                .name("job output".into())
                .spawn(move || write_all(&pieces, to, &waker))
                .ok();
            self.queue = self.thread.is_some().then_some(queue);
        }
        self.held.push_back(piece.to_vec());
        self.advance();
    }

    /// Hands on what the writer has room for; never waits.
    pub(super) fn advance(&mut self) {
        while let Some(piece) = self.held.pop_front() {
            let Some(queue) = &self.queue else { continue };
            if let Err(TrySendError::Full(piece)) = queue.try_send(piece) {
                self.held.push_front(piece);
                return;
            }
        }
    }

    /// Whether the reader of our output is behind.
    pub(super) fn is_full(&self) -> bool {
        !self.held.is_empty()
    }

    /// Waits until all is written, or the reader is gone.
    pub(super) fn finish(mut self) {
        if let Some(queue) = self.queue.take() {
            for piece in self.held.drain(..) {
                let _ = queue.send(piece);
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_all(pieces: &Receiver<Vec<u8>>, to: OwnedFd, waker: &UnixStream) {
    let mut to = Some(File::from(to));
    for piece in pieces {
        // Its other end may be gone with the job; a full one wakes as well.
        let _ = (&*waker).write(&[1]);
        if let Some(file) = &mut to
            && write_one(file, &piece).is_err()
        {
            to = None;
        }
    }
}

/// `write_all` that also works where whoever started us left the file non-blocking.
fn write_one(file: &mut File, mut piece: &[u8]) -> std::io::Result<()> {
    while !piece.is_empty() {
        match file.write(piece) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => piece = &piece[count..],
            Err(err) if err.kind() == ErrorKind::Interrupted => {}
            Err(err) if err.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::OUT)], None)?;
            }
            Err(err) => return Err(err),
        }
    }
    Ok(())
}
