"""The far end of a driver's media plane in a test: runs its ticks by hand, says what we send, keeps what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from offhook.clock import VirtualLoop, run_virtual
from offhook_drivers._native import ffi

FRAME = 160
IDLE = 0xD5
Octets = npt.NDArray[np.uint8]


class SoftLine:
    """Opens the media plane at *address* and ticks it.

    Attributes:
        heard: Per channel listened to, the blocks that came, one array of 160 octets each.
        valid: The marks of the last tick.
        tick: Number of the last tick.
    """

    def __init__(self, address: int, listen: tuple[int, ...] = (0,)) -> None:
        self._media = ffi.cast("oh_media *", address)
        info = ffi.new("oh_media_info *")
        assert self._media.ops.open(self._media.media, info) == 0
        self.channels = int(info.channels)
        self._rx: Octets = np.full((self.channels, FRAME), IDLE, np.uint8)
        self._tx: Octets = np.full((self.channels, FRAME), IDLE, np.uint8)
        self.valid: Octets = np.zeros(self.channels, np.uint8)
        self._tick = ffi.new("uint64_t *")
        self.heard: dict[int, list[Octets]] = {channel: [] for channel in listen}
        self._to_send: dict[int, bytes] = {}

    @property
    def tick(self) -> int:
        """Number of the last tick."""
        return int(self._tick[0])

    def say(self, channel: int, octets: bytes) -> None:
        """Send *octets* from the next tick on, then idle code."""
        self._to_send[channel] = octets

    def run(self, ticks: int) -> int:
        """Run ticks; fits ``VirtualLoop.run_ticks``."""
        ops, media = self._media.ops, self._media.media
        rx, tx = ffi.from_buffer("uint8_t[]", self._rx), ffi.from_buffer("uint8_t[]", self._tx)
        valid = ffi.from_buffer("uint8_t[]", self.valid)
        for _ in range(ticks):
            assert ops.wait(media, 1000) >= 1
            assert ops.rx(media, rx, valid, self._tick) == 0
            for channel, blocks in self.heard.items():
                blocks.append(self._rx[channel].copy())
            for channel, octets in self._to_send.items():
                block, self._to_send[channel] = octets[:FRAME], octets[FRAME:]
                self._tx[channel] = np.frombuffer(block.ljust(FRAME, bytes([IDLE])), np.uint8)
            assert ops.tx(media, tx) == 0
        return ticks

    def audio(self, channel: int = 0) -> Octets:
        """All octets that came on a channel listened to."""
        return np.concatenate(self.heard[channel]) if self.heard[channel] else np.zeros(0, np.uint8)

    def close(self) -> None:
        """Close the media plane."""
        self._media.ops.close(self._media.media)


def in_virtual_time(main: Callable[[], object]) -> None:
    """Run the coroutine function *main* in virtual time."""
    run_virtual(main(), datetime(2026, 3, 2, 1, tzinfo=UTC))  # type: ignore[arg-type]


def follow(line: SoftLine) -> None:
    """Let the running virtual loop's time be the line's."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.run_ticks = line.run


def decoded(octets: Octets) -> npt.NDArray[np.float64]:
    """A-law to the 16 bit scale (ITU-T G.711)."""
    code = octets.astype(np.int64) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 15
    magnitude = np.where(exponent == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.float64)


def level_dbm0(octets: Octets) -> float:
    """RMS level."""
    return float(10 * np.log10(np.mean(decoded(octets) ** 2) + 1e-9) - 20 * np.log10(16141))


def share_at(octets: Octets, hz: float) -> float:
    """Share of the power within 15 Hz of a frequency."""
    wave = decoded(octets) * np.hanning(len(octets))
    power = np.abs(np.fft.rfft(wave)) ** 2
    near = np.abs(np.fft.rfftfreq(len(wave), 1 / 8000) - hz) <= max(15.0, 2 * 8000 / len(wave))
    return float(power[near].sum() / (power.sum() + 1e-9))
