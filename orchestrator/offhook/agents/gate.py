"""How many calls a campaign with agents launches now: its lines and its counts, as its pacing policy sees them.

The policy objects are those of :mod:`offhook.pacing`, which also play in the shift simulator; here the state comes from live calls. All
times are of the loop's clock, seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from offhook.agents.messages import PacingPlan, PacingShown
from offhook.calls.call import Call
from offhook.calls.disposition import Disposition
from offhook.messages import CallPhase, CampaignSpec
from offhook.pacing import (
    AgentState,
    EventKind,
    Limits,
    LineState,
    Outcome,
    Paced,
    PacingEvent,
    PacingState,
    Window,
    make,
    switch,
)

LINES = {
    CallPhase.RESERVED: LineState.SETUP,
    CallPhase.SEIZED: LineState.SETUP,
    CallPhase.PROCEEDING: LineState.SETUP,
    CallPhase.RINGING: LineState.RINGING,
    CallPhase.EARLY_MEDIA: LineState.RINGING,
    CallPhase.ANSWERED: LineState.ANALYSIS,
    CallPhase.QUEUED: LineState.QUEUED,
    CallPhase.TALKING: LineState.TALKING,
    CallPhase.PLAYING: LineState.MESSAGE,
    CallPhase.MESSAGE: LineState.MESSAGE,
    CallPhase.ABANDONED: LineState.MESSAGE,
    CallPhase.RECORDING: LineState.MESSAGE,
    CallPhase.CLEARING: LineState.MESSAGE,  # in use, and nothing more will come of it
}
OUTCOMES = {
    Disposition.PERSON: Outcome.PERSON,
    Disposition.ABANDONED: Outcome.PERSON,
    Disposition.MACHINE: Outcome.MACHINE,
    Disposition.IVR: Outcome.MACHINE,
    Disposition.ANSWERED_SILENT: Outcome.MACHINE,
    Disposition.ANSWERED: Outcome.MACHINE,  # left before the verdict: nobody for an agent
    Disposition.FAX: Outcome.FAX,
    Disposition.BUSY: Outcome.BUSY,
    Disposition.NO_ANSWER: Outcome.NO_ANSWER,
    Disposition.VACANT: Outcome.UNOBTAINABLE,
    Disposition.SUSPECT_VACANT: Outcome.UNOBTAINABLE,
    Disposition.UNREACHABLE: Outcome.UNOBTAINABLE,
}
"""How the pacing counts a call that ended without having reached the agents; all others are FAILED."""


@dataclass(frozen=True, slots=True)
class Crew:
    """The agents as one campaign's pacing is to see them, by index."""

    state: npt.NDArray[np.int8]
    since: npt.NDArray[np.float64]
    leaving: npt.NDArray[np.bool_]


def policy(spec: CampaignSpec, before: Paced | None = None) -> Paced:
    """The policy of a campaign with agents; with *before*, it goes on with what that one has learned."""
    mode, settings = spec.mode, _settings(spec)
    return make(mode, **settings) if before is None else switch(before, mode, **settings)


def _settings(spec: CampaignSpec) -> dict[str, Any]:
    plan = spec.pacing
    match spec.mode:
        case "preview":
            return {"review_s": plan.review_s, "may_skip": plan.may_skip}
        case "ratio":
            return {"calls_per_agent": spec.lines_per_agent, "per": plan.per}
        case "predictive":
            named = ("answer_share", "talk_s", "wrap_s", "min_agents", "min_people", "target", "target_value")
            return {name: getattr(plan, name) for name in named}
        case _:
            return {}


