//! The state directory: what is remembered between runs, and who is at work in it. Every file is replaced as
//! a whole or appended to line by line, so that a run killed at any moment costs at most its last step.
//! Decides nothing and sends nothing.

pub mod channels;
pub mod dir;
pub mod events;
pub mod holds;
pub mod incidents;
pub mod job_lock;
pub mod last_good;
pub mod lock;
pub mod outbox;
pub mod state;

mod atomic;
mod bounded;
mod names;
mod read;
mod refuge;
#[cfg(test)]
mod testing;

pub use dir::Dir;
pub use names::digest;
pub use read::Unreadable;
pub use refuge::refuge;
