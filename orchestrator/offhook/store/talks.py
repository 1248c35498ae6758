"""What pacing asks of the database: how many people were reached and abandoned, and when."""

from __future__ import annotations

from sqlalchemy import Connection, case, func, select

from offhook.disposition import Disposition
from offhook.store.models import CallRow
from offhook.store.store import Store


async def abandonment(store: Store, campaign_id: int, from_ms: int, cell_ms: int) -> list[tuple[int, int, int, int]]:
    """People, abandoned and connected calls of a campaign since *from_ms*, in cells of *cell_ms*: the cell's start, and the three."""

    def work(connection: Connection) -> list[tuple[int, int, int, int]]:
        cell = CallRow.ended_ms - CallRow.ended_ms % cell_ms
        abandoned = func.sum(case((CallRow.disposition == Disposition.ABANDONED, 1), else_=0))
        query = (
            select(cell, func.count(), abandoned)
            .where(
                CallRow.campaign_id == campaign_id,
                CallRow.ended_ms >= from_ms,
                CallRow.disposition.in_((Disposition.PERSON, Disposition.ABANDONED)),
            )
            .group_by(cell)
            .order_by(cell)
        )
        return [(int(row[0]), int(row[1]), int(row[2]), int(row[1] - row[2])) for row in connection.execute(query)]

    return await store.read(work)