class Gate:
    """Lines, counts and policy of one campaign.

    Args:
        spec: The campaign, in a mode with agents.
        channels: B-channels of the node.
        before: Policy to learn from.
    """

    def __init__(self, spec: CampaignSpec, channels: int, before: Paced | None = None) -> None:
        self.policy = policy(spec, before)
        self.rule = spec.pacing.abandon.rule()
        self.window = Window(self.rule.window_s)
        self.seeded = False  # the window knows the calls before this run
        self._spec = spec
        self._slots: dict[str, int] = {}
        self._free = list(range(channels - 1, -1, -1))
        self._line_state: npt.NDArray[np.int8] = np.zeros(channels, np.int8)
        self._line_since: npt.NDArray[np.float64] = np.zeros(channels)
        self._line_started: npt.NDArray[np.float64] = np.zeros(channels)
        self._known: set[str] = set()  # calls whose outcome the policy has
        self._events: list[PacingEvent] = []
        self._counts = (0, 0, 0, 0)  # agents counted, ready, talking; people waiting
        self._decided = False

    def change(self, spec: CampaignSpec) -> None:
        """Other settings from now on, another mode perhaps; what was learned stays."""
        rule = spec.pacing.abandon.rule()
        if rule.window_s != self.rule.window_s:
            self.window, self.seeded = Window(rule.window_s), False
        self.rule = rule
        if (spec.mode, _settings(spec)) != (self._spec.mode, _settings(self._spec)):
            self.policy = policy(spec, self.policy)
        self._spec = spec

    @property
    def plan(self) -> PacingPlan:
        """The campaign's pacing plan."""
        return self._spec.pacing

    # -- what happens on the lines --------------------------------------------------------------------------------------------------

    def began(self, call_id: str, t: float) -> None:
        """A line is used for a call."""
        slot = self._slots[call_id] = self._free.pop()
        self._line_state[slot] = LineState.SETUP
        self._line_since[slot] = self._line_started[slot] = t
        self.window.add(t, dialled=1)

    def moved(self, call: Call, t: float) -> None:
        """A call is in another phase."""
        slot = self._slots.get(call.id)
        line = LINES.get(call.phase)
        if slot is None or line is None:
            return
        if call.phase is CallPhase.QUEUED:
            self._outcome(call, Outcome.PERSON, t)
        elif call.phase is CallPhase.MESSAGE:
            self._outcome(call, Outcome.MACHINE, t)
        if line != self._line_state[slot]:
            self._line_state[slot] = line
            self._line_since[slot] = t

    def ended(self, call_id: str, call: Call | None, t: float) -> None:
        """The line is free; *call* None when nothing was dialled."""
        slot = self._slots.pop(call_id, None)
        if slot is None:
            return
        if call is not None and call.disposition is not None:
            self._outcome(call, OUTCOMES.get(call.disposition, Outcome.FAILED), t)
        self._known.discard(call_id)
        self._line_state[slot] = LineState.FREE
        self._free.append(slot)

    def _outcome(self, call: Call, outcome: Outcome, t: float) -> None:
        if call.id in self._known:
            return
        self._known.add(call.id)
        times = call.milestones
        answered = times.get("answered")
        end = call.elapsed_ms if answered is None else answered
        ringing = times.get("ringing", end)
        setup, ring, detect = min(ringing, end), max(0, end - ringing), 0 if answered is None else max(0, call.elapsed_ms - answered)
        self._events.append(PacingEvent(EventKind.OUTCOME, t, outcome, setup / 1000, ring / 1000, detect / 1000))
        if outcome is Outcome.PERSON:
            self.window.add(t, people=1)

    def connected(self, t: float) -> None:
        """A person talks with an agent."""
        self.window.add(t, connected=1)

    def abandoned(self, t: float) -> None:
        """Nobody came in time."""
        self.window.add(t, abandoned=1)
        self._events.append(PacingEvent(EventKind.ABANDONED, t))

    def talk_ended(self, agent: int, seconds: float, t: float) -> None:
        """An agent's talk is over."""
        self._events.append(PacingEvent(EventKind.TALK_END, t, agent=agent, seconds=seconds))

    def wrap_ended(self, agent: int, seconds: float, t: float) -> None:
        """And the wrap-up after it."""
        self._events.append(PacingEvent(EventKind.WRAP_END, t, agent=agent, seconds=seconds))

    def seed(self, cells: Iterable[tuple[float, int, int, int]]) -> None:
        """Count what was before this run: loop time, people, abandoned and connected calls, oldest first."""
        for t, people, abandoned, connected in cells:
            self.window.add(t, people=people, abandoned=abandoned, connected=connected)
        self.seeded = True

    # -- deciding -------------------------------------------------------------------------------------------------------------------

    @property
    def lines(self) -> int:
        """Lines in use."""
        return len(self._slots)

    def decide(self, t: float, lines_free: int, crew: Crew, deadlines: Sequence[float]) -> int:
        """How many calls to launch now."""
        people, abandoned, connected, dialled = self.window.totals(t)
        events, self._events = self._events, []
        free = max(0, min(lines_free, self._spec.lines - len(self._slots)))
        state = PacingState(
            t,
            len(self._slots) + free,
            free,
            _frozen(self._line_state),
            _frozen(self._line_since),
            _frozen(self._line_started),
            _frozen(crew.state),
            _frozen(crew.since),
            _frozen(crew.leaving),
            _frozen(np.array(sorted(deadlines))),
            events,
            people,
            abandoned,
            connected,
            dialled,
            Limits(self.rule, None, self._spec.calls_per_second),
        )
        counted = np.bincount(crew.state, minlength=len(AgentState))
        self._counts = (int(counted[1:].sum()), int(counted[AgentState.READY]), int(counted[AgentState.TALKING]), len(deadlines))
        self._decided = True
        return self.policy.decide(state)

    def shown(self, t: float) -> PacingShown | None:
        """The last decision as told; None before the first."""
        if not self._decided:
            return None
        view = self.policy.view
        people, abandoned, _, dialled = self.window.totals(t)
        agents, ready, talking, waiting = self._counts
        return PacingShown(
            mode=view.mode,
            level=round(view.level, 3),
            launched=view.launched,
            reason=view.reason,
            agents=agents,
            ready=ready,
            talking=talking,
            waiting=waiting,
            in_flight=int(np.count_nonzero((self._line_state >= LineState.SETUP) & (self._line_state <= LineState.ANALYSIS))),
            answer_share=_number(view.answer_share),
            answer_share_seen=round(people / dialled, 4) if dialled else None,
            risk=_number(view.risk),
            risk_limit=_number(view.risk_limit),
            people=people,
            abandoned=abandoned,
            abandon_share=round(abandoned / people, 5) if people else 0.0,
            budget_left=round(self.rule.allowed(people) - abandoned, 2),
        )


def _number(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
