//! `swap:?crit=80%`: the host has not swapped out too much. A host without swap is well. Says nothing of who uses it.

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::range::Range;
use crate::model::text::human_size;
use crate::model::trail::Before;
use crate::probe::limits::{Limits, MAIN};
use crate::probe::memory::nothing;
use crate::probe::room::percent;
use crate::probe::{Answer, At};
use crate::sys::host;

/// How much of it may be in use.
#[derive(Debug, Clone)]
pub struct Swap {
    used: Limits,
}

impl Swap {
    /// No target. Keys: `warn`, `crit`, `clear_below` (the share in use; at most 90% unless anything is given).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let used = Limits::read(&MAIN, Unit::Percent, fields);
        let used = used.or_crit(Range::at_most(90.0, Unit::Percent));
        nothing("swap", target, fields).then_some(Self { used })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        match host::swap() {
            Ok(swap) => self.judge(swap, at.before),
            Err(why) => Answer::unknown(why),
        }
    }

    fn judge(&self, swap: host::Swap, before: &Before) -> Answer {
        if swap.total == 0 {
            return Answer::up("no swap");
        }
        let used = swap.total.saturating_sub(swap.free);
        let share = percent(used, swap.total);
        let (left, all) = (human_size(used), human_size(swap.total));
        let said = format!("{left} of {all} in use ({share:.1}%)");
        let number = Measure::new("used", share, Unit::Percent).between(Some(0.0), Some(100.0));
        let answer = Answer::up(&said);
        let answer = self.used.hold(answer, number, &format!("swap: {said}"), before);
        answer.hinting("see who uses it: `grep VmSwap /proc/[0-9]*/status | sort -nk2 | tail`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Kind;
    use crate::probe::tests::{look, probe, problem};

    #[test]
    fn swap_in_use_is_held_to_its_limits() {
        for (keys, total, free, word, reason) in [
            ("", 0, 0, "up", ""),
            ("", 100 << 20, 10 << 20, "up", ""),
            (
                "",
                100 << 20,
                9 << 20,
                "down",
                "swap: 91.0 MiB of 100.0 MiB in use (91.0%), more than 90%",
            ),
            (
                "crit=50%",
                100 << 20,
                49 << 20,
                "down",
                "swap: 51.0 MiB of 100.0 MiB in use (51.0%), more than 50%",
            ),
            (
                "warn=50%",
                100 << 20,
                49 << 20,
                "up",
                "swap: 51.0 MiB of 100.0 MiB in use (51.0%), more than 50%",
            ),
        ] {
            let Kind::Swap(swap) = probe(&format!("swap:?{keys}")).kind else { unreachable!() };
            let answer = swap.judge(host::Swap { total, free }, &Before::Nowhere);
            let said = answer.warning.as_deref().unwrap_or(answer.verdict.reason());
            assert_eq!((answer.verdict.word(), said), (word, reason), "{keys} {total} {free}");
        }
        assert!(look("swap:?crit=100%").verdict.is_up());
        assert!(problem("swap:x").contains("`swap` takes no target"));
    }
}
