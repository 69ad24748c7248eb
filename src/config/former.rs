//! Keys that are not where or what they used to be: of the scripts that this program replaces, and keys
//! written into the wrong table. Says what to write; understands nothing.

use crate::config::policy;
use crate::model::node::{Entry, Node, Value};
use crate::model::place::Problems;

/// Top-level keys that exist; in a service they have slipped below its header.
const TOP: [&str; 6] = ["fresh_for", "deadline", "jobs", "heartbeat", "notify", "defaults"];

/// Takes the top-level keys out that have a better answer than "no such key".
pub(super) fn without_former(entries: Vec<Entry>, problems: &mut Problems) -> Vec<Entry> {
    let (known, odd): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| advice(&entry.key).is_none());
    for entry in odd {
        let hint = advice(&entry.key).unwrap_or_default();
        problems.at_with_hint(&entry.place, format!("the config has no key `{}`", entry.key), hint);
    }
    known
}

/// Takes the keys out of a service that belong to the top of the file: in TOML, what follows a header is in
/// its table.
pub(super) fn without_misplaced(node: Node, problems: &mut Problems) -> Node {
    let Value::Table(entries) = node.value else { return node };
    let (own, odd): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| !TOP.contains(&entry.key.as_str()));
    for Entry { key, place, .. } in odd {
        let hint = format!("`{key}` belongs above the first `[[service]]`");
        problems.at_with_hint(&place, format!("service has no key `{key}`"), hint);
    }
    Node { value: Value::Table(own), place: node.place }
}

fn advice(key: &str) -> Option<String> {
    if policy::KEYS.contains(&key) {
        return Some(format!("write `{key}` under `[defaults]`, or in a service"));
    }
    let advice = match key {
        "services" | "monitored_services" => "write each one as a `[[service]]`",
        "heartbeats" => "write each one as a `[[heartbeat]]`",
        "check_interval" => "none is needed: cron or a timer decides how often `heal` runs",
        "failure_threshold" => "write `fail_after` under `[defaults]`",
        "self_healing_enabled" => "write `heal = \"off\"` under `[defaults]` to only look and tell",
        "alert_on_success" => "write `on = [\"failed\", \"resolved\"]` in a `[[notify]]`",
        "owner_email" => "write `to = [\"me@example.org\"]` in a `[[notify]]`",
        "smtp_server" | "smtp_port" | "smtp_user" => {
            "write `smtp = \"smtps://USER@HOST\"` in a `[[notify]]`"
        }
        "smtp_password" => "write `password_file = \"/PATH\"` in a `[[notify]]`",
        "healthcheck_name" | "healthcheck_ping_url" | "healthcheck_urls" => {
            "write a `[[heartbeat]]` with `name` and `url_file`"
        }
        "healthcheck_interval" => "write `period = \"5m\"` in a `[[heartbeat]]`",
        "healthcheck_grace" => "write `grace = \"10m\"` in a `[[heartbeat]]`",
        "healthcheck_enabled" => "leave the `[[heartbeat]]` out when there is none",
        "healthcheck_services" => {
            "a ping tells of every service, or of those in `services` of its `[[heartbeat]]`"
        }
        _ => return None,
    };
    Some(advice.to_owned())
}
