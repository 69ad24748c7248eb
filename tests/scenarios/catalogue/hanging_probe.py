"""What a probe starts hangs for ever: it is ended with all its children, and the next service is healed."""

from kit import Service, out

TITLE = "a command of a probe hangs"
KIND = "own run"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("tar", checks=["exec:{scene}/probe"])]
PROBE = """#!/bin/sh
test ! -e "$(dirname "$0")/hang" && exit 0
sleep 7654 &
exec sleep 7655
"""


def set_up(scene):
    probe = scene.folder / "probe"
    probe.write_text(PROBE)
    probe.chmod(0o755)


def break_it(scene):
    scene.flag("hang")
    scene["books"].kill()


def must_see(scene):
    state = scene.state(scene["tar"])
    scene.must(state["verdict"] == "unknown", f"what did not answer is unknown, not {state['verdict']}")
    scene.healer.pause()
    left = out("pgrep", "-f", "sleep 765[45]", check=False).split()
    scene.must(not left, f"left running: {left}")
    slow = [seconds for _, _, seconds in scene.healer.runs if seconds > 15]
    scene.must(not slow, f"runs that took too long: {slow}")
