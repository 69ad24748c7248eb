"""The state cannot be read: it is set aside, said, and healing goes on."""

from kit import Service

TITLE = "its state is of a newer version"
KIND = "own state"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]


def break_it(scene):
    with scene.unseen():
        if scene.healer.name == "miraclemax":
            (scene.state_dir / "state.json").write_bytes(b'{"version": 99, "services": {}, "more": true}')
        scene["books"].kill()


def must_see(scene):
    scene.must(any(event["kind"] == "state" for event in scene.events()), "no event tells of the state")
    names = [path.name for path in scene.state_dir.iterdir()]
    scene.must(any(name.startswith("state.json") and name != "state.json" for name in names), f"not set aside: {names}")
