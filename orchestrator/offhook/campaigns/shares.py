"""Who gets the next line: the highest priority, and among equals whoever had least line time for its share (D25). Pure of time and tasks.

Weighted fair queueing by start tags: an account's tag is its line time so far divided by its share. A call is charged with the expected
length when its line is taken and with the true one when it ends, so that campaigns with long calls get no more than those with short ones.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")

CREDIT_LINE_S = 120.0
"""Most line-seconds that a campaign may be behind its share and catch up, or ahead of it and wait: what it did not use beyond that went to
the others, and what it had while it was alone was nobody else's."""
CREDIT_CALLS = 5
"""The same in calls, where these are long."""
FIRST_GUESS_S = 30.0
LEARN = 0.05
"""Weight of the newest call in the expected length of a call."""


@dataclass(slots=True, eq=False)
class Account:
    """The line time of one campaign.

    Args:
        share: Its weight among the campaigns of its priority.
    """

    share: float = 1.0
    tag: float = -math.inf  # line-seconds / share, on the scale of its priority
    priority: int = -1
    call_s: float = FIRST_GUESS_S  # expected length of a call
    waiting: list[_Waiter[Any]] = field(default_factory=list)

    def end(self, charged_s: float, used_s: float) -> None:
        """A line is given back: what was charged for it becomes what it was."""
        self.tag += (used_s - charged_s) / self.share
        if used_s > 0:
            self.call_s += LEARN * (used_s - self.call_s)


@dataclass(slots=True, eq=False)
class _Waiter(Generic[T]):
    item: T
    priority: int
    order: int
    account: Account | None
    gone: bool = False


class Queue(Generic[T]):
    """Those who wait for a line, in the order in which they are served."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, float, int, _Waiter[T]]] = []
        self._order = itertools.count()
        self._now: dict[int, float] = {}  # tag of the latest that was served, by priority

    def put(self, item: T, priority: int, account: Account | None) -> _Waiter[T]:
        """Somebody waits. Without an account it goes before all of its priority."""
        waiter = _Waiter(item, priority, next(self._order), account)
        if account is not None:
            at = self._now.get(priority, 0.0)
            if account.priority != priority:
                account.priority, account.tag = priority, at
            far = max(CREDIT_LINE_S, CREDIT_CALLS * account.call_s) / account.share
            account.tag = min(max(account.tag, at - far), at + far)
            account.waiting.append(waiter)
        self.again(waiter)
        return waiter

    def again(self, waiter: _Waiter[T]) -> None:
        """Put a waiter back who could not be served, or whose account has changed."""
        tag = -math.inf if waiter.account is None else waiter.account.tag
        heapq.heappush(self._heap, (-waiter.priority, tag, waiter.order, waiter))

    def settle(self, account: Account, charged_s: float, used_s: float) -> None:
        """A call of *account* is over; who waits of it stands elsewhere in the queue now."""
        account.end(charged_s, used_s)
        if used_s < charged_s:  # else it is found too far ahead when its turn comes
            for waiter in account.waiting:
                self.again(waiter)

    def each(self) -> Iterator[_Waiter[T]]:
        """Take waiters out one by one, the next to be served first."""
        while self._heap:
            _, tag, _, waiter = heapq.heappop(self._heap)
            if waiter.gone:
                continue
            if waiter.account is not None and waiter.account.tag > tag:
                self.again(waiter)
                continue
            yield waiter

    def leave(self, waiter: _Waiter[T]) -> None:
        """It waits no longer."""
        if waiter.gone:
            return
        waiter.gone = True
        if waiter.account is not None:
            waiter.account.waiting.remove(waiter)

    def served(self, waiter: _Waiter[T]) -> float:
        """It got its line; what is charged for it, line-seconds."""
        self.leave(waiter)
        account = waiter.account
        if account is None:
            return 0.0
        self._now[waiter.priority] = max(self._now.get(waiter.priority, 0.0), account.tag)
        charged = account.call_s
        account.tag += charged / account.share
        return charged
