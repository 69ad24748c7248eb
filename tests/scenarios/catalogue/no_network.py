"""No way out and no names: what is on this host is healed all the same, and the mail leaves when there is a way."""

import pathlib
import socket

from kit import Service, until

TITLE = "no network and no names"
KIND = "telling"
EXPECTED = "healed"
ALONE = True
SERVICES = [Service("books"), Service("neighbour")]


def set_up(scene):
    try:
        socket.create_connection(("192.0.2.1", 25), timeout=2)
        raise AssertionError("there is a network")
    except OSError:
        pass
    scene.notify = f'smtp = "smtp+plain://mail.sink.example:{scene.sink.port}"\ntimeout = "5s"\n'


def break_it(scene):
    scene["books"].kill()


def after(scene):
    scene.must(not scene.mails(), "a mail got out")
    with pathlib.Path("/etc/hosts").open("a") as hosts:
        hosts.write("127.0.0.1 mail.sink.example\n")
    until("the mail has come", 60, scene.mails)
    scene.must("LATE" in scene.mail("RESOLVED"), f"it does not say that it is late: {scene.mail('RESOLVED')}")
