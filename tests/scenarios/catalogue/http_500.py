"""To systemd it is active."""

from kit import Service

TITLE = "answers 500"
KIND = "silence"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]


def break_it(scene):
    scene["books"].become("error")
