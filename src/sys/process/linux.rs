//! The process table as Linux shows it in `/proc` (proc(5)). Reads only what cannot wait, but for
//! [`argv`].

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use super::{Container, Process, Usage, before};
use crate::model::time::Now;
use crate::sys::clock::Deadline;
use crate::sys::made_up;

/// `starttime` counts these: `USER_HZ`, 100 a second on every architecture that Rust's standard library runs on.
const TICKS: u64 = 100;

pub(super) fn all() -> Result<Vec<Process>, String> {
    let listed = fs::read_dir("/proc").map_err(|err| format!("cannot read `/proc`: {err}"))?;
    let pids = listed.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let found: Vec<_> = pids.filter_map(one).collect();
    if found.is_empty() { Err("`/proc` lists no process".into()) } else { Ok(found) }
}

pub(super) fn one(pid: u32) -> Option<Process> {
    parse_stat(&made_up::read(format!("/proc/{pid}/stat")).ok()?)
}

/// `812 (nginx) S 1 …`: the name may itself hold spaces and brackets, so the last bracket ends it.
fn parse_stat(text: &str) -> Option<Process> {
    let (head, rest) = text.rsplit_once(')')?;
    let (pid, name) = head.split_once(" (")?;
    let mut rest = rest.split_ascii_whitespace();
    let (state, parent) = (rest.next()?, rest.next()?);
    Some(Process {
        pid: pid.parse().ok()?,
        parent: parent.parse().ok()?,
        name: name.to_owned(),
        start: rest.nth(17)?.parse().ok()?,
        zombie: matches!(state, "Z" | "X" | "x"),
        // Not `t`: a debugger holds it, and knows.
        stopped: state == "T",
        waiting: state == "D",
    })
}

pub(super) fn started(start: u64, now: &Now) -> Timestamp {
    let since_boot = Duration::from_millis(start.saturating_mul(1000 / TICKS));
    before(now, now.since_boot.saturating_sub(since_boot))
}

pub(super) fn all_visible() -> bool {
    fs::exists("/proc/1/stat").unwrap_or(false)
}

pub(super) fn exe(pid: u32) -> Option<PathBuf> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    // The kernel marks a program whose file was replaced by an upgrade.
    let plain = path.to_str().and_then(|text| text.strip_suffix(" (deleted)")).map(PathBuf::from);
    Some(plain.unwrap_or(path))
}

pub(super) fn uid(pid: u32) -> Option<u32> {
    // Not the owner of the directory: that is root for every process that may not be dumped.
    parse_uid(&made_up::read(format!("/proc/{pid}/status")).ok()?)
}

/// `Uid:` real, effective, saved, file system.
fn parse_uid(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

pub(super) fn usage(pid: u32) -> Option<Usage> {
    let stat = made_up::read(format!("/proc/{pid}/stat")).ok()?;
    parse_usage(&stat, &made_up::read(format!("/proc/{pid}/status")).ok()?)
}

/// `utime` and `stime` of `stat`; `VmRSS`, which a kernel thread has none of, and `Threads` of `status`.
fn parse_usage(stat: &str, status: &str) -> Option<Usage> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut times = rest.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    let ticks = times.next()?.ok()?.saturating_add(times.next()?.ok()?);
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    Some(Usage {
        cpu: Duration::from_millis(ticks.saturating_mul(1000 / TICKS)),
        memory: number("VmRSS:").unwrap_or(0).saturating_mul(1024),
        threads: number("Threads:"),
    })
}

pub(super) fn open_files(pid: u32) -> Option<u64> {
    u64::try_from(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count()).ok()
}

pub(super) fn most_files(pid: u32) -> Option<u64> {
    parse_limit(&made_up::read(format!("/proc/{pid}/limits")).ok()?)
}

