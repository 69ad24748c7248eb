//! Recurring windows of time: maintenance, quiet hours. A value and whether a moment lies in it; reads no
//! clock, holds nothing back itself. Names of zones are looked up in the host's zone database when it is read.

use std::fmt;
use std::iter::Peekable;
use std::str::SplitWhitespace;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use crate::model::text::nearest;

/// The weekdays as they are written, Monday first.
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A whole day, in minutes.
pub(super) const DAY: u16 = 24 * 60;

/// `Sun 02:00-04:00 Europe/Riga`, `22:00-07:00`, `Mon-Fri 22:00-07:00 UTC`: on these days (all when none are
/// named), from the first time to before the second, by the wall clock of that zone (the host's when none is
/// named). One that ends at an earlier time than it begins ends on the day after; its days are those on which
/// it begins.
///
/// When clocks are put back, it begins at the first and ends at the last of the repeated times. When they are
/// put forward, what begins in the hour that is left out begins right after it, where cron makes up its jobs
/// too, and a window that would vanish is as long as ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// As it was written.
    text: String,
    /// The days on which it begins, Monday first.
    days: [bool; 7],
    /// Minutes of the day, 0 to 1439.
    from: u16,
    /// Minutes after the midnight before `from`, up to two days.
    until: u16,
    zone: TimeZone,
}

impl Window {
    /// Reads one; `host` is the zone that counts where none is named. The error says what was expected.
    pub fn parse(text: &str, host: &TimeZone) -> Result<Self, String> {
        let (days, mut words) = days_and_rest(text)?;
        let times = words.next().ok_or("expected times such as `02:00-04:00`")?;
        let (from, until) = times
            .split_once('-')
            .ok_or_else(|| format!("expected times such as `02:00-04:00`, found `{times}`"))?;
        let (from, until) = (parse_time(from)?, parse_time(until)?);
        if from == DAY {
            return Err(
                "expected a beginning before `24:00`; the day after begins at `00:00`".into()
            );
        }
        if from == until {
            return Err(format!("`{times}` has no length; a whole day is `00:00-24:00`"));
        }
        let zone = words.next().map_or_else(|| Ok(host.clone()), named_zone)?;
        if let Some(more) = words.next() {
            return Err(format!("expected nothing after the time zone, found `{more}`"));
        }
        let until = if until < from { until + DAY } else { until };
        Ok(Self { text: text.trim().to_owned(), days, from, until, zone })
    }

    /// Whether `now` lies in it.
    pub fn contains(&self, now: Timestamp) -> bool {
        self.ends_after(now).is_some()
    }

    /// When the window in which `now` lies ends; none when it lies in none.
    pub fn ends_after(&self, now: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(now).date();
        // It may have begun the day before, and a zone may have left out a whole day in between.
        let before = today.yesterday().ok();
        let long_before = before.and_then(|day| day.yesterday().ok());
        [Some(today), before, long_before]
            .into_iter()
            .flatten()
            .filter(|day| self.days[day.weekday().to_monday_zero_offset().unsigned_abs() as usize])
            .filter_map(|day| self.on(day))
            .filter(|(begins, ends)| *begins <= now && now < *ends)
            .map(|(_, ends)| ends)
            .max()
    }

    /// The window that begins on `day`; none at the end of time.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let moment = |minutes: u16| {
            let mut date = day;
            for _ in 0..minutes / DAY {
                date = date.tomorrow().ok()?;
            }
            let minutes =
                i8::try_from(minutes % DAY / 60).ok().zip(i8::try_from(minutes % 60).ok());
            let (hour, minute) = minutes?;
            let time = Time::new(hour, minute, 0, 0).ok()?;
            Some(self.zone.to_ambiguous_timestamp(date.to_datetime(time)))
        };
        let begins = moment(self.from)?.compatible().ok()?;
        let ends = moment(self.until)?.later().ok()?;
        if ends > begins {
            return Some((begins, ends));
        }
        let length = Duration::from_secs(u64::from(self.until - self.from) * 60);
        Some((begins, begins.checked_add(length).ok()?))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The days that stand first in `text`, all when none do, and the words after them.
pub(super) fn days_and_rest(
    text: &str,
) -> Result<([bool; 7], Peekable<SplitWhitespace<'_>>), String> {
    let mut words = text.split_whitespace().peekable();
    let named = words.next_if(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
    let days = named.map_or(Ok([true; 7]), parse_days)?;
    Ok((days, words))
}

/// The zone of this name in the host's database.
pub(super) fn named_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        format!(
            "`{name}` is not a time zone that this host knows, expected one such as `Europe/Riga` or `UTC`"
        )
    })
}

