"""What the predictive policy learns: who answers and when, and when agents come free.

Two models, both fed by events and both forgetting slowly, so that a change of the list or of the hour is followed:

* :class:`AnswerModel` — chance that a launched call becomes a person, and how long that takes, given where the call is now;
* :class:`AgentModel` — chance that a busy agent is free some seconds from now, given how long the talk or the wrap-up has lasted.

Censoring is the trap of the first: people answer after some ten seconds while a no-answer is known after half a minute, so counting
finished calls misjudges every change. Here each launch counts as the part of a person-call that had time to show up by now.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import numpy.typing as npt

from .state import EventKind, LineState, Outcome, PacingEvent, PacingState

Floats = npt.NDArray[np.float64]

BIN_S = 0.5  # resolution of the call tables
BEST_FADES_S = 7200.0
CELL_S, CELLS = 5.0, 36
JUMP_GAIN = 7.5  # in natural units of likelihood; chance alone does it once a day or so
SETUP_BINS, RING_BINS, DETECT_BINS = 40, 140, 30


def _gamma_shape(bins: int, mean: float, cv: float) -> Floats:
    """Return a unit histogram of a gamma distribution; it is only where learning starts from."""
    x = (np.arange(bins) + 0.5) * BIN_S
    k = 1 / cv**2
    log_p = (k - 1) * np.log(x) - x * k / mean
    p = np.exp(log_p - log_p.max())
    return np.asarray(p / p.sum())


class _Histogram:
    """Counts of seconds, begun with a shape worth some counts, halved now and then so that the old fades."""

    def __init__(self, shape: Floats, worth: float, memory: float) -> None:
        self.counts = shape * worth
        self._memory = memory

    def add(self, seconds: list[float]) -> None:
        if not seconds:
            return
        index = np.minimum((np.array(seconds) / BIN_S).astype(np.int64), len(self.counts) - 1)
        np.add.at(self.counts, index, 1.0)
        total = float(self.counts.sum())
        if total > self._memory:
            self.counts *= self._memory / total

    def density(self) -> Floats:
        return np.asarray(self.counts / self.counts.sum())


def _survival(density: Floats) -> Floats:
    """Return the chance to last at least to the start of each bin, never quite 0."""
    return np.asarray(np.maximum(1.0 - np.concatenate(([0.0], np.cumsum(density)[:-1])), 1e-6))


_OUTCOME, _TALK_END, _WRAP_END, _PERSON = int(EventKind.OUTCOME), int(EventKind.TALK_END), int(EventKind.WRAP_END), int(Outcome.PERSON)


class AnswerModel:
    """Learns who answers and when.

    Args:
        share: Share of calls that become a person, to begin with.
        worth: How many people that beginning is worth.
        memory: How many people the share remembers at least; fewer follows faster and trembles more.
        points: At how many moments the arrival of the next call is looked at.
    """

    def __init__(self, share: float = 0.25, worth: float = 3.0, memory: float = 120.0, points: int = 10) -> None:
        self._points = points
        self._memory = self._least_memory = memory
        self._seen = [worth, worth / share]  # people seen, and calls that had their time
        self._recent = np.zeros((2, CELLS))  # the same over the last minutes, newest first, to notice jumps
        self._t_cell = 0.0
        self._launched = np.zeros(160)  # launches per BIN_S, newest first
        self._t: float | None = None
        self._bin_age = 0.0
        self._dialled: int | None = None
        self.people_seen = 0
        self.best_share = 0.0  # the highest share of the last hours, fading
        self.jumps = 0
        self._setup_person = _Histogram(_gamma_shape(SETUP_BINS, 2.5, 0.4), 30, 1500)
        self._ring_person = _Histogram(_gamma_shape(RING_BINS, 11.0, 0.6), 30, 1500)
        self._detect_person = _Histogram(_gamma_shape(DETECT_BINS, 1.4, 0.4), 30, 1500)
        self._setup_other = _Histogram(_gamma_shape(SETUP_BINS, 3.0, 0.5), 30, 6000)
        no_answer = np.zeros(RING_BINS)
        no_answer[int(25 / BIN_S)] = 0.8
        self._ring_other = _Histogram(no_answer + 0.2 * _gamma_shape(RING_BINS, 17.0, 0.5), 30, 6000)
        self._detect_other = _Histogram(_gamma_shape(DETECT_BINS, 3.0, 0.2), 30, 1500)
        self._others = [30.0, 26.0, 5.0]  # calls that were no person; of these, rang; of these, were answered
        self._fresh: dict[str, list[float]] = {name: [] for name in ("sp", "rp", "dp", "so", "ro", "do")}
        self._since_build = 0
        self._build()

    # ---- learning

    def update(self, state: PacingState) -> None:
        """Take in what happened since the last decision; *launched* calls are read off the state's total."""
        people = 0
        for event in state.events:
            if event.kind == _OUTCOME:
                people += self._take(event)
        t = state.t
        if self._t is None or self._dialled is None:
            self._t, self._dialled = t, state.dialled
            return
        self.best_share *= math.exp(-(t - self._t) / BEST_FADES_S)
        if self.people_seen >= 20:
            self.best_share = max(self.best_share, self.share)
        self._t_cell += t - self._t
        self._bin_age = min(self._bin_age + t - self._t, BIN_S * len(self._launched))  # after a long pause every call had its time
        self._t = t
        shown = 0.0
        while self._bin_age >= BIN_S:
            self._bin_age -= BIN_S
            shown += float(self._launched @ self._shows)
            self._launched[1:] = self._launched[:-1]
            self._launched[0] = 0.0
        # a rolling window may take launches out of the total; those are not new calls
        self._launched[0] += max(0, state.dialled - self._dialled)
        self._dialled = state.dialled
        self._count(people, shown)
        if self._since_build >= self._build_at:
            self._build()

    def _take(self, event: PacingEvent) -> int:
        fresh = self._fresh
        self._since_build += 1
        if event.outcome == _PERSON:
            fresh["sp"].append(event.setup_s)
            fresh["rp"].append(event.ring_s)
            fresh["dp"].append(event.detect_s)
            self.people_seen += 1
            return 1
        others = self._others
        others[0] += 1
        fresh["so"].append(event.setup_s)
        if event.ring_s > 0:
            others[1] += 1
            fresh["ro"].append(event.ring_s)
        if event.detect_s > 0:
            others[2] += 1
            fresh["do"].append(event.detect_s)
        if others[0] > 3000:
            self._others = [n / 2 for n in others]
        return 0

    def _count(self, people: int, shown: float) -> None:
        """Count people and calls that had their time, and look whether the share has jumped."""
        seen = self._seen
        keep = max(0.0, 1.0 - shown * seen[0] / seen[1] / self._memory)
        seen[0] = seen[0] * keep + people
        seen[1] = seen[1] * keep + shown
        recent = self._recent
        recent[0, 0] += people
        recent[1, 0] += shown
        if not people and self._t_cell < CELL_S:
            return
        # How much likelier are the last seconds, or minutes, under a share of their own? Poisson counts, every length up to three minutes.
        found, mean = np.cumsum(recent, axis=1)
        mean = np.maximum(mean * (seen[0] / seen[1]), 1e-3)
        gain = np.where(found > 0, found * np.log(np.maximum(found, 1e-9) / mean), 0.0) - (found - mean)
        best = int(np.argmax(gain))
        if gain[best] > JUMP_GAIN:
            self.jumps += 1
            old = seen[0] / seen[1]
            k, n = float(found[best]), float(mean[best]) / old
            self._seen = [k + 4.0, n + 4.0 / old]  # the old share is worth four people now
            recent[:] = 0.0
        elif self._t_cell >= CELL_S:
            self._t_cell = 0.0
            # Twenty minutes of people; a small team meets few and has to remember for longer.
            self._memory = min(500.0, max(self._least_memory, float(found[-1]) * 1200.0 / (CELLS * CELL_S)))
            recent[:, 1:] = recent[:, :-1].copy()
            recent[:, 0] = 0.0

    def expect(self, share: float, worth: float = 10.0) -> None:
        """Begin anew with *share*, as when the dialler turns to another segment of the list or the hour changes."""
        self._seen = [worth, worth / share]
        self._recent[:] = 0.0

    @property
    def share(self) -> float:
        """Share of launched calls that become a person."""
        return min(0.999, max(1e-4, self._seen[0] / self._seen[1]))

    @property
    def doubt(self) -> float:
        """Relative standard deviation of :attr:`share`."""
        return 1.0 / math.sqrt(max(self._seen[0], 1.0))

    # ---- tables

    def _build(self) -> None:
        """Make the tables anew from the histograms; now and then, not at each decision."""
        fresh = self._fresh
        pairs = (
            ("sp", self._setup_person),
            ("rp", self._ring_person),
            ("dp", self._detect_person),
            ("so", self._setup_other),
            ("ro", self._ring_other),
            ("do", self._detect_other),
        )
        for name, histogram in pairs:
            histogram.add(fresh[name])
            fresh[name] = []
        self._since_build = 0
        self._build_at = max(20, int(0.2 * self._others[0]))
        setup, ring, detect = self._setup_person.density(), self._ring_person.density(), self._detect_person.density()
        ring_detect = np.convolve(ring, detect)
        whole = np.convolve(setup, ring_detect)
        n = len(self._launched)
        self._shows = np.zeros(n)
        self._shows[: min(n, len(whole))] = whole[:n]
        # moments at which a call launched now would come through, each with the same chance
        cdf = np.cumsum(whole) / whole.sum()
        middles = (np.arange(self._points) + 0.5) / self._points
        self.moments = np.interp(middles, cdf, (np.arange(len(cdf)) + 1.0) * BIN_S)
        bins = (SETUP_BINS, RING_BINS, DETECT_BINS)
        laws = ((setup, ring_detect), (ring, detect), (detect, None))
        others = (self._setup_other, self._ring_other, self._detect_other)
        rang, answered = self._others[1] / self._others[0], self._others[2] / self._others[0]
        width = max(bins)
        steps = self.moments[:, None] / BIN_S - (np.arange(width) + 0.5)[None, :]  # bins left once the state ends after so many bins
        self._within = np.zeros((3, width, self._points))
        self._odds = np.zeros((3, width))  # how much likelier an other call than a person is still here, per launched call
        for state, (law, then) in enumerate(laws):
            n = bins[state]
            alive = _survival(law)
            after = np.concatenate(([0.0], np.cumsum(then))) if then is not None else np.ones(1)
            reach = np.where(steps[:, :n] >= 0, np.interp(steps[:, :n], np.arange(len(after)), after), 0.0)
            later = np.lib.stride_tricks.sliding_window_view(
                np.concatenate((law, np.zeros(n - 1))), n
            )  # row: ages, column: bins from there
            self._within[state, :n] = np.minimum(1.0, np.einsum("am,jm->aj", later, reach) / alive[:, None])
            reached = (1.0, rang, answered)[state]
            self._odds[state, :n] = reached * _survival(others[state].density()) / alive
            self._within[state, n:] = self._within[state, n - 1]
            self._odds[state, n:] = self._odds[state, n - 1]

    def in_flight(self, state: PacingState) -> Floats:
        """Return, for each call in flight and each of :attr:`moments`, the chance that a person has come through by then."""
        stages = state.line_state.view(np.uint8) - np.uint8(LineState.SETUP)  # a free line wraps round to 255
        flying = (stages < 3).nonzero()[0]
        age = ((state.t - state.line_since[flying]) * (1.0 / BIN_S)).astype(np.int64)
        bins = self._odds.shape[1]
        np.minimum(age, bins - 1, out=age)
        age += stages[flying] * np.int64(bins)  # the tables' rows, one stage after the other
        share = self.share
        person = share / (share + (1.0 - share) * self._odds.ravel().take(age))
        return np.asarray(person[:, None] * self._within.reshape(-1, self._points).take(age, 0))

    def fresh_call(self) -> Floats:
        """Return the same chances for a call launched now."""
        return np.asarray(self.share * self._within[0, 0])


