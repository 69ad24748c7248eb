"""Somebody stopped it, and nobody said that it was to stay so."""

from kit import Service

TITLE = "stopped by systemctl"
KIND = "crash"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]


def break_it(scene):
    scene["books"].stop()


def must_see(scene):
    told = scene.mail("RESOLVED")
    scene.must("Executed: systemctl" in told, f"the mail does not say what was done: {told}")
    scene.must(f"http://127.0.0.1:{scene['books'].port}/health#contains=ok: HTTP 200 OK" in told, f"nor what was verified: {told}")
