"""The wall clock jumps while it is healed: nothing is stale for that, and no pause lasts longer."""

from kit import Service, until

TITLE = "the clock jumps 10 years back"
KIND = "time"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]
MAILS = ["RESOLVED", "RESOLVED"]
ATTEMPTS = 2


def break_it(scene):
    scene["books"].kill()


def after(scene):
    """And once more, with what was written before the jump."""
    books = scene["books"]
    with scene.unseen():
        library = until("the library is found", 1, lambda: next(iter(libraries()), None))
        # Only the wall clock: a clock that is set never changes the others.
        scene.environment = {"LD_PRELOAD": str(library), "FAKETIME": "-10y", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        before = books.instance()
        books.kill()
    until("it is healed again", 20, lambda: books.up() and books.instance() != before)
    until("that is told", 20, lambda: len(scene.mails()) > 1)
    seen = scene.healer.looked()
    until("three more runs", 30, lambda: scene.healer.looked() >= seen + 3)
    codes = [run[0] for run in scene.healer.runs[-2:]]
    scene.must(codes == [0, 0], f"it is not content afterwards: {codes}")


def libraries():
    import pathlib
    return pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
