"""A restart that takes three seconds is not reported as an instant one, and only what was seen is called verified."""

import re

from kit import Service

TITLE = "a slow restart, told as it was"
KIND = "telling"
EXPECTED = "healed"
SERVICES = [Service("books", section="ExecStartPre=/bin/sh -c 'test ! -e {scene}/slow || sleep 3'\n"), Service("neighbour")]


def break_it(scene):
    scene.flag("slow")
    scene["books"].kill()


def must_see(scene):
    told = scene.mail("RESOLVED")
    found = re.search(r"HEALING TIME: ([0-9.]+)s", told)
    run = max(seconds for _, _, seconds in scene.healer.runs)
    scene.must(found and 4 <= float(found[1]) <= run, f"the time is not between 4 s and the {run:.1f} s of the run: {told}")
    scene.must(f"port:{scene['books'].port}: listening" in told and f"pid {scene['books'].pid()}" in told, f"not who listens: {told}")
