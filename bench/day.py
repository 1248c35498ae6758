"""Memory over a simulated day: 240 lines busy for 24 hours with calls of 60 s, without audio, in virtual time.

    python -m bench.day [--hours 24] [--json]

Prints the resident set at every hour. The first hour warms caches up; growth is what comes after it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.d02 import START, campaign, numbers, settings
from offhook.cli.bench import machine
from offhook.clock import run_virtual
from offhook.node import Node

_PAGE = os.sysconf("SC_PAGE_SIZE")


def rss_mib() -> float:
    """Resident set of this process now, MiB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE / 2**20


async def measure(folder: Path, hours: int) -> dict[str, Any]:
    """Dial for *hours*; the resident set at each."""
    async with Node(settings(folder, audio=False)) as node:
        await node.create_campaign(campaign())
        await node.import_list("d02", numbers(folder, round(node.driver.channels * 60 * (hours + 0.1))))
        wall = time.monotonic()
        await node.start_campaign("d02")
        sizes = []
        for hour in range(1, hours + 1):
            await asyncio.sleep(3600)
            gc.collect()
            sizes.append(round(rss_mib(), 1))
            print(f"hour {hour:2}: {sizes[-1]} MiB, {node.state().attempts:,} calls, {time.monotonic() - wall:.0f} s", file=sys.stderr)
        attempts = node.state().attempts
        await node.stop_campaign("d02")
        books = await node.reconcile()
    return {
        "hours": hours,
        "calls": attempts,
        "rss_mib": sizes,
        "growth_mib": round(sizes[-1] - sizes[0], 1),
        "wall_s": round(time.monotonic() - wall, 1),
        "reconciled": books.ok,
        "machine": machine(),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code: 5 when the books do not add up."""
    parser = argparse.ArgumentParser(prog="python -m bench.day", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="offhook-day-") as folder:
        found = run_virtual(measure(Path(folder), options.hours), START)
    if options.json:
        print(json.dumps(found))
    else:
        print(
            f"{found['calls']:,} calls in {found['hours']} h; after the first hour {found['growth_mib']:+} MiB, "
            f"at the end {found['rss_mib'][-1]} MiB"
        )
    return 0 if found["reconciled"] else 5


if __name__ == "__main__":
    sys.exit(main())
