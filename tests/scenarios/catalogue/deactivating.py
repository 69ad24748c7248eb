"""On its way down, which takes its time; then down. It is not touched before that, and healed after."""

from kit import Service, systemctl

TITLE = "stops slowly, then is down"
KIND = "unit state"
EXPECTED = "healed"
SERVICES = [Service("books", section="ExecStop=/bin/sh -c 'kill $MAINPID; sleep 6'\n", keys='start_grace = "30s"')]


def break_it(scene):
    systemctl("stop", "--no-block", scene["books"].unit)
