"""From labelled recordings to calls: manifests, folds by source and voice, and heavy random variation of line, level, noise and timing.

Every class goes through the same channels with the same onsets, so that neither the loudness, the noise, the room nor the moment of the
first word tells the class by itself.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from offhook.amd.model import SORTS
from offhook.amd.sounds import no_voice

RATE = 8000
FRAME = 160
DBM0 = 22827.0 / np.sqrt(2)
"""RMS of 0 dBm0 in units of 16 bit PCM."""
SORT_OF = {"human": 0, "person": 0, "machine": 1, "ivr": 2, "announcement": 3, "tones": 4, "beep": 4, "music": 4, "noise": 4}

LONGEST = 6 * RATE
"""More of a recording than this is never heard."""

LONG = int(2.3 * RATE)
SHARES = np.array([0.5, 0.23, 0.07, 0.07, 0.13])
"""Of the classes among the calls; half are people."""
SYNTHETIC = 0.4
"""Share of synthetic speech in every class."""
CUT = 0.6
"""Of people's recordings longer than a greeting (:data:`GREETING`), so many are cut to one: orders and texts are not how a call begins."""
GREETING = int(1.4 * RATE)
TALKS_ON = 0.35
"""Of the people who begin with a word or two."""
AUTOMATIC = frozenset({"machine", "ivr", "announcement"})

Audio = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording of a manifest.

    Args:
        path: Where it lies.
        label: As in the manifest: human (or person), machine, ivr, announcement, tones, beep, music, noise.
        sublabel: Finer kind, such as ``with_beep``.
        source: Where it comes from.
        voice: Who speaks.
        language: Of the speech.
        hard: ``long_human`` or ``short_machine``, else empty.
        audio: -1 to 1.
        onset: First sample of speech.
        end: Sample after the last one.
        beep: First sample of the message beep, None when there is none.
        group: Clips of one group never stand on both sides of a split.
    """

    path: str
    label: str
    sublabel: str
    source: str
    voice: str
    language: str
    hard: str
    audio: Audio
    onset: int
    end: int
    beep: int | None
    group: str = ""

    @property
    def sort(self) -> int:
        """Index in :data:`SORTS`."""
        return SORT_OF[self.label]


def load(manifests: Sequence[Path]) -> list[Clip]:
    """Every labelled clip of the manifests.

    A manifest needs the columns ``path`` and ``label``; ``source``, ``voice``, ``language``, ``sublabel``, ``hard``, ``onset_s``,
    ``offset_s`` and ``beep_at`` are used when they are there. Files are of any format that libsndfile reads.

    Raises:
        ValueError: A manifest or file cannot be used; the message names it and the mend.
    """
    clips = []
    for manifest in manifests:
        if manifest.is_dir():
            manifest = manifest / "manifest.csv"
        if not manifest.is_file():
            raise ValueError(f"{manifest}: no such manifest; give a CSV file with the columns path and label, or its folder")
        with manifest.open(encoding="utf-8", newline="") as rows:
            for number, row in enumerate(csv.DictReader(rows), 2):
                if "path" not in row or "label" not in row:
                    raise ValueError(f"{manifest}: the columns path and label are needed")
                if row["label"] not in SORT_OF:
                    raise ValueError(f"{manifest} line {number}: label {row['label']!r} is not one of {', '.join(SORT_OF)}")
                clips.append(_clip(manifest.parent, row))
    if not clips:
        raise ValueError("no recordings in these manifests")
    return grouped(clips)


def _clip(folder: Path, row: dict[str, str]) -> Clip:
    path = folder / row["path"]
    try:
        x, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise ValueError(f"{path}: {error}") from error
    audio = x[:, 0]
    if rate != RATE:
        raise ValueError(f"{path}: {rate} Hz; convert it to 8000 Hz mono")
    if len(audio) < FRAME:
        raise ValueError(f"{path}: shorter than 20 ms")
    loud = np.flatnonzero(np.abs(audio) > 0.05 * float(np.abs(audio).max()) + 1e-6)
    onset = int(float(row.get("onset_s") or loud[0] / RATE if len(loud) else 0) * RATE)
    end = int(float(row.get("offset_s") or loud[-1] / RATE if len(loud) else len(audio) / RATE) * RATE)
    if not 0 <= onset < end <= len(audio) + RATE // 20:
        onset, end = 0, len(audio)
    beep = row.get("beep_at") or ""
    return Clip(
        path=row["path"],
        label=row["label"],
        sublabel=row.get("sublabel") or "",
        source=row.get("source") or row["path"],
        voice=row.get("voice") or row["path"],
        language=row.get("language") or "",
        hard=row.get("hard") or "",
        audio=audio,
        onset=onset,
        end=min(end, len(audio)),
        beep=int(float(beep) * RATE) if beep else None,
    )


def grouped(clips: Sequence[Clip]) -> list[Clip]:
    """Whatever shares a source or a speaker is one group; of synthetic speech, what shares a voice."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    keys = []
    for clip in clips:
        voices = clip.voice.split("|") if clip.sort != 4 and "crowd" not in clip.voice else []
        own = [f"voice {voice}" for voice in voices if voice]
        if not clip.source.startswith("tts:") or not own:
            own.append(f"source {clip.source}")
        for other in own[1:]:
            parent[root(other)] = root(own[0])
        keys.append(own[0])
    return [replace(clip, group=root(key)) for clip, key in zip(clips, keys, strict=True)]


