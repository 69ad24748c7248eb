//! Who runs a service. One file a manager: what to execute, and how its answers read.

use crate::model::fields::Fields;

/// How the config says that a service is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Nothing said: found by the service's name.
    Auto,
}

impl Choice {
    /// Takes a service's `unit`, `scope`, `supervisord`, `start`, `stop`, `restart`, `reload` from its table.
    pub fn read(_fields: &mut Fields<'_>) -> Self {
        Self::Auto
    }
}
