//! What a host is looked at for when nothing is configured: what ails a host most often, with limits that warn before it
//! ails. What it does not have is not asked for. Only chooses; the looks are those of probes given on the spot.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::sys::{host, mounts};

/// For the question whether a file system has a fixed number of inodes.
const SHORT: Duration = Duration::from_secs(2);

/// What there is here to look at.
#[derive(Debug)]
struct Here {
    /// Mount points, and whether the file system there has a fixed number of inodes.
    disks: Vec<(PathBuf, bool)>,
    systemd: bool,
    swap: bool,
    /// The clock is this host's own, and somebody here tells how it is.
    clock: bool,
}

/// The probes for this host, in their short form.
pub(super) fn probes() -> Vec<String> {
    let inodes = |path: &Path| host::disk(path, SHORT).is_ok_and(|disk| disk.inodes > 0);
    let mounts = mounts::local().unwrap_or_else(|_| vec![PathBuf::from("/")]);
    let disks = mounts.into_iter().map(|path| (path.clone(), inodes(&path))).collect();
    let systemd = host::booted_with_systemd();
    choose(&Here {
        disks,
        systemd,
        swap: host::swap().is_ok_and(|swap| swap.total > 0),
        // A container's clock is its host's.
        clock: host::container().is_none() && (systemd || Path::new("/run/chrony").exists()),
    })
}

fn choose(here: &Here) -> Vec<String> {
    let mut probes = Vec::new();
    if here.systemd {
        probes.push("failed-units:".to_owned());
    }
    for (path, inodes) in &here.disks {
        // What cannot be written in the short form cannot be asked for in it.
        let Some(path) = path.to_str().filter(|path| !path.contains(['?', '\n'])) else { continue };
        probes.push(format!("disk:{path}?warn=10%&crit=5%"));
        if *inodes {
            probes.push(format!("inodes:{path}?warn=10%&crit=5%"));
        }
    }
    probes.push("memory:?warn=10%&crit=5%".into());
    if here.swap {
        // Full swap alone is no outage.
        probes.push("swap:?warn=90%".into());
    }
    probes.push("load:?per_core_warn=2&per_core=4".into());
    if here.clock {
        probes.push("clock:".into());
    }
    probes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn a_host_is_looked_at_for_what_it_has() {
        let all = Here {
            disks: vec![("/".into(), true), ("/home".into(), false), ("/odd?".into(), true)],
            systemd: true,
            swap: true,
            clock: true,
        };
        let asked = choose(&all);
        assert_eq!(
            asked,
            [
                "failed-units:",
                "disk:/?warn=10%&crit=5%",
                "inodes:/?warn=10%&crit=5%",
                "disk:/home?warn=10%&crit=5%",
                "memory:?warn=10%&crit=5%",
                "swap:?warn=90%",
                "load:?per_core_warn=2&per_core=4",
                "clock:",
            ]
        );
        let disks = vec![("/".into(), false)];
        let container = Here { disks, systemd: false, swap: false, clock: false };
        assert_eq!(
            choose(&container),
            [
                "disk:/?warn=10%&crit=5%",
                "memory:?warn=10%&crit=5%",
                "load:?per_core_warn=2&per_core=4"
            ]
        );
        for probe in asked.iter().chain(&probes()) {
            assert!(config::probe(probe).is_ok(), "{probe}");
        }
    }
}
