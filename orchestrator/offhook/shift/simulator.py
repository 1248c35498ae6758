"""A shift, event by event, paced by the same policy objects as live traffic.

The list, the network, the detector and the agents are drawn from a :class:`~offhook.shift.scenario.Scenario`; the policy sees only the
:class:`~offhook.pacing.state.PacingState` that a live dialler would give it. Leads are drawn from a stream of their own, so every policy
meets the same people in the same order under the same seed.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import thread_time
from typing import Any

import numpy as np
import numpy.typing as npt

from offhook.pacing.base import Paced
from offhook.pacing.modes import Broadcast, Manual
from offhook.pacing.rules import Counts, Start, Window
from offhook.pacing.state import AgentState, EventKind, Limits, LineState, Outcome, PacingEvent, PacingState, Policy

from .leads import Lead, Leads
from .scenario import Group, Scenario, at

FREE, SETUP, RINGING, ANALYSIS, QUEUED, TALKING, MESSAGE = (int(s) for s in LineState)
OUT, READY, AGENT_TALKING, WRAP, RESERVED = (int(s) for s in AgentState)


@dataclass(slots=True)
class Minute:
    """One minute of the shift, for plots."""

    t: float
    logged_in: float
    busy: float
    in_flight: int
    people: int
    abandoned: int
    risk: float
    risk_limit: float
    answer_share: float


@dataclass(slots=True)
class Report:
    """What came of a shift. Shares are 0 to 1, times are seconds."""

    name: str
    mode: str
    seed: int
    hours: float
    dialled: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    people: int = 0
    connected: int = 0
    abandoned: int = 0
    late: int = 0  # connected, but after the clock of the rule had run out
    false_positives: int = 0
    machines_connected: int = 0
    machines_abandoned: int = 0
    abandon_share: float = 0.0  # by the formula of the rule
    worst_window: float = 0.0  # highest share over any full window of the rule
    kept: bool = True
    utilisation: float = 0.0
    logged_in_h: float = 0.0
    connects_per_agent_h: float = 0.0
    agent_wait_s: float = 0.0
    person_wait_s: float = 0.0
    lines_used: float = 0.0
    calls_per_h: float = 0.0
    minutes: list[Minute] = field(default_factory=list)
    decision_s: list[float] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures without the course and the timings."""
        skip = {"minutes", "decision_s"}
        return {k: getattr(self, k) for k in self.__slots__ if k not in skip}


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


