//! What became of the host and of this program since the last complete cycle: it was restarted, it slept, its
//! clock was set, nobody looked. Told by boot id and the clocks that no one can set; reads none of them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::policy::Policy;
use crate::model::state::Cycle;
use crate::model::story::Change;
use crate::model::text::human_duration;
use crate::model::time::{Now, lapse};

/// How a notice of such a time begins.
const UNSEEN: &str = "nobody looked";
/// Less sleep than this is none: the clocks are not read at one moment.
const SLEEP: Duration = Duration::from_secs(60);
/// A wall clock that is set by less than this is being kept right.
const SET: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Since {
    /// Set when this is another boot: how long ago that was.
    pub booted: Option<Duration>,
    /// How long the host slept; zero when it did not, or was off.
    pub slept: Duration,
    /// How far the wall clock was set, forward when positive; zero when it was not, or that cannot be told.
    pub set: SignedDuration,
    /// From when to when nobody looked although the host was awake for longer than that is usual, or off.
    pub unseen: Option<(Timestamp, Timestamp)>,
    /// How long the host was awake meanwhile, as far as that is known.
    pub awake: Duration,
    /// It was run more often before: that nobody looked is not how it always is here.
    pub out_of_rhythm: bool,
}

impl Since {
    /// Compares the last cycle with `now`. `awake` is the time awake since boot, `usual` how long a cycle may
    /// be the last one before somebody should wonder.
    pub fn cycle(last: &Cycle, awake: Duration, usual: Duration, now: &Now) -> Self {
        let finished = &last.finished;
        let gone = now.elapsed(finished);
        let unseen = (gone > usual).then_some((finished.wall, now.wall));
        let before = last.after_ms.map(Duration::from_millis);
        let out_of_rhythm = before.is_some_and(|before| before <= usual);
        if finished.boot != now.boot {
            let (booted, awake) = (Some(now.since_boot), awake.min(now.since_boot));
            return Self { booted, unseen, awake, out_of_rhythm, ..Self::default() };
        }
        let awake = last
            .awake_ms
            .and_then(|then| awake.checked_sub(Duration::from_millis(then)))
            .map_or(gone, |awake| awake.min(gone));
        let slept = gone.saturating_sub(awake);
        let by_wall = now.wall.duration_since(finished.wall);
        let set =
            SignedDuration::try_from(gone).map_or(SignedDuration::ZERO, |gone| by_wall - gone);
        Self {
            booted: None,
            slept: if slept < SLEEP { Duration::ZERO } else { slept },
            set: if set.unsigned_abs() < SET { SignedDuration::ZERO } else { set },
            unseen,
            awake,
            out_of_rhythm,
        }
    }

    /// What is worth writing down, a sentence each; nothing when a cycle followed the other as usual.
    pub fn notices(&self, usual: Duration) -> Vec<String> {
        let mut notices = Vec::new();
        if let Some((from, to)) = self.unseen {
            notices.push(format!("{UNSEEN} {}: {}", between(from, to), self.why(usual)));
        } else if let Some(ago) = self.booted {
            notices.push(format!("the host was restarted, {} ago", human_duration(ago)));
        } else if !self.slept.is_zero() {
            notices.push(format!("the host slept for {}", human_duration(self.slept)));
        }
        if !self.set.is_zero() {
            let way = if self.set.is_positive() { "forward" } else { "back" };
            let by = human_duration(self.set.unsigned_abs());
            notices.push(format!("the clock was set {way} by {by}"));
        }
        notices
    }

    /// What of it people should be told, and since when it was so. A host that slept is used to that, and a clock that
    /// was set is a line in the events; `asked` says that the restart was this program's own doing. Where
    /// it is run more seldom than `usual` there is a gap each time, which is shown, and no news.
    pub fn story(
        &self,
        usual: Duration,
        asked: bool,
        now: &Now,
    ) -> Option<(Change, String, Timestamp)> {
        let idle = self.awake > usual;
        match (self.unseen, self.booted) {
            (Some((from, _)), _) if idle && self.out_of_rhythm => {
                Some((Change::Gap, self.why(usual), from))
            }
            (unseen, Some(ago)) if !asked => {
                let text = match unseen {
                    Some(_) => self.why(usual),
                    None => format!("the host was restarted, {} ago", human_duration(ago)),
                };
                Some((Change::Restarted, text, unseen.map_or(now.wall, |(from, _)| from)))
            }
            _ => None,
        }
    }

