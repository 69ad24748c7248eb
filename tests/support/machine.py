"""The machine of machine.rs for Python: Debian with systemd as PID 1 in a container, lost when it ends."""

import os
import pathlib
import signal
import subprocess
import time

START = """rootfs=$1 name=$2 groups=$3; shift 3
    for group in $groups; do
        mkdir -p "$group" || exit 1
        for file in cpuset.cpus cpuset.mems; do
            [ ! -e "$group/../$file" ] || cat "$group/../$file" >"$group/$file" || exit 1
        done
        echo "$$" >"$group/cgroup.procs" || exit 1
    done
    exec systemd-nspawn --quiet --boot --register=no --keep-unit --volatile=overlay --link-journal=no \
        --resolv-conf=off --timezone=off --console=pipe --machine="$name" --directory="$rootfs" "$@" """
ENTER = """leader=$1; shift
    while [ "$1" != -- ]; do mkdir -p "$1" && echo "$$" >"$1/cgroup.procs" || exit 125; shift; done; shift
    cd / && exec nsenter -t "$leader" -m -u -i -n -p -C -r -w env -i "$@" """
BOOT_SECONDS = 90
# An engine makes interfaces and bridges, a runtime keyrings and, under cgroup v2, programs for devices.
ENGINES = ["--capability=CAP_NET_ADMIN", "--system-call-filter=@keyring", "--system-call-filter=bpf"]
# nspawn mounts the hierarchies of cgroup v1 read-only, but for systemd's own.
WRITABLE = """for group in $(awk '$3 == "cgroup" && $4 ~ /^ro/ { print $2 }' /proc/mounts); do
        mount -o remount,bind,rw "$group"
    done"""


def newest_rootfs(*programs):
    """What the last `tests/run --prepare` made with these programs in it; none where there is none."""
    named = os.environ.get("MIRACLEMAX_TEST_ROOTFS")
    cache = pathlib.Path(os.environ.get("MIRACLEMAX_TEST_CACHE", "/var/cache/miraclemax-tests"))
    found = [pathlib.Path(named)] if named else cache.glob("rootfs-*-????????????????")
    # A link in it leads elsewhere here, so it need not lead anywhere.
    whole = [path for path in found if all(os.path.lexists(path / "usr/bin" / name) for name in programs)]
    return str(max(whole, key=os.path.getmtime)) if whole else None


def read(path):
    """Empty when it is not there: a process may end at any moment."""
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def hierarchies():
    """Where cgroups are: the one of cgroup v2, or those of v1, where `cpu` and `cpuacct` may be links to one."""
    root = pathlib.Path("/sys/fs/cgroup")
    found = [root] if (root / "cgroup.controllers").exists() else root.iterdir()
    return [path for path in found if not path.is_symlink() and (path / "cgroup.procs").exists()]


class Machine:
    """Booted by `with`; an OSError when it does not come up. Its network is the host's unless `private`, and container
    engines can run in it if `engines`."""

    def __init__(self, rootfs, binary, label, binds=(), private=False, engines=False):
        self.name = f"mm-{label}-{os.getpid()}"
        self.engines = engines
        # Those that systemd itself keeps its units in.
        own = [path for path in hierarchies() if path.name in ("cgroup", "systemd", "unified")]
        self.own = [str(path / self.name) for path in own]
        self.groups = [str(path / self.name) for path in (hierarchies() if engines else own)]
        self.scope = f"payload/{label}.scope"
        options = [f"--bind-ro={binary}:/usr/local/bin/miraclemax", *binds]
        options += ["--private-network"] if private else []
        options += ENGINES if engines else []
        line = ["sh", "-c", START, "machine", rootfs, self.name, " ".join(self.groups), *options]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
        self.nspawn = subprocess.Popen(line, **quiet)
        self.leader = None

    def __enter__(self):
        try:
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _boot(self):
        pid = self.nspawn.pid
        by = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < by:
            if self.nspawn.poll() is not None:
                raise OSError(f"the machine did not boot: systemd-nspawn ended with {self.nspawn.returncode}")
            found = read(f"/proc/{pid}/task/{pid}/children").split()
            # Before it has become systemd its namespaces are not all there.
            if found and read(f"/proc/{found[0]}/comm").strip() == "systemd":
                self.leader = found[0]
                quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
                state = self.run(["systemctl", "is-system-running"], **quiet).stdout.decode().strip()
                if state in ("running", "degraded"):
                    if self.engines:
                        self.run(["sh", "-euc", WRITABLE], check=True)
                    return
            time.sleep(0.1)
        raise OSError(f"the machine did not boot in {BOOT_SECONDS} s")

    def __exit__(self, *_):
        if self.leader:
            os.kill(int(self.leader), signal.SIGKILL)
        else:
            self.nspawn.kill()
        self.nspawn.wait()
        for group in self.groups:
            for _ in range(50):
                subprocess.run(["find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"], capture_output=True)
                if not os.path.exists(group):
                    break
                time.sleep(0.05)

    def argv(self, argv):
        """What to start on the host so that `argv` runs in the machine as root, in a cgroup of the machine."""
        own = [f"{group}/{self.scope}" for group in self.own]
        line = ["sh", "-c", ENTER, "enter", self.leader, *own, "--"]
        line += ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"]
        return [*line, *argv]

    def run(self, argv, **more):
        return subprocess.run(self.argv(argv), **more)
