"""Features of calls with what is asked of each frame, and the network in numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.amd.model import HIDDEN, SORTS, STATS, Weights


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


def run(weights: Weights, x: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The network in numpy, for calibration: logits of shape (calls, frames, sorts)."""
    calls, frames, _ = x.shape
    state = np.zeros((calls, HIDDEN), np.float32)
    out = np.empty((calls, frames, len(SORTS)), np.float32)
    for t in range(frames):
        now = x[:, t].astype(np.float32)
        a = now[:, :STATS] @ weights["wx"] + weights["bx"]
        b = state @ weights["wh"] + weights["bh"]
        reset, update = (1 / (1 + np.exp(-np.clip(a[:, i : i + HIDDEN] + b[:, i : i + HIDDEN], -30, 30))) for i in (0, HIDDEN))
        fresh = np.tanh(a[:, 2 * HIDDEN :] + reset * b[:, 2 * HIDDEN :])
        state = fresh + update * (state - fresh)
        dense = np.maximum(np.concatenate([state, now[:, STATS:]], 1) @ weights["w1"] + weights["b1"], 0)
        out[:, t] = dense @ weights["w2"] + weights["b2"]
    return out
