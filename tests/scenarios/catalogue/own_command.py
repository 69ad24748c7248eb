"""A lock file of an earlier life keeps it from starting; its owner has written a command that knows."""

from kit import Service

TITLE = "a command of its owner heals it"
KIND = "crash"
EXPECTED = "healed"
COMMAND = 'heal_command = ["/bin/sh", "-c", "rm {scene}/lock && systemctl restart {name}"]'
SERVICES = [
    Service("books", serve="--fails-if {scene}/lock", strategies=["service_restart", "command"], keys=COMMAND),
    Service("neighbour"),
]
ATTEMPTS = 2


def break_it(scene):
    with scene.unseen():
        scene.flag("lock")
        scene["books"].kill()
