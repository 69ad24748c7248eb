//! Ranges of numbers as monitoring plugins write them (the Monitoring Plugins Development Guidelines, "Threshold
//! and Ranges"), and plain comparisons. A range says what is well: `10` is 0 to 10, `10:` at least 10, `~:10` at
//! most 10, `10:20` from 10 to 20, `@10:20` anything but. A comparison says what is not: `> 90%`, `<= 5`,
//! `!= 3`. Knows numbers and their units; measures nothing.

use crate::model::measure::{Unit, short};
use crate::model::units::{parse_duration, parse_size};

/// What a number may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Inclusive; minus infinity when there is no lower end.
    from: f64,
    /// Inclusive; infinity when there is no upper end.
    to: f64,
    /// Well is what lies outside.
    outside: bool,
    unit: Unit,
}

impl Range {
    /// At least `from`.
    pub fn at_least(from: f64, unit: Unit) -> Self {
        Self { from, to: f64::INFINITY, outside: false, unit }
    }

    /// At most `to`.
    pub fn at_most(to: f64, unit: Unit) -> Self {
        Self { from: f64::NEG_INFINITY, to, outside: false, unit }
    }

    /// Reads a range or a comparison; the error says what is wrong with it.
    pub fn parse(text: &str, unit: Unit) -> Result<Self, String> {
        let whole = text.trim();
        let number = |part: &str| number(part.trim(), unit).map_err(|why| format!("`{text}`{why}"));
        let (least, most) = (f64::NEG_INFINITY, f64::INFINITY);
        let range = |from, to, outside| Ok(Self { from, to, outside, unit });
        // The longer signs first: `<=` begins with `<`.
        for sign in ["<=", ">=", "==", "!=", "<", ">"] {
            let Some(rest) = whole.strip_prefix(sign) else { continue };
            let limit = number(rest)?;
            return match sign {
                "<=" => range(least, limit, true),
                ">=" => range(limit, most, true),
                "==" => range(limit, limit, true),
                "!=" => range(limit, limit, false),
                "<" => range(limit, most, false),
                _ => range(least, limit, false),
            };
        }
        let (outside, plain) = match whole.strip_prefix('@') {
            Some(plain) => (true, plain),
            None => (false, whole),
        };
        let (from, to) = match plain.split_once(':') {
            None => (0.0, number(plain)?),
            Some((from, to)) => (
                match from.trim() {
                    "~" => least,
                    "" => 0.0,
                    from => number(from)?,
                },
                if to.trim().is_empty() { most } else { number(to)? },
            ),
        };
        if from > to && !plain.contains(':') {
            let limit = exact(to);
            return Err(format!(
                "`{text}` is from 0 to {limit}, which nothing is; write `~:{limit}` for at most {limit}"
            ));
        }
        if from > to {
            return Err(format!("`{text}` begins after its end"));
        }
        range(from, to, outside)
    }

    /// One number in its unit: `90%`, `500M`, `800ms`, `14d`; the unit may be left out.
    pub fn number(text: &str, unit: Unit) -> Result<f64, String> {
        number(text.trim(), unit).map_err(|why| format!("`{text}`{why}"))
    }

    /// Whether `value` is as it should be.
    pub fn holds(&self, value: f64) -> bool {
        (self.from <= value && value <= self.to) != self.outside
    }

    /// One number only, as it was written.
    #[expect(clippy::float_cmp, reason = "both ends were read from the same words or were not")]
    fn exact(&self) -> bool {
        self.from == self.to
    }

    /// What is wrong with `value`, to follow it: `less than 10%`, `more than 5`. None when nothing is.
    pub fn breach(&self, value: f64) -> Option<String> {
        if self.holds(value) {
            return None;
        }
        let shown = |value| self.unit.shown(value);
        Some(match (self.outside, self.from, self.to) {
            (false, from, _) if self.exact() && from != 0.0 => format!("not {}", shown(self.from)),
            (false, from, _) if value < from => format!("less than {}", shown(from)),
            (false, _, to) => format!("more than {}", shown(to)),
            (true, f64::NEG_INFINITY, to) => format!("not more than {}", shown(to)),
            (true, from, f64::INFINITY) => format!("not less than {}", shown(from)),
            (true, ..) if self.exact() => "which it must not be".to_owned(),
            (true, from, to) => format!("between {} and {}", shown(from), shown(to)),
        })
    }

    /// What a number is to be: `at least 1`, `at most 90%`, `exactly 2`, `2 to 4`.
    pub fn words(&self) -> String {
        let shown = |value| self.unit.shown(value);
        let words = match (self.from, self.to) {
            (from, f64::INFINITY) => format!("at least {}", shown(from)),
            (from, _) if self.exact() => format!("exactly {}", shown(from)),
            (f64::NEG_INFINITY | 0.0, to) => format!("at most {}", shown(to)),
            (from, to) => format!("{} to {}", shown(from), shown(to)),
        };
        if self.outside { format!("not {words}") } else { words }
    }

    /// As the guidelines write it, in plain numbers of the unit: `10:`, `~:5`, `@10:20`.
    pub fn text(&self) -> String {
        let from = match self.from {
            f64::NEG_INFINITY => "~:".to_owned(),
            0.0 if self.to.is_finite() => String::new(),
            from => format!("{}:", exact(from)),
        };
        let to = if self.to.is_finite() { exact(self.to) } else { String::new() };
        format!("{}{from}{to}", if self.outside { "@" } else { "" })
    }
}

/// A number without loss: a threshold in performance data must be the one that was judged by.
fn exact(value: f64) -> String {
    let text = short(value);
    if text.parse() == Ok(value) { text } else { value.to_string() }
}

