//! `memory:?free=5%`: the host has memory left that programs can get without swapping. Caches count as left.

use crate::model::fields::Fields;
use crate::model::text::human_size;
use crate::probe::Answer;
use crate::probe::disk::percent;
use crate::sys::host;

/// What share of the memory must be available.
#[derive(Debug, Clone)]
pub struct Memory {
    free: f64,
}

impl Memory {
    /// No target. Key: `free`, a share such as `5%`, which it is unless given.
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let free = fields.percent("free").unwrap_or(5.0);
        nothing("memory", target, fields).then_some(Self { free })
    }

    pub(super) fn look(&self) -> Answer {
        match host::memory() {
            Ok(memory) => self.judge(memory),
            Err(why) => Answer::unknown(why),
        }
    }

    fn judge(&self, memory: host::Memory) -> Answer {
        let share = percent(memory.available, memory.total);
        let (left, all) = (human_size(memory.available), human_size(memory.total));
        let free = format!("{left} of {all} available ({share:.1}%)");
        if share < self.free {
            Answer::down(format!("memory: {free}, less than {}%", self.free))
        } else {
            Answer::up("")
        }
        .saying(free)
    }
}

/// True when `target` is empty, as it must be for a kind that is about the host itself; else a problem.
pub(super) fn nothing(kind: &str, target: &str, fields: &mut Fields<'_>) -> bool {
    if !target.trim().is_empty() {
        let hint = format!("write `{kind}:?…`, with nothing before the `?`");
        fields.problem("target", format!("`{kind}` takes no target, found `{target}`"), Some(hint));
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::{look, problem};

    #[test]
    fn memory_is_held_to_a_share() {
        let memory = host::Memory { total: 100 << 20, available: 4 << 20 };
        assert_eq!(
            Memory { free: 5.0 }.judge(memory).verdict.reason(),
            "memory: 4.0 MiB of 100.0 MiB available (4.0%), less than 5%"
        );
        assert!(Memory { free: 4.0 }.judge(memory).verdict.is_up());
        let seen = look("memory:?free=0%");
        assert!(seen.verdict.is_up() && seen.detail.contains(" available ("), "{seen:?}");
        assert!(problem("memory:x").contains("`memory` takes no target"));
    }
}
