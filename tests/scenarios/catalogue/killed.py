"""kill -9, as the kernel does it when memory runs out, or a person by mistake."""

from kit import Service

TITLE = "killed by a signal"
KIND = "crash"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]


def break_it(scene):
    scene["books"].kill()


def must_see(scene):
    scene.must("signal" in scene.mail("RESOLVED"), f"the mail does not name the signal: {scene.mail('RESOLVED')}")
