"""A span goes into RED while all its channels are busy: how long until its calls are ended and stored, and until it dials again.

    python -m bench.red [--spans 2] [--rounds 5]

The node dials the simulator over real Q.931 (``signalling = "pri"``): the link must come up and every channel be RESTARTed before the span
takes calls again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from offhook.config import Settings
from offhook.messages import CallEnded, CallStarted, CampaignSpec, NodeEvent
from offhook.node import Node
from offhook_drivers import PriSimulator

RED = 8


async def run(spans: int, rounds: int, folder: Path) -> dict[str, object]:
    """Put span 0 into RED and back, *rounds* times."""
    people = folder / "people.csv"
    people.write_text("number\n" + "".join(f"138{n:08d}\n" for n in range(20_000)), encoding="utf-8")
    driver = {"name": "simulator", "spans": spans, "audio": False, "signalling": "pri"}
    settings = Settings.model_validate(
        {
            "node": {"data_dir": str(folder / "data")},
            "control": {"mode": "off"},
            "driver": driver,
            "limits": {"calls_per_second": 500},
            "approval": {"numbers": 0},
        }
    )
    ended: list[float] = []
    started: list[float] = []
    busy: set[int] = set()

    def on_event(event: NodeEvent) -> None:
        match event:
            case CallStarted(channel=channel) if channel < 30:
                busy.add(channel)
                started.append(time.monotonic())
            case CallEnded(call=call) if call.span == 0:
                busy.discard(call.channel)
                if call.cause == 38:
                    ended.append(time.monotonic())
            case _:
                pass

    ends: list[float] = []
    backs: list[float] = []
    counts: list[int] = []
    async with Node(settings) as node:
        node.subscribe(on_event)
        assert isinstance(node.driver, PriSimulator)
        await node.create_campaign(CampaignSpec(name="c", lines=30 * spans))
        await node.import_list("c", people)
        await node.start_campaign("c")
        for _ in range(rounds):
            await asyncio.sleep(3)
            ended.clear()
            open_calls = len(busy)
            began = time.monotonic()
            node.driver.set_alarm(0, RED)
            async with asyncio.timeout(30):
                while busy:  # noqa: ASYNC110 - a poll of the measurement
                    await asyncio.sleep(0.005)
            await node.store.flush()
            ends.append(time.monotonic() - began)
            counts.append(open_calls)
            await asyncio.sleep(2)
            started.clear()
            began = time.monotonic()
            node.driver.set_alarm(0, 0)
            async with asyncio.timeout(60):
                while not started:  # noqa: ASYNC110 - a poll of the measurement
                    await asyncio.sleep(0.005)
            backs.append(started[0] - began)
        books = await node.reconcile()
    return {
        "calls_in_progress": counts,
        "ended_and_stored_s": [round(value, 3) for value in ends],
        "dialling_again_s": [round(value, 3) for value in backs],
        "worst_end_s": round(max(ends), 3),
        "median_back_s": round(statistics.median(backs), 3),
        "books_add_up": books.ok,
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(run(options.spans, options.rounds, Path(folder)))))


if __name__ == "__main__":
    main()
