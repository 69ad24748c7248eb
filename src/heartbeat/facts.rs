//! What is known of a host and its services, for the services that keep numbers and not only a text. Brought by
//! the caller; judges nothing.

use std::time::Duration;

use jiff::Timestamp;

/// How one service, or all of them, are: the monitoring plugins' four states, which Datadog has too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Well.
    Ok,
    /// Degraded, or down where that is not critical or is meant.
    Warning,
    /// Down.
    Critical,
    /// It could not be found out.
    Unknown,
}

impl Health {
    /// 0 ok, 1 warning, 2 critical, 3 unknown.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }
}

/// What is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The host's name.
    pub host: String,
    /// Each service with how it is.
    pub services: Vec<(String, Health)>,
    /// When the last complete cycle ended, and how long it took.
    pub cycle: Option<(Timestamp, Duration)>,
}
