//! Whose the process is that listens on a service's port. Pure: facts in, a judgement out. In doubt it is
//! somebody else's.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::manager::Claims;
use crate::sys::process::Container;

/// Never ended, whatever they hold: they are the host itself, the way in, or a proxy for others.
const NEVER: [&str; 18] = [
    "systemd",
    "init",
    "launchd",
    "sshd",
    "sshd-session",
    "dropbear",
    "docker-proxy",
    "dockerd",
    "containerd",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "conmon",
    "podman",
    "rootlessport",
    "supervisord",
    "dbus-daemon",
    "dbus-broker",
    "miraclemax",
];
/// Programs that are many services' program: for them the arguments must be the same too.
const INTERPRETERS: [&str; 24] = [
    "sh", "bash", "dash", "zsh", "ksh", "busybox", "env", "python", "perl", "ruby", "node",
    "nodejs", "deno", "bun", "java", "php", "php-fpm", "lua", "tclsh", "mono", "dotnet",
    "beam.smp", "gunicorn", "uwsgi",
];

/// A process that listens on the port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) pid: u32,
    pub(crate) start: u64,
    pub(crate) name: String,
    pub(crate) exe: Option<PathBuf>,
    /// Its command line, as [`crate::manager::plain`] makes it.
    pub(crate) line: String,
    pub(crate) user: Option<String>,
    /// The unit whose cgroup it is in.
    pub(crate) unit: Option<String>,
    /// Itself, its parent, and so on.
    pub(crate) ancestry: Vec<u32>,
    /// The container that it runs in.
    pub(crate) container: Option<Container>,
    /// Since when, by the wall clock.
    pub(crate) since: Option<Timestamp>,
}

/// Whom it is compared with.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    pub(crate) claims: &'a Claims,
    /// The program remembered from healthy days.
    pub(crate) exe: Option<&'a Path>,
    pub(crate) may_kill: &'a [PathBuf],
    pub(crate) managed_units: &'a [String],
    /// This process and its parents.
    pub(crate) own_ancestry: &'a [u32],
}

/// Whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The service as it runs now: a restart replaces it.
    Present,
    /// Proven to be a stale copy of it, or allowed by `may_kill`; the proof.
    Stale(String),
    /// Somebody else's, or not proven; why.
    Foreign(String),
    /// Not to be ended by anybody, nor another service's; why.
    Untouchable(String),
}

/// Judges one holder.
pub(crate) fn whose(holder: &Holder, side: &Side<'_>) -> Whose {
    let claims = side.claims;
    if let Some(why) = untouchable(holder, side) {
        return Whose::Untouchable(why);
    }
    if holder.ancestry.iter().any(|pid| claims.present.contains(pid)) {
        return Whose::Present;
    }
    if claims.unit.is_some() && holder.unit == claims.unit {
        return Whose::Stale("left over in the service's own cgroup".into());
    }
    if let Some(container) = &holder.container {
        return Whose::Foreign(format!("it runs in a container of {}", container.engine));
    }
    if let Some(unit) = holder.unit.as_ref().filter(|unit| unit.ends_with(".service"))
        && holder.unit != claims.shared
    {
        return Whose::Foreign(format!("it belongs to {unit}"));
    }
    if let Some(exe) = holder.exe.as_ref().filter(|exe| same_file(exe, side.may_kill)) {
        return Whose::Stale(format!("`may_kill` names {}", exe.display()));
    }
    copy(holder, claims, side.exe)
}

fn untouchable(holder: &Holder, side: &Side<'_>) -> Option<String> {
    let called = holder.exe.as_ref().and_then(|exe| exe.file_name()?.to_str());
    let names = [called.unwrap_or_default(), holder.name.as_str()];
    if holder.pid <= 1 {
        Some("it is the host's first process (a socket unit listens for it)".into())
    } else if side.own_ancestry.contains(&holder.pid) {
        Some("it is this very program or one of its parents".into())
    } else if let Some(name) = names.iter().find(|name| NEVER.contains(name)) {
        Some(format!("`{name}` is never ended"))
    } else if holder.unit.as_ref().is_some_and(|unit| side.managed_units.contains(unit)) {
        Some(format!("it is another service's: {}", holder.unit.as_deref().unwrap_or_default()))
    } else if holder.ancestry.iter().any(|pid| side.claims.others.contains(pid))
        && !holder.ancestry.iter().any(|pid| side.claims.present.contains(pid))
    {
        Some("it is another program's of the same manager".into())
    } else {
        None
    }
}

