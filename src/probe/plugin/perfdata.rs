//! Performance data as plugins write it, the Monitoring Plugins Development Guidelines, "Performance data":
//! `'label'=value[UOM];[warn];[crit];[min];[max]`, with white space between. What is not that is left out; what
//! is around it is read all the same.

use crate::model::measure::{Measure, Unit};
use crate::model::text::one_line;

/// More numbers than this from one plugin are not kept.
const MOST: usize = 256;

/// All numbers in `text`, in their order; of two with the same label the first.
pub(super) fn read(text: &str) -> Vec<Measure> {
    let (mut found, mut rest) = (Vec::<Measure>::new(), text.trim_start());
    while !rest.is_empty() && found.len() < MOST {
        let item = label(rest);
        let fields = item.as_ref().map_or(rest, |(_, fields)| fields);
        let (fields, after) =
            fields.split_at(fields.find(char::is_whitespace).unwrap_or(fields.len()));
        if let Some(measure) = item.and_then(|(label, _)| measure(&label, fields))
            && found.iter().all(|other| other.label != measure.label)
        {
            found.push(measure);
        }
        rest = after.trim_start();
    }
    found
}

/// The label that `text` begins with, and what follows its `=`.
fn label(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('\'') else {
        let (label, fields) = text.split_once('=')?;
        let plain = !label.contains(|c: char| c.is_whitespace() || c == '\'');
        return plain.then(|| (label.to_owned(), fields));
    };
    let mut label = String::new();
    loop {
        let (part, after) = rest.split_once('\'')?;
        label.push_str(part);
        // A quote in a label is written twice.
        let Some(again) = after.strip_prefix('\'') else {
            return Some((label, after.strip_prefix('=')?));
        };
        label.push('\'');
        rest = again;
    }
}

fn measure(label: &str, fields: &str) -> Option<Measure> {
    let label = one_line(label.trim(), 100);
    let mut fields = fields.trim_end_matches(',').split(';');
    let first = fields.next()?;
    let ends = number_ends(first);
    let (value, symbol) = first.split_at(ends);
    let value = match (value, symbol) {
        ("", "U") => None,
        _ => Some(number(value)?),
    };
    let symbol = if value.is_none() { "" } else { symbol };
    if label.is_empty() || !symbol.chars().all(|c| c.is_alphabetic() || c == '%') {
        return None;
    }
    let (unit, times, parts) = unit(symbol);
    let scaled = |number: f64| number * times / parts;
    let mut range = || fields.next().and_then(|text| range(text, scaled));
    let (warn, crit) = (range(), range());
    let mut bound =
        || fields.next().and_then(number).map(scaled).filter(|number| number.is_finite());
    let (min, max) = (bound(), bound());
    let value = value.map(scaled).filter(|value| value.is_finite());
    Some(Measure { label, value, unit, warn, crit, min, max })
}

/// Where the number that `text` begins with ends, in bytes.
fn number_ends(text: &str) -> usize {
    let not_digit = |c: char| !c.is_ascii_digit();
    let not_number = |c: char| not_digit(c) && !"+-.,".contains(c);
    let ends = text.find(not_number).unwrap_or(text.len());
    let Some(power) = text[ends..].strip_prefix(['e', 'E']) else { return ends };
    let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
    let count = digits.find(not_digit).unwrap_or(digits.len());
    if count == 0 { ends } else { text.len() - digits.len() + count }
}

/// Some plugins write the decimal comma of their locale.
fn number(text: &str) -> Option<f64> {
    if text.is_empty() || number_ends(text) < text.len() {
        return None;
    }
    text.replacen(',', ".", 1).parse().ok()
}

/// A range in our unit; none when it is not one.
fn range(text: &str, scaled: impl Fn(f64) -> f64) -> Option<String> {
    let (inside, plain) = match text.strip_prefix('@') {
        Some(plain) => ("@", plain),
        None => ("", text),
    };
    let end = |text: &str| match text {
        "" | "~" => Some(text.to_owned()),
        text => number(text).map(|number| scaled(number).to_string()),
    };
    match plain.split_once(':') {
        Some((_, "~")) => None,
        Some((from, to)) => Some(format!("{inside}{}:{}", end(from)?, end(to)?)),
        None => Some(format!("{inside}{}", scaled(number(plain)?))),
    }
}

