"""Counters of a campaign's results by segment and hour of the callee's day, kept in the transaction that stores the results (L15, D56)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import URL, Connection, Select, bindparam, delete, func, select, update

from offhook.calls.disposition import Disposition
from offhook.campaigns import windows
from offhook.campaigns.learning import Counts, Learnt
from offhook.store import tables as t

_COUNTED = ("calls", "reached", "persons", "responses", "early", "billed_ms", "successes")
_NOT_SENT = frozenset({Disposition.NOT_DIALLED, Disposition.UNKNOWN})
EARLY_S = 30.0
"""Of a campaign from before there was the setting."""
AT_ONCE = 5000
SEGMENTS = 200
"""Most segments that are told apart when leads are put in order."""
FRESH_MS, LIST_MS = 20_000, 120_000
"""How often the counters and the list of segments are read again."""
LONGEST = 80
"""Characters of a segment's name."""


@lru_cache(maxsize=2)
def _about(dialect: str) -> Select[Any]:
    """Segment and zones of leads, and how soon is early in their campaigns. Built once: building a statement costs more than running it."""
    early = t.campaign.c.spec["learn"]["early_s"].as_float().label("early")
    query = select(t.lead.c.id, t.lead.c.segment, t.lead.c.zones, early).join(t.campaign, t.campaign.c.id == t.lead.c.campaign_id)
    return query.where(t.one_of(dialect, t.lead.c.id, "leads"))


def count(connection: Connection, calls: Sequence[Mapping[str, Any]]) -> None:
    """Add calls, columns of ``call``, to the counters; each once."""
    if not calls:
        return
    dialect = connection.dialect.name
    given = {"leads": t.given(dialect, list({call["lead_id"] for call in calls}))}
    leads = {row.id: row for row in connection.execute(_about(dialect), given)}
    found: dict[tuple[int, str, int], Counts] = {}
    for call in calls:
        lead = leads[call["lead_id"]]
        key = (call["campaign_id"], lead.segment or "", local_hour(lead.zones, call["started_ms"]))
        found.setdefault(key, Counts()).add(counts_of(call, EARLY_S if lead.early is None else lead.early))
    _add(connection, found)


def counts_of(call: Mapping[str, Any], early_s: float) -> Counts:
    """What one call adds."""
    what = Disposition(call["disposition"])
    if what in _NOT_SENT:
        return Counts()
    person = what in (Disposition.PERSON, Disposition.ABANDONED)
    return Counts(
        calls=1,
        reached=what.reached,
        persons=person,
        responses=bool(call["meaning"] or call["talk_ms"]),
        early=person and call["ended_by"] == "them" and call["billed_ms"] < early_s * 1000,
        billed_ms=call["billed_ms"],
    )


def local_hour(zones: str, at_ms: int) -> int:
    """Hour of the callee's day; of several zones the first counts, of none UTC."""
    zone = windows.load_zone(zones.split(" ", 1)[0]) if zones else dt.UTC
    return dt.datetime.fromtimestamp(at_ms / 1000, zone).hour


def said(connection: Connection, call_id: str, change: int) -> None:
    """Somebody said that a call reached the primary goal (1), or that it did not after all (-1)."""
    query = select(t.call.c.campaign_id, t.call.c.started_ms, t.lead.c.segment, t.lead.c.zones)
    row = connection.execute(query.join(t.lead, t.lead.c.id == t.call.c.lead_id).where(t.call.c.id == call_id)).one()
    _add(connection, {(row.campaign_id, row.segment or "", local_hour(row.zones, row.started_ms)): Counts(successes=change)})


@lru_cache(maxsize=2)
def _adding(dialect: str) -> Any:
    statement = t.upsert(dialect, t.rate)
    sums = {name: t.rate.c[name] + statement.excluded[name] for name in _COUNTED}
    return statement.on_conflict_do_update(index_elements=["campaign_id", "segment", "hour"], set_=sums)


def _add(connection: Connection, found: Mapping[tuple[int, str, int], Counts]) -> None:
    rows = [
        {"campaign_id": campaign, "segment": segment, "hour": hour, **{name: int(getattr(one, name)) for name in _COUNTED}}
        for (campaign, segment, hour), one in sorted(found.items())  # always in one order, so that no two transactions wait in a ring
    ]
    connection.execute(_adding(connection.dialect.name), rows)


_TABLE = select(t.rate).where(t.rate.c.campaign_id == bindparam("campaign"))


def table(connection: Connection, campaign_id: int) -> dict[tuple[str, int], Counts]:
    """The counters of a campaign."""
    rows = connection.execute(_TABLE, {"campaign": campaign_id})
    return {(row.segment, row.hour): Counts(*(getattr(row, name) for name in _COUNTED)) for row in rows}


def of_campaign(connection: Connection, name: str) -> dict[tuple[str, int], Counts]:
    """As :func:`table`, by the campaign's name; empty when there is none of it."""
    campaign = connection.execute(select(t.campaign.c.id).where(t.campaign.c.name == name)).scalar()
    return {} if campaign is None else table(connection, campaign)


