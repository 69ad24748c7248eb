//! Whether the state is being renewed, and if not, why not. Opens no file and asks no process: it is told
//! what was seen.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::judge::severity::Severity;
use crate::model::state::Cycle;
use crate::model::text::{human_duration, one_line, plural};
use crate::model::time::{Now, lapse};

/// How far two clocks' readings of one moment may differ: coarse file times, a clock being slewed.
const TOLERANCE: Duration = Duration::from_secs(5);

/// Who holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// For how long.
    pub held_for: Duration,
}

/// What was seen.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The last complete cycle in the state; none before the first.
    pub cycle: Option<&'a Cycle>,
    /// The state file's mtime.
    pub modified: Option<Timestamp>,
    /// How old the last complete cycle may be.
    pub fresh_for: Duration,
    /// Time since the host woke from its last sleep, where that is known. Its boot is known anyway.
    pub awake: Option<Duration>,
    /// The lock's holder, if there is one.
    pub holder: Option<Holder>,
    /// The configured services.
    pub configured: &'a [&'a str],
}

/// What that comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// The last complete cycle is young enough and covered every configured service.
    Fresh {
        /// How old it is.
        age: Duration,
    },
    /// STALE, or LOCK-HELD when somebody holds the lock.
    Stale {
        /// How old the last complete cycle is.
        age: Duration,
        /// How old it may be.
        allowed: Duration,
        /// Who has held the lock meanwhile.
        holder: Option<Holder>,
    },
    /// NEVER-RAN: no cycle was ever completed.
    NeverRan {
        /// Who holds the lock.
        holder: Option<Holder>,
    },
    /// CLOCK: it says that it was written in the future, so its age is not to be told.
    Future {
        /// How far.
        by: Duration,
    },
    /// TOUCHED: the file was renewed, the cycle in it was not.
    Touched {
        /// How old the cycle is.
        age: Duration,
        /// How old the file says it is.
        file: Duration,
    },
    /// JUST-WOKE: stale, but the host was asleep or off, and the schedule has not had its turn since.
    JustWoke {
        /// How old the last complete cycle is.
        age: Duration,
        /// Since when it is awake.
        awake: Duration,
    },
    /// Fresh, but these configured services were not looked at.
    NotCovered {
        /// Their names.
        missing: Vec<String>,
    },
    /// Fresh, but with the last good config: the one on disk is broken, and this is its first problem.
    ConfigBroken(String),
}

/// Judges. Within one boot the boot clock counts, whatever was done to the wall clock; across boots only the
/// wall clock can, and a moment that lies ahead of it is not taken for fresh.
pub fn freshness(seen: &Seen<'_>, now: &Now) -> Freshness {
    let Some(cycle) = seen.cycle else { return Freshness::NeverRan { holder: seen.holder } };
    let finished = &cycle.finished;
    let same_boot = finished.boot == now.boot;
    let renewed = seen.modified.filter(|mtime| ahead(*mtime, finished.wall) > TOLERANCE);
    // Of the same boot and not renewed by others, it is the wall clock that was set back: its age is known.
    let by = renewed.map_or(Duration::ZERO, |mtime| ahead(mtime, now.wall));
    let by = if same_boot { by } else { by.max(ahead(finished.wall, now.wall)) };
    if by > TOLERANCE {
        return Freshness::Future { by };
    }
    let age = now.elapsed(finished);
    if age > seen.fresh_for {
        let awake = seen.awake.unwrap_or(Duration::MAX).min(now.since_boot);
        let file = renewed.map(|mtime| ahead(now.wall, mtime));
        return match file {
            _ if awake <= seen.fresh_for => Freshness::JustWoke { age, awake },
            Some(file) if file <= seen.fresh_for => Freshness::Touched { age, file },
            _ => Freshness::Stale { age, allowed: seen.fresh_for, holder: seen.holder },
        };
    }
    let covered: HashSet<&str> = cycle.services.iter().map(String::as_str).collect();
    let missing = seen.configured.iter().filter(|name| !covered.contains(**name));
    let missing: Vec<String> = missing.map(|name| (*name).to_owned()).collect();
    if !missing.is_empty() {
        return Freshness::NotCovered { missing };
    }
    match &cycle.config_broken {
        Some(problem) => Freshness::ConfigBroken(problem.clone()),
        None => Freshness::Fresh { age },
    }
}

/// How far `moment` lies after `other`; zero when it does not.
fn ahead(moment: Timestamp, other: Timestamp) -> Duration {
    lapse(other, moment)
}

impl Freshness {
    /// The one state in which a ping may claim success.
    pub fn is_fresh(&self) -> bool {
        matches!(self, Self::Fresh { .. })
    }

