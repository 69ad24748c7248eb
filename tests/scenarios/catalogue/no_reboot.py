"""A reboot is allowed, and would help nobody: nothing shows that the host is what is wrong."""

from kit import Service

TITLE = "a reboot is allowed, and not called for"
KIND = "budget"
EXPECTED = "escalated"
ALONE = True
SERVICES = [Service("books", serve="--fails-if {scene}/broken", strategies=["service_restart", "reboot"]), Service("neighbour")]


def set_up(scene):
    scene.top = 'reboot = "allowed"'


def break_it(scene):
    scene.flag("broken")
    scene["books"].kill()


def must_see(scene):
    done = [did for attempt in scene.attempts(scene["books"]) for did in attempt.get("did", [])]
    scene.must(not "systemctl reboot" in done, f"a reboot was asked for: {done}")
