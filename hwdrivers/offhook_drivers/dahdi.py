"""E1 cards with DAHDI drivers and ISDN PRI: the media backend in C and the signalling daemon under one roof."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from .contract import SpanErrors
from .pri import CHANNELS_PER_SPAN, PriDriver
from .prid import PriError
from .spanstat import read_errors, read_spans

TIMESLOTS = (*range(1, 16), *range(17, 32))
D_TIMESLOT = 16


class DahdiCard:
    """Owns one ``oh_dahdi``: the B-channels of some E1 spans as a media plane.

    Args:
        first_channels: DAHDI's number of timeslot 1 of each span: 1, 32, 63 ...
        buffers: Blocks of 20 ms kept each way, 2 to 32: what a stall of the machine may last.
        prefill: Blocks that are sent ahead, below *buffers*.

    Raises:
        PriError: Out of memory, or values out of range.
    """

    def __init__(self, first_channels: Sequence[int], buffers: int = 8, prefill: int = 4) -> None:
        from ._native import ffi, lib  # only here: without audio the C library is not needed

        self._ffi, self._lib = ffi, lib
        numbers = [first - 1 + timeslot for first in first_channels for timeslot in TIMESLOTS]
        self._dahdi: Any = lib.oh_dahdi_new(ffi.new("int[]", numbers), len(numbers), CHANNELS_PER_SPAN, buffers, prefill)
        if self._dahdi == ffi.NULL:
            raise PriError(f"oh_dahdi_new of {len(numbers)} channels: {os.strerror(ffi.errno)}")

    @property
    def media(self) -> int:
        """Address of the ``oh_media``; valid until :meth:`close`."""
        return int(self._lib.oh_dahdi_media(self._dahdi))

    def check(self) -> None:
        """Open every channel once and close it again.

        Raises:
            PriError: One cannot be opened; the text says which, why and what to do.
        """
        if self._lib.oh_dahdi_check(self._dahdi):
            raise PriError(self._ffi.string(self._lib.oh_dahdi_why(self._dahdi)).decode())

    def alarms(self, span: int) -> int:
        """Alarm bits of a span (``OH_ALARM_*``) as the media thread saw them last."""
        return int(self._lib.oh_dahdi_alarms(self._dahdi, span))

    def close(self) -> None:
        """Free it; the core must have stopped using it. Twice is allowed."""
        if self._dahdi != self._ffi.NULL:
            self._lib.oh_dahdi_free(self._dahdi)
            self._dahdi = self._ffi.NULL


class DahdiDriver(PriDriver):
    """PRI spans of cards with DAHDI drivers; implements :class:`~offhook_drivers.contract.Driver`.

    Args:
        first_channels: DAHDI's number of timeslot 1 of each span; the D-channel is timeslot 16.
        audio: False: signalling alone.
        buffers: See :class:`DahdiCard`.
        prefill: See :class:`DahdiCard`.
        trace: Report every Q.931 message.
        speech: Bearer speech instead of 3.1 kHz audio.
        daemon: Program of the daemon, None looks for it.

    Raises:
        PriError: There is no daemon.
        ValueError: No span, or more than 32.
    """

    def __init__(
        self,
        first_channels: Sequence[int],
        *,
        audio: bool = True,
        buffers: int = 8,
        prefill: int = 4,
        trace: bool = False,
        speech: bool = False,
        daemon: str | None = None,
    ) -> None:
        self._first_channels = tuple(first_channels)
        self._numbers: dict[int, int] = {}  # DAHDI's, of each span
        self._card = DahdiCard(first_channels, buffers, prefill) if audio else None
        super().__init__(
            [f"dahdi:{first - 1 + D_TIMESLOT}" for first in first_channels],
            media=None if self._card is None else self._card.media,
            trace=trace,
            speech=speech,
            daemon=daemon,
        )

    def check(self) -> None:
        """Can every B-channel be opened? Before the engine runs.

        Raises:
            PriError: No; the text says why.
        """
        if self._card is not None:
            self._card.check()

    def errors(self, span: int) -> SpanErrors:
        """Errors of a span's line, as DAHDI counts them."""
        if span not in self._numbers:
            first = self._first_channels[span]
            found = next((one.number for one in read_spans() if first in one.channels), None)
            if found is None:
                return SpanErrors()
            self._numbers[span] = found
        return read_errors(self._numbers[span])

    async def close(self) -> None:
        """End every call and the daemon, then let go of the card. The core must have stopped using :attr:`media`."""
        await super().close()
        if self._card is not None:
            self._card.close()
            self._card = None
