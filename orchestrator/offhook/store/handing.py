"""Leads that were handed out to agents, teams or nodes: nobody else is given them until they are taken back (L16).

Such a lead has an owner, and while it waits its state is ``handed`` instead of ``open``, so that whoever looks for open leads does not
see it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, insert, literal, select, tuple_, update

from offhook.store import tables as t

HANDED = "handed"


def home(to: ColumnElement[Any]) -> ColumnElement[Any]:
    """The state of a lead that becomes *to*: one with an owner goes back to its owner instead of being open."""
    return case((and_(to == "open", t.lead.c.owner != ""), HANDED), else_=to)


@dataclass(frozen=True, slots=True)
class Share:
    """Leads of one owner and one set of zones.

    Attributes:
        owner: ``agent:anna``, ``team:north`` or ``node:node2``.
        zones: Value of the column.
        first_ms: Earliest time at which one is due.
    """

    owner: str
    zones: str
    first_ms: int


def shares(connection: Connection, campaign_id: int) -> list[Share]:
    """What waits with owners. Goes from share to share through the index: the cost does not grow with the leads."""
    lead = t.lead.c
    mine = (lead.campaign_id == campaign_id, lead.state == HANDED, lead.owner != "")
    found: list[Share] = []
    at: tuple[str, str] | None = None
    while True:
        later = [] if at is None else [tuple_(lead.owner, lead.zones) > tuple_(literal(at[0]), literal(at[1]))]
        row = connection.execute(
            select(lead.owner, lead.zones, lead.due_ms).where(*mine, *later).order_by(lead.owner, lead.zones, lead.due_ms).limit(1)
        ).first()
        if row is None:
            return found
        found.append(Share(row.owner, row.zones, row.due_ms))
        at = (row.owner, row.zones)


_NEXT = (
    select(t.lead)
    .where(t.lead.c.campaign_id == bindparam("campaign"), t.lead.c.state == HANDED, t.lead.c.owner != "")
    .where(t.lead.c.owner == bindparam("whose"), t.lead.c.zones == bindparam("zones_is"), t.lead.c.due_ms <= bindparam("now"))
    .order_by(t.lead.c.due_ms, t.lead.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


def candidates(connection: Connection, campaign_id: int, now_ms: int, owner: str, zones: str, limit: int) -> Sequence[Any]:
    """The next leads of one share that are due."""
    values = {"campaign": campaign_id, "now": now_ms, "whose": owner, "zones_is": zones, "most": limit}
    return connection.execute(_NEXT, values).fetchall()


def some(connection: Connection, campaign_id: int, owners: Sequence[str], after: int, to: int) -> Sequence[Any]:
    """Leads by id, above *after* and up to *to*, that can be handed out (no *owners*: those that nobody has) or handed on. Calls in
    progress are left out.
    """
    whose = t.lead.c.owner.in_(owners) if owners else t.lead.c.owner == ""
    query = select(t.lead.c.id, t.lead.c.e164, t.lead.c.name, t.lead.c.extra, t.lead.c.attempts, t.lead.c.owner)
    query = query.where(*t.part(campaign_id, after, to), whose, t.lead.c.state == (HANDED if owners else "open"))
    return connection.execute(query.where(t.lead.c.promised_ms.is_(None)).order_by(t.lead.c.id)).fetchall()


def waiting(connection: Connection, campaign_id: int, owner: str, after: int, limit: int) -> Sequence[Any]:
    """What waits for an owner, by id."""
    mine = (t.lead.c.campaign_id == campaign_id, t.lead.c.state == HANDED, t.lead.c.owner == owner, t.lead.c.id > after)
    return connection.execute(select(t.lead).where(*mine, t.lead.c.owner != "").order_by(t.lead.c.id).limit(limit)).fetchall()


def give(connection: Connection, given: Sequence[tuple[int, str]]) -> dict[str, int]:
    """Give leads, by id, to owners; how many each got. A lead that is being called meanwhile stays where it is."""
    waiting = t.lead.c.state.in_(("open", HANDED))
    among = t.among(connection, t.lead.c.id, [lead for lead, _ in given])
    there = set(connection.execute(select(t.lead.c.id).where(among, waiting).with_for_update()).scalars())
    rows: list[dict[str, int | str]] = [
        {"lead": lead, "to": owner, "is": HANDED if owner else "open"} for lead, owner in given if lead in there
    ]
    if rows:
        connection.execute(_GIVE, rows)
    return dict(Counter(row["to"] for row in rows if isinstance(row["to"], str)))


_GIVE = update(t.lead).where(t.lead.c.id == bindparam("lead")).values(owner=bindparam("to"), state=bindparam("is"))


def keep_no_more(connection: Connection, campaign_id: int, owners: Sequence[str]) -> None:
    """Leads of these owners that are being called now do not go back to them."""
    calling = (t.lead.c.campaign_id == campaign_id, t.lead.c.state == "reserved", t.lead.c.owner != "")
    connection.execute(update(t.lead).where(*calling, *([t.lead.c.owner.in_(owners)] if owners else [])).values(owner=""))


def told(connection: Connection, campaign_id: int) -> list[Any]:
    """Leads by owner: all, never called, waiting, done."""
    fresh = func.sum(case((t.lead.c.attempts == 0, 1), else_=0))
    waiting = func.sum(case((t.lead.c.state == HANDED, 1), else_=0))
    closed = func.sum(case((t.lead.c.state == "closed", 1), else_=0))
    query = select(t.lead.c.owner, func.count().label("leads"), fresh.label("fresh"), waiting.label("waiting"), closed.label("closed"))
    query = query.where(t.lead.c.campaign_id == campaign_id, t.lead.c.owner != "")
    return list(connection.execute(query.group_by(t.lead.c.owner).order_by(t.lead.c.owner)))


def teams(connection: Connection) -> dict[str, list[str]]:
    """Agents by team."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(select(t.team).order_by(t.team.c.name, t.team.c.agent)):
        found.setdefault(row.name, []).append(row.agent)
    return found


def set_team(connection: Connection, name: str, agents: Sequence[str]) -> None:
    """The team's agents from now on; nobody: there is no such team."""
    connection.execute(delete(t.team).where(t.team.c.name == name))
    if agents:
        connection.execute(insert(t.team), [{"name": name, "agent": agent} for agent in dict.fromkeys(agents)])
