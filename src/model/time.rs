//! Instants that survive reboots, suspends and clock changes. Never reads a clock: `sys::clock` does, once.
//!
//! The wall clock may jump; the boot clock (`CLOCK_BOOTTIME`, which counts suspend) may not, but it
//! starts again at every boot. A [`Stamp`] keeps both, so that a later run can say how long ago it was.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The two clocks run apart by no more than this, unless the wall clock was set.
const SLACK: Duration = Duration::from_secs(120);

/// The moment a run began, read once and handed down as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// Wall clock, UTC.
    pub wall: Timestamp,
    /// Names this boot of the host; a stamp of another boot cannot be compared by `since_boot`.
    pub boot: String,
    /// Time since boot, suspend included.
    pub since_boot: Duration,
}

/// A moment as it is kept in the state file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Wall clock, UTC.
    pub wall: Timestamp,
    /// The boot it belongs to.
    pub boot: String,
    /// Milliseconds since that boot.
    pub since_boot_ms: u64,
}

impl Now {
    /// This moment, to be kept.
    pub fn stamp(&self) -> Stamp {
        let since_boot_ms = u64::try_from(self.since_boot.as_millis()).unwrap_or(u64::MAX);
        Stamp { wall: self.wall, boot: self.boot.clone(), since_boot_ms }
    }

    /// A later moment of the same boot: what the clock says when `passed` has gone by.
    #[must_use]
    pub fn after(&self, passed: Duration) -> Self {
        let wall =
            jiff::SignedDuration::try_from(passed).ok().and_then(|d| self.wall.checked_add(d).ok());
        Self {
            wall: wall.unwrap_or(Timestamp::MAX),
            boot: self.boot.clone(),
            since_boot: self.since_boot.saturating_add(passed),
        }
    }

    /// How long ago `then` was, never more than the truth: within one boot by the boot clock; across
    /// boots the time since this boot, because everything of another boot is older than this one.
    /// For budgets and cooldowns, which must hold whatever the wall clock does.
    pub fn elapsed_at_least(&self, then: &Stamp) -> Duration {
        if then.boot == self.boot {
            self.since_boot.saturating_sub(Duration::from_millis(then.since_boot_ms))
        } else {
            self.since_boot
        }
    }

    /// How long ago `then` was, as well as can be told: like [`Self::elapsed_at_least`], but across boots
    /// the wall clock counts where it says more. For reports, reminders and retries; never negative.
    pub fn elapsed(&self, then: &Stamp) -> Duration {
        let least = self.elapsed_at_least(then);
        if then.boot == self.boot {
            return least;
        }
        let by_wall = lapse(then.wall, self.wall);
        least.max(by_wall)
    }

    /// When `then` was, by the wall clock as it is set now: what it said then, unless it was set since. Never
    /// later than now.
    pub fn when(&self, then: &Stamp) -> Timestamp {
        self.ago(self.elapsed(then), then)
    }

    /// The same, where it is known better how long ago that was.
    pub fn ago(&self, ago: Duration, then: &Stamp) -> Timestamp {
        let passed = jiff::SignedDuration::try_from(ago).unwrap_or(jiff::SignedDuration::MAX);
        let at = self.wall.checked_sub(passed).unwrap_or(Timestamp::MIN);
        let set = at.duration_since(then.wall).unsigned_abs() > SLACK;
        if set { at } else { then.wall.min(self.wall) }
    }
}

impl Stamp {
    /// Whether it is earlier than `other`: within one boot by the boot clock, else by the wall clock.
    pub fn is_before(&self, other: &Self) -> bool {
        if self.boot == other.boot {
            self.since_boot_ms < other.since_boot_ms
        } else {
            self.wall < other.wall
        }
    }

    /// How long after `then` it is, as well as can be told; never negative.
    pub fn since(&self, then: &Self) -> Duration {
        if self.boot == then.boot {
            return Duration::from_millis(self.since_boot_ms.saturating_sub(then.since_boot_ms));
        }
        lapse(then.wall, self.wall)
    }
}

/// How long it is from one time of the wall clock to another; nothing where that was set back in between.
pub fn lapse(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot: &str, wall: i64, since_boot: u64) -> Now {
        Now {
            wall: Timestamp::from_second(wall).unwrap(),
            boot: boot.into(),
            since_boot: Duration::from_secs(since_boot),
        }
    }

    #[test]
    fn within_a_boot_the_wall_clock_does_not_matter() {
        let then = at("a", 1_000_000, 100).stamp();
        for wall in [0, 1_000_000, 9_000_000] {
            assert_eq!(at("a", wall, 160).elapsed(&then), Duration::from_secs(60), "wall {wall}");
        }
    }

    #[test]
    fn across_boots_a_clock_set_back_never_makes_it_last_for_years() {
        let then = at("a", 1_000_000, 100).stamp();
        assert_eq!(at("b", 0, 30).elapsed(&then), Duration::from_secs(30));
        assert_eq!(at("b", 1_000_500, 30).elapsed(&then), Duration::from_secs(500));
        assert_eq!(at("b", 1_000_500, 30).elapsed_at_least(&then), Duration::from_secs(30));
    }

    #[test]
    fn a_clock_that_was_set_does_not_change_when_something_was() {
        let then = at("a", 1_000_000, 100).stamp();
        for (boot, wall, since_boot, want) in [
            ("a", 1_000_060, 160, 1_000_000),
            ("a", 1_000_061, 160, 1_000_000), // the clocks run apart a little
            ("a", 1_003_660, 160, 1_003_600), // an hour forward
            ("a", 996_460, 160, 996_400),     // an hour back: still a minute ago
            ("b", 1_000_500, 30, 1_000_000),
            ("b", 900_000, 30, 899_970),
            ("a", 999_990, 100, 999_990),
        ] {
            let now = at(boot, wall, since_boot);
            assert_eq!(now.when(&then).as_second(), want, "{boot} {wall}");
        }
    }

    #[test]
    fn a_stamp_ahead_of_the_boot_clock_is_now_not_negative() {
        let then = at("a", 1_000_000, 100).stamp();
        assert_eq!(at("a", 1_000_000, 40).elapsed(&then), Duration::ZERO);
    }

    #[test]
    fn stamps_of_one_boot_are_ordered_by_its_clock_and_others_by_the_wall() {
        let stamp = |boot: &str, wall, since_boot| at(boot, wall, since_boot).stamp();
        let then = stamp("a", 1_000_000, 100);
        for (later, before, since) in [
            (stamp("a", 1_000_060, 160), true, 60),
            (stamp("a", 0, 160), true, 60),
            (stamp("a", 9_000_000, 40), false, 0),
            (then.clone(), false, 0),
            (stamp("b", 1_000_500, 30), true, 500),
            (stamp("b", 999_500, 900), false, 0),
        ] {
            assert_eq!(then.is_before(&later), before, "{later:?}");
            assert_eq!(later.since(&then), Duration::from_secs(since), "{later:?}");
        }
    }
}
