"""The contact ledger at size: check and reserve a second, and whether a cap is ever exceeded by processes that race.

python -m bench.ledger speed [--contacts 1000000] [--attempts 10] [--reserve 200000]     SQLite, as a node opens it
python -m bench.ledger caps [--attempts 1000000] [--processes 4] [--persons 20000]       PostgreSQL of its own in a temporary folder
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import multiprocessing
import random
import sqlite3
import tempfile
import time
from pathlib import Path

from sqlalchemy import Connection, create_engine, insert, text

from offhook.clock import loop_clock
from offhook.contacts import ContactCap, ContactPolicy
from offhook.messages import CampaignSpec
from offhook.store import Store, ledger
from offhook.store import tables as t

DAY_MS = 86_400_000
NOW_MS = 1_772_413_200_000  # a Monday in March 2026
BATCH = 200
"""What a dial loop reserves at a time."""
CAMPAIGNS = 8
"""Dial loops that do so at once."""
POLICY = ContactPolicy(
    caps=(
        ContactCap(name="month", attempts=8, window_s=30 * 86400),
        ContactCap(name="talks", attempts=2, window_s=30 * 86400, results=("person",), kinds=("marketing",)),
        ContactCap(name="day", attempts=3, window_s=86400),
    )
)


def number(n: int) -> str:
    """The n-th person's number."""
    return f"+86{13_000_000_000 + n}"


def fill(path: Path, contacts: int, attempts: int) -> None:
    """Contacts with one number each and *attempts* rows in the ledger, over the last 60 days."""
    rng = random.Random(1)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA synchronous=OFF")
        rows = ((n + 1, f"c{n}", "", "{}", "[]", "{}", 0, 0) for n in range(contacts))
        database.executemany(
            "INSERT INTO contact (id, ref, name, level, attributes, tags, consent, created_ms, updated_ms) VALUES (?,?,'',?,?,?,?,?,?)",
            rows,
        )
        numbers = ((number(n), n + 1, 0, number(n), "CN", "mobile", "Asia/Shanghai") for n in range(contacts))
        database.executemany("INSERT INTO contact_number VALUES (?,?,?,?,?,?,?)", numbers)
        results = ("no_answer", "busy", "person", "machine", "unreachable", "no_answer")
        entries = (
            (-n - 1, NOW_MS - rng.randrange(60 * DAY_MS), k + 1, 8613_000_000_000 + n, "service", "", results[rng.randrange(6)])
            for n in range(contacts - 1, -1, -1)
            for k in range(attempts)
        )
        database.executemany("INSERT INTO ledger VALUES (?,?,?,?,?,?,?)", entries)


