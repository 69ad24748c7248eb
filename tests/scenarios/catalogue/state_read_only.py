"""The file system of its own state has become read-only: healing and telling go on."""

from kit import Service, out

TITLE = "the disk of its state is read-only"
KIND = "own state"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]


def set_up(scene):
    scene.state_dir.mkdir(mode=0o700)
    out("mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "scenario", str(scene.state_dir))


def break_it(scene):
    with scene.unseen():
        out("mount", "-o", "remount,ro", str(scene.state_dir))
        scene["books"].kill()


def proof(scene):
    """Nothing can be written down; what is there must still read."""
    scene.must(scene.state()["version"] == 1, "the state does not read")
    said = " ".join(run[1] for run in scene.healer.runs)
    scene.must("ead-only" in said, f"it does not say that it is read-only: {said}")
    scene.must(scene.mail("RESOLVED"), "no mail tells of the healing")
