"""Make the model's probabilities honest: one scale for all outputs and one offset for "person", fitted to calls it was not trained with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from offhook.amd.examples import Examples, run
from offhook.amd.model import Weights

_FRAMES = np.array([25, 40, 60, 75, 100, 125])
"""Frames after the answer that are looked at."""


def fit(held: Sequence[tuple[Weights, Examples]]) -> tuple[float, float]:
    """Scale of the logits and offset of the first one that make the calls, each heard by a model that never met them, most likely."""
    logits, sorts = [], []
    for weights, examples in held:
        logit = run(weights, examples.x)[:, _FRAMES].reshape(-1, weights["b2"].size)
        sort = examples.sort[:, _FRAMES].reshape(-1)
        use = (sort >= 0) & (examples.weight[:, _FRAMES].reshape(-1) > 0.2)
        logits.append(logit[use])
        sorts.append(sort[use])
    logit, sort = np.concatenate(logits), np.concatenate(sorts)
    best = (np.inf, 1.0, 0.0)
    for scale in np.linspace(0.3, 1.6, 27):
        for offset in np.linspace(-1.5, 1.5, 31):
            z = logit * scale
            z[:, 0] += offset
            person = z[:, 0] - _log_sum(z[:, 1:])  # of interest is person or not
            loss = float(np.mean(np.logaddexp(0, np.where(sort == 0, -person, person))))
            best = min(best, (loss, float(scale), float(offset)))
    return best[1], best[2]


def apply(weights: Weights, scale: float, offset: float) -> dict[str, NDArray[np.float32]]:
    """The same model with these probabilities."""
    changed = {name: array.copy() for name, array in weights.items()}
    changed["w2"] = (changed["w2"] * scale).astype(np.float32)
    changed["b2"] = (changed["b2"] * scale).astype(np.float32)
    changed["b2"][0] += offset
    return changed


def _log_sum(z: NDArray[np.float32]) -> NDArray[np.float32]:
    top = z.max(axis=1, keepdims=True)
    return np.asarray(top[:, 0] + np.log(np.exp(z - top).sum(axis=1)), np.float32)
