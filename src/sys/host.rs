//! Figures of the host: load, memory, disks, name. Each is read by itself and only when asked for; a figure
//! that cannot be read is an error, never a zero. Never lists or walks mounts.

use std::path::Path;
use std::time::Duration;

use crate::sys::clock;
use crate::sys::files::{Missed, guarded};

/// Memory in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// What programs can still get without swapping: caches count as available.
    pub available: u64,
}

/// Memory on disk, in bytes; all zero where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    /// All of it.
    pub total: u64,
    /// What is not in use.
    pub free: u64,
}

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that programs without privileges can use in all.
    pub total: u64,
    /// Bytes still free for them; what is kept back for root is not counted.
    pub free: u64,
    /// Inodes in all; 0 where the file system has no fixed number of them.
    pub inodes: u64,
    /// Inodes still free.
    pub inodes_free: u64,
    /// Nothing can be written there, whatever its permissions.
    pub read_only: bool,
}

/// The run queue's average length over 1, 5 and 15 minutes.
pub fn load() -> Result<[f64; 3], String> {
    #[cfg(target_os = "linux")]
    {
        parse_load(&read("/proc/loadavg")?)
            .ok_or_else(|| "cannot understand `/proc/loadavg`".into())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let load = sysinfo::System::load_average();
        Ok([load.one, load.five, load.fifteen])
    }
}

/// Processors that this program may use; at least 1.
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// See [`Memory`].
pub fn memory() -> Result<Memory, String> {
    #[cfg(target_os = "linux")]
    {
        parse_memory(&read("/proc/meminfo")?)
            .ok_or_else(|| "cannot understand `/proc/meminfo`".into())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let mut system = sysinfo::System::new();
        system.refresh_memory_specifics(sysinfo::MemoryRefreshKind::nothing().with_ram());
        match system.total_memory() {
            0 => Err("the system does not tell its memory".into()),
            total => Ok(Memory { total, available: system.available_memory() }),
        }
    }
}

/// See [`Swap`].
pub fn swap() -> Result<Swap, String> {
    #[cfg(target_os = "linux")]
    {
        parse_swap(&read("/proc/meminfo")?)
            .ok_or_else(|| "cannot understand `/proc/meminfo`".into())
    }
    #[cfg(not(target_os = "linux"))]
    {
        let mut system = sysinfo::System::new();
        system.refresh_memory_specifics(sysinfo::MemoryRefreshKind::nothing().with_swap());
        Ok(Swap { total: system.total_swap(), free: system.free_swap() })
    }
}

/// How long tasks waited for `what` (`cpu`, `io`, `memory`): some of them, and all of them at once where that is counted;
/// averages over 10, 60 and 300 seconds in per cent of the time. Nothing where the kernel does not count it (PSI).
pub fn pressure(what: &str) -> Vec<(bool, [f64; 3])> {
    #[cfg(target_os = "linux")]
    {
        let text = crate::sys::made_up::read(Path::new("/proc/pressure").join(what));
        text.map(|text| parse_pressure(&text)).unwrap_or_default()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = what;
        Vec::new()
    }
}

/// The file system that `path` is on.
pub fn disk(path: &Path, limit: Duration) -> Result<Disk, Missed> {
    let about = guarded(path, limit, |path| rustix::fs::statvfs(path).map_err(Into::into))?;
    let used = about.f_blocks.saturating_sub(about.f_bfree);
    Ok(Disk {
        // As df counts: the share kept back for root is neither used nor free.
        total: (used + about.f_bavail).saturating_mul(about.f_frsize),
        free: about.f_bavail.saturating_mul(about.f_frsize),
        inodes: about.f_files,
        inodes_free: about.f_favail,
        read_only: about.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
    })
}

/// How many processes the kernel has killed since boot because memory ran out; none where it does not count.
pub fn oom_kills() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        parse_oom_kills(&read("/proc/vmstat").ok()?)
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

/// Whether what is written below `path` is in memory alone, and lost when the host is restarted.
pub fn in_memory(path: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        // statfs(2): tmpfs, ramfs.
        const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
        rustix::fs::statfs(path).is_ok_and(|about| {
            u64::try_from(about.f_type).is_ok_and(|kind| IN_MEMORY.contains(&kind))
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        false
    }
}

/// The sign by which this is a container, left there by whoever started it.
pub fn container() -> Option<&'static str> {
    ["/run/systemd/container", "/.dockerenv", "/run/.containerenv"]
        .into_iter()
        .find(|sign| Path::new(sign).exists())
}

