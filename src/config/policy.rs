//! The policy keys, the same in `[defaults]` and in a service: what is not set stays as it was.

use std::time::Duration;

use crate::model::fields::Fields;
use crate::model::node::{Node, Value};
use crate::model::place::{Place, Problems};
use crate::model::policy::{Budget, Flapping, Policy, WhenStopped};
use crate::model::text::human_duration;
use crate::model::units::{parse_duration, parse_every};

/// Every policy key.
pub(super) const KEYS: [&str; 20] = [
    "timeout",
    "tries",
    "gap",
    "fail_after",
    "recover_after",
    "verify_for",
    "stable_for",
    "start_grace",
    "boot_grace",
    "max_heals",
    "cooldown",
    "cooldown_max",
    "retry_after",
    "flapping",
    "repeats",
    "remind_every",
    "when_stopped",
    "maintenance",
    "quiet_hours",
    "heal",
];

/// Reads the policy keys of `fields` over `base`. `deadline` bounds what can be waited for in one run.
pub(super) fn read(fields: &mut Fields<'_>, base: &Policy, deadline: Duration) -> Policy {
    let mut policy = base.clone();
    let places = Places::of(fields);
    set(&mut policy.timeout, fields.duration("timeout"));
    set(&mut policy.tries, count(fields, "tries", 10));
    set(&mut policy.gap, fields.duration_or_zero("gap"));
    set(&mut policy.fail_after, count(fields, "fail_after", 1000));
    set(&mut policy.recover_after, count(fields, "recover_after", 1000));
    set(&mut policy.verify_for, fields.duration("verify_for"));
    set(&mut policy.stable_for, fields.duration("stable_for"));
    set(&mut policy.start_grace, fields.duration_or_zero("start_grace"));
    set(&mut policy.boot_grace, fields.duration_or_zero("boot_grace"));
    set(
        &mut policy.max_heals,
        fields.parsed("max_heals", "a count and a time such as `5 per 10m`", budget),
    );
    set(&mut policy.cooldown, fields.duration_or_zero("cooldown"));
    set(&mut policy.cooldown_max, fields.duration_or_zero("cooldown_max"));
    set(&mut policy.retry_after, fields.duration("retry_after"));
    if let Some(node) = fields.node("flapping") {
        flapping(node, &mut policy.flapping, fields.problems());
    }
    set(
        &mut policy.repeats,
        fields.parsed("repeats", "a count and a time such as `3 per 7d`, or `off`", repeats),
    );
    set(
        &mut policy.remind_every,
        fields.parsed("remind_every", "a duration such as `4h`, or `never`", parse_every),
    );
    let stopped = [("heal", WhenStopped::Heal), ("respect", WhenStopped::Respect)];
    set(&mut policy.when_stopped, fields.one_of("when_stopped", &stopped));
    set(&mut policy.maintenance, fields.windows("maintenance"));
    set(&mut policy.quiet_hours, fields.windows("quiet_hours"));
    set(&mut policy.heal, fields.read("heal", "`on` or `off`", on_or_off));
    places.cross_check(&mut policy, deadline, fields);
    policy
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn count(fields: &mut Fields<'_>, key: &'static str, most: u64) -> Option<u32> {
    fields.whole(key, 1..=most).and_then(|number| u32::try_from(number).ok())
}

/// `5 per 10m`.
fn budget(text: &str) -> Result<Budget, String> {
    let (count, window) =
        text.split_once(" per ").ok_or_else(|| format!("`{text}` is no `COUNT per DURATION`"))?;
    let count = count
        .trim()
        .parse()
        .ok()
        .filter(|count| (1..=1000).contains(count))
        .ok_or_else(|| format!("`{count}` is no count from 1 to 1000"))?;
    let window = parse_duration(window)?;
    if window < Duration::from_secs(1) {
        return Err("the window must be at least `1s`".into());
    }
    Ok(Budget { count, window })
}

/// `3 per 7d`: no more than is remembered.
fn repeats(text: &str) -> Result<Option<Budget>, String> {
    if matches!(text, "never" | "off") {
        return Ok(None);
    }
    let limit = budget(text)?;
    if limit.count > 100 {
        return Err(format!("`{}` is more than the 100 heals that are remembered", limit.count));
    }
    if limit.window > Duration::from_hours(30 * 24) {
        return Err("the window is longer than the 30 days that are remembered".into());
    }
    Ok(Some(limit))
}

/// `"off"`, or `{ start = 55, stop = 25 }` in percent.
fn flapping(node: Node, set: &mut Option<Flapping>, problems: &mut Problems) {
    match &node.value {
        Value::Text(text) if text == "off" => return *set = None,
        Value::Bool(false) => return *set = None,
        Value::Table(_) => {}
        other => {
            let message = format!("`flapping` expects a table or `off`, found {}", other.kind());
            let hint = "write `flapping = { start = 55, stop = 25 }`, in percent, or `\"off\"`";
            return problems.at_with_hint(&node.place, message, hint);
        }
    }
    let place = node.place.clone();
    let mut fields = Fields::of_node("`flapping`", node, problems);
    let mut percent = |key| fields.whole(key, 1..=100).and_then(|share| u8::try_from(share).ok());
    let (start, stop) = (percent("start"), percent("stop"));
    fields.finish();
    let Some(base) = set.or(Policy::default().flapping) else { return };
    let (start, stop) = (start.unwrap_or(base.start), stop.unwrap_or(base.stop));
    if stop >= start {
        let message =
            format!("flapping would end (`stop`, {stop} %) where it begins (`start`, {start} %)");
        problems.at_with_hint(&place, message, "`stop` must be lower than `start`");
    }
    *set = Some(Flapping { start, stop });
}

fn on_or_off(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Text(text) => match text.as_str() {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Where the keys stand that must agree with others; none for those not set here.
struct Places {
    timeout: Option<Place>,
    verify_for: Option<Place>,
    stable_for: Option<Place>,
    cooldown_max: Option<Place>,
}

impl Places {
    fn of(fields: &Fields<'_>) -> Self {
        let place = |key| fields.has(key).then(|| fields.place_of(key));
        Self {
            timeout: place("timeout"),
            verify_for: place("verify_for"),
            stable_for: place("stable_for"),
            cooldown_max: place("cooldown_max"),
        }
    }

    fn cross_check(self, policy: &mut Policy, deadline: Duration, fields: &mut Fields<'_>) {
        let run = human_duration(deadline);
        if let Some(place) = self.timeout
            && policy.timeout >= deadline
        {
            let hint = format!("a run ends after {run} (`deadline`): no look may take that long");
            fields.problems().at_with_hint(&place, "`timeout` does not fit into a run", hint);
        }
        let proof = policy.verify_for + policy.stable_for;
        if let Some(place) = self.verify_for.or(self.stable_for)
            && proof >= deadline
        {
            let message = format!(
                "`verify_for` and `stable_for` together ({}) do not fit into a run",
                human_duration(proof)
            );
            let hint = format!("a run ends after {run}: make `deadline` longer, or these shorter");
            fields.problems().at_with_hint(&place, message, hint);
        }
        if policy.cooldown > policy.cooldown_max {
            match self.cooldown_max {
                Some(place) => {
                    let message = format!(
                        "`cooldown_max` ({}) is shorter than `cooldown` ({})",
                        human_duration(policy.cooldown_max),
                        human_duration(policy.cooldown)
                    );
                    fields.problems().at(&place, message);
                }
                // Only `cooldown` was set: a pause that starts longer than the usual longest stays as it is.
                None => policy.cooldown_max = policy.cooldown,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::node::Entry;

    #[test]
    fn every_key_in_the_list_is_read_and_every_key_read_is_in_the_list() {
        let place = Place::command_line(1);
        let entry = |key: &str, value| {
            let node = Node { value, place: place.clone() };
            Entry { key: key.into(), place: place.clone(), node }
        };
        // Wrong for every key: most take no list, and none takes a list of flags.
        let flag = Node { value: Value::Bool(true), place: place.clone() };
        let wrong = || Value::List(vec![flag.clone()]);
        let mut entries: Vec<_> = KEYS.iter().map(|key| entry(key, wrong())).collect();
        entries.push(entry("zzzzzzzzzzzzzzzz", Value::Null));
        let mut problems = Problems::default();
        let mut fields = Fields::new("it", place.clone(), entries, &mut problems);
        read(&mut fields, &Policy::default(), Duration::from_secs(240));
        fields.finish();
        assert_eq!(problems.0.len(), KEYS.len() + 1, "{problems}");
        let mut keys = KEYS;
        keys.sort_unstable();
        let hint = problems.0.last().unwrap().hint.clone().unwrap();
        assert_eq!(hint, format!("it has {}", keys.join(", ")));
    }

    #[test]
    fn repeats_are_a_budget_within_what_is_remembered() {
        let ok = Budget { count: 3, window: Duration::from_secs(7 * 86_400) };
        assert_eq!(repeats("3 per 7d"), Ok(Some(ok)));
        assert_eq!(repeats("off"), Ok(None));
        for bad in ["3", "101 per 7d", "3 per 31d", "0 per 7d", "on"] {
            assert!(repeats(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_budget_is_a_count_and_a_window() {
        let ok = Budget { count: 5, window: Duration::from_secs(600) };
        assert_eq!(budget("5 per 10m"), Ok(ok));
        for bad in ["5", "0 per 10m", "5 per 0s", "5 per", "x per 10m", "5 in 10m", "-1 per 1m"] {
            assert!(budget(bad).is_err(), "{bad}");
        }
    }
}
