"""Lists that come by themselves and results that go back, delivered once the store has them (L13, L14, L15, L22, D31)."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import hashlib
import hmac
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from aio import in_loop
from nodes import START, numbers_list, settings, simulator
from pydantic import ValidationError

from offhook import CampaignSpec, Node
from offhook.calls.disposition import Disposition
from offhook.clock import loop_clock, run_virtual
from offhook.errors import ListError
from offhook.feeds.incoming import FolderFeed, QueryFeed
from offhook.feeds.outgoing import Delivery
from offhook.feeds.settings import FeedSettings
from offhook.feeds.sinks import COLUMNS, SinkError, open_sink
from offhook.messages import CallRecord, ImportReport

NOON = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


def record(n: int, campaign: str = "notice", disposition: Disposition = Disposition.PERSON) -> CallRecord:
    return CallRecord(
        id=f"01900000-0000-7000-8000-{n:012d}",
        campaign=campaign,
        lead_id=n,
        number=f"=139{n:08d}",
        dialled=f"139{n:08d}",
        attempt=1,
        started=NOON,
        ended=NOON + dt.timedelta(seconds=30),
        disposition=disposition,
    )


def feeds(**sections: Sequence[Mapping[str, object]]) -> FeedSettings:
    return FeedSettings.model_validate(sections)


class Importer:
    """Takes lists, or refuses those whose name says so."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str]] = []

    async def import_list(self, campaign: str, path: Path, mapping: Mapping[str, str] | None = None) -> ImportReport:
        text = path.read_text(encoding="utf-8")
        if "bad" in path.name:
            raise ListError(f"{path.name}: no column holds telephone numbers")
        self.taken.append((campaign, path.name, text))
        return ImportReport(campaign=campaign, source=path.name, encoding="utf-8", read=2, accepted=2)


class Queue:
    """An outbox in memory."""

    def __init__(self, calls: Sequence[CallRecord]) -> None:
        self.calls = list(calls)

    async def queued(self, feed: str, limit: int) -> list[CallRecord]:
        return self.calls[:limit]

    async def delivered(self, feed: str, calls: object) -> None:
        gone = set(calls)  # type: ignore[call-overload]
        self.calls = [call for call in self.calls if call.id not in gone]


# -- in -----------------------------------------------------------------------------------------------------------------------------


def folder_feed(folder: Path, importer: Importer, said: list[str], **more: object) -> FolderFeed:
    given = feeds(folder=[{"name": "crm", "campaign": "notice", "folder": folder, "poll_s": 0.1, "settle_s": 0, **more}])
    return FolderFeed(given.folder[0], importer, loop_clock(), said.append)


