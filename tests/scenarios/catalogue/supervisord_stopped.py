"""A program of supervisord that somebody stopped."""

from kit import Program

TITLE = "supervisord: STOPPED"
KIND = "crash"
EXPECTED = "healed"
SERVICES = [Program("books", section="startsecs=0\n"), Program("neighbour", section="startsecs=0\n")]


def break_it(scene):
    scene["books"].ctl("stop", "books")
