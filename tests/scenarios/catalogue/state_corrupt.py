"""The state cannot be read: it is set aside, said, and healing goes on."""

import os

from kit import Service

TITLE = "its state is rubbish"
KIND = "own state"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]


def break_it(scene):
    with scene.unseen():
        if scene.healer.name == "miraclemax":
            (scene.state_dir / "state.json").write_bytes(os.urandom(4096))
        scene["books"].kill()


def must_see(scene):
    scene.must(any(event["kind"] == "state" for event in scene.events()), "no event tells of the state")
    names = [path.name for path in scene.state_dir.iterdir()]
    scene.must(any(name.startswith("state.json") and name != "state.json" for name in names), f"not set aside: {names}")