@in_loop
async def test_a_list_put_into_a_folder_is_imported_and_put_away(tmp_path: Path) -> None:
    importer, said = Importer(), []
    feed = folder_feed(tmp_path, importer, said)
    for name in ("a.csv", "bad.csv", ".hidden.csv", "half.csv.part", "note.txt"):
        (tmp_path / name).write_text("number\n13912345678\n", encoding="utf-8")
    task = asyncio.create_task(feed.run())
    async with asyncio.timeout(20):
        while not ((tmp_path / "done" / "a.csv").exists() and (tmp_path / "failed" / "bad.csv").exists()):
            await asyncio.sleep(0.02)
        (tmp_path / "a.csv").write_text("number\n13912345679\n", encoding="utf-8")  # the same name again
        while not (tmp_path / "done" / "a-2.csv").exists():
            await asyncio.sleep(0.02)
    task.cancel()
    assert [name for _, name, _ in importer.taken] == ["a.csv", "a.csv"]
    assert (tmp_path / "failed" / "bad.csv.why.txt").read_text() == "bad.csv: no column holds telephone numbers\n"
    assert said == ["feed crm: bad.csv: bad.csv: no column holds telephone numbers"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden.csv", "done", "failed", "half.csv.part", "note.txt"]


@in_loop
async def test_a_list_that_is_still_being_written_is_left_alone(tmp_path: Path) -> None:
    importer = Importer()
    feed = folder_feed(tmp_path, importer, [], settle_s=600)
    (tmp_path / "a.csv").write_text("number\n", encoding="utf-8")
    assert feed._settled() == []
    assert feed._settled() == []
    assert importer.taken == []


@in_loop
async def test_the_rows_of_a_query_are_imported(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "crm.db") as crm:
        crm.execute("CREATE TABLE customer (phone TEXT, name TEXT, balance REAL)")
        crm.executemany("INSERT INTO customer VALUES (?, ?, ?)", [("13912345678", "王", 3.5), ("13912345679", None, 99)])
    importer, said = Importer(), []
    given = {
        "name": "bill",
        "campaign": "notice",
        "url": f"sqlite:///{tmp_path / 'crm.db'}",
        "query": "SELECT * FROM customer WHERE balance < 10",
    }
    feed = QueryFeed(feeds(query=[{**given, "every_s": 60}]).query[0], importer, loop_clock(), tmp_path / "feeds", said.append)
    assert await feed.ask() is not None
    assert importer.taken == [("notice", "bill.csv", "phone,name,balance\n13912345678,王,3.5\n")]
    wrong = QueryFeed(
        feeds(query=[{**given, "query": "SELECT * FROM absent", "every_s": 60}]).query[0],
        importer,
        loop_clock(),
        tmp_path / "feeds",
        said.append,
    )
    assert await wrong.ask() is None
    assert "no such table: absent" in said[0]
    assert list((tmp_path / "feeds").iterdir()) == []


def test_the_reminders_that_the_billing_system_sent_by_sms_are_the_list_so_that_both_say_the_same_l13(tmp_path: Path) -> None:
    """The source is the table of messages of another system: who was reminded today and has not paid since."""
    with sqlite3.connect(tmp_path / "sms.db") as sms:
        sms.execute("CREATE TABLE message (msisdn TEXT, kind TEXT, day TEXT, balance REAL)")
        sms.execute("CREATE TABLE payment (msisdn TEXT, day TEXT)")
        sent = [("13900000001", "reminder", 2.5), ("13900000002", "reminder", 1.0), ("13900000003", "advert", 9)]
        sms.executemany("INSERT INTO message VALUES (?, ?, '2026-03-02', ?)", sent)
        sms.execute("INSERT INTO payment VALUES ('13900000002', '2026-03-02')")
    query = {
        "name": "reminded",
        "campaign": "low-balance",
        "url": f"sqlite:///{tmp_path / 'sms.db'}",
        "query": "SELECT msisdn, balance FROM message m WHERE kind = 'reminder' AND day = '2026-03-02' "
        "AND NOT EXISTS (SELECT 1 FROM payment p WHERE p.msisdn = m.msisdn AND p.day >= m.day)",
        "every_s": 60,
    }

    async def main() -> None:
        async with Node(settings(tmp_path, feeds={"query": [query]}), driver=simulator({"kind": "busy"})) as node:
            await node.create_campaign(CampaignSpec(name="low-balance", kind="collection"))
            await asyncio.sleep(70)
            assert (await node.campaign("low-balance")).leads == 1
            leads = [one async for some in node.store.attributes(1) for one in some]
            assert leads == [{"balance": "2.5", "name": ""}]

    run_virtual(main(), START)


@in_loop
async def test_a_query_is_asked_at_its_times_of_day_in_its_zone(tmp_path: Path) -> None:
    given = {"name": "q", "campaign": "c", "url": "sqlite://", "query": "SELECT 1", "at": ["06:00", "13:30"], "zone": "Asia/Shanghai"}
    feed = QueryFeed(feeds(query=[given]).query[0], Importer(), loop_clock(), tmp_path, print)
    assert feed.wait_s(dt.datetime(2026, 11, 22, 0, 0, tzinfo=dt.UTC)) == 5.5 * 3600  # 08:00 there
    assert feed.wait_s(dt.datetime(2026, 11, 22, 5, 30, tzinfo=dt.UTC)) == 16.5 * 3600  # at 13:30: not twice


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {
                "folder": [{"name": "a", "campaign": "c", "folder": "x"}],
                "query": [{"name": "a", "campaign": "c", "url": "x://", "query": "SELECT 1", "every_s": 5}],
            },
            "two feeds",
        ),
        ({"query": [{"name": "a", "campaign": "c", "url": "x://", "query": "SELECT 1"}]}, "say when to ask"),
        ({"query": [{"name": "a", "campaign": "c", "url": "x://", "query": "SELECT 1", "at": ["06:00"], "zone": "Mars"}]}, "IANA"),
        ({"result": [{"name": "a", "to": "pigeon"}]}, "pigeon"),
        ({"result": [{"name": "a", "to": "webhook", "url": "ftp://x"}]}, "pattern"),
        ({"result": [{"name": "a", "to": "sql", "url": "x://", "table": "a; drop"}]}, "pattern"),
    ],
)
def test_wrong_settings_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FeedSettings.model_validate(given)


