//! The looks of probes as JSON shows them: what is remembered of each, and its word. Judges nothing.

use serde::{Serialize, Serializer};

use crate::model::verdict::Look;

#[derive(Serialize)]
struct Told<'a> {
    status: &'static str,
    #[serde(flatten)]
    look: &'a Look,
}

/// Each with its `status`: `up`, `degraded`, `down` or `unknown`.
pub fn with_status<S: Serializer>(looks: &[Look], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(looks.iter().map(|look| Told { status: look.word(), look }))
}
