"""Stopped and masked by an administrator."""

from kit import Service, systemctl

TITLE = "stopped and masked"
KIND = "unit state"
EXPECTED = "left alone"
SERVICES = [Service("books")]
MAILS = ["FAILED"]


def break_it(scene):
    scene["books"].stop()
    systemctl("mask", "-q", scene["books"].unit)


def must_see(scene):
    scene.must("is masked" in scene.mail("FAILED"), f"the mail does not say why: {scene.mail('FAILED')}")