/// The same program by the same user; of an interpreter also with the same arguments.
fn copy(holder: &Holder, claims: &Claims, remembered: Option<&Path>) -> Whose {
    let program = claims.program.as_ref();
    let Some(exe) = &holder.exe else {
        return Whose::Foreign("its program cannot be seen".into());
    };
    if program.is_none() && remembered.is_none() {
        return Whose::Foreign("nothing proves that it is a copy of the service".into());
    }
    if claims.user.is_none() || holder.user != claims.user {
        return Whose::Foreign("it is not known to run as the service's user".into());
    }
    let configured =
        program.is_some_and(|program| same_file(exe, std::slice::from_ref(&program.exe)));
    let known = configured || remembered.is_some_and(|remembered| exe == remembered);
    if !is_interpreter(exe) {
        return if known {
            Whose::Stale("the same program by the same user".into())
        } else {
            Whose::Foreign("it is another program than the service's".into())
        };
    }
    // A script runs as its interpreter, with the script's own line as arguments.
    let arguments = arguments(&holder.line);
    let same = program.is_some_and(|program| {
        arguments == program.line || configured && arguments == self::arguments(&program.line)
    });
    if same && !arguments.is_empty() {
        Whose::Stale("the same program with the same arguments by the same user".into())
    } else {
        Whose::Foreign("it does not run the same as the service".into())
    }
}

/// What follows the first word.
fn arguments(line: &str) -> &str {
    line.split_once(' ').map_or("", |(_, rest)| rest)
}

/// Versions are part of many names: `python3.11`, `ruby2.7`, `php8.2`.
fn is_interpreter(exe: &Path) -> bool {
    let name = exe.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    INTERPRETERS.contains(&name.as_str()) || INTERPRETERS.contains(&stem)
}

