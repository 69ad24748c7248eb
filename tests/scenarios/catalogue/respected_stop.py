"""Stopped by a person, where the configuration says that this is to be respected."""

from kit import Service

TITLE = "stopped, and that is respected"
KIND = "on purpose"
EXPECTED = "left alone"
SERVICES = [Service("books", keys='when_stopped = "respect"')]


def break_it(scene):
    scene["books"].stop()


def must_see(scene):
    status, said = scene.miraclemax("status")
    scene.must(status == 1, f"status ends with {status} and says: {said}")
