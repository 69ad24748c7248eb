"""A deploy restarts it at this very moment. Who restarts it as well is in its way."""

from kit import Service, until

TITLE = "restarted by a deploy just now"
KIND = "on purpose"
EXPECTED = "left alone"
SERVICES = [Service("books", section="ExecStartPre=/bin/sh -c 'test ! -e {scene}/deploy || sleep 5'\n", serve="--slow 2",
                    keys='start_grace = "30s"')]
LOOKS = 6


def break_it(scene):
    books = scene["books"]
    scene.flag("deploy")
    scene.deploy = scene.spawn(["/usr/bin/systemctl", "restart", books.unit])
    until("it is down", 10, lambda: not books.up())
    scene.own_starts += 1


def must_see(scene):
    until("the deploy is through", 30, lambda: scene.deploy.poll() is not None)
    scene.must(scene.deploy.returncode == 0, "the deploy failed")
