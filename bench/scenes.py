"""Whole made-up calls as a line carries them: ringing, the answer, who is there and what is behind him; the verdicts and their times.

    python -m bench.scenes CORPUS [--seed N] [--calls N] [--preset balanced] [--only TEXT]

People and machines are recordings of the corpus, which the built-in model has met: the scenes show faults of what is around a voice, not
how well voices are told. The call is answered after 6 s of ringing; times count from there.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from offhook.amd import data
from offhook.amd.data import DBM0, RATE, Clip
from offhook_core import EventKind, Profile
from offhook_core.answer import AnswerSettings, hear

Audio = NDArray[np.float64]
RINGS = {
    "cn": ((450,), 1.0, 4.0),
    "us": ((440, 480), 2.0, 4.0),
    "gb": ((400, 450), 0.4, 2.0),
    "de": ((425,), 1.0, 4.0),
    "fr": ((440,), 1.5, 3.5),
}
BUSY = {"cn": ((450,), 0.35), "us": ((480, 620), 0.5), "gb": ((400,), 0.375), "de": ((425,), 0.48), "fr": ((440,), 0.5)}
ANSWERED_MS = 6000
MACHINES = frozenset({"machine", "ivr", "announcement", "screening"})


def quiet(seconds: float) -> Audio:
    """Nothing."""
    return np.zeros(int(seconds * RATE))


def tone(hz: Sequence[int], seconds: float, dbm0: float = -16) -> Audio:
    """Sines of that level each."""
    t = np.arange(int(seconds * RATE)) / RATE
    return np.asarray(np.sum([np.sin(2 * np.pi * f * t) for f in hz], axis=0) * DBM0 * np.sqrt(2) * 10 ** (dbm0 / 20))


def at(x: Audio, dbm0: float) -> Audio:
    """With speech at that level."""
    return np.asarray(data.level(x.astype(np.float32), dbm0), np.float64)


def even(x: Audio, dbm0: float) -> Audio:
    """With that mean power."""
    return np.asarray(x * DBM0 * 10 ** (dbm0 / 20) / max(float(np.sqrt((x * x).mean())), 1e-9))


@dataclass(slots=True)
class Cast:
    """Who and what there is to play, and the dice.

    Args:
        clips: Of the corpus.
        rng: Of this scene.
        plan: Tone plan of the call.
    """

    clips: Sequence[Clip]
    rng: np.random.Generator
    plan: str = "cn"

    def _draw(self, label: str, least_s: float, most_s: float = 60) -> Audio:
        fitting = [c for c in self.clips if c.label == label and least_s <= (c.end - c.onset) / RATE <= most_s]
        clip = fitting[int(self.rng.integers(len(fitting)))]
        return clip.audio[clip.onset : clip.end].astype(np.float64)

    def word(self, dbm0: float | None = None) -> Audio:
        """Of a person."""
        return at(self._draw("human", 0.25, 1.2), self.rng.uniform(-26, -14) if dbm0 is None else dbm0)

    def greeting(self) -> Audio:
        """Of a machine."""
        return at(self._draw("machine", 4), self.rng.uniform(-24, -14))

    def prompt(self, dbm0: float) -> Audio:
        """An announcement."""
        return at(self._draw("announcement", 3), dbm0)

    def pause(self, least_s: float, most_s: float) -> Audio:
        """Nothing, for a random time."""
        return quiet(self.rng.uniform(least_s, most_s))

    def hello(self, dbm0: float | None = None) -> Audio:
        """A word, soon after the answer, and 6 s in which nobody speaks."""
        return np.concatenate([self.pause(0.2, 0.9), self.word(dbm0), quiet(6)])

    def behind(self, kind: str, samples: int, dbm0: float) -> Audio:
        """Another sound of that length: talk, music, baby, car."""
        if kind == "car":
            hz = np.fft.rfftfreq(data._fast(samples), 1 / RATE)
            return even(data._filter(self.rng.standard_normal(samples, np.float32), np.maximum(hz / 100, 0.5) ** -1.5).astype(float), dbm0)
        if kind == "music":
            return even(np.resize(self._draw("music", 1), samples), dbm0)
        pieces, length = [], 0
        while length < samples:
            piece = self._cry() if kind == "baby" else self._draw("machine", 1)
            pieces += [piece, self.pause(0.3, 0.6) if kind == "baby" else quiet(0.2)]
            length += len(piece)
        return at(np.concatenate(pieces)[:samples], dbm0)

    def _cry(self) -> Audio:
        t = np.linspace(0, 1, int(self.rng.uniform(0.6, 1.3) * RATE))
        turns = np.cumsum(self.rng.uniform(380, 480) * (1 + 0.25 * np.sin(np.pi * t))) / RATE
        return np.asarray(np.sum([np.sin(2 * np.pi * h * turns) / h**0.7 for h in range(1, 8)], axis=0) * np.sqrt(np.sin(np.pi * t) + 1e-9))

    def busy(self, bursts: int) -> Audio:
        """Busy tone of the plan, in any phase."""
        hz, seconds = BUSY[self.plan]
        x = np.concatenate([np.concatenate([tone(hz, seconds), quiet(seconds)]) for _ in range(bursts)])
        return x[int(self.rng.uniform(0, 2 * seconds) * RATE) :]

    def ringing(self) -> Audio:
        """What is heard before the answer, which may cut a burst."""
        hz, on, off = RINGS[self.plan]
        x = np.concatenate([tone(hz, on), quiet(off)] * 5)
        start = int(self.rng.uniform(0, on + off) * RATE)
        return x[start : start + ANSWERED_MS * RATE // 1000]


def _with(kind: str, below_db: float) -> Callable[[Cast], Audio]:
    def scene(c: Cast) -> Audio:
        x = c.hello(-16)
        return x + c.behind(kind, len(x), -16 - below_db)

    return scene


def _overlap(c: Cast) -> Audio:
    x = np.concatenate([c.pause(0, 0.3), c.word(), quiet(2)])
    ring = tone(RINGS[c.plan][0], c.rng.uniform(0.2, 0.6))
    x[: len(ring)] += ring
    return x


def _cough(c: Cast) -> Audio:
    n = int(0.2 * RATE)
    return even(signal.lfilter([1], [1, -0.6], c.rng.standard_normal(n)) * np.exp(-np.arange(n) / 400), -16)


def _lossy(x: Audio, c: Cast) -> Audio:
    for k in range(data.FRAME, len(x) - data.FRAME, data.FRAME):
        if c.rng.random() < 0.03:
            x[k : k + data.FRAME] = 0.7 * x[k - data.FRAME : k]
    return x


def _hum(x: Audio) -> Audio:
    return x + even(np.sum([tone([50 * h], len(x) / RATE + 1)[: len(x)] / h for h in (1, 2, 3, 5, 7)], axis=0), -30)


def _halved(c: Cast) -> Audio:
    x = c.greeting()
    k = int(c.rng.uniform(0.9, 1.6) * RATE)
    k += int(np.argmin(np.convolve(x * x, np.ones(400), "same")[k : k + 3200]))
    return np.concatenate([quiet(0.4), x[:k], c.pause(0.8, 1.5), x[k:]])


SCENES: dict[str, tuple[str, Callable[[Cast], Audio]]] = {
    "hello, 1.2 s, hello": ("person", lambda c: np.concatenate([c.hello()[: -int(4.8 * RATE)], c.word()])),
    "hello at -35 dBm0": ("person", lambda c: c.hello(-35)),
    "hello, television 20 dB below": ("person", _with("talk", 20)),
    "hello, television 12 dB below": ("person", _with("talk", 12)),
    "hello, music 15 dB below": ("person", _with("music", 15)),
    "hello, baby 10 dB below": ("person", _with("baby", 10)),
    "hello, car 10 dB below": ("person", _with("car", 10)),
    "hello over the last ringing": ("person", _overlap),
    "3 s of silence, hello": ("person", lambda c: np.concatenate([quiet(3), c.word()])),
    "6 s of silence, hello": ("person", lambda c: np.concatenate([quiet(6), c.word()])),
    "a cough, hello": ("person", lambda c: np.concatenate([quiet(0.3), _cough(c), c.pause(0.3, 0.7), c.word()])),
    "hello, 3 % of packets concealed": ("person", lambda c: _lossy(c.hello(), c)),
    "hello, clipped": ("person", lambda c: np.clip(c.hello() * 10, -8000, 8000)),
    "hello, offset of 1,000": ("person", lambda c: c.hello() + 1000),
    "hello, mains hum at -30 dBm0": ("person", lambda c: _hum(c.hello())),
    "hello, then our prompt's echo": ("person", lambda c: np.concatenate([c.hello()[: -5 * RATE], c.pause(0.03, 0.3), c.prompt(-36)])),
    "hello, hangs up: busy tone": ("person", lambda c: np.concatenate([c.hello()[: -5 * RATE], c.busy(8)])),
    "machine": ("machine", lambda c: np.concatenate([c.pause(0.2, 0.9), c.greeting()])),
    "machine after 3 s of silence": ("machine", lambda c: np.concatenate([quiet(3), c.greeting()])),
    "machine, music before": ("machine", lambda c: np.concatenate([c.behind("music", int(2.5 * RATE), -20), c.greeting()])),
    "machine, pause of 0.8 to 1.5 s": ("machine", _halved),
    "machine, its owner's name": ("machine", lambda c: np.insert(c.greeting(), int(3.5 * RATE), c.word())),
    "machine, fax after it": ("fax", lambda c: np.concatenate([c.greeting()[: 2 * RATE], quiet(0.5), tone([2100], 3, -18)])),
    "false answer: announcement, busy": ("machine", lambda c: np.concatenate([c.prompt(-18), quiet(0.5), c.busy(8)])),
    "false answer: busy": ("nobody", lambda c: c.busy(12)),
}


def right(verdict: str, want: str) -> bool:
    """Is this what the scene wants?"""
    return verdict == want or (want == "machine" and verdict in MACHINES) or (want == "nobody" and verdict != "person")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="folder with manifest.csv")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--calls", type=int, default=60, help="of each scene")
    parser.add_argument("--preset", default="balanced")
    parser.add_argument("--only", default="", help="scenes whose name holds this")
    arguments = parser.parse_args()
    clips = data.load([arguments.corpus])
    settings = AnswerSettings.preset(arguments.preset)
    print("| scene | wanted | first verdict right | last right | first verdict, median | most frequent |")
    print("|---|---|---|---|---|---|")
    for number, (name, (want, scene)) in enumerate(SCENES.items()):
        if arguments.only not in name:
            continue
        cast = Cast(clips, np.random.default_rng([arguments.seed, number]))
        calls: dict[str, list[NDArray[np.int16]]] = defaultdict(list)
        for n in range(arguments.calls):
            cast.plan = list(RINGS)[n % len(RINGS)]
            x = np.concatenate([cast.ringing(), scene(cast), quiet(6)])
            x = x + even(cast.rng.standard_normal(len(x)), cast.rng.uniform(-64, -50))
            calls[cast.plan].append(np.clip(x, -32768, 32767).astype(np.int16))
        told: list[list[tuple[float, str]]] = []
        for plan, audio in calls.items():
            for heard in hear(audio, answered_ms=ANSWERED_MS, plan=plan, detectors=Profile.ALL, settings=settings):
                told.append([(e.t_ms - ANSWERED_MS, e.detail) for e in heard.events if e.kind == EventKind.ANSWER])
        first = sum(right(next((v for _, v in verdicts if v != "silence"), "none"), want) for verdicts in told)
        last = sum(right(verdicts[-1][1] if verdicts else "none", want) for verdicts in told)
        after = [verdicts[0][0] for verdicts in told if verdicts]
        often = Counter(", ".join(v for _, v in verdicts) for verdicts in told).most_common(2)
        shown = "; ".join(f"{path} {count}" for path, count in often)
        print(f"| {name} | {want} | {first} of {len(told)} | {last} of {len(told)} | {np.median(after or [0]) / 1000:.2f} s | {shown} |")


if __name__ == "__main__":
    main()
