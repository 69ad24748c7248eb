"""Killed at any moment, forty times, while it heals; then it is let work."""

import json
import os
import random
import signal
import time

from kit import Service

TITLE = "the healer is killed at random moments"
KIND = "own run"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]
ATTEMPTS = 40
JOURNAL = False
# At least one: a run that is killed between a mail server's yes and writing that down tells the same again.
MAILS = None
PATIENCE = 60


def set_up(scene):
    scene.policy = 'max_heals = "50 per 10m"\ncooldown = "0s"\nstable_for = "2s"'


def break_it(scene):
    with scene.unseen():
        scene["books"].kill()
        if scene.healer.name == "miraclemax":
            moments = random.Random(27)
            for _ in range(40):
                child = scene.healer.begin()
                time.sleep(moments.uniform(0, 0.4))
                os.killpg(child.pid, signal.SIGKILL)
                child.communicate()
                state = scene.state_dir / "state.json"
                scene.must(json.loads(state.read_text())["version"] == 1, "the state does not read after a kill")


def healed(scene):
    return scene["books"].up() and scene["books"].instance() != scene["books"].before


def must_see(scene):
    words = {mail["subject"].rpartition(" - ")[2] for mail in scene.mails()}
    scene.must(words == {"RESOLVED"}, f"told: {words or 'nothing'}")
    told = {next(line for line in mail["text"].splitlines() if line.startswith("Incident: ")) for mail in scene.mails()}
    scene.must(len(told) <= 1, f"one outage, told as several: {told}")
    strange = [path.name for path in scene.state_dir.iterdir() if path.name.startswith("state.json") and path.name != "state.json"]
    scene.must(len(strange) <= 1, f"left behind: {strange}")
