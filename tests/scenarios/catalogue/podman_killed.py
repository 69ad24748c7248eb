"""A container of Podman that was killed. Others of the same engine go on."""

from kit import Container, out

TITLE = "podman: killed"
KIND = "crash"
EXPECTED = "healed"
ENGINES = True
SERVICES = [Container("books", "podman", "/bin/sleep 8201"), Container("neighbour", "podman", "/bin/sleep 8202")]


def break_it(scene):
    out("podman", "kill", scene["books"].name)
