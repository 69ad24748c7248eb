//! The time that a look took, held to its limits: `under`, and those of [`MAIN`]. Takes no time itself.

use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::text::human_duration;
use crate::probe::limits::{Limits, MAIN};
use crate::probe::{Answer, At};

/// What the time is held to.
#[derive(Debug, Clone)]
pub(super) struct Took {
    under: Option<Duration>,
    limits: Limits,
}

impl Took {
    /// Keys: `under` (below which it must be), and in seconds those of [`MAIN`].
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let under = fields.duration("under");
        Self { under, limits: Limits::read(&MAIN, Unit::Seconds, fields) }
    }

    /// Whether anything is asked.
    pub(super) fn any(&self) -> bool {
        self.under.is_some() || self.limits.any()
    }

    /// Holds the time that `shown` `took` to do what it `did` (`answered`) to them. It is measured as `time`.
    pub(super) fn hold(
        &self,
        answer: Answer,
        took: Duration,
        did: &str,
        shown: &str,
        at: &At<'_>,
    ) -> Answer {
        let words = human_duration(took);
        let answer = match self.under {
            Some(under) if took >= under => answer.failing(format!(
                "`{shown}`: {did} too slowly: {words}, expected under {}",
                human_duration(under)
            )),
            _ => answer,
        };
        let number = Measure::new("time", took.as_secs_f64(), Unit::Seconds);
        let number = number.between(Some(0.0), None);
        self.limits.hold(answer, number, &format!("`{shown}`: {did} in {words}"), at.before)
    }
}
