"""Four at once, because the disk that all write to is full. That is one cause: it is named, and restarts are few."""

from kit import Service, out

TITLE = "four are down: the disk is full"
KIND = "many"
EXPECTED = "escalated"
ALONE = True
SERVICES = [Service(f"s{n}", serve=f"--data /tmp/s{n}") for n in range(4)] + [Service("neighbour")]
BROKEN = [f"s{n}" for n in range(4)]
# Given up one by one, or together.
MAILS = None
STATUS = None
PATIENCE = 90


def set_up(scene):
    out("mount", "-t", "tmpfs", "-o", "size=512k", "scenario", "/tmp")
    for n in range(4):
        out("mkdir", f"/tmp/s{n}")


def break_it(scene):
    with scene.unseen(), open("/tmp/filler", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass


def must_see(scene):
    told = scene.mail("FAILED")
    scene.must("`/tmp` is full" in told, f"the mail does not name the cause: {told}")
    made = sum(len(scene.attempts(scene[name])) for name in BROKEN)
    scene.must(made <= len(scene.healer.runs), f"{made} attempts in {len(scene.healer.runs)} runs: one a run is enough")
