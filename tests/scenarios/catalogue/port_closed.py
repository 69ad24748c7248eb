"""To systemd it is active."""

from kit import Service

TITLE = "active, but it listens no more"
KIND = "silence"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]


def break_it(scene):
    scene["books"].become("deaf")
