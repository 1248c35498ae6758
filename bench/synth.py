"""Sounds that are not tones: speech, children, vowels, music, ringing tunes, whistles, noise and modem data, made from numbers alone.

Everything is int-free float64 at 8 kHz in units of "peak of a 0 dBm0 sine = 1", so that a level in dBm0 is 20 log10(rms * sqrt(2)).
Speech here is a source and three formants with syllables and pauses: enough to disturb a tone and to fool a DTMF receiver. For honest false
alarm figures :mod:`bench.negatives` adds real synthesizers and recordings.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import signal

RATE = 8000
Audio = npt.NDArray[np.float64]

#: First three formants of ten vowels of adult speech, Hz.
VOWELS = (
    (270, 2290, 3010),
    (390, 1990, 2550),
    (530, 1840, 2480),
    (660, 1720, 2410),
    (730, 1090, 2440),
    (570, 840, 2410),
    (440, 1020, 2240),
    (300, 870, 2240),
    (640, 1190, 2390),
    (490, 1350, 1690),
)


def power_dbm0(x: Audio) -> float:
    """Mean power of *x* in dBm0; -120 for silence."""
    mean = float(np.mean(np.square(x))) if x.size else 0.0
    return float(10 * np.log10(max(2 * mean, 1e-12)))


def at_level(x: Audio, dbm0: float) -> Audio:
    """*x* scaled so that its mean power is *dbm0*."""
    return x * 10 ** ((dbm0 - power_dbm0(x)) / 20)


@lru_cache(maxsize=1)
def _band() -> npt.NDArray[np.float64]:
    return np.asarray(signal.butter(4, [270, 3450], "bandpass", fs=RATE, output="sos"))


def telephone(x: Audio) -> Audio:
    """*x* through a telephone channel, 270 to 3,450 Hz at -3 dB."""
    return np.asarray(signal.sosfilt(_band(), x))


def white(rng: np.random.Generator, n: int) -> Audio:
    """White noise of unit variance."""
    return rng.standard_normal(n)


def pink(rng: np.random.Generator, n: int) -> Audio:
    """Noise that falls 3 dB an octave from 100 Hz, unit variance."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    f = np.fft.rfftfreq(n, 1 / RATE)
    x = np.fft.irfft(spectrum / np.sqrt(np.maximum(f, 100.0)), n)
    return np.asarray(x / (np.std(x) + 1e-12))


def _resonate(x: Audio, hz: float, width_hz: float) -> Audio:
    r = np.exp(-np.pi * width_hz / RATE)
    c = 2 * r * np.cos(2 * np.pi * hz / RATE)
    return np.asarray(signal.lfilter([1 - r], [1, -c, r * r], x))


def glottis(f0: Audio, rng: np.random.Generator) -> Audio:
    """Pulses at the rate *f0* (Hz, one value a sample), softened, with a little breath."""
    phase = np.cumsum(f0 / RATE)
    pulses = np.diff(np.floor(phase), prepend=0.0)
    return np.asarray(signal.lfilter([1.0], [1, -0.9], pulses) + 0.01 * rng.standard_normal(f0.size))


def speech(rng: np.random.Generator, seconds: float, child: bool = False) -> Audio:
    """Syllables of vowels and hiss with pauses; *child* raises pitch and formants as a child's tract does."""
    n = int(seconds * RATE)
    out = np.zeros(n)
    tract = rng.uniform(1.2, 1.5) if child else rng.uniform(0.92, 1.12)
    pitch = rng.uniform(230, 420) if child else rng.uniform(85, 220)
    at = int(rng.uniform(0, 0.2) * RATE)
    while at < n:
        for _ in range(int(rng.integers(3, 12))):  # a phrase
            length = int(rng.uniform(0.09, 0.32) * RATE)
            if at + length >= n:
                break
            bend = pitch * (1 + rng.uniform(-0.2, 0.2) * np.linspace(0, 1, length) + 0.015 * rng.standard_normal())
            x = glottis(bend, rng)
            first, second = VOWELS[int(rng.integers(len(VOWELS)))], VOWELS[int(rng.integers(len(VOWELS)))]
            half = length // 2
            parts = []
            for formants, piece in ((first, x[:half]), (second, x[half:])):
                y = piece
                for k, hz in enumerate(formants):
                    y = y + 3.0 * _resonate(piece, min(hz * tract, 3600.0), 60.0 + 50.0 * k)
                parts.append(y)
            y = np.concatenate(parts) * np.hanning(length) ** 0.4
            hiss = int(rng.uniform(0.02, 0.1) * RATE)
            out[at : at + length] += y / (np.std(y) + 1e-9) * rng.uniform(0.4, 1.0)
            out[at : at + hiss] += 0.25 * rng.standard_normal(min(hiss, n - at))[: n - at] * np.hanning(hiss)
            at += length + int(rng.uniform(0.0, 0.06) * RATE)
        at += int(rng.uniform(0.15, 0.9) * RATE)
    return telephone(out)


