"""What a pacing policy sees: lines, agents, what happened since the last decision, and the limits.

A :class:`PacingState` holds only what a dialler can know. Every time is in seconds on the clock of ``t``; arrays are read-only
numpy views that are valid during the call of ``decide`` and may change after it, so a policy copies what it wants to keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from .rules import AbandonRule

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]


class LineState(IntEnum):
    """Where a line is in its call."""

    FREE = 0
    SETUP = 1  # seized, no ringing yet
    RINGING = 2
    ANALYSIS = 3  # answered, not yet known by whom
    QUEUED = 4  # a person waits for an agent
    TALKING = 5
    MESSAGE = 6  # a recorded message plays: an abandoned call, or a broadcast


class AgentState(IntEnum):
    """What an agent is doing. A pause, with whatever reason, is OUT: nobody counts on that agent."""

    OUT = 0
    READY = 1
    TALKING = 2
    WRAP = 3
    RESERVED = 4  # bound to one call or one preview, no other call may reach this agent


class EventKind(IntEnum):
    """What happened since the last decision."""

    OUTCOME = 0  # a call is known to be a person, a machine, busy ...
    TALK_END = 1
    WRAP_END = 2
    ABANDONED = 3


class Outcome(IntEnum):
    """How the engine judged a call. It is the verdict, not the truth: a detector errs."""

    PERSON = 0
    MACHINE = 1
    BUSY = 2
    NO_ANSWER = 3
    UNOBTAINABLE = 4  # SIT, vacant number, number-unobtainable tone (空号)
    FAX = 5
    FAILED = 6  # congestion, no circuit, anything else of the network


@dataclass(frozen=True, slots=True)
class PacingEvent:
    """One thing that happened; the fields that its kind does not use stay at their defaults.

    Attributes:
        kind: What happened.
        t: When, in seconds on the clock of the state.
        outcome: Of an OUTCOME; ``None`` otherwise.
        setup_s: Launch to ringing, or to the end when it never rang.
        ring_s: Ringing to answer, or to the end of ringing; 0 when it never rang.
        detect_s: Answer to verdict; 0 when nobody answered.
        agent: Index of the agent in the state's arrays, of a TALK_END or WRAP_END; -1 otherwise.
        seconds: Length of the talk or of the wrap-up that ended.
    """

    kind: EventKind
    t: float
    outcome: Outcome | None = None
    setup_s: float = 0.0
    ring_s: float = 0.0
    detect_s: float = 0.0
    agent: int = -1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What binds the pacing besides the lines that exist.

    Attributes:
        rule: How abandonment is counted and how much of it is allowed.
        lines: The most lines this campaign may use; ``None`` for all.
        calls_per_s: The most launches in a second; ``None`` for no limit.
    """

    rule: AbandonRule = field(default_factory=AbandonRule)
    lines: int | None = None
    calls_per_s: float | None = None


def _view(values: Any, dtype: type) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.asarray(values, dtype=dtype).view()
    array.flags.writeable = False
    return array


@dataclass(slots=True)
class PacingState:
    """A moment of a campaign, as a policy may see it.

    Attributes:
        t: Now, in seconds.
        lines_total: Lines this campaign may use.
        lines_free: Of these, how many are free.
        line_state: :class:`LineState` of each line.
        line_since: When each line entered that state, in seconds.
        line_started: When the call on each line was launched, in seconds.
        agent_state: :class:`AgentState` of each agent; an agent keeps its index while logged in.
        agent_since: When each agent entered that state, in seconds.
        agent_leaving: True for an agent who has asked to leave and goes after the present call.
        queue_deadlines: When each waiting person becomes an abandoned call, in seconds, earliest first.
        events: What happened since the last decision, in order.
        people: Calls judged to be a person, in the window of the rule.
        abandoned: Of these, calls no agent took in time, in the window of the rule.
        connected: Calls that reached an agent, in the window of the rule.
        dialled: Calls launched, in the window of the rule.
        limits: Abandon rule, lines, calls per second.
    """

    t: float
    lines_total: int
    lines_free: int
    line_state: Codes
    line_since: Floats
    line_started: Floats
    agent_state: Codes
    agent_since: Floats
    agent_leaving: Flags
    queue_deadlines: Floats
    events: Sequence[PacingEvent]
    people: int
    abandoned: int
    connected: int
    dialled: int
    limits: Limits

    @classmethod
    def of(
        cls,
        t: float,
        *,
        line_state: Any,
        agent_state: Any,
        line_since: Any = None,
        line_started: Any = None,
        agent_since: Any = None,
        agent_leaving: Any = None,
        queue_deadlines: Any = (),
        events: Sequence[PacingEvent] = (),
        people: int = 0,
        abandoned: int = 0,
        connected: int = 0,
        dialled: int = 0,
        limits: Limits | None = None,
    ) -> PacingState:
        """Build a state from anything numpy understands; times left out are *t*, flags left out are false.

        Raises:
            ValueError: Arrays that belong together differ in length.
        """
        lines = _view(line_state, np.int8)
        agents = _view(agent_state, np.int8)

        def like(values: Any, other: Codes, dtype: type, default: float, name: str) -> npt.NDArray[Any]:
            array = _view(np.full(other.shape, default) if values is None else values, dtype)
            if array.shape != other.shape:
                raise ValueError(f"{name} has {array.shape[0]} entries, its states have {other.shape[0]}")
            return array

        since = like(line_since, lines, np.float64, t, "line_since")
        return cls(
            t=t,
            lines_total=len(lines),
            lines_free=int(np.count_nonzero(lines == LineState.FREE)),
            line_state=lines,
            line_since=since,
            line_started=like(line_started if line_started is not None else since, lines, np.float64, t, "line_started"),
            agent_state=agents,
            agent_since=like(agent_since, agents, np.float64, t, "agent_since"),
            agent_leaving=like(agent_leaving, agents, np.bool_, False, "agent_leaving"),
            queue_deadlines=_view(queue_deadlines, np.float64),
            events=events,
            people=people,
            abandoned=abandoned,
            connected=connected,
            dialled=dialled,
            limits=limits or Limits(),
        )


@runtime_checkable
class Policy(Protocol):
    """What brings its own pacing: called every ``tick_s`` seconds, it answers how many calls to launch now."""

    tick_s: float

    def decide(self, state: PacingState) -> int:
        """Return the number of calls to launch now; the dialler never launches more than it has lines for."""
        ...
