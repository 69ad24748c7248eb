"""The healers that are compared: each is set up as a person would for the services of a scenario."""

import os
import signal
import subprocess
import threading
import time

from kit import Broken, until

# As cron starts it; nothing else is in its environment.
CRON = {"HOME": "/root", "LOGNAME": "root", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
PAUSE = 1.0


class Nothing:
    """Nobody looks. What heals here needs no healer, and then the scenario proves nothing."""

    name = "nothing"
    patience = 20
    # Seconds that pass for one look, for those of whom it cannot be seen.
    cycle = 2.5

    def prepare(self, scene):
        pass

    def start(self, scene):
        self.began = time.monotonic()

    def looked(self):
        """How often it has looked since it was started."""
        return int((time.monotonic() - self.began) / self.cycle)

    def pause(self):
        """It does not look from now on."""

    def resume(self):
        pass

    def stop(self):
        pass


class RestartAlways(Nothing):
    """systemd alone."""

    name = "restart-always"

    def prepare(self, scene):
        for service in scene.services:
            service.keep_alive()


class Monit(Nothing):
    """Debian's monit as a daemon, one for each scenario."""

    name = "monit"
    child = None
    patience = 60
    cycle = 5

    def prepare(self, scene):
        folder = scene.folder
        head = (f"set daemon {self.cycle}\nset log {folder}/monit.log\nset pidfile {folder}/monit.pid\n"
                f"set idfile {folder}/monit.id\nset statefile {folder}/monit.state\n"
                f"set mailserver 127.0.0.1 port {scene.sink.port}\n"
                f"set alert {scene.name}@sink.example not on {{ instance, action }}\n")
        self.control = folder / "monitrc"
        self.control.write_text(head + "".join(service.monit() for service in scene.services))
        self.control.chmod(0o600)

    def start(self, scene):
        line = ["/usr/bin/monit", "-I", "-c", str(self.control)]
        self.child = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        super().start(scene)
        until("monit runs", 20, lambda: (scene.folder / "monit.pid").exists())
        # Its port tests wait until a process is older than the time it may take to start.
        until("monit has looked", 30, lambda: self.looked() >= 2)
        if self.child.poll() is not None:
            raise Broken("monit has ended")

    def pause(self):
        self.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.child.send_signal(signal.SIGCONT)

    def stop(self):
        if self.child:
            self.child.terminate()
            self.child.wait(30)


class MiracleMax(Nothing):
    """`heal -q` again and again, as its cron would."""

    name = "miraclemax"
    patience = 60
    binary = "/usr/local/bin/miraclemax"

    def prepare(self, scene):
        self.scene, self.runs, self.thread = scene, [], None
        self.paused = threading.Event()
        self.over = threading.Event()
        scene.config.write_text(scene.toml())
        scene.config.chmod(0o600)

    def start(self, scene):
        self.thread = threading.Thread(target=self.loop, daemon=True)
        self.thread.start()
        until("two runs of miraclemax found all well", 30, lambda: [run[0] for run in self.runs[-2:]] == [0, 0] or self.sick())

    def sick(self):
        if len(self.runs) > 8:
            raise Broken(f"miraclemax finds it unwell before it breaks: {self.runs[-1]}")

    def argv(self):
        return [self.binary, "-c", str(self.scene.config), "--state-dir", str(self.scene.state_dir), "heal", "-q"]

    def begin(self):
        return subprocess.Popen(self.argv(), env={**CRON, **self.scene.environment}, cwd="/root", stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)

    def once(self):
        """One run to its end: (exit status, what it printed, seconds)."""
        began = time.monotonic()
        child = self.begin()
        said = child.communicate()[0].decode(errors="replace")
        return child.returncode, said, time.monotonic() - began

    def loop(self):
        while not self.over.is_set():
            if not self.paused.is_set():
                self.runs.append(self.once())
            self.over.wait(PAUSE)

    def looked(self):
        return len(self.runs)

    def pause(self):
        """No run begins from now on, and none goes on."""
        self.paused.set()
        until("no run goes on", 60, lambda: not self.running())

    def running(self):
        mine = str(self.scene.state_dir).encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if words[0] == self.binary.encode() and mine in words:
                return int(pid)
        return None

    def resume(self):
        self.paused.clear()

    def stop(self):
        self.over.set()
        if not self.thread:
            return
        self.thread.join(90)
        if self.thread.is_alive():
            pid = self.running()
            if pid:
                os.kill(pid, signal.SIGKILL)
            raise Broken("a run of miraclemax did not end")


ALL = {healer.name: healer for healer in (MiracleMax, Monit, RestartAlways, Nothing)}