    fn why(&self, usual: Duration) -> String {
        let idle = self.awake > usual;
        let awake = human_duration(self.awake);
        match self.booted {
            Some(ago) if idle => format!(
                "the host was off or restarting until {} ago, and this was not run since it is up",
                human_duration(ago)
            ),
            Some(ago) => {
                format!("the host was off or restarting until {} ago", human_duration(ago))
            }
            None if self.slept.is_zero() => {
                "the host was awake, but this was not run; is the schedule (cron, timer) alive?"
                    .into()
            }
            None if idle => format!(
                "the host slept for {}, and this was not run for {awake} while it was awake",
                human_duration(self.slept)
            ),
            None => format!("the host slept for {}", human_duration(self.slept)),
        }
    }
}

/// Whether a notice tells of a time when nobody looked.
pub fn is_unseen(notice: &str) -> bool {
    notice.starts_with(UNSEEN)
}

/// Why what is down is given time before anything is done about it, and how much; none when it is not.
///
/// After a boot services come up by themselves for `boot_grace`. After sleep, what is down in the first cycle
/// is believed by the second: connections, leases and clocks need a moment, and timeouts have run out at once.
pub fn grace(since: Option<&Since>, policy: &Policy, now: &Now) -> Option<(Duration, String)> {
    let left = policy.boot_grace.saturating_sub(now.since_boot);
    if !left.is_zero() {
        return Some((left, "the host has only just booted (`boot_grace`)".into()));
    }
    let slept = since.map(|since| since.slept).filter(|slept| !slept.is_zero())?;
    let why = format!(
        "the host has just slept for {}: looked at once more before it is healed",
        human_duration(slept)
    );
    Some((Duration::ZERO, why))
}

