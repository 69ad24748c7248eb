"""A container of Docker that was killed. Others of the same engine go on."""

from kit import Container, out

TITLE = "docker: killed"
KIND = "crash"
EXPECTED = "healed"
ENGINES = True
SERVICES = [Container("books", "docker", "/bin/sleep 8201"), Container("neighbour", "docker", "/bin/sleep 8202")]


def break_it(scene):
    out("docker", "kill", scene["books"].name)
