//! The host's own budget beside those of its services: so many attempts in a run and in a day. Counts only;
//! the services' own budgets are in `budget`.

use std::time::Duration;

use crate::model::policy::Allowance;
use crate::model::text::{human_duration, plural};
use crate::model::time::{Now, Stamp};

/// The window of the long count.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Notes that something is about to be done, and forgets what is older than a day, or too much of it.
pub fn spend(acts: &mut Vec<Stamp>, allowance: &Allowance, now: &Now) {
    acts.retain(|at| now.elapsed_at_least(at) < DAY);
    acts.push(now.stamp());
    let kept = usize::try_from(allowance.day).unwrap_or(usize::MAX).max(1);
    if acts.len() > kept {
        acts.drain(..acts.len() - kept);
    }
}

/// Why nothing more may be done on this host for now, after `run` attempts in this run; none when something may.
pub fn used_up(acts: &[Stamp], run: u32, allowance: &Allowance, now: &Now) -> Option<Used> {
    if run >= allowance.run {
        return Some(Used::Run(run));
    }
    let mut left: Vec<Duration> = acts
        .iter()
        .map(|at| DAY.saturating_sub(now.elapsed_at_least(at)))
        .filter(|left| !left.is_zero())
        .collect();
    let room = usize::try_from(allowance.day).unwrap_or(usize::MAX);
    if left.len() < room {
        return None;
    }
    left.sort_unstable();
    Some(Used::Day { count: left.len(), left: left[left.len() - room] })
}

/// Which count is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Used {
    /// This run's, with its attempts: the next run goes on.
    Run(u32),
    /// The day's.
    Day {
        /// Attempts within the last day.
        count: usize,
        /// Until there is room for one.
        left: Duration,
    },
}

impl Used {
    /// For a person, on one line.
    pub fn words(&self) -> String {
        match self {
            Self::Run(count) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                format!("this run has made {} (`heals_per_run`)", plural(count, "attempt"))
            }
            Self::Day { count, left } => format!(
                "this host has seen {} within a day (`heals_per_day`); there is room again in {}",
                plural(*count, "attempt"),
                human_duration(*left)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::support::{now, rebooted, secs};

    const THREE: Allowance = Allowance { run: 2, day: 3 };

    fn spent(times: &[u64]) -> Vec<Stamp> {
        let mut acts = Vec::new();
        for at in times {
            spend(&mut acts, &THREE, &now(*at));
        }
        acts
    }

    #[test]
    fn a_run_and_a_day_have_room_for_so_many() {
        assert_eq!(used_up(&spent(&[10, 20]), 1, &THREE, &now(30)), None);
        assert_eq!(used_up(&spent(&[10, 20]), 2, &THREE, &now(30)), Some(Used::Run(2)));
        let day = used_up(&spent(&[10, 20, 30]), 0, &THREE, &now(40)).unwrap();
        assert_eq!(day, Used::Day { count: 3, left: DAY.saturating_sub(secs(30)) });
        assert_eq!(
            day.words(),
            "this host has seen 3 attempts within a day (`heals_per_day`); there is room again in \
             23h 59m"
        );
        assert_eq!(used_up(&spent(&[10, 20, 30]), 0, &THREE, &now(24 * 3600 + 10)), None);
    }

    #[test]
    fn a_reboot_gives_no_new_budget_and_no_clock_does() {
        let acts = spent(&[10, 20, 30]);
        assert!(used_up(&acts, 0, &THREE, &rebooted(100_000_000, 60)).is_some());
        assert_eq!(used_up(&acts, 0, &THREE, &rebooted(60, 24 * 3600)), None);
    }

    #[test]
    fn no_more_is_remembered_than_is_counted() {
        assert_eq!(spent(&[1, 2, 3, 4, 5]), spent(&[3, 4, 5]));
        assert_eq!(spent(&[1, 24 * 3600 + 1]).len(), 1);
    }
}
