"""Make the model's probabilities honest: the log odds of a person bent by three numbers fitted to calls it was not trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.amd.examples import Examples, run
from offhook.amd.model import Weights

_FRAMES = np.array([25, 40, 60, 75, 100, 125])
"""Frames after the answer that are looked at."""


def fit(held: Sequence[tuple[Weights, Examples]]) -> tuple[float, float, float]:
    """Factors of the log odds below and above 0, and offset, that make the calls most likely, each heard by a model without them.

    All calls weigh in one fit: on sources that none of the recordings stand for, a model is no surer than on those.
    """
    z, person, weight = [], [], []
    for weights, examples in held:
        sort = examples.sort[:, _FRAMES]
        asked = np.where(sort >= 0, examples.weight[:, _FRAMES], 0)
        use = asked > 0.1
        z.append(log_odds(run(weights, examples.x[:, _FRAMES]))[use])
        person.append(sort[use] == 0)
        weight.append(asked[use])
    return _fit(np.concatenate(z), np.concatenate(person), np.concatenate(weight))


def log_odds(logit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a person, from logits whose last axis is the sorts."""
    top = logit[..., 1:].max(axis=-1, keepdims=True)
    return np.asarray(logit[..., 0] - top[..., 0] - np.log(np.exp(logit[..., 1:] - top).sum(axis=-1)), np.float32)


def person(weights: Weights, logit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of a person as the core gives it, before it looks at tones and settings."""
    below, above, offset = weights["odds"]
    z = log_odds(logit)
    return np.asarray(1 / (1 + np.exp(-(np.minimum(z, 0) * below + np.maximum(z, 0) * above + offset))), np.float32)


def _fit(z: NDArray[np.float32], person: NDArray[np.bool_], weight: NDArray[np.float32]) -> tuple[float, float, float]:
    """Factors below and above 0, and offset, with the least log loss; people and others weigh the same."""
    weight = weight / np.where(person, max(weight[person].sum(), 1e-9), max(weight[~person].sum(), 1e-9))
    low, high = np.minimum(z, 0), np.maximum(z, 0)
    best = (np.inf, 1.0, 1.0, 0.0)
    below: NDArray[np.floating[Any]] = np.linspace(0.1, 2.5, 17)
    above: NDArray[np.floating[Any]] = below
    offsets: NDArray[np.floating[Any]] = np.linspace(-2, 2, 21)
    for step in (1.0, 0.2):  # coarse, then fine around the best
        for a in below:
            for b in above:
                for c in offsets:
                    odds = a * low + b * high + c
                    loss = float(np.sum(weight * np.logaddexp(0, np.where(person, -odds, odds))))
                    best = min(best, (loss, float(a), float(b), float(c)))
        if step == 1.0:
            below, above = best[1] + 0.03 * np.arange(-4, 5), best[2] + 0.03 * np.arange(-4, 5)
            offsets = best[3] + 0.05 * np.arange(-4, 5)
    return best[1], best[2], best[3]


def apply(weights: Weights, odds: tuple[float, float, float]) -> dict[str, NDArray[np.float32]]:
    """The same model with this calibration."""
    return {**weights, "odds": np.array(odds, np.float32)}
