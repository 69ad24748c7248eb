//! The top level of the merged config: its own keys, its tables, and what must hold among them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::lines::Lines;
use crate::config::{Config, former, needs, policy, service, short};
use crate::heartbeat::Heartbeat;
use crate::manager::supervisord::server::Server;
use crate::model::fields::Fields;
use crate::model::node::{Entry, Node, Value};
use crate::model::place::{Place, Problems};
use crate::model::policy::{Allowance, Policy};
use crate::model::text::human_duration;
use crate::notify::Channel;
use crate::probe::Probe;

/// What to write when nothing is there.
const EXAMPLE: &str = "write at least\n[[service]]\nname = \"nginx\"\nport = 80";
const JSON_EXAMPLE: &str = "write at least\n{\"service\": [{\"name\": \"nginx\", \"port\": 80}]}";

/// Reads the top level. `complete` is false when a text is missing from it for its syntax errors: then
/// nothing is said about what is not there.
pub(super) fn read(
    entries: Vec<Entry>,
    files: &[Lines<'_>],
    complete: bool,
    problems: &mut Problems,
) -> Config {
    let file = files.first().map(|lines| Path::new(&**lines.file()));
    let start = Place::file(file.unwrap_or(Path::new("config")));
    let before = problems.0.len();
    let entries = former::without_former(entries, problems);
    let mut fields = Fields::new("the config", start.clone(), entries, problems);
    let name = fields.word("name");
    let fresh_for = at_least(&mut fields, "fresh_for", Duration::from_secs(60), Duration::MAX);
    let hour = Duration::from_secs(3600);
    let deadline = at_least(&mut fields, "deadline", Duration::from_secs(1), hour);
    let deadline = deadline.unwrap_or(Duration::from_secs(240));
    let jobs = fields.whole("jobs", 1..=1024).and_then(|jobs| usize::try_from(jobs).ok());
    let allowance = read_allowance(&mut fields);
    let spot = |text: &str, place: &Place, byte: usize| spot_in(files, text, place, byte);
    let choices = [("off", false), ("allowed", true)];
    let reboot = fields.one_of("reboot", &choices).unwrap_or(false);
    let gate = read_gate(&mut fields, &spot);
    let deploy_locks = read_deploy_locks(&mut fields);
    let defaults = fields.node("defaults");
    let supervisord = fields.node("supervisord");
    let [services, heartbeats, channels] =
        ["service", "heartbeat", "notify"].map(|key| tables(key, &mut fields));
    fields.finish();

    let supervisord = supervisord.and_then(|node| {
        let mut fields = Fields::of_node("`[supervisord]`", node, problems);
        if !fields.has("url") {
            fields.required("url");
        }
        let server = Server::read(&mut fields);
        fields.finish();
        server
    });
    let base = Policy::default();
    let policy = match defaults {
        Some(node) => {
            let mut fields = Fields::of_node("`[defaults]`", node, problems);
            let policy = policy::read(&mut fields, &base, deadline);
            fields.finish();
            policy
        }
        None => base,
    };
    let around = service::Around { defaults: &policy, deadline, reboot, spot: &spot };
    let services: Vec<_> =
        services.into_iter().map(|node| service::read(node, &around, problems)).collect();
    unique("service", services.iter().map(|s| (s.service.name.as_str(), &s.place)), problems);
    if complete {
        needs::check(&services, problems);
    }

    for (what, nodes) in [("heartbeat", &heartbeats), ("notify", &channels)] {
        let names: Vec<_> = nodes.iter().filter_map(name_in).collect();
        unique(what, names.iter().map(|(name, place)| (name.as_str(), place)), problems);
    }
    let heartbeats: Vec<_> = heartbeats
        .into_iter()
        .filter_map(|node| Heartbeat::read(Fields::of_node("heartbeat", node, problems)))
        .collect();
    let notify = read_channels(channels, problems);
    if complete {
        let of_heartbeats = heartbeats.iter().flat_map(|heartbeat| &heartbeat.services);
        for (name, place) in notify.iter().flat_map(|c| &c.routing.services).chain(of_heartbeats) {
            needs::exists(name, place, &services, problems);
        }
    }

    let nothing = services.is_empty() && heartbeats.is_empty();
    if nothing && complete && problems.0.len() == before {
        let json = file.is_some_and(super::is_json);
        let example = if json { JSON_EXAMPLE } else { EXAMPLE };
        problems.at_with_hint(&start, "no services and no heartbeats: nothing to do", example);
    }
    Config {
        name,
        fresh_for: fresh_for.unwrap_or(Duration::from_secs(20 * 60)),
        deadline,
        jobs: jobs.unwrap_or(super::JOBS),
        services: services.into_iter().map(|placed| placed.service).collect(),
        heartbeats,
        notify,
        gate,
        deploy_locks,
        supervisord,
        allowance,
    }
}

/// `heals_per_run` and `heals_per_day`.
fn read_allowance(fields: &mut Fields<'_>) -> Allowance {
    let usual = Allowance::default();
    let mut count = |key, usual| {
        fields.whole(key, 1..=10_000).and_then(|count| u32::try_from(count).ok()).unwrap_or(usual)
    };
    Allowance { run: count("heals_per_run", usual.run), day: count("heals_per_day", usual.day) }
}

/// `deploy_locks = […]`: files by which a deploy says that it is at work.
fn read_deploy_locks(fields: &mut Fields<'_>) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (text, place) in fields.placed_texts("deploy_locks").unwrap_or_default() {
        if text.starts_with('/') {
            paths.push(PathBuf::from(text));
        } else {
            let message = format!("`deploy_locks` expects absolute paths, found `{text}`");
            let hint = "write `deploy_locks = [\"/run/deploy.lock\"]`";
            fields.problems().at_with_hint(&place, message, hint);
        }
    }
    paths
}

