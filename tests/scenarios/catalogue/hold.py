"""Somebody keeps hands off it while working on it: looked at, not healed, nobody is woken; released, it is healed."""

from kit import Service, until

TITLE = "hands kept off by a hold"
KIND = "on purpose"
EXPECTED = "left alone"
SERVICES = [Service("books"), Service("neighbour")]


def break_it(scene):
    with scene.unseen():
        if scene.healer.name == "miraclemax":
            status, said = scene.miraclemax("heal", "--hold", "10m", "--reason", "a new disk", scene["books"].name)
            scene.must(status == 0, f"--hold ends with {status}: {said}")
        scene["books"].stop()


def must_see(scene):
    books = scene["books"]
    status, said = scene.miraclemax("status")
    scene.must(status == 1 and "a new disk" in said, f"status ends with {status} and says: {said}")
    status, said = scene.miraclemax("heal", "--release", books.name)
    scene.must(status == 0, f"--release ends with {status}: {said}")
    until("it is healed when it is let go", 20, books.up)