/// The host's own name, as the kernel has it.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Load, memory in use and the root file system in use, for a ping's text: `load:0.42 mem:41% disk:63%`. What
/// cannot be told is left out.
pub fn line() -> String {
    let share =
        |part: u64, all: u64| (all > 0).then(|| (u128::from(part) * 100).div_ceil(u128::from(all)));
    let load = load().ok().map(|[one, ..]| format!("load:{one:.2}"));
    let memory = memory()
        .ok()
        .and_then(|memory| share(memory.total.saturating_sub(memory.available), memory.total));
    let disk = disk(Path::new("/"), Duration::from_secs(1)).ok();
    let disk = disk.and_then(|disk| share(disk.total.saturating_sub(disk.free), disk.total));
    let words =
        [load, memory.map(|used| format!("mem:{used}%")), disk.map(|used| format!("disk:{used}%"))];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Whether the host was booted with systemd: the sign that `sd_booted(3)` goes by.
pub fn booted_with_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// How long the host has been up, suspend included.
pub fn uptime() -> Duration {
    clock::now().since_boot
}

#[cfg(target_os = "linux")]
fn read(path: &str) -> Result<String, String> {
    crate::sys::made_up::read(path)
        .map_err(|err| format!("cannot read `{path}`: {}", crate::sys::why::why(&err)))
}

/// `0.20 0.18 0.12 1/80 11206` (proc(5)).
#[cfg(target_os = "linux")]
fn parse_load(text: &str) -> Option<[f64; 3]> {
    let mut numbers = text.split(' ').map(str::parse::<f64>);
    Some([numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?])
}

/// `some avg10=0.12 avg60=0.05 avg300=0.01 total=1234`, and the same of `full` (Linux, `Documentation/accounting/psi.rst`).
#[cfg(target_os = "linux")]
fn parse_pressure(text: &str) -> Vec<(bool, [f64; 3])> {
    let line = |line: &str| {
        let mut words = line.split(' ');
        let full = match words.next()? {
            "some" => false,
            "full" => true,
            _ => return None,
        };
        let mut average = |key: &str| words.next()?.strip_prefix(key)?.parse().ok();
        Some((full, [average("avg10=")?, average("avg60=")?, average("avg300=")?]))
    };
    text.lines().filter_map(line).collect()
}

/// `MemTotal:` and `MemAvailable:` (proc(5)); the latter since Linux 3.14.
#[cfg(target_os = "linux")]
fn parse_memory(text: &str) -> Option<Memory> {
    Some(Memory {
        total: in_bytes(text, "MemTotal:")?,
        available: in_bytes(text, "MemAvailable:")?,
    })
}

/// `SwapTotal:` and `SwapFree:` (proc(5)).
#[cfg(target_os = "linux")]
fn parse_swap(text: &str) -> Option<Swap> {
    Some(Swap { total: in_bytes(text, "SwapTotal:")?, free: in_bytes(text, "SwapFree:")? })
}

/// `oom_kill 3` (proc(5)); since Linux 4.13.
#[cfg(target_os = "linux")]
fn parse_oom_kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

/// The value of `key`, which is in kB there.
#[cfg(target_os = "linux")]
fn in_bytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_in_memory_alone_is_known() {
        assert!(!in_memory(Path::new("/proc")) && !in_memory(Path::new("/no/such/place")));
        // Where shared memory is, it is in memory.
        let shared = Path::new("/dev/shm");
        assert_eq!(in_memory(shared), shared.is_dir());
    }

    #[test]
    fn the_figures_of_this_host_make_sense() {
        let memory = memory().unwrap();
        assert!(memory.available > 0 && memory.available <= memory.total, "{memory:?}");
        let disk = disk(Path::new("/"), Duration::from_secs(10)).unwrap();
        assert!(disk.total > 0 && disk.free <= disk.total, "{disk:?}");
        assert!(load().unwrap()[0] >= 0.0 && cpus() >= 1 && uptime() > Duration::ZERO);
        assert!(!name().is_empty());
        let missing = super::disk(Path::new("/no/such/place"), Duration::from_secs(10));
        assert_eq!(missing, Err(Missed::Missing));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn figures_that_do_not_read_are_none_never_zero() {
        assert_eq!(parse_load("0.20 0.18 0.12 1/80 11206\n"), Some([0.20, 0.18, 0.12]));
        assert_eq!(parse_load("0.20 x"), None);
        let psi = "some avg10=1.50 avg60=0.25 avg300=0.00 total=7\nfull avg10=0.00 avg60=x avg300=0 total=0\n";
        assert_eq!(parse_pressure(psi), [(false, [1.5, 0.25, 0.0])]);
        let text = "MemTotal:       16000 kB\nMemFree:  1 kB\nMemAvailable:    4000 kB\n";
        assert_eq!(parse_memory(text), Some(Memory { total: 16_384_000, available: 4_096_000 }));
        assert_eq!(parse_memory("MemTotal: 5 kB\n"), None);
        let swap = Swap { total: 2048, free: 1024 };
        assert_eq!(parse_swap("SwapTotal: 2 kB\nSwapFree:   1 kB\n"), Some(swap));
        assert_eq!(parse_swap("SwapTotal: 2 kB\n"), None);
    }
}
