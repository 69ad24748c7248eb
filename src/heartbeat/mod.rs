//! Dead man's switches outside the host. One file a service: its settings, its request, what its answer means.

use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::secret::SecretSource;

/// A `[[heartbeat]]`.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    /// Its name, unique.
    pub name: String,
    /// Where to ping: a secret.
    pub url: SecretSource,
    /// How often it expects to be pinged, when told.
    pub period: Option<Duration>,
    /// How much later still counts as alive, when told.
    pub grace: Option<Duration>,
}

impl Heartbeat {
    /// Reads a `[[heartbeat]]` table.
    pub fn read(mut fields: Fields<'_>) -> Option<Self> {
        let name = fields.required("name");
        let url = fields.secret("url", "url_file", "url_env");
        let (period, grace) = (fields.duration("period"), fields.duration("grace"));
        if url.is_none() {
            fields.problem("name", "a heartbeat needs `url_file`, `url_env` or `url`", None);
        }
        fields.finish();
        Some(Self { name, url: url?, period, grace })
    }
}
