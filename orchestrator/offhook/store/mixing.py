"""Places of leads in the mix of a campaign's lists: given when a list comes in, and anew when the weights change (D45)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, case, cast, func, literal, select, update

from offhook.lists.mix import PLACES_END, STEP, ListMix
from offhook.store import leads
from offhook.store import tables as t

if TYPE_CHECKING:
    from offhook.store import Store

AT_ONCE = 5000
"""Leads looked at for one transaction."""


def places(connection: Connection, campaign_id: int, mix: ListMix, source: str) -> ColumnElement[int]:
    """Places of staged rows of the list *source*: beginning where the campaign is now, so that a new list comes in at once, and no more."""
    firsts = [one.first_ms for one in leads.due(connection, campaign_id) if one.first_ms < PLACES_END]
    if mix.by:
        value = func.coalesce(t.staged.c.extra[mix.by].as_string(), "")
        number: ColumnElement[int] = func.row_number().over(partition_by=value, order_by=t.staged.c.line)
        steps = {name: mix.step(name) for name in mix.weights}
        step: ColumnElement[Any] = case(steps, value=value, else_=STEP) if steps else literal(STEP)
    else:
        number = func.row_number().over(order_by=t.staged.c.line)
        step = literal(mix.step(source))
    return cast(min(firsts, default=0) + (number - 1) * step, BigInteger)


async def remix(store: Store, campaign_id: int, mix: ListMix | None) -> int:
    """Give every lead that was never called its place in another mix, some thousand at a time; how many. None: as they came."""
    sources = await store.read(lambda connection: _sources(connection, campaign_id))
    given: Counter[str] = Counter()
    top = await store.read(t.last_lead)
    moved = 0
    for after in range(0, top, AT_ONCE):
        rows = await store.read(partial(_fresh, campaign_id=campaign_id, after=after))
        changes = [{"lead": row.id, "place": _place(row, mix, sources, given)} for row in rows]
        if changes:
            await store.work(partial(_move, changes=changes))
        moved += len(changes)
    return moved


_FRESH = (t.lead.c.state == "open", t.lead.c.attempts == 0, t.lead.c.promised_ms.is_(None), t.lead.c.due_ms < PLACES_END)
_SOME = (
    select(t.lead.c.id, t.lead.c.import_id, t.lead.c.extra)
    .where(*t.part(bindparam("campaign"), bindparam("after"), bindparam("to")), *_FRESH)
    .order_by(t.lead.c.id)
)
_MOVE = update(t.lead).where(t.lead.c.id == bindparam("lead"), *_FRESH).values(due_ms=bindparam("place"))


def _fresh(connection: Connection, campaign_id: int, after: int) -> Sequence[Any]:
    return connection.execute(_SOME, {"campaign": campaign_id, "after": after, "to": after + AT_ONCE}).fetchall()


def _move(connection: Connection, changes: Sequence[dict[str, int]]) -> None:
    connection.execute(_MOVE, changes)


def _place(row: Any, mix: ListMix | None, sources: dict[int, str], given: Counter[str]) -> int:
    if mix is None:
        return 0
    name = str(row.extra.get(mix.by, "")) if mix.by else sources.get(row.import_id, "")
    given[name] += 1
    return (given[name] - 1) * mix.step(name)


def _sources(connection: Connection, campaign_id: int) -> dict[int, str]:
    rows = connection.execute(select(t.import_report.c.id, t.import_report.c.source).where(t.import_report.c.campaign_id == campaign_id))
    return {row.id: row.source for row in rows}
