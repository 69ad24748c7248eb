"""Another user's program holds its port. That is never killed; somebody has to decide."""

from kit import Service, until

TITLE = "another program holds the port"
KIND = "port"
EXPECTED = "escalated"
SERVICES = [Service("books", strategies=["service_restart", "port_conflict"])]


def break_it(scene):
    books = scene["books"]
    with scene.unseen():
        books.stop()
        line = ["/usr/bin/python3", "-m", "http.server", "--bind", "127.0.0.1", str(books.port)]
        scene.squatter = scene.bystander("the other program", line, user="games", cwd="/")
        until("it listens", 20, lambda: books.ask("/"))


def must_see(scene):
    told = scene.mail("FAILED")
    for words in (str(scene.squatter.pid), "games", "http.server"):
        scene.must(words in told, f"the mail does not name {words}: {told}")
