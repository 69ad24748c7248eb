//! The one that runs a service: what can be done through it, and what a person would type instead. Decides
//! nothing about whether it should be done.

use std::time::Duration;

use crate::manager::acted::Acted;
use crate::manager::claims::Claims;
use crate::manager::command::Commands;
use crate::manager::reach::Reach;
use crate::manager::surroundings::Surroundings;
use crate::manager::{engine, launchd, show, supervisord, systemd};
use crate::model::unit::{Found, ManagerKind, UnitFacts, UnitName, UnitState};

/// A unit with its manager, or a service with its commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runner {
    /// Which manager.
    pub kind: ManagerKind,
    /// Its name there; with plain commands the service's.
    pub unit: String,
    commands: Option<Commands>,
}

impl Runner {
    /// Of a manager's unit.
    pub(crate) fn unit(kind: ManagerKind, unit: &str) -> Self {
        Self { kind, unit: unit.to_owned(), commands: None }
    }

    /// Of plain commands.
    pub(crate) fn commands(service: &str, commands: Commands) -> Self {
        Self { kind: ManagerKind::Command, unit: service.to_owned(), commands: Some(commands) }
    }

    /// The restart as a person would type it.
    pub fn restart_command(&self, reach: &Reach) -> String {
        match self.kind {
            ManagerKind::Systemd | ManagerKind::SystemdUser => {
                systemd::typed(self.kind, "restart", &self.unit)
            }
            ManagerKind::Supervisord => {
                supervisord::typed(&["restart", &self.unit], reach.supervisord.as_ref())
            }
            ManagerKind::Launchd => launchd::typed(&["kickstart", "-k", &self.unit]),
            ManagerKind::Docker | ManagerKind::Podman => {
                engine::typed(self.kind, &["restart"], &self.unit)
            }
            ManagerKind::Command => {
                self.commands.as_ref().map_or_else(String::new, Commands::typed)
            }
        }
    }

    /// What its manager says about it now.
    pub fn look(&self, reach: &Reach, limit: Duration) -> Found {
        let name = UnitName { manager: self.kind, unit: self.unit.clone() };
        show(std::slice::from_ref(&name), reach, limit)
            .remove(&name)
            .unwrap_or_else(|| Found::Unknown(format!("`{}` was not told about", self.unit)))
    }

    /// Restarts it, or starts it where it does not run. `facts` is what was known just before. Comes back by
    /// `limit`, give or take two seconds, also when the restart does not.
    pub fn restart(&self, facts: Option<&UnitFacts>, reach: &Reach, limit: Duration) -> Acted {
        match (self.kind, &self.commands) {
            (ManagerKind::Systemd | ManagerKind::SystemdUser, _) => {
                systemd::act::restart(self.kind, &self.unit, facts, reach, limit)
            }
            (ManagerKind::Supervisord, _) => supervisord::act::restart(&self.unit, reach, limit),
            (ManagerKind::Launchd, _) => launchd::act::restart(&self.unit, reach, limit),
            (ManagerKind::Docker | ManagerKind::Podman, _) => {
                engine::act::restart(self.kind, &self.unit, reach, limit)
            }
            (ManagerKind::Command, Some(commands)) => commands.restart(limit),
            (ManagerKind::Command, None) => Acted::refused("no command is configured"),
        }
    }

    /// Has it read its config again, without another run of it. `facts` is what was known just before; refused where
    /// it does not run, or nobody knows how to reload it.
    pub fn reload(&self, facts: Option<&UnitFacts>, reach: &Reach, limit: Duration) -> Acted {
        if let Some(facts) = facts.filter(|facts| facts.state != UnitState::Running) {
            return Acted::refused(format!("{} does not run: {}", facts.unit, facts.words));
        }
        match (self.kind, &self.commands) {
            (ManagerKind::Systemd | ManagerKind::SystemdUser, _) => {
                systemd::reload::reload(self.kind, &self.unit, reach, limit)
            }
            (_, Some(commands)) => commands.reload(limit),
            (kind, None) => Acted::refused(format!("{} cannot reload a program", kind.word())),
        }
    }

    /// By what its processes can be known. Nothing where its manager does not answer, with launchd
    /// and with plain commands.
    pub fn claims(&self, reach: &Reach, limit: Duration) -> Claims {
        match self.kind {
            ManagerKind::Systemd | ManagerKind::SystemdUser => {
                systemd::claims::claims(self.kind, &self.unit, reach, limit)
            }
            ManagerKind::Supervisord => supervisord::claims::claims(&self.unit, reach, limit),
            ManagerKind::Docker | ManagerKind::Podman => {
                engine::claims::claims(self.kind, &self.unit, reach, limit)
            }
            ManagerKind::Launchd | ManagerKind::Command => Claims::default(),
        }
    }

