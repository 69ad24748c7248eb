"""Healed again and again: each time is told, and then that the cause is to be mended."""

from kit import Service, until

TITLE = "healed for the third time in a week"
KIND = "telling"
EXPECTED = "healed"
SERVICES = [Service("books", keys='repeats = "3 per 7d"\nmax_heals = "9 per 10m"\nflapping = "off"'), Service("neighbour")]
ATTEMPTS = 3
MAILS = ["RESOLVED", "RESOLVED", "RESOLVED", "REPEATED"]


def break_it(scene):
    books = scene["books"]
    for _ in range(2 if scene.healer.name == "miraclemax" else 0):
        was = books.instance()
        books.kill()
        until("it is healed", 30, lambda: books.up() and books.instance() != was)
        until("that is told", 30, lambda: scene.state(books)["status"] == "up")
    books.before = books.instance()
    books.kill()


def must_see(scene):
    told = scene.mail("REPEATED")
    scene.must("3 times" in told, f"it does not say how often: {told}")
    status, said = scene.miraclemax("status", scene["books"].name)
    scene.must("3 times" in said, f"status does not say so: {said}")