def totals(connection: Connection) -> dict[str, Counts]:
    """Counters of every campaign that was called for, by its name, over all segments and hours."""
    sums = (func.sum(t.rate.c[name]).label(name) for name in _COUNTED)
    query = select(t.campaign.c.name.label("campaign"), *sums).join(t.rate, t.rate.c.campaign_id == t.campaign.c.id)
    rows = connection.execute(query.group_by(t.campaign.c.name))
    return {row.campaign: Counts(*(int(getattr(row, name)) for name in _COUNTED)) for row in rows}


_lately: dict[tuple[URL, int], tuple[int, Learnt]] = {}


def lately(connection: Connection, campaign_id: int, now_ms: int) -> Learnt:
    """What a campaign has learnt, read again after :data:`FRESH_MS`: it changes slowly, and leads are asked for all the time."""
    key = (connection.engine.url, campaign_id)
    known = _lately.get(key)
    if known is None or abs(now_ms - known[0]) > FRESH_MS:
        known = _lately[key] = (now_ms, Learnt(table(connection, campaign_id)))
    return known[1]


# -- segments of leads --------------------------------------------------------------------------------------------------------------


def segment_of(column: str) -> Any:
    """The segment of a lead by a column of its list, as SQL; null when no column is named."""
    if not column:
        return None
    found = t.lead.c.name if column == "name" else t.lead.c.extra[column].as_string()
    return func.substr(func.coalesce(found, ""), 1, LONGEST)


def assign(connection: Connection, campaign_id: int, column: str, import_id: int | None = None) -> None:
    """Give leads their segments: those of one import, or all of the campaign."""
    which = [t.lead.c.campaign_id == campaign_id]
    which += [] if import_id is None else [t.lead.c.import_id == import_id]
    connection.execute(update(t.lead).where(*which).values(segment=segment_of(column)))


def assign_import(connection: Connection, campaign_id: int, import_id: int) -> None:
    """Give the leads of an import their segments, if their campaign counts by any."""
    column = connection.execute(select(t.campaign.c.spec["learn"]["segment"].as_string()).where(t.campaign.c.id == campaign_id)).scalar()
    if column:
        assign(connection, campaign_id, column, import_id)


def recount(connection: Connection, campaign_id: int) -> None:
    """Make the counters anew from the calls: the segments are others now."""
    connection.execute(delete(t.rate).where(t.rate.c.campaign_id == campaign_id))
    names = ("id", "campaign_id", "lead_id", "started_ms", "disposition", "meaning", "talk_ms", "ended_by", "billed_ms")
    query = select(*(t.call.c[name] for name in names)).where(t.call.c.campaign_id == campaign_id).order_by(t.call.c.id).limit(AT_ONCE)
    last = ""
    while True:
        calls = connection.execute(query.where(t.call.c.id > last)).mappings().all()
        count(connection, [dict(call) for call in calls])
        if len(calls) < AT_ONCE:
            break
        last = calls[-1]["id"]
    newest = select(func.max(t.outcome.c.id)).where(t.outcome.c.campaign_id == campaign_id).group_by(t.outcome.c.call_id)
    reached = select(t.outcome.c.call_id).where(t.outcome.c.id.in_(newest), t.outcome.c.is_primary)
    for call_id in connection.execute(reached).scalars().all():
        said(connection, call_id, 1)


_waiting: dict[tuple[URL, int, tuple[str, ...]], tuple[int, list[str]]] = {}


def waiting_lately(connection: Connection, campaign_id: int, zones: Sequence[str], now_ms: int) -> list[str]:
    """As :func:`waiting`, read again after :data:`LIST_MS`: only an import brings new ones."""
    key = (connection.engine.url, campaign_id, tuple(zones))
    at_ms, found = _waiting.get(key, (0, []))
    if not at_ms or abs(now_ms - at_ms) > LIST_MS:
        found = waiting(connection, campaign_id, zones)
        _waiting[key] = (now_ms, found)
    return found


def waiting(connection: Connection, campaign_id: int, zones: Sequence[str]) -> list[str]:
    """Segments that have open leads in *zones*. Goes from one to the next through the index."""
    found: list[str] = []
    for key in zones:
        mine = {"campaign": campaign_id, "zones_is": key}
        segment = connection.execute(_FIRST, mine).scalar()
        while segment is not None and len(found) < SEGMENTS:
            found.append(segment)
            segment = connection.execute(_NEXT, {**mine, "after": segment}).scalar()
    return list(dict.fromkeys(found))


_MINE = (t.lead.c.campaign_id == bindparam("campaign"), t.lead.c.state == "open", t.lead.c.zones == bindparam("zones_is"))
_FIRST = select(func.min(t.lead.c.segment)).where(*_MINE, t.lead.c.segment >= "")
_NEXT = select(func.min(t.lead.c.segment)).where(*_MINE, t.lead.c.segment > bindparam("after"))
