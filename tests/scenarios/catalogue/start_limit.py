"""systemd has given up on it, the reason is gone, and a plain start is refused."""

from kit import Service, until

TITLE = "start limit hit"
KIND = "unit state"
EXPECTED = "healed"
SERVICES = [Service("books", serve="--fails-if {scene}/broken",
                    section="Restart=on-failure\nRestartSec=50ms\n", unit="StartLimitIntervalSec=1h\nStartLimitBurst=3\n")]


def break_it(scene):
    books = scene["books"]
    with scene.unseen():
        scene.flag("broken")
        books.kill()
        until("systemd gives up", 30, lambda: books.show("ActiveState") == "failed")
        scene.flag("broken", there=False)
        scene.own_starts += len(books.starts() - books.known)
