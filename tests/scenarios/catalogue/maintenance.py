"""Down in its maintenance window: looked at, not healed, nobody is woken."""

from kit import Service

TITLE = "down in a maintenance window"
KIND = "on purpose"
EXPECTED = "left alone"
SERVICES = [Service("books", keys='maintenance = ["00:00-12:00 UTC", "12:00-24:00 UTC"]')]


def break_it(scene):
    scene["books"].stop()


def must_see(scene):
    scene.must("held" in scene.state(scene["books"]), f"the state does not say so: {scene.state(scene['books'])}")
    status, said = scene.miraclemax("status")
    scene.must(status == 1 and "maintenance" in said, f"status ends with {status} and says: {said}")
