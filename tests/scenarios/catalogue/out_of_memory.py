"""It takes more memory than it may have, and the kernel kills it."""

from kit import Service, until

TITLE = "killed for want of memory"
KIND = "crash"
EXPECTED = "healed"
GROUP = "+/bin/sh -c 'test ! -d /memory || { mkdir -p /memory/books; echo 60M >/memory/books/memory.limit_in_bytes; }'"
SERVICES = [Service("books", serve="--group /memory/books", section=f"MemoryMax=60M\nExecStartPre={GROUP}\n"), Service("neighbour")]


def break_it(scene):
    books = scene["books"]
    pid = books.pid()
    with scene.unseen():
        books.become("greedy")
        until("the kernel has killed it", 30, lambda: books.pid() != pid)