class Simulator:
    """One run of a shift.

    Args:
        scenario: The shift.
        policy: Any object with ``tick_s`` and ``decide``.
        seed: Chance; the same seed gives the same leads to every policy.
        time_decisions: Keep how much processor time each decision took.
        on_decision: Called after each decision with the state and the number of calls, for tests and live views.
    """

    def __init__(
        self,
        scenario: Scenario,
        policy: Policy,
        seed: int = 1,
        *,
        time_decisions: bool = False,
        on_decision: Callable[[PacingState, int], None] | None = None,
    ) -> None:
        self._s = scenario
        self._policy = policy
        self._time_decisions = time_decisions
        self._on_decision = on_decision
        self._leads = Leads(scenario, seed)
        self._rng = np.random.default_rng([seed, 2])
        self._heap: list[tuple[float, int, Callable[..., None], int]] = []
        self._order = 0
        self.t = 0.0
        rule = scenario.abandon_rule()
        self._limits = Limits(rule=rule, calls_per_s=scenario.shift.calls_per_s)
        self._reserves = bool(getattr(policy, "reserves", False))
        self._review_s = getattr(policy, "review_s", None) or 0.0
        self._broadcast = isinstance(policy, Broadcast)

        lines = scenario.shift.lines
        self._line_state = np.zeros(lines, np.int8)
        self._line_since = np.zeros(lines)
        self._line_started = np.zeros(lines)
        self._lead: list[Lead | None] = [None] * lines
        self._kind: list[Outcome] = [Outcome.NO_ANSWER] * lines  # the truth about who is there
        self._deadline = [0.0] * lines
        self._bound = [-1] * lines  # agent reserved for, or talking on, the line
        self._free = list(range(lines - 1, -1, -1))
        self._queue: list[tuple[float, int]] = []  # (deadline, line)

        groups = [g for g in scenario.agents.group for _ in range(g.count)]
        n = 0 if self._broadcast else len(groups)
        self._agent_state = np.zeros(n, np.int8)
        self._agent_since = np.zeros(n)
        self._agent_leaving = np.zeros(n, np.bool_)
        self._speed = np.exp(self._rng.normal(0.0, scenario.agents.speed_spread, n)).tolist()
        self._away_s = [0.0] * n  # how long the agent stays out once gone; infinite after the last shift
        self._ready: deque[tuple[int, float]] = deque()  # (agent, ready since), longest first
        self._wrap_s = [0.0] * n
        self._previews: deque[Lead] = deque()  # leads to be previewed, waiting for an agent
        self._previewed: list[Lead | None] = [None] * n
        for agent, group in enumerate(groups[:n]):
            self._schedule_agent(agent, group)

        self._view_line_state, self._view_line_since = _read_only(self._line_state), _read_only(self._line_since)
        self._view_line_started, self._view_agent_state = _read_only(self._line_started), _read_only(self._agent_state)
        self._view_agent_since, self._view_agent_leaving = _read_only(self._agent_since), _read_only(self._agent_leaving)
        self._no_deadlines = np.empty(0)
        self._no_deadlines.flags.writeable = False

        self._events: list[PacingEvent] = []
        self._window = Window(rule.window_s)
        self._window.add(0.0, people=scenario.shift.people_first, abandoned=scenario.shift.abandoned_first)
        self._report = Report(scenario.shift.name, str(scenario.pacing.get("mode", "")), seed, scenario.shift.hours)
        self._outcomes = [0] * len(Outcome)
        self._warm = scenario.shift.warmup_min * 60
        self._shares_until = -1.0
        self._shares: tuple[float, ...] = ()
        mix = scenario.list
        self._changes = sorted({h * 3600 for c in (mix.person, mix.machine, mix.busy, mix.unobtainable, mix.fax) for h, _ in c})
        # integrals of agents and lines over time, after the warm-up
        self._logged = self._busy = self._lines = 0.0
        self._n_logged = self._n_busy = 0
        self._counted_to = 0.0
        self._wait_sum = 0.0

    # ---- clock

    def _at(self, t: float, what: Callable[..., None], index: int) -> None:
        self._order += 1
        heapq.heappush(self._heap, (t, self._order, what, index))

    def _count(self) -> None:
        """Bring the integrals up to now; called before the number of agents logged in or busy changes."""
        since = max(self._counted_to, self._warm)
        if self.t > since:
            span = self.t - since
            self._logged += span * self._n_logged
            self._busy += span * self._n_busy
        self._counted_to = self.t

    def run(self) -> Report:
        """Run the shift to its end and return what came of it."""
        s, policy, report = self._s, self._policy, self._report
        end = s.shift.hours * 3600
        heap, tick, next_minute = self._heap, 0.0, 60.0
        while tick < end:
            while heap and heap[0][0] <= tick:
                self.t, _, what, index = heapq.heappop(heap)
                what(index)
            self.t = tick
            state = self._state()
            started = thread_time() if self._time_decisions else 0.0
            want = policy.decide(state)
            if self._time_decisions:
                report.decision_s.append(thread_time() - started)
            if self._on_decision is not None:
                self._on_decision(state, want)
            self._launch(want)
            if tick >= self._warm:
                self._lines += (s.shift.lines - len(self._free)) * policy.tick_s
            if tick >= next_minute:
                next_minute += 60.0
                self._minute()
            tick += policy.tick_s
        while heap and heap[0][0] <= end:
            self.t, _, what, index = heapq.heappop(heap)
            what(index)
        self.t = end
        self._count()
        return self._finish()

    # ---- what the policy sees

    def _state(self) -> PacingState:
        people, abandoned, connected, dialled = self._window.totals(self.t)
        events, self._events = self._events, []
        deadlines = np.array([d for d, _ in sorted(self._queue)]) if self._queue else self._no_deadlines
        return PacingState(
            self.t,
            self._s.shift.lines,
            len(self._free),
            self._view_line_state,
            self._view_line_since,
            self._view_line_started,
            self._view_agent_state,
            self._view_agent_since,
            self._view_agent_leaving,
            deadlines,
            events,
            people,
            abandoned,
            connected,
            dialled,
            self._limits,
        )

    # ---- calls

    def _who(self, lead: Lead) -> Outcome:
        if self.t >= self._shares_until:
            hour, mix = self.t / 3600, self._s.list
            self._shares_until = min((c for c in self._changes if c > self.t), default=float("inf"))
            shares = [at(mix.person, hour), at(mix.machine, hour), at(mix.busy, hour), at(mix.unobtainable, hour), at(mix.fax, hour)]
            self._shares = tuple(np.cumsum(shares).tolist())
        p, m, b, u, f = self._shares
        who = lead.who
        if who < p:
            return Outcome.PERSON
        if who < m:
            return Outcome.MACHINE
        if who < b:
            return Outcome.BUSY
        if who < u:
            return Outcome.UNOBTAINABLE
        return Outcome.FAX if who < f else Outcome.NO_ANSWER

    def _launch(self, want: int) -> None:
        for _ in range(want):
            if self._reserves:
                agent = self._pop_ready()
                if agent < 0:
                    return
                self._reserve(agent)
                continue
            if not self._free:
                return
            lead = self._leads.next()
            if lead.preview < self._s.list.preview:
                self._previews.append(lead)
                agent = self._pop_ready()
                if agent >= 0:
                    self._preview(agent)
                continue
            self._dial(self._free.pop(), lead)

    def _reserve(self, agent: int, review_s: float | None = None) -> None:
        """Bind an agent to a call of its own; it goes out after the review."""
        self._agent_state[agent] = RESERVED
        self._agent_since[agent] = self.t
        self._at(self.t + (self._review_s if review_s is None else review_s), self._dial_reserved, agent)

    def _preview(self, agent: int) -> None:
        self._previewed[agent] = self._previews.popleft()
        self._reserve(agent, float(self._s.agents.review.draw(self._rng, 1)[0]))

    def _dial_reserved(self, agent: int) -> None:
        if not self._free:
            self._at(self.t + 1.0, self._dial_reserved, agent)
            return
        line = self._free.pop()
        lead, self._previewed[agent] = self._previewed[agent], None
        self._dial(line, lead or self._leads.next())
        self._bound[line] = agent

    def _dial(self, line: int, lead: Lead) -> None:
        t = self.t
        self._lead[line] = lead
        kind = self._kind[line] = self._who(lead)
        self._line_state[line] = SETUP
        self._line_since[line] = self._line_started[line] = t
        self._report.dialled += 1
        self._window.add(t, dialled=1)
        if kind is Outcome.BUSY:
            self._at(t + lead.setup + self._s.network.busy_s, self._unanswered, line)
        elif kind is Outcome.UNOBTAINABLE:
            self._at(t + lead.setup + self._s.network.unobtainable_s, self._unanswered, line)
        else:
            self._at(t + lead.setup, self._ring, line)

    def _ring(self, line: int) -> None:
        self._line_state[line] = RINGING
        self._line_since[line] = self.t
        lead, kind = self._lead[line], self._kind[line]
        assert lead is not None
        ring = lead.person_ring if kind is Outcome.PERSON else lead.machine_ring
        if kind is Outcome.NO_ANSWER:
            self._at(self.t + self._s.network.no_answer_s, self._unanswered, line)
        else:
            self._at(self.t + ring, self._answer, line)

    def _unanswered(self, line: int) -> None:
        setup_s = self.t - self._line_started[line]
        ring_s = 0.0
        if self._line_state[line] == RINGING:
            ring_s = self.t - self._line_since[line]
            setup_s -= ring_s
        self._outcome(self._kind[line], setup_s, ring_s, 0.0)
        self._clear(line)

    def _answer(self, line: int) -> None:
        lead, kind = self._lead[line], self._kind[line]
        assert lead is not None
        t = self.t
        self._line_state[line] = ANALYSIS
        self._line_since[line] = t
        errors = self._s.detection
        as_person = kind is Outcome.PERSON and lead.error >= errors.false_positive
        as_person |= kind is Outcome.MACHINE and lead.error < errors.false_negative
        if self._broadcast:
            self._at(t, self._play, line)
        elif as_person or kind is Outcome.PERSON:
            starts = {Start.ANSWER: t, Start.GREETING_START: t + lead.onset, Start.GREETING_END: t + lead.onset + lead.greeting}
            self._deadline[line] = starts[self._limits.rule.start] + self._limits.rule.seconds
            verdict = self._person if as_person else self._machine
            self._at(t + lead.onset + lead.greeting + lead.person_verdict, verdict, line)
        else:
            self._at(t + lead.machine_verdict, self._machine, line)

    def _times(self, line: int) -> tuple[float, float, float]:
        lead = self._lead[line]
        assert lead is not None
        return lead.setup, float(self._line_since[line] - self._line_started[line] - lead.setup), float(self.t - self._line_since[line])

    def _machine(self, line: int) -> None:
        if self._kind[line] is Outcome.PERSON:
            self._report.false_positives += 1
        self._outcome(Outcome.FAX if self._kind[line] is Outcome.FAX else Outcome.MACHINE, *self._times(line))
        self._clear(line)

    def _person(self, line: int) -> None:
        t = self.t
        self._outcome(Outcome.PERSON, *self._times(line))
        self._report.people += 1
        self._window.add(t, people=1)
        agent = self._bound[line]
        if agent < 0:
            agent = self._pop_ready()
        if agent >= 0:
            self._connect(line, agent)
            return
        self._line_state[line] = QUEUED
        self._line_since[line] = t
        deadline = max(t, self._deadline[line])
        self._queue.append((deadline, line))
        self._at(deadline, self._expire, line)

    def _expire(self, line: int) -> None:
        entry = (self.t, line)
        if self._line_state[line] != QUEUED or entry not in self._queue:
            return
        self._queue.remove(entry)
        self._report.abandoned += 1
        self._report.machines_abandoned += self._kind[line] is Outcome.MACHINE
        self._window.add(self.t, abandoned=1)
        self._events.append(PacingEvent(EventKind.ABANDONED, self.t))
        self._line_state[line] = MESSAGE
        self._line_since[line] = self.t
        self._at(self.t + self._s.agents.message_s, self._clear, line)

    def _play(self, line: int) -> None:
        """A broadcast: the message plays to whoever answered."""
        self._outcome(self._kind[line], *self._times(line))
        if self._kind[line] is Outcome.FAX:
            self._clear(line)
            return
        self._report.people += self._kind[line] is Outcome.PERSON
        self._line_state[line] = MESSAGE
        self._line_since[line] = self.t
        self._at(self.t + float(self._s.broadcast.message.draw(self._rng, 1)[0]), self._clear, line)

    def _outcome(self, outcome: Outcome, setup_s: float, ring_s: float, detect_s: float) -> None:
        self._outcomes[outcome] += 1
        self._events.append(PacingEvent(EventKind.OUTCOME, self.t, outcome, setup_s, ring_s, detect_s))

    def _clear(self, line: int) -> None:
        self._line_state[line] = FREE
        self._line_since[line] = self.t
        self._lead[line] = None
        self._free.append(line)
        agent, self._bound[line] = self._bound[line], -1
        if agent >= 0 and self._agent_state[agent] == RESERVED:
            self._become_ready(agent)

    # ---- agents

    def _schedule_agent(self, agent: int, group: Group) -> None:
        shift = self._rng.uniform(0.0, group.spread_min * 60) if group.spread_min else 0.0
        self._at(group.from_h * 3600 + shift, self._log_in, agent)
        for hour, minutes in group.breaks:
            if group.from_h <= hour < group.to_h:
                self._at(hour * 3600 + shift, lambda a, m=minutes: self._leave(a, m * 60), agent)
        if group.to_h < self._s.shift.hours:
            self._at(group.to_h * 3600 + shift, lambda a: self._leave(a, float("inf")), agent)

    def _log_in(self, agent: int) -> None:
        if self._agent_state[agent] == OUT and self._away_s[agent] != float("inf"):
            self._count()
            self._n_logged += 1
            self._away_s[agent] = 0.0
            self._agent_leaving[agent] = False
            self._become_ready(agent)

    def _leave(self, agent: int, away_s: float) -> None:
        """An agent asks to leave: at once when ready, after the present call otherwise."""
        state = self._agent_state[agent]
        self._away_s[agent] = away_s
        if state == READY:
            self._go(agent)
        elif state != OUT:
            self._agent_leaving[agent] = True

    def _go(self, agent: int) -> None:
        self._count()
        self._n_logged -= 1
        self._agent_state[agent] = OUT
        self._agent_since[agent] = self.t
        self._agent_leaving[agent] = False
        if self._away_s[agent] != float("inf"):
            self._at(self.t + self._away_s[agent], self._log_in, agent)

    def _become_ready(self, agent: int) -> None:
        if self._agent_leaving[agent]:
            self._go(agent)
            return
        self._agent_state[agent] = READY
        self._agent_since[agent] = self.t
        if self._queue:
            first = min(self._queue)
            self._queue.remove(first)
            self._connect(first[1], agent)
            return
        if self._previews:
            self._preview(agent)
            return
        self._ready.append((agent, self.t))
        if isinstance(self._policy, Manual):
            self._at(self.t + float(self._s.agents.review.draw(self._rng, 1)[0]), self._ask, agent)

    def _ask(self, agent: int) -> None:
        """Dialling by hand: the agent has found a number."""
        if isinstance(self._policy, Manual) and self._agent_state[agent] == READY:
            self._policy.ask()

    def _pop_ready(self) -> int:
        while self._ready:
            agent, since = self._ready.popleft()
            if self._agent_state[agent] == READY and self._agent_since[agent] == since:
                return agent
        return -1

    def _connect(self, line: int, agent: int) -> None:
        t = self.t
        lead = self._lead[line]
        assert lead is not None
        self._count()
        self._n_busy += 1
        self._report.connected += 1
        self._report.late += t > self._deadline[line]
        self._wait_sum += t - float(self._line_since[line]) if self._line_state[line] == QUEUED else 0.0
        self._window.add(t, connected=1)
        self._line_state[line] = TALKING
        self._line_since[line] = t
        self._bound[line] = agent
        self._agent_state[agent] = AGENT_TALKING
        self._agent_since[agent] = t
        if self._kind[line] is Outcome.MACHINE:
            self._report.machines_connected += 1
            talk, self._wrap_s[agent] = self._s.agents.machine_talk_s, 0.0
        else:
            talk = lead.talk * self._speed[agent]
            self._wrap_s[agent] = lead.wrap * self._speed[agent]
        self._at(t + talk, self._talk_end, line)

    def _talk_end(self, line: int) -> None:
        agent = self._bound[line]
        seconds = float(self.t - self._agent_since[agent])
        self._events.append(PacingEvent(EventKind.TALK_END, self.t, agent=agent, seconds=seconds))
        self._agent_state[agent] = WRAP
        self._agent_since[agent] = self.t
        self._clear(line)
        if self._wrap_s[agent] > 0:
            self._at(self.t + self._wrap_s[agent], self._wrap_end, agent)
        else:
            self._wrap_end(agent)

    def _wrap_end(self, agent: int) -> None:
        self._count()
        self._n_busy -= 1
        self._events.append(PacingEvent(EventKind.WRAP_END, self.t, agent=agent, seconds=float(self.t - self._agent_since[agent])))
        self._become_ready(agent)

    # ---- figures

    def _minute(self) -> None:
        view = getattr(self._policy, "view", None)
        nan = float("nan")
        report = self._report
        report.minutes.append(
            Minute(
                self.t,
                self._n_logged,
                self._n_busy,
                int(np.count_nonzero((self._line_state >= SETUP) & (self._line_state <= ANALYSIS))),
                report.people,
                report.abandoned,
                view.risk if view else nan,
                view.risk_limit if view else nan,
                view.answer_share if view else nan,
            )
        )
        window_s = self._limits.rule.window_s
        if window_s is not None and self.t >= window_s:
            people, abandoned, _, _ = self._window.totals(self.t)
            report.worst_window = max(report.worst_window, self._bound_of(people, abandoned))

    def _bound_of(self, people: int, abandoned: int) -> float:
        return self._limits.rule.bound(Counts(abandoned=abandoned, connected=people - abandoned))

    def counts(self) -> Counts:
        """Return what the rule's formula needs, with the truth a simulator knows about detection errors."""
        r = self._report
        return Counts(
            abandoned=r.abandoned + r.late,
            connected=r.connected - r.late - r.machines_connected,
            machines_connected=r.machines_connected,
            machines_caught=self._outcomes[Outcome.MACHINE],
            false_positives=r.false_positives,
        )

    def _finish(self) -> Report:
        r, hours = self._report, self._s.shift.hours
        rule = self._limits.rule
        counts = self.counts()
        if not rule.detection_errors:  # a machine taken for a person is a person to the formula
            counts = Counts(counts.abandoned, counts.connected + counts.machines_connected, 0, counts.machines_caught, 0)
        first = self._s.shift
        counts = Counts(
            counts.abandoned + first.abandoned_first,
            counts.connected + first.people_first - first.abandoned_first,
            counts.machines_connected,
            counts.machines_caught,
            counts.false_positives,
        )
        r.abandon_share = rule.rate(counts)
        r.worst_window = max(r.worst_window, rule.bound(counts) if rule.window_s is None or rule.window_s >= hours * 3600 else 0.0)
        r.kept = r.worst_window <= rule.share
        r.outcomes = {o.name.lower(): self._outcomes[o] for o in Outcome if self._outcomes[o]}
        warm_h = max(1e-9, hours - self._warm / 3600)
        r.logged_in_h = self._logged / 3600
        if self._logged > 0:
            r.utilisation = self._busy / self._logged
            r.agent_wait_s = (self._logged - self._busy) / max(1, r.connected) * hours / warm_h
            r.connects_per_agent_h = (r.connected - r.machines_connected) / (self._logged / 3600 * hours / warm_h)
        r.person_wait_s = self._wait_sum / max(1, r.connected)
        r.lines_used = self._lines / (self._s.shift.lines * warm_h * 3600)
        r.calls_per_h = r.dialled / hours
        return r


def paced(scenario: Scenario) -> Paced:
    """Return the policy that a scenario asks for."""
    from offhook.pacing import make

    settings = dict(scenario.pacing)
    return make(str(settings.pop("mode")), **settings)
