"""What pacing asks of the database: how many people were reached and abandoned, and a day of calls and agents to play again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from offhook.disposition import Disposition
from offhook.store import tables as t
from offhook.store.store import Store


async def abandonment(store: Store, campaign_id: int, from_ms: int, cell_ms: int) -> list[tuple[int, int, int, int]]:
    """People handed to agents, abandoned and connected calls of a campaign since *from_ms*, in cells: the cell's start, and the three."""

    def work(connection: Connection) -> list[tuple[int, int, int, int]]:
        cell = t.call.c.ended_ms - t.call.c.ended_ms % cell_ms
        abandoned = func.sum(case((t.call.c.disposition == Disposition.ABANDONED, 1), else_=0))
        query = (
            select(cell, func.count(), abandoned)
            .where(
                t.call.c.campaign_id == campaign_id,
                t.call.c.ended_ms >= from_ms,
                (t.call.c.agent != "") | (t.call.c.disposition == Disposition.ABANDONED),
            )
            .group_by(cell)
            .order_by(cell)
        )
        return [(int(row[0]), int(row[1]), int(row[2]), int(row[1] - row[2])) for row in connection.execute(query)]

    return await store.read(work)


@dataclass(frozen=True, slots=True)
class Past:
    """One call of a day, and the wrap-up after it. Times in ms; phases since the line was seized, none if it did not happen."""

    started_ms: int
    disposition: Disposition
    ringing_ms: int | None
    answered_ms: int | None
    verdict_ms: int | None
    queued_ms: int | None
    duration_ms: int
    talk_ms: int
    wrap_ms: int


async def past(store: Store, campaign_id: int, from_ms: int, to_ms: int) -> list[Past]:
    """Calls of a campaign that began in [from_ms, to_ms), oldest first."""

    def work(connection: Connection) -> list[Past]:
        wraps = {
            row[0]: int(row[1])
            for row in connection.execute(
                select(t.agent_log.c.call_id, func.sum(t.agent_log.c.to_ms - t.agent_log.c.from_ms))
                .where(t.agent_log.c.state == "wrap", t.agent_log.c.from_ms >= from_ms)
                .group_by(t.agent_log.c.call_id)
            )
        }
        c = t.call.c
        columns = (c.id, c.started_ms, c.disposition, c.ringing_ms, c.answered_ms, c.verdict_ms, c.queued_ms, c.duration_ms, c.talk_ms)
        query = select(*columns).where(c.campaign_id == campaign_id, c.started_ms >= from_ms, c.started_ms < to_ms).order_by(c.started_ms)
        return [Past(r.started_ms, Disposition(r.disposition), *r[3:9], wraps.get(r.id, 0)) for r in connection.execute(query)]

    return await store.read(work)
