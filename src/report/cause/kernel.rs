//! The kernel's lines about a process that it killed for want of memory: which are about a unit, and what they prove.
//! Reads text only.
//!
//! They are written by `mm/oom_kill.c`: since Linux 5.0 one that begins with `oom-kill:` and names the cgroup, then one
//! that names process and memory: `Out of memory: Killed process 7 (web) total-vm:…, anon-rss:…`, or
//! `Memory cgroup out of memory: Killed process …`.

/// What was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Killed {
    /// Which process.
    pub(super) pid: u32,
    /// What it was called, as far as the kernel keeps that.
    pub(super) name: String,
    /// Bytes of memory that it had and that no file stands behind: its own, and what it shares.
    pub(super) memory: u64,
    /// A limit of its cgroup was the reason, not the host's memory.
    pub(super) by_limit: bool,
}

/// Of the kernel's `lines` those about processes of `unit` that were killed: both lines of each.
pub fn about(lines: &[String], unit: &str) -> Vec<String> {
    let pids: Vec<u32> = lines.iter().filter_map(|line| of_unit(line, unit)).collect();
    let ours = |line: &&String| {
        of_unit(line, unit).is_some()
            || killed(line).is_some_and(|killed| pids.contains(&killed.pid))
    };
    lines.iter().filter(ours).cloned().collect()
}

/// The last one that was killed.
pub(super) fn last(lines: &[String]) -> Option<Killed> {
    lines.iter().rev().find_map(|line| killed(line))
}

/// `oom-kill:constraint=CONSTRAINT_MEMCG,…,task_memcg=/system.slice/web.service,task=web,pid=7,uid=0`: the process, when
/// its cgroup is the unit's, or inside it.
fn of_unit(line: &str, unit: &str) -> Option<u32> {
    let fields = line.split_once("oom-kill:")?.1;
    let value = |key: &str| fields.split(',').find_map(|field| field.strip_prefix(key));
    let inside = value("task_memcg=")?.split('/').any(|part| part == unit);
    if inside { value("pid=")?.parse().ok() } else { None }
}

fn killed(line: &str) -> Option<Killed> {
    let (before, after) = line.split_once("Killed process ")?;
    let (pid, after) = after.split_once(" (")?;
    let (name, after) = after.split_once(") total-vm:")?;
    let size = |key: &str| after.split_once(key)?.1.split_once("kB")?.0.parse::<u64>().ok();
    // Memory of a tmpfs and shared memory counts as shared, and can be most of it.
    let memory = size("anon-rss:")?.saturating_add(size("shmem-rss:").unwrap_or_default());
    Some(Killed {
        pid: pid.parse().ok()?,
        name: name.to_owned(),
        memory: memory.saturating_mul(1024),
        by_limit: before.contains("Memory cgroup out of memory"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the form that Linux 6.1 gives them (`mm/oom_kill.c`) and `journalctl -o short --no-hostname` printed them.
    const LIMIT: &str = "Jan 02 03:04:05 kernel: oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),\
        cpuset=web.service,mems_allowed=0,oom_memcg=/system.slice/web.service,\
        task_memcg=/system.slice/web.service,task=web,pid=4711,uid=33";
    const KILLED: &str = "Jan 02 03:04:05 kernel: Memory cgroup out of memory: Killed process 4711 (web) \
        total-vm:1308420kB, anon-rss:1258291kB, file-rss:2944kB, shmem-rss:0kB, UID:33 pgtables:2548kB \
        oom_score_adj:0";
    const OTHER: &str = "Jan 02 03:04:06 kernel: Out of memory: Killed process 99 (a (b) c) total-vm:1kB, \
        anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0";

    #[test]
    fn only_what_the_kernel_says_of_the_units_own_processes_is_taken() {
        let other = LIMIT.replace("pid=4711", "pid=99").replace("web.service", "db.service");
        let lines: Vec<String> =
            [LIMIT, KILLED, &other, OTHER, "Jan 02 kernel: web invoked oom-killer: gfp_mask=0x0"]
                .map(str::to_owned)
                .into();
        assert_eq!(about(&lines, "web.service"), [LIMIT, KILLED]);
        assert_eq!(about(&lines, "db.service"), [other.as_str(), OTHER]);
        assert!(about(&lines, "eb.service").is_empty());
        let inside = LIMIT.replace("web.service,task=", "web.service/worker,task=");
        assert_eq!(about(std::slice::from_ref(&inside), "web.service"), [inside.as_str()]);
    }

    /// Recorded from Linux 6.18; only the cgroup's path is another.
    const RECORDED: [&str; 2] = [
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
         oom_memcg=/memory/books,task_memcg=/memory/books,task=python3,pid=28432,uid=0",
        "Memory cgroup out of memory: Killed process 28432 (python3) total-vm:225360kB, \
         anon-rss:5760kB, file-rss:6468kB, shmem-rss:60928kB, UID:0 pgtables:204kB oom_score_adj:0",
    ];

    #[test]
    fn what_a_kernel_wrote_is_read() {
        let lines: Vec<String> = RECORDED.map(str::to_owned).into();
        assert_eq!(about(&lines, "books"), RECORDED);
        let want =
            Killed { pid: 28432, name: "python3".into(), memory: 66_688 << 10, by_limit: true };
        assert_eq!(last(&lines), Some(want));
    }

    #[test]
    fn process_and_memory_are_read_whatever_it_is_called() {
        let want =
            Killed { pid: 4711, name: "web".into(), memory: 1_258_291 << 10, by_limit: true };
        assert_eq!(killed(KILLED), Some(want));
        let want = Killed { pid: 99, name: "a (b) c".into(), memory: 1024, by_limit: false };
        assert_eq!(last(&[KILLED.to_owned(), OTHER.to_owned()]), Some(want));
        for broken in ["", "Killed process x (y) total-vm:1kB, anon-rss:1kB", "Killed process 7 (y"]
        {
            assert_eq!(killed(broken), None, "{broken}");
        }
    }
}
