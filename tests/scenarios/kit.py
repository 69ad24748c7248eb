"""What a scenario is made of: services of its own, bystanders, a healer that watches, and conditions with deadlines."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
SERVE = f"/usr/bin/python3 {HERE}/serve.py"
# Where units of this host's own go that are not of an administrator: those in /etc could not be masked.
UNITS = pathlib.Path("/usr/local/lib/systemd/system")
# Seconds between two looks of the runner, and the longest it waits for what the scenario itself does.
TICK = 0.15
PATIENCE = 30

_ports = iter(range(20000, 30000))
_lock = threading.Lock()


class Broken(Exception):
    """The scenario itself does not work: what it needs did not come about."""


def until(what, seconds, look):
    """Asks `look` until its answer is true, and gives that; Broken at the deadline."""
    by = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > by:
            raise Broken(f"waited {seconds} s in vain until {what}")
        time.sleep(TICK)


def out(*argv, check=True):
    """What a program prints. It has to end with 0 unless `check` is off."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, errors="replace")
    if check and done.returncode != 0:
        raise Broken(f"`{' '.join(argv)}` ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def systemctl(*words, check=True):
    return out("systemctl", *words, check=check)


def reload_units():
    # Two at once only wait for each other.
    with _lock:
        systemctl("daemon-reload")


def born(pid):
    """When the process started, in ticks since boot; none when it is gone. With the pid it names a process."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def process(pid):
    return (pid, born(pid)) if pid and born(pid) else None


class Service:
    """A unit that is watched. By default a web server on a port of its own, see serve.py.

    `serve` are options of serve.py, `command` another program instead of it (no port then), `section` more lines of
    [Service], `keys` more lines of its [[service]], `checks` probes instead of the health page.
    """

    def __init__(self, name, serve="", command=None, section="", unit="", keys="", checks=None, needs=(),
                 strategies=("service_restart",), enabled=False, address="127.0.0.1"):
        self.short, self.serve, self.command, self.section, self.unit_lines = name, serve, command, section, unit
        self.keys, self.checks, self.needs, self.strategies = keys, checks, needs, strategies
        self.enabled, self.address = enabled, address
        self.port = None if command else next(_ports)
        self.before = None

    def bind(self, scene):
        self.scene = scene
        self.name = f"{scene.name}-{self.short}"
        self.unit = f"{self.name}.service"
        self.folder = scene.folder / self.short
        self.folder.mkdir(parents=True)
        self.pidfile = f"/run/{self.name}.pid"

    def fill(self, text):
        """`{folder}`, `{port}` and `{NAME.port}` of the scenario's services, in what a scenario writes."""
        text = text.replace("{folder}", str(self.folder)).replace("{scene}", str(self.scene.folder))
        text = text.replace("{port}", str(self.port)).replace("{name}", self.name)
        for other in self.scene.services:
            text = text.replace("{%s.port}" % other.short, str(other.port))
        return text

    def line(self):
        if self.command:
            return self.fill(self.command)
        where = f" --address {self.address}" if self.address != "127.0.0.1" else ""
        return f"{SERVE} --port {self.port} --pidfile {self.pidfile}{where} {self.fill(self.serve)}".strip()

    def unit_text(self):
        needs = "".join(f"After={self.scene.name}-{need}.service\n" for need in self.needs)
        install = "[Install]\nWantedBy=multi-user.target\n" if self.enabled else ""
        return (f"[Unit]\nDescription=a service of {self.scene.name}\n{needs}{self.unit_lines}"
                f"[Service]\nExecStart={self.line()}\n{self.fill(self.section)}{install}")

    def install(self):
        (UNITS / self.unit).write_text(self.unit_text())

    def start(self):
        if self.enabled:
            systemctl("enable", "-q", self.unit)
        systemctl("start", self.unit)

    def stop(self):
        systemctl("stop", self.unit, check=False)

    def probes(self):
        if self.checks is not None:
            return [self.fill(check) for check in self.checks]
        return [f"http://127.0.0.1:{self.port}/health#contains=ok"] if self.port and self.address == "127.0.0.1" else []

    def toml(self):
        lines = ["[[service]]", f'name = "{self.name}"', *self.manager_lines()]
        lines += [f"port = {self.port}"] if self.port else []
        lines += [f"checks = {json.dumps(self.probes())}"] if self.probes() else []
        lines += [f"needs = {json.dumps([f'{self.scene.name}-{need}' for need in self.needs])}"] if self.needs else []
        return "\n".join([*lines, f"healing_strategies = {json.dumps(list(self.strategies))}", self.fill(self.keys)]) + "\n"

    def manager_lines(self):
        return [f'unit = "{self.unit}"']

    def by_hand(self):
        """What a person types to start and to stop it."""
        return f"/usr/bin/systemctl start {self.unit}", f"/usr/bin/systemctl stop {self.unit}"

    def monit(self):
        """The control file that a person would write for it."""
        start, stop = self.by_hand()
        found = f'with pidfile "{self.pidfile}"' if self.port else f'matching "{self.line().split(" -c ")[0]}"'
        lines = [f"check process {self.name} {found}", f'  start program = "{start}" with timeout 5 seconds',
                 f'  stop program = "{stop}"']
        if self.port and self.address == "127.0.0.1":
            lines.append(f'  if failed host 127.0.0.1 port {self.port} protocol http request "/health" '
                         'content = "ok" with timeout 2 seconds then restart')
        lines += [f"  depends on {self.scene.name}-{need}" for need in self.needs]
        lines += ["  if 3 restarts within 30 cycles then unmonitor"]
        return "\n".join(lines) + "\n"

    def keep_alive(self):
        """`Restart=always` and nothing else; not where systemd refuses it."""
        if "oneshot" not in self.section:
            more = UNITS / f"{self.unit}.d"
            more.mkdir(exist_ok=True)
            (more / "always.conf").write_text("[Service]\nRestart=always\n")

    # --- how it is, seen from outside ---

    def show(self, prop):
        return systemctl("show", "--value", "-p", prop, self.unit).strip()

    def pid(self):
        pid = int(self.show("MainPID") or 0)
        return pid or None

    def instance(self):
        """Another one after each start; none while it does not run."""
        return process(self.pid()) or (self.show("InvocationID") if self.show("ActiveState") == "active" else None)

    def up(self):
        """Whether it serves: its port answers as it should, or its unit runs where it has none."""
        if not self.port:
            return self.show("ActiveState") == "active"
        return self.ask("/health") == (200, "ok\n")

    def ask(self, path, seconds=2):
        line = http.client.HTTPConnection(self.address, self.port, timeout=seconds)
        try:
            line.request("GET", path)
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            line.close()

    def become(self, how):
        if not self.ask(f"/become/{how}"):
            raise Broken(f"{self.name} does not listen to `become {how}`")

    def kill(self, sig=signal.SIGKILL):
        pid = self.pid()
        if not pid:
            raise Broken(f"{self.name} has no process to signal")
        os.kill(pid, sig)
        if sig == signal.SIGKILL:
            until(f"pid {pid} is gone", PATIENCE, lambda: not born(pid))

    def starts(self):
        """Every start of it that systemd has logged, by its invocation."""
        found = out("journalctl", "-q", "-o", "json", "--output-fields=INVOCATION_ID", "_PID=1", f"UNIT={self.unit}")
        found = [json.loads(line).get("INVOCATION_ID") for line in found.splitlines()]
        return {one for one in found if one}


class Program(Service):
    """A program of the scenario's own supervisord. `section` are lines of its [program:x]."""

    def manager_lines(self):
        return [f'supervisord = "{self.short}"']

    def by_hand(self):
        ctl = f"/usr/bin/supervisorctl -c {self.scene.folder}/supervisord.conf"
        return f"{ctl} start {self.short}", f"{ctl} stop {self.short}"

    def program_text(self):
        return f"[program:{self.short}]\ncommand={self.line()}\n{self.fill(self.section)}\n"

    def keep_alive(self):
        self.section += "autorestart=true\n"

    def install(self):
        pass

    def start(self):
        pass

    def stop(self):
        pass

    def ctl(self, *words, check=True):
        return out("supervisorctl", "-c", f"{self.scene.folder}/supervisord.conf", *words, check=check)

    def status(self):
        return (self.ctl("status", self.short, check=False).split() + ["", ""])[1]

    def pid(self):
        said = self.ctl("pid", self.short, check=False).strip()
        return int(said) if said.isdigit() and said != "0" else None

    def instance(self):
        return process(self.pid())

    def up(self):
        return super().up() if self.port else self.status() == "RUNNING"

    def starts(self):
        log = (self.scene.folder / "supervisord.log").read_text().splitlines()
        return {line for line in log if f"spawned: '{self.short}'" in line}


class Container(Service):
    """A container of `engine`, made of the machine's own shell; `section` are more options of its start."""

    def __init__(self, name, engine, command, **more):
        super().__init__(name, command=command, **more)
        self.engine = engine

    def manager_lines(self):
        return [f'{self.engine} = "{self.name}"']

    def by_hand(self):
        return f"/usr/bin/{self.engine} start {self.name}", f"/usr/bin/{self.engine} stop -t 1 {self.name}"

    def keep_alive(self):
        self.section += " --restart always"

    def install(self):
        furnish(self.engine)

    def start(self):
        out(self.engine, "run", "-d", "--name", self.name, "--network", "none", *self.fill(self.section).split(), "base", *self.line().split())

    def stop(self):
        out(self.engine, "stop", "-t", "1", self.name)

    def inspect(self, what):
        return out(self.engine, "inspect", "-f", "{{.State.%s}}" % what, self.name).strip()

    def pid(self):
        return int(self.inspect("Pid")) or None

    def instance(self):
        return process(self.pid())

    def up(self):
        return self.inspect("Running") == "true" and self.instance() is not None

    def starts(self):
        return {self.inspect("StartedAt")}


def furnish(engine):
    """An engine with a storage that works on any file system, and an image: once for each machine."""
    with _lock:
        done = pathlib.Path(f"/srv/{engine}.furnished")
        if done.exists():
            return
        for path, text in {
            "/etc/docker/daemon.json": '{"storage-driver": "vfs", "iptables": false, "ip6tables": false, "ip-forward": false}',
            "/etc/containers/storage.conf": '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\n'
                                            'graphroot = "/var/lib/containers/storage"\n',
            "/etc/containers/containers.conf": '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n',
        }.items():
            pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
            pathlib.Path(path).write_text(text)
        if engine == "docker":
            systemctl("start", "docker")
        out("sh", "-euc", f"""mkdir -p /srv/image/bin && cd /srv/image
            cp -L /bin/sh /bin/sleep bin/
            ldd bin/* | grep -o '/[^ :]* ' | sort -u | xargs cp -L --parents -t .
            tar -c . | {engine} import - base""")
        done.touch()


class Scene:
    """One scenario, played once with one healer in the machine."""

    def __init__(self, module, healer, sink):
        self.module, self.healer, self.sink = module, healer, sink
        self.name = module.__name__.replace("_", "-")
        self.folder = pathlib.Path("/srv") / self.name
        self.folder.mkdir(parents=True)
        self.services = list(module.SERVICES)
        for service in self.services:
            service.bind(self)
        broken = getattr(module, "BROKEN", [self.services[0].short])
        self.broken = [self.service(name) for name in broken]
        self.processes, self.children, self.problems = {}, [], []
        self.own_starts = 0
        self.supervised = [service for service in self.services if isinstance(service, Program)]
        # What miraclemax is given beside the services; a scenario may change all of this before it begins.
        self.config = self.folder / "miraclemax.toml"
        self.state_dir = self.folder / "state"
        self.top, self.policy = "", ""
        self.supervisord = f"{self.name}-supervisord.service"
        if self.supervised:
            self.top = f'[supervisord]\nurl = "unix://{self.folder}/supervisor.sock"\n'
        self.notify = f'smtp = "smtp+plain://127.0.0.1:{sink.port}"\n'
        self.environment = {}

    def __getitem__(self, short):
        return self.service(short)

    def service(self, short):
        return next(service for service in self.services if service.short == short)

    def flag(self, name, there=True):
        """A file that services look at."""
        path = self.folder / name
        path.write_text("") if there else path.unlink()
        return path

    def toml(self):
        policy = {"tries": "1", "timeout": '"2s"', "verify_for": '"4s"', "stable_for": '"1s"', "cooldown": '"1s"',
                  "start_grace": '"3s"', "boot_grace": '"0s"', "max_heals": '"3 per 10m"'}
        named = [line.split("=")[0].strip() for line in self.policy.splitlines()]
        defaults = [f"{key} = {value}" for key, value in policy.items() if key not in named]
        head = f'name = "Scenario"\n{self.top}\n[defaults]\n' + "\n".join(defaults) + f"\n{self.policy}\n"
        told = f'[[notify]]\nvia = "email"\nto = ["{self.name}@sink.example"]\nfrom = "max@sink.example"\n{self.notify}'
        return head + told + "".join(service.toml() for service in self.services)

    def start_services(self):
        for service in self.services:
            service.install()
        if self.supervised:
            self.start_supervisord()
        reload_units()
        for service in self.services:
            service.start()
        for service in self.services:
            until(f"{service.name} is up", PATIENCE, service.up)

    def start_supervisord(self):
        socket = self.folder / "supervisor.sock"
        (self.folder / "supervisord.conf").write_text(
            f"[supervisord]\nnodaemon=true\nlogfile={self.folder}/supervisord.log\npidfile={self.folder}/supervisord.pid\n"
            f"[unix_http_server]\nfile={socket}\n[supervisorctl]\nserverurl=unix://{socket}\n[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
            + "".join(program.program_text() for program in self.supervised))
        (UNITS / self.supervisord).write_text(f"[Service]\nExecStart=/usr/bin/supervisord -c {self.folder}/supervisord.conf\n")
        reload_units()
        systemctl("start", self.supervisord)
        until("supervisord listens", PATIENCE, socket.exists)

    def spawn(self, argv, **more):
        """A process that is ended with the scenario, at the latest."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.children.append(subprocess.Popen(argv, start_new_session=True, **quiet, **more))
        return self.children[-1]

    def stop_services(self):
        names = [service.unit for service in self.services if not isinstance(service, (Program, Container))]
        names += [self.supervisord] if self.supervised else []
        systemctl("stop", *names, check=False)
        for child in self.children:
            child.kill()
            child.wait()

    def bystander(self, label, argv, **more):
        """A process that nobody may touch."""
        child = self.spawn(argv, **more)
        self.processes[label] = until(f"{label} runs", PATIENCE, lambda: process(child.pid))
        return child

    @contextlib.contextmanager
    def unseen(self):
        """What is done in here is done before the healer looks again."""
        self.healer.pause()
        try:
            yield
        finally:
            self.healer.resume()

    def remember(self):
        """How everything is before it breaks."""
        for service in self.services:
            service.before, service.known = service.instance(), service.starts()

    def starts(self):
        """Starts since then that the scenario did not make itself."""
        return sum(len(service.starts() - service.known) for service in self.broken) - self.own_starts

    def healed(self):
        custom = getattr(self.module, "healed", None)
        if custom:
            return custom(self)
        return all(service.up() and service.instance() not in (None, service.before) for service in self.broken)

    def harmed(self):
        """Who was killed or restarted and had nothing to do with it."""
        harmed = [label for label, was in self.processes.items() if process(was[0]) != was]
        innocent = [service for service in self.services if service not in self.broken]
        return harmed + [service.short for service in innocent if service.instance() != service.before]

    def mails(self):
        return self.sink.to(self.name)

    # --- what miraclemax has to have said; problems are kept, so that all of them are told ---

    def must(self, truth, text):
        if not truth:
            self.problems.append(text)
        return truth

    def state(self, service=None):
        state = json.loads((self.state_dir / "state.json").read_text())
        return state["services"].get(service.name, {}) if service else state

    def attempts(self, service):
        return self.state(service).get("attempts", [])

    def mail(self, word):
        """The text of the first mail whose subject ends with `word`, on one line; empty when there is none."""
        texts = [mail["text"] for mail in self.mails() if mail["subject"].endswith(word)]
        return " ".join(texts[0].split()) if texts else ""

    def journal(self, service):
        found = out("journalctl", "-q", "-a", "-o", "json", "-t", "miraclemax-self-heal", f"MIRACLEMAX_SERVICE={service.name}")
        return [json.loads(line) for line in found.splitlines()]

    def events(self):
        lines = (self.state_dir / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def miraclemax(self, *words):
        """By hand, beside the healer: (exit status, what was printed)."""
        line = ["/usr/local/bin/miraclemax", "-c", str(self.config), "--state-dir", str(self.state_dir), *words]
        done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return done.returncode, " ".join((done.stdout + done.stderr).split())