/// `Sun`, `Sat,Sun`, `Mon-Fri`, `Fri-Mon,Wed`.
fn parse_days(text: &str) -> Result<[bool; 7], String> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (parse_day(first)?, parse_day(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Ok(days)
}

/// A day's place in [`DAYS`]; in full is understood too.
fn parse_day(text: &str) -> Result<usize, String> {
    const FULL: [&str; 7] =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let place = |names: [&str; 7]| names.iter().position(|name| name.eq_ignore_ascii_case(text));
    if let Some(day) = place(DAYS).or_else(|| place(FULL)) {
        return Ok(day);
    }
    let near = nearest(text, DAYS.into_iter().chain(FULL));
    let hint = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
    Err(format!(
        "`{text}` is not a weekday, expected one of `{}`, or times such as `02:00-04:00`{hint}",
        DAYS.join("`, `")
    ))
}

/// `HH:MM`, as minutes of the day; `24:00` too.
pub(super) fn parse_time(text: &str) -> Result<u16, String> {
    let digits = |part: &str| {
        let fine = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        fine.then(|| part.parse::<u16>().ok()).flatten()
    };
    text.split_once(':')
        .filter(|(_, minute)| minute.len() == 2)
        .and_then(|(hour, minute)| Some((digits(hour)?, digits(minute)?)))
        .filter(|(hour, minute)| *minute < 60 && (*hour < 24 || (*hour, *minute) == (24, 0)))
        .map(|(hour, minute)| hour * 60 + minute)
        .ok_or_else(|| format!("`{text}` is not a time, expected `HH:MM` from `00:00` to `24:00`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule of Riga as a value, so that the tests need no zone database: forward on the last Sunday of
    /// March at 03:00, back on the last Sunday of October at 04:00.
    fn riga() -> TimeZone {
        TimeZone::posix("EET-2EEST,M3.5.0/3,M10.5.0/4").unwrap()
    }

    fn window(text: &str) -> Window {
        Window::parse(text, &riga()).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_moment_lies_in_it_by_the_wall_clock_of_its_zone() {
        // 2026-01-04 is a Sunday.
        for (text, moment, want) in [
            ("Sun 02:00-04:00", "2026-01-04T01:59:59+02", None),
            ("Sun 02:00-04:00", "2026-01-04T02:00:00+02", Some("2026-01-04T04:00:00+02")),
            ("Sun 02:00-04:00", "2026-01-04T03:59:59+02", Some("2026-01-04T04:00:00+02")),
            ("Sun 02:00-04:00", "2026-01-04T04:00:00+02", None),
            ("Sun 02:00-04:00", "2026-01-05T03:00:00+02", None),
            ("Sun 02:00-04:00 UTC", "2026-01-04T03:00:00+02", None),
            ("Sun 02:00-04:00 UTC", "2026-01-04T03:00:00Z", Some("2026-01-04T04:00:00Z")),
            ("22:00-07:00", "2026-01-05T21:59:00+02", None),
            ("22:00-07:00", "2026-01-05T22:00:00+02", Some("2026-01-06T07:00:00+02")),
            ("22:00-07:00", "2026-01-06T06:59:00+02", Some("2026-01-06T07:00:00+02")),
            ("22:00-07:00", "2026-01-06T07:00:00+02", None),
            // The days are those on which it begins: Friday's lasts into Saturday, Sunday's is none.
            ("Mon-Fri 22:00-07:00", "2026-01-10T06:00:00+02", Some("2026-01-10T07:00:00+02")),
            ("Mon-Fri 22:00-07:00", "2026-01-12T06:00:00+02", None),
            ("Fri-Mon,Wed 09:00-10:00", "2026-01-05T09:30:00+02", Some("2026-01-05T10:00:00+02")),
            ("Fri-Mon,Wed 09:00-10:00", "2026-01-06T09:30:00+02", None),
            ("Fri-Mon,Wed 09:00-10:00", "2026-01-07T09:30:00+02", Some("2026-01-07T10:00:00+02")),
            ("sunday 00:00-24:00", "2026-01-04T23:59:59+02", Some("2026-01-05T00:00:00+02")),
            ("sunday 00:00-24:00", "2026-01-05T00:00:00+02", None),
            ("Sun 9:00-10:00", "2026-01-04T09:00:00+02", Some("2026-01-04T10:00:00+02")),
        ] {
            let ends = window(text).ends_after(at(moment));
            assert_eq!(ends, want.map(at), "{text} at {moment}");
            assert_eq!(window(text).contains(at(moment)), want.is_some());
        }
    }

    /// The moments at which it begins and ends, looked for minute by minute.
    fn spans(text: &str, from: &str, hours: i64) -> Vec<String> {
        let (window, mut inside, mut found) = (window(text), false, Vec::new());
        for minute in 0..hours * 60 {
            let now = at(from) + jiff::SignedDuration::from_mins(minute);
            let ends = window.ends_after(now);
            if ends.is_some() != inside {
                inside = !inside;
                found.push(now.strftime("%dT%H:%M").to_string());
            }
            assert!(ends.is_none_or(|ends| ends > now), "{text} at {now}");
        }
        found
    }

    #[test]
    fn when_clocks_are_put_forward_nothing_vanishes() {
        // 2026-03-29: 03:00 EET (01:00Z) becomes 04:00 EEST.
        for (text, want) in [
            ("02:00-03:00", ["29T00:00", "29T01:00"]),
            ("02:00-05:00", ["29T00:00", "29T02:00"]), // an hour shorter
            ("02:30-03:30", ["29T00:30", "29T01:30"]), // ends after the gap, as long as ever
            ("03:00-04:00", ["29T01:00", "29T02:00"]), // lies in the gap: right after it
            ("03:15-03:45", ["29T01:15", "29T01:45"]),
            ("03:30-05:00", ["29T01:30", "29T02:00"]),
        ] {
            assert_eq!(spans(text, "2026-03-28T22:00:00Z", 8), want, "{text}");
        }
        let night = ["28T20:00", "29T04:00"]; // 22:00 EET to 07:00 EEST
        assert_eq!(spans("Sat 22:00-07:00", "2026-03-28T00:00:00Z", 47), night);
    }

    #[test]
    fn when_clocks_are_put_back_the_repeated_hour_lies_in_it_twice() {
        // 2026-10-25: 04:00 EEST (01:00Z) becomes 03:00 EET.
        for (text, want) in [
            ("02:00-03:00", ["24T23:00", "25T01:00"]), // 03:00 comes twice: to the last
            ("02:00-05:00", ["24T23:00", "25T03:00"]), // an hour longer
            ("03:00-04:00", ["25T00:00", "25T02:00"]),
            ("03:30-04:30", ["25T00:30", "25T02:30"]),
            ("02:30-03:30", ["24T23:30", "25T01:30"]),
        ] {
            assert_eq!(spans(text, "2026-10-24T22:00:00Z", 8), want, "{text}");
        }
        let night = ["24T19:00", "25T05:00"]; // 22:00 EEST to 07:00 EET
        assert_eq!(spans("Sat 22:00-07:00", "2026-10-24T00:00:00Z", 47), night);
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        for moment in [Timestamp::MIN, Timestamp::MAX] {
            for text in ["22:00-07:00", "00:00-24:00", "Sun 02:00-04:00 UTC"] {
                window(text).ends_after(moment);
            }
        }
    }

    #[test]
    fn a_mistake_says_what_was_expected() {
        for (text, want) in [
            ("", "expected times such as `02:00-04:00`"),
            ("Sun", "expected times such as `02:00-04:00`"),
            ("Sun 02:00", "expected times such as `02:00-04:00`, found `02:00`"),
            ("Sun 2-4", "`2` is not a time, expected `HH:MM` from `00:00` to `24:00`"),
            ("25:00-26:00", "`25:00` is not a time, expected `HH:MM` from `00:00` to `24:00`"),
            ("02:60-03:00", "`02:60` is not a time, expected `HH:MM` from `00:00` to `24:00`"),
            ("02:0-03:00", "`02:0` is not a time, expected `HH:MM` from `00:00` to `24:00`"),
            ("24:00-02:00", "expected a beginning before `24:00`; the day after begins at `00:00`"),
            ("02:00-02:00", "`02:00-02:00` has no length; a whole day is `00:00-24:00`"),
            (
                "Snu 02:00-04:00",
                "`Snu` is not a weekday, expected one of `Mon`, `Tue`, `Wed`, `Thu`, `Fri`, `Sat`, \
                 `Sun`, or times such as `02:00-04:00` (did you mean `Sun`?)",
            ),
            (
                "02:00-04:00 Europe/Rigga",
                "`Europe/Rigga` is not a time zone that this host knows, expected one such as \
                 `Europe/Riga` or `UTC`",
            ),
            ("02:00-04:00 UTC now", "expected nothing after the time zone, found `now`"),
            ("02:00 - 04:00", "expected times such as `02:00-04:00`, found `02:00`"),
        ] {
            assert_eq!(Window::parse(text, &riga()).unwrap_err(), want, "{text:?}");
        }
    }

    #[test]
    fn it_is_shown_as_it_was_written() {
        assert_eq!(window(" Sun 02:00-04:00 UTC ").to_string(), "Sun 02:00-04:00 UTC");
    }
}
