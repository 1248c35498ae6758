"""Live trunks: which spans a call may use now, what is sent on them, and how well they and their channels do (S08-S10, S14).

Care of a line is made from results alone. A channel whose calls go wrong one after another, while its trunk's others do not, rests; a trunk
that could not take a call is tried last at that lead's next attempt; a trunk's rate of attempts is kept to its limit.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from offhook.calls.disposition import Disposition
from offhook.campaigns.quota import Pacer
from offhook.clock import Clock
from offhook.lines.channels import Allowed, ChannelPool
from offhook.messages import CallRecord, TrunkState
from offhook.numbers import DialPlan, Number, dialled
from offhook.routes import Choice, Routes, Trunk, decide
from offhook.routes.decide import rewrite
from offhook_drivers.contract import Dial, Party

log = logging.getLogger(__name__)

WINDOW = 200
"""Calls of a trunk that its figures are made from."""
BAD_IN_A_ROW = 3
"""So many bad calls one after another put a channel to rest."""
REST_S = (600.0, 14_400.0)
"""First and longest rest; it doubles while the channel stays bad."""
GLARE_REST_S = 2.0
"""The exchange has taken the channel at the same moment: its call needs a while."""
AVOID_S = 3600.0
"""How long a lead's failed trunk is tried last."""
MOST_AVOIDED = 100_000
ELSEWHERE_S = 5.0
"""A call that failed on our side of the line, a span in RED say, is tried again so soon, elsewhere if there is another way."""
_NO_CIRCUIT = frozenset({34, 38, 41, 42, 44, 47})
_FALSE = frozenset({Disposition.UNREACHABLE, Disposition.VACANT, Disposition.SUSPECT_VACANT, Disposition.BUSY, Disposition.CONGESTION})


@dataclass(frozen=True, slots=True)
class Way:
    """What is sent for a call on the span it got."""

    dialled: str
    calling: str
    trunk: Trunk | None = None

    def dial(self, channel: int, call_id: str) -> Dial:
        """As a command for the driver."""
        if self.trunk is None:
            return Dial(channel, call_id, self.dialled, self.calling)
        return Dial(channel, call_id, self.dialled, self.calling, self.trunk.called_as, self.trunk.calling_as, self.trunk.overlap)


@dataclass(slots=True)
class _Channel:
    bad: int = 0
    rest_s: float = REST_S[0]
    resting: bool = False


@dataclass(slots=True)
class _Group:
    """A trunk group and its latest calls: (answered, delay in ms or None, false, bad)."""

    trunk: Trunk
    pacer: Pacer | None
    turn: int = 0
    calls: deque[tuple[bool, int | None, bool, bool]] = field(default_factory=lambda: deque(maxlen=WINDOW))


def is_bad(record: CallRecord) -> bool:
    """Does this result speak against the channel? Answered and nothing heard, no sign of life until the ring time-out, or unusable."""
    if record.disposition is Disposition.ANSWERED_SILENT or record.cause in (44, 82, 102):
        return True
    lifeless = record.answered_ms is None and record.ringing_ms is None and record.proceeding_ms is None
    return lifeless and record.disposition is Disposition.NO_ANSWER


def wait(record: CallRecord, after_s: float) -> float:
    """Seconds until the next attempt: what the plan says, but no more than a few when our own line failed before anyone answered."""
    ours = record.ended_by == Party.DRIVER and record.answered_ms is None and record.cause in _NO_CIRCUIT
    return min(after_s, ELSEWHERE_S) if ours else after_s


