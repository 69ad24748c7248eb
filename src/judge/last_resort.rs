//! When the host may be rebooted, and what became of it when it was. Asks for no reboot itself.

use std::time::Duration;

use crate::judge::attempts::end_attempt;
use crate::model::incident::Outcome;
use crate::model::policy::Policy;
use crate::model::state::{Reboot, ServiceState};
use crate::model::strategy::Strategy;
use crate::model::text::human_duration;
use crate::model::time::Now;
use crate::model::verdict::Verdict;

/// At most one reboot in this time, whether or not it came about.
const EVERY: Duration = Duration::from_secs(86_400);
/// A host that was booted more recently is still on its way, or a reboot has just not helped.
const SETTLED: Duration = Duration::from_secs(600);

/// Whether the host may be rebooted now, as far as time is concerned; else why not. `last` is the last reboot that
/// was asked for.
pub fn may_reboot(last: Option<&Reboot>, now: &Now) -> Result<(), String> {
    if let Some(last) = last {
        let ago = now.elapsed(&last.at);
        if ago < EVERY {
            let ago = human_duration(ago);
            return Err(if last.at.boot == now.boot {
                format!("a reboot was asked for {ago} ago already, and did not come about")
            } else {
                format!(
                    "the host was rebooted for `{}` {ago} ago: once a day at most",
                    last.service
                )
            });
        }
    }
    if now.since_boot < SETTLED {
        let up = human_duration(now.since_boot);
        return Err(format!("the host was booted only {up} ago"));
    }
    Ok(())
}

/// Ends the attempt that was a reboot, by the first look after the boot that says something: up is healed, down is
/// not once `start_grace` is over. One that has not come about in ten minutes will not. True when it was ended.
pub fn conclude(state: &mut ServiceState, verdict: &Verdict, policy: &Policy, now: &Now) -> bool {
    let pending = state.attempts.last().filter(|a| {
        a.remedy == Strategy::Reboot.word() && a.outcome.is_none() && !a.did.is_empty()
    });
    let Some(attempt) = pending else { return false };
    let rebooted = attempt.at.boot != now.boot;
    let ago = now.elapsed(&attempt.at);
    let outcome = match verdict {
        Verdict::Up if rebooted => Outcome::Healed,
        Verdict::Down(reason) if rebooted && now.since_boot >= policy.start_grace => {
            Outcome::StillDown(format!("the host was rebooted, and it is down still: {reason}"))
        }
        Verdict::Up | Verdict::Down(_) if !rebooted && ago >= SETTLED => {
            Outcome::StillDown("the reboot that was asked for did not come about".into())
        }
        Verdict::Up | Verdict::Down(_) | Verdict::Unknown(_) => return false,
    };
    let (did, said) = (attempt.did.clone(), attempt.said.clone());
    end_attempt(state, did, said, outcome, ago);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::attempts::{about_to, begin_attempt};
    use crate::judge::support::{cycle, cycles, now, rebooted, secs, verdict};

    const DAY: u64 = 86_400;

    fn last() -> Reboot {
        Reboot {
            at: now(5000).stamp(),
            service: "web".into(),
            incident: "web-1".into(),
            why: "x".into(),
            rest: serde_json::Map::new(),
        }
    }

    #[test]
    fn once_a_day_and_never_soon_after_a_boot() {
        for (last, at, why) in [
            (None, now(600), None),
            (None, now(599), Some("was booted only 9m 59s ago")),
            (Some(last()), now(5000 + DAY - 1), Some("asked for 23h 59m ago already")),
            (Some(last()), now(5000 + DAY), None),
            (Some(last()), rebooted(5000 + DAY - 1, 5000), Some("once a day at most")),
            (Some(last()), rebooted(5000 + DAY, 5000), None),
            (Some(last()), rebooted(5000 + DAY, 599), Some("was booted only")),
            // The wall clock was set back: only the time since this boot counts.
            (Some(last()), rebooted(0, DAY - 1), Some("once a day at most")),
            (Some(last()), rebooted(0, DAY), None),
        ] {
            let got = may_reboot(last.as_ref(), &at).err();
            match (&got, why) {
                (None, None) => {}
                (Some(got), Some(why)) if got.contains(why) => {}
                _ => panic!("{at:?}: {got:?}, wanted {why:?}"),
            }
        }
    }

    /// One for which the host is being rebooted at `at`.
    fn rebooting() -> (ServiceState, u64) {
        let (mut state, at) = cycles("ud", &Policy::default());
        begin_attempt(&mut state, "reboot", &now(at));
        about_to(&mut state, "systemctl reboot");
        (state, at)
    }

    #[test]
    fn the_first_look_after_the_boot_says_whether_it_helped() {
        let down = |why: &str| Some(Outcome::StillDown(why.into()));
        let in_vain = "the host was rebooted, and it is down still: refused";
        let policy = Policy { start_grace: secs(90), ..Policy::default() };
        for (letter, after, booted_again, want) in [
            ('u', 60, Some(20), Some(Outcome::Healed)),
            ('d', 60, Some(20), None),
            ('?', 600, Some(500), None),
            ('d', 160, Some(90), down(in_vain)),
            ('u', 60, None, None),
            ('d', 599, None, None),
            ('d', 600, None, down("the reboot that was asked for did not come about")),
            ('u', 600, None, down("the reboot that was asked for did not come about")),
        ] {
            let (mut state, at) = rebooting();
            let at = booted_again.map_or(now(at + after), |up| rebooted(at + after, up));
            let ended = conclude(&mut state, &verdict(letter), &policy, &at);
            let attempt = state.attempts.last().unwrap();
            assert_eq!((ended, &attempt.outcome), (want.is_some(), &want), "{letter} {at:?}");
            assert_eq!(attempt.did, ["systemctl reboot"]);
        }
    }

    #[test]
    fn what_a_reboot_has_healed_is_remembered_as_healed_by_it() {
        let (mut state, at) = rebooting();
        let at = rebooted(at + 60, 20);
        conclude(&mut state, &verdict('u'), &Policy::default(), &at);
        let (state, _) = cycle(Some(&state), 'u', &Policy::default(), &at);
        assert_eq!(state.last_incident.unwrap().healed_by.as_deref(), Some("reboot"));
    }

    #[test]
    fn only_a_reboot_that_was_about_to_be_done_is_concluded() {
        let (mut state, at) = cycles("ud", &Policy::default());
        let after = rebooted(at + 600, 500);
        begin_attempt(&mut state, "service_restart", &now(at));
        assert!(!conclude(&mut state, &verdict('u'), &Policy::default(), &after));
        begin_attempt(&mut state, "reboot", &now(at));
        assert!(!conclude(&mut state, &verdict('u'), &Policy::default(), &after), "killed before");
    }
}
