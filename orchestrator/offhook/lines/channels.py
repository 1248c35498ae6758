"""B-channels handed out one by one, round robin over the spans, to whoever waits with the highest priority and least line time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from offhook.campaigns.quota import Pacer
from offhook.campaigns.shares import Account, Queue

Allowed = Callable[[], Sequence[int]]
"""Spans that a call may use at this moment, in the order in which they are tried."""


class ChannelPool:
    """Free B-channels of all spans that are in service.

    Args:
        channels: B-channels of the card.
        per_span: B-channels of a span.
        limit: Most that may be in use at once, 0 for all.
        pacer: Most starts a second; whoever waits with the highest priority takes the next one. None: no limit.
    """

    def __init__(self, channels: int, per_span: int, limit: int = 0, pacer: Pacer | None = None) -> None:
        self.channels = channels
        self.per_span = per_span
        self.limit = min(limit or channels, channels)
        self.in_use = 0
        self.peak = 0
        self._free = [deque(range(first, min(first + per_span, channels))) for first in range(0, channels, per_span)]
        self._up = [False] * len(self._free)
        self.blocked: set[int] = set()
        self._held: set[int] = set()  # blocked, and free but for that
        self._turn = 0
        self.pacer = pacer
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = Queue[tuple[asyncio.Future[int | None], Allowed | None]]()
        self._charged: dict[int, tuple[Account, float, float]] = {}  # by channel: whose it is, what was charged, since when

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

    def ask(self, priority: int, allowed: Allowed | None = None, account: Account | None = None) -> asyncio.Future[int | None]:
        """A channel when one is free and the node's rate allows a start. To give up waiting, set the future's result to None.

        Among equal priorities the *account* with the least line time for its share is served first; without one, it goes before them.
        """
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        waiter = self._waiting.put((future, allowed), priority, account)
        future.add_done_callback(lambda _: self._waiting.leave(waiter))  # served, or given up
        self._serve()
        return future

    def give(self, channel: int) -> None:
        """The channel is free again."""
        self.withdraw(channel)
        self.restore(channel)

    def withdraw(self, channel: int) -> None:
        """The channel is free but takes no calls until :meth:`restore`."""
        self.in_use -= 1
        account, charged_s, since = self._charged.pop(channel, (None, 0.0, 0.0))
        if account is not None:
            self._waiting.settle(account, charged_s, asyncio.get_running_loop().time() - since)

    def restore(self, channel: int) -> None:
        """A withdrawn channel takes calls again, unless it is blocked."""
        if channel in self.blocked:
            self._held.add(channel)
            return
        self._free[channel // self.per_span].append(channel)
        self._serve()

    def block(self, channel: int) -> None:
        """Take a channel out of use; a call on it goes on. Twice is allowed."""
        self.blocked.add(channel)
        free = self._free[channel // self.per_span]
        if channel in free:
            free.remove(channel)
            self._held.add(channel)

    def unblock(self, channel: int) -> None:
        """Put a channel into use again; nothing happens to one that is not blocked."""
        self.blocked.discard(channel)
        if channel in self._held:
            self._held.discard(channel)
            self.restore(channel)

    def serve(self) -> None:
        """What is allowed may have changed: look again."""
        self._serve()

    def _serve(self) -> None:
        passed = []  # who cannot be served now does not stand in the way of those behind
        for waiter in self._waiting.each():
            future, allowed = waiter.item
            if future.done():
                self._waiting.leave(waiter)
                continue
            if self._too_early():
                passed.append(waiter)
                break
            channel = self.take(allowed)
            if channel is None:
                passed.append(waiter)
                if allowed is None or self.in_use >= self.limit:
                    break  # any span would have done
                continue
            now = asyncio.get_running_loop().time()
            if self.pacer is not None:
                self.pacer.take(now)
            charged_s = self._waiting.served(waiter)
            future.set_result(channel)
            if waiter.account is not None:
                self._charged[channel] = (waiter.account, charged_s, now)
                asyncio.get_running_loop().call_soon(self._serve)  # once it could ask again: several lines may have come free at once
                break
        for waiter in passed:
            self._waiting.again(waiter)

    def _too_early(self) -> bool:
        """Is the next start not allowed yet? It is looked at again when it is."""
        if self.pacer is None:
            return False
        loop = asyncio.get_running_loop()
        delay = self.pacer.delay(loop.time())
        if delay > 0 and self._timer is None:
            self._timer = loop.call_later(delay, self._on_time)
        return delay > 0

    def _on_time(self) -> None:
        self._timer = None
        self._serve()
