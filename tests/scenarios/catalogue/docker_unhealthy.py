"""It runs, and its own check says that it is not well."""

from kit import Container, out, until

TITLE = "docker: runs, and is unhealthy"
KIND = "silence"
EXPECTED = "healed"
ENGINES = True
SERVICES = [Container("books", "docker", "/bin/sh /scene/start", section="-v {scene}:/scene:ro --health-interval 1s"
                      " --health-retries 1 --health-cmd /scene/health"),
            Container("neighbour", "docker", "/bin/sleep 8203")]


def set_up(scene):
    (scene.folder / "start").write_text(": >/state; exec /bin/sleep 8204\n")
    (scene.folder / "health").write_text("#!/bin/sh\nread word </state && exit 1 || exit 0\n")
    (scene.folder / "health").chmod(0o755)


def break_it(scene):
    books = scene["books"]
    out("docker", "exec", books.name, "/bin/sh", "-c", "echo x >/state")
    until("docker calls it unhealthy", 60, lambda: books.inspect("Health.Status") == "unhealthy")
