"""The plain modes: manual, preview, progressive, ratio, precise, broadcast.

None of them predicts. All but the ratio keep calls in flight at or under the agents who are free, so nobody is abandoned.
"""

from __future__ import annotations

from typing import Literal

from .base import Counted, Mode, Paced
from .state import PacingState


class Manual(Paced):
    """The agent dials from the soft-phone; the policy lets through what :meth:`ask` was told, as lines allow (D07)."""

    reserves = True

    def __init__(self, tick_s: float = 0.5) -> None:
        super().__init__(Mode.MANUAL, tick_s)
        self._asked = 0

    def ask(self, calls: int = 1) -> None:
        """An agent asks for a call."""
        self._asked += calls

    def want(self, state: PacingState, counted: Counted) -> int:
        """Return the calls asked for."""
        if not self._asked:
            self.view.reason = "agents dial by hand"
        return self._asked

    def decide(self, state: PacingState) -> int:
        """Return how many of the calls asked for go now; the others stay asked for."""
        n = super().decide(state)
        self._asked -= n
        return n


class Preview(Paced):
    """An agent is reserved and sees the record, then the system dials; nobody can be abandoned (D08, D12).

    Args:
        review_s: How long the record is shown before the call goes out by itself; ``None`` waits for the agent.
        may_skip: The agent may skip to the next record.
        tick_s: Time between decisions in seconds.
    """

    reserves = True

    def __init__(self, review_s: float | None = 15.0, may_skip: bool = True, tick_s: float = 0.5) -> None:
        super().__init__(Mode.PREVIEW, tick_s)
        if review_s is not None and review_s < 0:
            raise ValueError(f"preview: review_s is {review_s}, give seconds, 0 or more")
        self.review_s = review_s
        self.may_skip = may_skip

    def want(self, state: PacingState, counted: Counted) -> int:
        """Return one call for each agent who is ready and not reserved."""
        if counted.ready <= 0:
            self.view.reason = "no agent is ready"
        return counted.ready


class Progressive(Paced):
    """One call for each free agent."""

    def __init__(self, tick_s: float = 0.5) -> None:
        super().__init__(Mode.PROGRESSIVE, tick_s)

    def want(self, state: PacingState, counted: Counted) -> int:
        """Return the free agents without a call of their own in flight."""
        n = counted.spare - counted.in_flight
        if n <= 0:
            self.view.reason = "every free agent has a call in flight" if counted.ready else "no agent is ready"
        return n


class Ratio(Paced):
    """So many calls per agent, decimals allowed (D09, D14).

    Args:
        calls_per_agent: The ratio, above 0.
        per: ``free`` counts ready agents and calls in flight; ``logged_in`` counts all agents and all lines in use, conversations included.
        tick_s: Time between decisions in seconds.
    """

    def __init__(self, calls_per_agent: float = 1.5, per: Literal["free", "logged_in"] = "free", tick_s: float = 0.5) -> None:
        super().__init__(Mode.RATIO, tick_s)
        if calls_per_agent <= 0:
            raise ValueError(f"ratio: calls_per_agent is {calls_per_agent}, give a number above 0")
        if per not in ("free", "logged_in"):
            raise ValueError(f"ratio: per is {per!r}, give 'free' or 'logged_in'")
        self.calls_per_agent = calls_per_agent
        self.per = per
        self._agents = -1
        self._dice = 0.0

    def want(self, state: PacingState, counted: Counted) -> int:
        """Return the calls that are missing to the ratio."""
        if self.per == "free":
            agents, calls = counted.spare, counted.in_flight
        else:
            agents, calls = counted.logged_in, state.lines_total - state.lines_free
        if agents != self._agents:  # a fresh throw of the dice for the decimals, evenly spread: 1.5 is two calls every other time
            self._agents = agents
            self._dice = (self._dice + 0.6180339887498949) % 1.0
        target = self.calls_per_agent * max(0, agents)
        n = int(target) + (target % 1.0 > self._dice) - calls
        if n <= 0:
            self.view.reason = f"{self.calls_per_agent:g} calls per {'free agent' if self.per == 'free' else 'agent'} are in flight"
        return n


class Precise(Paced):
    """Dials only what the free agents can take, and keeps one of them idle (D10)."""

    def __init__(self, tick_s: float = 0.5) -> None:
        super().__init__(Mode.PRECISE, tick_s)

    def want(self, state: PacingState, counted: Counted) -> int:
        """Return calls for all free agents but one; a lone agent gets one call."""
        keep = 1 if counted.logged_in > 1 else 0
        n = counted.spare - keep - counted.in_flight
        if n <= 0:
            self.view.reason = "one idle agent is kept for every call in flight"
        return n


class Broadcast(Paced):
    """Every line the campaign may use is dialled; no agent is needed.

    Args:
        lines: The most lines to use; ``None`` for all.
        tick_s: Time between decisions in seconds.
    """

    def __init__(self, lines: int | None = None, tick_s: float = 0.1) -> None:
        super().__init__(Mode.BROADCAST, tick_s)
        if lines is not None and lines < 1:
            raise ValueError(f"broadcast: lines is {lines}, give 1 or more")
        self.lines = lines

    def want(self, state: PacingState, counted: Counted) -> int:
        """Return the free lines."""
        if self.lines is None:
            return state.lines_free
        return self.lines - (state.lines_total - state.lines_free)
