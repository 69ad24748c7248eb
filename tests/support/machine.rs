//! A whole Debian machine with systemd as PID 1, journald and Debian's cron, booted in a container for one test.
//! What is written in it is lost with it: the files it boots from, and the host's, never change.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::real::{self, Keeper, Output};

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const NAMES: [&str; 3] = ["miraclemax-status", "miraclemax-heartbeat", "miraclemax-self-heal"];

/// How long a command in the machine may take when nothing else is said.
const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers the machines of one test program, so that two tests may ask for the same name.
static BOOTED: AtomicU32 = AtomicU32::new(0);

/// A booted machine; it is killed with all that runs in it when this is dropped.
///
/// Its network is the host's: 127.0.0.1 is the same place inside and outside, so ports have to be chosen free.
pub(crate) struct Machine {
    keeper: Keeper,
    leader: u32,
    /// The folder of its cgroup in each hierarchy that its systemd uses.
    cgroups: Vec<PathBuf>,
    // Dropped last: the keeper writes its log in it.
    _folder: tempfile::TempDir,
}

impl Machine {
    /// Boots one, with the program under test as `/usr/local/bin/miraclemax`. None where machines cannot be booted.
    pub(crate) fn boot(name: &str) -> Option<Self> {
        Self::boot_as(name, Kind::Plain)
    }

    /// Boots one in which container engines can run, and with a network of its own: no port of it is the host's.
    pub(crate) fn boot_for_containers(name: &str) -> Option<Self> {
        let machine = Self::boot_as(name, Kind::ForContainers)?;
        // nspawn mounts the hierarchies of cgroup v1 read-only, but for systemd's own.
        machine
            .sh(r#"
            for group in $(awk '$3 == "cgroup" && $4 ~ /^ro/ { print $2 }' /proc/mounts); do
                mount -o remount,bind,rw "$group"
            done
            "#)
            .ok();
        Some(machine)
    }

    fn boot_as(name: &str, kind: Kind) -> Option<Self> {
        let rootfs = std::env::var_os("MIRACLEMAX_TEST_ROOTFS").map(PathBuf::from);
        let present =
            rootfs.as_ref().is_some_and(|path| path.join("sbin/init").symlink_metadata().is_ok())
                && real::is_root()
                && real::which("systemd-nspawn").is_some();
        if !real::or_skip(&format!("machine `{name}` (systemd in a container, as root)"), present) {
            return None;
        }
        Some(Self::boot_from(&rootfs?, name, kind))
    }

    fn boot_from(rootfs: &Path, name: &str, kind: Kind) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        // A host name allows letters, digits and hyphens; the process id keeps two test runs apart.
        let label: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .take(30)
            .collect();
        let number = BOOTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("mm-{}-{number}-{}", std::process::id(), label.trim_matches('-'));

        let hierarchies = hierarchies();
        let cgroups: Vec<PathBuf> = hierarchies
            .iter()
            .filter(|path| kind == Kind::ForContainers || is_systemds(path))
            .map(|path| path.join(&name))
            .collect();
        let nspawn = [
            "systemd-nspawn --quiet --boot --register=no --keep-unit --volatile=overlay --link-journal=no",
            "--resolv-conf=off --timezone=off --console=pipe",
            match kind {
                Kind::Plain => "",
                // An engine makes interfaces and bridges, a runtime keyrings and, under cgroup v2, programs for devices.
                Kind::ForContainers => {
                    "--private-network --capability=CAP_NET_ADMIN --system-call-filter=@keyring --system-call-filter=bpf"
                }
            },
        ]
        .join(" ");
        // nspawn puts the machine under the cgroup it finds itself in, and two machines must not share one.
        let start = format!(
            r#"
            rootfs=$1 name=$2 binary=$3; shift 3
            for group; do
                mkdir -p "$group" || exit 1
                for file in cpuset.cpus cpuset.mems; do
                    [ ! -e "$group/../$file" ] || cat "$group/../$file" >"$group/$file" || exit 1
                done
                echo "$$" >"$group/cgroup.procs" || exit 1
            done
            exec {nspawn} --machine="$name" --directory="$rootfs" --bind-ro="$binary:/usr/local/bin/miraclemax"
            "#
        );
        // Killing its PID 1 ends everything in it at once; nspawn then takes down what it had mounted.
        // The kernel lets go of a cgroup a little after its last process.
        let groups: Vec<String> = cgroups.iter().map(|group| group.display().to_string()).collect();
        let groups = groups.join(" ");
        let stop = format!(
            r#"pkill -KILL -P "$child"; (sleep 10; kill -KILL "$child") & wait "$child"
            rmdir /run/systemd/nspawn/propagate/{name} 2>/dev/null
            for i in $(seq 50); do
                find {groups} -depth -type d -exec rmdir {{}} + 2>&1 | grep -q busy || break
                sleep 0.02
            done"#
        );
        let binary = real::miraclemax();
        let mut line: Vec<&OsStr> = ["sh", "-c", &start, "machine"].map(OsStr::new).to_vec();
        line.extend([rootfs.as_os_str(), OsStr::new(&name), binary.as_os_str()]);
        line.extend(cgroups.iter().map(|group| group.as_os_str()));
        let keeper = Keeper::spawn(&line, &folder.path().join("console.log"), &stop);

        let leader = keeper.ready("the machine has a PID 1", Duration::from_secs(20), || {
            let pid = keeper.pid();
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
            let leader: u32 = children.split_whitespace().next()?.parse().ok()?;
            // Before it has become systemd its namespaces are not all there.
            let name = fs::read_to_string(format!("/proc/{leader}/comm")).ok()?;
            (name.trim() == "systemd").then_some(leader)
        });
        let cgroups = cgroups.into_iter().filter(|path| path.parent().is_some_and(is_systemds));
        let machine = Self { keeper, leader, cgroups: cgroups.collect(), _folder: folder };
        machine.wait_until("systemd says that it has booted", Duration::from_secs(60), |machine| {
            let state = machine.run(&["systemctl", "is-system-running"]).stdout;
            ["running", "degraded"].contains(&state.trim()).then_some(())
        });
        machine
            .sh(&NAMES.map(|name| format!("ln -s miraclemax /usr/local/bin/{name}")).join("\n"))
            .ok();
        machine
    }

