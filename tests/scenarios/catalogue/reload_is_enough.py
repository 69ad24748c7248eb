"""It runs and answers with errors, and a reload is all it takes: it is not restarted."""

from kit import Service

TITLE = "a reload is enough"
KIND = "silence"
EXPECTED = "healed"
SERVICES = [Service("books", section="ExecReload=/bin/kill -HUP $MAINPID\n", keys="reload_first = true"), Service("neighbour")]


def break_it(scene):
    scene["books"].become("error")


def healed(scene):
    return scene["books"].up()


def must_see(scene):
    books = scene["books"]
    scene.must(books.instance() == books.before, "it was restarted all the same")
