"""Lists on their way in: staged where nothing sees them, washed, then moved into the campaign in one transaction (D31, D33).

An import that a dead process left behind is taken up again by the next one of the same file: its lines are read anew, which is quick, and
only those that are not staged yet are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import BigInteger, Connection, bindparam, cast, delete, func, insert, literal, select, update

from offhook.campaigns.life import ApprovalSettings, Order
from offhook.clock import Clock
from offhook.contacts.policy import Effect
from offhook.contacts.screen import Ask, OnList, Person, on_lists
from offhook.lists.mix import ListMix
from offhook.lists.reader import Row as ListRow
from offhook.messages import CampaignSpec, ImportProblem, ImportReport
from offhook.store import ledger, life, rates
from offhook.store import tables as t
from offhook.store.mixing import places
from offhook.store.tables import digits, ms
from offhook.store.writer import Writer

T = TypeVar("T")

STAGE_ROWS = 5000
"""Rows of a list written at a time."""
ABANDONED_MS = 10_000
"""An unfinished import that has written nothing for so long has no process any more."""
VACANT_MS = 180 * 86_400_000
"""How long a number that was found vacant stays so for the wash."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An import that is open.

    Attributes:
        id: Its key.
        staged: Line up to which an earlier process has staged; 0 for a new one.
    """

    id: int
    staged: int


@dataclass(frozen=True, slots=True)
class Washed:
    """A staged line that is taken out again."""

    line: int
    raw: str
    what: str  # repeated or restricted
    reason: str


class Imports:
    """The part of the store that takes lists in."""

    _writer: Writer
    _clock: Clock
    approval: ApprovalSettings

    if TYPE_CHECKING:

        async def read(self, work: Callable[[Connection], T]) -> T:
            """The store's own."""

    async def begin_import(self, campaign_id: int, source: str, encoding: str) -> int:
        """Open an import; its rows are staged until :meth:`finish_import`."""
        return (await self.take_up_import(campaign_id, source, encoding, "")).id

    async def take_up_import(self, campaign_id: int, source: str, encoding: str, fingerprint: str) -> Begun:
        """Open an import, or take up what a dead process left of the same file (*fingerprint*, empty: never)."""
        now = ms(self._clock.now())

        def work(connection: Connection) -> Begun:
            left = (
                select(t.import_report.c.id)
                .where(t.import_report.c.campaign_id == campaign_id, t.import_report.c.done.is_(False))
                .where(t.import_report.c.fingerprint == fingerprint, t.import_report.c.beat_ms < now - ABANDONED_MS)
                .with_for_update(skip_locked=True)
            )
            key = connection.execute(left).scalar() if fingerprint else None
            if key is not None:
                connection.execute(update(t.import_report).where(t.import_report.c.id == key).values(beat_ms=now))
                last = connection.execute(select(func.max(t.staged.c.line)).where(t.staged.c.import_id == key)).scalar()
                return Begun(int(key), int(last or 0))
            values = {"campaign_id": campaign_id, "at_ms": now, "beat_ms": now, "source": source, "encoding": encoding, "done": False}
            values |= {"fingerprint": fingerprint, "read": 0, "accepted": 0, "duplicates": 0, "rejected": 0, "mended": 0}
            made = connection.execute(insert(t.import_report).values(values)).inserted_primary_key
            assert made is not None
            return Begun(int(made[0]), 0)

        return await self._writer.work(work)

    async def stage(self, import_id: int, rows: Sequence[ListRow]) -> None:
        """Write rows of a list where nothing sees them yet."""
        values = [
            {
                "import_id": import_id,
                "line": r.line,
                "raw": r.raw,
                "e164": r.number.e164,
                "region": r.number.region,
                "kind": r.number.kind,
                "zones": " ".join(r.number.zones),
                "name": r.name,
                "extra": r.extra,
                "deadline_ms": None if r.deadline is None else ms(r.deadline),
            }
            for r in rows
        ]
        now = ms(self._clock.now())

        def work(connection: Connection) -> None:
            connection.execute(insert(t.staged), values)
            connection.execute(update(t.import_report).where(t.import_report.c.id == import_id).values(beat_ms=now))

        if values:
            await self._writer.work(work)

    async def wash(self, import_id: int, campaign_id: int, spec: CampaignSpec) -> list[Washed]:
        """Staged lines that must not become leads: numbers and persons that are there already, and those who may not be called (L09)."""
        now = ms(self._clock.now())

        def work(connection: Connection) -> list[Washed]:
            found = [*_known(connection, import_id, campaign_id), *_vacant(connection, import_id, now)]
            found += _listed(connection, import_id, spec, now)
            return list({one.line: one for one in reversed(found)}.values())  # the first reason of a line counts

        return await self.read(work)

    async def finish_import(
        self, import_id: int, campaign_id: int, report: ImportReport, washed: Sequence[int] = (), mix: ListMix | None = None
    ) -> int:
        """Move the staged rows but the *washed* lines into the campaign, with the report, in one transaction. Returns the leads added."""
        now = ms(self._clock.now())

        def work(connection: Connection) -> int:
            for at in range(0, len(washed), STAGE_ROWS):
                out = t.among(connection, t.staged.c.line, list(washed[at : at + STAGE_ROWS]))
                connection.execute(delete(t.staged).where(t.staged.c.import_id == import_id, out))
            added = _move(connection, import_id, campaign_id, report.source, mix)
            rates.assign_import(connection, campaign_id, import_id)
            problems = {p.line: p for p in report.problems}  # one a line
            if problems:
                connection.execute(
                    insert(t.reject),
                    [
                        {"import_id": import_id, "line": p.line, "value": p.value[:500], "reason": p.reason[:200], "mend": p.mend[:200]}
                        for p in problems.values()
                    ],
                )
            figures = report.model_dump(include={"read", "duplicates", "rejected", "restricted", "mended"})
            which = t.import_report.c.id == import_id
            connection.execute(update(t.import_report).where(which).values(done=True, accepted=added, **figures))
            connection.execute(update(t.campaign).where(t.campaign.c.id == campaign_id).values(revision=t.campaign.c.revision + 1))
            if added:
                life.changed(connection, campaign_id, Order.IMPORT, f"{report.source}: {added} numbers", now, self.approval)
            return added

        return await self._writer.work(work)

    async def drop_imports(self, import_id: int | None = None) -> None:
        """Forget an import that failed; None: what dead processes left and nobody took up within a day."""
        dead = ms(self._clock.now()) - 86_400_000

        def work(connection: Connection) -> None:
            which = [t.import_report.c.id == import_id]
            if import_id is None:
                which = [t.import_report.c.done.is_(False), t.import_report.c.beat_ms < dead]
            ids = select(t.import_report.c.id).where(*which)
            connection.execute(delete(t.staged).where(t.staged.c.import_id.in_(ids)))
            connection.execute(delete(t.import_report).where(*which))

        await self._writer.work(work)

    async def problems(self, import_id: int) -> list[ImportProblem]:
        """The lines of an import that were not taken or were mended."""

        def work(connection: Connection) -> list[ImportProblem]:
            rows = connection.execute(select(t.reject).where(t.reject.c.import_id == import_id).order_by(t.reject.c.line))
            return [ImportProblem(line=r.line, value=r.value, reason=r.reason, mend=r.mend) for r in rows]

        return await self.read(work)


