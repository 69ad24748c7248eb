"""Given up, then mended by a person: one mail for the one, one for the other, however many runs there were."""

from kit import Service, systemctl, until

TITLE = "given up, then mended by a person"
KIND = "telling"
EXPECTED = "escalated"
SERVICES = [Service("books", serve="--fails-if {scene}/broken")]
STATUS = "up"
MAILS = ["FAILED", "RESOLVED"]


def break_it(scene):
    scene.flag("broken")
    scene["books"].kill()


def after(scene):
    scene.flag("broken", there=False)
    systemctl("reset-failed", scene["books"].unit)
    systemctl("start", scene["books"].unit)
    until("the recovery is told", 20, lambda: scene.mail("RESOLVED"))
    seen = scene.healer.looked()
    until("five more runs", 30, lambda: scene.healer.looked() >= seen + 5)
