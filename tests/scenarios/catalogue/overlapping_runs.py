"""Six runs at once: one of them heals, the others say who has the lock, and nothing is done twice."""

import concurrent.futures

from kit import Service

TITLE = "runs that overlap"
KIND = "own run"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]


def break_it(scene):
    with scene.unseen():
        scene["books"].kill()
        if scene.healer.name == "miraclemax":
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                scene.together = list(pool.map(lambda _: scene.healer.once(), range(6)))


def must_see(scene):
    codes = sorted(run[0] for run in scene.together)
    scene.must(codes == [0, 75, 75, 75, 75, 75], f"the six ended with {codes}")
    said = "".join(run[1] for run in scene.together)
    scene.must(not said, f"with -q, another run that is in its time is no news: {said}")
