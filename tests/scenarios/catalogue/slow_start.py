"""Restarted by a person, it takes a while until it listens. Who restarts it meanwhile makes it take longer."""

from kit import Service, systemctl, until

TITLE = "slow to listen after a restart by hand"
KIND = "patience"
EXPECTED = "left alone"
SERVICES = [Service("books", serve="--slow 9 --slow-after {scene}/slow", keys='start_grace = "30s"')]
LOOKS = 7


def break_it(scene):
    scene.flag("slow")
    systemctl("restart", scene["books"].unit)
    scene.own_starts += 1


def must_see(scene):
    until("it listens at last", 20, scene["books"].up)
