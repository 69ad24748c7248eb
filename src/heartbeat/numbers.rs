//! What a ping says in numbers, for the services that keep numbers. Renders nothing.

use std::time::Duration;

use jiff::Timestamp;

use crate::heartbeat::{Ping, Signal};
use crate::model::time::lapse;

/// One measure, of the host or of each service.
pub(super) struct Number {
    /// Without a prefix: `up`, `service_status`.
    pub(super) name: &'static str,
    /// What it is, in a sentence.
    pub(super) help: &'static str,
    /// Whether it is in seconds.
    pub(super) seconds: bool,
    /// The service that a value is of, if it is of one; and the value.
    pub(super) values: Vec<(Option<String>, f64)>,
}

/// The numbers of `ping`, sent at `now`. A last success is only among them when this is one.
pub(super) fn of(ping: &Ping<'_>, now: Timestamp) -> Vec<Number> {
    let one = |name, help, seconds, value: f64| Number {
        name,
        help,
        seconds,
        values: vec![(None, value)],
    };
    let up = if ping.is_bad() { 0.0 } else { 1.0 };
    let mut all = vec![one("up", "Whether the last ping said that all is well.", false, up)];
    if !ping.is_bad() {
        let help = "When a ping last said that all is well.";
        all.push(one("last_success_timestamp", help, true, seconds(now)));
    }
    if let Signal::ExitCode(code) = ping.signal {
        all.push(one("job_exit_status", "How the job ended.", false, f64::from(code)));
    }
    if let Some(took) = ping.took {
        all.push(one("job_duration", "How long the job ran.", true, took.as_secs_f64()));
    }
    let Some(facts) = ping.facts else { return all };
    if let Some((finished, took)) = facts.cycle {
        let help = "When the last complete cycle ended.";
        all.push(one("cycle_timestamp", help, true, seconds(finished)));
        all.push(one("cycle_duration", "How long it took.", true, took.as_secs_f64()));
    }
    if !facts.services.is_empty() {
        let values = facts.services.iter();
        let values = values.map(|(name, health)| (Some(name.clone()), f64::from(health.code())));
        all.push(Number {
            name: "service_status",
            help: "0 ok, 1 warning, 2 critical, 3 unknown.",
            seconds: false,
            values: values.collect(),
        });
    }
    all
}

/// Whole seconds since 1970.
fn seconds(at: Timestamp) -> f64 {
    let since = lapse(Timestamp::UNIX_EPOCH, at);
    Duration::from_secs(since.as_secs()).as_secs_f64()
}
