//! `memory:?free=5%`: the host has memory left that programs can get without swapping. Caches count as left.

use crate::model::fields::Fields;
use crate::model::measure::Unit;
use crate::model::text::human_size;
use crate::model::trail::Before;
use crate::probe::room::{Left, Room};
use crate::probe::{Answer, At};
use crate::sys::host;

/// How much of the memory must be available.
#[derive(Debug, Clone)]
pub struct Memory {
    room: Room,
}

impl Memory {
    /// No target. Keys: those of [`Room`]; 5% must be available unless anything is given.
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let room = Room::read(Unit::Bytes, 5.0, fields);
        nothing("memory", target, fields).then_some(Self { room })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        match host::memory() {
            Ok(memory) => self.judge(memory, at.before),
            Err(why) => Answer::unknown(why),
        }
    }

    fn judge(&self, memory: host::Memory, before: &Before) -> Answer {
        let left = Left { free: memory.available, total: memory.total };
        let (available, all) = (human_size(left.free), human_size(left.total));
        let said = format!("{available} of {all} available ({:.1}%)", left.share());
        let answer = Answer::up(&said);
        let answer = self.room.hold(answer, "available", left, &format!("memory: {said}"), before);
        answer.hinting("see who uses it: `ps -eo rss,pid,user,args --sort=-rss | head`")
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
    use crate::probe::Kind;
    use crate::probe::tests::{look, probe, problem};

    #[test]
    fn memory_is_held_to_its_limits() {
        let memory = host::Memory { total: 100 << 20, available: 4 << 20 };
        let seen = "memory: 4.0 MiB of 100.0 MiB available (4.0%)";
        for (keys, word, less) in [
            ("", "down", "less than 5%"),
            ("free=4%", "up", ""),
            ("free=5M", "down", "less than 5.0 MiB"),
            ("warn=10%&crit=4%", "up", "less than 10%"),
        ] {
            let Kind::Memory(asked) = probe(&format!("memory:?{keys}")).kind else {
                unreachable!()
            };
            let answer = asked.judge(memory, &Before::Nowhere);
            let said = answer.warning.as_deref().unwrap_or(answer.verdict.reason());
            let want = if less.is_empty() { String::new() } else { format!("{seen}, {less}") };
            assert_eq!((answer.verdict.word(), said), (word, want.as_str()), "{keys}");
        }
        let seen = look("memory:?free=0%");
        assert!(seen.verdict.is_up() && seen.detail.contains(" available ("), "{seen:?}");
        assert!(problem("memory:x").contains("`memory` takes no target"));
    }
}
