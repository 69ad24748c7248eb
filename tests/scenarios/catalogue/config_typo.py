"""Its own configuration was edited and does not load: it goes on with the last that did, and says so once."""

from kit import Service

TITLE = "a typo in its configuration"
KIND = "own config"
EXPECTED = "healed"
SERVICES = [Service("books"), Service("neighbour")]
MAILS = ["RESOLVED", "CONFIG"]


def set_up(scene):
    scene.notify += 'on = ["failed", "resolved", "config"]\n'


def break_it(scene):
    with scene.unseen():
        if scene.healer.name == "miraclemax":
            scene.config.write_text(scene.config.read_text().replace("healing_strategies", "healing_strategy", 1))
        scene["books"].kill()


def must_see(scene):
    code, said, _ = scene.healer.runs[-1]
    scene.must(code == 78, f"it ends with {code}, not 78")
    told = scene.mail("CONFIG")
    scene.must("healing_strategy" in told and "miraclemax.toml:" in told, f"the mail does not say what and where: {told}")
