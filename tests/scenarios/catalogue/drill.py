"""Nothing ever fails, so nothing is proven: the drill breaks a service of its own, on this very machine."""

from kit import Service

TITLE = "the drill, while all is well"
KIND = "own run"
EXPECTED = "left alone"
SERVICES = [Service("books")]


def break_it(scene):
    """Nothing is to break but the drill's own."""


def must_see(scene):
    status, said = scene.miraclemax("heal", "--drill")
    scene.must(status == 0 and "passed" in said, f"the drill ends with {status}: {said}")