def _move(connection: Connection, import_id: int, campaign_id: int, source: str, mix: ListMix | None) -> int:
    """Staged rows become leads, with their places in the *mix*; a number that another import brought meanwhile is left out."""
    known = select(t.lead.c.e164).where(t.lead.c.campaign_id == campaign_id, t.lead.c.e164 == t.staged.c.e164)
    blank = {"state": "open", "attempts": 0, "last": None, "reason": ""}
    taken = ["import_id", "line", "raw", "e164", "region", "kind", "zones", "name", "extra", "deadline_ms"]
    rows = select(
        bindparam("cid", campaign_id, type_=t.lead.c.campaign_id.type),
        *(t.staged.c[name] for name in taken),
        *(bindparam(f"p_{name}", value, type_=t.lead.c[name].type) for name, value in blank.items()),
        bindparam("p_tries", {}, type_=t.lead.c.tries.type),
        literal(0, BigInteger) if mix is None else places(connection, campaign_id, mix, source),
    ).where(t.staged.c.import_id == import_id, ~known.exists())
    columns = ["campaign_id", *taken, *blank, "tries", "due_ms"]
    statement = insert(t.lead).from_select(columns, rows.order_by(t.staged.c.line))
    added = connection.execute(statement.execution_options(preserve_rowcount=True)).rowcount
    connection.execute(delete(t.staged).where(t.staged.c.import_id == import_id))
    return added


