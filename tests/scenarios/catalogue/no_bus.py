"""systemctl gets no answer. Who cannot see must not restart; but somebody must hear of it."""

import os

from kit import Service, born

TITLE = "systemd cannot be asked"
KIND = "own run"
EXPECTED = "left alone"
ALONE = True
SERVICES = [Service("books")]
STATUS = None
SOCKETS = ("/run/systemd/private", "/run/dbus/system_bus_socket")


def break_it(scene):
    scene.pid = scene["books"].pid()
    scene.was = born(scene.pid)
    for path in SOCKETS:
        os.rename(path, path + ".away")


def after(scene):
    codes = {run[0] for run in scene.healer.runs[-2:]}
    scene.must(codes == {3}, f"what cannot be seen is unknown (3), not {codes}")
    scene.must(born(scene.pid) == scene.was, "it was restarted")


def tear_down(scene):
    for path in SOCKETS:
        if os.path.exists(path + ".away"):
            os.rename(path + ".away", path)
