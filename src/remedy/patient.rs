//! The service that a remedy is for: everything that is known of it. Values only.

use std::path::{Path, PathBuf};

use crate::manager::Runner;
use crate::model::time::Now;
use crate::model::unit::UnitFacts;
use crate::remedy::disk_cleanup::Cleanup;

/// What a remedy may know and touch.
#[derive(Debug, Clone, Copy)]
pub struct Patient<'a> {
    /// Its name in the config.
    pub service: &'a str,
    /// Its configured port.
    pub port: Option<u16>,
    /// Who runs it.
    pub runner: Option<&'a Runner>,
    /// What its manager said in this run.
    pub facts: Option<&'a UnitFacts>,
    /// Its configured `config_files`.
    pub config_files: &'a [PathBuf],
    /// Its configured `validate` command.
    pub validate: Option<&'a [String]>,
    /// Its configured `may_kill`: programs that may be ended when they hold its port.
    pub may_kill: &'a [PathBuf],
    /// Its configured `disk_cleanup`.
    pub cleanup: Option<&'a Cleanup>,
    /// Its configured `heal_command`.
    pub heal_command: Option<&'a [String]>,
    /// The directory of its own known good copies.
    pub known_good: &'a Path,
    /// The units of all other configured services.
    pub managed_units: &'a [String],
    /// The program that it was seen running while it was healthy, if that is remembered.
    pub exe: Option<&'a Path>,
    /// The moment of the run, for names.
    pub now: &'a Now,
}

/// A patient about whom nothing is configured.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Hands one to `act`.
    pub(crate) fn with<T>(act: impl FnOnce(&Patient<'_>) -> T) -> T {
        let now = crate::sys::clock::now();
        act(&Patient {
            service: "app",
            port: None,
            runner: None,
            facts: None,
            config_files: &[],
            validate: None,
            may_kill: &[],
            cleanup: None,
            heal_command: None,
            known_good: Path::new("/nonexistent"),
            managed_units: &[],
            exe: None,
            now: &now,
        })
    }
}
