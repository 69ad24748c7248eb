//! What can be tried. One file a strategy: what it does, when it refuses, its tests. Whether it helped is not
//! theirs to say: the probes do.

mod command;
mod config_validation;
pub mod disk_cleanup;
pub mod known_good;
mod patient;
mod port_conflict;
pub mod reboot;
mod service_reload;
mod service_restart;

use std::time::Duration;

pub use patient::Patient;

pub use crate::model::strategy::Strategy;

use crate::manager::{Acted, Reach};
use crate::sys::exec::shown;

/// Applies one strategy once. Comes back by `limit`, give or take a few seconds. [`Acted::result`] is an error
/// when it was not done: nothing to do it to, no right, or not safe; that costs no budget.
pub fn apply(strategy: Strategy, patient: &Patient<'_>, reach: &Reach, limit: Duration) -> Acted {
    match strategy {
        Strategy::ServiceReload => service_reload::apply(patient, reach, limit),
        Strategy::ServiceRestart => service_restart::apply(patient, reach, limit),
        Strategy::PortConflict => port_conflict::apply(patient, reach, limit),
        Strategy::ConfigValidation => config_validation::apply(patient, reach, limit),
        Strategy::DiskCleanup => disk_cleanup::apply(patient, reach, limit),
        Strategy::Command => command::apply(patient, limit),
        // Its caller has more to do first: to remember it, and to tell of it.
        Strategy::Reboot => reboot::apply(limit),
    }
}

/// What a strategy would do or run into, in words, where there is more to say than its name. Changes nothing.
pub fn foreseen(
    strategy: Strategy,
    patient: &Patient<'_>,
    reach: &Reach,
    limit: Duration,
) -> Option<String> {
    match strategy {
        Strategy::ServiceReload
        | Strategy::ServiceRestart
        | Strategy::ConfigValidation
        | Strategy::Reboot => None,
        Strategy::PortConflict => port_conflict::foreseen(patient, reach, limit),
        Strategy::DiskCleanup => disk_cleanup::foreseen(patient, limit),
        Strategy::Command => patient.heal_command.map(|argv| format!("`{}`", shown(argv))),
    }
}
