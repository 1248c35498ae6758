"""Which lead next: those that are due, screened person by person, reserved and journalled in one transaction; and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, literal, or_, select, update

from offhook.campaigns.hours import RULE as BEST_HOUR
from offhook.contacts.policy import Effect
from offhook.contacts.screen import FILTER
from offhook.store import handing, ledger
from offhook.store import tables as t
from offhook.store.preferred import preferred

LOOK = 2000
"""Most leads screened in one transaction; a list of blocked persons must not hold up the others' writes."""
LEAST_EACH = 10
"""Leads looked at of each zone when several are merged."""
SPARE = 50
"""Leads looked at together once some of the first were not to be had."""
REASON = 80
"""Characters of a reason that are kept with the lead."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead that is reserved for a call."""

    id: int
    call_id: str
    raw: str
    e164: str
    region: str
    kind: str
    zones: tuple[str, ...]
    name: str
    attempts: int  # made before this one
    tries: dict[str, int]
    person: int = 0
    reminders: tuple[str, ...] = ()  # what the checks want to be remembered: the person is on the grey list
    agent: str = ""  # who promised to call back; empty: anyone
    extra: dict[str, str] = field(default_factory=dict)  # other columns of the list
    owner: str = ""  # who alone calls it, see offhook.lists.handing; empty: everybody


class Taken(list[Lead]):
    """The leads that were reserved, and what became of others on the way.

    Attributes:
        closed: Leads closed, for they may not be called at all.
        held: Leads put off.
        more: The transaction ended early; ask again.
    """

    closed = 0
    held = 0
    more = False


@dataclass(frozen=True, slots=True)
class Due:
    """Open leads of one set of zones."""

    zones: tuple[str, ...]  # empty: not known
    first_ms: int  # earliest time at which one is due


@dataclass(frozen=True, slots=True)
class Lost:
    """A call whose line was seized before the node died, and whose result never came."""

    call_id: str
    campaign_id: int
    lead_id: int
    channel: int
    dialled: str
    seized_ms: int
    number: str
    attempts: int
    tries: dict[str, int]


def due(connection: Connection, campaign_id: int) -> list[Due]:
    """Open leads by zone. Goes from zone to zone through the index, so that it costs the same with ten leads and ten million."""
    found: list[Due] = []
    mine = (t.lead.c.campaign_id == campaign_id, t.lead.c.state == "open")
    zones = connection.execute(select(func.min(t.lead.c.zones)).where(*mine)).scalar()
    while zones is not None:
        first = connection.execute(select(func.min(t.lead.c.due_ms)).where(*mine, t.lead.c.zones == zones)).scalar()
        if first is not None:
            found.append(Due(tuple(zones.split()), first))
        zones = connection.execute(select(func.min(t.lead.c.zones)).where(*mine, t.lead.c.zones > zones)).scalar()
    return found


