"""A copy of the same program that somebody left running holds its port: the service cannot start."""

from kit import Service, until

TITLE = "a stale copy holds the port"
KIND = "port"
EXPECTED = "healed"
SERVICES = [Service("books", strategies=["service_restart", "port_conflict"]), Service("neighbour")]
ATTEMPTS = 2


def break_it(scene):
    books = scene["books"]
    with scene.unseen():
        books.stop()
        scene.stale = scene.spawn(books.line().split())
        until("the stale copy listens", 20, books.up)


def healed(scene):
    return scene.stale.poll() is not None and scene["books"].up() and bool(scene["books"].pid())


def must_see(scene):
    told = scene.mail("RESOLVED")
    scene.must(str(scene.stale.pid) in told, f"the mail does not name pid {scene.stale.pid}: {told}")