    /// As an exit code tells it: stale or never run is critical, a clock that makes no sense unknown.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Fresh { .. } => Severity::Ok,
            Self::Stale { .. } | Self::NeverRan { .. } | Self::Touched { .. } => Severity::Critical,
            Self::Future { .. } => Severity::Unknown,
            Self::JustWoke { .. } | Self::NotCovered { .. } | Self::ConfigBroken(_) => {
                Severity::Warning
            }
        }
    }

    /// One word, for machines and as the head of a line.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fresh { .. } => "FRESH",
            Self::Stale { holder: Some(_), .. } => "LOCK-HELD",
            Self::Stale { .. } => "STALE",
            Self::NeverRan { .. } => "NEVER-RAN",
            Self::Future { .. } => "CLOCK",
            Self::Touched { .. } => "TOUCHED",
            Self::JustWoke { .. } => "JUST-WOKE",
            Self::NotCovered { .. } => "NOT-COVERED",
            Self::ConfigBroken(_) => "CONFIG-BROKEN",
        }
    }

    /// What is the matter, for a person, on one line.
    pub fn words(&self) -> String {
        let human = |duration: &Duration| human_duration(*duration);
        let lock = |holder: &Option<Holder>| {
            holder.map_or_else(String::new, |Holder { pid, held_for }| {
                format!("; pid {pid} has held the lock for {}", human_duration(held_for))
            })
        };
        match self {
            Self::Fresh { age } => format!("last complete cycle {} ago", human(age)),
            Self::Stale { age, allowed, holder } => format!(
                "last complete cycle {} ago, {} allowed{}",
                human(age),
                human(allowed),
                lock(holder)
            ),
            Self::NeverRan { holder } => format!("no cycle was ever completed{}", lock(holder)),
            Self::Future { by } => {
                format!(
                    "written {} in the future: the clock was set, or the file touched",
                    human(by)
                )
            }
            Self::Touched { age, file } => format!(
                "last complete cycle {} ago, though the file was touched {} ago",
                human(age),
                human(file)
            ),
            Self::JustWoke { age, awake } => format!(
                "last complete cycle {} ago, but the host is awake for {} only",
                human(age),
                human(awake)
            ),
            Self::NotCovered { missing } => format!(
                "{} not looked at yet: {}",
                plural(missing.len(), "configured service"),
                one_line(&missing.join(", "), 200)
            ),
            Self::ConfigBroken(problem) => {
                format!("the last good config is in use: {}", one_line(problem, 200))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::{now, rebooted, secs};

    const DAY: u64 = 86_400;

    /// Judged at `at`, of a cycle that finished at `finished` and a file modified `modified` seconds after.
    fn judged(
        finished: &Now,
        modified: i64,
        at: &Now,
        change: impl FnOnce(&mut Seen<'_>),
    ) -> Freshness {
        let cycle = Cycle {
            awake_ms: None,
            finished: finished.stamp(),
            took_ms: 900,
            command: "heal".into(),
            count: 7,
            after_ms: None,
            services: vec!["web".into(), "db".into()],
            config_broken: None,
            oom_kills: None,
            host_line: String::new(),
        };
        let modified = finished.wall.checked_add(jiff::SignedDuration::from_secs(modified));
        let mut seen = Seen {
            cycle: Some(&cycle),
            modified: modified.ok(),
            fresh_for: secs(1200),
            awake: None,
            holder: None,
            configured: &["web", "db"],
        };
        change(&mut seen);
        freshness(&seen, at)
    }

    /// `at`, with the wall clock off by `seconds`.
    fn wall(at: Now, seconds: i64) -> Now {
        let wall = at.wall.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
        Now { wall, ..at }
    }

    fn stale(age: u64) -> Freshness {
        Freshness::Stale { age: secs(age), allowed: secs(1200), holder: None }
    }

    #[test]
    fn age_is_told_by_the_clock_that_can_tell_it() {
        let fresh = |age| Freshness::Fresh { age: secs(age) };
        let then = now(DAY);
        let year = 365 * 86_400;
        for (what, modified, at, want) in [
            ("just now", 0, now(DAY), fresh(0)),
            ("as old as allowed", 0, now(DAY + 1200), fresh(1200)),
            ("a second older", 0, now(DAY + 1201), stale(1201)),
            ("clock set ahead", 0, wall(now(DAY + 60), year), fresh(60)),
            ("clock set back", 0, wall(now(DAY + 60), -year), fresh(60)),
            ("clock set back, and stale", 0, wall(now(DAY + 1300), -year), stale(1300)),
            ("touched into the future", 7200, now(DAY + 60), Freshness::Future { by: secs(7140) }),
            ("another boot", 0, rebooted(DAY + 1100, 60), fresh(1100)),
            ("another boot, stale", 0, rebooted(DAY + 5000, 1300), stale(5000)),
            (
                "another boot, clock lost",
                0,
                wall(rebooted(DAY + 1000, 60), -year),
                Freshness::Future { by: secs(365 * DAY - 1000) },
            ),
            (
                "touched",
                3000,
                now(DAY + 3060),
                Freshness::Touched { age: secs(3060), file: secs(60) },
            ),
            ("touched, but long ago", 1000, now(DAY + 5000), stale(5000)),
            ("touched, and fresh all the same", 30, now(DAY + 60), fresh(60)),
            ("renewed a moment after it was finished", 3, now(DAY + 1300), stale(1300)),
            ("an older mtime", -9000, now(DAY + 60), fresh(60)),
        ] {
            assert_eq!(judged(&then, modified, &at, |_| {}), want, "{what}");
        }
    }

    #[test]
    fn after_sleep_or_boot_the_schedule_gets_its_turn_first() {
        let then = now(DAY);
        let woke = |awake| Freshness::JustWoke { age: secs(9000), awake: secs(awake) };
        let late = now(DAY + 9000);
        assert_eq!(judged(&then, 0, &late, |s| s.awake = Some(secs(60))), woke(60));
        assert_eq!(judged(&then, 0, &late, |s| s.awake = Some(secs(1201))), stale(9000));
        assert_eq!(judged(&then, 0, &rebooted(DAY + 9000, 60), |_| {}), woke(60));
        assert_eq!(judged(&then, 0, &rebooted(DAY + 9000, 1201), |_| {}), stale(9000));
    }

    #[test]
    fn what_is_missing_is_named() {
        let holder = Some(Holder { pid: 812, held_for: secs(1800) });
        let then = now(DAY);
        let never = judged(&then, 0, &then, |s| s.cycle = None);
        assert_eq!(never, Freshness::NeverRan { holder: None });
        let stale = judged(&then, 0, &now(DAY + 2000), |s| s.holder = holder);
        assert_eq!(
            (stale.word(), stale.words().as_str()),
            (
                "LOCK-HELD",
                "last complete cycle 33m 20s ago, 20m allowed; pid 812 has held the lock for 30m"
            )
        );
        let more = judged(&then, 0, &then, |s| s.configured = &["web", "db", "new", "newer"]);
        assert_eq!(more.words(), "2 configured services not looked at yet: new, newer");
        assert!(!more.is_fresh());
        let fewer = judged(&then, 0, &then, |s| s.configured = &["db"]);
        assert!(fewer.is_fresh());
    }

    #[test]
    fn a_broken_config_is_told_though_the_cycle_is_fresh() {
        let cycle = Cycle {
            awake_ms: None,
            finished: now(DAY).stamp(),
            took_ms: 1,
            command: "heal".into(),
            count: 1,
            after_ms: None,
            services: vec!["web".into()],
            config_broken: Some("config.toml:3:1: unknown key\u{1b}[2J".into()),
            oom_kills: None,
            host_line: String::new(),
        };
        let seen = |s: &mut Seen<'_>| s.fresh_for = secs(1200);
        assert!(judged(&now(DAY), 0, &now(DAY), seen).is_fresh());
        let broken = freshness(
            &Seen {
                cycle: Some(&cycle),
                modified: None,
                fresh_for: secs(1200),
                awake: None,
                holder: None,
                configured: &["web"],
            },
            &now(DAY),
        );
        assert_eq!(broken.severity(), Severity::Warning);
        assert!(!broken.is_fresh());
        assert!(!broken.words().contains('\u{1b}'));
    }

    #[test]
    fn only_fresh_is_ok() {
        for (freshness, want) in [
            (Freshness::Fresh { age: secs(1) }, Severity::Ok),
            (stale(2), Severity::Critical),
            (Freshness::NeverRan { holder: None }, Severity::Critical),
            (Freshness::Touched { age: secs(2), file: secs(1) }, Severity::Critical),
            (Freshness::Future { by: secs(1) }, Severity::Unknown),
            (Freshness::JustWoke { age: secs(2), awake: secs(1) }, Severity::Warning),
            (Freshness::NotCovered { missing: vec!["x".into()] }, Severity::Warning),
            (Freshness::ConfigBroken("x".into()), Severity::Warning),
        ] {
            assert_eq!(freshness.severity(), want, "{freshness:?}");
            assert_eq!(freshness.is_fresh(), want == Severity::Ok);
        }
    }
}