def folds(clips: Sequence[Clip], count: int) -> list[int]:
    """The part, 0 to *count* - 1, of each clip: groups stay whole, and each label is spread as evenly as they allow."""
    totals = Counter(clip.label for clip in clips)
    groups: dict[str, Counter[str]] = {}
    for clip in clips:
        groups.setdefault(clip.group, Counter())[clip.label] += 1
    load_of = [Counter[str]() for _ in range(count)]
    part: dict[str, int] = {}
    for group, labels in sorted(groups.items(), key=lambda item: (-sum(n / totals[k] for k, n in item[1].items()), item[0])):
        part[group] = min(range(count), key=lambda i: sum(load_of[i][k] * n / totals[k] ** 2 for k, n in labels.items()))
        load_of[part[group]].update(labels)
    return [part[clip.group] for clip in clips]


# -- lines ----------------------------------------------------------------------------------------------------------------------------


def _rms(x: Audio) -> float:
    return float(np.sqrt(np.mean(x * x) + 1e-12))


def _speech_rms(x: Audio) -> float:
    """RMS of the blocks that are not more than 20 dB below the loudest one."""
    blocks = x[: len(x) // FRAME * FRAME].reshape(-1, FRAME)
    if not len(blocks):
        return _rms(x)
    power = np.mean(blocks * blocks, axis=1)
    return float(np.sqrt(power[power >= 0.01 * power.max()].mean() + 1e-12))


def _fast(n: int) -> int:
    """A length not below *n* that the FFT is quick with."""
    return -(-n // 2048) * 2048


def _filter(x: Audio, gain: NDArray[np.floating[Any]]) -> Audio:
    """Through a filter with this gain in each bin of the padded length."""
    size = _fast(len(x))
    return np.fft.irfft(np.fft.rfft(x, size) * gain, size)[: len(x)].astype(np.float32)


def noise(n: int, rng: np.random.Generator) -> Audio:
    """*n* samples of white to brown noise, with hum now and then, RMS 1."""
    hz = np.fft.rfftfreq(_fast(n), 1 / RATE)
    x = _filter(rng.standard_normal(n, np.float32), np.maximum(hz / 300, 0.2) ** -rng.uniform(0, 1.2))
    if rng.random() < 0.2:
        t = np.arange(n, dtype=np.float32) / RATE
        mains = rng.choice([50, 60])
        x = x / _rms(x) + sum(rng.uniform(0, 0.7) * np.sin(2 * np.pi * mains * k * t) for k in (2, 3, 4, 6)).astype(np.float32)
    return (x / _rms(x)).astype(np.float32)


def equalise(x: Audio, rng: np.random.Generator) -> Audio:
    """A random microphone and line: band edges, a tilt and two or three broad peaks or dips."""
    hz = np.fft.rfftfreq(_fast(len(x)), 1 / RATE)
    octave = np.log2(np.maximum(hz, 30) / 1000)
    gain = rng.uniform(-4, 4) * octave
    for _ in range(int(rng.integers(1, 4))):
        gain += rng.uniform(-8, 8) * np.exp(-0.5 * ((octave - rng.uniform(-2.5, 1.8)) / rng.uniform(0.15, 0.6)) ** 2)
    low, high = rng.uniform(40, 420), rng.uniform(2600, 4200)
    gain -= 12 * np.maximum(0, np.log2(low / np.maximum(hz, 20))) + 60 * np.maximum(0, np.log2(np.maximum(hz, 20) / high))
    return _filter(x, 10 ** (np.maximum(gain, -60) / 20))


def room(x: Audio, rng: np.random.Generator) -> Audio:
    """A random room: decaying noise after the direct sound."""
    decay = rng.uniform(0.08, 0.5)
    n = int(decay * RATE)
    t = np.arange(n) / RATE
    tail = rng.standard_normal(n) * 10 ** (-3 * t / decay)
    tail[: int(rng.uniform(0.002, 0.02) * RATE)] = 0
    tail *= 10 ** (-rng.uniform(2, 22) / 20) / np.sqrt(np.sum(tail * tail) + 1e-9)
    tail[0] = 1
    size = _fast(len(x) + n)
    return np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(tail, size), size)[: len(x)].astype(np.float32)


def _smooth(x: Audio, n: int) -> Audio:
    """Mean over *n* samples around each."""
    total = np.cumsum(np.concatenate([np.zeros(n // 2), x, np.zeros(n - n // 2)]))
    return np.asarray(np.maximum((total[n:] - total[:-n]) / n, 0), np.float32)


def codec(x: Audio, rng: np.random.Generator) -> Audio:
    """What a speech codec does, in the rough: noise that follows the signal, a narrower band, lost blocks."""
    kind = rng.random()
    if kind < 0.5:
        envelope = np.sqrt(_smooth(x * x, 80) + 1e-12)
        x = x + (envelope * 10 ** (-rng.uniform(8, 22) / 20) * rng.standard_normal(len(x), np.float32)).astype(np.float32)
    if kind > 0.35:
        hz = np.fft.rfftfreq(_fast(len(x)), 1 / RATE)
        x = _filter(x, np.where(hz > rng.uniform(2800, 3500), 0.1, 1.0))
    if rng.random() < 0.25:
        x = x.copy()
        for _ in range(int(rng.integers(1, 5))):
            at = int(rng.integers(0, max(1, len(x) - 2 * FRAME)))
            x[at + FRAME : at + 2 * FRAME] = x[at : at + FRAME] * rng.uniform(0, 1)
    return x


def squeeze(x: Audio, rng: np.random.Generator) -> Audio:
    """A gain control or a limiter."""
    if rng.random() < 0.5:
        return np.asarray(np.tanh(x / (_speech_rms(x) * rng.uniform(1.0, 4.0))), np.float32)
    envelope = np.sqrt(_smooth(x * x, 800)) + 0.02 * _speech_rms(x)
    return np.asarray(x / envelope ** rng.uniform(0.2, 0.6), np.float32)


def tempo(x: Audio, factor: float) -> Audio:
    """Faster and higher by *factor*."""
    n = int(len(x) / factor)
    return np.asarray(np.interp(np.arange(n) * factor, np.arange(len(x)), x), np.float32)


def level(x: Audio, dbm0: float) -> Audio:
    """With speech at that level; the scale becomes that of 16 bit PCM."""
    return np.asarray(x * (DBM0 * 10 ** (dbm0 / 20) / max(_speech_rms(x), 1e-6)), np.float32)


# -- calls ----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """One made-up call that begins with its answer.

    Args:
        audio: 16 bit PCM.
        sort: Class of each frame, index in :data:`SORTS`, -1 where nothing is asked.
        groups: Groups of the recordings in it; empty for sounds made up here.
        long: A person who speaks long.
    """

    audio: NDArray[np.int16]
    sort: NDArray[np.int8]
    groups: frozenset[str]
    long: bool = False


def _fresh(clip: Clip, rng: np.random.Generator) -> Audio:
    """The clip's sound from just before its speech, through a random microphone."""
    margin = int(rng.uniform(0, 0.05) * RATE)
    start = max(0, clip.onset - margin)
    x = clip.audio[start : min(len(clip.audio), clip.end + int(rng.uniform(0, 0.2) * RATE), start + LONGEST)]
    return x / max(_speech_rms(x), 1e-5)


def _gap(low: float, high: float, rng: np.random.Generator) -> Audio:
    return np.zeros(int(rng.uniform(low, high) * RATE), np.float32)


def _beep(rng: np.random.Generator) -> Audio:
    t = np.arange(int(rng.uniform(0.12, 1.0) * RATE)) / RATE
    return (np.sin(2 * np.pi * rng.uniform(400, 2000) * t) * rng.uniform(0.5, 2)).astype(np.float32)


def _later(clip: Clip, rng: np.random.Generator) -> Audio:
    """A long text from a pause in its midst on: more beginnings than there are recordings."""
    x = clip.audio[clip.onset : clip.end]
    blocks = x[: len(x) // FRAME * FRAME].reshape(-1, FRAME)
    quiet = np.mean(blocks * blocks, axis=1) < 0.003 * np.max(np.mean(blocks * blocks, axis=1))
    starts = np.flatnonzero(quiet[6:-1] & ~quiet[7:] & quiet[:-7] & quiet[3:-4]) + 6
    starts = starts[starts < len(blocks) - 3 * RATE // FRAME]
    at = int(rng.choice(starts)) * FRAME if len(starts) else 0
    x = x[at : at + LONGEST]
    return np.asarray(x / max(_speech_rms(x), 1e-5), np.float32)


def _cut(x: Audio, rng: np.random.Generator) -> Audio:
    """A greeting's length of it: up to the quietest moment between 0.4 s and :data:`GREETING`, or some earlier dip."""
    least, most = int(0.4 * RATE) // FRAME, GREETING // FRAME
    blocks = x[: most * FRAME].reshape(-1, FRAME)
    power = _smooth(np.mean(blocks * blocks, axis=1).astype(np.float32), 3)[least:]
    dips = np.flatnonzero(power <= np.quantile(power, 0.15))
    return x[: (least + int(rng.choice(dips))) * FRAME]


class CallMaker:
    """Makes calls out of clips.

    Args:
        clips: Recordings to draw from.
        seconds: Length of a call.
    """

    def __init__(self, clips: Sequence[Clip], seconds: float = 4.2) -> None:
        self.frames = int(seconds * RATE) // FRAME
        self._same: dict[tuple[str, str], list[Clip]] = {}
        pools: dict[tuple[int, bool, str], list[Clip]] = {}
        for clip in clips:
            synthetic = clip.source.startswith("tts:")
            pools.setdefault((clip.sort, synthetic, clip.voice if synthetic else clip.source), []).append(clip)
            self._same.setdefault((clip.voice, clip.label), []).append(clip)
        self._pools: dict[tuple[int, bool], list[list[Clip]]] = {}
        for (sort, synthetic, _), pool in pools.items():
            self._pools.setdefault((sort, synthetic), []).append(pool)
        share = SHARES * [any((sort, synthetic) in self._pools for synthetic in (False, True)) or sort == 4 for sort in range(len(SORTS))]
        self._share = share / share.sum()

    def make(self, rng: np.random.Generator) -> Call:
        """One random call."""
        sort = int(rng.choice(len(SORTS), p=self._share))
        if sort == 4 and (rng.random() < 0.6 or not self._pools.keys() & {(4, False), (4, True)}):
            call = np.zeros(self.frames * FRAME, np.float32)
            sound = no_voice(len(call), rng)
            lead = int(min(rng.exponential(0.4), 1.8) * RATE)
            call[lead:] = sound[: len(call) - lead]
            return Call(self._line(call, rng), np.full(self.frames, 4, np.int8), frozenset())
        return self.of(self._draw(sort, rng), rng)

    def _draw(self, sort: int, rng: np.random.Generator) -> Clip:
        """Real and synthetic speech in one ratio for every class, so that neither is the class; then every source alike."""
        synthetic = bool(rng.random() < SYNTHETIC)
        if (sort, synthetic) not in self._pools:
            synthetic = not synthetic
        pools = self._pools[sort, synthetic]
        weight = np.array([len(pool) ** 0.4 for pool in pools])
        pool = pools[int(rng.choice(len(pools), p=weight / weight.sum()))]
        clip = pool[int(rng.integers(len(pool)))]
        if sort == 0 and clip.end - clip.onset > LONG and rng.random() < 0.4:
            return self._draw(sort, rng)  # people seldom speak so long
        return clip

    def of(self, clip: Clip, rng: np.random.Generator) -> Call:
        """A random call that this clip answers."""
        total = self.frames * FRAME
        sort = np.full(self.frames, clip.sort, np.int8)
        x, length = self._voice(clip, rng)
        x = tempo(x, rng.uniform(0.9, 1.12)) if rng.random() < 0.7 else x
        x = self._microphone(x, rng)
        if rng.random() < 0.12:
            x = x[int(rng.uniform(0, 0.15) * RATE) :]  # answered late: the first sound is cut
            lead = 0
        else:
            lead = int(min(rng.exponential(0.4), 1.8) * RATE)
        call = np.zeros(total, np.float32)
        piece = x[: total - lead]
        call[lead : lead + len(piece)] = piece
        return Call(self._line(call, rng), sort, frozenset({clip.group}), clip.sort == 0 and length > LONG)

    def single(self, clip: Clip, rng: np.random.Generator) -> tuple[NDArray[np.int16], int]:
        """The clip alone through a random microphone and line, and the sample at which its speech ends; for evaluation."""
        total = self.frames * FRAME
        start = max(0, clip.onset - int(0.02 * RATE))
        x = clip.audio[start : min(len(clip.audio), start + LONGEST)]
        x = self._microphone(x / max(_speech_rms(x), 1e-5), rng)
        lead = int(min(rng.exponential(0.35), 1.2) * RATE)
        call = np.zeros(total, np.float32)
        piece = x[: total - lead]
        call[lead : lead + len(piece)] = piece
        end = min(lead + clip.end - start, total)
        return self._line(call, rng), end

    def _line(self, call: Audio, rng: np.random.Generator) -> NDArray[np.int16]:
        call = level(call, rng.uniform(-34, -9))
        good = rng.random() < 0.5
        call = call + (noise(len(call), rng) * DBM0 * 10 ** (rng.uniform(-80, -60 if good else -42) / 20)).astype(np.float32)
        if not good and rng.random() < 0.4:
            call = codec(call, rng)
        if rng.random() < 0.3:
            call = equalise(call, rng)
        return np.clip(_alaw(call), -32768, 32767).astype(np.int16)

    def _voice(self, clip: Clip, rng: np.random.Generator) -> tuple[Audio, int]:
        """What the one who answers says, and how long the greeting is."""
        x = _fresh(clip, rng)
        if clip.sort == 0:
            others = [clip] if "crowd" in clip.voice else self._same[clip.voice, clip.label]
            if len(x) > GREETING and rng.random() < CUT:
                x = _cut(x, rng)
            if len(x) < 1.2 * RATE and rng.random() < TALKS_ON:  # says more than one thing, or talks on
                close = rng.random() < 0.7
                for _ in range(int(rng.integers(2, 7)) if close else int(rng.integers(1, 4))):
                    gap = _gap(0.0, 0.12, rng) if close else _gap(0.1, 0.5, rng)
                    x = np.concatenate([x, gap, _fresh(others[int(rng.integers(len(others)))], rng)])
                    if len(x) > 4 * RATE:
                        break
            length = len(x)
            if rng.random() < 0.6:  # asks again when nobody speaks
                x = np.concatenate([x, _gap(0.9, 2.5, rng), _fresh(others[int(rng.integers(len(others)))], rng)])
            return x, length
        if clip.label == "machine" and clip.beep is None and len(x) < LONGEST and rng.random() < 0.4:
            x = np.concatenate([x, _gap(0.1, 1.5, rng), _beep(rng)])
        elif clip.label in AUTOMATIC and len(clip.audio) > LONGEST and rng.random() < 0.35:
            x = _later(clip, rng)
        elif clip.label == "noise" or (clip.sort == 4 and len(x) < RATE):
            x = np.tile(x, 1 + int(self.frames * FRAME / len(x)))[: self.frames * FRAME]
        return x, len(x)

    def _microphone(self, x: Audio, rng: np.random.Generator) -> Audio:
        good = rng.random() < 0.45
        if not good and rng.random() < 0.5:
            x = room(x, rng)
        if rng.random() < 0.7:
            x = equalise(x, rng)
        if not good and rng.random() < 0.4:
            x = squeeze(x, rng)
        x = x / max(_speech_rms(x), 1e-6)
        if not good and rng.random() < 0.6:  # the room's noise is there as long as the recording
            x = x + noise(len(x), rng) * 10 ** (-rng.uniform(8, 45) / 20)
        return x.astype(np.float32)


def _alaw(x: Audio) -> Audio:
    """There and back through A-law (G.711): 12 bits, 16 steps in each octave above 512."""
    size = np.minimum(np.abs(x), 32635)
    exponent = np.floor(np.log2(np.maximum(size, 512) / 256))
    step = np.where(size < 512, 16.0, 2.0 ** (exponent + 4))
    return (np.sign(x) * (np.floor(size / step) + 0.5) * step).astype(np.float32)
