"""It is gone, and the pid in its pid file is another program's by now, which must not be taken for it, nor ended."""

import pathlib

from kit import Service

TITLE = "its pid file names another program"
KIND = "port"
EXPECTED = "healed"
SERVICES = [Service("books", keys='[[service.check]]\nprobe = "pidfile:/run/{name}.pid"\nname = "python3"'), Service("neighbour")]


def break_it(scene):
    books = scene["books"]
    with scene.unseen():
        books.kill()
        other = scene.bystander("who has its pid now", ["/bin/sleep", "600"])
        pathlib.Path(books.pidfile).write_text(f"{other.pid}\n")
