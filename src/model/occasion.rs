//! A time of the day at which something is done, on every day or some. A value and when it last was; reads no clock.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::model::window::{DAY, days_and_rest, named_zone, parse_time};

/// `08:00`, `Mon 08:00`, `Mon-Fri 08:00 Europe/Riga`: on these days (all when none are named) at this time by the wall
/// clock of that zone (the host's when none is named). Of a time that clocks pass twice it is the first; one that they
/// leave out is as much later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occasion {
    /// As it was written.
    text: String,
    /// Monday first.
    days: [bool; 7],
    /// Minutes of the day, 0 to 1439.
    minutes: u16,
    zone: TimeZone,
}

impl Occasion {
    /// Reads one; `host` is the zone that counts where none is named. The error says what was expected.
    pub fn parse(text: &str, host: &TimeZone) -> Result<Self, String> {
        let (days, mut words) = days_and_rest(text)?;
        let minutes = parse_time(words.next().ok_or("expected a time such as `08:00`")?)?;
        if minutes == DAY {
            return Err("expected a time before `24:00`; the day after begins at `00:00`".into());
        }
        let zone = words.next().map_or_else(|| Ok(host.clone()), named_zone)?;
        if let Some(more) = words.next() {
            return Err(format!("expected nothing after the time zone, found `{more}`"));
        }
        Ok(Self { text: text.trim().to_owned(), days, minutes, zone })
    }

    /// The last time that it was, `now` included; none before the calendar began.
    pub fn last(&self, now: Timestamp) -> Option<Timestamp> {
        let hour = i8::try_from(self.minutes / 60).ok()?;
        let minute = i8::try_from(self.minutes % 60).ok()?;
        let time = Time::new(hour, minute, 0, 0).ok()?;
        let mut day = self.zone.to_datetime(now).date();
        // A week has each day; one more, as today's may be yet to come.
        for _ in 0..=7 {
            if self.days[day.weekday().to_monday_zero_offset().unsigned_abs() as usize] {
                let moment = self.zone.to_ambiguous_timestamp(day.to_datetime(time));
                let moment = moment.compatible().ok()?;
                if moment <= now {
                    return Some(moment);
                }
            }
            day = day.yesterday().ok()?;
        }
        None
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn riga() -> TimeZone {
        TimeZone::posix("EET-2EEST,M3.5.0/3,M10.5.0/4").unwrap()
    }

    #[test]
    fn the_last_time_is_told_by_the_wall_clock_of_its_zone() {
        // 2026-01-05 is a Monday; clocks are put forward on 2026-03-29, and back on 2026-10-25.
        for (text, now, want) in [
            ("08:00", "2026-01-05T08:00:00+02", "2026-01-05T08:00:00+02"),
            ("08:00", "2026-01-05T07:59:59+02", "2026-01-04T08:00:00+02"),
            ("Mon 08:00", "2026-01-05T09:00:00+02", "2026-01-05T08:00:00+02"),
            ("Mon 08:00", "2026-01-05T07:00:00+02", "2025-12-29T08:00:00+02"),
            ("Mon 08:00", "2026-01-11T23:00:00+02", "2026-01-05T08:00:00+02"),
            ("Mon-Fri 08:00", "2026-01-11T23:00:00+02", "2026-01-09T08:00:00+02"),
            ("03:30", "2026-03-29T12:00:00+03", "2026-03-29T04:30:00+03"),
            ("03:30", "2026-10-25T12:00:00+02", "2026-10-25T03:30:00+03"),
            ("00:00", "2026-01-05T00:00:00+02", "2026-01-05T00:00:00+02"),
        ] {
            let occasion = Occasion::parse(text, &riga()).unwrap();
            let last = occasion.last(now.parse().unwrap());
            assert_eq!(last, Some(want.parse().unwrap()), "{text} at {now}");
            assert_eq!(occasion.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_was_expected() {
        for (text, want) in [
            ("", "a time such as"),
            ("Mon", "a time such as"),
            ("8", "expected `HH:MM`"),
            ("24:00", "before `24:00`"),
            ("Moon 08:00", "did you mean `Mon`?"),
            ("08:00 Mars/Olympus", "is not a time zone"),
            ("08:00 UTC daily", "nothing after the time zone"),
        ] {
            let why = Occasion::parse(text, &TimeZone::UTC).unwrap_err();
            assert!(why.contains(want), "{text}: {why}");
        }
    }
}