/// A number in its unit: `90%`, `500M`, `800ms`, `14d`; the unit may be left out. The error follows the text.
fn number(text: &str, unit: Unit) -> Result<f64, String> {
    if let Ok(value) = text.parse::<f64>() {
        return if value.is_finite() { Ok(value) } else { Err(" is no number".into()) };
    }
    let (negative, plain) = match text.strip_prefix('-') {
        Some(plain) => (true, plain),
        None => (false, text),
    };
    #[expect(clippy::cast_precision_loss, reason = "no file system has 2^52 bytes to a byte")]
    let value = match unit {
        Unit::Plain | Unit::Counter => None,
        Unit::Percent => plain.strip_suffix('%').and_then(|share| share.trim().parse().ok()),
        Unit::Bytes => parse_size(plain).map(|bytes| bytes as f64),
        Unit::Seconds => parse_duration(plain).ok().map(|time| time.as_secs_f64()),
        Unit::Days => parse_duration(plain).ok().map(|time| time.as_secs_f64() / 86_400.0),
    };
    match value.filter(|value: &f64| value.is_finite()) {
        Some(value) => Ok(if negative { -value } else { value }),
        None => Err(format!(" is no range of {}", example(unit))),
    }
}

fn example(unit: Unit) -> &'static str {
    match unit {
        Unit::Plain | Unit::Counter => "numbers, such as `10`, `10:`, `~:10` or `> 10`",
        Unit::Percent => "percentages, such as `90%`, `10%:` or `> 90%`",
        Unit::Bytes => "sizes, such as `500M`, `1G:` or `> 2G`",
        Unit::Seconds => "times, such as `2s`, `100ms:1s` or `> 800ms`",
        Unit::Days => "days, such as `14:` or `< 14`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_guidelines_own_examples() {
        // (range, what is well, what is not): the table under "Threshold and Ranges".
        for (text, well, not) in [
            ("10", &[0.0, 10.0][..], &[-0.1, 10.1][..]),
            ("10:", &[10.0, 1e9], &[9.9, -5.0]),
            ("~:10", &[10.0, -1e9], &[10.1]),
            ("10:20", &[10.0, 20.0], &[9.9, 20.1]),
            ("@10:20", &[9.9, 20.1], &[10.0, 20.0]),
        ] {
            let range = Range::parse(text, Unit::Plain).unwrap();
            assert!(well.iter().all(|value| range.holds(*value)), "{text}");
            assert!(not.iter().all(|value| !range.holds(*value)), "{text}");
            assert_eq!(range.text(), text);
        }
    }

    #[test]
    fn a_comparison_says_what_is_wrong() {
        for (text, unit, wrong, well, words, range) in [
            ("> 90%", Unit::Percent, 90.1, 90.0, "more than 90%", "~:90"),
            (">=90%", Unit::Percent, 90.0, 89.9, "not less than 90%", "@90:"),
            ("< 10", Unit::Plain, 9.9, 10.0, "less than 10", "10:"),
            ("<= 10", Unit::Plain, 10.0, 10.1, "not more than 10", "@~:10"),
            ("== 3", Unit::Plain, 3.0, 4.0, "which it must not be", "@3:3"),
            ("!= 3", Unit::Plain, 4.0, 3.0, "not 3", "3:3"),
            ("> 2G", Unit::Bytes, 3e9, 1e9, "more than 2.0 GiB", "~:2147483648"),
            ("> 800ms", Unit::Seconds, 1.0, 0.8, "more than 800ms", "~:0.8"),
            ("< 2w", Unit::Days, 13.0, 14.0, "less than 14 days", "14:"),
        ] {
            let parsed = Range::parse(text, unit).unwrap();
            assert_eq!(parsed.breach(wrong).as_deref(), Some(words), "{text}");
            assert_eq!(parsed.breach(well), None, "{text}");
            assert_eq!(parsed.text(), range, "{text}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused_with_examples() {
        for (text, unit, want) in [
            ("x:", Unit::Plain, "`x:` is no range of numbers, such as"),
            ("", Unit::Plain, "`` is no range of numbers"),
            ("-1", Unit::Plain, "`-1` is from 0 to -1, which nothing is; write `~:-1` for at"),
            ("4:2", Unit::Plain, "`4:2` begins after its end"),
            ("> lots", Unit::Bytes, "`> lots` is no range of sizes"),
            ("5 apples", Unit::Percent, "`5 apples` is no range of percentages"),
            ("inf", Unit::Plain, "`inf` is no number"),
            ("2 fortnights", Unit::Seconds, "`2 fortnights` is no range of times"),
        ] {
            let err = Range::parse(text, unit).unwrap_err();
            assert!(err.starts_with(want), "{text}: {err}");
        }
    }

    #[test]
    fn words_say_what_is_expected() {
        for (text, words) in [
            ("1:", "at least 1"),
            ("2:2", "exactly 2"),
            ("~:5", "at most 5"),
            ("5", "at most 5"),
            ("2:4", "2 to 4"),
            ("@2:4", "not 2 to 4"),
        ] {
            assert_eq!(Range::parse(text, Unit::Plain).unwrap().words(), words, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_range_written_out_is_the_same_range(from in -1e6..1e6f64, more in 0.0..1e6f64, outside: bool) {
            let range = Range { from, to: from + more, outside, unit: Unit::Plain };
            prop_assert_eq!(Range::parse(&range.text(), Unit::Plain), Ok(range));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            for unit in [Unit::Plain, Unit::Percent, Unit::Bytes, Unit::Seconds, Unit::Days] {
                if let Ok(range) = Range::parse(&text, unit) {
                    prop_assert_eq!(range.holds(1.0), range.breach(1.0).is_none());
                }
            }
        }
    }
}