class Trunks:
    """All trunk groups of a node.

    Args:
        routes: The tables; without trunks every call may use every span.
        plan: ``[dial]``.
        pool: The channels.
        clock: Time.
        on_rest: Told of a channel that was put to rest: channel, seconds, why.

    Raises:
        ConfigError: The tables name a span that the driver lacks.
    """

    def __init__(self, routes: Routes, plan: DialPlan, pool: ChannelPool, clock: Clock, on_rest: Callable[[int, float, str], None]) -> None:
        routes.check_spans(pool.spans)
        self.routes = routes
        self._plan = plan
        self._pool = pool
        self._clock = clock
        self._on_rest = on_rest
        trunks = routes.trunk or (Trunk(name="all", spans=tuple(range(pool.spans))),)
        self._groups = {t.name: _Group(t, Pacer(t.calls_per_second) if t.calls_per_second else None) for t in trunks}
        self._of_span = {span: group for group in self._groups.values() for span in group.trunk.spans}
        self._channels: dict[int, _Channel] = {}
        self._avoid: dict[int, tuple[str, float]] = {}
        self._again: asyncio.TimerHandle | None = None

    # -- before a call --------------------------------------------------------------------------------------------------------------

    def allowed(self, number: Number, lead_id: int, campaign: str, caller_id: str) -> Allowed | None:
        """Which spans a call may use, asked again each time a channel is free; None: all in turn, also where no route takes it."""
        choices = self._choices(number, lead_id, campaign, caller_id) if self.routes.trunk else []
        return (lambda: self._spans_now(choices)) if choices else None

    def _choices(self, number: Number, lead_id: int, campaign: str, caller_id: str) -> list[Choice]:
        when = self._clock.now()
        choices = list(decide(self.routes, number, self._plan, when, campaign=campaign, caller_id=caller_id).choices)
        avoided, until = self._avoid.get(lead_id, ("", 0.0))
        if until > self._clock.monotonic():
            choices.sort(key=lambda choice: choice.trunk.name == avoided)
        return choices

    def _spans_now(self, choices: list[Choice]) -> list[int]:
        now = self._clock.monotonic()
        spans: list[int] = []
        soonest = 0.0
        for choice in choices:
            group = self._groups[choice.trunk.name]
            delay = group.pacer.delay(now) if group.pacer is not None else 0.0
            if delay:
                soonest = min(soonest or delay, delay)
            else:
                spans += self._hunt(group)
        if soonest and self._again is None:
            self._again = asyncio.get_running_loop().call_later(soonest, self._look_again)
        return spans

    def _look_again(self) -> None:
        self._again = None
        self._pool.serve()

    def _hunt(self, group: _Group) -> list[int]:
        spans = list(group.trunk.spans)
        match group.trunk.hunt:
            case "down":
                spans.reverse()
            case "least_used":
                spans.sort(key=self._pool.free, reverse=True)
            case "round_robin":
                spans = spans[group.turn :] + spans[: group.turn]
            case _:
                pass
        return spans

    def way(self, number: Number, lead_id: int, campaign: str, caller_id: str, span: int) -> Way | None:
        """What is sent for a call that got a channel of *span*, None when no route takes it; the attempt counts from here."""
        group = self._of_span.get(span)
        if group is not None:
            group.turn = (group.trunk.spans.index(span) + 1) % len(group.trunk.spans)
            if group.pacer is not None:
                group.pacer.take(self._clock.monotonic())
        if self.routes.trunk and group is not None:
            for choice in self._choices(number, lead_id, campaign, caller_id):
                if choice.trunk is group.trunk:
                    return Way(choice.dialled, choice.calling, choice.trunk)
            return None
        return None if self.routes.trunk else Way(dialled(number, self._plan), caller_id)

    # -- after a call ---------------------------------------------------------------------------------------------------------------

    def stored(self, digits: str) -> str:
        """Dialled digits as they are kept with the call."""
        return rewrite(self.routes.cdr, digits)[0]

    def ended(self, record: CallRecord) -> float:
        """Take a result in; seconds that its channel is to rest, 0 for none."""
        group = self._of_span.get(record.span)
        if group is None or record.disposition is None or record.channel < 0:
            return 0.0
        bad = is_bad(record)
        answered = record.answered_ms is not None
        false = answered and record.disposition in _FALSE
        delay = next((ms for ms in (record.ringing_ms, record.answered_ms) if ms is not None), None)
        group.calls.append((answered, delay, false, bad))
        if record.cause in _NO_CIRCUIT and not answered and record.ringing_ms is None:
            if len(self._avoid) >= MOST_AVOIDED:
                self._avoid.clear()
            self._avoid[record.lead_id] = (group.trunk.name, self._clock.monotonic() + AVOID_S)
        if record.cause == 44 and record.ended_by != "us" and record.proceeding_ms is None:
            return GLARE_REST_S
        return self._judge(record, group, bad)

    def _judge(self, record: CallRecord, group: _Group, bad: bool) -> float:
        channel = self._channels.setdefault(record.channel, _Channel())
        if not bad:
            channel.bad, channel.rest_s = 0, REST_S[0]
            return 0.0
        channel.bad += 1
        others_bad = sum(call[3] for call in group.calls) - min(channel.bad, len(group.calls))
        others = max(1, len(group.calls) - channel.bad)
        if channel.bad < BAD_IN_A_ROW or others_bad / others > 0.5:  # the whole trunk is bad: no single channel's fault
            return 0.0
        rest_s, channel.rest_s = channel.rest_s, min(2 * channel.rest_s, REST_S[1])
        channel.bad = BAD_IN_A_ROW - 1  # after the rest one bad call more is enough
        why = f"{record.disposition}" + (f", cause {record.cause}" if record.cause is not None else "")
        log.warning("channel %d: rests %g s after %d bad calls in a row, the last: %s", record.channel, rest_s, BAD_IN_A_ROW, why)
        self._on_rest(record.channel, rest_s, why)
        return rest_s

    def free(self, channel: int, rest_s: float) -> None:
        """Give a channel back to the pool, after its rest."""
        if not rest_s:
            self._pool.give(channel)
            return
        self._pool.withdraw(channel)
        self._channels.setdefault(channel, _Channel()).resting = True
        asyncio.get_running_loop().call_later(rest_s, self._rested, channel)

    def _rested(self, channel: int) -> None:
        self._channels[channel].resting = False
        self._pool.restore(channel)

    def status(self) -> list[TrunkState]:
        """How each trunk group does."""
        states = []
        for group in self._groups.values():
            attempts, answers = len(group.calls), sum(call[0] for call in group.calls)
            resting = [c for c, state in self._channels.items() if state.resting and self._of_span.get(c // self._pool.per_span) is group]
            delays = [call[1] / 1000 for call in group.calls if call[1] is not None]
            states.append(
                TrunkState(
                    name=group.trunk.name,
                    spans=group.trunk.spans,
                    attempts=attempts,
                    answer_seizure_ratio=answers / attempts if attempts else 0.0,
                    post_dial_delay_s=statistics.median(delays) if delays else None,
                    false_answers=sum(call[2] for call in group.calls) / answers if answers else 0.0,
                    resting=tuple(resting),
                    blocked=tuple(c for c in sorted(self._pool.blocked) if self._of_span.get(c // self._pool.per_span) is group),
                )
            )
        return states
