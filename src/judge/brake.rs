//! Many services down at once, and the host itself has a trouble that explains it: then healing is braked, and
//! the trouble is named. Guesses nothing: without a sign there is no common cause, however many are down.

use std::time::Duration;

use crate::model::text::human_duration;

/// So many services down at once may have one cause.
const MANY: usize = 3;

/// What was seen of the host itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signs {
    /// File systems that nothing can be written to, each with why: `/var` and `full`.
    pub unwritable: Vec<(String, String)>,
    /// Processes that the kernel killed for want of memory since the last cycle.
    pub oom_kills: u64,
    /// Share of memory that is still available, from 0 to 1.
    pub memory: Option<f64>,
    /// Load average of one minute for each processor.
    pub load: Option<f64>,
    /// How long ago the host was booted, when that was since the last cycle.
    pub booted: Option<Duration>,
    /// How long the host has slept since the last cycle.
    pub slept: Duration,
}

/// Whether so many are down that they may have one cause.
pub fn many(down: usize) -> bool {
    down >= MANY
}

/// The trouble of the host that explains why `down` services are down at once, in words; none when they are few
/// or when nothing is wrong with the host.
///
/// Under a brake one service is healed at a time, and none after one that could not be: what the host itself
/// causes no restart mends, and many at once make it worse.
pub fn common_cause(down: usize, signs: &Signs) -> Option<String> {
    if !many(down) {
        return None;
    }
    let mut words: Vec<String> =
        signs.unwritable.iter().map(|(place, why)| format!("`{place}` is {why}")).collect();
    if signs.oom_kills > 0 {
        let many = match signs.oom_kills {
            1 => "a process".to_owned(),
            count => format!("{count} processes"),
        };
        words.push(format!("the kernel killed {many} for want of memory since the last cycle"));
    }
    if let Some(left) = signs.memory.filter(|left| *left < 0.02) {
        words.push(format!("only {:.1} % of memory is available", left * 100.0));
    }
    if let Some(load) = signs.load.filter(|load| *load >= 10.0) {
        words.push(format!("the host is overloaded: {load:.0} tasks for each processor"));
    }
    if let Some(ago) = signs.booted {
        words.push(format!("the host was booted {} ago", human_duration(ago)));
    }
    if !signs.slept.is_zero() {
        words.push(format!("the host has just slept for {}", human_duration(signs.slept)));
    }
    (!words.is_empty()).then(|| words.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_cause_needs_many_that_are_down_and_a_sign() {
        let full = Signs { unwritable: vec![("/var".into(), "full".into())], ..Signs::default() };
        assert_eq!(common_cause(2, &full), None);
        assert_eq!(common_cause(30, &Signs::default()), None);
        assert_eq!(common_cause(3, &full).as_deref(), Some("`/var` is full"));
    }

    #[test]
    fn every_sign_has_its_words_and_what_is_well_has_none() {
        let secs = Duration::from_secs;
        for (signs, want) in [
            (Signs { memory: Some(0.02), load: Some(9.9), ..Signs::default() }, None),
            (
                Signs { memory: Some(0.014), ..Signs::default() },
                Some("only 1.4 % of memory is available"),
            ),
            (
                Signs { load: Some(24.6), ..Signs::default() },
                Some("the host is overloaded: 25 tasks for each processor"),
            ),
            (
                Signs { oom_kills: 1, ..Signs::default() },
                Some("the kernel killed a process for want of memory since the last cycle"),
            ),
            (
                Signs { oom_kills: 4, booted: Some(secs(200)), ..Signs::default() },
                Some(
                    "the kernel killed 4 processes for want of memory since the last cycle; the \
                     host was booted 3m 20s ago",
                ),
            ),
            (
                Signs { slept: secs(7200), ..Signs::default() },
                Some("the host has just slept for 2h"),
            ),
        ] {
            assert_eq!(common_cause(3, &signs).as_deref(), want, "{signs:?}");
        }
    }
}
