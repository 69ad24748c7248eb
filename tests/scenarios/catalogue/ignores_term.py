"""The stale copy does not listen to TERM, so it takes a KILL."""

from kit import Service, until

TITLE = "a stale copy that ignores TERM"
KIND = "port"
EXPECTED = "healed"
SERVICES = [Service("books", serve="--stubborn", section="KillSignal=SIGKILL\n", strategies=["service_restart", "port_conflict"])]
ATTEMPTS = 2
PATIENCE = 60


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
    scene.must("KILL" in told, f"the mail does not say that it took a KILL: {told}")
