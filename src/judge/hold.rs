//! Whether hands are kept off a service now: its holds and its maintenance windows, put together in this one place.
//! Decides only; whoever asks ends the holds that are over.

use crate::model::hold::{Hold, HoldSeen};
use crate::model::time::Now;
use crate::model::verdict::Verdict;
use crate::model::window::Window;

/// Why a hold is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Its time is up.
    Time,
    /// The process that it was to end with has ended.
    Owner,
    /// Its services were seen up.
    Healthy,
}

impl Over {
    /// For a person: `its time is up`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Time => "its time is up",
            Self::Owner => "the process that held has ended",
            Self::Healthy => "its services are up",
        }
    }
}

/// Why `hold` is over, if it is. `owner_runs` says whether its process still runs; it does not matter where it has none.
pub fn over(hold: &Hold, owner_runs: bool, now: &Now) -> Option<Over> {
    if hold.left(now).is_zero() {
        return Some(Over::Time);
    }
    (hold.owner.is_some() && !owner_runs).then_some(Over::Owner)
}

/// Why hands are kept off `service` now, in words: of several holds the one that lasts longest.
pub fn held<'h>(
    service: &str,
    maintenance: &[Window],
    holds: impl Iterator<Item = &'h Hold>,
    now: &Now,
) -> Option<String> {
    let hold = holds.filter(|hold| hold.covers(service)).max_by_key(|hold| hold.left(now));
    if let Some(hold) = hold.filter(|hold| !hold.left(now).is_zero()) {
        return Some(format!("held {}", hold.words(now)));
    }
    let window = maintenance.iter().find(|window| window.contains(now.wall))?;
    Some(format!("maintenance ({window})"))
}

/// What was seen of a hold's services so far, one more look at all of them taken in.
pub fn seen<'v>(before: &HoldSeen, verdicts: impl Iterator<Item = &'v Verdict>) -> HoldSeen {
    let (mut ups, mut down) = (before.ups.saturating_add(1), before.down);
    for verdict in verdicts {
        down |= verdict.is_down();
        if !verdict.is_up() {
            ups = 0;
        }
    }
    HoldSeen { ups, down }
}

/// Whether a hold that lasts until its services are healthy is over: all of them were up in as many runs in a row as
/// `recover_after` asks, the most that one of them asks; and in one more, if none was seen down since the hold began:
/// that one may have been before anything was done to them.
pub fn healthy(hold: &Hold, seen: &HoldSeen, recover_after: u32) -> bool {
    let wanted = recover_after.max(1).saturating_add(u32::from(!seen.down));
    hold.until_healthy && seen.ups >= wanted
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::judge::support::now;
    use crate::model::hold::{Owner, VERSION};

    fn hold(services: &[&str], lasts_secs: u64) -> Hold {
        Hold {
            version: VERSION,
            services: services.iter().map(ToString::to_string).collect(),
            since: now(1000).stamp(),
            lasts_secs,
            by: "root".into(),
            reason: "deploy".into(),
            owner: None,
            until_healthy: true,
        }
    }

    #[test]
    fn a_hold_ends_by_its_time_or_with_its_owner() {
        let owned = Hold { owner: Some(Owner { pid: 7, start: 1 }), ..hold(&[], 600) };
        for (hold, runs, at, want) in [
            (&hold(&[], 600), false, 1599, None),
            (&hold(&[], 600), false, 1600, Some(Over::Time)),
            (&owned, true, 1001, None),
            (&owned, false, 1001, Some(Over::Owner)),
            (&owned, true, 1600, Some(Over::Time)),
        ] {
            assert_eq!(over(hold, runs, &now(at)), want, "{hold:?} {runs} {at}");
        }
    }

    #[test]
    fn holds_and_windows_are_one_answer_and_the_longest_hold_is_named() {
        let always = [Window::parse("00:00-24:00 UTC", &TimeZone::UTC).unwrap()];
        let holds = [hold(&["web"], 600), hold(&[], 1200), hold(&["db"], 60)];
        let held = |service, windows: &[Window], holds: &[Hold], at| {
            held(service, windows, holds.iter(), &now(at))
        };
        let web = held("web", &[], &holds, 1100).unwrap();
        assert_eq!(web, "held until 00:36Z or healthy by root (deploy)");
        assert_eq!(held("db", &always, &holds, 1100), Some(web));
        assert_eq!(held("db", &always, &holds, 2200).unwrap(), "maintenance (00:00-24:00 UTC)");
        assert_eq!(held("db", &[], &holds, 2200), None);
        assert_eq!(held("mail", &[], &holds[..1], 1100), None);
    }

    #[test]
    fn healthy_is_up_after_a_fall_or_up_for_one_run_more() {
        let until = hold(&[], 600);
        for (runs, recover_after, want) in [
            ("u", 1, false),
            ("uu", 1, true),
            ("d", 1, false),
            ("du", 1, true),
            ("udu", 1, true),
            ("u?u", 1, false),
            ("u?uu", 1, true),
            ("du", 2, false),
            ("duu", 2, true),
            ("dudu", 2, false),
            ("uu", 2, false),
            ("uuu", 2, true),
        ] {
            let after = runs.chars().fold(HoldSeen::default(), |before, run| {
                let verdict = match run {
                    'u' => Verdict::Up,
                    'd' => Verdict::Down("x".into()),
                    _ => Verdict::Unknown("x".into()),
                };
                seen(&before, [&Verdict::Up, &verdict].into_iter())
            });
            assert_eq!(healthy(&until, &after, recover_after), want, "{runs} {recover_after}");
        }
        let by_time = Hold { until_healthy: false, ..until };
        assert!(!healthy(&by_time, &HoldSeen { ups: 9, down: true }, 1));
    }
}
