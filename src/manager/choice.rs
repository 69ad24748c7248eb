//! How the config says who runs a service, and under which names it may be known. Asks nobody.

use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::manager::command::Commands;
use crate::manager::engine::container_name;
use crate::manager::launchd::service_target;
use crate::manager::reach::Reach;
use crate::manager::runner::Runner;
use crate::manager::supervisord::program_name;
use crate::manager::systemd::{Scope, unit_name};
use crate::model::fields::Fields;
use crate::model::unit::{Found, HandsOff, ManagerKind, UnitName};

/// Who runs a service, as the config says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Nothing said: found by the service's name.
    Auto,
    /// A unit of systemd. Without a scope: root's is the system's, a user's own comes before the system's.
    Systemd {
        /// Its full name, suffix included.
        unit: String,
        /// Whose systemd.
        scope: Option<Scope>,
    },
    /// A program of supervisord.
    Supervisord {
        /// `web`, `group:web` or `group:*`.
        program: String,
    },
    /// A service of launchd.
    Launchd {
        /// `system/LABEL`, `gui/UID/LABEL`, `user/UID/LABEL`, or its label alone.
        service: String,
    },
    /// A container of Docker's or Podman's.
    Container {
        /// Which of them.
        engine: ManagerKind,
        /// Its name.
        name: String,
    },
    /// Plain commands.
    Commands(Commands),
}

/// What runs a service, after looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// None: nobody that could be asked knows it.
    pub runner: Option<Runner>,
    /// What its manager told. With plain commands nobody tells anything: [`Found::Nowhere`], with a runner.
    pub found: Found,
}

impl Choice {
    /// Takes a service's `unit`, `scope`, `supervisord`, `launchd`, `docker`, `podman`, `start`, `stop`, `restart`,
    /// `reload` from its table.
    pub fn read(fields: &mut Fields<'_>) -> Self {
        let kinds = ["unit", "supervisord", "launchd", "docker", "podman"]
            .into_iter()
            .map(|key| (key, key))
            .chain(Commands::KEYS.map(|key| (key, "commands")));
        let given: Vec<_> = kinds.filter(|(key, _)| fields.has(key)).collect();
        if let [(first, kind), ..] = given[..]
            && let Some((other, _)) = given.iter().find(|(_, other)| *other != kind)
        {
            fields.problem(
                other,
                format!("`{first}` and `{other}` are both given: one manager runs a service"),
                Some(format!("keep `{first}` or `{other}`")),
            );
        }
        if fields.has("scope") && !fields.has("unit") {
            let hint = "add `unit = \"NAME.service\"`".to_owned();
            fields.problem(
                "scope",
                "`scope` says whose `unit` it is, and there is none",
                Some(hint),
            );
        }
        let unit = fields.parsed("unit", "a unit such as `nginx.service`", unit_name);
        let scope = fields.one_of("scope", &Scope::ALL);
        let program =
            fields.parsed("supervisord", "a program such as `web` or `group:web`", program_name);
        let service =
            fields.parsed("launchd", "a service such as `system/com.example.web`", service_target);
        let mut container = |key, engine| {
            let name = fields.parsed(key, "the name of a container", container_name)?;
            Some(Self::Container { engine, name })
        };
        let docker = container("docker", ManagerKind::Docker);
        let podman = container("podman", ManagerKind::Podman);
        let commands = Commands::read(fields);
        unit.map(|unit| Self::Systemd { unit, scope })
            .or(program.map(|program| Self::Supervisord { program }))
            .or(service.map(|service| Self::Launchd { service }))
            .or(docker)
            .or(podman)
            .or(commands.map(Self::Commands))
            .unwrap_or(Self::Auto)
    }
}

/// The unit names by which a service may be known, in order of preference; none with plain commands.
pub fn candidates(choice: &Choice, service: &str, reach: &Reach) -> Vec<UnitName> {
    let systemd = |unit: &str, scope: Option<Scope>| {
        let scopes = match scope {
            Some(scope) => vec![scope],
            None if reach.root => vec![Scope::System],
            None => vec![Scope::User, Scope::System],
        };
        scopes
            .into_iter()
            .map(|scope| UnitName { manager: scope.manager(), unit: unit.to_owned() })
            .collect::<Vec<_>>()
    };
    let supervisord = |unit: String| UnitName { manager: ManagerKind::Supervisord, unit };
    match choice {
        Choice::Systemd { unit, scope } => systemd(unit, *scope),
        Choice::Supervisord { program } => vec![supervisord(program.clone())],
        Choice::Launchd { service } => {
            vec![UnitName { manager: ManagerKind::Launchd, unit: service.clone() }]
        }
        Choice::Container { engine, name } => {
            vec![UnitName { manager: *engine, unit: name.clone() }]
        }
        Choice::Commands(_) => Vec::new(),
        Choice::Auto => {
            let unit = unit_name(service).map(|unit| systemd(&unit, None)).unwrap_or_default();
            unit.into_iter().chain(program_name(service).ok().map(supervisord)).collect()
        }
    }
}

