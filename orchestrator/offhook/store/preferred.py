"""Leads that go before the order of due times: who answers best in this hour (D27), and segments that return more (L15)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from offhook.campaigns.learning import Counts, LearnPlan, portions
from offhook.store import ledger, rates
from offhook.store import tables as t

HOUR_MS = 3_600_000
_OPEN = (t.lead.c.campaign_id == bindparam("campaign"), t.lead.c.state == "open", t.lead.c.due_ms <= bindparam("now"))
_IN_HOUR = (
    select(t.lead)
    .where(*_OPEN, t.lead.c.hour_ms <= bindparam("now"), t.lead.c.hour_ms > bindparam("hour_ago"))
    .where(t.lead.c.zones.in_(bindparam("zones_in", expanding=True)))
    .order_by(t.lead.c.hour_ms, t.lead.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_OF_SEGMENT = (
    select(t.lead)
    .where(*_OPEN, t.lead.c.zones == bindparam("zones_is"), t.lead.c.segment == bindparam("segment_is"))
    .order_by(t.lead.c.due_ms, t.lead.c.id)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


def preferred(
    connection: Connection, asking: ledger.Asking, zones: Sequence[str], limit: int, taken: Callable[[], int]
) -> Iterator[tuple[Sequence[Any], int]]:
    """Rows of leads to try first, and how many of them to reserve.

    A quarter of what is asked for is left to leads that no hour is known of. Segments leave the share ``explore`` to all alike.

    Args:
        connection: In the transaction that reserves.
        asking: Who asks.
        zones: That may be called.
        limit: Leads wanted in all.
        taken: How many are reserved by now.
    """
    learn = None if asking.spec is None else asking.spec.learn
    if learn is None:
        return
    values = {"campaign": asking.campaign_id, "now": asking.now_ms}
    if learn.best_hour and (want := limit - limit // 4 - taken()) > 0:
        in_hour = {**values, "hour_ago": asking.now_ms - HOUR_MS, "zones_in": list(zones), "most": want}
        yield connection.execute(_IN_HOUR, in_hour).fetchall(), want
    if not (learn.order and learn.segment):
        return
    rows: list[Any] = []
    for segment, most in _portions(connection, asking, learn, zones, limit - taken()):
        for key in zones:
            if most > 0:
                found = connection.execute(_OF_SEGMENT, {**values, "zones_is": key, "segment_is": segment, "most": most}).fetchall()
                most -= len(found)
                rows += found
    yield rows, limit - taken()


def _portions(connection: Connection, asking: ledger.Asking, learn: LearnPlan, zones: Sequence[str], limit: int) -> list[tuple[str, int]]:
    """How many leads of each segment to take."""
    known = rates.lately(connection, asking.campaign_id, asking.now_ms).segments
    waiting = rates.waiting_lately(connection, asking.campaign_id, zones, asking.now_ms)
    return portions(learn, {name: known.get(name, Counts()) for name in waiting}, limit, random.Random(asking.now_ms))