_OPEN = (t.lead.c.campaign_id == bindparam("campaign"), t.lead.c.state == "open", t.lead.c.due_ms <= bindparam("now"))
# Built once: building a statement costs more than running it.
_PROMISED = (
    select(t.lead)
    .where(*_OPEN, t.lead.c.promised_ms <= bindparam("now"), t.lead.c.zones.in_(bindparam("zones_in", expanding=True)))
    .order_by(t.lead.c.promised_ms, t.lead.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_CANDIDATES = (
    select(t.lead)
    .where(*_OPEN, t.lead.c.zones == bindparam("zones_is"))
    .order_by(t.lead.c.due_ms, t.lead.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


def take(
    connection: Connection, asking: ledger.Asking, zones: Sequence[str], limit: int, make_id: Callable[[], str], mixed: bool = False
) -> Taken:
    """Reserve up to *limit* leads that are due and in one of *zones*, values of the column; hold or close those that may not be called.

    *mixed* takes them in the order of their due times over all zones, else zone after zone.
    """
    taken = Taken()
    looked = 0
    promised = _promised(connection, asking, zones, limit)
    if promised:
        _reserve(connection, asking, promised, limit, make_id, taken)
    for rows, want in preferred(connection, asking, zones, limit, lambda: len(taken)):
        if rows:
            _reserve(connection, asking, rows, want, make_id, taken)
    for keys in [list(zones)] if mixed and zones else [[key] for key in zones]:
        while (want := limit - len(taken)) > 0:
            rows = _candidates(connection, asking, keys, max(want, SPARE) if looked else want)
            if not rows:
                break
            if looked >= LOOK:
                taken.more = True
                return taken
            looked += len(rows)
            _reserve(connection, asking, rows, want, make_id, taken)
    return taken


def _promised(connection: Connection, asking: ledger.Asking, zones: Sequence[str], limit: int) -> Sequence[Any]:
    """Leads who were promised a call by now."""
    values = {"campaign": asking.campaign_id, "now": asking.now_ms, "zones_in": list(zones), "most": limit}
    return connection.execute(_PROMISED, values).fetchall()


def _candidates(connection: Connection, asking: ledger.Asking, zones: Sequence[str], limit: int) -> Sequence[Any]:
    """The next leads of some zones in the order of their due times; of several zones perhaps fewer than *limit*, but some."""
    each = limit if len(zones) == 1 else max(LEAST_EACH, -(-limit // len(zones)))
    values = {"campaign": asking.campaign_id, "now": asking.now_ms, "most": each}
    found = [connection.execute(_CANDIDATES, {**values, "zones_is": key}).fetchall() for key in zones]
    if len(found) == 1:
        return found[0]
    known_to = min((_order(rows[-1]) for rows in found if len(rows) == each), default=None)  # beyond it a zone may have earlier ones
    merged = sorted((row for rows in found for row in rows if known_to is None or _order(row) <= known_to), key=_order)
    return merged[:limit]


def _order(row: Any) -> tuple[int, int]:
    return row.due_ms, row.id


def _reserve(
    connection: Connection, asking: ledger.Asking, rows: Sequence[Any], want: int, make_id: Callable[[], str], taken: Taken
) -> None:
    """Screen *rows* in order until *want* of them are reserved."""
    by_call = {make_id(): row for row in rows}
    wanted = [ledger.wanted_of(call_id, row) for call_id, row in by_call.items()]
    changes = []
    for one in ledger.reserve(connection, asking, wanted, want):
        row, verdict = by_call[one.wanted.call_id], one.verdict
        change = {"lead": row.id, "to": "reserved", "due": row.due_ms, "hour": row.hour_ms, "why": row.reason}
        if one.reserved:
            reminders = tuple(f"{f.rule}: {f.values}" for f in verdict.findings if f.effect is Effect.REMIND)
            taken.append(
                Lead(
                    row.id,
                    one.wanted.call_id,
                    row.raw,
                    row.e164,
                    row.region,
                    row.kind,
                    one.wanted.zones,
                    row.name,
                    row.attempts,
                    dict(row.tries),
                    one.person,
                    reminders,
                    row.agent,
                    dict(row.extra),
                    row.owner,
                )
            )
        elif verdict.effect is Effect.HOLD and verdict.until_ms is not None:
            taken.held += 1
            hour = next((f.until_ms for f in verdict.findings if f.rule == BEST_HOUR and f.effect is Effect.HOLD), row.hour_ms)
            change |= {"to": "open", "due": max(verdict.until_ms, asking.now_ms + 1), "hour": hour, "why": verdict.why[:REASON]}
        else:
            taken.closed += 1
            change |= {"to": "closed", "why": verdict.why[:REASON]}
        changes.append(change)
    connection.execute(
        update(t.lead)
        .where(t.lead.c.id == bindparam("lead"))
        .values(state=handing.home(bindparam("to")), due_ms=bindparam("due"), hour_ms=bindparam("hour"), reason=bindparam("why")),
        changes,
    )


def give_back(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Leads whose number was not sent after all: *rows* hold the call's ``id`` and the ``lead``."""
    connection.execute(delete(t.journal).where(t.journal.c.call_id == bindparam("id")), [{"id": r["id"]} for r in rows])
    connection.execute(
        update(t.lead).where(t.lead.c.id == bindparam("lead"), t.lead.c.state == "reserved").values(state=handing.home(literal("open"))),
        [{"lead": r["lead"]} for r in rows],
    )


def reopen_filtered(connection: Connection, campaign_id: int) -> int:
    """Give leads that only a filter closed another chance, because the filter has changed; how many."""
    closed = t.lead.c.campaign_id == campaign_id, t.lead.c.state == "closed", t.lead.c.reason.startswith(f"{FILTER}: ")
    return connection.execute(update(t.lead).where(*closed).values(state=handing.home(literal("open")), reason="")).rowcount


def attributes(connection: Connection, campaign_id: int, after: int, limit: int) -> list[tuple[int, dict[str, str]]]:
    """Id and columns of leads that a filter may choose among, by id."""
    among = or_(t.lead.c.state != "closed", t.lead.c.reason.startswith(f"{FILTER}: "))
    query = select(t.lead.c.id, t.lead.c.name, t.lead.c.extra).where(t.lead.c.campaign_id == campaign_id, t.lead.c.id > after, among)
    return [(row.id, {**row.extra, "name": row.name}) for row in connection.execute(query.order_by(t.lead.c.id).limit(limit))]


def drop(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Leads that must not be called any more: as :func:`give_back`, but closed, with the reason ``why``."""
    connection.execute(delete(t.journal).where(t.journal.c.call_id == bindparam("id")), [{"id": r["id"]} for r in rows])
    connection.execute(
        update(t.lead).where(t.lead.c.id == bindparam("lead")).values(state="closed", reason=bindparam("why")),
        [{"lead": r["lead"], "why": r["why"][:REASON]} for r in rows],
    )


def recover(connection: Connection, node: str) -> list[Lost]:
    """After a crash: give back leads whose number was never sent; return those whose line was seized."""
    mine = [t.journal.c.node == node, t.journal.c.result_ms.is_(None)]
    unsent = select(t.journal.c.lead_id).where(*mine, t.journal.c.seized_ms.is_(None))
    connection.execute(
        update(t.lead).where(t.lead.c.id.in_(unsent), t.lead.c.state == "reserved").values(state=handing.home(literal("open")))
    )
    connection.execute(delete(t.journal).where(*mine, t.journal.c.seized_ms.is_(None)))
    rows = connection.execute(
        select(t.journal, t.lead.c.raw, t.lead.c.attempts, t.lead.c.tries).join(t.lead, t.lead.c.id == t.journal.c.lead_id).where(*mine)
    )
    return [Lost(r.call_id, r.campaign_id, r.lead_id, r.channel, r.dialled, r.seized_ms, r.raw, r.attempts, dict(r.tries)) for r in rows]


def take_own(
    connection: Connection,
    asking: ledger.Asking,
    shares: Sequence[handing.Share],
    but: frozenset[int],
    limit: int,
    make_id: Callable[[], str],
) -> Taken:
    """As :func:`take`, of leads that were handed out: those of *shares* that are due, except the leads *but*."""
    taken = Taken()
    for share in shares:
        want = limit - len(taken)
        rows = handing.candidates(connection, asking.campaign_id, asking.now_ms, share.owner, share.zones, want + len(but)) if want else ()
        fit = [row for row in rows if row.id not in but]
        if fit:
            _reserve(connection, asking, fit, want, make_id, taken)
    return taken