# -- out ----------------------------------------------------------------------------------------------------------------------------


@in_loop
async def test_results_to_files_by_year_month_and_campaign_each_once(tmp_path: Path) -> None:
    given = feeds(result=[{"name": "files", "to": "csv", "folder": tmp_path}]).result[0]
    await open_sink(given).send([record(1), record(2), record(3, "other")])
    path = tmp_path / "2026" / "11" / "notice.csv"
    with path.open("ab") as file:
        file.write(b"01900000-0000-7000-8000-0000000")  # a power cut in the middle of a line
    await open_sink(given).send([record(2), record(4)])  # another run: 2 was sent and not ticked off
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["lead_id"] for row in rows] == ["1", "2", "4"]
    assert rows[0]["number"] == "'=13900000001"  # a spreadsheet must not run it
    assert (tmp_path / "2026" / "11" / "other.csv").is_file()


@in_loop
async def test_results_to_a_table_each_once(tmp_path: Path) -> None:
    sink = open_sink(feeds(result=[{"name": "dwh", "to": "sql", "url": f"sqlite:///{tmp_path / 'dwh.db'}"}]).result[0])
    await sink.send([record(1), record(2)])
    await sink.send([record(2), record(3)])
    await sink.close()
    with sqlite3.connect(tmp_path / "dwh.db") as dwh:
        assert dwh.execute("SELECT lead_id, disposition, attempt FROM offhook_result ORDER BY id").fetchall() == [
            ("1", "person", 1),
            ("2", "person", 1),
            ("3", "person", 1),
        ]
    broken = open_sink(feeds(result=[{"name": "dwh", "to": "sql", "url": f"sqlite:///{tmp_path / 'no' / 'dwh.db'}"}]).result[0])
    with pytest.raises(SinkError, match="unable to open database"):
        await broken.send([record(1)])


class _Hook(BaseHTTPRequestHandler):
    got: list[tuple[dict[str, str], bytes]]
    status: int

    def do_POST(self) -> None:
        self.got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(name="hook")
def _hook() -> Iterator[tuple[str, type[_Hook]]]:
    handler = type("Hook", (_Hook,), {"got": [], "status": 200})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/results", handler
        server.shutdown()
        thread.join()


@in_loop
async def test_results_to_a_web_service_are_signed_and_a_refusal_is_tried_again(tmp_path: Path, hook: tuple[str, type[_Hook]]) -> None:
    url, handler = hook
    (tmp_path / "secret").write_text("key\n")
    given = feeds(result=[{"name": "crm", "to": "webhook", "url": url, "secret_file": tmp_path / "secret", "batch": 2}]).result[0]
    said: list[str] = []
    queue = Queue([record(n) for n in range(3)])
    delivery = Delivery(given, queue, loop_clock(), said.append)
    handler.status = 503
    with pytest.raises(SinkError, match="answered 503"):
        await delivery.once()
    assert len(queue.calls) == 3
    handler.status = 204
    assert [await delivery.once(), await delivery.once(), await delivery.once()] == [2, 1, 0]
    headers, body = handler.got[1]
    assert [call["lead_id"] for call in json.loads(body)] == [0, 1]
    assert headers["X-Offhook-Signature"] == "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest()
    assert headers["Idempotency-Key"] == handler.got[0][0]["Idempotency-Key"]  # the same batch, the same key
    assert queue.calls == []


