//! How often something was restarted since the last look, counted over the counter of whoever restarts it. Asks nobody;
//! the same for units and containers.

use serde_json::Value;

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::trail::Before;
use crate::probe::Answer;
use crate::probe::limits::{Limits, keys};

/// Limits of it.
#[derive(Debug, Clone)]
pub(super) struct Restarts(Limits);

impl Restarts {
    /// Key: `restarts`, with limits.
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        Self(Limits::read(&keys!("restarts"), Unit::Plain, fields))
    }

    /// Counted, and held to nothing.
    pub(super) fn any() -> Self {
        Self(Limits::none(Unit::Plain))
    }

    /// What became of `name` since the last look, if it is up now: `instance` is another text for every start, `counted`
    /// its keeper's own counter. That begins anew when a person restarts it; then another instance is one restart at least.
    pub(super) fn since_last(
        &self,
        answer: Answer,
        name: &str,
        instance: &str,
        counted: u32,
        before: &Before,
    ) -> Answer {
        if !answer.verdict.is_up() {
            return answer;
        }
        let now = answer.leaving("instance", instance.into()).leaving("restarts", counted.into());
        let Some(last) = before.get("instance").and_then(Value::as_str) else { return now };
        let counter = before.get("restarts").and_then(Value::as_u64).unwrap_or_default();
        let restarts = match u64::from(counted).checked_sub(counter) {
            _ if last == instance => 0,
            Some(more) => more.max(1),
            None => u64::from(counted) + 1,
        };
        let said = format!("restarted {} since the last look", times(restarts));
        let answer = match restarts {
            0 => now,
            _ => Answer { detail: format!("{}; {said}", now.detail), ..now },
        };
        #[expect(clippy::cast_precision_loss, reason = "the counter has 32 bits")]
        let number = Measure::new("restarts", restarts as f64, Unit::Plain);
        self.0.hold(answer, number, &format!("`{name}` was {said}"), before)
    }
}

/// `once`, `3 times`.
pub(super) fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
