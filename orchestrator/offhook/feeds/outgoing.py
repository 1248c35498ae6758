"""Results on their way out: what the store queued with a call's result is sent until the other side has it (L15, L22).

The queue is written in the transaction that stores the result, so a result that is stored is sent, whatever happens in between; and it is
taken off only after the sink has taken it. A sink that is away is tried again at growing intervals and holds nobody else up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from offhook.clock import Clock
from offhook.errors import StoreError
from offhook.feeds.settings import ResultSettings
from offhook.feeds.sinks import Sink, SinkError, open_sink
from offhook.messages import CallRecord
from offhook.store import Store, outbox
from offhook.store.store import record_of

log = logging.getLogger(__name__)
FIRST_PAUSE_S = 1.0
IDLE_S = 0.5
"""How often the queue is looked at when it was empty."""


class Outbox:
    """The queue in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def queued(self, feed: str, limit: int) -> list[CallRecord]:
        """The oldest results that wait for *feed*, without evidence."""
        return [record_of(row) for row in await self._store.read(lambda connection: outbox.queued(connection, feed, limit))]

    async def delivered(self, feed: str, calls: Sequence[str]) -> None:
        """Take these calls off the queue."""
        await self._store.work(lambda connection: outbox.delivered(connection, feed, calls))

    async def waiting(self) -> dict[str, int]:
        """Results that wait, by feed; feeds that are no longer configured are among them."""
        return await self._store.read(outbox.waiting)


class Delivery:
    """Sends the results of one feed.

    Args:
        settings: Where to.
        queue: Where from.
        clock: Held while the other side takes a batch.
        complain: Told when a sink fails first, and when it works again.
        sink: Instead of the one of the settings, for tests.
    """

    def __init__(
        self, settings: ResultSettings, queue: Outbox, clock: Clock, complain: Callable[[str], None], sink: Sink | None = None
    ) -> None:
        self.settings = settings
        self.sent = 0
        self.failing = ""
        self._queue = queue
        self._clock = clock
        self._complain = complain
        self._sink = sink or open_sink(settings)

    async def run(self) -> None:
        """Send until cancelled."""
        pause = FIRST_PAUSE_S
        try:
            while True:
                try:
                    sent = await self.once()
                except (SinkError, StoreError) as error:
                    self._say(str(error))
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, self.settings.retry_s)
                    continue
                pause = FIRST_PAUSE_S
                if sent < self.settings.batch:
                    await asyncio.sleep(IDLE_S)
        finally:
            await self._sink.close()

    async def once(self) -> int:
        """Send one batch; how many.

        Raises:
            SinkError: The other side did not take it.
            StoreError: The queue cannot be read.
        """
        calls = await self._queue.queued(self.settings.name, self.settings.batch)
        if calls:
            with self._clock.hold():
                await self._sink.send(calls)
            await self._queue.delivered(self.settings.name, [call.id for call in calls])
            self.sent += len(calls)
            if self.failing:
                log.warning("feed %s: works again", self.settings.name)
                self.failing = ""
        return len(calls)

    def _say(self, why: str) -> None:
        if why != self.failing:
            self.failing = why
            self._complain(f"feed {self.settings.name}: {why}; the results are kept and sent again")


def feeds_of(settings: Sequence[ResultSettings]) -> Callable[[str], tuple[str, ...]]:
    """Which feeds get the results of a campaign, by its name."""

    def of(campaign: str) -> tuple[str, ...]:
        return tuple(one.name for one in settings if not one.campaigns or campaign in one.campaigns)

    return of
