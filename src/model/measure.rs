//! A number that a probe measured, in the words of the Monitoring Plugins Development Guidelines ("Performance
//! data"): a label, a value, a unit, and the ranges it was held to. Judges nothing.

use serde::{Deserialize, Serialize};

use crate::model::text::{human_duration, human_size};

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Unit {
    /// Nothing in particular: processes, load, lines.
    #[default]
    #[serde(rename = "")]
    Plain,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes.
    #[serde(rename = "B")]
    Bytes,
    /// From 0 to 100, or more where several processors count.
    #[serde(rename = "%")]
    Percent,
    /// A count that only grows.
    #[serde(rename = "c")]
    Counter,
    /// Days; the guidelines have no such unit, so it is written as a plain number.
    #[serde(rename = "d")]
    Days,
}

impl Unit {
    /// As the guidelines write it behind the value.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Plain | Self::Days => "",
            Self::Seconds => "s",
            Self::Bytes => "B",
            Self::Percent => "%",
            Self::Counter => "c",
        }
    }

    /// `value` for a person: `1.5 GiB`, `0.4s`, `12.5%`, `3 days`.
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::Plain | Self::Counter => short(value),
            Self::Percent => format!("{}%", short(value)),
            Self::Days => {
                let days = short(value);
                if days == "1" { "1 day".into() } else { format!("{days} days") }
            }
            Self::Bytes if value >= 0.0 => human_size(whole(value)),
            Self::Bytes => format!("-{}", human_size(whole(-value))),
            Self::Seconds if value.abs() < 1.0 && value != 0.0 => {
                format!("{}ms", short(value * 1000.0))
            }
            Self::Seconds => {
                let sign = if value < 0.0 { "-" } else { "" };
                let duration = std::time::Duration::try_from_secs_f64(value.abs());
                format!("{sign}{}", human_duration(duration.unwrap_or(std::time::Duration::MAX)))
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and a negative number does not come here"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

/// A number with as many decimals as it needs, two at most: `2`, `2.25`, `0.1`.
pub fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// One number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name, unique within the look: `free`, `time`, `/var`.
    pub label: String,
    /// The number; none when it could not be measured (`U` in performance data).
    pub value: Option<f64>,
    /// What it counts.
    #[serde(default, skip_serializing_if = "plain")]
    pub unit: Unit,
    /// The range that it should be in, as the guidelines write ranges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn: Option<String>,
    /// The range that it must be in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crit: Option<String>,
    /// The least that it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The most that it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn plain(unit: &Unit) -> bool {
    *unit == Unit::Plain
}

impl Measure {
    /// One that nothing is asked of.
    pub fn new(label: impl Into<String>, value: f64, unit: Unit) -> Self {
        let value = value.is_finite().then_some(value);
        Self { label: label.into(), value, unit, warn: None, crit: None, min: None, max: None }
    }

    /// With the least and the most that it can be.
    #[must_use]
    pub fn between(mut self, min: Option<f64>, max: Option<f64>) -> Self {
        (self.min, self.max) = (min, max);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_in_their_unit() {
        for (unit, value, want) in [
            (Unit::Plain, 2.0, "2"),
            (Unit::Plain, -0.001, "0"),
            (Unit::Percent, 9.999, "10%"),
            (Unit::Percent, 2.25, "2.25%"),
            (Unit::Bytes, 1536.0, "1.5 KiB"),
            (Unit::Bytes, -10.0, "-10 B"),
            (Unit::Seconds, 0.25, "250ms"),
            (Unit::Seconds, -0.0004, "-0.4ms"),
            (Unit::Seconds, 90.0, "1m 30s"),
            (Unit::Seconds, 0.0, "0s"),
            (Unit::Days, 1.0, "1 day"),
            (Unit::Days, 13.5, "13.5 days"),
        ] {
            assert_eq!(unit.shown(value), want, "{unit:?} {value}");
        }
        assert_eq!(Measure::new("x", f64::NAN, Unit::Plain).value, None);
    }
}
