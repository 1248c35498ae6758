"""From a suppression to the released channel while 240 calls ring (L12): by order, over MQTT, and by a row that another program inserts.

    python -m bench.suppress [--each 75] [--spans 8]

In real time with audio. Prints one JSON object: median, 99th percentile and worst of each way, ms; exit status 1 when one is above 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from offhook.config import Settings
from offhook.contacts.model import Suppression
from offhook.control.address import unix_address
from offhook.control.client import Client
from offhook.control.server import broker_socket, open_control, serving
from offhook.messages import CallEnded, CallPhase, CampaignSpec, NodeEvent
from offhook.node import Node

LIMIT_MS = 100.0
RINGS = (CallPhase.RINGING, CallPhase.EARLY_MEDIA)
SCENARIO = 'plan = "cn"\n[line]\npost_dial_s = 0.5\n[[behaviour]]\nshare = 1.0\nkind = "no_answer"\n'


def number(n: int) -> str:
    """The n-th lead."""
    return f"{13_900_000_000 + n}"


async def run(each: int, spans: int) -> dict[str, object]:
    """Fill the lines with calls that ring, then suppress one person after the other."""
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as text:
        folder = Path(text)
        (folder / "rings.toml").write_text(SCENARIO, encoding="utf-8")
        settings = Settings.model_validate(
            {
                "node": {"data_dir": folder / "data"},
                "driver": {"name": "simulator", "scenario": str(folder / "rings.toml"), "spans": spans},
                "limits": {"calls_per_second": 200},
                "approval": {"numbers": 0},
            }
        )
        async with (
            open_control(settings.node.name, settings.control, settings.node.data_dir) as server,
            Node(settings) as node,
            serving(server, node),
            Client(unix_address(broker_socket(settings.control, settings.node.data_dir)), settings.node.name) as client,
        ):
            await node.create_campaign(CampaignSpec(name="c1", calls_per_second=200, ring_timeout_s=180))
            leads = folder / "leads.csv"
            leads.write_text("number\n" + "".join(f"{number(n)}\n" for n in range(20_000)), encoding="utf-8")
            await node.import_list("c1", leads)
            await node.start_campaign("c1")
            while sum(call.phase in RINGS for call in node.live_calls()) < node.driver.channels:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            other = await asyncio.to_thread(sqlite3.connect, folder / "data" / "offhook.db", timeout=30, check_same_thread=False)

            async def by_order(who: str) -> float:
                began = time.perf_counter()
                await node.suppress(Suppression(number=who, category="paid"))
                return began

            async def by_mqtt(who: str) -> float:
                began = time.perf_counter()
                await client.ask("suppress", {"number": who, "category": "paid"}, 10.0)
                return began

            async def by_row(who: str) -> float:
                def insert() -> float:
                    with other:
                        other.execute("INSERT INTO suppression (number, category) VALUES (?, 'paid')", (who,))
                    return time.perf_counter()  # the row can be seen from now on

                return await asyncio.to_thread(insert)

            ways: dict[str, Callable[[str], Awaitable[float]]] = {"order": by_order, "mqtt": by_mqtt, "row": by_row}
            found = {name: await measure(node, way, each) for name, way in ways.items()}
            ringing = len(node.live_calls())
            other.close()
            return {"channels": node.driver.channels, "ringing_at_the_end": ringing, **found}


async def measure(node: Node, way: Callable[[str], Awaitable[float]], each: int) -> dict[str, float]:
    """Suppress *each* persons whose calls ring, one after the other."""
    freed: dict[str, asyncio.Future[float]] = {}

    def told(event: NodeEvent) -> None:
        if isinstance(event, CallEnded) and (waiting := freed.pop(event.call.number, None)) is not None:
            waiting.set_result(time.perf_counter())

    unsubscribe = node.subscribe(told)
    took = []
    for _ in range(each):
        call = next(one for one in node.live_calls() if one.phase in RINGS)
        ended = freed[call.lead.raw] = asyncio.get_running_loop().create_future()
        began = await way(call.lead.raw)
        took.append((await asyncio.wait_for(ended, 30) - began) * 1e3)
        await asyncio.sleep(0.05)
    unsubscribe()
    took.sort()
    return {"p50_ms": round(took[each // 2], 1), "p99_ms": round(took[int(each * 0.99)], 1), "worst_ms": round(took[-1], 1)}


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=75)
    parser.add_argument("--spans", type=int, default=8)
    given = parser.parse_args()
    found = asyncio.run(run(given.each, given.spans))
    print(json.dumps(found))
    return int(any(isinstance(one, dict) and one["p99_ms"] > LIMIT_MS for one in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
