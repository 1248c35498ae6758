"""Abandon rules as data: where the clock starts, how long, over which window, of which calls, with how much doubt.

The facts behind the presets are the regulators' texts: FTC 16 CFR 310.4(b)(4) (3 % of calls answered by a person, 2 s after the
completed greeting, 30 days or the campaign) and Ofcom's formula of 2008 and 2010 (3 % of live calls, 24 h, detection errors counted).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt
from statistics import NormalDist


class Start(StrEnum):
    """Where the clock of an abandon rule starts."""

    ANSWER = "answer"
    GREETING_START = "greeting_start"
    GREETING_END = "greeting_end"


class Denominator(StrEnum):
    """Which calls an abandoned call is one of."""

    PEOPLE = "people"  # answered by a person: abandoned and connected
    CONNECTED = "connected"  # only those that reached an agent
    ANSWERED = "answered"  # people and machines


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in one window.

    Attributes:
        abandoned: Calls judged to be a person that no agent took in time.
        connected: Calls that reached an agent and were a person.
        machines_connected: Machines that reached an agent, as the agents' dispositions say.
        machines_caught: Machines the detector stopped.
        false_positives: Estimate of people whom the detector took for machines and dropped.
    """

    abandoned: float = 0
    connected: float = 0
    machines_connected: float = 0
    machines_caught: float = 0
    false_positives: float = 0


@dataclass(frozen=True, slots=True)
class AbandonRule:
    """How abandonment is counted and how much of it is allowed.

    Attributes:
        share: Most abandoned calls per counted call, 0.03 for 3 %.
        start: Where the clock starts.
        seconds: How long a person may wait on that clock.
        window_s: Length of the rolling window in seconds; ``None`` for the whole campaign.
        denominator: Which calls count below the line.
        detection_errors: Count people dropped as machines as abandoned, and take machines out of the abandoned ones.
        confidence: Keep this one-sided upper confidence bound of the rate under the share; ``None`` for the plain rate.
    """

    share: float = 0.03
    start: Start = Start.GREETING_END
    seconds: float = 2.0
    window_s: float | None = None
    denominator: Denominator = Denominator.PEOPLE
    detection_errors: bool = False
    confidence: float | None = None

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            ValueError: A value is outside its range; the text names it.
        """
        if not 0 <= self.share <= 1:
            raise ValueError(f"abandon rule: share is {self.share}, give a part between 0 and 1 (0.03 for 3 %)")
        if self.seconds < 0:
            raise ValueError(f"abandon rule: seconds is {self.seconds}, give 0 or more")
        if self.window_s is not None and self.window_s <= 0:
            raise ValueError(f"abandon rule: window_s is {self.window_s}, give seconds, or leave it out for the campaign")
        if self.confidence is not None and not 0.5 <= self.confidence < 1:
            raise ValueError(f"abandon rule: confidence is {self.confidence}, give 0.5 to below 1, or leave it out")
        object.__setattr__(self, "start", Start(self.start))
        object.__setattr__(self, "denominator", Denominator(self.denominator))

    def parts(self, counts: Counts) -> tuple[float, float]:
        """Return the two sides of the fraction: calls that count as abandoned, and calls they are a part of."""
        abandoned = counts.abandoned
        connected = counts.connected
        if self.detection_errors:
            answered = connected + counts.machines_connected
            if answered > 0:  # the share of machines among the abandoned is the one the agents met
                abandoned -= abandoned * counts.machines_connected / answered
            abandoned += counts.false_positives
        if self.denominator is Denominator.CONNECTED:
            return abandoned, connected
        if self.denominator is Denominator.ANSWERED:
            return abandoned, abandoned + connected + counts.machines_connected + counts.machines_caught
        return abandoned, abandoned + connected

    def rate(self, counts: Counts) -> float:
        """Return the abandon rate, 0 to 1; 0 when nothing was counted, 1 when all that was counted was abandoned."""
        above, below = self.parts(counts)
        return above / below if below > 0 else float(above > 0)

    def bound(self, counts: Counts) -> float:
        """Return what the rule compares with its share: the rate, or its upper confidence bound."""
        above, below = self.parts(counts)
        rate = self.rate(counts)
        if self.confidence is None or below <= 0:
            return rate
        return upper_bound(above, below, self.confidence)

    def kept(self, counts: Counts) -> bool:
        """Say whether the counts keep the rule."""
        return self.bound(counts) <= self.share

    def allowed(self, people: float) -> float:
        """Return how many of *people* may be abandoned, confidence bound included; may be a fraction."""
        most = self.share * people
        if self.denominator is Denominator.CONNECTED:
            most = people * self.share / (1 + self.share)
        if self.confidence is None or people <= 0:
            return most
        # The Wilson bound reaches the share exactly where the observed count lies z standard deviations under it.
        z = NormalDist().inv_cdf(self.confidence)
        return max(0.0, most - z * sqrt(people * self.share * (1 - self.share)))


def upper_bound(abandoned: float, people: float, confidence: float) -> float:
    """Return the one-sided Wilson upper bound of ``abandoned / people``."""
    z2 = NormalDist().inv_cdf(confidence) ** 2
    rate = min(1.0, abandoned / people)
    middle = rate + z2 / (2 * people)
    half = sqrt(z2 * (rate * (1 - rate) + z2 / (4 * people)) / people)
    return min(1.0, (middle + half) / (1 + z2 / people))


DAY_S = 86_400.0

RULES: dict[str, AbandonRule] = {
    "us-ftc": AbandonRule(window_s=30 * DAY_S),
    "us-ftc-campaign": AbandonRule(),
    "gb-ofcom": AbandonRule(window_s=DAY_S, start=Start.GREETING_START, detection_errors=True),
    "none": AbandonRule(share=1.0),
}
"""Rules by name. ``gb-ofcom`` is the formula in force until 2017, still the way the rate is computed there."""


def rule(name: str, **changes: object) -> AbandonRule:
    """Return a rule by name, with some of its fields changed.

    Raises:
        ValueError: There is no rule of that name, or a value is out of range.
    """
    if name not in RULES:
        raise ValueError(f"no abandon rule is called {name!r}; there are {', '.join(sorted(RULES))}")
    return replace(RULES[name], **changes)  # type: ignore[arg-type]


class Window:
    """Counts people and abandoned calls over a rolling window, in steps of a 240th of it."""

    def __init__(self, window_s: float | None) -> None:
        self.window_s = window_s
        self._step = (window_s or 1.0) / 240
        self._cells: deque[list[float]] = deque()  # [start of the cell, people, abandoned, connected, dialled]
        self._sum = [0, 0, 0, 0]

    def add(self, t: float, *, people: int = 0, abandoned: int = 0, connected: int = 0, dialled: int = 0) -> None:
        """Count at time *t*, which never goes back by more than one step."""
        what = (people, abandoned, connected, dialled)
        for i, n in enumerate(what):
            self._sum[i] += n
        if self.window_s is None:
            return
        start = t - t % self._step
        if not self._cells or self._cells[-1][0] < start:
            self._cells.append([start, 0, 0, 0, 0])
        for i, n in enumerate(what):
            self._cells[-1][i + 1] += n

    def totals(self, t: float) -> tuple[int, int, int, int]:
        """Return people, abandoned, connected, dialled in the window that ends at *t*."""
        if self.window_s is not None:
            while self._cells and self._cells[0][0] + self._step <= t - self.window_s:
                gone = self._cells.popleft()
                for i in range(4):
                    self._sum[i] -= int(gone[i + 1])
        return self._sum[0], self._sum[1], self._sum[2], self._sum[3]
