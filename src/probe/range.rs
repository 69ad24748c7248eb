//! Ranges as monitoring plugins write them (the Monitoring Plugins Development Guidelines, "Threshold and
//! Ranges"): `1:` at least 1, `~:5` at most 5, `2:4` from 2 to 4, `@2:4` anything but. A bare number means
//! "from 0 to it" there and "exactly" to most people, so it is refused with both spelled out.

/// What a number may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    from: u64,
    to: u64,
    outside: bool,
}

impl Range {
    /// `1:`.
    pub(super) fn at_least_one() -> Self {
        Self { from: 1, to: u64::MAX, outside: false }
    }

    /// Reads one; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (outside, plain) = match text.strip_prefix('@') {
            Some(plain) => (true, plain),
            None => (false, text),
        };
        let number =
            |part: &str| part.trim().parse::<u64>().map_err(|_| format!("`{text}` is no range"));
        let Some((from, to)) = plain.split_once(':') else {
            let count = number(plain)?;
            return Err(format!(
                "`{text}` can be read in two ways: write `{count}:{count}` for exactly {count}, or \
                 `0:{count}` for at most {count}"
            ));
        };
        let from = if matches!(from.trim(), "~" | "") { 0 } else { number(from)? };
        let to = if to.trim().is_empty() { u64::MAX } else { number(to)? };
        if from > to {
            return Err(format!("`{text}` begins after its end"));
        }
        Ok(Self { from, to, outside })
    }

    /// Whether `number` is as it should be.
    pub(super) fn holds(&self, number: u64) -> bool {
        (self.from..=self.to).contains(&number) != self.outside
    }

    /// `at least 1`, for messages.
    pub(super) fn words(&self) -> String {
        let words = match (self.from, self.to) {
            (from, u64::MAX) => format!("at least {from}"),
            (from, to) if from == to => format!("exactly {from}"),
            (0, to) => format!("at most {to}"),
            (from, to) => format!("{from} to {to}"),
        };
        if self.outside { format!("not {words}") } else { words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_say() {
        for (text, words, inside, outside) in [
            ("1:", "at least 1", 1, 0),
            ("~:5", "at most 5", 5, 6),
            ("0:5", "at most 5", 0, 6),
            ("2:4", "2 to 4", 4, 5),
            ("3:3", "exactly 3", 3, 2),
            ("@0:1", "not at most 1", 2, 1),
        ] {
            let range = Range::parse(text).unwrap();
            assert_eq!(range.words(), words, "{text}");
            assert!(range.holds(inside) && !range.holds(outside), "{text}");
        }
    }

    #[test]
    fn a_bare_number_and_nonsense_are_refused_with_words() {
        let err = Range::parse("2").unwrap_err();
        assert!(err.contains("`2:2` for exactly 2") && err.contains("`0:2`"), "{err}");
        assert_eq!(Range::parse("x:").unwrap_err(), "`x:` is no range");
        assert_eq!(Range::parse("4:2").unwrap_err(), "`4:2` begins after its end");
    }
}
