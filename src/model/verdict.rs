//! What one look concluded. Never what to do about it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::measure::Measure;
use crate::model::scrub::scrub_in_place;
use crate::model::trail::Trail;

/// What a probe, or all probes of a service together, concluded, once.
///
/// `Unknown`: it could not be found out. Never a ground for healing, and never OK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "reason", rename_all = "lowercase")]
pub enum Verdict {
    /// It works as asked.
    Up,
    /// It does not, and why, in words for a person.
    Down(String),
    /// It could not be found out, and why.
    Unknown(String),
}

impl Verdict {
    /// The word alone: `up`, `down` or `unknown`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down(_) => "down",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Why it is not up; empty when it is.
    pub fn reason(&self) -> &str {
        match self {
            Self::Up => "",
            Self::Down(reason) | Self::Unknown(reason) => reason,
        }
    }

    /// True for [`Verdict::Up`] alone.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }

    /// True for [`Verdict::Down`] alone.
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Down(_))
    }

    /// The same, without what looks like a secret in its reason.
    #[must_use]
    pub fn scrubbed(&self) -> Self {
        let mut clean = self.clone();
        if let Self::Down(reason) | Self::Unknown(reason) = &mut clean {
            scrub_in_place(reason);
        }
        clean
    }

    /// All of them together: one down is down (all reasons named), else one unknown is unknown, else up.
    /// Nothing at all is unknown: not looked is never OK.
    pub fn of_all<'a>(verdicts: impl IntoIterator<Item = &'a Self>) -> Self {
        let (mut seen, mut down, mut unknown) = (false, Vec::new(), Vec::new());
        for verdict in verdicts {
            seen = true;
            match verdict {
                Self::Up => {}
                Self::Down(reason) => down.push(reason.as_str()),
                Self::Unknown(reason) => unknown.push(reason.as_str()),
            }
        }
        // Two probes that say the same say it once.
        let told = |reasons: Vec<&str>| {
            let mut once: Vec<&str> = Vec::new();
            for reason in reasons {
                if !once.contains(&reason) {
                    once.push(reason);
                }
            }
            once.join("; ")
        };
        if !down.is_empty() {
            Self::Down(told(down))
        } else if !unknown.is_empty() {
            Self::Unknown(told(unknown))
        } else if seen {
            Self::Up
        } else {
            Self::Unknown("nothing was looked at".into())
        }
    }
}

/// One probe's answer: the verdict and what was measured on the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The probe, in its short form, secrets left out.
    pub probe: String,
    /// What it concluded.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What was seen, also when up: `200 OK`, `listening: nginx (pid 812)`. One line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Why it is degraded although it is up: a limit that only warns was passed. Never a ground for healing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// What a person can type to see more, or to put it right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The numbers that were measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Measure>,
    /// How long the look took, retries left out.
    #[serde(with = "millis")]
    pub took: Duration,
    /// What it leaves for its next look; kept apart in the state, and never shown.
    #[serde(skip)]
    pub trail: Arc<Trail>,
}

impl Look {
    /// The same, without what looks like a secret in what others wrote into it: to be kept.
    #[must_use]
    pub fn scrubbed(mut self) -> Self {
        self.verdict = self.verdict.scrubbed();
        scrub_in_place(&mut self.detail);
        self.warning.as_mut().map(scrub_in_place);
        self.hint.as_mut().map(scrub_in_place);
        self
    }

    /// One with nothing but a verdict and a detail.
    pub fn new(
        probe: impl Into<String>,
        verdict: Verdict,
        detail: impl Into<String>,
        took: Duration,
    ) -> Self {
        Self {
            probe: probe.into(),
            verdict,
            detail: detail.into(),
            warning: None,
            hint: None,
            measures: Vec::new(),
            took,
            trail: Arc::default(),
        }
    }

    /// `up`, `degraded`, `down` or `unknown`.
    pub fn word(&self) -> &'static str {
        if self.warns().is_some() { "degraded" } else { self.verdict.word() }
    }

    /// Why it is degraded; what is not up is worse than that.
    pub fn warns(&self) -> Option<&str> {
        self.warning.as_deref().filter(|_| self.verdict.is_up())
    }

    /// Why it is not up, or degraded; empty when all is well.
    pub fn reason(&self) -> &str {
        self.warns().unwrap_or_else(|| self.verdict.reason())
    }
}

/// Durations as whole milliseconds, the unit of every `*_ms` and `took` key in state and output.
pub mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Whole milliseconds.
    pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    /// Whole milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn down_outweighs_unknown_and_unknown_outweighs_up() {
        let (up, down, unknown) =
            (Verdict::Up, Verdict::Down("a".into()), Verdict::Unknown("b".into()));
        for (verdicts, want) in [
            (vec![&up, &up], Verdict::Up),
            (vec![&up, &unknown], Verdict::Unknown("b".into())),
            (vec![&unknown, &down, &up, &down], Verdict::Down("a".into())),
            (vec![], Verdict::Unknown("nothing was looked at".into())),
        ] {
            assert_eq!(Verdict::of_all(verdicts.clone()), want, "{verdicts:?}");
        }
    }
}
