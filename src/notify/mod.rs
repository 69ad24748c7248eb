//! Ways to reach people. One file a channel: its settings, its sending, what its answers mean.

use crate::model::fields::Fields;
use crate::model::story::Change;

/// A `[[notify]]`.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Names it in the outbox and in `status`: `email`, or its own `name`.
    pub name: String,
    /// Which changes it tells.
    pub on: Vec<Change>,
}

impl Channel {
    /// Reads a `[[notify]]` table.
    pub fn read(mut fields: Fields<'_>) -> Option<Self> {
        let name = fields.word("name").unwrap_or_else(|| "email".into());
        fields.finish();
        Some(Self { name, on: vec![Change::Failed, Change::Resolved] })
    }
}
