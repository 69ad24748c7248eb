"""A run is frozen while it holds the lock. Past its deadline the next one ends it, and heals what is down."""

import json
import os
import signal

from kit import Service, until

TITLE = "a frozen run holds the lock"
KIND = "own run"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]
# That of the frozen run may have been begun, too.
ATTEMPTS = 2
# The heal itself may have been the frozen run's, which could not tell of it.
JOURNAL = False


def set_up(scene):
    scene.policy = 'cooldown = "0s"\nstable_for = "2s"'


def break_it(scene):
    with scene.unseen():
        scene["books"].kill()
        if scene.healer.name == "miraclemax":
            scene.frozen = scene.healer.begin()
            lock = scene.state_dir / "lock"
            until("the run holds the lock", 10, lambda: lock.exists() and lock.read_text())
            os.killpg(scene.frozen.pid, signal.SIGSTOP)
            # As if it had begun at boot, and was to end at once: written, not waited for.
            holder = json.loads(lock.read_text())
            holder["started"]["since_boot_ms"] = holder["awake_ms"] = holder["deadline_secs"] = 0
            with lock.open("r+") as file:
                file.truncate(file.write(json.dumps(holder)))


def must_see(scene):
    until("the frozen run is gone", 10, lambda: scene.frozen.poll() is not None)
    scene.must(scene.frozen.returncode == -signal.SIGKILL, f"it ended with {scene.frozen.returncode}")
    said = (scene.state_dir / "events.jsonl").read_text()
    scene.must("hung, " in said and "ended by SIGKILL" in said, "nothing is written down of it")
