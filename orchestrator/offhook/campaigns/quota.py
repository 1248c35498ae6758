"""How many calls may go out now, by rate and by lines. Pure functions of counts and a clock value: a day is tested in milliseconds."""

from __future__ import annotations

import math
from collections import deque

BURST_S = 0.1
"""Time in which missed starts are made up for: timers fire on ticks of 20 ms, and the rate must not suffer."""
RATE_WINDOW_S = 10.0
"""Time over which the rate of starts is told."""
MEMORY_LINE_S = 60.0
"""Most line-seconds that the quota remembers as owed or overdrawn."""


class Pacer:
    """At most so many starts a second, evenly spaced.

    Args:
        per_second: Starts a second.
    """

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._next = -math.inf

    def delay(self, now: float) -> float:
        """Seconds until the next start is allowed, 0 for now."""
        wait = self._next - now
        return wait if wait > 1e-6 else 0.0  # a wait too small to move a float clock would go round for ever

    def take(self, now: float) -> None:
        """A start was made."""
        self._next = max(self._next, now - BURST_S) + 1.0 / self.per_second


class Rate:
    """Starts a second over the last :data:`RATE_WINDOW_S`."""

    def __init__(self) -> None:
        self._starts: deque[float] = deque()

    def count(self, now: float) -> None:
        """A start was made."""
        self._starts.append(now)
        self._trim(now)

    def per_second(self, now: float) -> float:
        """The rate now."""
        self._trim(now)
        return len(self._starts) / RATE_WINDOW_S

    def _trim(self, now: float) -> None:
        while self._starts and self._starts[0] < now - RATE_WINDOW_S:
            self._starts.popleft()


class LineQuota:
    """Lines a campaign may use at once, where the limit may have a fraction (D14): 1.5 lines means two lines half of the time.

    The line-seconds owed since the start decide when the extra line is dialled, so the mean over time meets the limit whatever the
    lengths of the calls.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._active = 0
        self._owed = 0.0  # line-seconds
        self._at = 0.0

    def _settle(self, now: float) -> None:
        self._owed += (self.limit - self._active) * max(0.0, now - self._at)
        self._owed = max(-MEMORY_LINE_S, min(MEMORY_LINE_S, self._owed))
        self._at = now

    def set_active(self, active: int, now: float) -> None:
        """So many lines are in use from *now* on."""
        self._settle(now)
        self._active = active

    def set_limit(self, limit: float, now: float) -> None:
        """Another limit from *now* on."""
        self._settle(now)
        self.limit = limit
        self._owed = min(self._owed, 0.0)

    def wait(self, now: float) -> float | None:
        """Seconds until one more line may be used: 0 for now, None when a line must be given back first."""
        self._settle(now)
        whole = math.floor(self.limit + 1e-9)
        if self._active < whole:
            return 0.0
        if self._active > whole or self.limit - whole < 1e-9:
            return None
        if self._owed > 0:
            return 0.0
        return (1e-6 - self._owed) / (self.limit - self._active)
