//! Where a service lives and when it ran, as far as its manager has that on record. Values only.

use std::path::PathBuf;
use std::time::Duration;

/// See the module; what the manager does not tell is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Directories that it works in and writes to.
    pub places: Vec<PathBuf>,
    /// When its last main process started, by `CLOCK_MONOTONIC`.
    pub started: Option<Duration>,
    /// When that ended.
    pub ended: Option<Duration>,
    /// The most memory that it may have, in bytes.
    pub memory_limit: Option<u64>,
}