def _known(connection: Connection, import_id: int, campaign_id: int) -> list[Washed]:
    """Numbers that the campaign has, and second numbers of a person whom it has, or whom the list has already."""
    mine = (t.staged.c.import_id == import_id,)
    same = select(t.staged.c.line, t.staged.c.raw).join(t.lead, (t.lead.c.e164 == t.staged.c.e164) & (t.lead.c.campaign_id == campaign_id))
    found = [Washed(r[0], r[1], "repeated", "the campaign has this number already") for r in connection.execute(same.where(*mine))]
    if connection.execute(select(t.contact_number.c.e164).limit(1)).first() is None:
        return found
    number = t.contact_number
    persons = (
        select(t.staged.c.line, t.staged.c.raw, number.c.contact_id)
        .join(number, number.c.e164 == t.staged.c.e164)
        .where(*mine)
        .order_by(t.staged.c.line)
    )
    has = select(number.c.contact_id).join(t.lead, number.c.e164 == t.lead.c.e164).where(t.lead.c.campaign_id == campaign_id).distinct()
    there: dict[int, str] = {r[0]: "the campaign has this person already" for r in connection.execute(has)}
    for line, raw, contact in connection.execute(persons):
        if contact in there:
            found.append(Washed(line, raw, "repeated", there[contact]))
        else:
            there[contact] = f"same person as line {line}"
    return found


def _vacant(connection: Connection, import_id: int, now_ms: int) -> list[Washed]:
    """Numbers that two signs showed to be vacant not long ago."""
    as_number = cast(func.replace(t.staged.c.e164, "+", ""), BigInteger)
    if connection.execute(select(t.ledger.c.person).where(t.ledger.c.result == "vacant").limit(1)).first() is None:
        return []
    person = func.coalesce(-t.contact_number.c.contact_id, as_number)
    query = (
        select(t.staged.c.line, t.staged.c.raw)
        .outerjoin(t.contact_number, t.contact_number.c.e164 == t.staged.c.e164)
        .join(t.ledger, (t.ledger.c.person == person) & (t.ledger.c.number == as_number))
        .where(t.staged.c.import_id == import_id, t.ledger.c.result == "vacant", t.ledger.c.at_ms > now_ms - VACANT_MS)
    )
    return [Washed(r[0], r[1], "restricted", "vacant when last called") for r in connection.execute(query.distinct())]


def _listed(connection: Connection, import_id: int, spec: CampaignSpec, now_ms: int) -> list[Washed]:
    """Persons on a list that refuses such calls."""
    if connection.execute(select(t.listed.c.id).limit(1)).first() is None:
        return []
    as_number = cast(func.replace(t.staged.c.e164, "+", ""), BigInteger)
    columns = select(t.staged.c.line, t.staged.c.raw, t.staged.c.e164, t.listed)
    mine = t.staged.c.import_id == import_id
    by_number = columns.join(t.listed, t.listed.c.person == as_number).where(mine)
    by_contact = columns.join(t.contact_number, t.contact_number.c.e164 == t.staged.c.e164)
    by_contact = by_contact.join(t.listed, t.listed.c.person == -t.contact_number.c.contact_id).where(mine)
    _, policy = ledger.policy_in_force(connection)
    found = []
    for r in (*connection.execute(by_number), *connection.execute(by_contact)):
        entry = OnList(r.list, r.category, r.reason, tuple(r.kinds.split()), r.campaign, r.from_ms, r.until_ms)
        ask = Ask(digits(r.e164), (), spec.kind, spec.name, now_ms)
        for finding in on_lists(policy, ask, Person(listed=[entry])):
            if finding.effect is Effect.REFUSE and r.until_ms is None:
                found.append(Washed(r.line, r.raw, "restricted", f"{finding.rule}: {finding.values}"))
    return found
