//! Stories that never happened, of a service that is configured: to see what would be told. Each says so.

use std::time::Duration;

use crate::commands::telling::name_of;
use crate::config::{Config, Service};
use crate::manager::Choice;
use crate::manager::systemd::Scope;
use crate::model::incident::{Attempt, Outcome, named};
use crate::model::repeats::{PastHeal, Repeats};
use crate::model::story::{Change, Evidence, Story};
use crate::model::time::{Now, Stamp};
use crate::model::unit::ManagerKind;
use crate::model::verdict::{Look, Verdict};

use super::super::sending;

/// How long it has lasted, unless there are people who are told later than that.
const LASTED: Duration = Duration::from_secs(12 * 60);
/// How long an attempt took.
const TOOK: Duration = Duration::from_secs(8);

/// One of this change; `service` is the one that it is about, if it is about one.
pub(super) fn story(
    change: Change,
    config: &Config,
    service: Option<&Service>,
    host: &str,
    now: &Now,
) -> Story {
    if change == Change::Test {
        return sending::story(config, host, now.wall);
    }
    let latest = config.notify.iter().filter_map(|channel| channel.routing.after).max();
    let lasted = if change == Change::Escalated { latest.unwrap_or(LASTED) } else { LASTED };
    let opened = ago(now, lasted);
    let base = Story {
        name: name_of(config, host),
        incident: named("example", opened.wall),
        opened: opened.wall,
        lasted,
        reason: reason(change, service),
        lines: lines(change),
        ..Story::new(change, host, now.wall)
    };
    if change == Change::Config {
        let problem =
            "/etc/miraclemax/config.toml:12:3: service has no key `exampel` (this is an example)";
        return Story { critical: true, problems: vec![problem.into()], ..base };
    }
    if !change.of_service() {
        let at_once = matches!(change, Change::Hold | Change::Summary);
        let opened = if at_once { now.wall } else { base.opened };
        return Story { critical: change == Change::Channel, opened, ..base };
    }
    of_service(base, service, now)
}

fn of_service(base: Story, service: Option<&Service>, now: &Now) -> Story {
    let healed = matches!(base.change, Change::Resolved | Change::Repeated);
    let remedy = service.and_then(|service| service.strategies.first());
    let remedy = remedy.map_or("service_restart", |strategy| strategy.word());
    let attempt = Attempt {
        incident: base.incident.clone(),
        remedy: remedy.into(),
        at: ago(now, base.lasted.saturating_sub(TOOK)),
        did: vec!["(what was done stands here: this is an example)".into()],
        said: Vec::new(),
        took: TOOK,
        outcome: Some(if healed {
            Outcome::Healed
        } else {
            Outcome::StillDown("connection refused (this is an example)".into())
        }),
    };
    let tried = !matches!(base.change, Change::Down | Change::Returned);
    let name = service.map_or("example", |service| &service.name);
    let (manager, unit) = run_by(service, name);
    Story {
        service: name.into(),
        domain: service.and_then(|service| service.domain.clone()),
        port: service.and_then(|service| service.port),
        critical: service.is_none_or(|service| service.critical),
        verified: if base.change == Change::Resolved { vec![up(name)] } else { Vec::new() },
        stable_for: service.map_or(Duration::ZERO, |service| service.policy.stable_for),
        new_instance: base.change == Change::Resolved,
        attempts: if tried { vec![attempt] } else { Vec::new() },
        evidence: Evidence {
            log: vec![
                format!("{name}: the last lines of its log stand here"),
                format!("{name}: fatal: cannot allocate memory (this is an example)"),
            ],
            cause: Some("killed by signal 9 (SIGKILL) (this is an example)".into()),
            ..Evidence::default()
        },
        manager,
        unit,
        next: if healed { String::new() } else { "in 10m (this is an example)".into() },
        repeats: (base.change == Change::Repeated).then(|| repeats(remedy, now)),
        ..base
    }
}

/// Who runs it as far as the config tells; else systemd, which does as a rule.
fn run_by(service: Option<&Service>, name: &str) -> (Option<ManagerKind>, Option<String>) {
    let (manager, unit) = match service.map(|service| &service.manager) {
        None | Some(Choice::Auto) => (ManagerKind::Systemd, format!("{name}.service")),
        Some(Choice::Systemd { unit, scope }) => {
            (scope.map_or(ManagerKind::Systemd, Scope::manager), unit.clone())
        }
        Some(Choice::Supervisord { program }) => (ManagerKind::Supervisord, program.clone()),
        Some(Choice::Launchd { service }) => (ManagerKind::Launchd, service.clone()),
        Some(Choice::Container { engine, name }) => (*engine, name.clone()),
        Some(Choice::Commands(_)) => (ManagerKind::Command, name.to_owned()),
    };
    (Some(manager), Some(unit))
}

fn up(name: &str) -> Look {
    Look {
        probe: format!("example:{name}"),
        verdict: Verdict::Up,
        detail: "200 OK (this is an example)".into(),
        warning: None,
        hint: None,
        measures: Vec::new(),
        took: Duration::from_millis(40),
        trail: std::sync::Arc::default(),
    }
}

fn repeats(remedy: &str, now: &Now) -> Repeats {
    let heal = |days: u64| PastHeal {
        at: ago(now, Duration::from_secs(days * 24 * 3600)),
        remedy: remedy.into(),
        cause: "killed by signal 9 (SIGKILL) (this is an example)".into(),
    };
    let window = Duration::from_secs(7 * 24 * 3600);
    Repeats { heals: [5, 2, 0].map(heal).into(), window, reached: true }
}

fn ago(now: &Now, time: Duration) -> Stamp {
    let wall = now.wall.checked_sub(time).unwrap_or(now.wall);
    Stamp { wall, ..now.stamp() }
}

fn reason(change: Change, service: Option<&Service>) -> String {
    let reason = match change {
        Change::Restarted => "the host was restarted (this is an example)",
        Change::Gap => "nobody looked for 12m (this is an example)",
        Change::Hold => "its time was up: all services, for 20m: deploy (this is an example)",
        Change::Channel => {
            "telegram:-1001234567890 takes nothing: HTTP 401 Unauthorized (this is an example)"
        }
        Change::Config => "the configuration is wrong; the last one that loaded is in use",
        Change::Summary => "all is well (this is an example)",
        _ => {
            let port = service.and_then(|service| service.port).unwrap_or(8080);
            return format!("port:{port}: nobody listens (this is an example)");
        }
    };
    reason.into()
}

fn lines(change: Change) -> Vec<String> {
    match change {
        Change::Summary => {
            vec!["Services: as many as there are, all up (this is an example)".into()]
        }
        Change::Escalated => {
            vec!["You are told now because it has lasted so long (this is an example).".into()]
        }
        _ => Vec::new(),
    }
}
