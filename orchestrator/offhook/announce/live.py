"""The announcements of a running node: the core's library follows the folder, and what no library knows is kept for a name."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from offhook.announce.store import RATE, AnnouncementError, AnnouncementStore
from offhook.announce.unknown import LEAST_S, UnknownStore
from offhook.calls.recordings import RecordingError, Recordings, digest
from offhook.clock import Clock, in_thread
from offhook_core import CoreError, Law, Marks, timeslots

if TYPE_CHECKING:
    from offhook.agents.talk import TalkCall
    from offhook.calls.call import Call
    from offhook_core import Engine

log = logging.getLogger(__name__)

MOST_CAPTURE_BYTES = 256 << 20
"""With more channels than this allows no audio is kept."""
READ_AGAIN_S = 0.02
READ_TRIES = 10
AROUND_MS = 200
"""Kept before and after the speech."""


class LiveAnnouncements:
    """Announcements of one node, and what else is done with the audio of a call that is over.

    Args:
        engine: Its core.
        folder: Of the known announcements.
        capture_s: Newest seconds of each call that are kept, 0 for none.
        clock: Of the node.
        recordings: Where calls are kept, None for nowhere.
    """

    def __init__(self, engine: Engine, folder: Path, capture_s: float, clock: Clock, recordings: Recordings | None = None) -> None:
        self.store = AnnouncementStore(folder)
        self.unknown = UnknownStore(self.store)
        self._engine = engine
        self._clock = clock
        self._recordings = recordings
        self._known = 0
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
        self._known = 0 if library is None else len(library)
        log.info("announcements: %d are known", self._known)

    @property
    def hearing(self) -> str:
        """The node's settings of what is heard, as key=value words."""
        model = f" model={self._engine.model}" if self._engine.model else ""
        return f"plan={self._engine.plan.name} library={self._known}{model}"

    async def keep(self, call: Call, mailed: TalkCall | None = None) -> Path | None:
        """After the call, before its channel is used again: keep its audio if that is wanted, an announcement nobody knows, and the
        voice mail that was left in *mailed*: where that lies now, None for none.
        """
        mail = mailed.mail if mailed is not None else None
        speech = call.unknown_speech
        result = call.result
        recordings = self._recordings
        if recordings is None or call.facts.refused or result is None or not recordings.settings.wants(result.p):
            recordings = None
        if not self._capturing or (speech is None and recordings is None and mail is None):
            return None
        taken = await self._taken(call.channel)
        if taken is None:
            return None
        octets, marks = taken
        law = self._engine.law
        if recordings is not None:
            try:
                path = await in_thread(self._clock, recordings.save, call.record(), law, octets, marks)
                recordings.sealed(call.id, await in_thread(self._clock, digest, path))
            except (RecordingError, OSError) as error:
                log.error("recordings: %s", error)
        left: Path | None = None
        if mailed is not None and mailed.recorder is not None and mail is not None:
            left = await mailed.recorder.keep(call.id, law, octets, (*mail, call.record(evidence=False).duration_ms), self._clock)
        if speech is not None:
            piece = _spoken(octets, speech)
            del taken, octets, marks  # hundreds of calls may end at once and wait for their turn here
            if len(piece) >= LEAST_S * RATE:
                await self._learn(call, piece)
        return left

    async def _learn(self, call: Call, piece: NDArray[Any]) -> None:
        try:
            async with self._busy:
                await in_thread(self._clock, self._add, piece, call.facts.cause, call.facts.answered)
        except AnnouncementError as error:
            log.error("announcements: %s", error)

    def _add(self, piece: NDArray[Any], cause: int, answered: bool) -> None:
        law = self._engine.law
        clip = np.asarray(piece, np.int16) if law is Law.LINEAR else timeslots.decode(piece, law)
        self.unknown.add(clip, self._clock.now(), cause, answered)

    async def _taken(self, channel: int) -> tuple[NDArray[Any], Marks] | None:
        """What the core kept; the order that ended the call takes effect with the next tick."""
        for _ in range(READ_TRIES):
            try:
                octets, marks = self._engine.captured(channel), self._engine.captured_marks(channel)
            except CoreError as error:
                log.error("announcements: %s", error)
                return None
            if octets is not None and marks is not None:
                return octets, marks
            await asyncio.sleep(READ_AGAIN_S)
        return None


def _spoken(audio: NDArray[Any], speech: tuple[int, int, int]) -> NDArray[Any]:
    """The part of the newest *audio* in which somebody spoke, *from* and *to* by the clock of the call, which ended at *end*; all in ms."""
    from_ms, to_ms, end_ms = speech
    first = len(audio) - (end_ms - from_ms + AROUND_MS) * RATE // 1000
    last = len(audio) - max(0, end_ms - to_ms - AROUND_MS) * RATE // 1000
    return audio[max(0, first) : max(0, last)].copy()
