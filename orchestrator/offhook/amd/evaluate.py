"""What the answer analysis is worth on labelled recordings: people kept, machines caught, delays, honesty, trade-offs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.amd.data import AUTOMATIC, DBM0, RATE, CallMaker, Clip, folds
from offhook_core import Answer, EventKind, Profile
from offhook_core.answer import AnswerSettings, Heard, hear

TAIL_S = 3.0
"""Line noise after a recording's end; nobody there speaks to the callee."""
HEARD_S = 7.0
"""More of a recording is not heard."""
MACHINES = frozenset({"machine", "ivr", "announcement", "screening"})
NOBODY = frozenset({"tones", "beep", "music", "noise"})
TIMES_MS = (1500, 2500)


@dataclass(frozen=True, slots=True)
class Trial:
    """One recording heard as a call that is answered at its first sample.

    Args:
        clip: The recording.
        end_ms: End of its speech after the answer.
        verdicts: Time after the answer in ms, verdict and probability, in order.
        p_person: Probability of a person after each frame.
    """

    clip: Clip
    end_ms: float
    verdicts: tuple[tuple[float, str, float], ...]
    p_person: NDArray[np.float32]

    def at(self, ms: float) -> str | None:
        """The verdict that stands *ms* after the answer."""
        found = None
        for t, verdict, _ in self.verdicts:
            if t <= ms:
                found = verdict
        return found


def as_recorded(clip: Clip, rng: np.random.Generator) -> NDArray[np.int16]:
    """The recording at -18 dBm0 on a quiet line, from its first sample on."""
    x = clip.audio[: int(HEARD_S * RATE)]
    n = len(x) + int(TAIL_S * RATE)
    call = rng.standard_normal(n).astype(np.float32) * DBM0 * 10 ** (-66 / 20)
    speech = x[clip.onset : clip.end]
    rms = float(np.sqrt(np.mean(speech * speech) + 1e-12)) if len(speech) else 0.1
    call[: len(x)] += x * (DBM0 * 10 ** (-18 / 20) / rms)
    return np.asarray(np.clip(call, -32768, 32767), np.int16)


def varied(clips: Sequence[Clip], seed: int) -> tuple[list[NDArray[np.int16]], list[float]]:
    """Each recording through a random microphone and line as in training, and the end of its speech in ms."""
    maker = CallMaker(clips, seconds=HEARD_S)
    audio, ends = [], []
    for number, clip in enumerate(clips):
        call, end = maker.single(clip, np.random.default_rng([seed, number]))
        audio.append(call)
        ends.append(end / RATE * 1000)
    return audio, ends


def trials(
    clips: Sequence[Clip], *, settings: AnswerSettings | None = None, model: bytes | None = None, vary: int | None = None, plan: str = "us"
) -> list[Trial]:
    """Hear every clip with these settings and this model; *vary* is the seed of random lines, None for the recordings as they are."""
    if vary is None:
        audio = [as_recorded(clip, np.random.default_rng([7, i])) for i, clip in enumerate(clips)]
        ends = [clip.end / RATE * 1000 for clip in clips]
    else:
        audio, ends = varied(clips, vary)
    heard = hear(audio, settings=settings, model=model, plan=plan, detectors=Profile.ANSWERED)
    return [_trial(clip, end, result) for clip, end, result in zip(clips, ends, heard, strict=True)]


def _trial(clip: Clip, end_ms: float, heard: Heard) -> Trial:
    cut = HEARD_S * 1000 if len(clip.audio) > HEARD_S * RATE else np.inf  # a word that is cut off, then silence, is nobody's doing
    found = [e for e in heard.events if e.kind == EventKind.ANSWER and not e.provisional]
    verdicts = tuple((e.t_ms, e.detail, e.p) for e in found if e.t_ms <= cut)
    return Trial(clip, end_ms, verdicts, heard.p[:, Answer.PERSON])


def _share(hits: Sequence[bool]) -> float | None:
    return round(float(np.mean(hits)), 4) if len(hits) else None


def summary(results: Sequence[Trial], ms: float) -> dict[str, Any]:
    """Shares at one time after the answer; an undecided call is neither kept nor caught."""
    people = [r for r in results if r.clip.sort == 0]
    machines = [r for r in results if r.clip.label == "machine"]
    automatic = [r for r in results if r.clip.label in AUTOMATIC]
    long_people = [r for r in people if r.clip.hard]
    short_machines = [r for r in machines if r.clip.hard]

    def kept(rows: Sequence[Trial]) -> float | None:
        return _share([r.at(ms) == "person" for r in rows])

    def caught(rows: Sequence[Trial]) -> float | None:
        return _share([r.at(ms) in MACHINES for r in rows])

    return {
        "recordings": len(results),
        "people": len(people),
        "people_kept": kept(people),
        "people_lost": _share([r.at(ms) in MACHINES for r in people]),
        "machines": len(machines),
        "machines_caught": caught(machines),
        "machines_called_person": kept(machines),
        "automatic_caught": caught(automatic),
        "hard_people": len(long_people),
        "hard_people_kept": kept(long_people),
        "hard_machines": len(short_machines),
        "hard_machines_caught": caught(short_machines),
    }


