"""Predictive pacing of the engine: as many calls as an abandonment budget allows, and no more.

A call launched now is answered by a person, if at all, some ten to thirty seconds later. At that moment there are free agents: those
free now, and those who come free until then, less the people that other calls in flight have brought. The chance that none is left is
the *risk* of the call. The policy launches calls while the risk of the next one stays within a limit, and the limit follows the budget
that the abandon rule leaves: people counted times the share allowed, less the calls abandoned. With nothing left in the budget the
policy dials one call per free agent, which abandons nobody.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from .base import Counted, Mode, Paced
from .learn import AgentModel, AnswerModel
from .rules import Start
from .state import EventKind, LineState, PacingState

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ANGLES = 48  # of the characteristic function; counts from -24 to 23 are exact
_Z = np.exp(2j * np.pi * np.arange(ANGLES) / ANGLES) - 1.0
_HALF = ANGLES // 2 + 1
_UP, _DOWN = _Z[:_HALF], np.conj(_Z[:_HALF])
_ANGLE = 2j * np.pi * np.arange(_HALF) / ANGLES
# Weights that turn a characteristic function into P(count <= 0); the second half of the circle is the conjugate of the first.
_COUNTS = np.arange(-ANGLES // 2, 1)
_TAIL = np.exp(-2j * np.pi * np.outer(np.arange(ANGLES // 2 + 1), _COUNTS) / ANGLES).sum(axis=1) / ANGLES
_TAIL[1:-1] *= 2.0


_sum = np.add.reduce

# Coins of unlike chances are thrown below as like coins with the same mean and variance: their number may then be a fraction.


class Coming(NamedTuple):
    """People and agents expected by each moment, and the sums of the squared chances."""

    people: Floats
    square_people: Floats
    freed: Floats
    square_freed: Floats


def coming(calls: Floats, agents: Floats) -> Coming:
    """Sum up what comes.

    Args:
        calls: Calls in flight by moments: the chance that each has brought a person by then.
        agents: Busy agents by moments: the chance that each is free by then.
    """
    return Coming(_sum(calls, 0), np.einsum("ij,ij->j", calls, calls), _sum(agents, 0), np.einsum("ij,ij->j", agents, agents))


def none_left(spare: int, by_then: Coming, near: Floats, fresh: Floats, more: Ints, doubt: float) -> Floats:
    """Return the chance that no agent is free when a person comes through, averaged over the moments at which that may be.

    Args:
        spare: Ready agents nobody waits for; negative while people wait.
        by_then: What calls in flight and busy agents bring.
        near: Rows of the busy agents whose chances are unlike the others' (in wrap-up), by moments.
        fresh: The chance by moments of a call launched now.
        more: Numbers of calls launched now besides the one that is asked about, rising.
        doubt: Relative standard deviation of the chances of *calls* and *fresh*, common to all of them.

    Returns:
        One chance for each entry of *more*.
    """
    people, square_people, freed, square_freed = by_then
    variance = people - square_people + freed - square_freed
    added = more[:, None] * fresh
    if variance[-1] < 4.5 and -10 < spare < 10 and added[-1, -1] < 4.0 and len(near) < 8:
        return _exact(spare, people, square_people, freed, square_freed, near, fresh, more)
    people = people + added
    total = variance + added * (1.0 - fresh) + (doubt * people) ** 2
    z = (0.5 - spare - freed + people) / np.sqrt(total + 0.01)
    # The normal distribution, to 0.0002. Its lack of skew does no harm where there are many: people's and agents' skews cancel.
    below = 1.0 / (1.0 + np.exp(np.minimum(-z * (1.5976 + 0.07056 * z * z), 60.0)))
    return np.asarray(_sum(below, 1) / len(fresh))


def _exact(
    spare: int,
    people: Floats,
    square_people: Floats,
    freed: Floats,
    square_freed: Floats,
    near: Floats,
    fresh: Floats,
    more: npt.NDArray[np.int64],
) -> Floats:
    """Return what :func:`none_left` does for a few agents, from the characteristic function of the agents left."""
    if len(near):
        freed = np.maximum(freed - _sum(near, 0), 0.0)
        square_freed = np.maximum(square_freed - np.einsum("ij,ij->j", near, near), 0.0)
    chance = square_people / (people + 1e-9)
    power = (people / (chance + 1e-9))[:, None] * np.log(1.0 + np.minimum(chance, 0.99)[:, None] * _DOWN)
    chance = square_freed / (freed + 1e-9)
    power += (freed / (chance + 1e-9))[:, None] * np.log(1.0 + np.minimum(chance, 0.99)[:, None] * _UP)
    power += spare * _ANGLE
    base = np.exp(power)
    for row in near:
        base *= 1.0 + row[:, None] * _UP
    step = 1.0 + fresh[:, None] * _DOWN
    risks = np.empty(len(more))
    at = 0
    for i, n in enumerate(more.tolist()):
        if n - at == 1:
            base *= step
        elif n != at:
            base *= step ** (n - at)
        at = n
        risks[i] = float((_sum(base, 0) @ _TAIL).real) / len(fresh)
    return risks


FOLLOW = 0.03  # e-folds of the risk limit a second for a target that is missed by one e-fold
LEAST_DAMP = 1e-9  # with so little of the limit hardly more goes out than one call per free agent


class Predictive(Paced):
    """Launches calls while the risk of the next one stays within what the abandonment budget allows (D11, D15 to D20).

    Args:
        answer_share: Share of calls answered by a person, to begin with; learned within minutes.
        talk_s: Mean talk to begin with.
        wrap_s: Mean wrap-up to begin with.
        min_agents: With fewer agents logged in, one call per free agent.
        min_people: Until so many people were seen, the answer share is taken at its upper end.
        target: What to follow besides the rule: nothing (``rule``), an abandon share below it (``abandon``), calls per agent logged in that
            are in talk (``contact``), or the seconds an agent waits for a call (``wait``).
        target_value: The share, ratio or seconds of *target*.
        tick_s: Time between decisions in seconds; deciding more often than once a second gained nothing that could be measured.
    """

    RISK = 0.029  # with this limit on every call about 3 % of people are abandoned, whatever the team and the list

    def __init__(
        self,
        answer_share: float = 0.3,
        talk_s: float = 120.0,
        wrap_s: float = 20.0,
        min_agents: int = 3,
        min_people: int = 20,
        target: Literal["rule", "abandon", "contact", "wait"] = "rule",
        target_value: float | None = None,
        tick_s: float = 1.0,
    ) -> None:
        super().__init__(Mode.PREDICTIVE, tick_s)
        if not 0 < answer_share < 1:
            raise ValueError(f"predictive: answer_share is {answer_share}, give a part between 0 and 1")
        if target not in ("rule", "abandon", "contact", "wait"):
            raise ValueError(f"predictive: target is {target!r}, give rule, abandon, contact or wait")
        if target != "rule" and (target_value is None or target_value <= 0):
            raise ValueError(f"predictive: target {target!r} needs a target_value above 0")
        self.min_agents = min_agents
        self.min_people = min_people
        self.target = target
        self.target_value = target_value
        self.answers = AnswerModel(answer_share)
        self.agents = AgentModel(talk_s, wrap_s)
        self._grace_s: float | None = None
        self._damp = 1.0  # of the risk limit, to follow a target
        self._logged_in = 0.0  # recent, as _seen
        self._seen: list[float] = [0.0, 0.0, 0.0]  # recent: agents logged in, in talk, connects

    def carry(self, learned: object | None) -> None:
        """Take over models that another policy learned."""
        if isinstance(learned, tuple) and len(learned) == 2 and isinstance(learned[0], AnswerModel) and isinstance(learned[1], AgentModel):
            self.answers, self.agents = learned

    def learned(self) -> object | None:
        """Return the models, for the policy that comes next."""
        return (self.answers, self.agents)

    def budget(self, state: PacingState) -> float:
        """Return how many more calls may be abandoned; a short loan helps over the first people of a window."""
        allowed = state.limits.rule.allowed(state.people)
        if self.target == "abandon" and self.target_value is not None:
            allowed = min(allowed, self.target_value * state.people)
        loan = 1.5 * float(np.exp(-state.people / 100.0))
        return allowed + loan - state.abandoned

    def risk_limit(self, state: PacingState, logged_in: int) -> float:
        """Return the most risk a call may have now."""
        # The limit moves gently: a budget that runs low must not send a small team back to one call per agent for long, nor may one
        # bad minute of a large team use up what the rule leaves. The calls kept back cost less than the trembling would.
        keep = max(3.0, 0.16 * state.people**0.5, 0.1 * logged_in)
        pull = float(np.exp((self.budget(state) - keep) / keep))
        share = state.limits.rule.share
        if self.target == "abandon" and self.target_value is not None:
            share = min(share, self.target_value)
        return self._damp * self.RISK * min(2.0, pull) * share / 0.03

    def want(self, state: PacingState, counted: Counted) -> int:
        """Return how many calls keep the risk within its limit."""
        view = self.view
        self.answers.update(state)
        self.agents.update(state)
        self._follow(state, counted)
        view.answer_share = self.answers.share
        safe = counted.spare - counted.in_flight
        if counted.logged_in < self.min_agents:
            view.reason = f"{counted.logged_in} agents logged in, prediction needs {self.min_agents}: one call per free agent"
            view.risk = view.risk_limit = 0.0
            return safe
        limit = view.risk_limit = self.risk_limit(state, counted.logged_in)
        room = min(state.lines_free, 240)
        if room <= 0:
            view.reason = "no free line"
            return max(1, safe)
        moments = self.answers.moments
        calls = self.answers.in_flight(state)
        fresh = self.answers.fresh_call()
        agents, wrapping = self.agents.coming_free(state, moments + self._grace(state))
        doubt = self.answers.doubt
        if self.answers.people_seen < self.min_people:
            more = 1.0 + 1.0 * doubt
            calls, fresh = np.minimum(calls * more, 1.0), np.minimum(fresh * more, 1.0)
        by_then = coming(calls, agents)
        n, block = 0, 2
        while n < room:
            more_calls = np.arange(n, min(room, n + block))
            risks = none_left(counted.spare, by_then, agents[wrapping], fresh, more_calls, doubt)
            over = (risks > limit).nonzero()[0]
            if len(over):
                n += int(over[0])
                view.risk = float(risks[over[0]])
                view.reason = f"one call more would have risk {100 * view.risk:.1f} % over {100 * limit:.1f} %"
                break
            n += len(more_calls)
            block *= 4
        most = self._stress(state, counted, by_then, fresh)
        if n > most:
            n = most
            view.reason = f"should {100 * self.answers.best_share:.0f} % answer again, the calls in flight would use up the budget"
        if limit < 0.4 * self.RISK * state.limits.rule.share / 0.03:
            view.reason = f"abandonment budget is low, {self.budget(state):.1f} calls left; " + view.reason
        if self._damp < 0.9:
            view.reason = (
                f"target {self.target} {self.target_value:g} is met with {100 * self._damp:.1f} % of what the rule allows; " + view.reason
            )
        if self.answers.people_seen < self.min_people:
            view.reason = f"cold start, {self.answers.people_seen} of {self.min_people} people seen; " + view.reason
        return max(n, safe)

    def _stress(self, state: PacingState, counted: Counted, by_then: Coming, fresh: Floats) -> int:
        """Return how many calls may go so that half the budget could pay for the list turning back to its best share of the last hours.

        Many calls are in flight while few people answer; when a good part of the list begins, they all come through before
        anything can be learned.
        """
        better = self.answers.best_share / self.answers.share
        if better < 1.3:
            return state.lines_free
        room = counted.spare + by_then.freed + max(1.0, 0.5 * self.budget(state)) - better * by_then.people
        return max(0, int(np.min(room / (better * fresh))))

    def _grace(self, state: PacingState) -> float:
        """Return how long a person may wait after the verdict, seconds; seen from the queue, or from the rule until one waited."""
        if self._grace_s is None:
            rule = state.limits.rule
            self._grace_s = max(0.0, rule.seconds - (0.4 if rule.start is Start.GREETING_END else 1.4))
        if len(state.queue_deadlines):
            since = np.sort(state.line_since[state.line_state == LineState.QUEUED])
            if len(since) == len(state.queue_deadlines):
                seen = float(np.mean(np.sort(state.queue_deadlines) - since))
                self._grace_s += 0.05 * (max(0.0, seen) - self._grace_s)
        return self._grace_s

    def _follow(self, state: PacingState, counted: Counted) -> None:
        """Move the damping towards a contact ratio or a waiting time."""
        if self.target not in ("contact", "wait") or self.target_value is None:
            return
        keep = 1.0 - self.tick_s / 300.0
        self._logged_in = logged = self._logged_in * keep + counted.logged_in
        connects = sum(1 for event in state.events if event.kind == EventKind.TALK_END)
        for i, x in enumerate((counted.ready, counted.talking, connects)):
            self._seen[i] = self._seen[i] * keep + x
        ready, talking, ended = self._seen
        if ended < 3:
            return
        if self.target == "wait":
            short = (ready * self.tick_s / ended + 1e-3) / self.target_value
        else:
            short = self.target_value * logged / (talking + 1e-3)
        # In proportion to the error: a fixed step would swing around the target.
        step = FOLLOW * self.tick_s * min(1.0, max(-1.0, math.log(short + 1e-9)))
        self._damp = min(1.0, max(LEAST_DAMP, self._damp * math.exp(step)))
