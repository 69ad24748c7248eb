"""It comes up at each restart and dies a little later: healing again and again would hide that."""

from kit import Service

TITLE = "heals, and dies again soon"
KIND = "crash"
EXPECTED = "escalated"
SERVICES = [Service("books", serve="--lives 2.5 --lives-if {scene}/mortal"), Service("neighbour")]
STATUS = "failed"
PATIENCE = 80
# A healing may have been told before it was seen that it does not hold.
MAILS = None


def break_it(scene):
    scene.flag("mortal")
    scene["books"].kill()


def must_see(scene):
    words = [mail["subject"].rpartition(" - ")[2] for mail in scene.mails()]
    scene.must(words.count("FAILED") == 1, f"given up is to be told once: {words}")
    scene.must(words.count("RESOLVED") <= 3, f"more recoveries told than attempts allowed: {words}")
