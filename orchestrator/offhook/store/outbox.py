"""Results that wait to be sent, one row for each feed and call; written in the transaction that stores the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select

from offhook.store import tables as t

COLUMNS = [column for column in t.call.c if column.name != "evidence"]


def queue(connection: Connection, results: Sequence[Mapping[str, Any]]) -> None:
    """Queue results for the feeds that they name."""
    rows = [
        {"feed": feed, "call_id": row["call"]["id"], "at_ms": row["call"]["ended_ms"]} for row in results for feed in row.get("feeds", ())
    ]
    if rows:
        connection.execute(t.upsert(connection.dialect.name, t.outbox).on_conflict_do_nothing(), rows)  # a spool may repeat


def queued(connection: Connection, feed: str, limit: int) -> Sequence[Any]:
    """Rows of the oldest calls that wait for *feed*, without evidence, with the campaign's name."""
    query = (
        select(*COLUMNS, t.campaign.c.name.label("campaign"))
        .join(t.outbox, t.outbox.c.call_id == t.call.c.id)
        .join(t.campaign, t.campaign.c.id == t.call.c.campaign_id)
        .where(t.outbox.c.feed == feed)
        .order_by(t.outbox.c.call_id)
        .limit(limit)
    )
    return connection.execute(query).all()


def delivered(connection: Connection, feed: str, calls: Sequence[str]) -> None:
    """Take these calls off the queue."""
    connection.execute(delete(t.outbox).where(t.outbox.c.feed == feed, t.among(connection, t.outbox.c.call_id, calls)))


def waiting(connection: Connection) -> dict[str, int]:
    """Results that wait, by feed; feeds that are no longer configured are among them."""
    return dict(connection.execute(select(t.outbox.c.feed, func.count()).group_by(t.outbox.c.feed)).tuples().all())
