//! `load:?per_core=2`: the host is not overloaded, by its one-minute load average. Says nothing of why it is.

use crate::model::fields::Fields;
use crate::probe::Answer;
use crate::probe::memory::nothing;
use crate::sys::host;

/// How high the load may be.
#[derive(Debug, Clone)]
pub struct Load {
    per_core: Option<f64>,
    max: Option<f64>,
}

impl Load {
    /// No target. Keys: `per_core` (the load divided by the processors; 4 unless `max` is given), `max` (the
    /// load itself).
    pub(super) fn read(target: &str, fields: &mut Fields<'_>) -> Option<Self> {
        let (per_core, max) = (fields.number("per_core"), fields.number("max"));
        let per_core = if per_core.is_none() && max.is_none() { Some(4.0) } else { per_core };
        nothing("load", target, fields).then_some(Self { per_core, max })
    }

    pub(super) fn look(&self) -> Answer {
        match host::load() {
            Ok([load, ..]) => self.judge(load, host::cpus()),
            Err(why) => Answer::unknown(why),
        }
    }

    fn judge(&self, load: f64, cpus: usize) -> Answer {
        #[expect(clippy::cast_precision_loss, reason = "no host has 2^52 processors")]
        let each = load / cpus as f64;
        let seen = format!("load {load:.2}, {each:.2} per core");
        let over = match (self.max, self.per_core) {
            (Some(max), _) if load > max => Some(format!("more than {max}")),
            (_, Some(most)) if each > most => Some(format!("more than {most} per core")),
            _ => None,
        };
        match over {
            Some(over) => Answer::down(format!("{seen}, {over}")),
            None => Answer::up(""),
        }
        .saying(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::tests::look;

    #[test]
    fn load_is_held_to_its_limits() {
        for (per_core, max, reason) in [
            (Some(2.0), None, "load 9.00, 2.25 per core, more than 2 per core"),
            (Some(2.25), None, ""),
            (None, Some(8.5), "load 9.00, 2.25 per core, more than 8.5"),
            (Some(9.0), Some(9.0), ""),
        ] {
            let answer = Load { per_core, max }.judge(9.0, 4);
            assert_eq!(answer.verdict.reason(), reason, "{per_core:?} {max:?}");
        }
        let seen = look("load:?max=1000000");
        assert!(seen.verdict.is_up() && seen.detail.starts_with("load "), "{seen:?}");
    }
}
