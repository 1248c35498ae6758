"""B-channels handed out one by one, round robin over the spans, to whoever waits with the highest priority."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque


class ChannelPool:
    """Free B-channels of all spans that are in service.

    Args:
        channels: B-channels of the card.
        per_span: B-channels of a span.
        limit: Most that may be in use at once, 0 for all.
    """

    def __init__(self, channels: int, per_span: int, limit: int = 0) -> None:
        self.channels = channels
        self.per_span = per_span
        self.limit = min(limit or channels, channels)
        self.in_use = 0
        self.peak = 0
        self._free = [deque(range(first, min(first + per_span, channels))) for first in range(0, channels, per_span)]
        self._up = [False] * len(self._free)
        self._turn = 0
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[int | None]]] = []

    @property
    def spans(self) -> int:
        """Spans of the card."""
        return len(self._free)

    def up(self, span: int) -> bool:
        """Is the span in service?"""
        return self._up[span]

    def set_up(self, span: int, up: bool) -> None:
        """Put a span into service or take it out; calls on it go on."""
        self._up[span] = up
        self._serve()

    def take(self) -> int | None:
        """A free channel, or None."""
        if self.in_use >= self.limit:
            return None
        for step in range(len(self._free)):
            span = (self._turn + step) % len(self._free)
            if self._up[span] and self._free[span]:
                self._turn = span + 1
                self.in_use += 1
                self.peak = max(self.peak, self.in_use)
                return self._free[span].popleft()
        return None

    def ask(self, priority: int) -> asyncio.Future[int | None]:
        """A channel when one is free. To give up waiting, set the future's result to None."""
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-priority, next(self._order), future))
        self._serve()
        return future

    def give(self, channel: int) -> None:
        """The channel is free again."""
        self.in_use -= 1
        self._free[channel // self.per_span].append(channel)
        self._serve()

    def _serve(self) -> None:
        while self._waiting:
            if self._waiting[0][2].done():
                heapq.heappop(self._waiting)
                continue
            channel = self.take()
            if channel is None:
                return
            heapq.heappop(self._waiting)[2].set_result(channel)