async def speed(contacts: int, attempts: int, reserve: int) -> dict[str, object]:
    """Reserve calls to persons picked at random, in batches, each batch a synced transaction."""
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        path = Path(folder) / "offhook.db"
        store = await Store.open(f"sqlite+aiosqlite:///{path}", loop_clock(), spool=Path(folder) / "spool")
        stored = await store.create_campaign(CampaignSpec(name="bench", kind="marketing"))
        await store.work(lambda connection: ledger.set_policy(connection, POLICY, NOW_MS))
        began = time.perf_counter()
        await asyncio.to_thread(fill, path, contacts, attempts)
        filled_s = time.perf_counter() - began
        asking = ledger.Asking("bench", stored.id, "bench", "marketing", NOW_MS)
        picked = random.Random(2).sample(range(contacts), min(reserve, contacts))
        batches = iter(range(0, len(picked), BATCH))
        passed = 0
        took: list[float] = []

        async def campaign() -> None:
            """One of the dial loops that fill their hoppers; the writer gathers what they ask for at the same time."""
            nonlocal passed
            for at in batches:
                wanted = [ledger.Wanted(f"{at + k:036d}", 1, number(n), ("Asia/Shanghai",)) for k, n in enumerate(picked[at : at + BATCH])]
                before = time.perf_counter()
                checked = await store.work(lambda connection, wanted=wanted: ledger.reserve(connection, asking, wanted))
                took.append(time.perf_counter() - before)
                passed += sum(one.reserved for one in checked)

        worked = time.process_time()
        began = time.perf_counter()
        await asyncio.gather(*(campaign() for _ in range(CAMPAIGNS)))
        seconds = time.perf_counter() - began
        worked = time.process_time() - worked
        size = path.stat().st_size
        await store.close()
    took.sort()
    return {
        "contacts": contacts,
        "attempts_each": attempts,
        "checked": len(picked),
        "reserved": passed,
        "per_second": round(len(picked) / seconds),
        "per_second_of_processor": round(len(picked) / worked),
        "campaigns": CAMPAIGNS,
        "batch": BATCH,
        "batch_p50_ms": round(took[len(took) // 2] * 1e3, 2),
        "batch_p99_ms": round(took[int(len(took) * 0.99)] * 1e3, 2),
        "filled_s": round(filled_s, 1),
        "database_mib": size >> 20,
    }


# -- caps under races -----------------------------------------------------------------------------------------------------------------


def race(url: str, process: int, campaign_id: int, attempts: int, persons: int) -> tuple[int, int]:
    """One process: ask for calls to random persons and give each that passes a result. Returns the calls asked for and made."""
    rng = random.Random(process)
    engine = create_engine(url)
    ids = itertools.count()
    made = asked = 0
    with engine.connect() as connection:
        while asked < attempts:
            now = NOW_MS + asked * 40 * DAY_MS // attempts + process  # forty days go by; no two processes at the same millisecond
            asking = ledger.Asking(f"node{process}", campaign_id, "bench", "marketing", now)
            leads = [rng.randrange(persons) for _ in range(50)]
            wanted = [ledger.Wanted(f"{process}-{next(ids):030d}", n + 1, number(n), ("Asia/Shanghai",)) for n in leads]
            with connection.begin():
                checked = ledger.reserve(connection, asking, wanted)
            calls = [one.wanted.call_id for one in checked if one.reserved]
            with connection.begin():
                give_results(connection, calls, now, rng)
            asked += len(wanted)
            made += len(calls)
    engine.dispose()
    return asked, made


def give_results(connection: Connection, calls: list[str], now_ms: int, rng: random.Random) -> None:
    """End calls: what the store does with a group of results."""
    if not calls:
        return
    rows = [{"id": call, "at": now_ms, "what": rng.choice(("no_answer", "busy", "person"))} for call in calls]
    connection.execute(text("UPDATE journal SET result_ms = :at, result = :what WHERE call_id = :id"), rows)
    ledger.settle(connection, rows)


def exceeded(connection: Connection) -> list[str]:
    """Every window of every person that holds more than a cap of :data:`POLICY` allows, found by SQL alone."""
    found = []
    for cap in POLICY.caps:
        results = "" if not cap.results else " AND result IN ('" + "', '".join(cap.results) + "')"
        assert cap.window_s is not None
        query = f"""
            SELECT count(*) FROM (
              SELECT at_ms, lag(at_ms, {cap.attempts}) OVER (PARTITION BY person ORDER BY at_ms) AS earlier FROM ledger WHERE true{results}
            ) AS windows WHERE at_ms - earlier < {round(cap.window_s * 1000)}"""
        count = connection.execute(text(query)).scalar()
        if count:
            found.append(f"cap {cap.name}: {count} times")
    return found


async def caps(attempts: int, processes: int, persons: int) -> dict[str, object]:
    """Race on one PostgreSQL; then look for any window that holds too much."""
    import sys

    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    import postgres

    with postgres.server() as server, tempfile.TemporaryDirectory() as folder:
        url = server.new_database()
        store = await Store.open(url, loop_clock(), spool=Path(folder) / "spool")
        stored = await store.create_campaign(CampaignSpec(name="bench", kind="marketing"))

        def prepare(connection: Connection) -> None:
            ledger.set_policy(connection, POLICY, NOW_MS)
            blank = {"import_id": 1, "region": "CN", "kind": "mobile", "zones": "Asia/Shanghai", "name": "", "extra": {}, "state": "open"}
            blank |= {"due_ms": 0, "attempts": 0, "tries": {}, "reason": ""}
            rows = [{"campaign_id": stored.id, "line": n, "raw": number(n), "e164": number(n), **blank} for n in range(persons)]
            connection.execute(insert(t.lead), rows)

        await store.work(prepare)
        began = time.perf_counter()
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            each = attempts // processes
            done = await asyncio.to_thread(pool.starmap, race, [(url, n, stored.id, each, persons) for n in range(processes)])
        seconds = time.perf_counter() - began
        problems = await store.read(exceeded)
        rows = await store.read(lambda connection: connection.execute(text("SELECT count(*) FROM ledger")).scalar())
        await store.close()
    asked, made = sum(one[0] for one in done), sum(one[1] for one in done)
    return {
        "processes": processes,
        "persons": persons,
        "asked": asked,
        "made": made,
        "ledger_rows": rows,
        "exceeded": problems,
        "per_second": round(asked / seconds),
    }


def main() -> int:
    """Run one of the two; exit status 1 when a cap was exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("speed")
    one.add_argument("--contacts", type=int, default=1_000_000)
    one.add_argument("--attempts", type=int, default=10)
    one.add_argument("--reserve", type=int, default=200_000)
    two = commands.add_parser("caps")
    two.add_argument("--attempts", type=int, default=1_000_000)
    two.add_argument("--processes", type=int, default=4)
    two.add_argument("--persons", type=int, default=20_000)
    given = parser.parse_args()
    if given.command == "speed":
        print(json.dumps(asyncio.run(speed(given.contacts, given.attempts, given.reserve))))
        return 0
    found = asyncio.run(caps(given.attempts, given.processes, given.persons))
    print(json.dumps(found))
    return 1 if found["exceeded"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
