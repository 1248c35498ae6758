"""What pacing asks of the database: people reached and abandoned, here and by other nodes, and a day of calls and agents to play again."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from offhook.calls.disposition import Disposition
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


LONGEST_MS = 3_600_000
"""A call of another node that took longer is not found: one talk of an hour matters less than reading so many rows every half minute."""
LATE_MS = 120_000
"""A result is looked for so long after its call has ended: clocks differ, and it may have been written late."""


class Others:
    """Calls of one campaign that other nodes have ended.

    Args:
        campaign_id: The campaign.
        node: Whose calls are left out.
    """

    def __init__(self, campaign_id: int, node: str) -> None:
        self._campaign = campaign_id
        self._node = node
        self._seen: dict[str, int] = {}  # when they ended, ms, by call
        self._since_ms: int | None = None  # none: never looked

    async def new(self, store: Store, now_ms: int) -> list[tuple[int, int]]:
        """Since the last look, people handed to agents: when the call ended, ms, and 1 for an abandoned one. The first look finds none."""
        first, since_ms = self._since_ms is None, (self._since_ms or now_ms) - LATE_MS
        begun = f"{since_ms - LONGEST_MS:012x}"  # ids begin with the time of the reservation

        def work(connection: Connection) -> list[tuple[str, int, int]]:
            abandoned = case((t.call.c.disposition == Disposition.ABANDONED, 1), else_=0)
            query = (
                select(t.call.c.id, t.call.c.ended_ms, abandoned)
                .join(t.journal, t.journal.c.call_id == t.call.c.id)
                .where(
                    t.call.c.id >= f"{begun[:8]}-{begun[8:]}",
                    t.call.c.campaign_id == self._campaign,
                    t.call.c.ended_ms >= since_ms,
                    (t.call.c.agent != "") | (t.call.c.disposition == Disposition.ABANDONED),
                    t.journal.c.node != self._node,
                )
            )
            return [(row[0], int(row[1]), int(row[2])) for row in connection.execute(query)]

        found = {call_id: (ended_ms, abandoned) for call_id, ended_ms, abandoned in await store.read(work)}
        fresh = [one for call_id, one in found.items() if call_id not in self._seen]
        self._seen = {call_id: ended_ms for call_id, (ended_ms, _) in found.items()}
        self._since_ms = now_ms
        return [] if first else sorted(fresh)


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
