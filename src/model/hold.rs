//! A hold: hands are kept off services while people work on them. A value and what it says; whether it is still in
//! force is the judge's to say.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::model::text::{human_duration, one_line};
use crate::model::time::{Now, Stamp};

/// The version of the form that this program writes.
pub const VERSION: u32 = 1;

/// No hold lasts longer, whatever its file says.
pub const LONGEST: Duration = Duration::from_hours(7 * 24);

/// Characters shown of a reason and of a name.
const SHOWN: (usize, usize) = (120, 60);

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// See [`VERSION`].
    pub version: u32,
    /// What it is on; empty for all services.
    #[serde(default)]
    pub services: Vec<String>,
    /// When it was placed.
    pub since: Stamp,
    /// How long it lasts from then, in seconds; more than [`LONGEST`] counts as that.
    pub lasts_secs: u64,
    /// Who placed it: a user's name.
    #[serde(default)]
    pub by: String,
    /// Why, in their words; empty when they did not say. Untrusted.
    #[serde(default)]
    pub reason: String,
    /// The process that it ends with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// It ends once its services have been seen up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub until_healthy: bool,
}

/// A process, which cannot be mistaken for a later one of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its id.
    pub pid: u32,
    /// When it started, in the system's own count.
    pub start: u64,
}

/// What was seen of a hold's services since it was placed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldSeen {
    /// Runs in a row that found all of them up.
    #[serde(default)]
    pub ups: u32,
    /// One of them was found down meanwhile.
    #[serde(default)]
    pub down: bool,
}

impl Hold {
    /// Whether it is on `service`.
    pub fn covers(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|name| name == service)
    }

    /// What is left of it; zero when its time is up. Within one boot by the boot clock, so that a wall clock that
    /// is set makes it neither eternal nor void; after a restart of the host by the wall clock, but never longer than
    /// its whole length from that restart on.
    pub fn left(&self, now: &Now) -> Duration {
        let length = Duration::from_secs(self.lasts_secs).min(LONGEST);
        let minute = Duration::from_secs(60);
        let ahead = Duration::from_millis(self.since.since_boot_ms).saturating_sub(now.since_boot);
        if self.since.boot == now.boot && ahead > minute {
            // Of this boot, and yet to come: nobody placed it.
            return Duration::ZERO;
        }
        length.saturating_sub(now.elapsed(&self.since))
    }

    /// `web, db`, or `all services`.
    pub fn what(&self) -> String {
        if self.services.is_empty() {
            return "all services".into();
        }
        let names: Vec<_> = self.services.iter().take(10).map(|n| one_line(n, SHOWN.1)).collect();
        let more = self.services.len() - names.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", names.join(", "))
    }

    /// `until 14:20Z by root (deploy)`; with the date where that is not today's.
    pub fn words(&self, now: &Now) -> String {
        let left = SignedDuration::try_from(self.left(now)).unwrap_or_default();
        let end = now.wall.checked_add(left).unwrap_or(now.wall);
        let same_day = end.strftime("%F").to_string() == now.wall.strftime("%F").to_string();
        let end = end.strftime(if same_day { "%H:%MZ" } else { "%F %H:%MZ" });
        let healthy = if self.until_healthy { " or healthy" } else { "" };
        format!("until {end}{healthy} {}", self.by())
    }

    /// `by root (deploy)`.
    pub fn by(&self) -> String {
        let by = if self.by.is_empty() { "somebody" } else { &self.by };
        let reason = one_line(self.reason.trim(), SHOWN.0);
        let reason = if reason.is_empty() { reason } else { format!(" ({reason})") };
        format!("by {}{reason}", one_line(by, SHOWN.1))
    }

    /// How it ends, beside by its time: `20m left; ends with pid 17`.
    pub fn ends(&self, now: &Now) -> String {
        let owner = self.owner.map(|owner| format!("; ends with pid {}", owner.pid));
        let left = human_duration(Duration::from_secs(self.left(now).as_secs()));
        format!("{left} left{}", owner.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(boot: &str, wall: i64, since_boot: u64) -> Now {
        Now {
            wall: jiff::Timestamp::from_second(wall).unwrap(),
            boot: boot.into(),
            since_boot: Duration::from_secs(since_boot),
        }
    }

    fn hold(lasts_secs: u64) -> Hold {
        Hold {
            version: VERSION,
            services: vec!["web".into()],
            since: now("a", 1_767_225_600, 5000).stamp(),
            lasts_secs,
            by: "root".into(),
            reason: "deploy".into(),
            owner: None,
            until_healthy: false,
        }
    }

    #[test]
    fn a_clock_that_is_set_makes_it_neither_eternal_nor_void() {
        let start = 1_767_225_600;
        for (boot, wall, since_boot, left) in [
            ("a", start + 60, 5060, 1140),
            ("a", start + 1200, 6200, 0),
            // Set back and forward by years within one boot.
            ("a", 0, 5060, 1140),
            ("a", start * 2, 5060, 1140),
            // Of this boot, and yet to come.
            ("a", start, 100, 0),
            // After a restart.
            ("b", start + 600, 30, 600),
            ("b", 0, 30, 1170),
            ("b", 0, 1200, 0),
            ("b", start * 2, 30, 0),
        ] {
            let now = now(boot, wall, since_boot);
            assert_eq!(hold(1200).left(&now).as_secs(), left, "{now:?}");
        }
        assert_eq!(hold(u64::MAX).left(&now("a", start, 5000)), LONGEST);
    }

    #[test]
    fn it_says_what_until_when_by_whom_and_why() {
        let at = now("a", 1_767_225_600, 5000);
        assert_eq!(hold(1200).words(&at), "until 00:20Z by root (deploy)");
        let healthy = Hold { until_healthy: true, reason: String::new(), ..hold(90_000) };
        assert_eq!(healthy.words(&at), "until 2026-01-02 01:00Z or healthy by root");
        let odd = Hold { by: String::new(), reason: "a\nb\u{1b}[m".into(), ..hold(1200) };
        assert!(!odd.words(&at).contains(['\n', '\u{1b}']), "{}", odd.words(&at));
        assert!(odd.words(&at).contains("by somebody"));
        let all = Hold { services: vec![], ..hold(1) };
        assert_eq!((all.what(), all.covers("x")), ("all services".into(), true));
        let many = Hold { services: (0..12).map(|n| format!("s{n}")).collect(), ..hold(1) };
        assert!(many.what().ends_with("s9 and 2 more") && !many.covers("web"));
        let owned = Hold { owner: Some(Owner { pid: 17, start: 1 }), ..hold(1200) };
        assert_eq!(owned.ends(&at), "20m left; ends with pid 17");
    }
}
