"""Kill -9 and power cuts at random moments of a campaign: nothing lost, nothing dialled twice, every unknown held.

    python -m bench.crash kill [--times 1000]     the process is killed; what it wrote stays
    python -m bench.crash cut [--times 100]       and everything that was not synced is gone

A node dials through the software card, without audio, in real time. Every number that goes out is first written to a file of its own, as an
exchange would see it. After the last blow the campaign runs to its end and the books are compared with that file. Exit status 1 when
something is wrong. Each try is a fork, so that the modules are loaded once.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from offhook.calls.disposition import Disposition
from offhook.config import Settings
from offhook.contacts import ContactPolicy, ContactRest
from offhook.desk import open_desk
from offhook.messages import CampaignSpec, RetryPlan, RetryRule
from offhook.node import Node
from offhook_drivers import Scenario, Simulator
from offhook_drivers.contract import Command, Dial

HOLD_S = 1.0
"""How long a number is held whose result was lost."""
LONGEST_LIFE_S = 0.6
SCENARIO = """
plan = "cn"
[line]
post_dial_s = 0.05
[[behaviour]]
share = 0.6
kind = "rejected"
ring_s = 0.05
[[behaviour]]
share = 0.4
kind = "busy"
"""
RETRY = RetryPlan(
    rules={Disposition.BUSY: RetryRule(after_s=0.1, max_attempts=2), Disposition.UNKNOWN: RetryRule(after_s=0, max_attempts=50)},
    max_attempts=50,
)


class Recorded:
    """The software card, with every Dial written to a file before it goes out: call, number, time."""

    def __init__(self, card: Simulator, path: Path) -> None:
        self._card = card
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def __getattr__(self, name: str) -> object:
        return getattr(self._card, name)

    def send(self, command: Command) -> None:
        """Record, then do."""
        if isinstance(command, Dial):
            os.write(self._file, f"{command.call_id} {command.called} {time.time():.6f}\n".encode())
        self._card.send(command)


def settings(folder: Path) -> Settings:
    """A node that syncs everything."""
    return Settings.model_validate(
        {
            "node": {"data_dir": folder / "data"},
            "control": {"mode": "off"},
            "driver": {"name": "simulator"},
            "approval": {"numbers": 0},
        }
    )


async def prepare(folder: Path, leads: int) -> None:
    """The campaign, filled and started."""
    async with open_desk(settings(folder)) as desk:
        rests = (ContactRest(name="after an unknown result", after=("unknown",), rest_s=HOLD_S),)
        await desk.set_policy(ContactPolicy(rests=rests, open_wait_s=1))
        await desk.create_campaign(CampaignSpec(name="c1", calls_per_second=500, retry=RETRY, unknown_hold_s=HOLD_S))
        path = folder / "list.csv"
        path.write_text("number\n" + "".join(f"{13_900_000_000 + n}\n" for n in range(leads)), encoding="utf-8")
        await desk.import_list("c1", path)
        await desk.start_campaign("c1")


async def dial(folder: Path) -> None:
    """Dial until the campaign is through."""
    card = Simulator(Scenario.parse(SCENARIO), spans=4, realtime=True, audio=False, seed=int(time.time()))
    async with Node(settings(folder), driver=Recorded(card, folder / "dialled.txt")) as node:  # type: ignore[arg-type]
        await node.wait_campaign("c1")


def once(folder: Path, life_s: float | None, from_dial: bool = False) -> bool:
    """Dial in a process that is killed after *life_s*, counted from its start or from its first Dial; True when it ended before."""
    dialled = folder / "dialled.txt"
    size = dialled.stat().st_size if dialled.exists() else 0
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(dial(folder))
            os._exit(0)
        except BaseException as error:
            print(f"child: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
    deadline = None if life_s is None else time.monotonic() + life_s
    while deadline is None or time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            if status:
                raise RuntimeError(f"the node ended by itself, status {status}")
            return True
        if from_dial and life_s is not None:
            if not dialled.exists() or dialled.stat().st_size == size:
                deadline = time.monotonic() + life_s
            else:
                from_dial = False
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def lose_unsynced(folder: Path) -> None:
    """Put every database file back to what was synced last; one that never was is gone."""
    data = folder / "data"
    for part in data.glob("*.part*"):
        part.unlink()
    for path in [data / "offhook.db", data / "offhook.db-wal"]:
        kept = path.with_name(path.name + ".synced")
        if kept.exists():
            shutil.copyfile(kept, path)
        else:
            path.unlink(missing_ok=True)
    (data / "offhook.db-shm").unlink(missing_ok=True)


def judge(folder: Path, leads: int) -> dict[str, object]:
    """Compare what went out with what the database says."""
    by_number: dict[str, list[tuple[float, str]]] = defaultdict(list)
    dials: list[str] = []
    for line in (folder / "dialled.txt").read_text().splitlines():
        call, number, at = line.split()
        dials.append(call)
        by_number[number].append((float(at), call))
    with sqlite3.connect(folder / "data" / "offhook.db") as database:
        results = dict(database.execute("SELECT id, disposition FROM call").fetchall())
        closed = database.execute("SELECT count(*) FROM lead WHERE state = 'closed'").fetchone()[0]
        still_open = database.execute("SELECT count(*) FROM journal WHERE result_ms IS NULL").fetchone()[0]
        ledger = database.execute("SELECT count(*) FROM ledger").fetchone()[0]
        sound = database.execute("PRAGMA integrity_check").fetchone()[0]
    early = unexplained = 0
    for calls in by_number.values():
        calls.sort()
        for (before, call), (after, _) in itertools.pairwise(calls):
            result = results.get(call)
            early += result == "unknown" and after - before < HOLD_S
            unexplained += result not in ("unknown", "busy")
    return {
        "leads": leads,
        "dials": len(dials),
        "unknown": sum(result == "unknown" for result in results.values()),
        "lost_leads": leads - closed,
        "never_dialled": leads - len(by_number),
        "dials_without_a_call": len(set(dials) - set(results)),
        "calls_dialled_twice": len(dials) - len(set(dials)),
        "dialled_again_without_reason": unexplained,
        "unknown_not_held": early,
        "open_in_journal": still_open,
        "ledger_differs": len(results) - ledger,
        "integrity": sound,
    }


def wrong(found: dict[str, object]) -> list[str]:
    """What must be zero and is not."""
    zero = (
        "lost_leads",
        "never_dialled",
        "dials_without_a_call",
        "calls_dialled_twice",
        "dialled_again_without_reason",
        "unknown_not_held",
        "open_in_journal",
        "ledger_differs",
    )
    return [name for name in zero if found[name]] + ([] if found["integrity"] == "ok" else ["integrity"])


def run(folder: Path, times: int, cut: bool, leads: int, seed: int = 1) -> dict[str, object]:
    """The blows, then the end of the campaign, then the verdict."""
    rng = random.Random(seed)
    asyncio.run(prepare(folder, leads))
    blows = 0
    for _ in range(times):
        if once(folder, rng.uniform(0.0, LONGEST_LIFE_S), from_dial=rng.random() < 0.8):  # else while it starts, too
            break
        blows += 1
        if cut:
            lose_unsynced(folder)
    once(folder, None)
    return {"blows": blows, "asked": times, **judge(folder, leads)}


def shim(folder: Path) -> Path:
    """Compile what keeps the synced state. RuntimeError without a C compiler."""
    made = folder / "powercut.so"
    source = Path(__file__).with_name("powercut.c")
    done = subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(made), str(source), "-ldl"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"powercut.c: {done.stderr}")
    return made


def main() -> int:
    """Run it; a cut runs in a process with the shim loaded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kill", "cut"))
    parser.add_argument("--times", type=int, default=0)
    parser.add_argument("--leads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    times = given.times or (1000 if given.what == "kill" else 100)
    with tempfile.TemporaryDirectory(prefix="offhook-crash-") as text:
        folder = Path(text)
        if given.what == "cut" and "powercut.so" not in os.environ.get("LD_PRELOAD", ""):
            again = [sys.executable, "-m", "bench.crash", *sys.argv[1:]]
            return subprocess.run(again, env={**os.environ, "LD_PRELOAD": str(shim(folder))}, check=False).returncode
        began = time.perf_counter()
        found = run(folder, times, given.what == "cut", given.leads or times * 30, given.seed)
    print(json.dumps({"what": given.what, "seconds": round(time.perf_counter() - began), **found, "wrong": wrong(found)}))
    return 1 if wrong(found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
