"""What every policy of the engine shares: the limits that always bind, and the view that operators see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from .state import AgentState, LineState, PacingState


class Mode(StrEnum):
    """The ways to pace a campaign."""

    MANUAL = "manual"
    PREVIEW = "preview"
    PROGRESSIVE = "progressive"
    RATIO = "ratio"
    PRECISE = "precise"
    PREDICTIVE = "predictive"
    BROADCAST = "broadcast"
    LEVEL = "level"  # rival: adaptive dial level
    WEIGHTS = "weights"  # rival: sum of weights


@dataclass(slots=True)
class PacingView:
    """What operators see of a policy after each decision.

    Attributes:
        mode: The mode in force.
        level: Calls in flight per agent logged in.
        launched: Calls the last decision launched.
        reason: Why it launches no more than that, in words.
        answer_share: Share of calls expected to be answered by a person; NaN where the mode does not learn it.
        risk: Predicted chance that the next call would be abandoned if a person answers; NaN where not predicted.
        risk_limit: The most the budget allows now; NaN where there is none.
        abandon_share: Abandoned calls per person counted so far, 0 to 1.
        budget_left: Calls that could still be abandoned without breaking the rule.
    """

    mode: str
    level: float = 0.0
    launched: int = 0
    reason: str = ""
    answer_share: float = float("nan")
    risk: float = float("nan")
    risk_limit: float = float("nan")
    abandon_share: float = 0.0
    budget_left: float = 0.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Lines and agents of a state, counted once per decision."""

    ready: int
    talking: int
    wrap: int
    reserved: int
    in_flight: int  # setup, ringing, analysis
    queued: int

    @property
    def logged_in(self) -> int:
        """Agents who are not out."""
        return self.ready + self.talking + self.wrap + self.reserved

    @property
    def spare(self) -> int:
        """Ready agents nobody waits for; negative while people wait for agents."""
        return self.ready - self.queued


_READY, _TALKING, _WRAP, _RESERVED = (int(s) for s in (AgentState.READY, AgentState.TALKING, AgentState.WRAP, AgentState.RESERVED))
_SETUP, _RINGING, _ANALYSIS, _QUEUED = (int(s) for s in (LineState.SETUP, LineState.RINGING, LineState.ANALYSIS, LineState.QUEUED))


def count(state: PacingState) -> Counted:
    """Count lines and agents; a ready agent who is leaving is not counted as ready."""
    agents = state.agent_state.tobytes()  # one octet each, counted faster than any array is
    lines = state.line_state.tobytes()
    leaving = int(np.count_nonzero(state.agent_leaving & (state.agent_state == AgentState.READY))) if state.agent_leaving.any() else 0
    return Counted(
        ready=agents.count(_READY) - leaving,
        talking=agents.count(_TALKING),
        wrap=agents.count(_WRAP),
        reserved=agents.count(_RESERVED),
        in_flight=lines.count(_SETUP) + lines.count(_RINGING) + lines.count(_ANALYSIS),
        queued=lines.count(_QUEUED),
    )


class LaunchClock:
    """Lets through no more launches than a calls-per-second limit allows; a pause saves up at most one second."""

    def __init__(self) -> None:
        self._tokens = 1.0
        self._t: float | None = None

    def allow(self, t: float, want: int, calls_per_s: float | None) -> int:
        """Return how many of *want* launches may go at time *t*, and count them."""
        if calls_per_s is None:
            return want
        if self._t is not None:
            self._tokens = min(max(calls_per_s, 1.0), self._tokens + calls_per_s * max(0.0, t - self._t))
        self._t = t
        n = min(want, int(self._tokens + 1e-9))
        self._tokens -= n
        return n


class Paced:
    """Base of the engine's policies: subclasses say how many calls they want, this class applies the limits.

    Attributes:
        tick_s: How often :meth:`decide` is to be called, in seconds.
        reserves: Calls are bound to a reserved agent before they are dialled, so none can be abandoned.
        review_s: With ``reserves``: how long the agent sees the record before the call goes out by itself; ``None`` for at once.
        view: What operators see.
    """

    reserves: bool = False
    review_s: float | None = None

    def __init__(self, mode: Mode, tick_s: float = 0.5) -> None:
        if tick_s <= 0:
            raise ValueError(f"pacing: tick_s is {tick_s}, give seconds above 0")
        self.tick_s = tick_s
        self.view = PacingView(mode=str(mode))
        self._clock = LaunchClock()

    def decide(self, state: PacingState) -> int:
        """Return how many calls to launch now."""
        counted = count(state)
        view = self.view
        view.reason = ""
        want = max(0, self.want(state, counted))
        room = state.lines_free
        if state.limits.lines is not None:
            room = min(room, state.limits.lines - (state.lines_total - state.lines_free))
        n = max(0, min(want, room))
        if n < want:
            view.reason = "no free line" if state.lines_free <= n else "line limit of the campaign"
        allowed = self._clock.allow(state.t, n, state.limits.calls_per_s)
        if allowed < n:
            view.reason = f"limit of {state.limits.calls_per_s:g} calls per second"
        view.launched = allowed
        view.level = (counted.in_flight + allowed) / counted.logged_in if counted.logged_in else 0.0
        view.abandon_share = state.abandoned / state.people if state.people else 0.0
        view.budget_left = state.limits.rule.allowed(state.people) - state.abandoned
        return allowed

    def want(self, state: PacingState, counted: Counted) -> int:
        """Return how many calls the mode wants now; lines and rates are not its concern."""
        raise NotImplementedError

    def learned(self) -> object | None:
        """Return what was learned, to hand to the next policy when the mode is switched; ``None`` if the mode learns nothing."""
        return self._carried

    def carry(self, learned: object | None) -> None:
        """Take over what another policy learned."""
        self._carried = learned

    _carried: object | None = None
