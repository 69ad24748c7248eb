"""Plays scenarios in the machine, side by side, and prints a line of JSON for each: `run` calls it.

A file of catalogue/ is a scenario. It holds TITLE, KIND, EXPECTED, SERVICES and `break_it(scene)`, and where it differs:

    BROKEN     names of the services that break (the first); all others are bystanders, as are `scene.bystander(...)`
    ALONE      it is played in a machine of its own; ENGINES: in one that container engines can run in
    PATIENCE   seconds until what is expected must have come; LOOKS: looks of the healer that show that it leaves alone
    set_up     what is done before the services start; tear_down: in the end, come what may
    healed     what counts as healed (the broken ones serve again, as new instances)

What miraclemax must have said and written down, beside the outcome, which counts for all healers alike:

    MAILS      ends of subjects, in any order; None: it looks itself (RESOLVED or FAILED for each that is broken, or none)
    ATTEMPTS   the most it may make for each (1 to heal, 3 to give up, none to leave alone)
    STATUS     in its state (up or failed); None: any. JOURNAL: whether it tells of the healing
    after      what is done once the outcome is there; must_see: what else must be seen; proof: instead of all this
"""

import argparse
import concurrent.futures
import importlib
import json
import pathlib
import sys
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "catalogue")]

import healers  # noqa: E402
import kit  # noqa: E402
import sink  # noqa: E402

# Looks of the healer that show that it leaves something alone, or has stopped.
LOOKS = 4


def play(name, healer, mailbox):
    module = importlib.import_module(name)
    row = {"name": name, "healer": healer.name, "seen": "not played", "problems": []}
    scene = kit.Scene(module, healer, mailbox)
    try:
        getattr(module, "set_up", lambda scene: None)(scene)
        healer.prepare(scene)
        scene.start_services()
        healer.start(scene)
        scene.remember()
        module.break_it(scene)
        watch(scene, row)
        if healer.name == "miraclemax":
            getattr(module, "after", lambda scene: None)(scene)
            getattr(module, "proof", proof)(scene)
    except Exception as err:
        expected = isinstance(err, (kit.Broken, AssertionError))
        scene.problems.append(str(err) if expected else traceback.format_exc())
    finally:
        try:
            getattr(module, "tear_down", lambda scene: None)(scene)
            healer.stop()
            scene.stop_services()
        except Exception as err:
            scene.problems.append(f"clearing up: {err}")
    row["mails"] = len(scene.mails())
    row["problems"] = scene.problems
    if scene.problems and healer.name == "miraclemax":
        row["runs"] = runs(healer)
    return row


def runs(healer):
    """What each run came to, those that follow and say the same told once."""
    told = []
    for code, said, seconds in healer.runs:
        text = " ".join(said.split())[:1500]
        if told and told[-1][:2] == [code, text]:
            told[-1][2] += 1
            told[-1][3] = max(seconds, told[-1][3])
        else:
            told.append([code, text, 1, seconds])
    events = healer.scene.events()[-30:] if (healer.scene.state_dir / "events.jsonl").exists() else []
    lines = [f"{count} x [{code}, up to {longest:.1f} s] {text}" for code, text, count, longest in told]
    return lines + [f"event {event['at']} {event['kind']} {event.get('service', '')}: {event['text'][:300]}" for event in events]


def watch(scene, row):
    """Waits for what is expected, and writes down what came."""
    expected, healer, began = scene.module.EXPECTED, scene.healer, time.monotonic()
    patience = getattr(scene.module, "PATIENCE", healer.patience)
    looks = getattr(scene.module, "LOOKS", LOOKS)
    first = healer.looked()
    came = {"healed": scene.healed, "escalated": lambda: told(scene), "left alone": lambda: healer.looked() - first >= looks}
    try:
        kit.until("it came", patience, came[expected])
        row["seconds"] = time.monotonic() - began
    except kit.Broken:
        row["seconds"] = None
    if expected != "left alone":
        # It has to stay so, and whoever heals has to see it.
        after = healer.looked()
        kit.until("it was looked at again", 60, lambda: healer.looked() - after >= 2)
    row["starts"], row["harmed"] = scene.starts(), scene.harmed()
    if expected == "left alone":
        row["seen"] = "left alone" if row["starts"] <= 0 else "restarted"
        row["harmed"] += [service.short for service in scene.broken] if row["starts"] > 0 else []
    elif expected == "escalated":
        row["seen"] = "escalated" if told(scene) else "nobody told"
    else:
        row["seen"] = "healed" if scene.healed() else "escalated" if told(scene) else "still down"


def told(scene):
    """Whether a person has been told that it is down."""
    return any("RESOLVED" not in mail["subject"] for mail in scene.mails())


def proof(scene):
    """What miraclemax must have written down, in its state, in mails and in the journal."""
    module, expected = scene.module, scene.module.EXPECTED
    usual = {"healed": ["RESOLVED"] * len(scene.broken), "escalated": ["FAILED"] * len(scene.broken), "left alone": []}
    mails = getattr(module, "MAILS", usual[expected])
    words = sorted(mail["subject"].rpartition(" - ")[2] for mail in scene.mails())
    scene.must(mails is None or words == sorted(mails), f"mails {words}, not {sorted(mails or [])}")
    most = getattr(module, "ATTEMPTS", {"healed": 1, "escalated": 3, "left alone": 0}[expected])
    for service in scene.broken:
        state = scene.state(service)
        made = [attempt for attempt in state.get("attempts", []) if attempt.get("outcome") != "refused"]
        scene.must(len(made) <= most, f"{service.short}: {len(made)} attempts, more than {most}: {made}")
        outcomes = [entry.get("MIRACLEMAX_OUTCOME") for entry in scene.journal(service)]
        status = getattr(module, "STATUS", {"healed": "up", "escalated": "failed"}.get(expected))
        if status:
            scene.must(state.get("status") == status, f"{service.short}: the state says {state.get('status')}, not {status}")
        # A run that was killed cannot tell what became of its attempt.
        if expected == "healed" and getattr(module, "JOURNAL", True):
            scene.must("healed" in outcomes, f"{service.short}: the journal does not tell of the healing: {outcomes}")
            scene.must(not state.get("incident"), f"{service.short}: its incident is open: {state.get('incident')}")
        if expected == "left alone":
            done = [outcome for outcome in outcomes if outcome in ("healed", "still-down")]
            scene.must(not done, f"{service.short}: the journal tells of attempts: {outcomes}")
    getattr(module, "must_see", lambda scene: None)(scene)


def bystanders():
    """What runs on any machine and has nothing to do with any of this."""
    return {unit: kit.systemctl("show", "--value", "-p", "InvocationID", unit).strip() for unit in ("cron", "dbus")}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--healer", required=True)
    args.add_argument("--jobs", type=int, default=8)
    args.add_argument("names", nargs="+")
    args = args.parse_args()
    mailbox, healer, said = sink.Sink(), healers.ALL[args.healer], threading.Lock()
    kit.UNITS.mkdir(parents=True, exist_ok=True)
    before = bystanders()

    def one(name):
        try:
            row = play(name, healer(), mailbox)
        except Exception:
            row = {"name": name, "healer": args.healer, "seen": "not played", "problems": [traceback.format_exc()]}
        with said:
            print(json.dumps(row), flush=True)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(one, args.names))
    try:
        harmed = [unit for unit, was in before.items() if bystanders()[unit] != was]
    except kit.Broken:
        harmed = []
    print(json.dumps({"machine": harmed}), flush=True)


if __name__ == "__main__":
    main()
