"""Ten are down and a run may do three things at most: the next runs go on, and nobody is given up for it."""

from kit import Service

TITLE = "more are down than one run may heal"
KIND = "budget"
PATIENCE = 90
EXPECTED = "healed"
SERVICES = [Service(f"s{n}", command=f"/bin/sleep 92{n:02}") for n in range(7)] + [Service("neighbour")]
BROKEN = [f"s{n}" for n in range(7)]
# Three of a run are one letter, one is one.
MAILS = ["RESOLVED", "RESOLVED", "RESOLVED"]


def set_up(scene):
    scene.top = "heals_per_run = 3"


def break_it(scene):
    with scene.unseen():
        for name in BROKEN:
            scene[name].stop()


def must_see(scene):
    busy = [run for run in scene.healer.runs if run[2] > 1]
    scene.must(len(busy) >= 3, f"seven at three a run take three runs: {busy}")
