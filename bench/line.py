"""A telephone line by grade: what it does to a signal at difficulty 0 (clean) to 4 (very bad).

GRADES is the definition of difficulty: one row per impairment, one column per grade. A signal with the impairment ``mix`` gets level,
frequency, cadence and noise of its grade and a few of the faults of FAULTS (FAULTS_DRAWN of them, each at its grade); a signal with one
named impairment gets that one at its grade and everything else clean, so that a loss of recall can be laid at one door.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from bench import synth
from bench.synth import RATE, Audio

PEAK = 22827.0  # 0 dBm0 sine, 16 bit
FRAME = 160

#: What each difficulty means. Ranges are drawn uniformly; a single number is the worst, drawn between half of it and itself.
GRADES: dict[str, tuple[Any, ...]] = {
    # impairment     0            1            2            3            4
    "level": ((-20, -8), (-28, -5), (-33, -3), (-38, -2), (-45, 0)),  # dBm0 of the signal while it is on
    "frequency": (0.0, 0.4, 0.9, 1.4, 1.8),  # +- per cent, all components alike
    "cadence": (0.0, 3.0, 6.0, 8.0, 9.0),  # +- per cent of every duration
    "jitter": (0.0, 1.0, 2.0, 3.0, 4.0),  # +- per cent of each duration by itself, at least 1 ms a grade
    "twist": (0.0, 1.0, 2.5, 4.0, 6.0),  # dB between the two components
    "harmonics": (None, -40, -34, -28, -22),  # dB of 2nd and 3rd harmonic
    "white": (None, 35, 25, 18, 12),  # signal to noise, dB, in the telephone band
    "pink": (None, 35, 25, 18, 12),
    "babble": (None, 38, 28, 21, 15),
    "codec": (None, None, "g726_32", "g726_24", "gsm"),
    "lost": (0.0, 0.5, 1.0, 2.0, 4.0),  # per cent of 20 ms blocks: zeros, repeated, faded or marked missing
    "slips": (0.0, 0.3, 0.6, 1.0, 2.0),  # a second, 1 to 40 samples dropped or doubled
    "dc": (0.0, 100.0, 250.0, 500.0, 900.0),  # of 32,767
    "hum": (None, -25, -18, -12, -6),  # 50 Hz and 150 Hz below the signal, dB
    "echo": (None, -30, -24, -18, -12),  # dB, 4 to 60 ms late
    "clip": (None, 0.9, 0.75, 0.6, 0.45),  # of the peak
    "cut": (0.0, 0.2, 0.4, 0.6, 0.9),  # share of the first burst that is missing at most
    "clicks": (0.0, 0.3, 1.0, 2.0, 4.0),  # a second, 0.5 to 3 ms, up to 6 dB over the signal
    "dropouts": (0.0, 0.1, 0.3, 0.6, 1.0),  # a second, of 3 ms a grade at most, 20 ms at grade 4
    "music": (None, 30, 24, 18, 12),  # dB below the signal
}
FAULTS = ("twist", "harmonics", "codec", "lost", "slips", "dc", "hum", "echo", "clip", "cut", "clicks", "dropouts", "music")
FAULTS_DRAWN = (0, 1, 2, 3, 4)
NOISES = ("white", "pink", "babble")
IMPAIRMENTS = ("mix", *GRADES)


@dataclass(slots=True)
class Line:
    """One drawn line. None and 0 mean that the fault is absent."""

    grade: int
    level: float = -14.0
    frequency: float = 0.0  # per cent, signed
    cadence: float = 0.0  # per cent, signed
    jitter: float = 0.0
    twist: float = 0.0  # dB, positive: high component stronger
    harmonics: float | None = None
    noise: str | None = None
    snr: float | None = None
    codec: str | None = None
    lost: float = 0.0
    slips: float = 0.0
    dc: float = 0.0
    hum: float | None = None
    echo: float | None = None
    clip: float | None = None
    cut: float = 0.0
    clicks: float = 0.0
    dropouts: float = 0.0
    music: float | None = None
    law: str = "alaw"
    faults: list[str] = field(default_factory=list)


def _sign(rng: np.random.Generator) -> float:
    return float(rng.choice([-1.0, 1.0]))


def _places(rng: np.random.Generator, n: int, per_second: float) -> list[int]:
    """Samples at which something happens *per_second* times on average."""
    return [int(i) for i in rng.integers(0, n, rng.poisson(per_second * n / RATE))]


def _worst(rng: np.random.Generator, limit: float) -> float:
    return float(limit * rng.uniform(0.5, 1.0))


def draw(
    rng: np.random.Generator,
    grade: int,
    impairment: str,
    scale: dict[str, float] | None = None,
    levels: tuple[tuple[float, float], ...] = GRADES["level"],
    faults: tuple[int, ...] = FAULTS_DRAWN,
) -> Line:
    """A line of this *grade*: everything (``mix``) or one impairment alone.

    scale: factor by which a family of signals narrows an entry of GRADES (a CED may be 15 Hz off, not 1.8 %); levels: its own range by
    grade; faults: how many it draws by grade.
    """
    scale = scale or {}
    line = Line(grade, law="alaw" if rng.random() < 0.75 else "ulaw")
    mixed = impairment == "mix"
    low, high = levels[grade if mixed or impairment == "level" else 0]
    line.level = float(rng.uniform(low, high))
    wanted = {"frequency", "cadence", "jitter", str(rng.choice(NOISES))} if mixed else {impairment}
    if impairment == "cadence":
        wanted.add("jitter")
    if mixed:
        line.faults = [str(f) for f in rng.choice(FAULTS, faults[grade], replace=False)]
        wanted |= set(line.faults)
    for name in GRADES:  # in the order of the table, so that one seed means one line
        if name not in wanted or name == "level":
            continue
        value = GRADES[name][grade]
        factor = scale.get(name, 1.0)
        sign = _sign(rng)
        if name in ("frequency", "cadence", "twist"):
            setattr(line, name, sign * _worst(rng, value * factor))
        elif name in NOISES:
            line.noise, line.snr = (name, value + float(rng.uniform(0, 4))) if value is not None else (None, None)
        elif name in ("jitter", "lost", "slips", "dc", "clicks", "dropouts"):
            setattr(line, name, _worst(rng, value * factor))
        elif name == "cut":
            line.cut = float(rng.uniform(0, value)) * factor
        elif name in ("hum", "music"):
            setattr(line, name, value and value * factor)
        else:
            setattr(line, name, value)
    return line


@dataclass(slots=True)
class Heard:
    """What arrives: 16-bit samples, one oh_valid per 20 ms block (1 good, 0 missing), and where samples slipped (place, samples lost)."""

    audio: npt.NDArray[np.int16]
    valid: npt.NDArray[np.uint8]
    slip_at: list[tuple[int, int]]


def _file_codec(x: npt.NDArray[np.int16], container: str, subtype: str) -> npt.NDArray[np.int16]:
    box = io.BytesIO()
    soundfile.write(box, x, RATE, format=container, subtype=subtype)
    box.seek(0)
    y, _ = soundfile.read(box, dtype="int16")
    return np.asarray(np.resize(y, x.size) if y.size < x.size else y[: x.size], dtype=np.int16)


def code(x: Audio, how: str) -> Audio:
    """*x* (0 dBm0 peak = 1) through a codec and back: alaw, ulaw, g726_32, g726_24, gsm."""
    pcm = np.clip(np.round(x * PEAK), -32768, 32767).astype(np.int16)
    container, subtype = {
        "alaw": ("WAV", "ALAW"),
        "ulaw": ("WAV", "ULAW"),
        "g726_32": ("AU", "G721_32"),
        "g726_24": ("AU", "G723_24"),
        "gsm": ("WAV", "GSM610"),
    }[how]
    return np.asarray(_file_codec(pcm, container, subtype) / PEAK)


def _edges(mask: npt.NDArray[np.bool_], ms: float = 2.0) -> Audio:
    n = max(2, int(ms * RATE / 1000))
    return np.convolve(mask.astype(float), np.hanning(n + 2)[1:-1] / np.sum(np.hanning(n + 2)[1:-1]), mode="same")


def send(x: Audio, line: Line, rng: np.random.Generator) -> Heard:
    """*x* (0 dBm0 peak = 1, already at its level) over the line."""
    n = x.size
    amplitude = 10 ** (line.level / 20)
    if line.clip is not None:
        top = np.max(np.abs(x)) * line.clip
        x = np.clip(x, -top, top)
    if line.dropouts:
        gate = np.ones(n, dtype=bool)
        longest = 20 if line.grade == 4 else 3 * max(line.grade, 1)
        for at in _places(rng, n, line.dropouts):
            gate[at : at + int(rng.uniform(0.5, 1.0) * longest * RATE / 1000)] = False
        x = x * _edges(gate, 0.5)
    if line.music is not None:
        x = x + synth.from_pool(synth.music_pool(), rng, n) * amplitude * np.sqrt(0.5) * 10 ** (-line.music / 20)
    if line.echo is not None:
        late = int(rng.uniform(0.004, 0.06) * RATE)
        x = x + 10 ** (line.echo / 20) * np.concatenate([np.zeros(late), x[:-late]])
    x = synth.telephone(x)
    if line.noise and line.snr is not None:
        raw = synth.from_pool(synth.babble_pool(), rng, n) if line.noise == "babble" else getattr(synth, line.noise)(rng, n)
        raw = synth.telephone(raw)
        x = x + raw / (np.std(raw) + 1e-12) * amplitude * np.sqrt(0.5) * 10 ** (-line.snr / 20)
    x = x + 10 ** (rng.uniform(-72, -62) / 20) * np.sqrt(0.5) * rng.standard_normal(n)  # every real line has a floor
    if line.clicks:
        for at in _places(rng, n, line.clicks):
            length = int(rng.uniform(0.5, 3.0) * RATE / 1000)
            piece = amplitude * 10 ** (rng.uniform(-6, 6) / 20) * _sign(rng) * np.hanning(length + 2)[1:-1]
            x[at : at + length] += piece[: max(0, n - at)]
    if line.hum is not None:
        t, phase = np.arange(n) / RATE, rng.uniform(0, 6.28)
        x = x + amplitude * 10 ** (line.hum / 20) * (np.sin(2 * np.pi * 50 * t + phase) + 0.3 * np.sin(2 * np.pi * 150 * t))
    x = x + _sign(rng) * line.dc / PEAK
    if line.codec:
        x = code(x, line.codec)
    slips: list[tuple[int, int]] = []
    if line.slips:
        for at in sorted(FRAME + i for i in _places(rng, n - FRAME, line.slips)):
            k = int(rng.integers(1, 41)) * int(rng.choice([-1, 1]))
            x = np.concatenate([x[:at], x[at + k :]])  # k > 0 drops samples, k < 0 says the last ones again
            slips.append((at, k))
        x = np.concatenate([x, np.zeros(max(0, n - x.size))])[:n]
    blocks = -(-n // FRAME)
    valid = np.ones(blocks, dtype=np.uint8)
    if line.lost:
        how = str(rng.choice(["zeros", "repeat", "fade", "marked"]))
        x = x.copy()
        for b in map(int, np.flatnonzero(rng.random(blocks) < line.lost / 100)):
            s, e = b * FRAME, min((b + 1) * FRAME, n)
            before = x[max(0, s - FRAME) : s]
            if how == "repeat" and before.size == e - s:
                x[s:e] = before
            elif how == "fade" and before.size == e - s:
                x[s:e] = before * np.linspace(1.0, 0.0, num=e - s)
            else:
                x[s:e] = 0.0
            if how == "marked":
                valid[b] = 0
    x = code(x, line.law)
    return Heard(np.round(x * PEAK).astype(np.int16), valid, slips)
