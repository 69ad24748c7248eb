//! Which end of an outage a change tells, for those who keep a list of what is down.

use crate::model::story::Change;

/// Whether what is told of is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is.
    Firing,
    /// It was, and is no more.
    Resolved,
    /// Nothing of this name is down, but a person should look; nothing tells when they have.
    Notice,
}

impl Phase {
    pub(super) fn of(change: Change) -> Self {
        match change {
            Change::Resolved => Self::Resolved,
            Change::Down | Change::Failed | Change::Reminder | Change::Reboot => Self::Firing,
            Change::Repeated | Change::Config => Self::Notice,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Notice => "notice",
        }
    }
}

/// `critical` or `warning`.
pub(super) fn severity(critical: bool) -> &'static str {
    if critical { "critical" } else { "warning" }
}