    /// Runs a program in the machine as root, with the environment of a login and nothing on stdin.
    #[track_caller]
    pub(crate) fn run(&self, argv: &[&str]) -> Output {
        self.run_with(argv, b"", PATIENCE)
    }

    /// The same with something on stdin and a deadline of the caller's; a panic when it does not end by then.
    #[track_caller]
    pub(crate) fn run_with(&self, argv: &[&str], stdin: &[u8], deadline: Duration) -> Output {
        let mut command = real::command("sh");
        // In a cgroup of the machine, beside systemd's own: so a program sees that it belongs there.
        let enter = r#"leader=$1; shift
            while [ "$1" != -- ]; do mkdir -p "$1" && echo "$$" >"$1/cgroup.procs" || exit 125; shift; done; shift
            cd / && exec nsenter -t "$leader" -m -u -i -n -p -C -r -w env -i "$@""#;
        command
            .args(["-c", enter, "enter", &self.leader.to_string()])
            .args(self.cgroups.iter().map(|group| group.join("payload/test.scope")))
            .args(["--", PATH, "HOME=/root", "LANG=C.UTF-8"])
            .args(argv);
        real::run(command, stdin, deadline)
    }

    /// Runs a script with the machine's `sh`; it ends at the first command that fails.
    #[track_caller]
    pub(crate) fn sh(&self, script: &str) -> Output {
        self.run(&["sh", "-euc", script])
    }

