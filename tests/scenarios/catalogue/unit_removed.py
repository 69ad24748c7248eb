"""The package was removed: there is nothing left to start."""

import kit

TITLE = "the unit file is gone"
KIND = "unit state"
EXPECTED = "left alone"
SERVICES = [kit.Service("books")]
MAILS = ["FAILED"]


def break_it(scene):
    scene["books"].stop()
    (kit.UNITS / scene["books"].unit).unlink()
    kit.reload_units()