def delays(results: Sequence[Trial]) -> dict[str, Any]:
    """From the end of a person's greeting to the verdict "person", in ms; a verdict during the greeting counts as below 0."""
    found = [t - r.end_ms for r in results if r.clip.sort == 0 for t, verdict, _ in r.verdicts[:1] if verdict == "person"]
    if not found:
        return {"count": 0}
    return {
        "count": len(found),
        "median": round(float(np.median(found))),
        "p95": round(float(np.percentile(found, 95))),
        "most": round(max(found)),
    }


def called_person(results: Sequence[Trial], labels: frozenset[str]) -> dict[str, Any]:
    """How many recordings of these labels were ever called a person."""
    rows = [r for r in results if r.clip.label in labels]
    wrong = [r.clip.path for r in rows if any(verdict == "person" for _, verdict, _ in r.verdicts)]
    return {
        "count": len(rows),
        "called_person": len(wrong),
        "share": _share([r.clip.path in set(wrong) for r in rows]),
        "which": wrong[:20],
    }


def calibration(results: Sequence[Trial], ms: float, bins: int = 10) -> dict[str, Any]:
    """Expected calibration error of the probability of a person, people and machines weighing the same."""
    rows = [
        (float(r.p_person[int(ms // 20) - 1]), r.clip.sort == 0)
        for r in results
        if r.clip.label not in NOBODY and len(r.p_person) * 20 >= ms
    ]
    if not rows:
        return {"error": None, "bins": []}
    p = np.array([row[0] for row in rows])
    person = np.array([row[1] for row in rows])
    weight = np.where(person, 0.5 / max(person.sum(), 1), 0.5 / max((~person).sum(), 1))
    which = np.minimum((p * bins).astype(int), bins - 1)
    error, table = 0.0, []
    for b in range(bins):
        here = which == b
        if not here.any():
            continue
        mass = float(weight[here].sum())
        said, true = float((p * weight)[here].sum() / mass), float(weight[here & person].sum() / mass)
        error += mass * abs(said - true)
        table.append({"said": round(said, 3), "true": round(true, 3), "share": round(mass, 3), "count": int(here.sum())})
    return {"error": round(error, 4), "bins": table}


def roc(results: Sequence[Trial], ms: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Machines caught and people kept for every threshold on the probability of a person *ms* after the answer."""
    frame = int(ms // 20) - 1
    people = np.sort([r.p_person[min(frame, len(r.p_person) - 1)] for r in results if r.clip.sort == 0])
    machines = np.sort([r.p_person[min(frame, len(r.p_person) - 1)] for r in results if r.clip.label in AUTOMATIC])
    thresholds = np.concatenate([[-1.0], np.unique(np.concatenate([people, machines])), [2.0]])
    kept = 1 - np.searchsorted(people, thresholds) / max(len(people), 1)
    caught = np.searchsorted(machines, thresholds) / max(len(machines), 1)
    return caught, kept


def by(results: Sequence[Trial], key: Callable[[Clip], str], ms: float) -> dict[str, dict[str, Any]]:
    """:func:`summary` for each value of *key*."""
    groups: dict[str, list[Trial]] = {}
    for r in results:
        groups.setdefault(key(r.clip), []).append(r)
    return {name: summary(rows, ms) for name, rows in sorted(groups.items())}


def cross(
    clips: Sequence[Clip],
    folder: Path,
    *,
    settings: AnswerSettings | None = None,
    vary: int | None = None,
    only: Callable[[Clip], bool] = lambda _: True,
) -> list[Trial]:
    """:func:`trials` where each recording is heard by the model that was trained without its source and voice.

    Args:
        clips: The recordings of the training, all of them and in its order: they give the parts.
        folder: Where ``fold-0.bin`` and so on lie.
        settings: None for the preset ``balanced``.
        vary: Seed of random lines.
        only: Which recordings to hear.

    Raises:
        ValueError: There are no models in the folder.
    """
    models = [path.read_bytes() for path in sorted(folder.glob("fold-*.bin"))]
    if not models:
        raise ValueError(f"{folder}: no fold-0.bin there; `offhook amd train` writes it")
    part = folds(clips, len(models))
    results: list[Trial] = []
    for number, model in enumerate(models):
        held = [clip for clip, of in zip(clips, part, strict=True) if of == number and only(clip)]
        results += trials(held, settings=settings, model=model, vary=vary) if held else []
    return results
