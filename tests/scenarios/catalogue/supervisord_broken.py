"""A program of supervisord that cannot start."""

from kit import Program

TITLE = "supervisord: FATAL at each start"
KIND = "crash"
EXPECTED = "escalated"
SERVICES = [Program("books", serve="--fails-if {scene}/broken", section="startsecs=1\nstartretries=0\nautorestart=false\n"),
            Program("neighbour", section="startsecs=0\n")]


def break_it(scene):
    scene.flag("broken")
    scene["books"].kill()
