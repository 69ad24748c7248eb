"""The disk of its own state is full: healing and telling go on."""

from kit import Service, out

TITLE = "the disk of its state is full"
KIND = "own state"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]


def set_up(scene):
    scene.state_dir.mkdir(mode=0o700)
    out("mount", "-t", "tmpfs", "-o", "size=192k,mode=700", "scenario", str(scene.state_dir))


def break_it(scene):
    with scene.unseen():
        with open(scene.state_dir / "filler", "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 1024):
                    pass
            except OSError:
                pass
        scene["books"].kill()


def proof(scene):
    """Nothing can be written down; what is there must still read."""
    scene.must(scene.state()["version"] == 1, "the state does not read")
    said = " ".join(run[1] for run in scene.healer.runs)
    scene.must("No space left" in said or "no space" in said, f"it does not say that the disk is full: {said}")
    scene.must(scene.mail("RESOLVED"), "no mail tells of the healing")