    /// Where it lives and when it ran. Nothing where its manager has that not on record.
    pub fn surroundings(&self, reach: &Reach, limit: Duration) -> Surroundings {
        match self.kind {
            ManagerKind::Systemd | ManagerKind::SystemdUser => {
                systemd::surroundings::surroundings(self.kind, &self.unit, reach, limit)
            }
            ManagerKind::Supervisord
            | ManagerKind::Launchd
            | ManagerKind::Docker
            | ManagerKind::Podman
            | ManagerKind::Command => Surroundings::default(),
        }
    }

    /// The last lines it wrote, oldest first, made safe for one line each; of its last run where that can be
    /// told. Nothing where they cannot be read, and with plain commands.
    pub fn log_tail(
        &self,
        facts: Option<&UnitFacts>,
        lines: usize,
        reach: &Reach,
        limit: Duration,
    ) -> Vec<String> {
        match self.kind {
            ManagerKind::Systemd | ManagerKind::SystemdUser => {
                systemd::act::log_tail(self.kind, &self.unit, facts, lines, limit)
            }
            ManagerKind::Supervisord => supervisord::act::log_tail(&self.unit, lines, reach, limit),
            ManagerKind::Launchd => launchd::act::log_tail(&self.unit, lines, reach, limit),
            ManagerKind::Docker | ManagerKind::Podman => {
                engine::act::log_tail(self.kind, &self.unit, lines, reach, limit)
            }
            ManagerKind::Command => Vec::new(),
        }
    }

    /// What a person would type to look into it and to mend it by hand, in order.
    pub fn hints(&self, reach: &Reach) -> Vec<String> {
        let unit = &self.unit;
        match self.kind {
            ManagerKind::Systemd | ManagerKind::SystemdUser => {
                let option = if self.kind == ManagerKind::Systemd { "-u" } else { "--user-unit" };
                vec![
                    systemd::typed(self.kind, "status", unit),
                    format!(
                        "journalctl {option} {} -n 100",
                        crate::sys::exec::shown(std::slice::from_ref(unit))
                    ),
                    self.restart_command(reach),
                ]
            }
            ManagerKind::Supervisord => {
                let typed = |args: &[&str]| supervisord::typed(args, reach.supervisord.as_ref());
                let mut hints = vec![typed(&["status", unit])];
                if !unit.ends_with(":*") {
                    hints.push(typed(&["tail", unit, "stderr"]));
                }
                hints.push(self.restart_command(reach));
                hints
            }
            ManagerKind::Launchd => {
                vec![launchd::typed(&["print", unit]), self.restart_command(reach)]
            }
            ManagerKind::Docker | ManagerKind::Podman => vec![
                engine::typed(self.kind, &["inspect"], unit),
                engine::typed(self.kind, &["logs", "--tail", "100"], unit),
                self.restart_command(reach),
            ],
            ManagerKind::Command => vec![self.restart_command(reach)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hints_are_those_of_its_manager() {
        let hints = |kind, unit: &str| Runner::unit(kind, unit).hints(&Reach::nothing());
        assert_eq!(
            hints(ManagerKind::Systemd, "web.service"),
            [
                "systemctl status web.service",
                "journalctl -u web.service -n 100",
                "systemctl restart web.service"
            ]
        );
        assert_eq!(
            hints(ManagerKind::SystemdUser, "web.service"),
            [
                "systemctl --user status web.service",
                "journalctl --user-unit web.service -n 100",
                "systemctl --user restart web.service"
            ]
        );
        assert_eq!(
            hints(ManagerKind::Supervisord, "site:web"),
            [
                "supervisorctl status site:web",
                "supervisorctl tail site:web stderr",
                "supervisorctl restart site:web"
            ]
        );
        assert_eq!(
            hints(ManagerKind::Launchd, "gui/501/com.example.web"),
            [
                "launchctl print gui/501/com.example.web",
                "launchctl kickstart -k gui/501/com.example.web"
            ]
        );
        assert_eq!(
            hints(ManagerKind::Podman, "web"),
            ["podman inspect web", "podman logs --tail 100 web", "podman restart web"]
        );
        let restart = Some(vec!["/opt/it".to_owned(), "restart".to_owned()]);
        let commands = Runner::commands("web", Commands { restart, ..Commands::default() });
        assert_eq!(commands.hints(&Reach::nothing()), ["/opt/it restart"]);
    }
}
