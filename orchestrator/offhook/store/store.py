"""What the node asks of the database. Every method is one transaction; writes go through one writer, reads beside it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, bindparam, case, create_engine, event, func, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from offhook.calls.disposition import Disposition
from offhook.calls.evidence import packed, unpacked
from offhook.campaigns.life import ApprovalSettings, Order, Stage
from offhook.clock import Clock
from offhook.contacts.calling_rules import CallingRules
from offhook.errors import CampaignError, StoreError
from offhook.messages import CallFact, CallRecord, CampaignSpec, Wanted
from offhook.reconcile import Books
from offhook.store import chain, handing, leads, ledger, life, outbox, promises, rates
from offhook.store import tables as t
from offhook.store.imports import Imports
from offhook.store.leads import Due, Lead, Lost, Taken
from offhook.store.next_number import next_number
from offhook.store.reader import Reader
from offhook.store.schema import upgrade
from offhook.store.spool import Row, read_spool
from offhook.store.tables import instant as instant
from offhook.store.writer import StoreStatus, Writer

log = logging.getLogger(__name__)
T = TypeVar("T")


_campaign, _lead, _journal, _call = t.campaign, t.lead, t.journal, t.call


@dataclass(frozen=True, slots=True)
class Stored:
    """A campaign as stored."""

    id: int
    spec: CampaignSpec
    wanted: Wanted
    revision: int
    stage: Stage = Stage.DRAFT
    trial_ms: int | None = None  # when its trial began, while it lasts


@dataclass(frozen=True, slots=True)
class Counts:
    """Leads and calls of one campaign."""

    leads: int
    closed: int
    reserved: int
    outcomes: dict[Disposition, int]


# Built once: building a statement costs more than running it.
_SEIZED = (
    update(_journal)
    .where(_journal.c.call_id == bindparam("id"))
    .values(seized_ms=bindparam("at"), channel=bindparam("on"), dialled=bindparam("sent"))
)
_RESULT = update(_journal).where(_journal.c.call_id == bindparam("id")).values(result_ms=bindparam("at"), result=bindparam("what"))
_LEAD = (
    update(_lead)
    .where(_lead.c.id == bindparam("lead"))
    .values(
        state=handing.home(bindparam("to")),
        due_ms=bindparam("due"),
        attempts=bindparam("made"),
        tries=bindparam("counts", type_=_lead.c.tries.type),
        last=bindparam("what"),
        reason=bindparam("why"),
        promised_ms=None,
        hour_ms=None,
    )
)


def _apply(connection: Connection, rows: Mapping[str, Sequence[Row]]) -> None:
    """Write rows by kind; the order of the kinds is the order of a call's life."""
    if found := rows.get("seized"):
        connection.execute(_SEIZED, list(found))
    if found := rows.get("result"):
        connection.execute(
            t.upsert(connection.dialect.name, _call).on_conflict_do_nothing(index_elements=["id"]), [r["call"] for r in found]
        )  # a spool may repeat
        fresh = chain.seal_calls(connection, [r["call"]["id"] for r in found])
        rates.count(connection, list({r["call"]["id"]: r["call"] for r in found if r["call"]["id"] in fresh}.values()))
        outbox.queue(connection, found)
        ended = [{"id": r["call"]["id"], "at": r["call"]["ended_ms"], "what": r["call"]["disposition"]} for r in found]
        connection.execute(_RESULT, ended)
        connection.execute(_LEAD, [{key: value for key, value in r["lead"].items() if key != "other"} for r in found])
        made = [r["call"] for r in found if r["call"]["disposition"] != Disposition.NOT_DIALLED]  # the person noticed nothing
        ledger.settle(connection, [{"id": c["id"], "at": c["started_ms"], "what": c["disposition"]} for c in made])
        promises.kept(connection, [c for c in made if c["disposition"] != Disposition.UNKNOWN])
        for lead in (r["lead"] for r in found):
            if "other" in lead:
                next_number(connection, lead["lead"], lead["other"] == "must")
    if found := rows.get("recording"):
        chain.seal_files(connection, chain.RECORDING, {r["id"]: r["sha256"] for r in found})
    if found := rows.get("agent"):
        connection.execute(insert(t.agent_log), list(found))
    if found := rows.get("release"):
        leads.give_back(connection, found)
    if found := rows.get("drop"):
        leads.drop(connection, found)