    /// Runs a program as another user of the machine, without root's rights.
    #[track_caller]
    pub(crate) fn run_as(&self, user: &str, argv: &[&str]) -> Output {
        let mut line = vec!["runuser", "-u", user, "--"];
        line.extend(argv);
        self.run(&line)
    }

    /// Writes a file, with the folders above it.
    #[track_caller]
    pub(crate) fn write(&self, path: &str, text: &str) {
        // Not through /proc/PID/root from outside: an absolute link in the machine would lead into the host.
        let script = r#"mkdir -p "$(dirname "$1")" && cat >"$1""#;
        self.run_with(&["sh", "-euc", script, "write", path], text.as_bytes(), PATIENCE).ok();
    }

    /// Reads a file; None when it is not there or cannot be read.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Option<String> {
        let output = self.run(&["cat", "--", path]);
        output.status.success().then_some(output.stdout)
    }

    /// Writes `/etc/systemd/system/NAME` and tells systemd about it; does not start it.
    #[track_caller]
    pub(crate) fn unit(&self, name: &str, text: &str) {
        self.write(&format!("/etc/systemd/system/{name}"), text);
        self.run(&["systemctl", "daemon-reload"]).ok();
    }

    /// One property of a unit, as `systemctl show` gives it.
    #[track_caller]
    pub(crate) fn property(&self, unit: &str, property: &str) -> String {
        let output = self.run(&["systemctl", "show", "--value", "-p", property, unit]).ok();
        output.stdout.trim().to_owned()
    }

    /// The journal's messages that match, oldest first, one a line; all that was sent until now is in it.
    #[track_caller]
    pub(crate) fn journal(&self, matches: &[&str]) -> String {
        self.journalctl("cat", matches)
    }

    /// The same as journald keeps them: each entry with all its fields.
    #[track_caller]
    pub(crate) fn journal_entries(&self, matches: &[&str]) -> Vec<Value> {
        self.journalctl("json", matches)
            .lines()
            .map(|line| serde_json::from_str(line).expect("journalctl writes JSON"))
            .collect()
    }

    #[track_caller]
    fn journalctl(&self, form: &str, matches: &[&str]) -> String {
        // Entries are written a little after they were sent; `--sync` waits for those.
        self.run(&["journalctl", "--sync"]).ok();
        let form = format!("--output={form}");
        let mut line = vec!["journalctl", "--no-pager", "--quiet", "--all", &form];
        line.extend(matches);
        self.run(&line).ok().stdout
    }

    /// Asks `look` again and again until it answers; at the deadline panics with `what`, the machine's failed units and
    /// the end of its journal.
    #[track_caller]
    pub(crate) fn wait_until<T>(
        &self,
        what: &str,
        deadline: Duration,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        real::try_until(deadline, || look(self)).unwrap_or_else(|| {
            panic!(
                "waited {deadline:?} in vain until {what}\nfailed units:\n{}\njournal:\n{}\nconsole:\n{}",
                self.run(&["systemctl", "--failed", "--no-legend", "--plain"]).stdout,
                self.run(&["journalctl", "--no-pager", "--lines=50"]).stdout,
                self.keeper.log()
            )
        })
    }

    /// The process on the host that is PID 1 in the machine.
    pub(crate) const fn leader(&self) -> u32 {
        self.leader
    }
}

/// What is to be done in a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    ForContainers,
}

/// Where the hierarchies of cgroups are: the one of cgroup v2, or those of a host that has v1, or both.
fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let below = || {
        let entries = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
        // `cpu` and `cpuacct` may be two links to one.
        entries.filter(|path| !path.is_symlink() && path.join("cgroup.procs").exists()).collect()
    };
    if root.join("cgroup.controllers").exists() { vec![root.to_owned()] } else { below() }
}

/// Whether a hierarchy is one that systemd itself keeps its units in.
fn is_systemds(hierarchy: &Path) -> bool {
    ["cgroup", "systemd", "unified"].iter().any(|name| hierarchy.ends_with(name))
}
