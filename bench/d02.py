"""D02: 14,400 calls an hour at 60 s a call on 240 channels, with audio, in virtual time.

    python -m bench.d02 [--minutes 60] [--json]

Every number of examples/scenarios/throughput.toml is a person, and every call lasts 60 s from Dial to Cleared. The whole engine runs:
software card, core with every detector that a call arms, calls, journal, database. Told are the calls that ended in the window, which
begins once all lines are in use, the share of the line-seconds in use, and how many times faster than the clock it all ran.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from offhook.cli.bench import machine
from offhook.clock import run_virtual
from offhook.config import Settings
from offhook.messages import CampaignSpec
from offhook.node import Node

SCENARIO = Path(__file__).parents[1] / "examples" / "scenarios" / "throughput.toml"
START = dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC)
CALL_S = 60.0
RAMP_S = 10.0
"""240 calls at 50 a second, and a little more; whole minutes from then on hold whole rounds of calls."""


def settings(folder: Path, *, audio: bool) -> Settings:
    """A node on eight spans in virtual time; nothing is synced to the disk, which real time would hide behind the calls."""
    return Settings.model_validate(
        {
            "node": {"name": "d02", "data_dir": folder},
            "database": {"durable": False},
            "control": {"mode": "off"},
            "approval": {"numbers": 0},
            "driver": {"name": "simulator", "scenario": str(SCENARIO), "spans": 8, "realtime": False, "audio": audio},
        }
    )


def numbers(folder: Path, count: int) -> Path:
    """A list of *count* valid numbers."""
    path = folder / "numbers.csv"
    path.write_text("number\n" + "".join(f"+86139{at:08}\n" for at in range(count)), encoding="utf-8")
    return path


def campaign() -> CampaignSpec:
    """A notice; the callee says when the call ends, so a key is waited for until then."""
    with resources.as_file(resources.files("offhook_drivers").joinpath("clips", "prompt-zh-notice.wav")) as prompt:
        return CampaignSpec(name="d02", prompt=str(prompt), calls_per_second=50, dtmf={"1": "yes"}, dtmf_wait_ms=60_000)


async def measure(folder: Path, minutes: float) -> dict[str, Any]:
    """Fill the lines, then watch them for *minutes*."""
    async with Node(settings(folder, audio=True)) as node:
        await node.create_campaign(campaign())
        lines = node.driver.channels
        await node.import_list("d02", numbers(folder, round(lines * (minutes + 3))))
        await node.start_campaign("d02")
        await asyncio.sleep(RAMP_S)
        before, wall, cpu, began = node.state().attempts, time.monotonic(), time.process_time(), node.clock.monotonic()
        used = []
        for _ in range(round(minutes * 60)):
            await asyncio.sleep(1)
            used.append(node.pool.in_use)
        state = node.state()
        seconds = node.clock.monotonic() - began
        took, spent = time.monotonic() - wall, time.process_time() - cpu
        assert node.engine is not None
        stats = node.engine.stats()
        calls = await node.calls("d02", 10_000)
        await node.stop_campaign("d02")
        books = await node.reconcile()
    whole = [call.duration_ms for call in calls if call.answered_ms is not None]
    return {
        "lines": lines,
        "call_s": round(sum(whole) / len(whole) / 1000, 2),
        "virtual_s": round(seconds, 1),
        "calls": state.attempts - before,
        "calls_per_hour": round((state.attempts - before) * 3600 / seconds),
        "wanted_per_hour": round(lines * 3600 / CALL_S),
        "line_use": round(sum(used) / len(used) / lines, 4),
        "times_real_time": round(seconds / took, 1),
        "times_real_time_cpu": round(seconds / spent, 1),
        "persons": sum(call.disposition == "person" for call in calls) / len(calls),
        "events": stats.events,
        "events_lost": stats.overruns,
        "reconciled": books.ok,
        "problems": list(books.problems),
        "rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "machine": machine(),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """The command. Returns its exit code: 5 when the books do not add up."""
    parser = argparse.ArgumentParser(prog="python -m bench.d02", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60, help="virtual minutes watched")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="offhook-d02-") as folder:
        found = run_virtual(measure(Path(folder), options.minutes), START)
    if options.json:
        print(json.dumps(found))
    else:
        print(
            f"{found['calls_per_hour']:,} calls an hour of {found['wanted_per_hour']:,}, {found['call_s']} s each; "
            f"lines {found['line_use']:.2%} in use"
        )
        print(f"{found['times_real_time']} times real time ({found['times_real_time_cpu']} by processor time), {found['rss_mib']} MiB")
        print("the books add up" if found["reconciled"] else f"the books do NOT add up: {found['problems']}")
    return 0 if found["reconciled"] else 5


if __name__ == "__main__":
    sys.exit(main())
