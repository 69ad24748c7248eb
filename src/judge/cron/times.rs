//! When a line of a crontab fires: its five fields, or a word such as `@hourly`, and the longest time between two
//! firings. By the calendar alone: no time zone, no clock. Crates for this take more than cron does (`L`, `#`, seconds),
//! and what cron refuses has to be told here.

use std::time::Duration;

use jiff::civil::{Date, date};

/// Field by field: its name, its bounds, the names of its values.
const FIELDS: [(&str, u8, u8, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    (
        "month",
        1,
        12,
        &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    ),
    ("day of the week", 0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];
/// The words that stand for five fields (crontab(5)).
const WORDS: [(&str, &str); 8] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@every_minute", "* * * * *"),
];
/// A day in minutes.
const DAY: u32 = 24 * 60;

/// When a line fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Times {
    /// Once, when cron starts.
    Boot,
    /// By the calendar.
    Calendar(Box<Calendar>),
}

/// Five fields, each as the set of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    sets: [u64; 5],
    /// Days of the month and of the week are both given: then a day that is one of either counts.
    either: bool,
}

impl Times {
    /// Reads five fields or one word; the error is in words that follow "cannot read".
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("@reboot") {
            return Ok(Self::Boot);
        }
        if text.starts_with('@') {
            let word = WORDS.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
            let (_, fields) = word.ok_or_else(|| format!("`{text}` is no time that cron knows"))?;
            return Self::parse(fields);
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = words[..] else {
            return Err(format!("`{text}` has {} of the five fields", words.len()));
        };
        let mut sets = [0; 5];
        for (index, word) in [minute, hour, day, month, weekday].into_iter().enumerate() {
            sets[index] = set(index, word)?;
        }
        // 0 and 7 are both Sunday.
        if sets[4] & (1 << 7) != 0 {
            sets[4] |= 1;
        }
        // By the first character, as cron does it: `*/2` counts as all.
        let either = !day.starts_with('*') && !weekday.starts_with('*');
        Ok(Self::Calendar(Box::new(Calendar { sets, either })))
    }

    /// The longest time between two firings; none when it fires once a boot, or never.
    pub fn longest(&self) -> Option<Duration> {
        let Self::Calendar(calendar) = self else { return None };
        calendar.longest().map(|minutes| Duration::from_secs(u64::from(minutes) * 60))
    }

    /// Whether there is no day on which it fires (30 February).
    pub fn never(&self) -> bool {
        matches!(self, Self::Calendar(calendar) if calendar.longest().is_none())
    }
}

impl Calendar {
    fn has(&self, field: usize, value: i8) -> bool {
        u32::try_from(value).is_ok_and(|value| self.sets[field] & (1 << value) != 0)
    }

    fn on(&self, day: Date) -> bool {
        let of_month = self.has(2, day.day());
        let of_week = self.has(4, day.weekday().to_sunday_zero_offset());
        let day_fits = if self.either { of_month || of_week } else { of_month && of_week };
        day_fits && self.has(3, day.month())
    }

    /// The minutes of a day at which it fires, in order.
    fn minutes(&self) -> Vec<u32> {
        let hours = (0..24).filter(|hour| self.sets[1] & (1 << hour) != 0);
        let minutes = |hour: u32| {
            (0..60).filter(|m| self.sets[0] & (1 << m) != 0).map(move |minute| hour * 60 + minute)
        };
        hours.flat_map(minutes).collect()
    }

    /// In minutes, over 28 years: by then days of the month and of the week have met in every way, and the end joins
    /// the beginning.
    fn longest(&self) -> Option<u32> {
        let minutes = self.minutes();
        let (first, last) = (*minutes.first()?, *minutes.last()?);
        let within = minutes.windows(2).map(|two| two[1] - two[0]).max().unwrap_or(0);
        let (mut earliest, mut before, mut longest) = (None, None, within);
        let mut day = date(2001, 1, 1);
        let mut number = 0;
        while day.year() < 2029 {
            if self.on(day) {
                if let Some(before) = before {
                    longest = longest.max((number - before) * DAY + first - last);
                }
                earliest = earliest.or(Some(number));
                before = Some(number);
            }
            number += 1;
            day = day.tomorrow().ok()?;
        }
        Some(longest.max((number - before? + earliest?) * DAY + first - last))
    }
}

/// A list such as `1,5-9,*/15` as the set of its values.
fn set(field: usize, text: &str) -> Result<u64, String> {
    let (name, low, high, _) = FIELDS[field];
    let wrong = |why: &str| format!("`{text}` is no {name}: {why}");
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let step: u8 = step.parse().map_err(|_| wrong("the step is no number"))?;
                (range, Some(step).filter(|step| *step > 0).ok_or_else(|| wrong("a step of 0"))?)
            }
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((from, to)) => (value(field, from)?, value(field, to)?),
            // Some crons pass over the step of a single value, some go on to the end, some refuse it.
            None if part.contains('/') => {
                return Err(wrong(&format!("a step needs a range: `{range}-{high}/{step}`")));
            }
            None => (value(field, range)?, value(field, range)?),
        };
        if from > to {
            return Err(wrong("the range runs backwards"));
        }
        for value in (from..=to).step_by(usize::from(step)) {
            set |= 1 << value;
        }
    }
    Ok(set)
}