/// Which of the candidates runs it: the first that is known and may be touched, else the first that is known.
/// What could not be asked counts only where nothing else knows the service.
pub fn settle<S: BuildHasher>(
    choice: &Choice,
    service: &str,
    shown: &HashMap<UnitName, Found, S>,
    reach: &Reach,
) -> Settled {
    if let Choice::Commands(commands) = choice {
        return Settled {
            runner: Some(Runner::commands(service, commands.clone())),
            found: Found::Nowhere("plain commands, which tell no state".into()),
        };
    }
    let candidates = candidates(choice, service, reach);
    let found: Vec<_> = candidates
        .iter()
        .map(|name| {
            let unasked = || Found::Unknown(format!("`{}` was not asked for", name.unit));
            shown.get(name).cloned().unwrap_or_else(unasked)
        })
        .collect();
    let known = found.iter().filter_map(|found| match found {
        Found::Facts(facts) => Some(facts),
        _ => None,
    });
    let respected = |because: &Option<HandsOff>| {
        matches!(because, Some(HandsOff::Masked | HandsOff::Disabled | HandsOff::NotFound(_)))
    };
    let best = known.clone().find(|facts| !respected(&facts.hands_off)).or(known.clone().next());
    if let Some(facts) = best {
        return Settled {
            runner: Some(Runner::unit(facts.manager, &facts.unit)),
            found: Found::Facts(facts.clone()),
        };
    }
    let unknown = found.iter().find(|found| matches!(found, Found::Unknown(_)));
    let tried = found.iter().filter_map(|found| match found {
        Found::Nowhere(tried) => Some(tried.as_str()),
        _ => None,
    });
    let nowhere = || Found::Nowhere(tried.collect::<Vec<_>>().join(", "));
    Settled { runner: None, found: unknown.cloned().unwrap_or_else(nowhere) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::node::{Entry, Node, Value};
    use crate::model::place::{Place, Problems};
    use crate::model::unit::{UnitFacts, UnitState};

    fn read(settings: &[(&str, &str)]) -> (Choice, Vec<String>) {
        let place = Place { file: "c.toml".into(), line: 1, col: 1 };
        let entry = |(key, value): &(&str, &str)| {
            let value = match value.split_once('[') {
                Some((_, words)) => Value::Word(words.replace(' ', ",")),
                None => Value::Text((*value).into()),
            };
            let node = Node { value, place: place.clone() };
            Entry { key: (*key).into(), place: place.clone(), node }
        };
        let entries = settings.iter().map(entry).collect();
        let mut problems = Problems::default();
        let mut fields = Fields::new("service", place.clone(), entries, &mut problems);
        let choice = Choice::read(&mut fields);
        fields.finish();
        (choice, problems.0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_manager_has_its_keys() {
        let unit = |scope| Choice::Systemd { unit: "web.service".into(), scope };
        let container = |engine| Choice::Container { engine, name: "web".into() };
        let restart =
            Commands { restart: Some(vec!["svc".into(), "restart".into()]), ..Commands::default() };
        for (settings, want) in [
            (&[][..], Choice::Auto),
            (&[("unit", "web")], unit(None)),
            (&[("unit", "web.service"), ("scope", "user")], unit(Some(Scope::User))),
            (&[("supervisord", "site:web")], Choice::Supervisord { program: "site:web".into() }),
            (
                &[("launchd", "system/com.example.web")],
                Choice::Launchd { service: "system/com.example.web".into() },
            ),
            (&[("docker", "web")], container(ManagerKind::Docker)),
            (&[("podman", "web")], container(ManagerKind::Podman)),
            (&[("restart", "[svc restart")], Choice::Commands(restart)),
        ] {
            assert_eq!(read(settings), (want, vec![]), "{settings:?}");
        }
    }

    #[test]
    fn keys_that_contradict_each_other_are_problems() {
        for (settings, want) in [
            (&[("unit", "a"), ("supervisord", "b")][..], "`unit` and `supervisord` are both given"),
            (&[("unit", "a"), ("restart", "[b")], "`unit` and `restart` are both given"),
            (&[("unit", "a"), ("docker", "b")], "`unit` and `docker` are both given"),
            (&[("docker", "a"), ("podman", "b")], "`docker` and `podman` are both given"),
            (&[("podman", "a"), ("start", "[b")], "`podman` and `start` are both given"),
            (&[("docker", "shop/web")], "`shop/web` is no container's name"),
            (&[("launchd", "gui/com.example.web")], "is neither a label nor"),
            (&[("scope", "user")], "`scope` says whose `unit` it is"),
            (&[("unit", "a"), ("scope", "usr")], "did you mean `user`?"),
            (&[("unit", "a b")], "` ` cannot be in the name of a unit"),
            (&[("stop", "[svc stop")], "alone cannot bring a service up"),
            (&[("restart", "svc restart")], "expects a list"),
        ] {
            let (_, problems) = read(settings);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].contains(want), "{problems:?}");
        }
    }

    fn name(manager: ManagerKind, unit: &str) -> UnitName {
        UnitName { manager, unit: unit.into() }
    }

    #[test]
    fn a_user_asks_the_own_manager_first_and_root_the_systems() {
        let mut reach = Reach::nothing();
        let (user, system) = (
            name(ManagerKind::SystemdUser, "web.service"),
            name(ManagerKind::Systemd, "web.service"),
        );
        let supervisord = name(ManagerKind::Supervisord, "web");
        assert_eq!(
            candidates(&Choice::Auto, "web", &reach),
            [user, system.clone(), supervisord.clone()]
        );
        reach.root = true;
        assert_eq!(candidates(&Choice::Auto, "web", &reach), [system, supervisord]);
        assert_eq!(candidates(&Choice::Auto, "a b", &reach), []);
    }

    fn facts(manager: ManagerKind, unit: &str, hands_off: Option<HandsOff>) -> Found {
        let facts = UnitFacts::bare(manager, unit, UnitState::Stopped);
        Found::Facts(UnitFacts { hands_off, ..facts })
    }

    #[test]
    fn the_first_that_knows_it_and_may_be_touched_runs_it() {
        let mut reach = Reach::nothing();
        reach.root = true;
        let settled = |systemd: Found, supervisord: Found| {
            let shown = HashMap::from([
                (name(ManagerKind::Systemd, "web.service"), systemd),
                (name(ManagerKind::Supervisord, "web"), supervisord),
            ]);
            let settled = settle(&Choice::Auto, "web", &shown, &reach);
            (settled.runner.map(|runner| runner.kind), settled.found)
        };
        let nowhere = |tried: &str| Found::Nowhere(tried.into());
        let unknown = || Found::Unknown("no answer".into());
        let systemd = |hands_off| facts(ManagerKind::Systemd, "web.service", hands_off);
        let supervisord = || facts(ManagerKind::Supervisord, "web", None);
        let (on_systemd, on_supervisord) =
            (Some(ManagerKind::Systemd), Some(ManagerKind::Supervisord));
        assert_eq!(settled(systemd(None), supervisord()).0, on_systemd);
        assert_eq!(settled(systemd(Some(HandsOff::JobQueued)), supervisord()).0, on_systemd);
        assert_eq!(settled(systemd(Some(HandsOff::Disabled)), supervisord()).0, on_supervisord);
        assert_eq!(settled(systemd(Some(HandsOff::Masked)), nowhere("")).0, on_systemd);
        assert_eq!(settled(unknown(), supervisord()).0, on_supervisord);
        assert_eq!(settled(unknown(), nowhere("b")), (None, unknown()));
        assert_eq!(settled(nowhere("a"), nowhere("b")), (None, nowhere("a, b")));
    }

    #[test]
    fn commands_have_a_runner_though_nobody_tells_a_state() {
        let commands = Commands { restart: Some(vec!["x".into()]), ..Commands::default() };
        let choice = Choice::Commands(commands);
        let settled = settle(&choice, "web", &HashMap::new(), &Reach::nothing());
        assert_eq!(settled.runner.unwrap().kind, ManagerKind::Command);
        assert!(matches!(settled.found, Found::Nowhere(_)));
    }
}
