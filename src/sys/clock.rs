//! The only reader of clocks. Never sleeps and never sets one.

use std::time::{Duration, Instant};

use crate::model::time::Now;
use crate::sys::made_up;

/// Wall clock, boot and boot clock, read together.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
pub fn now() -> Now {
    Now { wall: jiff::Timestamp::now(), boot: boot(), since_boot: since_boot() }
}

/// Names this boot: the kernel's boot id, or the boot time where there is none.
fn boot() -> String {
    made_up::read("/proc/sys/kernel/random/boot_id").map_or_else(
        |_| sysinfo::System::boot_time().map_or_else(|_| "unknown".to_owned(), |at| at.to_string()),
        |id| id.trim().to_owned(),
    )
}

/// Time since boot with suspend counted, as `CLOCK_BOOTTIME` on Linux; macOS' monotonic clock counts it too.
fn since_boot() -> Duration {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// `CLOCK_MONOTONIC`, which stops while the host is suspended: the clock of systemd's `*Monotonic` timestamps.
pub fn monotonic() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

/// Lets `duration` go by: between two looks, or before a try is repeated. Never used to let a race pass.
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// The moment by which something must have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// `limit` from now.
    pub fn after(limit: Duration) -> Self {
        // An hour stands for "never" where the sum would overflow; no run lasts that long.
        let now = Instant::now();
        Self(now.checked_add(limit).unwrap_or_else(|| now + Duration::from_secs(3600)))
    }

    /// What is left of it; zero when it has passed.
    pub fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub fn passed(&self) -> bool {
        self.left().is_zero()
    }

    /// The earlier of this one and `limit` from now.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self(self.0.min(Self::after(limit).0))
    }
}

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts it.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it has run.
    pub fn read(&self) -> Duration {
        self.0.elapsed()
    }
}
