"""Two known ways to pace, in our own words, to be compared in the same run.

Neither is meant for use; they stand in the tables of ``docs/pacing.md`` beside the engine's own policy. Both follow published
descriptions; constants that were not published are arguments here.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import numpy as np

from .base import Counted, Mode, Paced
from .state import AgentState, EventKind, Outcome, PacingState


class AdaptiveLevel(Paced):
    """A dial level over all agents that follows ready agents up and waiting calls down, with a daily limiter of abandonment.

    Args:
        limiter: What happens once the abandon rate of the window is over the rule: ``hard_limit`` sets the level to 1,
            ``average`` halves it, ``tapered`` scales it with the hours left.
        max_level: The highest level.
        gain: How fast the level follows.
        shift_hours: Length of the shift, for ``tapered``.
        ready_only: Multiply ready agents and calls in flight instead of all agents and all calls.
        tick_s: Time between decisions in seconds; the level itself moves every 15 s.
    """

    def __init__(
        self,
        limiter: Literal["hard_limit", "average", "tapered"] = "average",
        max_level: float = 4.0,
        gain: float = 1.0,
        shift_hours: float = 8.0,
        ready_only: bool = False,
        tick_s: float = 2.5,
    ) -> None:
        super().__init__(Mode.LEVEL, tick_s)
        if limiter not in ("hard_limit", "average", "tapered"):
            raise ValueError(f"level: limiter is {limiter!r}, give hard_limit, average or tapered")
        self.limiter = limiter
        self.max_level = max_level
        self.gain = gain
        self.shift_s = shift_hours * 3600
        self.ready_only = ready_only
        self.level = 1.0
        self._samples: deque[tuple[float, int, int, int]] = deque()  # t, ready, queued, agents
        self._recent: deque[tuple[float, bool]] = deque()  # t, abandoned, of the last minute
        self._next = 15.0
        self._start: float | None = None

    def want(self, state: PacingState, counted: Counted) -> int:
        """Return level times agents, less the calls that exist."""
        t = state.t
        if self._start is None:
            self._start = t
            self._next = t + 15.0
        self._samples.append((t, counted.ready, counted.queued, counted.logged_in))
        while self._samples[0][0] < t - 60:
            self._samples.popleft()
        for event in state.events:
            if event.kind == EventKind.ABANDONED or (event.kind == EventKind.OUTCOME and event.outcome == Outcome.PERSON):
                self._recent.append((event.t, event.kind == EventKind.ABANDONED))
        while self._recent and self._recent[0][0] < t - 60:
            self._recent.popleft()
        if t >= self._next:
            self._next += 15.0
            self._adapt(state)
        self.view.reason = f"dial level {self.level:.2f}"
        if self.ready_only:
            return round(self.level * max(0, counted.spare)) - counted.in_flight
        return round(self.level * counted.logged_in) - (state.lines_total - state.lines_free)

    def _adapt(self, state: PacingState) -> None:
        ready, queued, agents = (float(x) for x in np.mean(np.array(self._samples)[:, 1:], axis=0))
        if agents > 0:
            self.level *= 1 + self.gain * (ready - queued) / agents
        drops = sum(1 for _, dropped in self._recent if dropped)
        people = len(self._recent) - drops
        if people > 20 and drops > people / 2:
            self.level /= 2
        if state.people > 50 and state.abandoned > state.limits.rule.share * state.people:
            if self.limiter == "hard_limit":
                self.level = 1.0
            elif self.limiter == "average":
                self.level /= 2
            else:
                left = max(0.0, self.shift_s - (state.t - (self._start or 0.0))) / 3600
                self.level *= min(1.0, left / 10)
        self.level = min(self.max_level, max(1.0, self.level))


class WeightSum(Paced):
    """Each busy agent weighs as much as the chance to be free within a window; the window moves with the abandon rate.

    Args:
        window_s: The window to begin with, in seconds.
        tick_s: Time between decisions in seconds.
    """

    def __init__(self, window_s: float = 10.0, tick_s: float = 0.5) -> None:
        super().__init__(Mode.WEIGHTS, tick_s)
        self.window_s = window_s
        self._lengths: deque[float] = deque([120.0] * 5, maxlen=500)
        self._talk: dict[int, float] = {}
        self._people = 10.0
        self._calls = 40.0
        self._next: float | None = None

    def want(self, state: PacingState, counted: Counted) -> int:
        """Return the agents free by the end of the window, over the answer rate, less the calls in flight."""
        for event in state.events:
            if event.kind == EventKind.TALK_END:
                self._talk[event.agent] = event.seconds
            elif event.kind == EventKind.WRAP_END:
                self._lengths.append(self._talk.pop(event.agent, 0.0) + event.seconds)
            elif event.kind == EventKind.OUTCOME:
                self._people = self._people * 0.998 + (event.outcome == Outcome.PERSON)
                self._calls = self._calls * 0.998 + 1
        if self._next is None or state.t >= self._next:
            if self._next is not None and state.people > 20:
                over = state.abandoned > state.limits.rule.share * state.people
                self.window_s = float(np.clip(self.window_s * (0.85 if over else 1.05), 0.5, 120.0))
            self._next = state.t + 15.0
        lengths = np.sort(np.array(self._lengths))
        busy = (state.agent_state == AgentState.TALKING) | (state.agent_state == AgentState.WRAP)
        busy &= ~state.agent_leaving
        elapsed = state.t - state.agent_since[busy]
        wrap = state.agent_state[busy] == AgentState.WRAP
        elapsed = elapsed + np.where(wrap, 0.85 * float(lengths.mean()), 0.0)  # a wrap-up stands near the end of the handling time
        alive = len(lengths) - np.searchsorted(lengths, elapsed)
        later = len(lengths) - np.searchsorted(lengths, elapsed + self.window_s)
        weight = np.where(alive > 0, 1 - later / np.maximum(alive, 1), 1.0)
        agents = max(0.0, counted.spare + float(weight.sum()))
        self.view.reason = f"{agents:.1f} agents free within {self.window_s:.0f} s"
        return int(agents * self._calls / self._people) - counted.in_flight
