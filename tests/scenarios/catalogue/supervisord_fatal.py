"""supervisord has tried and given up; then the reason is gone."""

from kit import Program, until

TITLE = "supervisord: FATAL, and the reason is gone"
KIND = "crash"
EXPECTED = "healed"
SERVICES = [Program("books", serve="--fails-if {scene}/broken", section="startsecs=1\nstartretries=1\nautorestart=true\n"),
            Program("neighbour", section="startsecs=0\n")]


def break_it(scene):
    books = scene["books"]
    with scene.unseen():
        scene.flag("broken")
        books.kill()
        until("supervisord gives up", 30, lambda: books.status() == "FATAL")
        scene.flag("broken", there=False)
        scene.own_starts += len(books.starts() - books.known)
