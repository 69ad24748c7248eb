"""The mail server takes the connection and never says a word: the run ends, and the next outage is healed as fast."""

import socket

from kit import Service, until

TITLE = "the mail server never speaks"
KIND = "telling"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("second")]
MAILS = []


def set_up(scene):
    scene.tarpit = socket.create_server(("127.0.0.1", 0), backlog=1024)
    scene.notify = f'smtp = "smtp+plain://127.0.0.1:{scene.tarpit.getsockname()[1]}"\ntimeout = "3s"\n'


def break_it(scene):
    scene["books"].kill()


def after(scene):
    second = scene["second"]
    before = second.instance()
    second.kill()
    until("the second one is healed", 20, lambda: second.up() and second.instance() != before)
    slow = [seconds for _, _, seconds in scene.healer.runs if seconds > 12]
    scene.must(not slow, f"runs that took too long: {slow}")
    scene.healer.pause()
