"""The next callable lead out of many: how long a dial loop waits for it, and whether memory stays flat.

    python -m bench.leads [--leads 10000000] [--campaigns 50] [--asks 5000] [--mix 4] [--learn]

Fills a SQLite database of a temporary folder, then asks as the dial loops do, one lead at a time and in hoppers of 200, each ask a synced
transaction of its own. With --mix each campaign deals so many lists by weight, over its zones; with --learn every campaign
orders twenty segments by what they return, and waits for the best hour of persons, one in five of whom have been called four times.
Prints one JSON object; times in ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sqlite3
import tempfile
import time
from pathlib import Path

from offhook.campaigns.learning import LearnPlan
from offhook.clock import Uuid7, loop_clock
from offhook.lists.mix import STEP, ListMix
from offhook.messages import CampaignSpec
from offhook.store import Store

ZONES = ("Asia/Shanghai", "Asia/Shanghai", "Asia/Shanghai", "Asia/Urumqi")


def fill(path: Path, leads: int, campaigns: int, mix: int) -> None:
    """*leads* open leads, the same number for each campaign, due over the last day, or in the places of *mix* lists."""
    rng = random.Random(1)
    each = leads // campaigns
    columns = "campaign_id, import_id, line, raw, e164, region, kind, zones, name, extra, state, due_ms, attempts, tries, reason"
    now = round(time.time() * 1000)
    with sqlite3.connect(path) as database:
        for pragma in ("synchronous=OFF", "cache_size=-500000"):
            database.execute(f"PRAGMA {pragma}")
        for campaign in range(1, campaigns + 1):
            first = 13_000_000_000 + campaign * each
            zone = [ZONES[rng.randrange(4)] for _ in range(1000)]
            due = (n % (each // mix) * STEP // (1 + n * mix // each) if mix else now - rng.randrange(86_400_000) for n in range(each))
            rows = ((campaign, n, str(first + n), f"+86{first + n}", zone[n % 1000], at) for n, at in enumerate(due))
            values = "?, 1, ?, ?, ?, 'CN', 'mobile', ?, '', '{}', 'open', ?, 0, '{}', ''"
            database.executemany(f"INSERT INTO lead ({columns}) VALUES ({values})", rows)
            database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def learnt(path: Path) -> None:
    """Every lead has a segment; one in five persons answered one of four calls."""
    now = round(time.time() * 1000)
    with sqlite3.connect(path) as database:
        for pragma in ("synchronous=OFF", "cache_size=-500000"):
            database.execute(f"PRAGMA {pragma}")
        database.execute("UPDATE lead SET segment = 'r' || (id % 20)")
        for k in range(1, 5):
            result = "person" if k == 2 else "no_answer"
            database.execute(
                "INSERT INTO ledger SELECT CAST(substr(e164, 2) AS INTEGER), ? - ? - id % 43200000, campaign_id,"
                " CAST(substr(e164, 2) AS INTEGER), 'service', '', ? FROM lead WHERE id % 5 = 0",
                (now, k * 86_400_000, result),
            )
            database.commit()
        for segment in range(20):
            rows = [
                (c, f"r{segment}", hour, 1000, 400, 200 + segment, 10 * segment, 0, 0, 0) for c in range(1, 51) for hour in range(9, 21)
            ]
            database.executemany("INSERT INTO rate VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def quantiles(took: list[float]) -> dict[str, float]:
    """In ms."""
    took = sorted(took)
    return {name: round(took[min(len(took) - 1, int(len(took) * q))] * 1e3, 2) for name, q in (("p50", 0.5), ("p99", 0.99), ("worst", 1.0))}


def resident_mib() -> int:
    """Of this process, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20


async def run(leads: int, campaigns: int, asks: int, mix: int, learn: bool) -> dict[str, object]:
    """Fill, then ask."""
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        path = Path(folder) / "offhook.db"
        store = await Store.open(f"sqlite+aiosqlite:///{path}", loop_clock(), spool=Path(folder) / "spool")
        plan = LearnPlan(best_hour=learn, segment="region" if learn else "", order=learn)
        specs = [CampaignSpec(name=f"c{n}", mix=ListMix() if mix else None, learn=plan) for n in range(campaigns)]
        for spec in specs:
            await store.create_campaign(spec)
        began = time.perf_counter()
        await asyncio.to_thread(fill, path, leads, campaigns, mix)
        if learn:
            await asyncio.to_thread(learnt, path)
        filled_s = time.perf_counter() - began
        rng = random.Random(2)
        make_id = Uuid7(loop_clock())
        look: list[float] = []
        one: list[float] = []
        many: list[float] = []
        inside: list[float] = []
        worked: list[float] = []
        before = resident_mib()
        for campaign in range(campaigns):  # a campaign that begins reads what it has learnt
            zones = [d.zones for d in await store.due(campaign + 1)]
            await store.reserve("bench", campaign + 1, zones, 1, make_id, specs[campaign])
        for n in range(asks):
            campaign = rng.randrange(campaigns)
            at = time.perf_counter()
            due = await store.due(campaign + 1)
            look.append(time.perf_counter() - at)
            at, busy = time.perf_counter(), time.process_time()
            zones = [d.zones for d in due]
            taken = await store.reserve("bench", campaign + 1, zones, 1, make_id, specs[campaign])
            one.append(time.perf_counter() - at)
            worked.append(time.process_time() - busy)
            assert len(taken) == 1
            if n % 20 == 0:
                at = time.perf_counter()
                assert len(await store.reserve("bench", campaign + 1, zones, 200, make_id, specs[campaign])) == 200
                many.append(time.perf_counter() - at)
                inside.append(many[-1] / 200)
        found = {
            "leads": leads,
            "campaigns": campaigns,
            "asks": asks,
            "mixed_lists": mix,
            "learning": learn,
            "zones_due_ms": quantiles(look),
            "next_lead_ms": quantiles(one),
            "next_lead_processor_ms": quantiles(worked),
            "hopper_of_200_ms": quantiles(many),
            "per_lead_in_a_hopper_ms": quantiles(inside),
            "resident_mib": [before, resident_mib()],
            "filled_s": round(filled_s),
            "database_mib": path.stat().st_size >> 20,
        }
        await store.close()
        return found


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=10_000_000)
    parser.add_argument("--campaigns", type=int, default=50)
    parser.add_argument("--asks", type=int, default=5000)
    parser.add_argument("--mix", type=int, default=0, help="lists mixed in each campaign; 0: none")
    parser.add_argument("--learn", action="store_true", help="segments in order and best hours")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(run(given.leads, given.campaigns, given.asks, given.mix, given.learn))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
