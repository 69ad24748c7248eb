"""One look in vain is no outage where it takes three (`fail_after`): it stands still for a moment, and goes on."""

import signal

from kit import Service, until

TITLE = "does not answer for a moment"
KIND = "patience"
EXPECTED = "left alone"
SERVICES = [Service("books", keys='fail_after = 3\ntimeout = "1s"')]
LOOKS = 6


def break_it(scene):
    books = scene["books"]
    books.kill(signal.SIGSTOP)
    if scene.healer.name == "miraclemax":
        until("it was looked at in vain", 20, lambda: scene.healer.runs[-1][0] != 0 or scene.state(books)["status"] == "suspect")
    else:
        until("a look of a second is in vain", 20, lambda: books.ask("/health", 1) is None)
    books.kill(signal.SIGCONT)
