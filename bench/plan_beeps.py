"""Message beeps at the pitches of the tone plans' own tones, and those tones after a voice: what is told, when, and who becomes a machine.

    python -m bench.plan_beeps CORPUS [--seed N] [--plans cn,de]

After a greeting of 3 s and more, or a word or two of a person, comes a lone burst of each pitch that a plan's call results have, 0.15 to
1 s long, or one of those tones itself, from its beginning or cut. Plans that hold the same rows are heard once.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.amd import data
from offhook.amd.data import DBM0, RATE, Clip
from offhook_core import EventKind, Tone, plans
from offhook_core.answer import Heard, hear
from offhook_core.plans import Segment, ToneSpec

RESULTS = (Tone.BUSY, Tone.CONGESTION, Tone.UNOBTAINABLE, Tone.RINGBACK, Tone.DIAL)
LENGTHS_MS = (150, 200, 250, 300, 350, 400, 500, 700, 1000)
WITHIN_MS = 300
EARLIER_MS = 80
"""A tone's onset may be told so much too early."""

Audio = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scene:
    """One call; the tone begins at *start_ms*, and a beep ends at *end_ms*, which is None for a tone of the network."""

    kind: str
    audio: NDArray[np.int16]
    start_ms: float
    end_ms: float | None


def _at(x: Audio, dbm0: float) -> Audio:
    return np.asarray(x * DBM0 * 10 ** (dbm0 / 20) / max(float(np.sqrt((x * x).mean())), 1e-9))


def _sines(segment: Segment, samples: int, rng: np.random.Generator) -> Audio:
    t = np.arange(samples) / RATE
    if segment.am_hz:
        return _at(np.sin(2 * np.pi * segment.hz[0] * t) * (1 + 0.8 * np.sin(2 * np.pi * segment.am_hz * t)), -18)
    return _at(np.sum([np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in segment.hz], axis=0), -18)


def _tone(spec: ToneSpec, seconds: float, rng: np.random.Generator) -> Audio:
    pieces, left = [], int(seconds * RATE)
    for segment in (*spec.once, *spec.loop * 200):
        samples = min(segment.duration_ms * RATE // 1000 or left, left)
        if samples:
            pieces.append(_sines(segment, samples, rng) if segment.hz else np.zeros(samples))
        left -= samples
    return np.concatenate(pieces)


def _call(voice: Audio, gap_s: float, tone: Audio, rng: np.random.Generator) -> tuple[NDArray[np.int16], float]:
    """A lead, the voice, a pause and the tone on a quiet line; and when the tone begins, in ms."""
    before = np.concatenate([np.zeros(int(rng.uniform(0.2, 0.8) * RATE)), _at(voice, rng.uniform(-24, -14)), np.zeros(int(gap_s * RATE))])
    x = np.concatenate([before, tone * 10 ** (rng.uniform(-8, 3) / 20)])
    return np.clip(x + 8 * rng.standard_normal(len(x)), -32768, 32767).astype(np.int16), len(before) / RATE * 1000


def scenes(plan: plans.Plan, greetings: Sequence[Audio], words: Sequence[Audio], rng: np.random.Generator) -> Iterator[Scene]:
    """Every scene of one plan."""
    main = [spec for spec in plan.tones if spec.tone in RESULTS]
    pitches = {segment.hz: segment for spec in main for segment in (*spec.once, *spec.loop) if len(segment.hz) == 1 and not segment.am_hz}
    for who, voices in (("a greeting", greetings), ("a word", words)):
        for segment in pitches.values():
            for length in LENGTHS_MS:
                tone = np.concatenate([_sines(segment, length * RATE // 1000, rng), np.zeros(6 * RATE)])
                audio, start = _call(voices[int(rng.integers(len(voices)))], rng.uniform(0.15, 1.5), tone, rng)
                yield Scene(f"beep after {who}", audio, start, start + length)
        for spec in main:
            for cut in (False, True, True, True):
                tone = _tone(spec, 13, rng)[int(rng.uniform(0, 3) * RATE) if cut else 0 :][: 10 * RATE]
                audio, start = _call(voices[int(rng.integers(len(voices)))], rng.uniform(0.3, 2), tone, rng)
                yield Scene(f"{spec.tone.name.lower()} after {who}", audio, start, None)


def count(scene: Scene, heard: Heard, into: Counter[str]) -> None:
    """Add what was told of one scene."""
    beeps = [e for e in heard.events if e.kind == EventKind.TONE and e.name in ("beep", "record")]
    told = [e for e in beeps if e.onset_ms > scene.start_ms - EARLIER_MS]
    final = [e.t_ms for e in told if not e.provisional]
    other = [e for e in heard.events if e.kind == EventKind.TONE and not e.provisional and e.name not in ("beep", "record")]
    verdicts = [(e.t_ms, e.detail) for e in heard.events if e.kind == EventKind.ANSWER]
    before = [detail for t, detail in verdicts if t < scene.start_ms]
    into["calls"] += 1
    into["beep told"] += bool(final)
    if before[-1:] == ["person"]:
        into["a person before"] += 1
        into["of these a machine after"] += verdicts[-1][1] != "person"
    if scene.end_ms is not None:
        into[f"told within {WITHIN_MS} ms"] += any(t <= scene.end_ms + WITHIN_MS for t in final)
        into[f"told or early within {WITHIN_MS} ms"] += any(e.t_ms <= scene.end_ms + WITHIN_MS for e in told)
    into["other tone told"] += any(e.t_ms > scene.start_ms for e in other)


def _voices(clips: Sequence[Clip]) -> tuple[list[Audio], list[Audio]]:
    """Greetings without a beep, and short words of people."""
    spoken = [(clip, clip.audio[clip.onset : clip.end].astype(np.float64)) for clip in clips]
    greetings = [x for clip, x in spoken if clip.label == "machine" and clip.beep is None and 3 * RATE < len(x) < 9 * RATE]
    words = [x for clip, x in spoken if clip.label == "human" and clip.source.startswith("tts:") and len(x) < 1.3 * RATE]
    return greetings, words


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="folder with manifest.csv")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--plans", default="", help="names, comma between; all without it")
    arguments = parser.parse_args()
    greetings, words = _voices(data.load([arguments.corpus]))
    rng = np.random.default_rng(arguments.seed)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    met = set()
    for name in arguments.plans.split(",") if arguments.plans else plans.names():
        plan = plans.plan(name)
        rows = repr([(spec.tone, spec.once, spec.loop) for spec in plan.tones])
        if rows in met:
            continue
        met.add(rows)
        made = list(scenes(plan, greetings, words, rng))
        for scene, heard in zip(made, hear([scene.audio for scene in made], plan=name), strict=True):
            count(scene, heard, counts[scene.kind])
    print(f"{len(met)} plans")
    for kind, figures in sorted(counts.items()):
        print(f"{kind}: " + ", ".join(f"{what} {n}" for what, n in figures.items()))


if __name__ == "__main__":
    main()