@in_loop
async def test_a_sink_that_is_away_is_said_once_and_gets_everything_later(tmp_path: Path) -> None:
    class Away:
        def __init__(self) -> None:
            self.tries = 0
            self.had: list[str] = []

        async def send(self, calls: Sequence[CallRecord]) -> None:
            self.tries += 1
            if self.tries <= 3:
                raise SinkError("nobody there")
            self.had += [call.id for call in calls]

        async def close(self) -> None:
            pass

    async def main() -> tuple[Away, list[str], Queue]:
        sink, said, queue = Away(), [], Queue([record(n) for n in range(5)])
        given = feeds(result=[{"name": "x", "to": "csv", "folder": tmp_path, "batch": 2}]).result[0]
        task = asyncio.create_task(Delivery(given, queue, loop_clock(), said.append, sink).run())
        await asyncio.sleep(60)
        task.cancel()
        return sink, said, queue

    sink, said, queue = await asyncio.to_thread(run_virtual, main(), NOON)
    assert sink.had == [record(n).id for n in range(5)] and queue.calls == []
    assert said == ["feed x: nobody there; the results are kept and sent again"]


# -- in a node ----------------------------------------------------------------------------------------------------------------------


def test_a_node_sends_every_stored_result_also_those_of_before_a_crash(tmp_path: Path) -> None:
    out = tmp_path / "out"
    sink = {"name": "files", "to": "csv", "folder": str(out), "campaigns": ["notice"]}
    away = {**sink, "folder": str(tmp_path / "file")}
    (tmp_path / "file").write_text("in the way of a folder")

    async def run(feed: Mapping[str, object], first: int) -> int:
        async with Node(settings(tmp_path, feeds={"result": [feed]}), driver=simulator({"kind": "busy", "played_share": 0.0})) as node:
            if first == 0:
                await node.create_campaign(CampaignSpec(name="notice", lines=10))
                await node.create_campaign(CampaignSpec(name="silent", lines=10))
                await node.import_list("silent", numbers_list(tmp_path, 5, 900))
                await node.start_campaign("silent")
            await node.import_list("notice", numbers_list(tmp_path, 20, first))
            await node.start_campaign("notice")
            await node.wait_campaign("notice")
            await asyncio.sleep(5)
            return (await node.campaign("notice")).attempts

    made = run_virtual(run(away, 0), START)
    made = run_virtual(run(sink, 100), START + dt.timedelta(hours=1))
    rows = [row for path in out.rglob("*.csv") for row in csv.DictReader(path.open(encoding="utf-8-sig", newline=""))]
    assert len(rows) == made > 20
    assert len({row["id"] for row in rows}) == made
    assert {row["campaign"] for row in rows} == {"notice"}
    assert set(rows[0]) == set(COLUMNS)


def test_a_node_imports_what_is_put_into_its_folder(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()

    async def main() -> int:
        feed = {"name": "crm", "campaign": "notice", "folder": str(inbox), "poll_s": 0.2, "settle_s": 0}
        async with Node(settings(tmp_path, feeds={"folder": [feed]}), driver=simulator({"kind": "busy", "played_share": 0.0})) as node:
            await node.create_campaign(CampaignSpec(name="notice"))
            numbers_list(inbox, 7)
            await asyncio.sleep(3)
            return (await node.campaign("notice")).leads

    assert run_virtual(main(), START) == 7
    assert [path.name for path in (inbox / "done").iterdir()] == ["list-0-7.csv"]
