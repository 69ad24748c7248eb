"""A unit that has done its work and has no process: that is how it should be."""

from kit import Service

TITLE = "a oneshot that is done"
KIND = "unit state"
EXPECTED = "left alone"
SERVICES = [Service("rules", command="/bin/true", section="Type=oneshot\nRemainAfterExit=yes\n")]


def break_it(scene):
    """Nothing is to break: a healer that looks for a process breaks it."""
