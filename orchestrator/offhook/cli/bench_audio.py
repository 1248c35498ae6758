"""Audio for the benchmarks: what the lines of a busy outbound trunk carry, in the shares of an ordinary day."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook_core import FRAME_SAMPLES, Law, timeslots
from offhook_drivers.audio import load_builtin

RATE = 8000
SECONDS = 12
PEAK_0DBM0 = 22827.0
Samples = NDArray[np.int16]

_CLIPS = {
    "announcement": ("announcement-zh-vacant", "announcement-zh-power-off", "announcement-zh-busy"),
    "person": ("person-zh-wei", "person-zh-nihao", "person-en-hello"),
    "machine": ("machine-zh-leave", "machine-en-leave"),
    "music": ("music-walk", "music-slow"),
}
_SHARES = {  # of the lines at any moment
    "ringback": 0.30,
    "music": 0.12,
    "busy": 0.08,
    "congestion": 0.03,
    "announcement": 0.12,
    "person": 0.15,
    "machine": 0.08,
    "dtmf": 0.03,
    "fax": 0.02,
    "quiet": 0.07,
}


def lines(channels: int, ticks: int, seed: int = 1) -> NDArray[np.uint8]:
    """A-law audio of many lines, none like another in time and noise.

    Args:
        channels: B-channels.
        ticks: 20 ms each.
        seed: Another mixture.

    Returns:
        Shape ``(ticks, channels, 160)``, each tick contiguous as the core takes it.
    """
    chance = np.random.default_rng(seed)
    bank = {kind: [_coded(_stream(kind, take, chance), chance) for take in range(3)] for kind in _SHARES}
    kinds = chance.choice(list(_SHARES), size=channels, p=np.array(list(_SHARES.values())) / sum(_SHARES.values()))
    out = np.empty((ticks, channels, FRAME_SAMPLES), np.uint8)
    wanted = ticks * FRAME_SAMPLES
    for channel, kind in enumerate(kinds):
        stream = bank[str(kind)][int(chance.integers(3))]
        start = int(chance.integers(stream.size))
        piece = np.take(stream, np.arange(start, start + wanted), mode="wrap")
        out[:, channel, :] = piece.reshape(ticks, FRAME_SAMPLES)
    return out


def _coded(stream: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.uint8]:
    noise = chance.normal(0, PEAK_0DBM0 / np.sqrt(2) * 10 ** (chance.uniform(-66, -55) / 20), stream.size)
    linear = np.clip(np.rint(stream + noise), -32768, 32767).astype(np.int16)
    return timeslots.encode(linear, Law.ALAW)


def _stream(kind: str, take: int, chance: np.random.Generator) -> NDArray[np.float64]:
    match kind:
        case "ringback":
            return _cadence((450.0,), -12.0 - take, ((1.0, True), (4.0, False)))
        case "busy":
            return _cadence((450.0,), -13.0 - take, ((0.35, True), (0.35, False)))
        case "congestion":
            return _cadence((450.0,), -13.0 - take, ((0.7, True), (0.7, False)))
        case "fax":
            return _cadence((1100.0,), -12.0, ((0.5, True), (3.0, False)))
        case "dtmf":
            parts = [_cadence(_key(chance), -8.0, ((0.08, True), (0.08, False)), 0.16) for _ in range(8)]
            return np.concatenate([*parts, np.zeros(SECONDS * RATE - sum(part.size for part in parts))])
        case "quiet":
            return np.zeros(SECONDS * RATE)
    names = _CLIPS[kind]
    clip = load_builtin(names[take % len(names)]).samples.astype(np.float64)
    if kind in ("announcement", "music", "machine"):
        return np.resize(clip, SECONDS * RATE)
    return np.concatenate([clip, np.zeros(max(0, SECONDS * RATE - clip.size))])[: SECONDS * RATE]  # a person says a word and waits


def _key(chance: np.random.Generator) -> tuple[float, ...]:
    return float(chance.choice([697, 770, 852, 941])), float(chance.choice([1209, 1336, 1477]))


def _cadence(hz: tuple[float, ...], dbm0: float, pattern: tuple[tuple[float, bool], ...], seconds: float = SECONDS) -> NDArray[np.float64]:
    at = np.arange(round(seconds * RATE)) / RATE
    peak = PEAK_0DBM0 * 10 ** (dbm0 / 20) / np.sqrt(len(hz))
    signal = np.sum([peak * np.sin(2 * np.pi * one * at) for one in hz], axis=0)
    gate = np.concatenate([np.full(round(length * RATE), on) for length, on in pattern])
    return np.asarray(signal * np.resize(gate, at.size), np.float64)
