//! What may be tried for a service: its `healing_strategies`, and the keys that single ones of them need. A key
//! that nothing would use is a mistake, as is a strategy without what it needs.

use crate::manager::Choice;
use crate::model::fields::Fields;
use crate::model::place::Place;
use crate::model::text::nearest;
use crate::remedy::Strategy;
use crate::remedy::disk_cleanup::Cleanup;

/// What was read.
pub(super) struct Ladder {
    pub(super) strategies: Vec<Strategy>,
    pub(super) cleanup: Option<Cleanup>,
    pub(super) heal_command: Option<Vec<String>>,
    /// Where `reload_first` stands when it is set.
    reload_first: Option<Place>,
}

/// Reads them. `reboot` says whether the top level allows it.
pub(super) fn read(fields: &mut Fields<'_>, reboot: bool) -> Ladder {
    let place = fields.place_of("healing_strategies");
    let mut strategies = strategies(fields, reboot);
    let has = |strategy| strategies.contains(&strategy);
    let keys = [("disk_cleanup", Strategy::DiskCleanup), ("heal_command", Strategy::Command)];
    for (key, strategy) in keys {
        let word = strategy.word();
        match (has(strategy), fields.has(key)) {
            (true, false) => {
                let hint = match strategy {
                    Strategy::Command => "add `heal_command = [\"/usr/local/sbin/fix\", \"now\"]`",
                    _ => "add `[service.disk_cleanup]` with `journal`, `packages` or `files`",
                };
                let message = format!("the strategy `{word}` needs `{key}`");
                fields.problems().at_with_hint(&place, message, hint);
            }
            (false, true) => {
                let message = format!("`{key}` would never be used");
                let hint = format!("add `{word}` to `healing_strategies`");
                fields.problem(key, message, Some(hint));
            }
            (true, true) | (false, false) => {}
        }
    }
    let heal_command = fields.argv("heal_command");
    let cleanup =
        fields.node("disk_cleanup").and_then(|node| Cleanup::read(node, fields.problems()));
    let reload_place = fields.place_of("reload_first");
    let reload_first = fields.flag("reload_first").unwrap_or(false).then_some(reload_place);
    if let Some(place) = &reload_first {
        if let Some(at) = strategies.iter().position(|one| *one == Strategy::ServiceRestart) {
            strategies.insert(at, Strategy::ServiceReload);
        } else {
            let message = "`reload_first` would never be used: it comes before a restart";
            let hint = "add `service_restart` to `healing_strategies`";
            fields.problems().at_with_hint(place, message, hint);
        }
    }
    Ladder { strategies, cleanup, heal_command, reload_first }
}

impl Ladder {
    /// Says where `reload_first` asks for what this manager cannot do.
    pub(super) fn check_reload(&self, manager: &Choice, fields: &mut Fields<'_>) {
        let Some(place) = &self.reload_first else { return };
        match manager {
            Choice::Commands(commands) if commands.reload.is_none() => {
                let hint = "add `reload = [\"program\", \"argument\"]`";
                let message = "`reload_first` needs a command that reloads";
                fields.problems().at_with_hint(place, message, hint);
            }
            Choice::Supervisord { .. } => Self::cannot(place, "supervisord", fields),
            Choice::Launchd { .. } => Self::cannot(place, "launchd", fields),
            Choice::Container { engine, .. } => Self::cannot(place, engine.word(), fields),
            Choice::Auto | Choice::Systemd { .. } | Choice::Commands(_) => {}
        }
    }

    fn cannot(place: &Place, manager: &str, fields: &mut Fields<'_>) {
        let hint = "leave it out, or let `heal_command` signal the program";
        let message = format!("`reload_first`: {manager} cannot have a program reload");
        fields.problems().at_with_hint(place, message, hint);
    }
}

fn strategies(fields: &mut Fields<'_>, reboot: bool) -> Vec<Strategy> {
    let whole = fields.place_of("healing_strategies");
    let before = fields.problems().0.len();
    let Some(names) = fields.placed_texts("healing_strategies") else {
        return vec![Strategy::ServiceRestart];
    };
    if names.is_empty() && fields.problems().0.len() == before {
        fields.problems().at_with_hint(
            &whole,
            "`healing_strategies` is empty",
            "leave it out for `service_restart`, or write `heal = \"off\"`",
        );
    }
    let mut strategies = Vec::new();
    let last = names.len().saturating_sub(1);
    for (index, (name, place)) in names.into_iter().enumerate() {
        let known = || Strategy::ALL.iter().map(|(word, _)| *word);
        match Strategy::ALL.iter().find(|(word, _)| *word == name) {
            Some((_, strategy)) if strategies.contains(strategy) => {
                fields.problems().at(&place, format!("`{name}` is there twice"));
            }
            Some((_, strategy)) => {
                if *strategy == Strategy::Reboot {
                    check_reboot(fields, &place, reboot, index == last);
                }
                strategies.push(*strategy);
            }
            None => {
                let hint = nearest(&name, known()).map_or_else(
                    || format!("there are {}", known().collect::<Vec<_>>().join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                fields.problems().at_with_hint(
                    &place,
                    format!("no healing strategy `{name}`"),
                    hint,
                );
            }
        }
    }
    strategies
}

fn check_reboot(fields: &mut Fields<'_>, place: &Place, allowed: bool, is_last: bool) {
    if !allowed {
        let hint = "write `reboot = \"allowed\"` at the top level if this host may be rebooted";
        fields.problems().at_with_hint(place, "`reboot` is not allowed on this host", hint);
    }
    if !is_last {
        let hint = "move it to the end of `healing_strategies`";
        fields.problems().at_with_hint(place, "`reboot` is the last resort", hint);
    }
}