/// `Max open files            1024                 524288               files`.
fn parse_limit(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// By the targets of the links in `/proc/PID/fd`, which reading them asks no file system for, and by the flags in
/// `/proc/PID/fdinfo` (open(2): the lowest two bits are the access mode).
pub(super) fn written(paths: &BTreeSet<PathBuf>, deadline: Deadline) -> BTreeSet<PathBuf> {
    let mut written = BTreeSet::new();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if paths.is_empty() || deadline.passed() {
            break;
        }
        for fd in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let Some(path) = fs::read_link(fd.path()).ok().filter(|path| paths.contains(path))
            else {
                continue;
            };
            let name = fd.file_name();
            let info = made_up::read(format!("/proc/{pid}/fdinfo/{}", name.to_string_lossy()));
            if info.is_ok_and(|info| parse_writes(&info)) {
                written.insert(path);
            }
        }
    }
    written
}

fn parse_writes(fdinfo: &str) -> bool {
    let flags = fdinfo.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u64::from_str_radix(flags.trim(), 8).ok()).is_some_and(|f| f & 3 != 0)
}

pub(super) fn argv(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words =
        bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
    words.filter(|word| !word.is_empty()).collect()
}

pub(super) fn unit(pid: u32) -> Option<String> {
    parse_cgroup(&made_up::read(format!("/proc/{pid}/cgroup")).ok()?)
}

pub(super) fn container(pid: u32) -> Option<String> {
    parse_container(&made_up::read(format!("/proc/{pid}/cgroup")).ok()?)
}

/// The 64 digits in `/docker/ID`, `docker-ID.scope`, `libpod-ID.scope/container` and their like.
fn parse_container(text: &str) -> Option<String> {
    let id = |part: &&str| part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split(|c: char| !c.is_ascii_alphanumeric()).find(id).map(str::to_owned)
}

/// The innermost service, else the innermost scope, of `0::/system.slice/nginx.service` (cgroup v2) or of
/// v1's `1:name=systemd:/…`.
fn parse_cgroup(text: &str) -> Option<String> {
    let path = text.lines().find_map(|line| {
        line.strip_prefix("0::")
            .filter(|path| *path != "/")
            .or_else(|| line.split_once(":name=systemd:").map(|(_, path)| path))
    })?;
    let innermost = |suffix: &str| path.rsplit('/').find(|part| part.ends_with(suffix));
    innermost(".service").or_else(|| innermost(".scope")).map(str::to_owned)
}

pub(super) fn runs_in(pid: u32) -> Option<Container> {
    parse_runs_in(&made_up::read(format!("/proc/{pid}/cgroup")).ok()?)
}

/// An id of 64 hexadecimal digits, in the names that the engines give their cgroups: `docker-ID.scope`,
/// `libpod-ID.scope`, `cri-containerd-ID.scope`, `crio-ID.scope`, and without systemd `docker/ID`, `libpod_parent/libpod-ID`.
fn parse_runs_in(text: &str) -> Option<Container> {
    let parts = text.lines().filter_map(|line| line.splitn(3, ':').nth(2)).flat_map(|path| {
        let parts: Vec<_> = path.split('/').collect();
        parts.windows(2).map(|two| (two[0].to_owned(), two[1].to_owned())).collect::<Vec<_>>()
    });
    parts.into_iter().find_map(|(above, name)| {
        let name = name.strip_suffix(".scope").unwrap_or(&name);
        let (mark, id) = name.rsplit_once('-').unwrap_or((&above, name));
        let is_id = id.len() == 64 && id.chars().all(|c| c.is_ascii_hexdigit());
        let engine = match mark {
            _ if !is_id => return None,
            "docker" => "docker",
            "libpod" => "podman",
            "crio" | "cri-containerd" => "crictl",
            _ => return None,
        };
        Some(Container { engine, id: id[..12].to_owned() })
    })
}

