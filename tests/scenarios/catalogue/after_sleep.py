"""The host slept for as long as it is up, and something is down when it wakes: that is given a moment, and told."""

import datetime
import json

from kit import Service

TITLE = "the host has slept"
KIND = "time"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]


def break_it(scene):
    with scene.unseen():
        if scene.healer.name == "miraclemax":
            # Sleep cannot be had here. This is what it leaves: a last cycle long ago, and no time awake since.
            file = scene.state_dir / "state.json"
            state = json.loads(file.read_text())
            finished = state["cycle"]["finished"]
            wall = datetime.datetime.fromisoformat(finished["wall"][:19]) - datetime.timedelta(milliseconds=finished["since_boot_ms"])
            finished.update(since_boot_ms=0, wall=wall.isoformat() + "Z")
            file.write_text(json.dumps(state))
        scene["books"].kill()


def must_see(scene):
    gaps = [event["text"] for event in scene.events() if event["kind"] == "gap"]
    scene.must(len(gaps) == 1 and "slept for" in gaps[0], f"the sleep is not written down once: {gaps}")
    attempts = scene.attempts(scene["books"])
    first = next(n for n, run in enumerate(scene.healer.runs) if run[0] != 0)
    scene.must(scene.healer.runs[first][0] == 2 and len(attempts) == 1, f"no moment was given: {scene.healer.runs[first:first + 2]}")
