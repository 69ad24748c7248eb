//! Who holds a port, for a person: who it is, since when, and what to type. Pure; ends nobody.

use crate::model::scrub::scrubbed;
use crate::model::text::one_line;
use crate::remedy::port_conflict::owner::Holder;

/// The most that is shown of a command line, in characters.
const LINE: usize = 120;

/// Such as: pid 812 (/usr/bin/python3, user max, unit web.service, since 2026-01-02 03:04:05Z), running `python3 x`.
pub(super) fn described(holder: &Holder) -> String {
    let exe = holder.exe.as_ref().map(|exe| exe.to_string_lossy().into_owned());
    let exe = exe.as_deref().unwrap_or(&holder.name);
    let mut about = vec![one_line(exe, 100)];
    about.extend(holder.user.as_ref().map(|user| format!("user {user}")));
    about.extend(holder.unit.as_ref().map(|unit| format!("unit {unit}")));
    about.extend(
        holder.container.as_ref().map(|one| format!("{} container {}", one.engine, one.id)),
    );
    about.extend(holder.since.map(|at| format!("since {}", at.strftime("%Y-%m-%d %H:%M:%SZ"))));
    let line = one_line(&scrubbed(&one_line(&holder.line, 4 * LINE)), LINE);
    let running =
        if line.is_empty() || line == exe { String::new() } else { format!(", running `{line}`") };
    format!("pid {} ({}){running}", holder.pid, about.join(", "))
}

/// What to type to end it, for one that may go.
pub(super) fn end(holder: &Holder) -> String {
    let typed = match (&holder.container, &holder.unit) {
        (Some(container), _) => format!("{} stop {}", container.engine, container.id),
        (None, Some(unit)) if unit.ends_with(".service") => format!("systemctl stop {unit}"),
        _ => format!("kill {}", holder.pid),
    };
    format!("if it may go: `{typed}`")
}

/// What to type to find out more about one that must not be ended as a process.
pub(super) fn look(holder: &Holder, port: u16) -> String {
    let typed = match (holder.name.as_str(), &holder.unit) {
        ("docker-proxy" | "rootlessport" | "conmon", _) => {
            let engine = if holder.name == "docker-proxy" { "docker" } else { "podman" };
            format!("{engine} ps --filter publish={port}")
        }
        _ if holder.pid <= 1 => format!("systemctl list-sockets | grep :{port}"),
        (_, Some(unit)) => format!("systemctl status {unit}"),
        _ => format!("ps -fp {}", holder.pid),
    };
    format!("to see more: `{typed}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::Container;

    fn holder() -> Holder {
        Holder {
            pid: 812,
            start: 1,
            name: "python3".into(),
            exe: Some("/usr/bin/python3.11".into()),
            line: "python3 -m http.server 8080 --token=abc".into(),
            user: Some("max".into()),
            unit: None,
            ancestry: vec![812, 1],
            container: None,
            since: Some("2026-01-02T03:04:05Z".parse().unwrap()),
        }
    }

    #[test]
    fn all_that_is_known_of_it_is_told_but_no_secret() {
        assert_eq!(
            described(&holder()),
            "pid 812 (/usr/bin/python3.11, user max, since 2026-01-02 03:04:05Z), \
             running `python3 -m http.server 8080 --token=***`"
        );
        let bare = Holder { exe: None, line: String::new(), since: None, user: None, ..holder() };
        assert_eq!(described(&bare), "pid 812 (python3)");
    }

    #[test]
    fn what_to_type_is_for_who_runs_it() {
        let unit = |unit: &str| Some(unit.to_owned());
        let container = Some(Container { engine: "podman", id: "0123456789ab".into() });
        for (holder, want) in [
            (holder(), "`kill 812`"),
            (Holder { unit: unit("web.service"), ..holder() }, "`systemctl stop web.service`"),
            (Holder { unit: unit("session-3.scope"), ..holder() }, "`kill 812`"),
            (
                Holder { unit: unit("libpod-1.scope"), container, ..holder() },
                "`podman stop 0123456789ab`",
            ),
        ] {
            assert!(end(&holder).ends_with(want), "{}", end(&holder));
        }
        for (holder, want) in [
            (Holder { name: "docker-proxy".into(), ..holder() }, "`docker ps --filter publish=80`"),
            (Holder { pid: 1, ..holder() }, "`systemctl list-sockets | grep :80`"),
            (Holder { unit: unit("db.service"), ..holder() }, "`systemctl status db.service`"),
            (holder(), "`ps -fp 812`"),
        ] {
            assert!(look(&holder, 80).ends_with(want), "{}", look(&holder, 80));
        }
    }
}
