"""Train the answer analysis' model. Needs PyTorch (``pip install offhook[train]``); what comes out runs in the core without it.

The features come from the core itself (:func:`offhook_core.answer.hear`), so training and calls agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.amd import calibrate
from offhook.amd.data import Call, CallMaker, Clip, folds
from offhook.amd.examples import Examples, listen
from offhook.amd.model import ACTIVE, DENSE, KNOTS, SORTS, TIMES_S
from offhook_core.answer import FEATURES

LONG_SHARE = 0.1
"""Of the people, those who speak longer than 2.3 s; recordings have more of them than calls."""
EARLY = 150
"""Frames (3 s) in which a verdict is wanted; later ones count half."""
_CHUNK = 512
_EVERY = 6
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    Args:
        calls: Made-up calls for training.
        epochs: Times through them; each time another sixth of the frames is looked at.
        batch: Calls in one step.
        rate: Largest learning rate.
        seed: Same seed, recordings and machine give the same weights.
    """

    calls: int = 8000
    epochs: int = 16
    batch: int = 192
    rate: float = 6e-3
    seed: int = 1


Say = Callable[[str], None]


def examples(calls: Sequence[Call]) -> Examples:
    """Let the core hear the calls."""
    x = np.stack(listen([call.audio for call in calls])).astype(np.float16)
    sort = np.stack([call.sort for call in calls])
    spoken = x[:, :, ACTIVE] > 0
    weight = np.where(spoken, 1.0, 0.05) * np.where(np.arange(x.shape[1]) < EARLY, 1.0, 0.5) * (sort >= 0)
    return Examples(x, sort, weight.astype(np.float32), [call.groups for call in calls], np.array([call.long for call in calls]))


def make_examples(maker: CallMaker, count: int, seed: int, say: Say) -> Examples:
    """*count* random calls."""
    parts = []
    for first in range(0, count, _CHUNK):
        rng = np.random.default_rng([seed, first])
        parts.append(examples([maker.make(rng) for _ in range(min(_CHUNK, count - first))]))
        say(f"{min(first + _CHUNK, count)} of {count} calls made")
    x, sort, weight = (np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "sort", "weight"))
    return Examples(x, sort, weight, [groups for part in parts for groups in part.groups], np.concatenate([part.long for part in parts]))


def fit(train: Examples, settings: Settings, say: Say) -> dict[str, NDArray[np.float32]]:
    """Weights for these examples.

    Raises:
        RuntimeError: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise RuntimeError("training needs PyTorch: pip install 'offhook[train]'") from error
    torch.manual_seed(settings.seed)
    torch.set_num_threads(1)
    mean, spread = _scale(train)
    lower = torch.nn.Linear(FEATURES, DENSE)
    upper = torch.nn.Linear(DENSE, len(SORTS))
    parameters = [*lower.parameters(), *upper.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=1e-2)
    steps = settings.epochs * -(-len(train.x) // settings.batch)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=steps, pct_start=0.15)
    centre, width = torch.from_numpy(mean), torch.from_numpy(spread)
    order = np.random.default_rng(settings.seed)
    for epoch in range(settings.epochs):
        total = 0.0
        for batch in np.array_split(order.permutation(len(train.x)), -(-len(train.x) // settings.batch)):
            frames = slice(int(order.integers(_EVERY)), None, _EVERY)
            x = (torch.from_numpy(train.x[batch, frames].astype(np.float32)) - centre) / width
            x = x + _JITTER * torch.randn_like(x)
            sort = torch.from_numpy(train.sort[batch, frames].astype(np.int64))
            weight = torch.from_numpy(train.weight[batch, frames])
            logit = upper(torch.relu(lower(x)))
            loss = torch.nn.functional.cross_entropy(
                logit.flatten(0, 1), sort.clamp(min=0).flatten(), reduction="none", label_smoothing=0.03
            )
            loss = (loss * weight.flatten()).sum() / weight.sum()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            plan.step()
            total += float(loss.detach()) * len(batch)
        say(f"epoch {epoch + 1} of {settings.epochs}: loss {total / len(train.x):.4f}")
    return _fold_scale(lower, upper, mean, spread)


def _scale(train: Examples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    flat = train.x[:: max(1, len(train.x) // 2000)].reshape(-1, FEATURES).astype(np.float32)
    return flat.mean(0), flat.std(0) + 0.05


def _fold_scale(lower: Any, upper: Any, mean: NDArray[np.float32], spread: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """The weights, taking the features as the core gives them."""
    w1, b1, w2, b2 = (t.detach().numpy().astype(np.float32) for t in (lower.weight.T, lower.bias, upper.weight.T, upper.bias))
    w1 = w1 / spread[:, None]
    made = {"w1": w1, "b1": b1 - mean @ w1, "w2": w2, "b2": b2, "odds": calibrate.UNCHANGED}
    return {name: np.ascontiguousarray(array, np.float32) for name, array in made.items()}


@dataclass(frozen=True, slots=True)
class Trained:
    """A model made of all recordings, and for each part of them one that has never met its sources and voices.

    Args:
        model: For use.
        folds: For honest figures: number *k* was made without part *k*.
        odds: Calibration that all of them carry, see :func:`offhook.amd.calibrate.fit`.
    """

    model: dict[str, NDArray[np.float32]]
    folds: list[dict[str, NDArray[np.float32]]]
    odds: calibrate.Odds


def train(clips: Sequence[Clip], settings: Settings, parts: int, say: Say = lambda _: None) -> Trained:
    """Train with all clips; *parts* more models, each without one part, give the calibration (0: none).

    Raises:
        RuntimeError: PyTorch is not installed.
        ValueError: There are no people, or nobody else, in the recordings.
    """
    if not any(clip.sort == 0 for clip in clips) or not any(clip.sort in (1, 2, 3) for clip in clips):
        raise ValueError("training needs recordings of people and of machines: label some of each")
    calls = make_examples(CallMaker(clips), settings.calls, settings.seed, say).with_long_people(LONG_SHARE)
    part = dict(zip((clip.group for clip in clips), folds(clips, parts) if parts else [], strict=False))
    models, held = [], []
    for k in range(parts):
        say(f"part {k + 1} of {parts}")
        out = {group for group, of in part.items() if of == k}
        models.append(fit(calls.without(out), settings, say))
        held.append((models[-1], [clip for clip in clips if clip.group in out]))
    say("all recordings")
    model = fit(calls, settings, say)
    odds = calibrate.fit(held)
    for seconds, row in zip(TIMES_S, odds, strict=True):
        say(f"calibration {seconds:g} s: log odds {', '.join(f'{k:g} to {v:.2f}' for k, v in zip(KNOTS, row, strict=True))}")
    return Trained(calibrate.apply(model, odds), [calibrate.apply(m, odds) for m in models], odds)
