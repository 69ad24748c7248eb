//! What systemd has on record about where a unit lives and when it ran: directories, times, its limit of memory.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::manager::reach::Reach;
use crate::manager::surroundings::Surroundings;
use crate::manager::systemd::{absent, systemctl};
use crate::model::unit::ManagerKind;

/// Asked for; see `org.freedesktop.systemd1(5)`.
const PROPERTIES: &str = "WorkingDirectory,StateDirectory,CacheDirectory,LogsDirectory,ConfigurationDirectory,\
ExecMainStartTimestampMonotonic,ExecMainExitTimestampMonotonic,MemoryMax";

/// Where the directories of the system's units are (`systemd.exec(5)`, `StateDirectory=`).
const PLACES: [(&str, &str); 4] = [
    ("StateDirectory", "/var/lib"),
    ("CacheDirectory", "/var/cache"),
    ("LogsDirectory", "/var/log"),
    ("ConfigurationDirectory", "/etc"),
];

/// Nothing where systemd does not answer.
pub(crate) fn surroundings(
    manager: ManagerKind,
    unit: &str,
    reach: &Reach,
    limit: Duration,
) -> Surroundings {
    if absent(manager, reach).is_some() {
        return Surroundings::default();
    }
    let output = systemctl(manager, &["show", "-p", PROPERTIES], &[unit], reach, limit).run();
    if output.ok() { parse(&output.text(), manager) } else { Surroundings::default() }
}

fn parse(text: &str, manager: ManagerKind) -> Surroundings {
    let values: HashMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |key: &str| values.get(key).copied().unwrap_or_default();
    // `!` before it: it may be missing; `~` is the user's home, which is not told.
    let working = value("WorkingDirectory").trim_start_matches(['!', '-']);
    let mut places: Vec<PathBuf> =
        Some(working).filter(|dir| dir.starts_with('/')).map(PathBuf::from).into_iter().collect();
    if manager == ManagerKind::Systemd {
        for (key, base) in PLACES {
            let names = value(key).split_ascii_whitespace();
            places.extend(names.map(|name| PathBuf::from(base).join(name)));
        }
    }
    let since_boot =
        |key: &str| value(key).parse().ok().filter(|micros| *micros > 0).map(Duration::from_micros);
    Surroundings {
        places,
        started: since_boot("ExecMainStartTimestampMonotonic"),
        ended: since_boot("ExecMainExitTimestampMonotonic"),
        memory_limit: value("MemoryMax").parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_times_and_limit_are_read_as_systemd_252_shows_them() {
        let text = "WorkingDirectory=!/srv/web\nStateDirectory=web web/cache\nLogsDirectory=web\nCacheDirectory=\n\
            ExecMainStartTimestampMonotonic=2500000\nExecMainExitTimestampMonotonic=0\nMemoryMax=67108864\n";
        let found = parse(text, ManagerKind::Systemd);
        let want = ["/srv/web", "/var/lib/web", "/var/lib/web/cache", "/var/log/web"];
        assert_eq!(found.places, want.map(PathBuf::from));
        assert_eq!((found.started, found.ended), (Some(Duration::from_millis(2500)), None));
        assert_eq!(found.memory_limit, Some(64 << 20));
        let of_user = parse(text, ManagerKind::SystemdUser);
        assert_eq!(of_user.places, [PathBuf::from("/srv/web")]);
        let nothing = parse("WorkingDirectory=~\nMemoryMax=infinity\n", ManagerKind::Systemd);
        assert_eq!(nothing, Surroundings::default());
    }
}