fn value(field: usize, text: &str) -> Result<u8, String> {
    let (name, low, high, names) = FIELDS[field];
    let by_name = names.iter().position(|one| text.eq_ignore_ascii_case(one));
    let found = match by_name {
        Some(index) => u8::try_from(index).ok().map(|index| index + low),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        None => None,
    };
    found
        .filter(|value| (low..=high).contains(value))
        .ok_or_else(|| format!("`{text}` is no {name}: it is a number from {low} to {high}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const OF_DAY: u64 = 24 * HOUR;

    #[test]
    fn the_longest_time_between_two_firings_is_that_of_the_calendar() {
        for (text, want) in [
            ("* * * * *", MINUTE),
            ("*/5 * * * *", 5 * MINUTE),
            // 56 is followed by 0.
            ("*/7 * * * *", 7 * MINUTE),
            ("*/25 * * * *", 25 * MINUTE),
            ("0-58/2 * * * *", 2 * MINUTE),
            ("7 * * * *", HOUR),
            ("0,10,50 * * * *", 40 * MINUTE),
            ("*/5 8-18 * * *", 13 * HOUR + 5 * MINUTE),
            ("30 2 * * *", OF_DAY),
            ("0 9-17 * * mon-fri", 2 * OF_DAY + 16 * HOUR),
            ("23 9 * * 1", 7 * OF_DAY),
            ("0 0 * * 7", 7 * OF_DAY),
            ("0 0 * * Sun", 7 * OF_DAY),
            // A restricted day of either kind counts.
            ("0 0 1 * 1", 7 * OF_DAY),
            ("0 0 1 * *", 31 * OF_DAY),
            ("0 0 31 * *", 61 * OF_DAY),
            ("0 0 29 2 *", 1461 * OF_DAY),
            ("@hourly", HOUR),
            ("@daily", OF_DAY),
            ("@Weekly", 7 * OF_DAY),
            ("@monthly", 31 * OF_DAY),
            ("@annually", 366 * OF_DAY),
        ] {
            let times = Times::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(times.longest(), Some(Duration::from_secs(want)), "{text}");
        }
        let reboot = Times::parse("@reboot").unwrap();
        assert_eq!((reboot.longest(), reboot.never()), (None, false));
        let never = Times::parse("0 0 30 feb *").unwrap();
        assert_eq!((never.longest(), never.never()), (None, true));
    }

    #[test]
    fn what_cron_refuses_is_refused_with_its_field() {
        for (text, want) in [
            ("60 * * * *", "`60` is no minute"),
            ("* 24 * * *", "`24` is no hour"),
            ("* * 0 * *", "`0` is no day of the month"),
            ("* * * 13 *", "`13` is no month"),
            ("* * * * 8", "`8` is no day of the week"),
            ("5/10 * * * *", "a step needs a range: `5-59/10`"),
            ("*/0 * * * *", "a step of 0"),
            ("9-5 * * * *", "the range runs backwards"),
            ("+5 * * * *", "`+5` is no minute"),
            ("* * * *", "has 4 of the five fields"),
            ("@fortnightly", "is no time that cron knows"),
            ("0~59 * * * *", "`0~59` is no minute"),
            ("* * L * *", "`L` is no day of the month"),
        ] {
            let why = Times::parse(text).unwrap_err();
            assert!(why.contains(want), "{text}: {why}");
        }
    }

    /// Every minute of some years, looked at one by one.
    fn slow(calendar: &Calendar, years: i16) -> Option<u64> {
        let (mut day, mut minute, mut last, mut longest) = (date(2001, 1, 1), 0u64, None, None);
        while day.year() < 2001 + years {
            for of_day in 0..1440u64 {
                let (hour, of_hour) = (of_day / 60, of_day % 60);
                let hit = calendar.on(day)
                    && calendar.sets[1] & (1 << hour) != 0
                    && calendar.sets[0] & (1 << of_hour) != 0;
                if hit {
                    if let Some(last) = last {
                        longest = longest.max(Some(minute - last));
                    }
                    last = Some(minute);
                }
                minute += 1;
            }
            day = day.tomorrow().unwrap();
        }
        longest
    }

    fn field(low: u8, high: u8) -> impl Strategy<Value = String> {
        prop_oneof![
            2 => Just("*".to_owned()),
            1 => (2u8..20).prop_map(|step| format!("*/{step}")),
            1 => (low..=high).prop_map(|one| one.to_string()),
            1 => (low..=high, low..=high).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
            1 => proptest::collection::vec(low..=high, 1..4).prop_map(|all| {
                all.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn counting_every_minute_comes_to_the_same(
            minute in field(0, 59), hour in field(0, 23), weekday in field(0, 7),
        ) {
            let text = format!("{minute} {hour} * * {weekday}");
            let Ok(Times::Calendar(calendar)) = Times::parse(&text) else { panic!("{text}") };
            let fast = calendar.longest().map(u64::from);
            prop_assert_eq!(fast, slow(&calendar, 1), "{}", text);
        }

        #[test]
        fn no_text_is_too_odd(text in "[0-9*/,~@a-z -]{0,24}") {
            if let Ok(times) = Times::parse(&text) {
                let _ = times.longest();
            }
        }
    }
}
