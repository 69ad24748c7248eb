"""The service's own configuration was edited and is wrong: what worked is put back, the other one kept."""

from kit import SERVE, Service

TITLE = "its configuration is broken by an edit"
KIND = "own config"
EXPECTED = "healed"
SERVICES = [
    Service("books", serve="--config {folder}/books.conf", strategies=["service_restart", "config_validation"],
            keys=f'config_files = ["{{folder}}/books.conf"]\nvalidate = ["sh", "-c", "{SERVE} --check-config --config {{folder}}/books.conf"]'),
    Service("neighbour"),
]
ATTEMPTS = 2
GOOD = "shelves = 12\n"


def set_up(scene):
    (scene["books"].folder / "books.conf").write_text(GOOD)


def break_it(scene):
    books = scene["books"]
    with scene.unseen():
        (books.folder / "books.conf").write_text(GOOD + "shelves twelve\n")
        books.stop()


def must_see(scene):
    folder = scene["books"].folder
    scene.must((folder / "books.conf").read_text() == GOOD, "the config that worked is not back")
    kept = list((scene.state_dir / "known-good").rglob("*.broken-*"))
    scene.must(any("twelve" in path.read_text() for path in kept), f"the edit is not kept: {kept}")
    told = scene.mail("RESOLVED")
    scene.must("books.conf:2" in told, f"the mail does not say what was wrong: {told}")
