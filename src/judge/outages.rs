//! How often a service was down within a time, and for how long in all, from its changes of status. And whether it is
//! time to say so. Reads nothing.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::occasion::Occasion;
use crate::model::time::lapse;

/// A summary that is so late is left out: the next one is near.
const LATE: Duration = Duration::from_hours(24);

/// What was counted of one service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outages {
    /// How often it went down.
    pub count: usize,
    /// How long it was down.
    pub lasted: Duration,
}

impl Outages {
    /// From the changes within `from` and `now`, oldest first, each with whether it was down from then on.
    /// `down_first` says whether it was down when that time began.
    pub fn of(
        changes: impl Iterator<Item = (Timestamp, bool)>,
        down_first: bool,
        from: Timestamp,
        now: Timestamp,
    ) -> Self {
        let mut outages = Self::default();
        let mut since = down_first.then_some(from);
        for (at, down) in changes {
            match (since, down) {
                (None, true) => {
                    since = Some(at);
                    outages.count += 1;
                }
                (Some(began), false) => {
                    outages.lasted += lapse(began, at);
                    since = None;
                }
                _ => {}
            }
        }
        outages.lasted += since.map_or(Duration::ZERO, |began| lapse(began, now));
        outages
    }
}

/// Whether a summary is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It is not.
    No,
    /// It is not to be told, but the time is to be remembered: the first one, or one that comes too late.
    Passed(Timestamp),
    /// It is.
    Now(Timestamp),
}

/// Whether one is due, the last of which was told or passed at `last`.
pub fn due(occasion: &Occasion, last: Option<Timestamp>, now: Timestamp) -> Due {
    let Some(time) = occasion.last(now) else { return Due::No };
    match last {
        // Of what was before it was asked for there is nothing to say.
        None => Due::Passed(time),
        Some(last) if last >= time && last <= now => Due::No,
        // A clock that was set back: begun anew.
        Some(last) if last > now => Due::Passed(time),
        Some(_) if lapse(time, now) > LATE => Due::Passed(time),
        Some(_) => Due::Now(time),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + hours * 3600).unwrap() // 2026-01-01 00:00
    }

    #[test]
    fn outages_are_counted_where_they_begin_and_measured_within_the_time() {
        for (changes, down_first, want) in [
            (&[][..], false, (0, 0)),
            (&[], true, (0, 24)),
            (&[(1, true), (3, false)], false, (1, 2)),
            (&[(1, true), (2, true), (3, false)], false, (1, 2)),
            (&[(2, false), (20, true)], true, (1, 6)),
            (&[(3, false)], false, (0, 0)),
            (&[(5, true), (3, false)], false, (1, 0)), // the clock was set back
        ] {
            let changes = changes.iter().map(|(hour, down)| (at(*hour), *down));
            let outages = Outages::of(changes, down_first, at(0), at(24));
            let want = Outages { count: want.0, lasted: Duration::from_hours(want.1) };
            assert_eq!(outages, want);
        }
    }

    #[test]
    fn a_summary_is_due_once_for_each_time_and_neither_at_first_nor_a_day_late() {
        let daily = Occasion::parse("08:00", &TimeZone::UTC).unwrap();
        let weekly = Occasion::parse("Thu 08:00", &TimeZone::UTC).unwrap(); // 2026-01-01 is one
        for (occasion, last, now, want) in [
            (&daily, None, 9, Due::Passed(at(8))),
            (&daily, Some(8), 9, Due::No),
            (&daily, Some(8), 31, Due::No),
            (&daily, Some(8), 32, Due::Now(at(32))),
            (&daily, Some(8), 40, Due::Now(at(32))),
            (&daily, Some(8), 99, Due::Now(at(80))),
            (&daily, Some(200), 99, Due::Passed(at(80))),
            (&weekly, Some(8 - 168), 12, Due::Now(at(8))),
            (&weekly, Some(8 - 168), 8 + 25, Due::Passed(at(8))),
            (&weekly, Some(8), 100, Due::No),
        ] {
            assert_eq!(due(occasion, last.map(at), at(now)), want, "{occasion} {last:?} {now}");
        }
    }
}
