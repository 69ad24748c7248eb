//! The limits of a number that a probe measures: a range that it should be in (`warn`), one that it must be in
//! (`crit`), and how far it has to come back before that is believed (`clear_below`, `clear_above`). Any kind
//! that measures something reads and applies them here; measures nothing itself.

use serde_json::Value as Json;

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::node::Value;
use crate::model::range::Range;
use crate::model::trail::Before;
use crate::probe::Answer;

/// The keys of one number's limits.
pub(super) struct Keys {
    pub(super) warn: &'static str,
    pub(super) crit: &'static str,
    pub(super) clear_below: &'static str,
    pub(super) clear_above: &'static str,
}

/// Those of a kind's main number.
pub(super) const MAIN: Keys =
    Keys { warn: "warn", crit: "crit", clear_below: "clear_below", clear_above: "clear_above" };

/// The keys of a number of that name beside the main one: `memory` (what it must be), `memory_warn`,
/// `memory_clear_below`, `memory_clear_above`.
macro_rules! keys {
    ($name:literal) => {
        $crate::probe::limits::Keys {
            warn: concat!($name, "_warn"),
            crit: $name,
            clear_below: concat!($name, "_clear_below"),
            clear_above: concat!($name, "_clear_above"),
        }
    };
}
pub(super) use keys;

/// What one number is held to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limits {
    unit: Unit,
    warn: Option<Range>,
    crit: Option<Range>,
    clear: Option<Clear>,
}

/// Where it is well again after it was not.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Clear {
    Below(f64),
    Above(f64),
}

impl Limits {
    /// None at all.
    pub(super) fn none(unit: Unit) -> Self {
        Self { unit, warn: None, crit: None, clear: None }
    }

    /// These, read elsewhere.
    pub(super) fn of(
        unit: Unit,
        warn: Option<Range>,
        crit: Option<Range>,
        clear_above: Option<f64>,
    ) -> Self {
        Self { unit, warn, crit, clear: clear_above.map(Clear::Above) }
    }

    /// Reads them by their keys. A bare number is, as monitoring plugins have it, from 0 to it.
    pub(super) fn read(keys: &Keys, unit: Unit, fields: &mut Fields<'_>) -> Self {
        Self::read_by(keys, unit, range, fields)
    }

    /// The same of a number that only has too little: a bare number is the least.
    pub(super) fn read_least(keys: &Keys, unit: Unit, fields: &mut Fields<'_>) -> Self {
        Self::read_by(keys, unit, least, fields)
    }

    fn read_by(
        keys: &Keys,
        unit: Unit,
        range: fn(&'static str, Unit, &mut Fields<'_>) -> Option<Range>,
        fields: &mut Fields<'_>,
    ) -> Self {
        let warn = range(keys.warn, unit, fields);
        let crit = range(keys.crit, unit, fields);
        let place = fields.place_of(keys.clear_above);
        let below = mark(keys.clear_below, unit, fields).map(Clear::Below);
        let above = mark(keys.clear_above, unit, fields).map(Clear::Above);
        if below.is_some() && above.is_some() {
            let (a, b) = (keys.clear_below, keys.clear_above);
            fields.wrong(&place, format!("there is `{a}` and `{b}`: it can be but one"), None);
        }
        Self { unit, warn, crit, clear: below.or(above) }
    }

    /// With this as what it must be, unless something was asked of it.
    #[must_use]
    pub(super) fn or_crit(mut self, range: Range) -> Self {
        if !self.any() {
            self.crit = Some(range);
        }
        self
    }

    /// With this as what it should be, unless something was asked of it.
    #[must_use]
    pub(super) fn or_warn(mut self, range: Range) -> Self {
        if !self.any() {
            self.warn = Some(range);
        }
        self
    }

    /// With this as what it must be, unless there is a `crit` already.
    #[must_use]
    pub(super) fn with_crit(mut self, range: Option<Range>) -> Self {
        self.crit = self.crit.or(range);
        self
    }

    /// Whether anything is asked.
    pub(super) fn any(&self) -> bool {
        self.warn.is_some() || self.crit.is_some()
    }

    /// Whether it must not be `value`.
    pub(super) fn fails(&self, value: f64) -> bool {
        self.crit.is_some_and(|range| !range.holds(value))
    }

    /// Holds a number to them. `said` is the number in words, which a reason begins with: `load 9.00`.
    pub(super) fn hold(&self, answer: Answer, number: Measure, said: &str, at: &Before) -> Answer {
        let Some(value) = number.value else { return answer.measuring(number) };
        let name = format!("level.{}", number.label);
        let answer = answer.measuring(Measure {
            warn: self.warn.map(|range| range.text()),
            crit: self.crit.map(|range| range.text()),
            ..number
        });
        let breach = |range: &Option<Range>| range.and_then(|range| range.breach(value));
        let was = at.get(&name).and_then(Json::as_str).unwrap_or_default();
        let (level, why) = match (breach(&self.crit), breach(&self.warn), self.not_clear(value)) {
            (Some(why), ..) => ("crit", why),
            (None, _, Some(why)) if was == "crit" => ("crit", why),
            (None, Some(why), _) => ("warn", why),
            (None, None, Some(why)) if was == "warn" => ("warn", why),
            _ => ("", String::new()),
        };
        let answer = match level {
            "crit" => answer.failing(format!("{said}, {why}")),
            "warn" => answer.warning(format!("{said}, {why}")),
            _ => answer,
        };
        if self.clear.is_some() { answer.leaving(&name, level.into()) } else { answer }
    }

