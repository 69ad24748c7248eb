"""Its own data has no room: a restart cannot help, and somebody has to be told why."""

from kit import Service, out

TITLE = "no room for its data"
KIND = "resources"
EXPECTED = "escalated"
SERVICES = [Service("books", serve="--data {scene}/data"), Service("neighbour")]


def set_up(scene):
    (scene.folder / "data").mkdir()
    out("mount", "-t", "tmpfs", "-o", "size=256k", "scenario", str(scene.folder / "data"))


def break_it(scene):
    with open(scene.folder / "data" / "filler", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
