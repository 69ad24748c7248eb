//! `load:?per_core=2`: the host is not overloaded, by its one-minute load average. Says nothing of why it is.

use crate::model::fields::Fields;
use crate::model::measure::{Measure, Unit};
use crate::model::range::Range;
use crate::model::trail::Before;
use crate::probe::limits::{Limits, MAIN, keys};
use crate::probe::memory::nothing;
use crate::probe::{Answer, At};
use crate::sys::host;

/// How high the load may be.
#[derive(Debug, Clone)]
pub struct Load {
    each: Limits,
    all: Limits,
}

impl Load {
    /// No target. Keys: `per_core` (the load divided by the processors; at most 4 unless anything is given),
    /// `warn`, `crit`, `clear_below` (the load itself), `max` (the same as `crit`).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let each = Limits::read(&keys!("per_core"), Unit::Plain, fields);
        let max = fields.number("max").map(|max| Range::at_most(max, Unit::Plain));
        let all = Limits::read(&MAIN, Unit::Plain, fields).with_crit(max);
        let each = if all.any() { each } else { each.or_crit(Range::at_most(4.0, Unit::Plain)) };
        nothing("load", target, fields).then_some(Self { each, all })
    }

    pub(super) fn look(&self, at: &At<'_>) -> Answer {
        match host::load() {
            Ok([load, ..]) => self.judge(load, host::cpus(), at.before),
            Err(why) => Answer::unknown(why),
        }
    }

    fn judge(&self, load: f64, cpus: usize, before: &Before) -> Answer {
        #[expect(clippy::cast_precision_loss, reason = "no host has 2^52 processors")]
        let each = load / cpus as f64;
        let number =
            |label, value| Measure::new(label, value, Unit::Plain).between(Some(0.0), None);
        let answer = Answer::up(format!("load {load:.2}, {each:.2} per core"));
        let answer =
            self.all.hold(answer, number("load1", load), &format!("load {load:.2}"), before);
        let said = format!("load {each:.2} per core");
        let answer = self.each.hold(answer, number("per_core", each), &said, before);
        answer.hinting("see what runs: `ps -eo pcpu,pid,user,args --sort=-pcpu | head`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Kind;
    use crate::probe::tests::{look, probe};

    #[test]
    fn load_is_held_to_its_limits() {
        for (keys, reason) in [
            ("per_core=2", "load 2.25 per core, more than 2"),
            ("per_core=2.25", ""),
            ("", ""),
            ("max=8.5", "load 9.00, more than 8.5"),
            ("crit=8", "load 9.00, more than 8"),
            ("per_core=9&max=9", ""),
        ] {
            let Kind::Load(load) = probe(&format!("load:?{keys}")).kind else { unreachable!() };
            let answer = load.judge(9.0, 4, &Before::Nowhere);
            assert_eq!(answer.verdict.reason(), reason, "{keys}");
            assert_eq!(answer.detail, "load 9.00, 2.25 per core");
            assert_eq!(answer.measures.len(), 2);
        }
        let seen = look("load:?max=1000000");
        assert!(seen.verdict.is_up() && seen.detail.starts_with("load "), "{seen:?}");
    }
}
