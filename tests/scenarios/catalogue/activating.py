"""A unit that says itself when it is ready, and is not yet."""

from kit import Service, systemctl

TITLE = "still activating"
KIND = "unit state"
EXPECTED = "left alone"
SERVICES = [Service("books", section="ExecStartPost=/bin/sh -c 'test ! -e {scene}/slow || sleep 12'\n", keys='start_grace = "30s"')]


def break_it(scene):
    scene.flag("slow")
    systemctl("restart", "--no-block", scene["books"].unit)
    scene.own_starts += 1
