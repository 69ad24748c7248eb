//! The service that a remedy is for: everything that is known of it. Values only.

use std::path::{Path, PathBuf};

use crate::manager::Runner;
use crate::model::time::Now;
use crate::model::unit::UnitFacts;

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
    /// The directory of its own known good copies.
    pub known_good: &'a Path,
    /// The units of all other configured services.
    pub managed_units: &'a [String],
    /// The program that it was seen running while it was healthy, if that is remembered.
    pub exe: Option<&'a Path>,
    /// The moment of the run, for names.
    pub now: &'a Now,
}
