"""The database: made and migrated by itself, few syncs for many writes, and nothing lost while it is away."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aio import in_loop
from postgres import Server
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text

from offhook.calls.disposition import Disposition
from offhook.clock import Uuid7, loop_clock, run_virtual
from offhook.errors import CampaignError, StoreError
from offhook.lists.reader import Row
from offhook.messages import CallFact, CallRecord, CampaignSpec, ImportReport
from offhook.numbers import parse
from offhook.store import Lead, Store, StoreStatus, schema
from offhook.store.contact_models import Base
from offhook.store.store import result_row

ZONES = [("Asia/Shanghai",)]
NOW = dt.datetime(2026, 3, 2, 1, 0, tzinfo=dt.UTC)


async def open_store(folder: Path, url: str = "", **options: Any) -> Store:
    """On SQLite, unless *url* names another database."""
    given = {"retry_s": 0.2, "busy_ms": 50, "durable": False, **options}
    return await Store.open(url or f"sqlite:///{folder / 'test.db'}", loop_clock(), spool=folder / "test.spool", **given)


def database(url: str) -> Engine:
    """The same database for plain SQL."""
    return create_engine(url)


class Ids:
    """Call ids in order."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return f"01900000-0000-7000-8000-{self.count:012d}"


async def until(condition: Callable[[], bool]) -> None:
    """Return when it holds; a hang is a failure."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


async def filled(store: Store, leads: int, make_id: Ids | None = None) -> tuple[int, list[Lead]]:
    """A campaign with *leads* leads, all of them reserved."""
    campaign = await store.create_campaign(CampaignSpec(name="c1"))
    import_id = await store.begin_import(campaign.id, "list.csv", "utf-8-sig")
    rows = [Row(n + 2, f"{13_900_000_000 + n}", parse(f"{13_900_000_000 + n}"), "", {}) for n in range(leads)]
    await store.stage(import_id, rows)
    await store.finish_import(import_id, campaign.id, ImportReport(campaign="c1", source="list.csv", encoding="utf-8-sig", read=leads))
    return campaign.id, await store.reserve("node1", campaign.id, ZONES, leads, make_id or Ids())


def record(lead: Lead, disposition: Disposition = Disposition.PERSON) -> CallRecord:
    return CallRecord(
        id=lead.call_id,
        campaign="c1",
        lead_id=lead.id,
        number=lead.raw,
        dialled=lead.raw,
        attempt=1,
        channel=3,
        span=0,
        started=NOW,
        ended=NOW + dt.timedelta(seconds=20),
        answered_ms=5000,
        duration_ms=20_000,
        billed_ms=15_000,
        cause=16,
        location=0,
        ended_by="them",
        disposition=disposition,
        rule="answered_person",
        evidence=(CallFact(t_ms=5000, kind="signal", name="answered"), CallFact(t_ms=5600, kind="heard", name="speech", level_dbm0=-20.5)),
    )


def keep(store: Store, campaign: int, lead: Lead, disposition: Disposition = Disposition.PERSON) -> None:
    store.result(result_row(record(lead, disposition), campaign, "closed", 0, {disposition: 1}, "no retry"))


@in_loop
async def test_a_call_is_stored_and_read_back_with_its_evidence(tmp_path: Path, database_url: str) -> None:
    store = await open_store(tmp_path, database_url)
    campaign, leads = await filled(store, 1)
    await store.seized(leads[0].call_id, 3, leads[0].raw)
    keep(store, campaign, leads[0])
    await store.flush()
    assert await store.call(leads[0].call_id) == record(leads[0])
    assert (await store.calls("c1", 10))[0].evidence == ()
    assert await store.call("none") is None
    counts = await store.counts(campaign)
    assert (counts.leads, counts.closed, counts.outcomes) == (1, 1, {Disposition.PERSON: 1})
    await store.close()


@in_loop
async def test_a_new_database_and_a_migrated_one_are_the_same(tmp_path: Path, database_url: str) -> None:
    """Columns with type and default, keys, and every index with its condition, whichever way they were made."""
    from alembic import command
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext

    def drawn(connection: Connection) -> list[str]:
        found = inspect(connection)
        lines = []
        for table in found.get_table_names():
            lines += [f"{table} {c['name']} {c['type']!r} {c['nullable']} {c['default']}" for c in found.get_columns(table)]
            lines += [f"{table} key {found.get_pk_constraint(table)['constrained_columns']}"]
            lines += [f"{table} to {k['referred_table']} {k['constrained_columns']}" for k in found.get_foreign_keys(table)]
            for index in found.get_indexes(table):
                options = {key: str(value) for key, value in index.get("dialect_options", {}).items()}
                lines.append(f"{table} index {index['name']} {index['column_names']} {index['unique']} {options}")
        return sorted(lines)

    await (await open_store(tmp_path, database_url)).close()
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    with database(database_url).begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        made_new = drawn(connection)
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    with database(database_url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        assert drawn(connection) == made_new
    await (await open_store(tmp_path, database_url)).close()  # and opening it changes nothing


@in_loop
async def test_a_database_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE lead (id INTEGER)")
    with pytest.raises(StoreError, match="another program"):
        await open_store(tmp_path)
    path.write_bytes(b"this is a text file, and a long one: " * 100)
    with pytest.raises(StoreError, match="not a database"):
        await open_store(tmp_path)
    with pytest.raises(StoreError, match="database"):
        await Store.open("sqlite:////proc/none/x.db", loop_clock(), spool=tmp_path / "s")


@in_loop
async def test_a_database_of_a_newer_offhook_is_refused(tmp_path: Path, database_url: str) -> None:
    await (await open_store(tmp_path, database_url)).close()
    with database(database_url).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer offhook"):
        await open_store(tmp_path, database_url)


@in_loop
async def test_many_writes_become_few_transactions(tmp_path: Path, database_url: str) -> None:
    store = await open_store(tmp_path, database_url)
    campaign, leads = await filled(store, 500)
    before = store.commits
    await asyncio.gather(*(store.seized(lead.call_id, n, lead.raw) for n, lead in enumerate(leads)))
    for lead in leads:
        keep(store, campaign, lead)
    await store.flush()
    assert store.commits - before <= 5
    assert (await store.books()).results == 500
    await store.close()


@in_loop
async def test_every_call_of_a_campaign_is_read_in_pieces_the_oldest_first(tmp_path: Path, database_url: str) -> None:
    store = await open_store(tmp_path, database_url)
    campaign, leads = await filled(store, 7)
    for lead in leads:
        keep(store, campaign, lead)
    await store.flush()
    pieces = [[call.id for call in piece] async for piece in store.each_call("c1", 3)]
    assert [len(piece) for piece in pieces] == [3, 3, 1]
    assert list(itertools.chain(*pieces)) == sorted(lead.call_id for lead in leads)
    assert [piece async for piece in store.each_call("no such campaign")] == []
    await store.close()


def test_calls_seized_in_one_tick_of_virtual_time_share_a_transaction(tmp_path: Path) -> None:
    async def main() -> None:
        store = await open_store(tmp_path)
        _, leads = await filled(store, 10)
        before = store.commits

        async def seize(lead: Lead, at: int) -> None:
            await asyncio.sleep(at / 1000)
            await store.seized(lead.call_id, at, lead.raw)

        await asyncio.gather(*(seize(lead, at) for at, lead in enumerate(leads)))
        assert store.commits - before == 1
        await store.close()

    run_virtual(main(), dt.datetime(2026, 3, 2, 1, tzinfo=dt.UTC))


@in_loop
async def test_a_reserved_lead_is_not_given_out_twice_and_comes_back_when_released(tmp_path: Path, database_url: str) -> None:
    store = await open_store(tmp_path, database_url)
    ids = Ids()
    campaign, leads = await filled(store, 10, ids)
    assert await store.reserve("node1", campaign, ZONES, 10, ids) == []
    store.release(leads[:4])
    await store.flush()
    again = await store.reserve("node1", campaign, ZONES, 10, ids)
    assert [lead.id for lead in again] == [lead.id for lead in leads[:4]]
    assert await store.reserve("node1", campaign, [("Europe/Berlin",)], 10, ids) == []
    await store.close()


@in_loop
async def test_names_are_unique_and_unknown_campaigns_are_errors(tmp_path: Path, database_url: str) -> None:
    store = await open_store(tmp_path, database_url)
    await store.create_campaign(CampaignSpec(name="c1"))
    with pytest.raises(CampaignError, match="exists already"):
        await store.create_campaign(CampaignSpec(name="c1"))
    with pytest.raises(CampaignError, match="no campaign 'c2'"):
        await store.change_campaign("c2", CampaignSpec(name="c2"))
    assert store.status is StoreStatus.UP  # a refusal is no outage
    await store.close()


@in_loop
async def test_a_locked_database_holds_dialling_and_loses_no_result(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    campaign, leads = await filled(store, 3)
    for lead in leads:
        await store.seized(lead.call_id, 1, lead.raw)
    told: list[tuple[StoreStatus, str]] = []
    store.on_status = lambda status, reason: told.append((status, reason))
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    keep(store, campaign, leads[0])
    while store.status is StoreStatus.UP:
        await asyncio.sleep(0.01)
    assert told == [(StoreStatus.DOWN, "database is locked")]
    with pytest.raises(StoreError, match="away"):
        await store.seized(leads[1].call_id, 2, "x")
    keep(store, campaign, leads[1])  # arrives while it is away
    while store.spooled < 2:
        await asyncio.sleep(0.01)
    spool = tmp_path / "test.spool"
    assert len(spool.read_text(encoding="utf-8").splitlines()) == 2
    other.execute("COMMIT")
    other.close()
    while store.status is StoreStatus.DOWN:
        await asyncio.sleep(0.01)
    keep(store, campaign, leads[2])
    await store.flush()
    assert told[-1] == (StoreStatus.UP, "")
    assert not spool.exists()
    assert store.spooled == 0
    assert sum((await store.counts(campaign)).outcomes.values()) == 3
    await store.close()


@in_loop
async def test_a_full_disk_spools_and_resumes_when_there_is_room(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    campaign, leads = await filled(store, 200)
    for lead in leads:
        await store.seized(lead.call_id, 1, lead.raw)

    full = True

    @event.listens_for(store._writer._engine, "connect")
    def no_room(connection: Any, _record: object) -> None:
        if full:
            connection.cursor().execute("PRAGMA max_page_count=1")  # SQLite takes the present size: one page more is too many

    await store._writer._drop_connection()
    for lead in leads:
        keep(store, campaign, lead)
    await until(lambda: store.status is StoreStatus.DOWN)
    assert store.spooled == 200
    full = False
    await until(lambda: store.status is StoreStatus.UP)
    await store.flush()
    assert sum((await store.counts(campaign)).outcomes.values()) == 200
    await store.close()


@in_loop
async def test_results_in_the_spool_of_a_dead_process_are_written_at_the_next_start(tmp_path: Path, database_url: str) -> None:
    store = await open_store(tmp_path, database_url)
    campaign, leads = await filled(store, 2)
    for lead in leads:
        await store.seized(lead.call_id, 1, lead.raw)
    keep(store, campaign, leads[0])
    await store.close()
    rows = [["result", result_row(record(lead), campaign, "closed", 0, {"person": 1}, "")] for lead in leads]  # the first one again
    lines = [json.dumps(row) for row in rows]
    (tmp_path / "test.spool").write_text("\n".join(lines) + '\n["result", {"cut off', encoding="utf-8")
    store = await open_store(tmp_path, database_url)
    assert (await store.counts(campaign)).outcomes == {Disposition.PERSON: 2}
    assert not (tmp_path / "test.spool").exists()
    assert await store.recover("node1") == []
    await store.close()


@in_loop
async def test_closing_while_the_database_is_away_leaves_the_results_in_the_spool(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    campaign, leads = await filled(store, 1)
    await store.seized(leads[0].call_id, 1, leads[0].raw)
    other = sqlite3.connect(tmp_path / "test.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    keep(store, campaign, leads[0])
    await store.close()
    other.execute("ROLLBACK")
    other.close()
    store = await open_store(tmp_path)
    assert (await store.counts(campaign)).outcomes == {Disposition.PERSON: 1}
    await store.close()


@in_loop
async def test_a_row_that_the_database_refuses_does_not_take_others_with_it(tmp_path: Path, database_url: str) -> None:
    store = await open_store(tmp_path, database_url)
    campaign, leads = await filled(store, 2)
    bad = result_row(record(leads[0]), campaign, "closed", 0, {}, "")
    bad["call"]["lead_id"] = 999_999  # no such lead
    store.result(bad)
    keep(store, campaign, leads[1])
    await store.flush()
    assert (await store.counts(campaign)).outcomes == {Disposition.PERSON: 1}
    assert "999999" in (tmp_path / "test.refused").read_text(encoding="utf-8")
    assert store.status is StoreStatus.UP
    await store.close()


@in_loop
async def test_an_import_is_in_whole_or_not_at_all(tmp_path: Path, database_url: str) -> None:
    store = await open_store(tmp_path, database_url)
    campaign = await store.create_campaign(CampaignSpec(name="c1"))
    import_id = await store.begin_import(campaign.id, "list.csv", "utf-8")
    await store.stage(import_id, [Row(2, "13900000000", parse("13900000000"), "", {})])
    assert (await store.counts(campaign.id)).leads == 0  # staged rows are not leads
    await store.drop_imports(import_id)
    with database(database_url).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM import_staged")).scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM import_report")).scalar() == 0
    await store.close()


@in_loop
async def test_connections_that_the_server_ended_are_made_anew_and_nothing_is_lost(tmp_path: Path, postgres_server: Server) -> None:
    url = postgres_server.new_database()
    store = await open_store(tmp_path, url, retry_s=10.0)
    campaign, leads = await filled(store, 3)
    with database(url).connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"))
    for lead in leads:
        keep(store, campaign, lead)
    await store.flush()
    assert (await store.counts(campaign)).outcomes == {Disposition.PERSON: 3}
    assert store.status is StoreStatus.UP
    await store.close()


@in_loop
async def test_two_nodes_on_one_database_never_get_the_same_lead(tmp_path: Path, database_url: str) -> None:
    one = await open_store(tmp_path, database_url, busy_ms=5000)
    campaign, first = await filled(one, 200)
    one.release(first)
    await one.flush()
    two = await Store.open(database_url, loop_clock(), spool=tmp_path / "two.spool", durable=False)

    async def take(store: Store, node: str) -> list[Lead]:
        taken: list[Lead] = []
        while found := await store.reserve(node, campaign, ZONES, 5, Uuid7(loop_clock())):
            taken += found
        return taken

    mine, theirs = await asyncio.gather(take(one, "node1"), take(two, "node2"))
    assert len(mine) + len(theirs) == 200
    assert not {lead.id for lead in mine} & {lead.id for lead in theirs}
    await one.close()
    await two.close()


@in_loop
async def test_a_campaign_stored_when_a_rule_decided_beside_the_core_is_read_as_before(tmp_path: Path, database_url: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    old = CampaignSpec(name="old").model_dump(mode="json")
    old["answer"] |= {
        "person_max_ms": 1900,
        "person_silence_ms": 600,
        "silence_ms": 6000,
        "analysis_max_ms": 7000,
        "core_probability": 0.97,
    }
    with database(database_url).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0014")
        columns = "name, spec, wanted, revision, created_ms, updated_ms, stage"
        connection.execute(
            text(f"INSERT INTO campaign ({columns}) VALUES ('old', :spec, 'idle', 1, 0, 0, 'draft')"), {"spec": json.dumps(old)}
        )
        connection.execute(
            text("INSERT INTO strategy (kind, name, title, settings, version, changed_ms) VALUES ('connect', 'mine', '', :given, 1, 0)"),
            {"given": json.dumps({"answer": {"silence_ms": 4000, "machine": "hangup"}})},
        )
    store = await open_store(tmp_path, database_url)
    (stored,) = await store.campaigns()
    assert stored.spec.answer.core == {"silence_ms": 6000}
    await store.close()
    with database(database_url).begin() as connection:
        assert json.loads(str(connection.execute(text("SELECT CAST(settings AS TEXT) FROM strategy")).scalar())) == {
            "answer": {"machine": "hangup"}
        }


@in_loop
async def test_a_database_of_the_first_schema_is_brought_up_to_date_with_its_rows(tmp_path: Path, database_url: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
    with database(database_url).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text("INSERT INTO campaign (name, spec, wanted, revision, created_ms, updated_ms) VALUES ('old', '{}', 'idle', 1, 0, 0)")
        )
        columns = "campaign_id, import_id, line, raw, e164, region, kind, zones, name, extra, state, due_ms, attempts, tries, reason"
        values = "1, 1, 2, '13900000000', '+8613900000000', 'CN', 'mobile', 'Asia/Shanghai', '', '{}', 'open', 0, 0, '{}', ''"
        connection.execute(text(f"INSERT INTO lead ({columns}) VALUES ({values})"))
    store = await open_store(tmp_path, database_url)
    assert [lead.raw for lead in await store.reserve("node1", 1, ZONES, 10, Ids())] == ["13900000000"]
    await store.close()
    with database(database_url).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        assert connection.execute(text("SELECT count(*) FROM lead")).scalar() == 1
