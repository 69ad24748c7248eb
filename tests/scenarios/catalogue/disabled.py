"""Stopped and disabled by an administrator."""

from kit import Service, systemctl

TITLE = "stopped and disabled"
KIND = "unit state"
EXPECTED = "left alone"
SERVICES = [Service("books", enabled=True)]
MAILS = ["FAILED"]


def break_it(scene):
    systemctl("disable", "-q", "--now", scene["books"].unit)


def must_see(scene):
    scene.must("is disabled" in scene.mail("FAILED"), f"the mail does not say why: {scene.mail('FAILED')}")
