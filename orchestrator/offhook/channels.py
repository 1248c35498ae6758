"""B-channels handed out one by one, round robin over the spans, to whoever waits with the highest priority."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence

Allowed = Callable[[], Sequence[int]]
"""Spans that a call may use at this moment, in the order in which they are tried."""


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
        self._waiting: list[tuple[int, int, asyncio.Future[int | None], Allowed | None]] = []

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

    def free(self, span: int) -> int:
        """Free channels of a span."""
        return len(self._free[span])

    def take(self, allowed: Allowed | None = None) -> int | None:
        """A free channel, round robin over the spans or in the order of *allowed*; None when there is none."""
        if self.in_use >= self.limit:
            return None
        if allowed is not None:
            for span in allowed():
                if self._up[span] and self._free[span]:
                    return self._from(span)
            return None
        for step in range(len(self._free)):
            span = (self._turn + step) % len(self._free)
            if self._up[span] and self._free[span]:
                self._turn = span + 1
                return self._from(span)
        return None

    def _from(self, span: int) -> int:
        self.in_use += 1
        self.peak = max(self.peak, self.in_use)
        return self._free[span].popleft()

    def ask(self, priority: int, allowed: Allowed | None = None) -> asyncio.Future[int | None]:
        """A channel when one is free. To give up waiting, set the future's result to None."""
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-priority, next(self._order), future, allowed))
        self._serve()
        return future

    def give(self, channel: int) -> None:
        """The channel is free again."""
        self.withdraw(channel)
        self.restore(channel)

    def withdraw(self, channel: int) -> None:
        """The channel is free but takes no calls until :meth:`restore`."""
        self.in_use -= 1

    def restore(self, channel: int) -> None:
        """A withdrawn channel takes calls again."""
        self._free[channel // self.per_span].append(channel)
        self._serve()

    def serve(self) -> None:
        """What is allowed may have changed: look again."""
        self._serve()

    def _serve(self) -> None:
        passed = []  # who cannot be served now does not stand in the way of those behind
        while self._waiting:
            waiter = heapq.heappop(self._waiting)
            if waiter[2].done():
                continue
            channel = self.take(waiter[3])
            if channel is not None:
                waiter[2].set_result(channel)
                continue
            passed.append(waiter)
            if waiter[3] is None or self.in_use >= self.limit:
                break  # any span would have done
        for waiter in passed:
            heapq.heappush(self._waiting, waiter)
