"""Healed while the clocks go back an hour: what is told has its offset, and nothing lasts an hour longer or shorter."""

import pathlib

from kit import Service

TITLE = "healed while summer time ends"
KIND = "time"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]
# Three seconds before 03:00 +02:00 becomes 02:00 +01:00, and then on.
SWITCH = "@2026-10-25 02:59:57"


def break_it(scene):
    with scene.unseen():
        library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        scene.environment = {"LD_PRELOAD": str(library), "TZ": "Europe/Madrid", "FAKETIME": SWITCH,
                             "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        scene["books"].kill()


def must_see(scene):
    told = scene.mail("RESOLVED")
    scene.must("+02:00" in told or "+01:00" in told, f"a time without its offset: {told}")
    scene.must("59m" not in told and "1h" not in told, f"an hour is lost or won: {told}")
