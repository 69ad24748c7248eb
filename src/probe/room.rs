//! The limits of what is left of something: each a share (`10%`) or an amount (`2G`), by the form in which it is
//! written. What is left can only be too little, so that a bare one is the least that must be left, as `free` is.

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::node::Value;
use crate::model::range::Range;
use crate::model::trail::Before;
use crate::model::units::{parse_percent, parse_size};
use crate::probe::Answer;
use crate::probe::limits::{self, Limits};

/// What must be left.
#[derive(Debug, Clone)]
pub(super) struct Room {
    share: Limits,
    amount: Limits,
    unit: Unit,
}

/// How much is left of how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) free: u64,
    pub(super) total: u64,
}

/// One limit, and whether it is a share.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Form<T> {
    share: bool,
    it: T,
}

impl<T> Form<T> {
    fn of(self, share: bool) -> Option<T> {
        (self.share == share).then_some(self.it)
    }
}

impl Room {
    /// Keys: `free` (the least that must be left), `warn`, `crit`, `clear_above`. With none of the first three, a
    /// share of `least` must be left. Amounts are in `unit`: bytes or plain.
    pub(super) fn read(unit: Unit, least: f64, fields: &mut Fields<'_>) -> Self {
        let place = fields.place_of("free");
        let free = free(unit, fields);
        let range = |key, fields: &mut Fields<'_>| {
            limits::read(key, "a share such as `10%` or a range of them", fields, |text| {
                form(text, unit, |text, unit| {
                    // With a sign of its own it is read as everywhere else.
                    if text.contains([':', '<', '>', '=', '@']) {
                        return Range::parse(text, unit);
                    }
                    Range::number(text, unit).map(|least| Range::at_least(least, unit))
                })
            })
        };
        let (warn, crit) = (range("warn", fields), range("crit", fields));
        if free.is_some() && crit.is_some() {
            fields.wrong(&place, "`free` is a `crit`: there can be but one of them".into(), None);
        }
        let crit = crit.or(free);
        let crit = match (&warn, crit) {
            (None, None) => {
                let it = Range::at_least(least, Unit::Percent);
                Some(Form { share: true, it })
            }
            (_, crit) => crit,
        };
        let place = fields.place_of("clear_above");
        let clear = limits::read("clear_above", "a share such as `10%`", fields, |text| {
            form(text, unit, Range::number)
        });
        let has = |share| [warn, crit].iter().flatten().any(|limit| limit.share == share);
        if let Some(clear) = clear
            && !has(clear.share)
        {
            let (is, are) =
                if clear.share { ("a share", "amounts") } else { ("an amount", "shares") };
            let text = format!("`clear_above` is {is}, and the limits are {are}");
            fields.wrong(&place, text, None);
        }
        let limits = |unit, share| {
            let of = |limit: Option<Form<Range>>| limit.and_then(|limit| limit.of(share));
            Limits::of(unit, of(warn), of(crit), clear.and_then(|clear| clear.of(share)))
        };
        Self { share: limits(Unit::Percent, true), amount: limits(unit, false), unit }
    }

    /// Holds what is `left` to them. It is measured as `label`, its share as `LABEL_share`; `said` is both in words,
    /// which a reason begins with.
    pub(super) fn hold(
        &self,
        answer: Answer,
        label: &str,
        left: Left,
        said: &str,
        before: &Before,
    ) -> Answer {
        #[expect(clippy::cast_precision_loss, reason = "no file system has 2^52 bytes to a byte")]
        let (free, total) = (left.free as f64, left.total as f64);
        let amount = Measure::new(label, free, self.unit).between(Some(0.0), Some(total));
        let share = Measure::new(format!("{label}_share"), left.share(), Unit::Percent)
            .between(Some(0.0), Some(100.0));
        let answer = self.amount.hold(answer, amount, said, before);
        self.share.hold(answer, share, said, before)
    }
}

impl Left {
    /// From 0 to 100.
    pub(super) fn share(self) -> f64 {
        percent(self.free, self.total)
    }
}

/// `part` of `whole` as 0 to 100; nothing of nothing is all of it, so that an empty kind of file system (`/proc`)
/// is never full.
pub(super) fn percent(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let share = part as f64 * 100.0 / whole as f64;
    if whole == 0 { 100.0 } else { share }
}

/// The key `free`, which needs no sign: a bare number is an amount.
fn free(unit: Unit, fields: &mut Fields<'_>) -> Option<Form<Range>> {
    let amount = if unit == Unit::Bytes { "a size such as `2G`" } else { "a number" };
    #[expect(clippy::cast_precision_loss, reason = "no file system has 2^52 bytes to a byte")]
    let least = |amount: u64| Form { share: false, it: Range::at_least(amount as f64, unit) };
    let parse = |text: &str| match parse_percent(text) {
        Some(share) => Some(Form { share: true, it: Range::at_least(share, Unit::Percent) }),
        None if unit == Unit::Bytes => parse_size(text).map(least),
        None => text.parse().ok().map(least),
    };
    fields.read("free", &format!("a share such as `10%` or {amount}"), |value| match value {
        Value::Int(number) => u64::try_from(*number).ok().map(least),
        Value::Text(text) | Value::Word(text) => parse(text),
        _ => None,
    })
}