/// `gate = […]`: probes in short form, of something beyond this host.
fn read_gate(fields: &mut Fields<'_>, spot: &dyn Fn(&str, &Place, usize) -> Place) -> Vec<Probe> {
    let mut probes = Vec::new();
    for (text, place) in fields.placed_texts("gate").unwrap_or_default() {
        let at = |byte| spot(&text, &place, byte);
        let probe = short::read(&text, Vec::new(), at, fields.problems());
        if probe.as_ref().is_some_and(|probe| probe.host().is_none()) {
            let message = format!("`{text}` cannot tell whether this host has a way out");
            let hint = "name something beyond this host, such as `tcp:1.1.1.1:443`";
            fields.problems().at_with_hint(&place, message, hint);
        }
        probes.extend(probe);
    }
    probes
}

/// The name that is written in a table, and where. Also of tables that turn out to be of no use: two of
/// the same name are two mistakes.
fn name_in(node: &Node) -> Option<(String, Place)> {
    let Value::Table(entries) = &node.value else { return None };
    let entry = entries.iter().find(|entry| entry.key == "name")?;
    let Value::Text(name) = &entry.node.value else { return None };
    Some((name.clone(), entry.node.place.clone()))
}

/// Channels that nobody named are numbered where their names would be the same: two may write to one person.
fn read_channels(nodes: Vec<Node>, problems: &mut Problems) -> Vec<Channel> {
    let mut taken: Vec<String> = nodes.iter().filter_map(name_in).map(|(name, _)| name).collect();
    let mut channels = Vec::new();
    for node in nodes {
        let named = name_in(&node).is_some();
        let Some(mut channel) = Channel::read(Fields::of_node("notify", node, problems)) else {
            continue;
        };
        if !named {
            let base = channel.name.clone();
            let mut count = 1;
            while taken.contains(&channel.name) {
                count += 1;
                channel.name = format!("{base}-{count}");
            }
            taken.push(channel.name.clone());
        }
        channels.push(channel);
    }
    channels
}

/// The tables of a list; what is no table is reported here and left out.
fn tables(key: &'static str, fields: &mut Fields<'_>) -> Vec<Node> {
    let (tables, odd): (Vec<_>, Vec<_>) =
        fields.tables(key).into_iter().partition(|node| matches!(node.value, Value::Table(_)));
    for node in odd {
        let message = format!("expected a table for {key}, found {}", node.value.kind());
        let hint = format!("each one is a `[[{key}]]` with `name = \"…\"`");
        fields.problems().at_with_hint(&node.place, message, hint);
    }
    tables
}

/// A duration within bounds.
fn at_least(
    fields: &mut Fields<'_>,
    key: &'static str,
    least: Duration,
    most: Duration,
) -> Option<Duration> {
    let place = fields.place_of(key);
    let given = fields.duration(key)?;
    let message = if given < least {
        format!("`{key}` is shorter than {}", human_duration(least))
    } else if given > most {
        format!("`{key}` is longer than {}", human_duration(most))
    } else {
        return Some(given);
    };
    fields.problems().at(&place, message);
    None
}

/// Reports every name that was there before.
fn unique<'a>(
    what: &str,
    names: impl Iterator<Item = (&'a str, &'a Place)>,
    problems: &mut Problems,
) {
    let mut first = HashMap::new();
    for (name, place) in names.filter(|(name, _)| !name.is_empty()) {
        if let Some(earlier) = first.get(name) {
            let message = format!("another {what} is named `{name}`, the one at {earlier}");
            problems.at(place, message);
        } else {
            first.insert(name, place);
        }
    }
}

/// The place of the character at `byte` of a string's `text`, when the string at `place` is written without
/// escapes; else where the string begins.
fn spot_in(files: &[Lines<'_>], text: &str, place: &Place, byte: usize) -> Place {
    let written = files.iter().find(|lines| *lines.file() == place.file);
    let quoted = written.map_or("", |lines| lines.rest_at(place));
    let mut place = place.clone();
    if !quoted.starts_with("\"\"\"") && quoted.get(1..).is_some_and(|rest| rest.starts_with(text)) {
        place.col += 1 + u32::try_from(text[..byte].chars().count()).unwrap_or(0);
    }
    place
}
