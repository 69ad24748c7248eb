"""No room for its data, and its own old logs are what takes it: those may be removed, and nothing else is."""

import os

from kit import Service, out

TITLE = "no room, and old logs that may go"
KIND = "resources"
EXPECTED = "healed"
CLEANUP = '[service.disk_cleanup]\nfiles = [{ glob = "{scene}/data/log.*", older_than = "2h" }]'
SERVICES = [
    Service("books", serve="--data {scene}/data", strategies=["disk_cleanup", "service_restart"], keys=CLEANUP),
    Service("neighbour"),
]


def set_up(scene):
    (scene.folder / "data").mkdir()
    out("mount", "-t", "tmpfs", "-o", "size=512k", "scenario", str(scene.folder / "data"))


def break_it(scene):
    data = scene.folder / "data"
    with scene.unseen():
        for name, hours in (("catalogue", 3), ("log.new", 1), ("log.old", 3)):
            with open(data / name, "wb", buffering=0) as file:
                try:
                    while file.tell() < 16384 or hours > 2 and name == "log.old":
                        file.write(b"x" * 4096)
                except OSError:
                    pass
            then = os.stat(data / name).st_mtime - hours * 3600
            os.utime(data / name, (then, then))


def healed(scene):
    """It never ended, and goes on once there is room."""
    return scene["books"].up()


def must_see(scene):
    left = {path.name for path in (scene.folder / "data").iterdir()}
    scene.must("log.old" not in left and {"catalogue", "log.new"} <= left, f"what is left: {left}")
    scene.must("freed" in scene.mail("RESOLVED"), f"the mail does not say what was freed: {scene.mail('RESOLVED')}")
