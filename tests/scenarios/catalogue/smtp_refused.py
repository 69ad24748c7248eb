"""The mail server is not there: that costs the healing nothing, and the mail leaves later, marked late."""

import sink
from kit import Service, until

TITLE = "the mail server refuses"
KIND = "telling"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]
PORT = 19025


def set_up(scene):
    scene.notify = f'smtp = "smtp+plain://127.0.0.1:{PORT}"\n'


def break_it(scene):
    scene["books"].kill()


def after(scene):
    scene.must(not scene.mails(), f"who took these mails? {scene.mails()}")
    status, said = scene.miraclemax("status")
    scene.must("wait" in said, f"status does not say that a mail waits: {said}")
    late = sink.Sink(PORT)
    until("the mail has come", 30, lambda: late.to(scene.name))
    scene.sink = late
    scene.must("LATE" in scene.mail("RESOLVED"), f"it does not say that it is late: {scene.mail('RESOLVED')}")
    seen = scene.healer.looked()
    until("two more runs", 30, lambda: scene.healer.looked() >= seen + 2)
