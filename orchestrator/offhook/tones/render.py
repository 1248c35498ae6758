"""A row of a plan as sound, clean and exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook_core import Segment, ToneSpec

RATE = 8000
_PEAK_0DBM0 = 22827.0  # of a sine at 0 dBm0


def sound(row: ToneSpec, seconds: float, dbm0: float = -15.0) -> NDArray[np.int16]:
    """The row from its beginning, its loop repeated, all sines together at *dbm0*; shorter when the row has no loop."""
    pieces: list[NDArray[np.float64]] = []
    length, wanted = 0, int(seconds * RATE)
    segments = list(row.once) or list(row.loop)
    while segments and length < wanted:
        for one in segments:
            count = min(one.duration_ms * RATE // 1000, wanted - length) if one.duration_ms else wanted - length
            pieces.append(_piece(one, length, count, dbm0))
            length += count
        segments = list(row.loop)
    return np.round(np.concatenate([*pieces, np.zeros(0)])).astype(np.int16)


def _piece(one: Segment, start: int, count: int, dbm0: float) -> NDArray[np.float64]:
    t = np.arange(start, start + count) / RATE
    wave = np.zeros(count)
    for hz in one.hz:
        wave += np.sin(2 * np.pi * hz * t)
    if one.am_hz:
        wave *= (1 + 0.8 * np.sin(2 * np.pi * one.am_hz * t)) / np.sqrt(1.32)
    peak: float = _PEAK_0DBM0 * 10 ** (dbm0 / 20) / np.sqrt(max(1, len(one.hz)))
    return wave * peak
