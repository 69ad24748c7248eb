"""A package manager is at work, and restarts services itself. Who restarts them as well is in its way."""

from kit import Service, until

TITLE = "while packages are installed"
KIND = "on purpose"
EXPECTED = "left alone"
# All services of the machine are left alone meanwhile.
ALONE = True
SERVICES = [Service("books")]
HOLD = """
import fcntl, pathlib, sys, time
file = open('/var/lib/dpkg/lock-frontend', 'w')
fcntl.lockf(file, fcntl.LOCK_EX)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""


def break_it(scene):
    held = scene.folder / "held"
    with scene.unseen():
        scene.installing = scene.spawn(["/usr/bin/python3", "-c", HOLD, str(held)])
        until("the lock is held", 10, held.exists)
        scene["books"].stop()


def must_see(scene):
    status, said = scene.miraclemax("heal", "--dry-run")
    scene.must("a package manager is at work" in said, f"the plan does not say why it waits: {said}")
    scene.installing.kill()
    until("it is healed when that is over", 20, scene["books"].up)