def vowels_on_keys(rng: np.random.Generator, seconds: float) -> Audio:
    """Held vowels whose two formants sit on a DTMF pair and whose pitch divides it: the classic talk-off."""
    n = int(seconds * RATE)
    out = np.zeros(n)
    at = 0
    while at < n:
        row = float(rng.choice([697, 770, 852, 941])) * rng.uniform(0.985, 1.015)
        col = float(rng.choice([1209, 1336, 1477])) * rng.uniform(0.985, 1.015)
        length = min(int(rng.uniform(0.06, 0.4) * RATE), n - at)
        f0 = row / round(row / rng.uniform(90, 260)) * (1 + 0.01 * np.sin(2 * np.pi * 5 * np.arange(length) / RATE))
        x = glottis(f0, rng)
        y = _resonate(x, row, 50) + _resonate(x, col, 50) * rng.uniform(0.5, 1.5) + 0.1 * x
        out[at : at + length] = y / (np.std(y) + 1e-9) * np.hanning(length) ** 0.3
        at += length + int(rng.uniform(0.02, 0.2) * RATE)
    return telephone(out)


def _note(hz: float, n: int, rng: np.random.Generator, kind: int) -> Audio:
    t = np.arange(n) / RATE
    parts: tuple[float, ...]
    if kind == 0:  # plucked
        parts, env = (1.0, 0.5, 0.3, 0.2, 0.1), np.exp(-t / rng.uniform(0.15, 0.6))
    elif kind == 1:  # organ, flute
        parts, env = (1.0, 0.3, 0.1), np.minimum(1, np.minimum(t, t[::-1]) / 0.02)
    else:  # strings with vibrato
        parts, env = (1.0, 0.6, 0.5, 0.35, 0.2), np.minimum(1, np.minimum(t, t[::-1]) / 0.08)
    wobble = 0.004 * np.sin(2 * np.pi * 5.5 * t) if kind == 2 else 0.0
    phase = 2 * np.pi * hz * (t + wobble / (2 * np.pi * 5.5))
    return np.asarray(env * sum(a * np.sin((k + 1) * phase) for k, a in enumerate(parts) if (k + 1) * hz < 3800))


def music(rng: np.random.Generator, seconds: float) -> Audio:
    """Melody, chords, bass and a drum in one of three instruments at 80 to 140 beats a minute."""
    n = int(seconds * RATE)
    out = np.zeros(n + RATE)
    beat = 60 / rng.uniform(80, 140)
    root = 220.0 * 2 ** (int(rng.integers(-5, 7)) / 12)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    kind = int(rng.integers(3))
    drum = rng.random() < 0.6
    for b in range(int(seconds / beat) + 1):
        at = int(b * beat * RATE)
        chord = int(rng.choice([0, 3, 4, 5])) if b % 4 == 0 else -1
        if chord >= 0:
            for k in (0, 2, 4):
                hz = root * 2 ** (scale[(chord + k) % 7] / 12)
                y = 0.5 * _note(hz, int(4 * beat * RATE), rng, int(rng.integers(3)))
                end = min(at + y.size, out.size)
                out[at:end] += y[: end - at]
        step = float(rng.choice([0.5, 1.0, 1.0]))
        for h in np.arange(0, 1, step):
            y = _note(2 * root * 2 ** (scale[int(rng.integers(10))] / 12), int(step * beat * RATE), rng, kind)
            s = at + int(h * beat * RATE)
            end = min(s + y.size, out.size)
            if s < end:
                out[s:end] += y[: end - s]
        if drum:
            hit = np.exp(-np.arange(800) / 200) * rng.standard_normal(800)
            out[at : at + 800] += hit[: max(0, min(800, out.size - at))]
    return telephone(out[:n])


def hold_music(rng: np.random.Generator, seconds: float) -> Audio:
    """A tune that keeps returning to A4: long notes at 425 to 450 Hz, sometimes with pauses as of a tone."""
    n = int(seconds * RATE)
    out = np.zeros(n)
    at = 0
    kind = int(rng.integers(1, 3))
    while at < n:
        hz = float(440 * 2 ** (rng.integers(-8, 13) / 12))
        if rng.random() < 0.55:
            hz = float(rng.choice([440.0, 450.0, 425.0, 400.0], p=[0.5, 0.2, 0.2, 0.1]))
        length = min(int(rng.choice([0.15, 0.3, 0.6, 1.2]) * rng.uniform(0.8, 1.2) * RATE), n - at)
        out[at : at + length] += _note(hz, length, rng, kind)
        if rng.random() < 0.5:
            out[at : at + length] += 0.6 * _note(hz * 2 ** (float(rng.choice([4, 7, -5])) / 12), length, rng, kind)
        at += length + (int(rng.uniform(0, 0.35) * RATE) if rng.random() < 0.35 else 0)
    return telephone(out)


