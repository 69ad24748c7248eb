//! What systemd has on record about a unit's processes: its cgroup, main process, program and user.

use std::path::PathBuf;
use std::time::Duration;

use crate::manager::claims::{Claims, Program, plain};
use crate::manager::reach::Reach;
use crate::manager::systemd::{absent, systemctl};
use crate::model::unit::ManagerKind;

/// Asked for; see `org.freedesktop.systemd1(5)`.
const PROPERTIES: &str = "MainPID,ExecStart,User";

/// Nothing where systemd does not answer.
pub(crate) fn claims(manager: ManagerKind, unit: &str, reach: &Reach, limit: Duration) -> Claims {
    if absent(manager, reach).is_some() {
        return Claims::default();
    }
    let output = systemctl(manager, &["show", "-p", PROPERTIES], &[unit], reach, limit).run();
    if !output.ok() {
        return Claims::default();
    }
    // A user's manager cannot run anything as somebody else, the system's runs as root unless told.
    let user = if manager == ManagerKind::SystemdUser { &reach.user } else { "root" };
    Claims { unit: Some(unit.to_owned()), ..parse(&output.text(), user) }
}

/// `ExecStart={ path=/bin/sh ; argv[]=/bin/sh -c x ; ignore_errors=no ; … }`; of several the last one is what
/// stays.
fn parse(text: &str, user: &str) -> Claims {
    let value = |key: &str| {
        text.lines().rev().find_map(|line| line.strip_prefix(key)).filter(|text| !text.is_empty())
    };
    let program = value("ExecStart=").and_then(|text| {
        let exe = text.split_once("path=")?.1.split_once(" ; ")?.0;
        let line = text.split_once("argv[]=")?.1.split_once(" ; ignore_errors=")?.0;
        Some(Program { exe: PathBuf::from(exe), line: plain(line) })
    });
    let present = value("MainPID=").and_then(|pid| pid.parse().ok()).filter(|pid| *pid != 0);
    Claims {
        present: present.into_iter().collect(),
        program,
        user: Some(value("User=").unwrap_or(user).to_owned()),
        ..Claims::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_read_as_systemd_252_shows_it() {
        let text = "MainPID=1893\nExecStart={ path=/bin/sh ; argv[]=/bin/sh -c echo a >&2; exit 3 ; \
            ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=1893 ; code=exited ; status=3 }\nUser=\n";
        let claims = parse(text, "root");
        let program = claims.program.unwrap();
        assert_eq!(claims.present, [1893]);
        assert_eq!(program.exe, PathBuf::from("/bin/sh"));
        assert_eq!(program.line, "/bin/sh -c echo a >&2; exit 3");
        assert_eq!(claims.user.as_deref(), Some("root"));
    }

    #[test]
    fn a_unit_without_a_process_or_program_claims_none() {
        let user = Some("www-data".to_owned());
        assert_eq!(
            parse("MainPID=0\nUser=www-data\n", "root"),
            Claims { user, ..Claims::default() }
        );
    }
}
