"""What is allowed in a window is counted across runs, a reboot's loss of /run, and a new healer."""

import shutil

from kit import Service, until

TITLE = "the budget outlives the healer"
KIND = "budget"
EXPECTED = "escalated"
SERVICES = [Service("books", serve="--fails-if {scene}/broken")]


def break_it(scene):
    scene.flag("broken")
    scene["books"].kill()


def after(scene):
    before = len(scene.attempts(scene["books"]))
    scene.healer.pause()
    shutil.rmtree("/run/miraclemax", ignore_errors=True)
    (scene.state_dir / "lock").unlink()
    scene.healer.resume()
    seen = scene.healer.looked()
    until("five more runs", 30, lambda: scene.healer.looked() >= seen + 5)
    scene.must(len(scene.attempts(scene["books"])) == before == 3, f"{before} attempts became {scene.attempts(scene['books'])}")
