//! What is. One file a kind: its settings, its look, its tests. Looking never changes anything: nothing here
//! can reach a manager's acts, the state or the config.

use std::time::Duration;

use crate::model::fields::Fields;

/// One configured probe.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Its short form, secrets left out: how it is shown everywhere.
    pub text: String,
    /// Bound on one look; the policy's when none.
    pub timeout: Option<Duration>,
}

impl Probe {
    /// Reads the settings of a probe of this `kind` looking at `target` (`tcp`, `localhost:5432`). Mistakes
    /// go into the fields' problems.
    pub fn read(kind: &str, target: &str, mut fields: Fields<'_>) -> Option<Self> {
        let timeout = fields.duration("timeout");
        fields.finish();
        Some(Self { text: format!("{kind}:{target}"), timeout })
    }
}
