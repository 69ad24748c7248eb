//! What a run came to, and its exit status. Decides nothing else.

use std::process::ExitCode;

/// The monitoring-plugins convention for findings (0 to 3), sysexits.h for usage, lock and configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is well; also: it was down and has been healed, proven.
    Ok,
    /// Something that is not critical is down, or something is degraded.
    Warning,
    /// A critical service is down, or what should be fresh is stale.
    Critical,
    /// It could not be found out.
    Unknown,
    /// Wrong usage of the command line.
    Usage,
    /// Another run holds the lock; nothing was done.
    Busy,
    /// The configuration is wrong.
    Config,
    /// The exit status of a wrapped command.
    Job(u8),
}

impl Outcome {
    /// The exit status.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
            Self::Usage => 64,
            Self::Busy => 75,
            Self::Config => 78,
            Self::Job(code) => code,
        }
    }

    /// The worse of two findings: critical, then warning, then unknown, then ok, as the monitoring plugins
    /// have it. A broken configuration outranks them all: a finding may then be about yesterday's services.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        let rank = |outcome: Self| match outcome {
            Self::Ok | Self::Job(_) => 0,
            Self::Unknown => 1,
            Self::Warning => 2,
            Self::Critical => 3,
            Self::Busy => 4,
            Self::Config => 5,
            Self::Usage => 6,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

/// A run that stops early: with which status, why, and what to type.
#[derive(Debug)]
pub struct Refusal {
    /// The exit status.
    pub outcome: Outcome,
    /// What was being done, to what, why it failed: lower case, no full stop.
    pub message: String,
    /// Something to type.
    pub hint: Option<String>,
    /// Nothing is wrong: not worth a word to who asked for quiet.
    pub harmless: bool,
}

impl Refusal {
    /// Without a hint.
    pub fn new(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into(), hint: None, harmless: false }
    }

    /// With what else is to be known about it.
    #[must_use]
    pub fn because(mut self, why: &str) -> Self {
        self.message = format!("{}: {why}", self.message);
        self
    }

    /// With one.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_is_critical_then_warning_then_unknown() {
        use Outcome::{Config, Critical, Ok, Unknown, Warning};
        for (one, other, want) in [
            (Ok, Warning, Warning),
            (Unknown, Warning, Warning),
            (Unknown, Critical, Critical),
            (Critical, Config, Config),
        ] {
            assert_eq!(one.worst(other), want);
            assert_eq!(other.worst(one), want);
        }
    }
}