/// The kernel names a process's program with links resolved: `/bin/x` runs as `/usr/bin/x`.
fn same_file(exe: &Path, named: &[PathBuf]) -> bool {
    named.iter().any(|path| {
        path == exe || std::fs::canonicalize(path).is_ok_and(|resolved| resolved == exe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::Program;

    fn program(exe: &str, line: &str) -> Program {
        Program { exe: exe.into(), line: line.into() }
    }

    fn claims() -> Claims {
        Claims {
            unit: Some("web.service".into()),
            shared: None,
            present: vec![500],
            others: vec![],
            program: Some(program("/opt/web/server", "/opt/web/server --port 8080")),
            user: Some("www".into()),
        }
    }

    fn stranger() -> Holder {
        Holder {
            pid: 700,
            start: 1,
            name: "other".into(),
            exe: Some("/opt/other".into()),
            line: "/opt/other".into(),
            user: Some("www".into()),
            unit: None,
            ancestry: vec![700, 1],
            container: None,
            since: None,
        }
    }

    fn judge(holder: &Holder, claims: &Claims) -> Whose {
        let (may_kill, managed_units) = ([PathBuf::from("/opt/dev")], ["db.service".to_owned()]);
        whose(
            holder,
            &Side {
                claims,
                exe: None,
                may_kill: &may_kill,
                managed_units: &managed_units,
                own_ancestry: &[900, 899, 1],
            },
        )
    }

    fn is_stale(holder: &Holder) -> bool {
        matches!(judge(holder, &claims()), Whose::Stale(_))
    }

    #[test]
    fn a_copy_of_the_same_program_by_the_same_user_is_stale() {
        let copy = Holder { exe: Some("/opt/web/server".into()), ..stranger() };
        assert!(is_stale(&copy));
        assert!(is_stale(&Holder { unit: Some("session-3.scope".into()), ..copy.clone() }));
        assert!(!is_stale(&Holder { user: Some("max".into()), ..copy.clone() }));
        assert!(!is_stale(&Holder { user: None, ..copy.clone() }));
        assert!(!is_stale(&Holder { unit: Some("staging.service".into()), ..copy.clone() }));
        assert!(!is_stale(&stranger()));
        let container = Some(Container { engine: "docker", id: "0123456789ab".into() });
        assert!(!is_stale(&Holder { container, ..copy.clone() }));
        assert!(!is_stale(&Holder { exe: None, ..copy }));
    }

    #[test]
    fn what_is_left_in_its_own_cgroup_is_stale_and_its_present_tree_is_not() {
        let left = Holder { unit: Some("web.service".into()), ..stranger() };
        assert!(is_stale(&left));
        for ancestry in [vec![500, 1], vec![700, 600, 500, 1]] {
            let holder = Holder { pid: ancestry[0], ancestry, ..left.clone() };
            assert_eq!(judge(&holder, &claims()), Whose::Present);
        }
    }

    #[test]
    fn what_may_kill_names_is_ended_but_not_in_another_unit() {
        let dev = Holder { exe: Some("/opt/dev".into()), user: Some("max".into()), ..stranger() };
        assert!(is_stale(&dev));
        assert!(!is_stale(&Holder { unit: Some("db.service".into()), ..dev }));
    }

    #[test]
    fn nothing_makes_these_a_stale_copy() {
        let copy = Holder {
            exe: Some("/opt/web/server".into()),
            unit: Some("web.service".into()),
            ..stranger()
        };
        assert!(is_stale(&copy));
        for holder in [
            Holder { pid: 1, ..copy.clone() },
            Holder { pid: 0, ..copy.clone() },
            Holder { pid: 900, ..copy.clone() },
            Holder { pid: 899, ..copy.clone() },
            Holder { name: "sshd".into(), ..copy.clone() },
            Holder { exe: Some("/usr/bin/docker-proxy".into()), ..copy.clone() },
            Holder { exe: Some("/lib/systemd/systemd".into()), ..copy.clone() },
            Holder { unit: Some("db.service".into()), ..copy.clone() },
        ] {
            assert!(matches!(judge(&holder, &claims()), Whose::Untouchable(_)), "{holder:?}");
        }
    }

    #[test]
    fn an_interpreter_must_run_the_same_thing() {
        let line = "/usr/bin/python3 -m http.server 8080";
        let claims = Claims { program: Some(program("/usr/bin/python3.11", line)), ..claims() };
        let python = |line: &str| Holder {
            exe: Some("/usr/bin/python3.11".into()),
            line: line.into(),
            ..stranger()
        };
        assert!(matches!(judge(&python("python3 -m http.server 8080"), &claims), Whose::Stale(_)));
        for other in ["python3 -m http.server 8081", "python3", "python3 /opt/bot.py"] {
            assert!(matches!(judge(&python(other), &claims), Whose::Foreign(_)), "{other}");
        }
    }

    #[test]
    fn a_script_is_known_though_its_interpreter_runs_it() {
        let claims =
            Claims { program: Some(program("/opt/app/run", "/opt/app/run -v")), ..claims() };
        let run = |line: &str| Holder {
            exe: Some("/usr/bin/python3.11".into()),
            line: line.into(),
            ..stranger()
        };
        assert!(matches!(
            judge(&run("/usr/bin/python3 /opt/app/run -v"), &claims),
            Whose::Stale(_)
        ));
        assert!(matches!(judge(&run("/usr/bin/python3 /opt/app/run"), &claims), Whose::Foreign(_)));
    }

    #[test]
    fn under_a_shared_manager_the_cgroup_proves_nothing_and_neighbours_are_safe() {
        let claims = Claims {
            unit: None,
            shared: Some("supervisor.service".into()),
            others: vec![650],
            ..claims()
        };
        let copy = Holder {
            exe: Some("/opt/web/server".into()),
            unit: Some("supervisor.service".into()),
            ..stranger()
        };
        assert!(matches!(judge(&copy, &claims), Whose::Stale(_)));
        let neighbour = Holder { ancestry: vec![700, 650, 1], ..copy.clone() };
        assert!(matches!(judge(&neighbour, &claims), Whose::Untouchable(_)));
        let other = Holder { exe: Some("/opt/other".into()), ..copy };
        assert!(matches!(judge(&other, &claims), Whose::Foreign(_)));
    }

    #[test]
    fn the_program_of_healthy_days_is_known_too_but_not_without_the_user() {
        let remembered = PathBuf::from("/opt/web/server");
        let copy = Holder { exe: Some(remembered.clone()), ..stranger() };
        for (user, stale) in
            [(Some("www".to_owned()), true), (Some("max".into()), false), (None, false)]
        {
            let claims = Claims { user, ..Claims::default() };
            let side = Side {
                claims: &claims,
                exe: Some(&remembered),
                may_kill: &[],
                managed_units: &[],
                own_ancestry: &[900, 1],
            };
            assert_eq!(matches!(whose(&copy, &side), Whose::Stale(_)), stale, "{claims:?}");
        }
    }
}
