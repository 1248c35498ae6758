"""The list of a shift: every number with everything that chance has in store for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .scenario import Distribution, Scenario


class Lead(NamedTuple):
    """One number of the list, with everything chance has in store for it. Times in seconds."""

    who: float  # 0 to 1, against the shares in force at launch
    preview: float
    setup: float
    person_ring: float
    machine_ring: float
    onset: float
    greeting: float
    person_verdict: float
    machine_verdict: float
    error: float  # 0 to 1, against the detector's error rates
    talk: float
    wrap: float


def under_limit(limit_s: float, ring: Distribution, rng: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    """Draw ringing times of calls that are answered, so under the no-answer time: the shares of the list are of answered calls."""
    drawn = ring.draw(rng, 2 * n)
    drawn, again = drawn[:n], drawn[n:]
    drawn = np.where(drawn < limit_s, drawn, again)
    return np.asarray(np.where(drawn < limit_s, drawn, limit_s * rng.random(n)))


class Leads:
    """The list, drawn in blocks."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario = scenario
        self._rng = np.random.default_rng([seed, 1])
        self._block: list[tuple[float, ...]] = []

    def next(self) -> Lead:
        if not self._block:
            n, rng, s = 4096, self._rng, self._scenario
            columns = [
                rng.random(n),
                rng.random(n),
                s.network.setup.draw(rng, n),
                under_limit(s.network.no_answer_s, s.network.person_ring, rng, n),
                under_limit(s.network.no_answer_s, s.network.machine_ring, rng, n),
                s.detection.greeting_onset.draw(rng, n),
                s.detection.greeting.draw(rng, n),
                s.detection.person.draw(rng, n),
                s.detection.machine.draw(rng, n),
                rng.random(n),
                s.agents.talk.draw(rng, n),
                s.agents.wrap.draw(rng, n),
            ]
            self._block = list(zip(*(c.tolist() for c in columns), strict=True))
            self._block.reverse()
        return Lead(*self._block.pop())
