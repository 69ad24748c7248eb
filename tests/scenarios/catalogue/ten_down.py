"""Ten at once: all come back, one after another, and that is one letter."""

from kit import Service

TITLE = "ten services stopped at once"
KIND = "many"
EXPECTED = "healed"
SERVICES = [Service(f"s{n}", command=f"/bin/sleep 9{n:03}") for n in range(10)] + [Service("neighbour")]
BROKEN = [f"s{n}" for n in range(10)]
MAILS = ["RESOLVED"]


def break_it(scene):
    with scene.unseen():
        for name in BROKEN:
            scene[name].stop()


def must_see(scene):
    told = scene.mail("RESOLVED")
    missing = [name for name in BROKEN if scene[name].name not in told]
    scene.must(not missing, f"the letter does not name {missing}: {told}")
