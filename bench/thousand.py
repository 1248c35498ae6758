"""A thousand campaigns at once on 240 channels (D25): does each get its share of the lines, and how long do start and stop take?

    python -m bench.thousand [--campaigns 1000] [--hours 2] [--real] [--json]

Virtual time, software card without audio, calls of a few seconds to a minute. Campaigns have shares 1 and 2; a tenth of them
let a telephone ring for 60 s and not 15 s, so that their calls are longer. Shares are judged by the line time of the stored calls,
once all lines are in use. --real: real time, every transaction synced; only start and stop are measured then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.d02 import START
from offhook.cli.bench import machine
from offhook.clock import run_virtual
from offhook.config import Settings
from offhook.messages import CampaignSpec, RetryPlan
from offhook.node import Node
from offhook_drivers import Scenario, Simulator

SCENARIO = """
plan = "cn"
[line]
post_dial_s = 0.5
[[behaviour]]
kind = "person"
share = 0.5
ring_s = { min = 2, max = 12 }
greeting = ["person-zh-wei"]
hangs_up_after_s = { min = 2, max = 40 }
[[behaviour]]
kind = "no_answer"
share = 0.3
ring_s = { min = 20, max = 45 }
[[behaviour]]
kind = "busy"
share = 0.2
played_share = 0.0
"""
LINES = 240
MEAN_S = 8.5
"""About the mean length of a call of this scenario."""


def settings(folder: Path, real: bool) -> Settings:
    """A node that may dial as fast as lines come free."""
    return Settings.model_validate(
        {
            "node": {"name": "thousand", "data_dir": folder},
            "database": {"durable": real},
            "control": {"mode": "off"},
            "driver": {"name": "simulator", "realtime": real, "audio": False},
            "limits": {"calls_per_second": 500},
            "approval": {"numbers": 0},
        }
    )


def share_of(at: int) -> float:
    """Every other campaign has twice the share."""
    return 1.0 + at % 2


async def fill(node: Node, folder: Path, campaigns: int, leads: int) -> None:
    """Campaigns with lists of their own, idle."""
    path = folder / "list.csv"
    for at in range(campaigns):
        await node.create_campaign(
            CampaignSpec(
                name=f"c{at:04}",
                share=share_of(at),
                calls_per_second=100,
                ring_timeout_s=60 if at % 10 in (0, 5) and at % 20 < 10 else 15,
                retry=RetryPlan(rules={}),
            )
        )
        first = at * leads
        path.write_text("number\n" + "".join(f"+86139{n:08}\n" for n in range(first, first + leads)), encoding="utf-8")
        await node.import_list(f"c{at:04}", path)


async def each(campaigns: int, order: Callable[[str], Awaitable[Any]]) -> dict[str, float]:
    """Give an order to every campaign, one after the other; milliseconds of wall time it took."""
    took = []
    for at in range(campaigns):
        began = time.perf_counter()
        await order(f"c{at:04}")
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.01)
    took.sort()
    at_99 = took[min(len(took) - 1, int(0.99 * len(took)))]
    return {"p50_ms": round(took[len(took) // 2], 2), "p99_ms": round(at_99, 2), "worst_ms": round(took[-1], 1)}


async def line_time(node: Node, from_ms: int, to_ms: int) -> dict[int, tuple[float, int]]:
    """Seconds on a line within the time given, and calls, by campaign."""
    clipped = "SELECT campaign_id, SUM(MIN(ended_ms, :to) - MAX(started_ms, :from)), COUNT(*) FROM call"
    query = text(f"{clipped} WHERE ended_ms > :from AND started_ms < :to GROUP BY campaign_id")
    await node.store.flush()
    rows = await node.store.read(lambda connection: connection.execute(query, {"from": from_ms, "to": to_ms}).all())
    return {int(row[0]): (row[1] / 1000, int(row[2])) for row in rows}


async def measure(folder: Path, campaigns: int, hours: float, real: bool) -> dict[str, Any]:
    """Start all, let them dial, stop all."""
    seconds = 30.0 if real else hours * 3600
    leads = round(1.3 * (LINES / MEAN_S) * (seconds + 120) * 2 / (1.5 * campaigns)) + 20
    card = Simulator(Scenario.parse(SCENARIO), spans=LINES // 30, realtime=real, audio=False, seed=1)
    found: dict[str, Any] = {"campaigns": campaigns, "leads": leads * campaigns, "real": real, "machine": machine()}
    async with Node(settings(folder, real), driver=card) as node:
        began = time.perf_counter()
        await fill(node, folder, campaigns, leads)
        found["fill_s"] = round(time.perf_counter() - began, 1)
        found["start"] = await each(campaigns, node.start_campaign)
        await asyncio.sleep(120 if not real else 5)
        wall, cpu, from_ms = time.perf_counter(), time.process_time(), round(node.clock.now().timestamp() * 1000)
        used = []
        for _ in range(round(seconds)):
            await asyncio.sleep(1)
            used.append(node.pool.in_use)
        to_ms = round(node.clock.now().timestamp() * 1000)
        took, spent = time.perf_counter() - wall, time.process_time() - cpu
        open_leads = min(one.leads - one.closed for one in node.dialers())
        found["stop"] = await each(campaigns, node.stop_campaign)
        await asyncio.sleep(60 if not real else 5)
        by_campaign = await line_time(node, from_ms, to_ms)
        calls = sum(count for _, count in by_campaign.values())
        found |= {"calls": calls, "seconds": seconds, "line_use": round(statistics.mean(used) / LINES, 4), "wall_s": round(took, 1)}
        found |= {"cpu_ms_per_call": round(spent * 1000 / max(1, calls), 2), "fewest_open_leads": open_leads}
        if not real:
            found |= shares(node, by_campaign)
        found["reconciled"] = (await node.reconcile()).ok
    return found


def shares(node: Node, by_campaign: dict[int, tuple[float, int]]) -> dict[str, Any]:
    """How far each campaign's line time is from its share, relative to that share; of those that had leads to the end."""
    wanted = {one.id: one.spec.share for one in node.dialers() if one.closed < one.leads}
    got = {key: by_campaign.get(key, (0.0, 0)) for key in wanted}
    whole, weights = sum(seconds for seconds, _ in got.values()), sum(wanted.values())
    off = sorted(abs(got[key][0] / whole / (weight / weights) - 1) for key, weight in wanted.items())
    off_s = sorted(abs(got[key][0] - whole * weight / weights) for key, weight in wanted.items())
    kinds = {"share 1": (1.0, False), "share 1, long calls": (1.0, True), "share 2": (2.0, False), "share 2, long calls": (2.0, True)}
    return {
        "judged": len(wanted),
        "share_off": {name: round(off[int(at * len(off))], 4) for name, at in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))},
        "off_line_s": {name: round(off_s[int(at * len(off_s))], 1) for name, at in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))},
        "of_their_share": {
            name: round(sum(got[key][0] for key in keys) / (whole * sum(wanted[key] for key in keys) / weights), 4)
            for name, kind in kinds.items()
            if (keys := [one.id for one in node.dialers() if one.id in wanted and (one.spec.share, one.spec.ring_timeout_s > 15) == kind])
        },
        "calls_of_the_smallest": min((count for _, count in got.values()), default=0),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code: 5 when the books do not add up."""
    parser = argparse.ArgumentParser(prog="python -m bench.thousand", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--campaigns", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="offhook-thousand-") as folder:
        work = measure(Path(folder), options.campaigns, options.hours, options.real)
        found = asyncio.run(work) if options.real else run_virtual(work, START)
    if options.json:
        print(json.dumps(found))
    else:
        for key, value in found.items():
            print(f"{key}: {value}")
    return 0 if found["reconciled"] else 5


if __name__ == "__main__":
    sys.exit(main())