TALK_STEP_S = 4.0
WRAP_STEP_S = 1.0
AHEAD_BINS = 100  # of BIN_S
_PER_STEP = np.array([1.0 / TALK_STEP_S, 1.0 / WRAP_STEP_S])


class AgentModel:
    """Learns how long talks and wrap-ups last, and each agent's speed.

    Args:
        talk_s: Mean talk to begin with.
        wrap_s: Mean wrap-up to begin with.
    """

    def __init__(self, talk_s: float = 120.0, wrap_s: float = 20.0) -> None:
        z = np.array([-1.55, -0.89, -0.49, -0.16, 0.16, 0.49, 0.89, 1.55])  # eighths of a normal distribution
        self._talks: deque[float] = deque((talk_s * np.exp(0.77 * z - 0.3)).tolist(), maxlen=1500)
        self._wraps: deque[float] = deque((wrap_s * np.exp(0.55 * z - 0.15)).tolist(), maxlen=1500)
        self._talk_mean, self._wrap_mean = talk_s, wrap_s
        self._sum: dict[int, list[float]] = {}  # agent: weighted sum of relative lengths, weights
        self._since_build = 0
        self._build()

    def update(self, state: PacingState) -> None:
        """Take in the talks and wrap-ups that ended."""
        for event in state.events:
            if event.kind == _TALK_END:
                self._learn(self._talks, event, self._talk_mean, 1.2)
            elif event.kind == _WRAP_END and event.seconds > 0.05:
                self._learn(self._wraps, event, self._wrap_mean, 2.8)
        if self._since_build >= self._build_at:
            self._build()

    def _learn(self, lengths: deque[float], event: PacingEvent, mean: float, weight: float) -> None:
        sums = self._sum.setdefault(event.agent, [0.0, 0.0])
        lengths.append(event.seconds / self._speed(sums))
        # Weights are one over the squared relative spread of a talk and of a wrap-up; 44 is that of speeds between agents.
        sums[0] = sums[0] * 0.998 + weight * event.seconds / mean
        sums[1] = sums[1] * 0.998 + weight
        self._since_build += 1

    @staticmethod
    def _speed(sums: list[float]) -> float:
        return (44.0 + sums[0]) / (44.0 + sums[1])

    def _build(self) -> None:
        self._since_build = 0
        talks, wraps = np.array(self._talks), np.array(self._wraps)
        self._build_at = max(10, len(talks) // 6)
        self._talk_mean, self._wrap_mean = float(talks.mean()), float(wraps.mean())
        width = 160
        blur = np.exp(0.12 * np.array([-1.3, -0.6, 0.0, 0.6, 1.3]))
        bins = int(width * TALK_STEP_S / BIN_S) + AHEAD_BINS
        talk = np.bincount(np.minimum((np.outer(talks, blur).ravel() / BIN_S).astype(np.int64), bins - 1), minlength=bins).astype(
            np.float64
        )
        wrap = np.bincount(np.minimum((np.outer(wraps, blur).ravel() / BIN_S).astype(np.int64), bins - 1), minlength=bins).astype(
            np.float64
        )
        talk /= talk.sum()
        wrap /= wrap.sum()
        wrapped = np.cumsum(wrap)[: AHEAD_BINS + 1]
        # within[e, u]: free within u half-seconds, after e steps of talk
        lag = np.arange(AHEAD_BINS + 1)[None, :] - np.arange(AHEAD_BINS)[:, None] - 1
        kernel = np.where(lag >= 0, wrapped[np.maximum(lag, 0)], 0.0)
        starts = (np.arange(width) * TALK_STEP_S / BIN_S).astype(np.int64)
        windows = talk[starts[:, None] + np.arange(AHEAD_BINS)[None, :]]
        alive = 1.0 - np.concatenate(([0.0], np.cumsum(talk)))[starts]
        floor = min(0.2, 8.0 / len(talks))  # too few talks last that long: the last row with enough of them stands for the rest
        last = max(1, int(np.searchsorted(-alive, -floor)))
        table = np.zeros((2, width, AHEAD_BINS + 1))
        table[0, :last] = np.einsum("em,mu->eu", windows[:last], kernel) / alive[:last, None]
        table[0, last:] = table[0, last - 1]
        starts = (np.arange(width) * WRAP_STEP_S / BIN_S).astype(np.int64)
        done = np.concatenate(([0.0], np.cumsum(wrap)))
        alive = 1.0 - done[starts]
        last = max(1, int(np.searchsorted(-alive, -min(0.2, 8.0 / len(wraps)))))
        ahead = done[np.minimum(starts[:last, None] + np.arange(AHEAD_BINS + 1)[None, :], bins)]
        table[1, :last] = (ahead - done[starts[:last], None]) / alive[:last, None]
        table[1, last:] = table[1, last - 1]
        self._table = np.clip(table, 0.0, 1.0)
        self._paces = np.ones(max(self._sum, default=-1) + 2)  # the last one is for agents not met yet
        for agent, sums in self._sum.items():
            if agent >= 0:
                self._paces[agent] = 1.0 / self._speed(sums)

    def coming_free(self, state: PacingState, ahead_s: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return the chances that busy agents are free *ahead_s* from now, agents by moments, and which of these agents are in wrap-up.

        Agents who are leaving are left out.
        """
        doing = state.agent_state
        busy = ((doing == 2) | (doing == 3)) & ~state.agent_leaving
        who = busy.nonzero()[0]
        row = doing[who] - 2
        pace = self._paces.take(np.minimum(who, len(self._paces) - 1))
        elapsed = ((state.t - state.agent_since[who]) * pace * _PER_STEP.take(row)).astype(np.int64)
        steps = self._table.shape[1]
        np.minimum(elapsed, steps - 1, out=elapsed)
        elapsed += row * np.int64(steps)
        ahead = (pace[:, None] * (ahead_s * (1.0 / BIN_S))).astype(np.int64)
        np.minimum(ahead, AHEAD_BINS, out=ahead)
        ahead += elapsed[:, None] * self._table.shape[2]
        return np.asarray(self._table.ravel().take(ahead)), row == 1

    @property
    def talk_mean_s(self) -> float:
        """Mean talk, seconds."""
        return self._talk_mean

    @property
    def wrap_mean_s(self) -> float:
        """Mean wrap-up, seconds."""
        return self._wrap_mean
