"""Features of calls with what is asked of each frame, and the network in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.amd.model import SHAPES, Weights, pack
from offhook_core import Detect
from offhook_core.answer import AnswerSettings, hear


@dataclass(frozen=True, slots=True)
class Examples:
    """Features of calls and what is asked in each frame."""

    x: NDArray[np.float16]  # calls, frames, features
    sort: NDArray[np.int8]  # calls, frames; -1 asks nothing
    weight: NDArray[np.float32]  # calls, frames
    groups: list[frozenset[str]]  # of the recordings in each call
    long: NDArray[np.bool_]  # a person who speaks long

    def with_long_people(self, share: float) -> Examples:
        """Weighed so that of the people *share* speak long."""
        long, short = int(self.long.sum()), int((self.sort[:, -1] == 0).sum()) - int(self.long.sum())
        factor = share / (1 - share) * short / long if long and short else 1.0
        weight = self.weight * np.where(self.long, factor, 1.0)[:, None].astype(np.float32)
        return replace(self, weight=weight)

    def without(self, groups: set[str]) -> Examples:
        """The calls in which none of the groups is heard."""
        return self._rows([i for i, own in enumerate(self.groups) if not own & groups])

    def only(self, groups: set[str]) -> Examples:
        """The calls in which one of the groups is heard."""
        return self._rows([i for i, own in enumerate(self.groups) if own & groups])

    def _rows(self, rows: list[int]) -> Examples:
        return Examples(self.x[rows], self.sort[rows], self.weight[rows], [self.groups[i] for i in rows], self.long[rows])


def listen(calls: Sequence[NDArray[np.int16]]) -> list[NDArray[np.float32]]:
    """The core's features of every frame, by an empty model that lets everybody pass: a verdict would begin anew."""
    empty = pack({name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()})
    patient = AnswerSettings.preset("careful", cost_person=1e6, cost_machine=1e-3, cost_second=0, wait_ms=2000, total_ms=60_000)
    return [heard.features for heard in hear(calls, model=empty, settings=patient, detectors=Detect.ANSWER)]


def run(weights: Weights, x: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The network in numpy: logits of shape (..., sorts) from features of shape (..., features)."""
    dense = np.maximum(x.astype(np.float32) @ weights["w1"] + weights["b1"], 0)
    return np.asarray(dense @ weights["w2"] + weights["b2"], np.float32)
