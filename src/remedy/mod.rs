//! What can be tried. One file a strategy: what it does, when it refuses, its tests. Whether it helped is not
//! theirs to say: the probes do.

mod config_validation;
pub mod known_good;
mod patient;
mod port_conflict;
mod service_restart;

use std::time::Duration;

pub use patient::Patient;

use crate::manager::{Acted, Reach};

/// A healing strategy, as written in `healing_strategies`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Restart it through its manager.
    ServiceRestart,
    /// End a stale copy of it that holds its port.
    PortConflict,
    /// Validate its config, and put back the one that worked.
    ConfigValidation,
}

impl Strategy {
    /// Every name with its strategy.
    pub const ALL: [(&'static str, Self); 3] = [
        ("service_restart", Self::ServiceRestart),
        ("port_conflict", Self::PortConflict),
        ("config_validation", Self::ConfigValidation),
    ];

    /// As it is written in the config.
    pub fn word(self) -> &'static str {
        match self {
            Self::ServiceRestart => "service_restart",
            Self::PortConflict => "port_conflict",
            Self::ConfigValidation => "config_validation",
        }
    }
}

/// Applies one strategy once. Comes back by `limit`, give or take a few seconds. [`Acted::result`] is an error
/// when it was not done: nothing to do it to, no right, or not safe; that costs no budget.
pub fn apply(strategy: Strategy, patient: &Patient<'_>, reach: &Reach, limit: Duration) -> Acted {
    match strategy {
        Strategy::ServiceRestart => service_restart::apply(patient, reach, limit),
        Strategy::PortConflict => port_conflict::apply(patient, reach, limit),
        Strategy::ConfigValidation => config_validation::apply(patient, reach, limit),
    }
}
