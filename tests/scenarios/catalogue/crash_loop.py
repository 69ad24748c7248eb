"""It ends with 1 at every start: no restart can help, and it must not be tried for ever."""

from kit import Service

TITLE = "crashes at each start"
KIND = "crash"
EXPECTED = "escalated"
SERVICES = [Service("books", serve="--fails-if {scene}/broken"), Service("neighbour")]


def break_it(scene):
    scene.flag("broken")
    scene["books"].kill()


def must_see(scene):
    told = scene.mail("FAILED")
    # It was killed, which is long past; what keeps it down is another thing, and must be told, too.
    for words in ("Shown by the last start in vain", "killed by signal 9", "cannot start", "MANUAL INTERVENTION REQUIRED", "exit status 1", f"journalctl -u {scene['books'].unit}"):
        scene.must(words in told, f"the mail does not say `{words}`: {told}")
