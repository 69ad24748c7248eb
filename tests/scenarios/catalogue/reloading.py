"""It reads its configuration anew, and goes on serving."""

from kit import Service, systemctl, until

TITLE = "reloading"
KIND = "unit state"
EXPECTED = "left alone"
SERVICES = [Service("books", section="ExecReload=/bin/sleep 8\n")]


def break_it(scene):
    systemctl("reload", "--no-block", scene["books"].unit)
    until("it reloads", 10, lambda: scene["books"].show("ActiveState") == "reloading")
