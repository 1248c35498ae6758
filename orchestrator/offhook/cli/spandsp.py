"""libspandsp as the peer of ``offhook bench channels``: super_tone_rx with six tones, and dtmf_rx, on the same audio.

It is called with seconds of audio at once, so that the way from Python into C costs nothing that could be measured.
"""

from __future__ import annotations

import ctypes
import time

import numpy as np
from numpy.typing import NDArray

from offhook_core import Law, timeslots

LIBRARY = "libspandsp.so.2"
# name, Hz, on and off in ms (0, 0: continuous): the six call-progress tones of China
TONES: tuple[tuple[str, int, tuple[tuple[int, int], ...]], ...] = (
    ("dial", 450, ((0, 0),)),
    ("ringback", 450, ((1000, 4000),)),
    ("busy", 450, ((350, 350),)),
    ("congestion", 450, ((700, 700),)),
    ("unobtainable", 450, ((100, 100), (100, 100), (100, 100), (400, 400))),
    ("dial_special", 450, ((400, 40),)),
)
_TONE_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int)
_DIGIT_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)


class Spandsp:
    """The two detectors for a number of channels.

    Raises:
        OSError: The library is not installed (Debian: libspandsp2).
    """

    def __init__(self, channels: int) -> None:
        self._lib = lib = ctypes.CDLL(LIBRARY)
        for name in ("super_tone_rx_make_descriptor", "super_tone_rx_init", "dtmf_rx_init"):
            getattr(lib, name).restype = ctypes.c_void_p
        self.heard = 0
        self._tone = _TONE_REPORT(self._count_tone)
        self._digits = _DIGIT_REPORT(self._count_digits)
        self._descriptor = ctypes.c_void_p(lib.super_tone_rx_make_descriptor(None))
        for _, hz, cadence in TONES:
            tone = lib.super_tone_rx_add_tone(self._descriptor)
            for on, off in cadence:
                low, high = (on * 85 // 100, on * 115 // 100) if on else (1000, 0)
                lib.super_tone_rx_add_element(self._descriptor, tone, hz, 0, low, high)
                if off:
                    lib.super_tone_rx_add_element(self._descriptor, tone, 0, 0, off * 85 // 100, off * 115 // 100)
        self._tones = [ctypes.c_void_p(lib.super_tone_rx_init(None, self._descriptor, self._tone, None)) for _ in range(channels)]
        self._keys = [ctypes.c_void_p(lib.dtmf_rx_init(None, self._digits, None)) for _ in range(channels)]

    def _count_tone(self, _user: object, code: int, _level: int, _delay: int) -> None:
        self.heard += code >= 0

    def _count_digits(self, _user: object, _text: bytes, count: int) -> None:
        self.heard += count

    def run(self, octets: NDArray[np.uint8]) -> float:
        """Hear A-law audio of shape ``(ticks, channels, 160)``. Returns processor seconds; decoding is not counted."""
        linear = [timeslots.decode(np.ascontiguousarray(octets[:, channel, :]).reshape(-1), Law.ALAW) for channel in range(octets.shape[1])]
        before = time.thread_time()
        for samples, tone, keys in zip(linear, self._tones, self._keys, strict=True):
            audio, count = ctypes.c_void_p(samples.ctypes.data), samples.size
            self._lib.super_tone_rx(tone, audio, count)
            self._lib.dtmf_rx(keys, audio, count)
        return time.thread_time() - before

    def close(self) -> None:
        """Give everything back."""
        for tone in self._tones:
            self._lib.super_tone_rx_free(tone)
        for keys in self._keys:
            self._lib.dtmf_rx_free(keys)
        self._tones, self._keys = [], []
        self._lib.super_tone_rx_free_descriptor(self._descriptor)