/// Reads `text` as a share where it has a `%`, else as an amount.
fn form<T>(
    text: &str,
    unit: Unit,
    parse: impl FnOnce(&str, Unit) -> Result<T, String>,
) -> Result<Form<T>, String> {
    let text = text.trim();
    let share = text.contains('%');
    if !share && text.parse::<f64>().is_ok_and(|number| number <= 100.0) {
        let other = if unit == Unit::Bytes { format!("`{text}M`") } else { format!("`{text}:`") };
        return Err(format!(
            "`{text}` can be read in two ways: write `{text}%` for a share, or an amount such as \
             {other}"
        ));
    }
    let it = parse(text, if share { Unit::Percent } else { unit })?;
    Ok(Form { share, it })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::trail::Trail;
    use crate::probe::Kind;
    use crate::probe::tests::{probe, problem};
    use std::sync::Arc;

    const GIB: u64 = 1 << 30;

    fn disk(keys: &str, free: u64, before: &Before) -> Answer {
        let Kind::Disk(disk) = probe(&format!("disk:/x?{keys}")).kind else { unreachable!() };
        disk.room().hold(Answer::up(""), "/x", Left { free, total: 100 * GIB }, "it", before)
    }

    #[test]
    fn each_limit_is_a_share_or_an_amount_by_its_form() {
        for (keys, free, warning, reason) in [
            ("", 10 * GIB, "", ""),
            ("", 9 * GIB, "", "it, less than 10%"),
            ("free=5%", 9 * GIB, "", ""),
            ("free=9G", 9 * GIB, "", ""),
            ("free=10G", 9 * GIB, "", "it, less than 10.0 GiB"),
            ("warn=20%", 9 * GIB, "it, less than 20%", ""),
            ("warn=20%&crit=5G", 19 * GIB, "it, less than 20%", ""),
            ("warn=20%&crit=5G", 4 * GIB, "it, less than 20%", "it, less than 5.0 GiB"),
            ("warn=20G&crit=5%", 4 * GIB, "it, less than 20.0 GiB", "it, less than 5%"),
            ("warn=20%&crit=10%", 9 * GIB, "", "it, less than 10%"),
            ("warn=20%&free=10%", 9 * GIB, "", "it, less than 10%"),
            ("crit=10%:", 9 * GIB, "", "it, less than 10%"),
            ("crit=< 10%", 9 * GIB, "", "it, less than 10%"),
            ("crit=< 10G", 9 * GIB, "", "it, less than 10.0 GiB"),
            ("warn=~:50%", 60 * GIB, "it, more than 50%", ""),
        ] {
            let answer = disk(keys, free, &Before::Nowhere);
            let seen = (answer.warning.as_deref().unwrap_or_default(), answer.verdict.reason());
            assert_eq!(seen, (warning, reason), "{keys} {free}");
        }
    }

    #[test]
    fn both_numbers_are_measured_each_with_what_it_was_held_to() {
        let answer = disk("warn=20%&crit=5G", 50 * GIB, &Before::Nowhere);
        let [amount, share] = &answer.measures[..] else { panic!("{answer:?}") };
        assert_eq!((amount.label.as_str(), amount.value), ("/x", Some(53_687_091_200.0)));
        assert_eq!((&amount.warn, amount.crit.as_deref()), (&None, Some("5368709120:")));
        assert_eq!((amount.min, amount.max), (Some(0.0), Some(107_374_182_400.0)));
        assert_eq!((share.label.as_str(), share.value), ("/x_share", Some(50.0)));
        assert_eq!((share.warn.as_deref(), &share.crit), (Some("20:"), &None));
    }

    #[test]
    fn what_was_too_little_is_enough_again_above_the_mark() {
        let mut before = Before::Kept(Arc::new(Trail::new()));
        let looks = [9, 15, 21, 15].map(|free| {
            let answer = disk("crit=10%&clear_above=20%", free * GIB, &before);
            before = Before::Kept(Arc::new(answer.trail.clone().unwrap_or_default()));
            answer.verdict.reason().to_owned()
        });
        assert_eq!(looks, ["it, less than 10%", "it, not above 20% again yet", "", ""]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, want) in [
            ("disk:/?warn=20", "`20` can be read in two ways: write `20%` for a share"),
            ("disk:/?free=10%&crit=5%", "`free` is a `crit`"),
            (
                "disk:/?crit=10%&clear_above=2G",
                "`clear_above` is an amount, and the limits are shares",
            ),
            ("disk:/?crit=lots", "`lots` is no range of sizes"),
            ("disk:/?free=lots", "`free` expects a share such as `10%` or a size such as `2G`"),
            ("inodes:/?free=lots", "`free` expects a share such as `10%` or a number"),
            ("memory:?free=101%", "`free` expects a share such as `10%`"),
            ("memory:?clear_below=5%", "has no key `clear_below`"),
        ] {
            let found = problem(text);
            assert!(found.contains(want), "{text}: {found}");
        }
    }
}
