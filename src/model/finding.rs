//! What a look at the checker's own installation found. Values only: who looks and who judges is elsewhere.

use serde::Serialize;

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It does not work.
    Critical,
    /// It works, and will not always.
    Warning,
    /// It could not be found out.
    Unknown,
    /// As it should be.
    Ok,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about, in a word or a name: `config`, `channel slack`.
    pub about: String,
    /// See [`Standing`].
    pub status: Standing,
    /// What was seen or is wrong, in one sentence.
    pub said: String,
    /// Something to type or to write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Finding {
    /// One of this standing.
    pub fn new(about: impl Into<String>, status: Standing, said: impl Into<String>) -> Self {
        Self { about: about.into(), status, said: said.into(), hint: None }
    }

    /// As it should be.
    pub fn ok(about: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(about, Standing::Ok, said)
    }

    /// It works, and will not always.
    pub fn warning(about: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(about, Standing::Warning, said)
    }

    /// It does not work.
    pub fn critical(about: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(about, Standing::Critical, said)
    }

    /// It could not be found out.
    pub fn unknown(about: impl Into<String>, said: impl Into<String>) -> Self {
        Self::new(about, Standing::Unknown, said)
    }

    /// With what can be done about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