def ringing_tune(rng: np.random.Generator, seconds: float) -> Audio:
    """A colour ring-back tune (彩铃): a pop hook over a beat, looped with a pause, sometimes with a voice on it."""
    hook = music(rng, float(rng.uniform(2.5, 5.0)))
    if rng.random() < 0.4:
        hook = hook + at_level(np.resize(speech(rng, hook.size / RATE), hook.size), power_dbm0(hook) - 3)
    loop = np.concatenate([hook, np.zeros(int(rng.uniform(0, 1.0) * RATE))])
    return np.resize(loop, int(seconds * RATE))


def whistle(rng: np.random.Generator, seconds: float) -> Audio:
    """A person whistling: one gliding sine with vibrato and breaks, 600 to 2,400 Hz."""
    n = int(seconds * RATE)
    out = np.zeros(n)
    at = 0
    while at < n:
        length = min(int(rng.uniform(0.15, 1.2) * RATE), n - at)
        t = np.arange(length) / RATE
        a, b = rng.uniform(600, 2400, 2)
        hz = a + (b - a) * rng.uniform(0, 0.4) * t / max(t[-1], 1e-3) + 12 * np.sin(2 * np.pi * rng.uniform(4, 7) * t)
        env = np.minimum(1, np.minimum(t, t[::-1]) / 0.03) * (1 + 0.15 * np.sin(2 * np.pi * rng.uniform(3, 9) * t))
        out[at : at + length] = env * np.sin(2 * np.pi * np.cumsum(hz) / RATE) + 0.02 * rng.standard_normal(length)
        at += length + int(rng.uniform(0.05, 0.6) * RATE)
    return telephone(out)


def noises(rng: np.random.Generator, seconds: float) -> Audio:
    """Room and line noise that swells, with clicks, thumps and rustling."""
    n = int(seconds * RATE)
    x = (pink if rng.random() < 0.5 else white)(rng, n)
    swell = np.interp(np.arange(n), np.arange(0, n + RATE, RATE), rng.uniform(0.1, 1.0, len(range(0, n + RATE, RATE))))
    x = x * swell
    for _ in range(int(seconds * rng.uniform(0.5, 6))):
        at, length = int(rng.integers(n)), int(rng.uniform(0.0005, 0.06) * RATE)
        piece = rng.uniform(1, 12) * np.exp(-np.arange(length) / max(length / 4, 1)) * rng.standard_normal(length)
        x[at : at + length] += piece[: n - at]
    return telephone(x)


def fsk(bits: npt.NDArray[np.int_], mark_hz: float, space_hz: float, baud: float) -> Audio:
    """Phase-continuous FSK of *bits* (1 = mark)."""
    n = int(bits.size / baud * RATE)
    index = np.minimum((np.arange(n) * baud / RATE).astype(int), bits.size - 1)
    hz = np.where(bits[index] == 1, mark_hz, space_hz)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hz) / RATE))


def modem_data(rng: np.random.Generator, seconds: float) -> Audio:
    """Scrambled carrier data: V.22-like PSK, V.32-like QAM or V.23/Bell 202 FSK with random bits (no answer tone, no preamble)."""
    n = int(seconds * RATE)
    kind = int(rng.integers(3))
    if kind == 2:
        return telephone(fsk(rng.integers(0, 2, int(seconds * 1200) + 2), 1300.0, 2100.0, 1200.0)[:n])
    baud, carrier = (600, float(rng.choice([1200.0, 2400.0]))) if kind == 0 else (2400, 1800.0)
    symbols = rng.integers(0, 4 if kind == 0 else 16, int(seconds * baud) + 2)
    points = np.exp(0.5j * np.pi * symbols) if kind == 0 else ((symbols % 4) * 2 - 3) + 1j * ((symbols // 4) * 2 - 3)
    base = points[(np.arange(n) * baud / RATE).astype(int)]
    base = signal.lfilter(*signal.butter(4, min(baud * 0.6, 3900), fs=RATE), base)
    return telephone(np.real(base * np.exp(2j * np.pi * carrier * np.arange(n) / RATE)))


@lru_cache(maxsize=1)
def babble_pool() -> Audio:
    """20 s of six people talking at once, unit variance."""
    rng = np.random.default_rng(1973)
    x = np.sum([speech(rng, 20.0) for _ in range(6)], axis=0)
    return np.asarray(x / np.std(x))


@lru_cache(maxsize=1)
def music_pool() -> Audio:
    """60 s of music in ten pieces, unit variance."""
    rng = np.random.default_rng(1974)
    x = np.concatenate([at_level(music(rng, 6.0), 0.0) for _ in range(10)])
    return np.asarray(x / np.std(x))


def from_pool(pool: Audio, rng: np.random.Generator, n: int) -> Audio:
    """*n* samples of a pool from a random place, going round."""
    return np.take(pool, int(rng.integers(pool.size)) + np.arange(n), mode="wrap")