    /// Why it does not count as well again yet.
    fn not_clear(&self, value: f64) -> Option<String> {
        match self.clear? {
            Clear::Below(mark) if value >= mark => {
                Some(format!("not below {} again yet", self.unit.shown(mark)))
            }
            Clear::Above(mark) if value <= mark => {
                Some(format!("not above {} again yet", self.unit.shown(mark)))
            }
            _ => None,
        }
    }
}

/// A range or a comparison, or a bare number.
pub(super) fn range(key: &'static str, unit: Unit, fields: &mut Fields<'_>) -> Option<Range> {
    read(
        key,
        "a range such as `10`, `10:` or `@10:20`, or a comparison such as `> 10`",
        fields,
        |t| Range::parse(t, unit),
    )
}

/// A range or a comparison, or a bare number, which is the least.
pub(super) fn least(key: &'static str, unit: Unit, fields: &mut Fields<'_>) -> Option<Range> {
    let expected = "the least, such as `10`, or a range or comparison, such as `> 10`";
    read(key, expected, fields, |text| match Range::number(text, unit) {
        Ok(least) => Ok(Range::at_least(least, unit)),
        Err(_) => Range::parse(text, unit),
    })
}

fn mark(key: &'static str, unit: Unit, fields: &mut Fields<'_>) -> Option<f64> {
    read(key, "a number in its unit", fields, |text| Range::number(text, unit))
}

/// What `parse` makes of `key`, a number or a string; its error is told with the key.
pub(super) fn read<T>(
    key: &'static str,
    expected: &str,
    fields: &mut Fields<'_>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    if !fields.has(key) {
        fields.node(key);
        return None;
    }
    let place = fields.place_of(key);
    let text = fields.read(key, expected, |value| match value {
        Value::Int(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Text(text) | Value::Word(text) => Some(text.clone()),
        _ => None,
    })?;
    let parsed = parse(&text);
    parsed.map_err(|why| fields.wrong(&place, format!("`{key}`: {why}"), None)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trail::Trail;
    use std::sync::Arc;

    fn limits(warn: &str, crit: &str, clear: Option<Clear>) -> Limits {
        let range = |text: &str| Range::parse(text, Unit::Percent).ok();
        Limits { unit: Unit::Percent, warn: range(warn), crit: range(crit), clear }
    }

    /// The words of one look after another, each finding what the one before left.
    fn looks(limits: &Limits, values: &[f64]) -> Vec<String> {
        let mut trail = Arc::new(Trail::new());
        let look = |value: &f64| {
            let number = Measure::new("use", *value, Unit::Percent);
            let said = format!("use {value}%");
            let answer = limits.hold(Answer::up(""), number, &said, &Before::Kept(trail.clone()));
            if let Some(left) = answer.trail {
                trail = Arc::new(left);
            }
            match (answer.verdict.is_up(), answer.warning) {
                (true, None) => "up".to_owned(),
                (true, Some(why)) => format!("degraded: {why}"),
                (false, _) => format!("down: {}", answer.verdict.reason()),
            }
        };
        values.iter().map(look).collect()
    }

    #[test]
    fn warn_degrades_and_crit_is_down() {
        assert_eq!(
            looks(&limits("~:80", "~:90", None), &[80.0, 81.0, 91.0, 85.0, 10.0]),
            [
                "up",
                "degraded: use 81%, more than 80%",
                "down: use 91%, more than 90%",
                "degraded: use 85%, more than 80%",
                "up"
            ]
        );
    }

    #[test]
    fn with_a_clear_mark_it_stays_as_bad_until_the_mark_is_passed() {
        assert_eq!(
            looks(
                &limits("~:80", "~:90", Some(Clear::Below(70.0))),
                &[75.0, 91.0, 75.0, 70.0, 69.0, 81.0, 75.0, 69.0]
            ),
            [
                "up",
                "down: use 91%, more than 90%",
                "down: use 75%, not below 70% again yet",
                "down: use 70%, not below 70% again yet",
                "up",
                "degraded: use 81%, more than 80%",
                "degraded: use 75%, not below 70% again yet",
                "up"
            ]
        );
        assert_eq!(
            looks(&limits("", "10:", Some(Clear::Above(20.0))), &[9.0, 15.0, 21.0, 15.0]),
            ["down: use 9%, less than 10%", "down: use 15%, not above 20% again yet", "up", "up"]
        );
    }

    #[test]
    fn what_was_held_to_stands_with_the_measure() {
        let number = Measure::new("use", 5.0, Unit::Percent);
        let answer =
            limits("80", "@~:2", None).hold(Answer::up(""), number, "use 5%", &Before::Nowhere);
        let seen = &answer.measures[0];
        assert_eq!((seen.warn.as_deref(), seen.crit.as_deref()), (Some("80"), Some("@~:2")));
        assert_eq!(answer.trail, None, "nothing is left where nothing is asked back");
    }
}