pub(super) fn user_name(uid: u32) -> Option<String> {
    let list = fs::read("/etc/passwd").ok()?;
    String::from_utf8_lossy(&list).lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_of_a_container_is_known_by_the_cgroups_name() {
        let id = "0123456789abcdef".repeat(4);
        let some = |engine| Some(Container { engine, id: "0123456789ab".into() });
        for (path, want) in [
            (format!("0::/system.slice/docker-{id}.scope"), some("docker")),
            (format!("0::/machine.slice/libpod-{id}.scope/container"), some("podman")),
            (format!("4:cpu:/docker/{id}\n1:name=systemd:/docker/{id}"), some("docker")),
            (format!("0::/kubepods.slice/cri-containerd-{id}.scope"), some("crictl")),
            (format!("0::/machine.slice/libpod-conmon-{id}.scope"), None),
            ("0::/system.slice/docker.service".into(), None),
            ("0::/user.slice/user-1000.slice/session-3.scope".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(parse_runs_in(&path), want, "{path}");
        }
    }

    #[test]
    fn a_name_may_hold_brackets_and_spaces() {
        let text = "77 (a) S (b) Z 5 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2";
        let found = parse_stat(text).unwrap();
        let state =
            |letter: &str| parse_stat(&text.replacen(") Z", &format!(") {letter}"), 1)).unwrap();
        assert!(state("D").waiting && !state("D").stopped && !found.waiting && state("T").stopped);
        assert_eq!(
            (found.pid, found.name.as_str(), found.parent, found.start, found.zombie),
            (77, "a) S (b", 5, 4242, true)
        );
    }

    #[test]
    fn use_is_read_from_both_files() {
        let stat = "77 (a) b) S 5 77 77 0 -1 4194560 1 0 0 0 150 50 9 9 20 0 3 0 4242 1 2";
        let (cpu, memory) = (Duration::from_secs(2), 2 << 20);
        let want = Usage { cpu, memory, threads: Some(3) };
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t3\n";
        assert_eq!(parse_usage(stat, status), Some(want));
        let kernel = Usage { cpu, memory: 0, threads: Some(1) };
        assert_eq!(parse_usage(stat, "Threads:\t1\n"), Some(kernel));
        assert_eq!(parse_usage("", ""), None);
        let limits =
            "Limit  Soft  Hard  Units\nMax open files            1024     524288    files\n";
        assert_eq!(parse_limit(limits), Some(1024));
        assert_eq!(parse_limit("Max open files  unlimited unlimited files"), None);
    }

    #[test]
    fn the_unit_is_the_innermost_service() {
        for (text, want) in [
            ("0::/system.slice/nginx.service\n", Some("nginx.service")),
            ("0::/system.slice/system-getty.slice/getty@tty1.service", Some("getty@tty1.service")),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service",
                Some("web.service"),
            ),
            ("0::/system.slice/k3s.service/payload", Some("k3s.service")),
            ("0::/user.slice/user-0.slice/session-3.scope", Some("session-3.scope")),
            ("12:pids:/x\n1:name=systemd:/system.slice/cron.service\n0::/", Some("cron.service")),
            ("0::/", None),
            ("", None),
        ] {
            assert_eq!(parse_cgroup(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn the_container_is_the_id_that_its_engine_puts_into_the_cgroups_name() {
        let id = "989d7495b01df18b80cb74905ce579daefa539d9401fa24778e8b408654fb115";
        for path in [
            "9:name=systemd:/docker/ID\n0::/docker/ID\n",
            "0::/system.slice/docker-ID.scope\n",
            "0::/libpod_parent/libpod-ID",
            "0::/machine.slice/libpod-ID.scope/container",
            "0::/system.slice/web.service/libpod-payload-ID",
        ] {
            let text = path.replace("ID", id);
            assert_eq!(parse_container(&text).as_deref(), Some(id), "{text}");
            assert_eq!(parse_container(&path.replace("ID", &id[1..])), None, "{path}");
        }
        assert_eq!(parse_container("0::/system.slice/nginx.service\n"), None);
    }

    #[test]
    fn the_effective_user_counts() {
        assert_eq!(parse_uid("Name:\tx\nUid:\t1000\t33\t33\t33\n"), Some(33));
        assert_eq!(parse_uid(""), None);
    }
}
