//! `state.json`, what is remembered between runs, and the generation before it.
//!
//! Invariant: the mtime of `state.json` is the time the last complete cycle finished. It is set on the new
//! file before that takes the old one's place, so that nobody ever sees another; see [`Save`]. Never deletes
//! a state it cannot read.

mod aside;
mod load;
mod save;

pub use load::{Loaded, Peeked, load, peek, rehearse};
pub use save::{Save, save};