/// Our unit for theirs, and what to multiply with and to divide by. A `KB` is 1024 bytes, as it is for the
/// Monitoring Plugins' own `check_disk` and `check_swap`. An unknown unit is none.
fn unit(symbol: &str) -> (Unit, f64, f64) {
    const STEPS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];
    let (unit, parts) = match symbol {
        "s" => (Unit::Seconds, 1.0),
        "ms" => (Unit::Seconds, 1e3),
        "us" | "µs" | "μs" => (Unit::Seconds, 1e6),
        "ns" => (Unit::Seconds, 1e9),
        "%" => (Unit::Percent, 1.0),
        "c" => (Unit::Counter, 1.0),
        "B" => (Unit::Bytes, 1.0),
        _ => {
            let upper = symbol.to_uppercase();
            let step = upper.strip_suffix("IB").or_else(|| upper.strip_suffix('B'));
            let mut sizes = STEPS.iter().zip(1..);
            return match sizes.find(|(name, _)| Some(**name) == step) {
                Some((_, power)) => (Unit::Bytes, 1024_f64.powi(power), 1.0),
                None => (Unit::Plain, 1.0, 1.0),
            };
        }
    };
    (unit, 1.0, parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Row = (&'static str, Option<f64>, Unit, [Option<&'static str>; 2], [Option<f64>; 2]);

    #[test]
    fn numbers_are_read_in_our_units() {
        const MIB: f64 = 1_048_576.0;
        let rows: [(&str, Row); 14] = [
            ("a=1", ("a", Some(1.0), Unit::Plain, [None; 2], [None; 2])),
            (
                "load1=0.080;5.000;9.000;0;",
                ("load1", Some(0.08), Unit::Plain, [Some("5"), Some("9")], [Some(0.0), None]),
            ),
            (
                "/=2MiB;3;@4:~;0;8",
                (
                    "/",
                    Some(2.0 * MIB),
                    Unit::Bytes,
                    [Some("3145728"), None],
                    [Some(0.0), Some(8.0 * MIB)],
                ),
            ),
            (
                "time=250ms;~:300;@0:35",
                ("time", Some(0.25), Unit::Seconds, [Some("~:0.3"), Some("@0:0.035")], [None; 2]),
            ),
            (
                "t=5us;10:",
                ("t", Some(0.000_005), Unit::Seconds, [Some("0.00001:"), None], [None; 2]),
            ),
            ("x=U;1;2", ("x", None, Unit::Plain, [Some("1"), Some("2")], [None; 2])),
            ("used=12,5%", ("used", Some(12.5), Unit::Percent, [None; 2], [None; 2])),
            ("n=7c", ("n", Some(7.0), Unit::Counter, [None; 2], [None; 2])),
            ("s=3KB", ("s", Some(3072.0), Unit::Bytes, [None; 2], [None; 2])),
            ("s=1TB", ("s", Some(1_099_511_627_776.0), Unit::Bytes, [None; 2], [None; 2])),
            ("e=-1.5e3", ("e", Some(-1500.0), Unit::Plain, [None; 2], [None; 2])),
            ("'it''s = a b'=4", ("it's = a b", Some(4.0), Unit::Plain, [None; 2], [None; 2])),
            ("r=4rpm;junk;5", ("r", Some(4.0), Unit::Plain, [None, Some("5")], [None; 2])),
            ("big=1e999", ("big", None, Unit::Plain, [None; 2], [None; 2])),
        ];
        for (text, (label, value, unit, [warn, crit], [min, max])) in rows {
            let (warn, crit) = (warn.map(String::from), crit.map(String::from));
            let want = Measure { label: label.into(), value, unit, warn, crit, min, max };
            assert_eq!(read(text), [want], "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_left_out_and_what_is_around_it_is_not() {
        for (text, labels) in [
            ("", vec![]),
            ("junk a=1 =2 b= c=x d=2;;; 'e f=3", vec!["a", "d", "f"]),
            ("a=1, b=2", vec!["a", "b"]),
            ("a=1 a=2", vec!["a"]),
            ("'a'b=1 c=1", vec!["c"]),
            ("a=1.2.3 b=--1 c=inf d=nan e=5", vec!["e"]),
        ] {
            let found: Vec<_> = read(text).into_iter().map(|measure| measure.label).collect();
            assert_eq!(found, labels, "{text}");
        }
        let many: Vec<_> = (0..1000).map(|n| format!("l{n}={n}")).collect();
        assert_eq!(read(&many.join(" ")).len(), MOST);
    }

    proptest! {
        #[test]
        fn nothing_is_read_as_something_endless(text in "[a='; |0-9.,eE+~@:UsmB%ä\n-]{0,60}|\\PC{0,40}") {
            for measure in read(&text) {
                prop_assert!(!measure.label.is_empty());
                for number in [measure.value, measure.min, measure.max].into_iter().flatten() {
                    prop_assert!(number.is_finite());
                }
            }
        }

        #[test]
        fn what_was_written_is_read(label in "[a-z/' =]{0,9}[a-z]", value in -1e9..1e9_f64) {
            let label = label.trim();
            let text = format!("junk '{}'={value}%;1:2 x=1", label.replace('\'', "''"));
            let found = read(&text);
            prop_assert_eq!(&found[0].label, label);
            prop_assert_eq!(found[0].value, Some(value));
            prop_assert_eq!(found[0].warn.as_deref(), Some("1:2"));
        }
    }
}
