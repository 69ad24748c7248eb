"""It listens on ::1 alone; on the same port of 127.0.0.1 is a program of somebody else, which is not in its way."""

from kit import Service

TITLE = "listens on IPv6 alone"
KIND = "silence"
EXPECTED = "healed"
SERVICES = [Service("books", address="::1", checks=["http://[::1]:{port}/health#contains=ok"],
                    strategies=["service_restart", "port_conflict"])]


def set_up(scene):
    port = str(scene["books"].port)
    scene.bystander("the one on IPv4", ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", port], user="games", cwd="/")


def break_it(scene):
    scene["books"].kill()
