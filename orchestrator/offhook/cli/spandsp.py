"""libspandsp as the peer of ``offhook bench channels``, on the same audio in the same run.

Two sets are measured. The tone set is super_tone_rx and dtmf_rx; super_tone_rx is given the call-progress tones of the armed plan and the
three pitches of SIT, the least that the core's tone bank listens for (for China 450, 950, 1400 and 1800 Hz). The complete set has
modem_connect_tones_rx for CNG and for CED besides; still not beep, music, speech, level and answer, for which libspandsp has no detectors
(its power meter takes one sample a call and is left out, in its favour).

It is called with seconds of audio at once, so that the way from Python into C costs nothing that could be measured.
"""

from __future__ import annotations

import ctypes
import time

import numpy as np
from numpy.typing import NDArray

from offhook_core import Law, Tone, plans, timeslots

LIBRARY = "libspandsp.so.2"
PROGRESS = (Tone.DIAL, Tone.DIAL_SPECIAL, Tone.RINGBACK, Tone.BUSY, Tone.CONGESTION, Tone.UNOBTAINABLE)
SIT_HZ = (950, 1400, 1800)
MAX_STEPS = 8
CNG, CED = 1, 3  # MODEM_CONNECT_TONES_FAX_CNG, MODEM_CONNECT_TONES_FAX_CED_OR_PREAMBLE
_TONE_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int)
_DIGIT_REPORT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)


class Spandsp:
    """Its detectors for a number of channels.

    Args:
        channels: How many.
        plan: Tone plan whose call-progress tones super_tone_rx is given.

    Raises:
        OSError: The library is not installed (Debian: libspandsp2).
    """

    def __init__(self, channels: int, plan: str) -> None:
        self._lib = lib = ctypes.CDLL(LIBRARY)
        for name in ("super_tone_rx_make_descriptor", "super_tone_rx_init", "dtmf_rx_init", "modem_connect_tones_rx_init"):
            getattr(lib, name).restype = ctypes.c_void_p
        self.heard = 0
        self._tone = _TONE_REPORT(self._count_tone)
        self._digits = _DIGIT_REPORT(self._count_digits)
        self._descriptor = ctypes.c_void_p(lib.super_tone_rx_make_descriptor(None))
        self._known: list[int] = []
        rows = [row for row in plans.plan(plan).tones if row.tone in PROGRESS]
        for row in rows:
            self._add([(segment.hz, segment.duration_ms) for segment in (*row.once, *row.loop)][:MAX_STEPS])
        self._add([((hz,), 330) for hz in SIT_HZ])
        self.tones = len(rows) + 1
        make = ctypes.c_void_p
        self._tones = [make(lib.super_tone_rx_init(None, self._descriptor, self._tone, None)) for _ in range(channels)]
        self._keys = [make(lib.dtmf_rx_init(None, self._digits, None)) for _ in range(channels)]
        self._modems = [
            tuple(make(lib.modem_connect_tones_rx_init(None, kind, self._tone, None)) for kind in (CNG, CED)) for _ in range(channels)
        ]

    @property
    def pitches(self) -> int:
        """How many frequencies super_tone_rx listens for."""
        return len(self._known)

    def _add(self, steps: list[tuple[tuple[int, ...], int]]) -> None:
        tone = self._lib.super_tone_rx_add_tone(self._descriptor)
        for hz, ms in steps:
            pair = [*sorted(hz[:2], key=self._order), 0, 0]  # 0.0.6 matches a pair only in the order in which it met the two
            low, high = (ms * 85 // 100, ms * 115 // 100) if ms else (1000, 0)
            self._lib.super_tone_rx_add_element(self._descriptor, tone, pair[0], pair[1], low, high)

    def _order(self, hz: int) -> int:
        for at, known in enumerate(self._known):
            if abs(known - hz) <= 10:  # it takes them for one
                return at
        self._known.append(hz)
        return len(self._known) - 1

    def _count_tone(self, _user: object, code: int, _level: int, _delay: int) -> None:
        self.heard += code >= 0

    def _count_digits(self, _user: object, _text: bytes, count: int) -> None:
        self.heard += count

    def run(self, octets: NDArray[np.uint8]) -> tuple[float, float]:
        """Hear A-law audio of shape ``(ticks, channels, 160)``; decoding is not counted.

        Returns:
            Processor seconds of the tone set, and of what the complete set adds to it.
        """
        linear = [timeslots.decode(np.ascontiguousarray(octets[:, channel, :]).reshape(-1), Law.ALAW) for channel in range(octets.shape[1])]
        before = time.thread_time()
        for samples, tone, keys in zip(linear, self._tones, self._keys, strict=True):
            audio, count = ctypes.c_void_p(samples.ctypes.data), samples.size
            self._lib.super_tone_rx(tone, audio, count)
            self._lib.dtmf_rx(keys, audio, count)
        between = time.thread_time()
        for samples, modems in zip(linear, self._modems, strict=True):
            audio, count = ctypes.c_void_p(samples.ctypes.data), samples.size
            for modem in modems:
                self._lib.modem_connect_tones_rx(modem, audio, count)
        return between - before, time.thread_time() - between

    def close(self) -> None:
        """Give everything back."""
        for tone in self._tones:
            self._lib.super_tone_rx_free(tone)
        for keys in self._keys:
            self._lib.dtmf_rx_free(keys)
        for modems in self._modems:
            for modem in modems:
                self._lib.modem_connect_tones_rx_free(modem)
        self._tones, self._keys, self._modems = [], [], []
        self._lib.super_tone_rx_free_descriptor(self._descriptor)
