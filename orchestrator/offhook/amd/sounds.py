"""Sounds that no voice makes, made up: tones, beeps, buzzers, melodies, clatter, crackle, bursts and noise that swells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RATE = 8000

Audio = NDArray[np.float32]


def tones(n: int, rng: np.random.Generator) -> Audio:
    """One or two sines of a network in some cadence."""
    t = np.arange(n) / RATE
    hz = rng.choice([350, 400, 425, 440, 450, 480, 620, 950, 1400, 1800], int(rng.integers(1, 3)), replace=False)
    x = sum(np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in hz)
    on, off = rng.uniform(0.1, 1.2), rng.choice([0.0, rng.uniform(0.1, 4)])
    return np.asarray(x * (t % (on + off) < on), np.float32)


def beeps(n: int, rng: np.random.Generator) -> Audio:
    """One to four beeps."""
    t = np.arange(n) / RATE
    x = np.zeros(n, np.float32)
    at = 0
    for _ in range(int(rng.integers(1, 5))):
        length = int(rng.uniform(0.04, 1.0) * RATE)
        f = rng.uniform(330, 2400) * (1 + rng.uniform(-0.2, 0.2) * (rng.random() < 0.2) * t[:length])
        beep = np.sin(2 * np.pi * f * t[:length]) + rng.choice([0, 0, 0.7]) * np.sin(2 * np.pi * rng.uniform(500, 2000) * t[:length])
        piece = x[at : at + length]
        piece += beep[: len(piece)].astype(np.float32)
        at += length + int(rng.uniform(0.02, 0.8) * RATE)
        if at >= n:
            break
    return x


def buzzers(n: int, rng: np.random.Generator) -> Audio:
    """One to four buzzes: many harmonics of one pitch that does not move, as error signals and old bells have."""
    x = np.zeros(n, np.float32)
    at, hz = 0, rng.uniform(60, 600)
    length, gap = rng.uniform(0.08, 0.9), rng.uniform(0.03, 0.8)
    fall = rng.uniform(0.0, 1.3)
    for _ in range(int(rng.integers(1, 5))):
        piece = x[at : at + int(length * RATE)]
        t = np.arange(len(piece)) / RATE
        step = int(rng.choice([1, 2]))  # a square wave has every other harmonic
        harmonics = range(1, int(3600 / hz) + 1, step)
        piece += sum((np.sin(2 * np.pi * hz * h * t) / h**fall for h in harmonics), np.zeros(len(t))).astype(np.float32)
        at += int((length + gap) * RATE)
        if at >= n:
            break
        hz *= rng.choice([1, 1, rng.uniform(0.6, 1.5)])
    return x


def melody(n: int, rng: np.random.Generator) -> Audio:
    """A melody, with chords and overtones."""
    t = np.arange(n) / RATE
    x = np.zeros(n, np.float32)
    note, base, decay = rng.uniform(0.1, 0.6), rng.uniform(130, 500), rng.uniform(0.5, 12)
    for k in range(int(n / RATE / note) + 1):
        a, b = int(k * note * RATE), int((k + rng.uniform(1, 2)) * note * RATE)
        piece = x[a:b]
        local = t[: len(piece)]
        for _ in range(int(rng.integers(1, 4))):
            f = base * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
            tone = sum(np.sin(2 * np.pi * f * h * local) / h ** rng.uniform(0.7, 2) for h in range(1, int(rng.integers(2, 7))))
            piece += (tone * np.exp(-decay * local)).astype(np.float32)
    return x


def bursts(n: int, rng: np.random.Generator) -> Audio:
    """Clicks and bursts of noise."""
    x = np.zeros(n, np.float32)
    for _ in range(int(rng.integers(1, 8))):
        a, length = int(rng.integers(n)), int(rng.exponential(0.08) * RATE) + 8
        piece = x[a : a + length]
        piece += (rng.standard_normal(len(piece)) * rng.uniform(0.2, 1) * np.exp(-3 * np.arange(len(piece)) / length)).astype(np.float32)
    return x


def swelling(n: int, rng: np.random.Generator) -> Audio:
    """Noise of some colour whose level wanders: water, wind, a street, breath."""
    x = rng.standard_normal(n)
    hz = np.fft.rfftfreq(n, 1 / RATE)
    colour = np.maximum(hz / 300, 0.2) ** -rng.uniform(-0.3, 1.4)
    for _ in range(int(rng.integers(0, 4))):  # the room's or the pan's own pitch
        colour *= 1 + rng.uniform(0, 6) * np.exp(-0.5 * ((hz - rng.uniform(200, 3400)) / rng.uniform(40, 400)) ** 2)
    x = np.fft.irfft(np.fft.rfft(x) * colour, n)
    knots = max(2, int(n / RATE * rng.uniform(1, 10)))
    level_db = np.interp(np.arange(n), np.linspace(0, n, knots), rng.normal(0, rng.uniform(0, 9), knots))
    x *= 10 ** (level_db / 20)
    return np.asarray(x / np.sqrt(np.mean(x * x)), np.float32)


def clatter(n: int, rng: np.random.Generator) -> Audio:
    """Things that are struck: a few damped pitches at each stroke, over noise."""
    x = np.zeros(n, np.float32)
    for _ in range(int(rng.poisson(rng.uniform(1, 14) * n / RATE))):
        decay = rng.uniform(0.004, 0.12)
        a, length = int(rng.integers(n)), int(5 * decay * RATE)
        piece = x[a : a + length]
        t = np.arange(len(piece)) / RATE
        stroke = 0.5 * rng.standard_normal(len(piece)) * np.exp(-t / (0.3 * decay))
        for _ in range(int(rng.integers(1, 7))):
            stroke += np.sin(2 * np.pi * rng.uniform(250, 3800) * t + rng.uniform(0, 6)) * np.exp(-t / (decay * rng.uniform(0.3, 1)))
        piece += (stroke * np.exp(rng.normal(0, 0.8))).astype(np.float32)
    return x + swelling(n, rng) * np.float32(10 ** (rng.uniform(-30, 0) / 20))


def crackle(n: int, rng: np.random.Generator) -> Audio:
    """A bad contact: pops of a few samples, dense or sparse, over weak noise."""
    x = swelling(n, rng) * np.float32(10 ** (rng.uniform(-45, -15) / 20))
    for at in rng.integers(0, n, int(rng.poisson(rng.uniform(3, 80) * n / RATE))):
        piece = x[at : at + int(rng.integers(2, 40))]
        piece += (rng.normal(0, 1) * rng.standard_normal(len(piece)) * np.exp(-np.arange(len(piece)) / 8)).astype(np.float32)
    return x


def nothing(n: int, rng: np.random.Generator) -> Audio:
    """A line on which nobody speaks."""
    del rng
    return np.full(n, 1e-4, np.float32)


KINDS: tuple[tuple[float, Callable[[int, np.random.Generator], Audio]], ...] = (
    (0.26, tones),
    (0.18, beeps),
    (0.08, buzzers),
    (0.13, melody),
    (0.08, bursts),
    (0.10, swelling),
    (0.09, clatter),
    (0.05, crackle),
    (0.03, nothing),
)
"""Share of each kind."""


def no_voice(n: int, rng: np.random.Generator) -> Audio:
    """*n* samples of some such sound."""
    return KINDS[int(rng.choice(len(KINDS), p=[share for share, _ in KINDS]))][1](n, rng)
