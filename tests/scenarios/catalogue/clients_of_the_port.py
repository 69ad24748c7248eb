"""Who only talks to its port is nobody's stale copy, whatever its command line looks like."""

from kit import HERE, Service, until

TITLE = "clients hold connections to its port"
KIND = "silence"
EXPECTED = "healed"
SERVICES = [Service("books", strategies=["port_conflict", "service_restart"]), Service("neighbour")]
CLIENT = "import socket, sys, time; line = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); print(1, flush=True); time.sleep(600)"


def break_it(scene):
    books = scene["books"]
    words = ["/usr/bin/python3", "-c", CLIENT, str(books.port), f"{HERE}/serve.py", books.name, "--port", str(books.port)]
    for n in range(3):
        client = scene.bystander(f"client {n}", words)
        until("it is connected", 20, lambda: any("socket" in link for link in links(client.pid)))
    books.kill()


def links(pid):
    import os
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            pass
    return found
