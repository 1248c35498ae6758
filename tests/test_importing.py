"""Lists on their way in: washed by list and history, taken up again after a crash, on both databases (D31, D33, D47, L09)."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aio import in_loop

from offhook.clock import loop_clock
from offhook.config import Settings
from offhook.contacts.model import ContactIn, ListEntry
from offhook.desk import Desk, open_desk
from offhook.lists.reader import deadline_of
from offhook.messages import CampaignSpec
from offhook.store import Store, ledger
from offhook.store import tables as t
from offhook.store.imports import STAGE_ROWS


@asynccontextmanager
async def desk(folder: Path, url: str = "") -> AsyncIterator[Desk]:
    settings = Settings.model_validate({"node": {"data_dir": folder / "data"}, "database": {"url": url, "durable": False}})
    async with open_desk(settings) as made:
        yield made


def csv(folder: Path, *lines: str, header: str = "number") -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


async def leads(made: Desk) -> list[str]:
    return await made.store.read(lambda connection: [r.raw for r in connection.execute(t.lead.select().order_by(t.lead.c.line))])


@in_loop
async def test_the_wash_says_why_each_line_is_not_taken_l09(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        await made.create_campaign(CampaignSpec(name="c1", kind="marketing"))
        await made.import_list("c1", csv(tmp_path, "13900000000"))
        await made.put_contact(ContactIn(ref="p", numbers=("13900000001", "13900000002")))
        await made.list_add(ListEntry(number="13900000003", list="black", category="complaint"))
        await made.list_add(ListEntry(number="13900000004", list="dnd", category="asked", kinds=("marketing",)))
        await made.list_add(ListEntry(number="13900000005", list="dnd", category="asked", kinds=("survey",)))
        await made.list_add(ListEntry(number="13900000006", list="grey", category="late"))
        soon = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
        await made.list_add(ListEntry(number="13900000007", list="black", category="ill", until=soon))  # ends: the lead waits
        now = round(time.time() * 1000)
        await made.store.work(lambda connection: ledger.note(connection, "+8613900000008", now - 1000, "vacant"))
        await made.store.work(lambda connection: ledger.note(connection, "+8613900000009", now - 200 * 86_400_000, "vacant"))
        numbers = [f"{13_900_000_000 + n}" for n in range(10)]
        report = await made.import_list("c1", csv(tmp_path, *numbers, "13900000009", "12"))
        assert report.reasons == {
            "same as another line": 2,
            "the campaign has this number already": 1,
            "black list: complaint": 1,
            "dnd list: asked": 1,
            "vacant when last called": 1,
            "digits are missing": 1,
        }
        assert (report.read, report.accepted, report.duplicates, report.restricted, report.rejected) == (12, 5, 3, 3, 1)
        assert report.accepted + report.duplicates + report.restricted + report.rejected == report.read
        assert [raw[-2:] for raw in await leads(made)] == ["00", "01", "05", "06", "07", "09"]
        assert report.rejects_file is not None
        assert "black list: complaint" in Path(report.rejects_file).read_text(encoding="utf-8-sig")


@in_loop
async def test_a_deadline_column_ends_a_leads_calls_and_a_wrong_one_is_reported_d47(tmp_path: Path, database_url: str) -> None:
    async with desk(tmp_path, database_url) as made:
        await made.create_campaign(CampaignSpec(name="c1"))
        path = csv(tmp_path, "13900000001,2026-12-24", "13900000002,", "13900000003,soon", header="号码,截止日期")
        report = await made.import_list("c1", path)
        assert [(p.line, p.reason) for p in report.problems] == [(4, "deadline: 'soon' is no date")]
        rows = await made.store.read(lambda connection: connection.execute(t.lead.select().order_by(t.lead.c.line)).all())
        midnight = dt.datetime(2026, 12, 25, tzinfo=ZoneInfo("Asia/Shanghai"))
        assert [r.deadline_ms for r in rows] == [midnight.timestamp() * 1000, None]
        assert rows[0].extra == {}


@pytest.mark.parametrize(
    ("cell", "is_"),
    [
        ("2026-12-24 18:00", dt.datetime(2026, 12, 24, 18, tzinfo=ZoneInfo("Asia/Shanghai"))),
        ("2026/12/24", dt.datetime(2026, 12, 25, tzinfo=ZoneInfo("Asia/Shanghai"))),
        ("2026-12-24T18:00:00+00:00", dt.datetime(2026, 12, 24, 18, tzinfo=dt.UTC)),
        (dt.datetime(2026, 12, 24, 18), dt.datetime(2026, 12, 24, 18, tzinfo=ZoneInfo("Asia/Shanghai"))),
        (dt.date(2026, 12, 24), dt.datetime(2026, 12, 25, tzinfo=ZoneInfo("Asia/Shanghai"))),
        ("", None),
        (None, None),
    ],
)
def test_a_deadline_is_read_as_people_write_it(cell: object, is_: dt.datetime | None) -> None:
    assert deadline_of(cell, ("Asia/Shanghai",)) == is_


@in_loop
async def test_progress_is_told_piece_by_piece(tmp_path: Path) -> None:
    async with desk(tmp_path) as made:
        await made.create_campaign(CampaignSpec(name="c1"))
        told: list[int] = []
        path = csv(tmp_path, *(f"{13_900_000_000 + n}" for n in range(2 * STAGE_ROWS + 10)))
        await made.import_list("c1", path, progress=told.append)
        assert told[-1] == 2 * STAGE_ROWS + 10 and told == sorted(told) and len(told) == 3  # the reader may be a piece ahead


async def _import(folder: Path) -> None:
    async with desk(folder) as made:
        if not await made.campaigns():
            await made.create_campaign(CampaignSpec(name="c1"))
        await made.import_list("c1", folder / "list.csv")


def test_an_import_that_was_killed_is_taken_up_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    count = 12 * STAGE_ROWS
    csv(tmp_path, *(f"{13_900_000_000 + n}" for n in range(count)))
    code = f"import asyncio, pathlib, test_importing as t; asyncio.run(t._import(pathlib.Path({str(tmp_path)!r})))"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent)

    async def look(wait: bool) -> tuple[int, int]:
        """Rows staged, and the import they belong to."""
        async with desk(tmp_path) as made:
            while True:
                rows = await made.store.read(
                    lambda connection: connection.execute(t.staged.select().with_only_columns(t.staged.c.import_id)).all()
                )
                if not wait or len(rows) >= 2 * STAGE_ROWS or child.poll() is not None:
                    return len(rows), rows[0][0] if rows else 0
                await asyncio.sleep(0.01)

    asyncio.run(look(True))
    assert child.poll() is None, "it ended before it could be killed"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    staged, key = asyncio.run(look(False))
    assert staged >= 2 * STAGE_ROWS

    async def again() -> None:
        async with desk(tmp_path) as made:
            written: list[int] = []
            stage = made.store.stage
            monkeypatch.setattr("offhook.store.imports.ABANDONED_MS", -1000)

            async def counted(import_id: int, rows: list[object]) -> None:
                assert import_id == key
                written.append(len(rows))
                await stage(import_id, rows)  # type: ignore[arg-type]

            monkeypatch.setattr(made.store, "stage", counted)
            report = await made.import_list("c1", tmp_path / "list.csv")
            assert (report.read, report.accepted) == (count, count)
            assert sum(written) == count - staged
            assert len(await leads(made)) == count

    asyncio.run(again())


@in_loop
async def test_an_import_in_progress_is_not_taken_up_by_another(tmp_path: Path, database_url: str) -> None:
    store = await Store.open(database_url, loop_clock(), spool=tmp_path / "s", durable=False)
    stored = await store.create_campaign(CampaignSpec(name="c1"))
    first = await store.take_up_import(stored.id, "a.csv", "utf-8", "f")
    second = await store.take_up_import(stored.id, "a.csv", "utf-8", "f")
    assert first.id != second.id
    await store.close()
