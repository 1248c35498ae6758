"""The announcements of a running node: the core's library follows the folder, and what no library knows is kept for a name."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from offhook.announce.store import RATE, AnnouncementError, AnnouncementStore, Samples
from offhook.announce.unknown import LEAST_S, UnknownStore
from offhook.clock import Clock, in_thread
from offhook_core import CoreError, Law, timeslots

if TYPE_CHECKING:
    from offhook.call import Call
    from offhook_core import Engine

log = logging.getLogger(__name__)

MOST_CAPTURE_BYTES = 256 << 20
"""With more channels than this allows no audio is kept."""
READ_AGAIN_S = 0.02
READ_TRIES = 10
AROUND_MS = 200
"""Kept before and after the speech."""


class LiveAnnouncements:
    """Announcements of one node.

    Args:
        engine: Its core.
        folder: Of the known announcements.
        capture_s: Newest seconds of each call that are kept, 0 for none.
        clock: Of the node.
    """

    def __init__(self, engine: Engine, folder: Path, capture_s: float, clock: Clock) -> None:
        self.store = AnnouncementStore(folder)
        self.unknown = UnknownStore(self.store)
        self._engine = engine
        self._clock = clock
        self._stamp = 0
        self._told = ""
        self._busy = asyncio.Lock()  # the folder is worked on by one thread at a time
        octets = engine.channels * capture_s * RATE * (2 if engine.law is Law.LINEAR else 1)
        self._capturing = 0 < octets <= MOST_CAPTURE_BYTES
        if octets > MOST_CAPTURE_BYTES:
            log.warning(
                "announcements: %.0f s of %d channels are too much to keep; unknown ones are not learnt", capture_s, engine.channels
            )
        if self._capturing:
            engine.capture(round(capture_s * 1000))

    async def refresh(self) -> None:
        """Give the core the library again if the folder has changed."""
        stamp = self.store.stamp()
        if stamp == self._stamp:
            return
        try:
            async with self._busy:
                library = await in_thread(self._clock, self.store.library)
            self._engine.library(library)
        except (AnnouncementError, CoreError, ValueError) as error:
            if str(error) != self._told:  # once; dialling goes on without
                self._told = str(error)
                log.error("announcements: %s", error)
            return
        self._stamp = stamp
        log.info("announcements: %d are known", 0 if library is None else len(library))

    async def keep(self, call: Call) -> None:
        """After the call, before its channel is used again: keep the announcement that was heard and not recognised."""
        speech = call.unknown_speech
        if not self._capturing or speech is None:
            return
        clip = await self._clip(call.channel)
        if clip is None:
            return
        from_ms, to_ms, end_ms = speech
        first = len(clip) - (end_ms - from_ms + AROUND_MS) * RATE // 1000
        last = len(clip) - max(0, end_ms - to_ms - AROUND_MS) * RATE // 1000
        piece = clip[max(0, first) : max(0, last)]
        if len(piece) < LEAST_S * RATE:
            return
        try:
            async with self._busy:
                await in_thread(self._clock, self._add, piece, call.facts.cause)
        except AnnouncementError as error:
            log.error("announcements: %s", error)

    def _add(self, piece: Samples, cause: int) -> None:
        self.unknown.add(piece, self._clock.now(), cause)

    async def _clip(self, channel: int) -> Samples | None:
        """What the core kept; the order that ended the call takes effect with the next tick."""
        for _ in range(READ_TRIES):
            try:
                octets = self._engine.captured(channel)
            except CoreError as error:
                log.error("announcements: %s", error)
                return None
            if octets is not None:
                if self._engine.law is Law.LINEAR:
                    return np.asarray(octets, np.int16)
                return timeslots.decode(octets, self._engine.law)
            await asyncio.sleep(READ_AGAIN_S)
        return None
