//! systemd, the system's and a user's own: which names it takes, how it is asked. Never parses `status`, never
//! lets it ask for a password, never starts `systemctl` on a host that was not booted with systemd.

pub(crate) mod act;
pub(crate) mod claims;
pub(crate) mod facts;
pub mod listing;
pub(crate) mod reload;
pub(crate) mod surroundings;

use std::collections::HashMap;
use std::time::Duration;

use crate::manager::reach::Reach;
use crate::model::unit::{Found, ManagerKind};
use crate::sys::clock;
use crate::sys::exec::{Command, shown};

/// The kinds of unit; a name without one of them is a service.
const SUFFIXES: [&str; 11] = [
    "service",
    "socket",
    "target",
    "device",
    "mount",
    "automount",
    "swap",
    "timer",
    "path",
    "slice",
    "scope",
];
/// systemd's own limit, `UNIT_NAME_MAX` and the final NUL.
const LONGEST_NAME: usize = 255;
/// Room for the answer about ten thousand units.
const ANSWER: usize = 8 << 20;

/// Whose systemd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The system's.
    System,
    /// The user's own (`systemctl --user`).
    User,
}

impl Scope {
    /// Every name with its scope.
    pub const ALL: [(&'static str, Self); 2] = [("system", Self::System), ("user", Self::User)];

    /// The manager of this scope.
    pub fn manager(self) -> ManagerKind {
        match self {
            Self::System => ManagerKind::Systemd,
            Self::User => ManagerKind::SystemdUser,
        }
    }
}

/// The full name of a unit (`nginx` is `nginx.service`), if it is one that systemd would take: anything else
/// would spoil the answer about all the others that are asked about together, or read as an option.
pub fn unit_name(text: &str) -> Result<String, String> {
    let suffixed = SUFFIXES
        .iter()
        .any(|suffix| text.strip_suffix(suffix).is_some_and(|stem| stem.ends_with('.')));
    let name = if suffixed { text.to_owned() } else { format!("{text}.service") };
    let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem);
    let odd = stem.chars().find(|c| !c.is_ascii_alphanumeric() && !":_.\\@-".contains(*c));
    if let Some(odd) = odd {
        Err(format!("`{odd}` cannot be in the name of a unit"))
    } else if stem.is_empty() || stem.starts_with('-') && name != "-.mount" && name != "-.slice" {
        Err(format!("`{text}` is not the name of a unit"))
    } else if stem.starts_with('@') || stem.ends_with('@') {
        Err(format!("`{text}` is a template: name an instance of it, such as `x@1.service`"))
    } else if name.len() > LONGEST_NAME {
        Err(format!("is longer than {LONGEST_NAME} characters"))
    } else {
        Ok(name)
    }
}

/// A `systemctl` of this scope as a person would type it.
pub(crate) fn typed(manager: ManagerKind, verb: &str, unit: &str) -> String {
    let user = if manager == ManagerKind::SystemdUser { " --user" } else { "" };
    format!("systemctl{user} {verb} {}", shown(&[unit.to_owned()]))
}

/// One `systemctl`, ready to run: `args`, then the units after `--`.
pub(crate) fn systemctl(
    manager: ManagerKind,
    args: &[&str],
    units: &[&str],
    reach: &Reach,
    limit: Duration,
) -> Command {
    let mut words = vec!["systemctl", "--no-pager", "--no-ask-password"];
    if manager == ManagerKind::SystemdUser {
        words.push("--user");
    }
    words.extend(args);
    words.push("--");
    words.extend(units);
    user_bus(manager, reach, Command::new(words, limit).keep(ANSWER).env("LC_ALL", "C.UTF-8"))
}

/// cron leaves out what says where the user's manager is.
fn user_bus(manager: ManagerKind, reach: &Reach, mut command: Command) -> Command {
    if manager == ManagerKind::SystemdUser
        && let Some(dir) = &reach.runtime_dir
    {
        command = command.env("XDG_RUNTIME_DIR", &dir.to_string_lossy());
        if reach.session_bus.is_none() {
            command = command.env(
                "DBUS_SESSION_BUS_ADDRESS",
                &format!("unix:path={}", dir.join("bus").display()),
            );
        }
    }
    command
}

/// Why this systemd cannot be there at all, known without starting a process.
pub(crate) fn absent(manager: ManagerKind, reach: &Reach) -> Option<String> {
    match manager {
        ManagerKind::Systemd | ManagerKind::SystemdUser if !reach.systemd => {
            Some("no systemd on this host".into())
        }
        ManagerKind::SystemdUser if !reach.user_systemd => Some(format!(
            "no user manager runs for {}; `loginctl enable-linger {}` keeps one running",
            reach.user, reach.user
        )),
        _ => None,
    }
}

/// Asks about all of `units` at once. Every one of them is in the answer.
pub(crate) fn show(
    manager: ManagerKind,
    units: &[&str],
    reach: &Reach,
    limit: Duration,
) -> HashMap<String, Found> {
    let all = |found: &dyn Fn(&str) -> Found| {
        units.iter().map(|unit| ((*unit).to_owned(), found(unit))).collect()
    };
    if let Some(why) = absent(manager, reach) {
        return all(&|unit| Found::Nowhere(format!("{} `{unit}` ({why})", manager.word())));
    }
    let args = ["show", "-p", facts::PROPERTIES];
    let output = systemctl(manager, &args, units, reach, limit).run();
    if !output.ok() {
        let why = format!("{} does not answer: {}", manager.word(), output.reason());
        return all(&|_| Found::Unknown(why.clone()));
    }
    let shown = facts::parse(&output.text(), manager, clock::monotonic());
    all(&|unit| {
        shown.iter().find(|shown| shown.names.iter().any(|name| name == unit)).map_or_else(
            || Found::Unknown(format!("{} said nothing about `{unit}`", manager.word())),
            |shown| shown.found.clone(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gets_its_suffix_and_a_bad_one_is_refused() {
        for (text, want) in [
            ("web", Ok("web.service")),
            ("web.service", Ok("web.service")),
            ("backup.timer", Ok("backup.timer")),
            ("my.app", Ok("my.app.service")),
            ("x@1", Ok("x@1.service")),
            ("a\\x20b.mount", Ok("a\\x20b.mount")),
            ("--help", Err("not the name")),
            ("", Err("not the name")),
            (".service", Err("not the name")),
            ("x@.service", Err("template")),
            ("@1.service", Err("template")),
            ("a b", Err("` ` cannot be")),
            ("web;reboot", Err("`;` cannot be")),
            ("*", Err("`*` cannot be")),
            ("../etc", Err("`/` cannot be")),
        ] {
            match (unit_name(text), want) {
                (Ok(name), Ok(want)) => assert_eq!(name, want),
                (Err(why), Err(want)) => assert!(why.contains(want), "{text}: {why}"),
                (got, want) => panic!("{text}: {got:?}, wanted {want:?}"),
            }
        }
        assert!(unit_name(&"a".repeat(248)).is_err());
        assert!(unit_name(&"a".repeat(247)).is_ok());
    }

    #[test]
    fn a_host_without_systemd_is_answered_without_a_process() {
        let mut reach = Reach::nothing();
        let found = show(ManagerKind::Systemd, &["web.service"], &reach, Duration::ZERO);
        let want = "systemd `web.service` (no systemd on this host)";
        assert_eq!(found["web.service"], Found::Nowhere(want.into()));
        reach.systemd = true;
        reach.user = "max".into();
        let found = show(ManagerKind::SystemdUser, &["web.service"], &reach, Duration::ZERO);
        let Found::Nowhere(why) = &found["web.service"] else { panic!("{found:?}") };
        assert!(why.contains("loginctl enable-linger max"), "{why}");
    }
}
