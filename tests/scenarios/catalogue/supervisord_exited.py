"""A program of supervisord that was killed, and is not to be started again by supervisord itself."""

from kit import Program

TITLE = "supervisord: EXITED"
KIND = "crash"
EXPECTED = "healed"
SERVICES = [Program("books", section="startsecs=0\nautorestart=false\n"), Program("neighbour", section="startsecs=0\n")]


def break_it(scene):
    scene["books"].kill()
