//! A `[[service]]`: its own keys, its probes, its manager, its policy.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::{former, ladder, policy, short};
use crate::manager::Choice;
use crate::model::fields::Fields;
use crate::model::node::{Entry, Node, Value};
use crate::model::place::{Place, Problems};
use crate::model::policy::Policy;
use crate::model::text::is_unsafe;
use crate::probe::Probe;
use crate::remedy::Strategy;
use crate::remedy::disk_cleanup::Cleanup;

/// One thing that must work, how it is looked at, and what may be done when it does not.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name, unique; the default name of its unit.
    pub name: String,
    /// The port it listens on; named in reports, and probed.
    pub port: Option<u16>,
    /// Named in reports.
    pub domain: Option<String>,
    /// Whether its outage is CRITICAL; else it is a WARNING.
    pub critical: bool,
    /// What to try when it is down, in this order; never empty. `reload_first` has put a reload before the restart.
    pub strategies: Vec<Strategy>,
    /// What `disk_cleanup` may remove.
    pub cleanup: Option<Cleanup>,
    /// What `command` runs.
    pub heal_command: Option<Vec<String>>,
    /// Who runs it.
    pub manager: Choice,
    /// How it is looked at: the port's own probe first, then those of `checks`, then `[[service.check]]`.
    /// Empty when its unit alone is looked at.
    pub probes: Vec<Probe>,
    /// Services that must be up before this one can be: names of others, without circles.
    pub needs: Vec<String>,
    /// Absolute paths of its config files, kept as last known good while it is healthy.
    pub config_files: Vec<PathBuf>,
    /// What tells whether its config is valid, by exit status 0.
    pub validate: Option<Vec<String>>,
    /// Executables (absolute paths) that may be ended when they hold its port.
    pub may_kill: Vec<PathBuf>,
    /// How patient, eager and stubborn to be about it.
    pub policy: Policy,
}

/// A service with the places that are needed to compare it with the others.
pub(super) struct Placed {
    pub(super) service: Service,
    pub(super) place: Place,
    pub(super) needs: Vec<Place>,
}

/// What a service takes over from the rest of the config.
pub(super) struct Around<'a> {
    pub(super) defaults: &'a Policy,
    pub(super) deadline: Duration,
    /// Whether the host may be rebooted.
    pub(super) reboot: bool,
    /// Where the character at an offset in bytes of the text in a string stands, which begins at this place.
    pub(super) spot: &'a dyn Fn(&str, &Place, usize) -> Place,
}

/// Reads a `[[service]]`; one with mistakes in it is read as far as possible, so that all are found.
pub(super) fn read(node: Node, around: &Around<'_>, problems: &mut Problems) -> Placed {
    let before = problems.0.len();
    let node = former::without_misplaced(node, problems);
    let mut fields = Fields::of_node("service", node, problems);
    let place = fields.place_of("name");
    let name = fields.required("name");
    if let Some(why) = unfit(&name) {
        fields.problems().at(&place, format!("`name` {why}"));
    }
    let port = fields.whole("port", 1..=65535).and_then(|port| u16::try_from(port).ok());
    let domain = fields.word("domain");
    let critical = fields.flag("critical").unwrap_or(true);
    let ladder = ladder::read(&mut fields, around.reboot);
    let (needs, needs_places) =
        fields.placed_texts("needs").unwrap_or_default().into_iter().unzip();
    let config_files = paths(&mut fields, "config_files");
    let validate = fields.argv("validate");
    let may_kill = paths(&mut fields, "may_kill");
    let policy = policy::read(&mut fields, around.defaults, around.deadline);
    let manager = Choice::read(&mut fields);
    ladder.check_reload(&manager, &mut fields);
    let mut probes = checks(&mut fields, around);
    let tables = fields.tables("check");
    fields.finish();

    for table in tables {
        probes.extend(check(table, around, problems));
    }
    if let Some(implied) = port.map(Probe::implied_port)
        && probes.iter().all(|probe| probe.text != implied.text)
    {
        probes.insert(0, implied);
    }
    if probes.is_empty() && problems.0.len() == before && matches!(manager, Choice::Commands(_)) {
        let message = "nothing to look at: plain commands tell no state";
        problems.at_with_hint(&place, message, "add `port` or `checks`");
    }
    let service = Service {
        name,
        port,
        domain,
        critical,
        strategies: ladder.strategies,
        cleanup: ladder.cleanup,
        heal_command: ladder.heal_command,
        manager,
        probes,
        needs,
        config_files,
        validate,
        may_kill,
        policy,
    };
    Placed { service, place, needs: needs_places }
}

/// Why a name cannot be used where names go: a command line, a file name, a mail's subject.
fn unfit(name: &str) -> Option<&'static str> {
    if name.chars().any(is_unsafe) {
        Some("holds an invisible character")
    } else if name.trim() != name {
        Some("begins or ends with a space")
    } else if name.starts_with(['-', '.']) {
        Some("begins with `-` or `.`")
    } else if name.contains('/') {
        Some("holds a `/`")
    } else if name.chars().count() > 100 {
        Some("is longer than 100 characters")
    } else {
        None
    }
}

fn paths(fields: &mut Fields<'_>, key: &'static str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for (path, place) in fields.placed_texts(key).unwrap_or_default() {
        if path.starts_with('/') {
            paths.push(PathBuf::from(path));
        } else {
            fields.problems().at(&place, format!("`{key}` expects absolute paths, found `{path}`"));
        }
    }
    paths
}

/// `checks = […]`: short forms.
fn checks(fields: &mut Fields<'_>, around: &Around<'_>) -> Vec<Probe> {
    let whole = fields.place_of("checks");
    let before = fields.problems().0.len();
    let Some(texts) = fields.placed_texts("checks") else { return Vec::new() };
    if texts.is_empty() && fields.problems().0.len() == before {
        let hint = "leave it out: then `port` and the service's unit are looked at";
        fields.problems().at_with_hint(&whole, "`checks` is empty", hint);
    }
    let mut probes = Vec::new();
    for (text, place) in texts {
        let spot = |byte| (around.spot)(&text, &place, byte);
        probes.extend(short::read(&text, Vec::new(), spot, fields.problems()));
    }
    probes
}

/// A `[[service.check]]`: `probe` in short form, and its options beside it.
fn check(node: Node, around: &Around<'_>, problems: &mut Problems) -> Option<Probe> {
    let place = node.place;
    let Value::Table(mut entries) = node.value else {
        let message = format!("expected a table for a check, found {}", node.value.kind());
        let hint = "short forms go into `checks = [\"tcp:localhost:5432\"]`";
        problems.at_with_hint(&place, message, hint);
        return None;
    };
    let Some(at) = entries.iter().position(|entry| entry.key == "probe") else {
        let hint = "write `probe = \"tcp:localhost:5432\"`, and its options beside it";
        problems.at_with_hint(&place, "a check needs `probe`", hint);
        return None;
    };
    let Entry { node, .. } = entries.remove(at);
    let Value::Text(text) = &node.value else {
        problems.at(&node.place, format!("`probe` expects a string, found {}", node.value.kind()));
        return None;
    };
    let spot = |byte| (around.spot)(text, &node.place, byte);
    short::read(text, entries, spot, problems)
}