/// `from 2026-01-01 02:10Z to 06:00Z (3h 50m)`.
fn between(from: Timestamp, to: Timestamp) -> String {
    let same_day = from.strftime("%F").to_string() == to.strftime("%F").to_string();
    let end = to.strftime(if same_day { "%H:%MZ" } else { "%F %H:%MZ" });
    let lasted = lapse(from, to);
    let lasted = human_duration(Duration::from_secs(lasted.as_secs() / 60 * 60));
    format!("from {} to {end} ({lasted})", from.strftime("%F %H:%MZ"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::{now, rebooted, secs};

    const USUAL: Duration = Duration::from_secs(20 * 60);

    /// A cycle that finished `at` seconds after boot `a`, with so many of them awake.
    fn cycle(at: u64, awake: u64) -> Cycle {
        Cycle {
            finished: now(at).stamp(),
            took_ms: 0,
            command: "heal".into(),
            count: 1,
            awake_ms: Some(awake * 1000),
            after_ms: Some(60_000),
            services: Vec::new(),
            config_broken: None,
            oom_kills: None,
            host_line: String::new(),
        }
    }

    fn notices(awake: u64, at: &Now) -> Vec<String> {
        Since::cycle(&cycle(1000, 1000), secs(awake), USUAL, at).notices(USUAL)
    }

    #[test]
    fn what_happened_between_two_cycles_is_told_from_the_clocks() {
        let hours = |n: u64| n * 3600;
        let set = |at: u64, by: i64| {
            let now = now(at);
            Now { wall: now.wall + SignedDuration::from_secs(by), ..now }
        };
        for (awake, at, want) in [
            (1060, now(1060), &[][..]),
            (1060, now(1060 + 59), &[]),
            (1060, now(1060 + 300), &["the host slept for 5m"]),
            (
                1060,
                now(1060 + hours(4)),
                &["nobody looked from 2026-01-01 00:16Z to 04:17Z (4h 1m): the host slept for 4h"],
            ),
            (
                1000 + hours(4),
                now(1000 + hours(4)),
                &["nobody looked from 2026-01-01 00:16Z to 04:16Z (4h): the host was awake, but \
                   this was not run; is the schedule (cron, timer) alive?"],
            ),
            (
                1000 + hours(2),
                now(1000 + hours(30)),
                &["nobody looked from 2026-01-01 00:16Z to 2026-01-02 06:16Z (1d 6h): the host \
                   slept for 1d 4h, and this was not run for 2h while it was awake"],
            ),
            (40, rebooted(1200, 40), &["the host was restarted, 40s ago"]),
            (
                40,
                rebooted(1000 + hours(2), 40),
                &["nobody looked from 2026-01-01 00:16Z to 02:16Z (2h): the host was off or \
                   restarting until 40s ago"],
            ),
            (
                hours(1),
                rebooted(1000 + hours(2), hours(1)),
                &["nobody looked from 2026-01-01 00:16Z to 02:16Z (2h): the host was off or \
                   restarting until 1h ago, and this was not run since it is up"],
            ),
            (1060, set(1060, 10_800), &["the clock was set forward by 3h"]),
            (1060, set(1060, -86_400 * 3650), &["the clock was set back by 3650d"]),
        ] {
            assert_eq!(notices(awake, &at), want, "{awake} {at:?}");
        }
    }

    #[test]
    fn people_are_told_of_gaps_and_restarts_and_not_of_sleep_or_clocks() {
        use Change::{Gap, Restarted};
        let hours = |n: u64| n * 3600;
        let seldom = Cycle { after_ms: Some(3_600_000), ..cycle(1000, 1000) };
        let seldom = Since::cycle(&seldom, secs(1000 + hours(4)), USUAL, &now(1000 + hours(4)));
        assert_eq!(seldom.story(USUAL, false, &now(1000 + hours(4))), None);
        for (awake, at, asked, want) in [
            (1060, now(1060), false, None),
            (1060, now(1060 + hours(4)), false, None), // slept
            (1000 + hours(4), now(1000 + hours(4)), false, Some((Gap, "is the schedule"))),
            (1000 + hours(2), now(1000 + hours(30)), false, Some((Gap, "was not run for 2h"))),
            (40, rebooted(1200, 40), false, Some((Restarted, "was restarted, 40s ago"))),
            (40, rebooted(1200, 40), true, None),
            (40, rebooted(1000 + hours(2), 40), false, Some((Restarted, "off or restarting"))),
            (40, rebooted(1000 + hours(2), 40), true, None),
            (hours(1), rebooted(1000 + hours(2), hours(1)), true, Some((Gap, "since it is up"))),
        ] {
            let since = Since::cycle(&cycle(1000, 1000), secs(awake), USUAL, &at);
            let told = since.story(USUAL, asked, &at);
            assert_eq!(told.as_ref().map(|it| it.0), want.map(|it| it.0), "{awake} {at:?}");
            let (Some((_, text, from)), Some((_, words))) = (told, want) else { continue };
            assert!(text.contains(words) && from <= at.wall, "{text}");
        }
    }

    #[test]
    fn a_host_that_has_just_booted_or_woken_is_given_time() {
        let policy = Policy::default();
        let since = |slept| Since { slept: secs(slept), ..Since::default() };
        assert_eq!(grace(None, &policy, &now(1000)), None);
        assert_eq!(grace(Some(&since(0)), &policy, &now(1000)), None);
        let (left, why) = grace(None, &policy, &now(30)).unwrap();
        assert_eq!((left, why.contains("boot_grace")), (secs(90), true));
        let (left, why) = grace(Some(&since(7200)), &policy, &now(9000)).unwrap();
        assert!(left.is_zero() && why.contains("slept for 2h"), "{why}");
        let none = Policy { boot_grace: Duration::ZERO, ..policy };
        assert_eq!(grace(None, &none, &now(1)), None);
    }
}
