//! Which end of an outage a change tells, for those who keep a list of what is down.

use crate::model::story::Change;

/// Whether what is told of is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is.
    Firing,
    /// It was, and is no more, or is nobody's any more.
    Resolved,
    /// Nothing of this name is down, but a person should look; nothing tells when they have.
    Notice,
    /// To be known, and nothing to be done about.
    News,
}

impl Phase {
    pub(super) fn of(change: Change) -> Self {
        match change {
            Change::Resolved | Change::Unwatched => Self::Resolved,
            Change::Down
            | Change::Failed
            | Change::Reminder
            | Change::Escalated
            | Change::Reboot => Self::Firing,
            Change::Repeated | Change::Gap | Change::Channel | Change::Config => Self::Notice,
            Change::Returned
            | Change::Restarted
            | Change::Hold
            | Change::Summary
            | Change::Test => Self::News,
        }
    }

    /// Whether nobody has to do anything.
    pub(super) fn is_good(self) -> bool {
        matches!(self, Self::Resolved | Self::News)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Notice => "notice",
            Self::News => "news",
        }
    }
}

/// `critical` or `warning`.
pub(super) fn severity(critical: bool) -> &'static str {
    if critical { "critical" } else { "warning" }
}
