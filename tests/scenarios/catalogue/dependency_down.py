"""What it needs is down: healing that is enough, and a restart of what waits for it would help nobody."""

from kit import Service

TITLE = "what it needs is down"
KIND = "many"
EXPECTED = "healed"
SERVICES = [Service("store"), Service("shop", serve="--backend {store.port}", needs=["store"])]


def break_it(scene):
    scene["store"].kill()


def healed(scene):
    return scene["store"].up() and scene["shop"].up()