def result_row(record: CallRecord, campaign_id: int, state: str, due_ms: int, tries: Mapping[str, int], why: str) -> Row:
    """A finished call and what becomes of its lead, as the writer takes it: plain values that also fit a spool file."""
    call = record.model_dump(mode="json", exclude={"campaign", "started", "ended", "evidence"}, exclude_defaults=False)
    assert record.started is not None and record.ended is not None
    call["campaign_id"] = campaign_id
    call["started_ms"] = _ms(record.started)
    call["ended_ms"] = _ms(record.ended)
    call["evidence"] = [packed(fact) for fact in record.evidence]
    lead = {
        "lead": record.lead_id,
        "to": state,
        "due": due_ms,
        "made": record.attempt,
        "counts": dict(tries),
        "what": call["disposition"],
        "why": why,
    }
    return {"call": call, "lead": lead, "campaign": record.campaign}


_ms = t.ms


class Store(Imports):
    """An open database. Make it with :meth:`open`, end it with :meth:`close`."""

    def __init__(self, reader: Reader, writer: Writer, clock: Clock) -> None:
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self.on_status: Callable[[StoreStatus, str], None] = lambda status, reason: None
        self.feeds_of: Callable[[str], Sequence[str]] = lambda campaign: ()  # feeds that get the results of a campaign
        self.rules: CallingRules | None = None  # packs of countries, beside the contact policy
        self.approval = ApprovalSettings()

    @classmethod
    async def open(
        cls,
        url: str,
        clock: Clock,
        *,
        spool: Path,
        retry_s: float = 10.0,
        linger_s: float = 0.02,
        busy_ms: int = 2000,
        durable: bool = True,
    ) -> Store:
        """Open, create or migrate the database at *url*, and write what an earlier run left in the spool file.

        Args:
            url: ``sqlite:///path`` or ``postgresql+psycopg://user@host/name``.
            clock: Held while the database works.
            spool: File for results that cannot be written; beside the data, kept over a restart.
            retry_s: How long a failed write is tried again before the store is down.
            linger_s: How long results may gather for one transaction.
            busy_ms: How long SQLite waits for another process's lock at each try.
            durable: Sync every transaction to the disk. Only simulations do without.

        Raises:
            StoreError: It cannot be opened, or is not offhook's.
        """
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() == "sqlite" and parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            spool.parent.mkdir(parents=True, exist_ok=True)
            plain = parsed.set(drivername="sqlite") if parsed.get_backend_name() == "sqlite" else parsed
            reading = create_engine(plain, pool_pre_ping=parsed.get_backend_name() != "sqlite")  # a server may have been restarted
            writing = create_engine(plain, poolclass=NullPool)
        except (ArgumentError, ImportError, OSError) as error:
            raise StoreError(f"[database] url = {url!r}: {error}") from error
        shown = parsed.render_as_string(hide_password=True)
        if parsed.get_backend_name() == "sqlite":
            _sqlite_pragmas(reading, busy_ms, durable)
            _sqlite_pragmas(writing, busy_ms, durable)
        store: Store | None = None

        def status(now: StoreStatus, reason: str) -> None:
            if store is not None:
                store.on_status(now, reason)

        writer = Writer(writing, _apply, clock, spool, retry_s, linger_s, status)
        reader = Reader(reading, clock)
        try:
            await reader.once(upgrade)
            left = read_spool(spool)
            if left:
                rows = {kind: [row for of, row in left if of == kind] for kind in ("result", "recording", "agent")}
                await reader.once(lambda connection: _apply(connection, rows))
                log.warning("store: %d results of an earlier run were written from %s", len(left), spool)
                spool.unlink()  # noqa: ASYNC240 - once, at the start
        except (SQLAlchemyError, OSError) as error:
            await reader.close()
            raise StoreError(f"{shown}: cannot be opened: {getattr(error, 'orig', None) or error}") from error
        except StoreError:
            await reader.close()
            raise
        store = cls(reader, writer, clock)
        store._task = asyncio.create_task(writer.run(), name="store writer")
        store._task.add_done_callback(store._writer_ended)
        return store

    async def close(self) -> None:
        """Write what is left, then close every connection."""
        self._writer.close()
        if self._task is not None:
            await self._task
        await self._reader.close()

    def _writer_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.critical("store: the writer failed", exc_info=task.exception())
            self._writer.status = StoreStatus.DOWN
            self.on_status(StoreStatus.DOWN, f"the writer failed: {task.exception()!r}; restart the node")

    @property
    def status(self) -> StoreStatus:
        """Is the database there?"""
        return self._writer.status

    @property
    def spooled(self) -> int:
        """Results kept outside the database."""
        return self._writer.spooled

    @property
    def commits(self) -> int:
        """Transactions written."""
        return self._writer.commits

    async def work(self, work: Callable[[Connection], T]) -> T:
        """Run *work* in a transaction of the writer: what it read stays true until it has written. StoreError when the database is away."""
        return await self._writer.work(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run *work*, which only reads, beside the writer."""
        return await self._reader.read(work)

    # -- campaigns ------------------------------------------------------------------------------------------------------------------

    async def create_campaign(self, spec: CampaignSpec) -> Stored:
        """Add a campaign, idle. CampaignError when the name is taken."""
        now = _ms(self._clock.now())

        def work(connection: Connection) -> int:
            values = {
                "name": spec.name,
                "spec": spec.model_dump(mode="json"),
                "wanted": Wanted.IDLE.value,
                "revision": 1,
                "created_ms": now,
                "updated_ms": now,
            }
            key = connection.execute(insert(_campaign).values(values)).inserted_primary_key
            assert key is not None
            life.journal(connection, int(key[0]), now, Order.CREATE, None, Stage.DRAFT)
            return int(key[0])

        try:
            return Stored(await self._writer.work(work), spec, Wanted.IDLE, 1)
        except IntegrityError as error:
            raise CampaignError(f"campaign '{spec.name}' exists already; choose another name or update it") from error

    async def change_campaign(self, name: str, spec: CampaignSpec) -> None:
        """Store another description. CampaignError when there is no such campaign."""
        now = _ms(self._clock.now())
        values: dict[str, Any] = {"revision": _campaign.c.revision + 1, "updated_ms": now, "spec": spec.model_dump(mode="json")}

        def work(connection: Connection) -> bool:
            row = connection.execute(select(_campaign.c.id, _campaign.c.spec).where(_campaign.c.name == name)).one_or_none()
            if row is None:
                return False
            connection.execute(update(_campaign).where(_campaign.c.id == row.id).values(values))
            if life.plan_differs(row.spec, spec):
                life.changed(connection, row.id, Order.UPDATE, "the plan has changed", now, self.approval)
            return True

        if not await self._writer.work(work):
            raise CampaignError(f"no campaign '{name}'")

    async def campaigns(self, names: Collection[str] | None = None) -> list[Stored]:
        """Campaigns by name: those named, or all."""

        def work(connection: Connection) -> list[Stored]:
            query = select(_campaign).order_by(_campaign.c.name)
            if names is not None:
                query = query.where(t.among(connection, _campaign.c.name, names))
            return [_stored(row) for row in connection.execute(query)]

        return await self.read(work)

    async def revisions(self) -> dict[str, int]:
        """Change counter of every campaign; cheap, asked every second."""

        def work(connection: Connection) -> dict[str, int]:
            return {r.name: r.revision for r in connection.execute(select(_campaign.c.name, _campaign.c.revision))}

        return await self.read(work)

    async def counts(self, campaign_id: int) -> Counts:
        """Leads and outcomes."""

        def work(connection: Connection) -> Counts:
            leads = connection.execute(
                select(_lead.c.state, func.count()).where(_lead.c.campaign_id == campaign_id).group_by(_lead.c.state)
            )
            by_state: dict[str, int] = {r[0]: r[1] for r in leads}
            calls = connection.execute(
                select(_call.c.disposition, func.count()).where(_call.c.campaign_id == campaign_id).group_by(_call.c.disposition)
            )
            return Counts(
                sum(by_state.values()), by_state.get("closed", 0), by_state.get("reserved", 0), {Disposition(r[0]): r[1] for r in calls}
            )

        return await self.read(work)

    # -- leads and the journal ------------------------------------------------------------------------------------------------------

    async def due(self, campaign_id: int) -> list[Due]:
        """Open leads by zone."""
        return await self.read(lambda connection: leads.due(connection, campaign_id))

    async def reserve(
        self,
        node: str,
        campaign_id: int,
        zones: Iterable[tuple[str, ...]],
        limit: int,
        make_id: Callable[[], str],
        spec: CampaignSpec | None = None,
        here: Collection[str] | None = None,
    ) -> Taken:
        """Take up to *limit* leads that are due, in one of *zones*, and may be called; journal the intent to call each.

        *spec* says what the calls are for, and so which lists, caps and rests hold them back; without it they are service calls. *here* are
        the agents who are logged in, for whom calls were promised.
        """
        asking = ledger.asking(node, campaign_id, _ms(self._clock.now()), self.rules, spec, here)
        keys, mixed = [" ".join(z) for z in zones], spec is not None and spec.mix is not None
        return await self._writer.work(lambda connection: leads.take(connection, asking, keys, limit, make_id, mixed))

    async def reopen_filtered(self, campaign_id: int) -> int:
        """The filter has changed: open the leads again that it closed; how many."""
        return await self._writer.work(lambda connection: leads.reopen_filtered(connection, campaign_id))

    async def attributes(self, campaign_id: int, at_once: int = 5000) -> AsyncIterator[list[dict[str, str]]]:
        """Columns of the lists of all leads that are open or were closed by a filter, *at_once* at a time."""
        last = 0
        while True:

            def work(connection: Connection, after: int = last) -> list[tuple[int, dict[str, str]]]:
                return leads.attributes(connection, campaign_id, after, at_once)

            found = await self.read(work)
            if found:
                yield [one for _, one in found]
            if len(found) < at_once:
                return
            last = found[-1][0]

    async def seized(self, call_id: str, channel: int, dialled: str) -> None:
        """Journal that the line is about to be seized; the number may be sent once this returns."""
        await self._writer.write([("seized", {"id": call_id, "at": _ms(self._clock.now()), "on": channel, "sent": dialled})])

    def result(self, row: Row) -> None:
        """Store a finished call, see :func:`result_row`. Never fails, never loses it."""
        self._writer.keep([("result", {**row, "feeds": list(self.feeds_of(row["campaign"]))})])

    def recorded(self, call_id: str, sha256: str) -> None:
        """Seal the recording of a call."""
        self._writer.keep([("recording", {"id": call_id, "sha256": sha256})])

    def agent_did(self, row: Row) -> None:
        """Store what an agent did for a while, columns of ``agent_log``."""
        self._writer.keep([("agent", row)])

    def release(self, given: Iterable[Lead]) -> None:
        """Give back leads that were reserved and whose number was not sent."""
        rows: list[tuple[str, Row]] = [("release", {"id": lead.call_id, "lead": lead.id}) for lead in given]
        if rows:
            self._writer.keep(rows)

    def drop(self, given: Iterable[Lead], why: str) -> None:
        """Close leads that were reserved, whose number was not sent and must not be."""
        rows: list[tuple[str, Row]] = [("drop", {"id": lead.call_id, "lead": lead.id, "why": why}) for lead in given]
        if rows:
            self._writer.keep(rows)

    async def flush(self) -> None:
        """Return when everything kept so far is written."""
        await self._writer.write([])

    async def recover(self, node: str) -> list[Lost]:
        """After a crash: give back leads whose number was never sent; return those whose line was seized."""
        return await self._writer.work(lambda connection: leads.recover(connection, node))

    async def books(self) -> Books:
        """The sums that must agree, read at one moment."""

        def work(connection: Connection) -> Books:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # pysqlite would read each query's own moment
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            done = case((_journal.c.result_ms.is_not(None), 1), else_=0)
            seized = case((_journal.c.result_ms.is_(None) & _journal.c.seized_ms.is_not(None), 1), else_=0)
            row = connection.execute(select(func.count(), func.sum(done), func.sum(seized)).select_from(_journal)).one()
            results = connection.execute(
                select(_journal.c.result, func.count()).where(_journal.c.result_ms.is_not(None)).group_by(_journal.c.result)
            )
            calls = connection.execute(select(_call.c.disposition, func.count()).group_by(_call.c.disposition))
            return Books(
                intents=int(row[0]),
                results=int(row[1] or 0),
                seized=int(row[2] or 0),
                by_journal={Disposition(r[0]): r[1] for r in results},
                by_call={Disposition(r[0]): r[1] for r in calls},
            )

        return await self.read(work)

    # -- calls ----------------------------------------------------------------------------------------------------------------------

    async def calls(self, campaign: str | None, limit: int) -> list[CallRecord]:
        """The latest calls, newest first, without evidence."""
        columns = [c for c in _call.c if c.name != "evidence"]

        def work(connection: Connection) -> list[CallRecord]:
            query = select(*columns, _campaign.c.name.label("campaign")).join(_campaign, _campaign.c.id == _call.c.campaign_id)
            if campaign is not None:
                query = query.where(_campaign.c.name == campaign)
            return [record_of(r) for r in connection.execute(query.order_by(_call.c.id.desc()).limit(limit))]

        return await self.read(work)

    async def each_call(self, campaign: str, at_once: int = 1000) -> AsyncIterator[list[CallRecord]]:
        """All calls of a campaign, the oldest first, without evidence, *at_once* at a time: memory does not grow with the table."""
        columns = [c for c in _call.c if c.name != "evidence"]
        query = select(*columns, _campaign.c.name.label("campaign")).join(_campaign, _campaign.c.id == _call.c.campaign_id)
        query = query.where(_campaign.c.name == campaign).order_by(_call.c.id).limit(at_once)
        last = ""
        while True:

            def work(connection: Connection, after: str = last) -> list[CallRecord]:
                return [record_of(r) for r in connection.execute(query.where(_call.c.id > after))]

            found = await self.read(work)
            if found:
                yield found
            if len(found) < at_once:
                return
            last = found[-1].id

    async def call(self, call_id: str) -> CallRecord | None:
        """One call with its evidence."""

        def work(connection: Connection) -> CallRecord | None:
            query = select(_call, _campaign.c.name.label("campaign")).join(_campaign, _campaign.c.id == _call.c.campaign_id)
            row = connection.execute(query.where(_call.c.id == call_id)).one_or_none()
            return None if row is None else record_of(row, tuple(unpacked(line) for line in row.evidence))

        return await self.read(work)


def _stored(row: Any) -> Stored:
    trial_ms = row.trial["from_ms"] if row.trial else None
    return Stored(row.id, CampaignSpec.model_validate(row.spec), Wanted(row.wanted), row.revision, Stage(row.stage), trial_ms)


def record_of(row: Any, evidence: tuple[CallFact, ...] = ()) -> CallRecord:
    """A call's row, with the campaign's name, as a record."""
    values = dict(row._mapping)
    values["started"], values["ended"] = instant(values.pop("started_ms")), instant(values.pop("ended_ms"))
    values.pop("campaign_id")
    values["evidence"] = evidence
    return CallRecord.model_validate(values)


def _sqlite_pragmas(engine: Engine, busy_ms: int, durable: bool) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={busy_ms}",
            "journal_mode=WAL",
            f"synchronous={'FULL' if durable else 'OFF'}",
            "foreign_keys=ON",
            "cache_size=-4096",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
