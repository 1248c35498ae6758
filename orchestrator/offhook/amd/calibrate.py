"""Make the model's probabilities honest: its log odds of a person bent by a small table, fitted to recordings it was not trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.amd import evaluate
from offhook.amd.data import AUTOMATIC, Clip
from offhook.amd.examples import listen, run
from offhook.amd.model import ACTIVE, KNOTS, TIME, TIMES_S, Weights
from offhook.amd.synth import SOURCE

UNCHANGED: NDArray[np.float32] = np.tile(np.array(KNOTS, np.float32), (len(TIMES_S), 1))
"""The table that changes nothing."""
_LEAST_SLOPE = 0.05
"""Whoever sounds more like a person is always given a higher probability."""
_DOUBT = 0.01
"""Recordings are few: never surer than this."""
_STEPS = 2000

Odds = NDArray[np.float32]


def fit(held: Sequence[tuple[Weights, Sequence[Clip]]], seed: int = 1) -> Odds:
    """The table, :data:`TIMES_S` by :data:`KNOTS`, that makes the recordings most likely, each heard by a model without it.

    People weigh as much as machines, menus and announcements together, each recording as much as any other, once as it is and once over a
    random line. Synthetic pairs only count when there is nothing else. All parts give one table: on sources that none of the recordings
    stand for, a model is no surer than on those.
    """
    spoken = [(weights, [c for c in clips if c.sort == 0 or c.label in AUTOMATIC]) for weights, clips in held]
    real = [(weights, [c for c in clips if c.source != SOURCE]) for weights, clips in spoken]
    z, person, heard = [], [], []
    for weights, clips in real if _both(real) else spoken:
        if not clips:
            continue
        x = features(clips, seed)
        z.append(log_odds(run(weights, x)))
        person.append(np.tile([c.sort == 0 for c in clips], len(x) // len(clips)))
        heard.append(x[:, :, ACTIVE] > 0.1)
    if not z:
        return UNCHANGED
    said, people, use = np.concatenate(z), np.concatenate(person), np.concatenate(heard)
    rows = [_fit(said[use[:, t], t], people[use[:, t]]) for t in range(len(TIMES_S))]
    return np.array(rows, np.float32).round(3)


def _both(held: Sequence[tuple[Weights, Sequence[Clip]]]) -> bool:
    sorts = {clip.sort == 0 for _, clips in held for clip in clips}
    return len(sorts) == 2


def features(clips: Sequence[Clip], seed: int) -> NDArray[np.float32]:
    """What the core hears of each clip at :data:`TIMES_S`, as it is and then over a random line: (2 x clips, times, features)."""
    frames = [round(seconds * 50) - 1 for seconds in TIMES_S]
    plain = [evaluate.as_recorded(clip, np.random.default_rng([seed, i])) for i, clip in enumerate(clips)]
    return np.stack([x[np.minimum(frames, len(x) - 1)] for x in listen([*plain, *evaluate.varied(clips, seed)[0]])])


def log_odds(logit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a person, from logits whose last axis is the sorts."""
    top = logit[..., 1:].max(axis=-1, keepdims=True)
    return np.asarray(logit[..., 0] - top[..., 0] - np.log(np.exp(logit[..., 1:] - top).sum(axis=-1)), np.float32)


def person(weights: Weights, x: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Probability of a person from the core's features as the core gives it, before it looks at tones and settings."""
    z = log_odds(run(weights, x))
    rows = np.stack([np.interp(z, KNOTS, row) for row in weights["odds"]])
    seconds = x[..., TIME].astype(np.float64)
    at = np.interp(seconds, TIMES_S, np.arange(len(TIMES_S)))
    before = np.minimum(at.astype(int), len(TIMES_S) - 2)
    low, high = (np.take_along_axis(rows, (before + step)[None], 0)[0] for step in (0, 1))
    return np.asarray(1 / (1 + np.exp(-(low + (high - low) * (at - before)))), np.float32)


def _fit(z: NDArray[np.float32], person: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Values at the knots with the least log loss, rising: gradient steps scaled by the curvature, too small ones set to the least."""
    knots = np.array(KNOTS)
    width = np.diff(knots)
    if person.all() or not person.any():
        return knots
    weight = np.where(person, 0.5 / person.sum(), 0.5 / (~person).sum())
    wanted = np.where(person, 1 - _DOUBT, _DOUBT)
    part = np.concatenate([np.ones((len(z), 1)), np.clip((z[:, None] - knots[:-1]) / width, 0, 1)], axis=1)
    rise = np.concatenate([knots[:1], width])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-part @ rise))
        slope = part.T @ (weight * (p - wanted))
        curve = (part * part).T @ (weight * p * (1 - p))
        rise -= 0.3 * slope / (curve + 1e-3)
        rise[1:] = np.maximum(rise[1:], _LEAST_SLOPE * width)
    return np.cumsum(rise)


def apply(weights: Weights, odds: Odds) -> dict[str, NDArray[np.float32]]:
    """The same model with this calibration."""
    return {**weights, "odds": np.asarray(odds, np.float32)}
