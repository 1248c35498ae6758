"""What Python and the store cost at 14,400 calls an hour: policy, rule pack, ledger, journal, records, chain and counters; no audio.

    python -m bench.cost [--seconds 120] [--profile]

A node in real time on eight software spans dials 4 numbers a second, into SQLite that syncs every transaction. Without audio nobody is
heard and calls are short, which changes nothing about their number. The contact policy has three caps over a ledger with ten entries a
person, a rule pack judges each call, results are counted by segment, segments are ordered, and each lead is asked for its person's best
hour. Told is the processor time of the whole process, its threads included.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.d02 import SCENARIO
from bench.ledger import POLICY
from offhook.campaigns.learning import LearnPlan
from offhook.cli.bench import machine
from offhook.config import Settings
from offhook.messages import CampaignSpec
from offhook.node import Node

PER_SECOND = 4.0
RAMP_S = 20.0
"""Before it is watched: by then as many calls end as begin."""
PACK = """
name = "bench"
version = 1
regions = ["CN"]
in_force = 2020-01-01
[[hours]]
id = "always"
windows = [{ start = 00:00:00, end = 00:00:00 }]
source = "bench"
[[cap]]
id = "month"
attempts = 20
window_s = 2592000
source = "bench"
[[example]]
number = "+8613900000000"
kind = "service"
at = 2026-03-02T10:00:00+08:00
allowed = true
zone = "Asia/Shanghai"
"""


def settings(folder: Path) -> Settings:
    """A node that has all of it."""
    (folder / "packs").mkdir()
    (folder / "packs" / "bench.toml").write_text(PACK, encoding="utf-8")
    return Settings.model_validate(
        {
            "node": {"name": "cost", "data_dir": folder / "data"},
            "control": {"mode": "off"},
            "approval": {"numbers": 0},
            "rules": {"packs": ["bench"], "folder": folder / "packs"},
            "driver": {"name": "simulator", "scenario": str(SCENARIO), "spans": 8, "realtime": True, "audio": False},
        }
    )


def numbers(folder: Path, count: int) -> Path:
    """A list of *count* valid numbers in twenty regions."""
    path = folder / "numbers.csv"
    path.write_text("number,region\n" + "".join(f"+86139{at:08},r{at % 20}\n" for at in range(count)), encoding="utf-8")
    return path


def history(database: Path, count: int) -> None:
    """Ten calls to every person, over the last hundred days; one in ten was answered."""
    now = round(time.time() * 1000)
    rows = (
        (8613900000000 + n, now - (k + 1) * 864_000_000 - n, 0, 8613900000000 + n, "service", "", "person" if k == n % 10 else "no_answer")
        for n in range(count)
        for k in range(10)
    )
    with sqlite3.connect(database) as connection:
        connection.executemany("INSERT INTO ledger VALUES (?,?,?,?,?,?,?)", rows)


async def measure(folder: Path, seconds: float, profile: bool) -> dict[str, Any]:
    """Dial a while, then watch."""
    count = round((seconds + RAMP_S + 30) * PER_SECOND)
    given = settings(folder)
    async with Node(given) as node:
        await node.set_policy(POLICY)
        learn = LearnPlan(segment="region", order=True, best_hour=True, hour_gain=10)
        spec = CampaignSpec(name="cost", calls_per_second=PER_SECOND, dtmf={"1": "yes"}, dtmf_wait_ms=60_000, learn=learn)
        await node.create_campaign(spec)
        await node.import_list("cost", numbers(folder, count))
        await asyncio.to_thread(history, given.node.data_dir / "offhook.db", count)
        events = 0

        def heard(_: object) -> None:
            nonlocal events
            events += 1

        node.subscribe(heard)
        await node.start_campaign("cost")
        await asyncio.sleep(RAMP_S)
        before, commits, cpu, wall = node.state().attempts, node.store.commits, time.process_time(), time.monotonic()
        profiler = cProfile.Profile(time.process_time)
        if profile:
            profiler.enable()
        await asyncio.sleep(seconds)
        if profile:
            profiler.disable()
            pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
        spent, took = time.process_time() - cpu, time.monotonic() - wall
        calls, commits = node.state().attempts - before, node.store.commits - commits
        await node.stop_campaign("cost")
        books = await node.reconcile()
    return {
        "calls_per_hour": round(calls * 3600 / took),
        "core_share": round(spent / took, 4),
        "ms_per_call": round(spent / max(1, calls) * 1000, 2),
        "commits_per_second": round(commits / took, 1),
        "events": events,
        "reconciled": books.ok,
        "machine": machine(),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code: 5 when the books do not add up."""
    parser = argparse.ArgumentParser(prog="python -m bench.cost", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=120, help="watched")
    parser.add_argument("--profile", action="store_true", help="print where the loop's own thread spends its time")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="offhook-cost-") as folder:
        found = asyncio.run(measure(Path(folder), options.seconds, options.profile))
    print(json.dumps(found))
    return 0 if found["reconciled"] else 5


if __name__ == "__main__":
    sys.exit(main())
