"""Voice mail: what a person said after our beep (D26), one WAV a call in ``data_dir/voicemail``.

The folder is bounded, and nothing in it goes by itself: once it is full nobody is recorded until messages are removed. The core keeps the
newest ``[core] capture_s`` of each line, so a message is no longer than that.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from offhook.calls.mail_messages import VoiceMail
from offhook.calls.prompts import RATE, Prompt, encode
from offhook.clock import Clock, in_thread
from offhook.errors import OffhookError
from offhook_core import Law, timeslots

if TYPE_CHECKING:
    from offhook.config import Settings
    from offhook.messages import CallRecord
    from offhook.store import Store
    from offhook_core import Engine

log = logging.getLogger(__name__)

BEEP_MS = 400
BEEP_HZ = 1000
BEEP_DBM0 = -13.0
LEAST_MS = 1000
"""Less is somebody who put the receiver down at the beep; it is not kept."""
SILENCE_S = 5.0
"""A message ends when nothing was said for so long."""
MARGIN_S = 0.5
"""Of what the core keeps: the beep's own end and the clearing take a few frames."""
FULL_SCALE_DBM0 = 3.14  # of a sine, ITU-T G.711


class VoiceMailError(OffhookError):
    """A voice mail is missing, or cannot be written."""


class VoiceMailFolder:
    """The folder.

    Args:
        folder: Made when the first message is kept.
        most_mib: Room, MiB.
    """

    def __init__(self, folder: Path, most_mib: int) -> None:
        self.folder = folder
        self._most = most_mib << 20
        self._told = False  # that it is full

    def path(self, call_id: str) -> Path:
        """Where a call's message lies, if one was left."""
        return self.folder / f"{call_id}.wav"

    def files(self) -> list[Path]:
        """All messages, the oldest first: names begin with the time of the call."""
        return sorted(self.folder.glob("*.wav"))

    @property
    def full(self) -> bool:
        """Is there no room for another? Told in the log when it becomes so."""
        used = sum(one.stat().st_size for one in self.files())
        full = used >= self._most
        if full and not self._told:
            log.error("voice mail: %s holds %d MiB, nobody is recorded any more; remove what was heard", self.folder, used >> 20)
        self._told = full
        return full

    def save(self, call_id: str, law: Law, audio: NDArray[Any]) -> Path:
        """Keep a message, whole or not at all. Not for the event loop's thread.

        Raises:
            VoiceMailError: It cannot be written.
        """
        linear = np.asarray(audio, np.int16) if law is Law.LINEAR else timeslots.decode(audio, law)
        data = io.BytesIO()
        soundfile.write(data, linear, RATE, format="WAV", subtype="ULAW" if law is Law.ULAW else "ALAW")
        path = self.path(call_id)
        part = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            part.write_bytes(data.getvalue())
            part.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise VoiceMailError(f"{path}: cannot be written: {error.strerror or error}") from error
        return path

    def remove(self, call_id: str) -> None:
        """Take a message away. VoiceMailError when there is none."""
        path = self.path(call_id)
        if path not in self.files():  # an id with a slash in it is none
            raise VoiceMailError(f"no voice mail of call '{call_id}'; voicemail.list shows what there is")
        path.unlink(missing_ok=True)


class Recorder:
    """What a call needs to record a person.

    Args:
        beep: Played before it.
        longest_s: As far as the core's memory reaches.
        mails: Where messages go.
    """

    def __init__(self, beep: Prompt, longest_s: float, mails: VoiceMailFolder) -> None:
        self.beep = beep
        self.longest_s = longest_s
        self.mails = mails

    async def keep(self, call_id: str, law: Law, audio: NDArray[Any], span: tuple[int, int, int], clock: Clock) -> Path | None:
        """Keep the message in *audio*, which ends with the call: its beginning, its end and the call's, ms. An error is logged."""
        from_ms, to_ms, end_ms = span
        count = len(audio)
        first, last = (max(0, count - (end_ms - ms) * RATE // 1000) for ms in (from_ms, to_ms))
        try:
            return await in_thread(clock, self.mails.save, call_id, law, audio[first:last])
        except VoiceMailError as error:
            log.error("voice mail: %s", error)
            return None


def recorder(engine: Engine | None, capture_s: float, mails: VoiceMailFolder) -> Recorder | None:
    """The node's recorder; None when it hears nothing or keeps too little of what it hears."""
    longest_s = capture_s - MARGIN_S
    if engine is None or longest_s * 1000 < LEAST_MS:
        return None
    t = np.arange(BEEP_MS * RATE // 1000) / RATE
    peak = 32767 * 10 ** ((BEEP_DBM0 - FULL_SCALE_DBM0) / 20)
    samples = np.round(peak * np.sin(2 * math.pi * BEEP_HZ * t)).astype(np.int16)
    number = engine.add_prompt(encode(samples, engine))
    return Recorder(Prompt("beep", BEEP_MS, number), longest_s, mails)


class VoiceMailDesk:
    """What a desk does with the messages that were left."""

    settings: Settings
    store: Store

    @property
    def mails(self) -> VoiceMailFolder:
        """The folder of this machine's messages."""
        return VoiceMailFolder(self.settings.node.data_dir / "voicemail", self.settings.recordings.voice_mail_mib)

    async def voice_mails(self, campaign: str | None = None, limit: int = 100) -> list[VoiceMail]:
        """The latest messages, newest first."""
        await self.store.flush()  # results on their way
        found: list[VoiceMail] = []
        for path in reversed(self.mails.files()):
            call = await self.store.call(path.stem)
            if call is None or call.started is None or (campaign is not None and call.campaign != campaign):
                continue
            found.append(mail_of(call, path))
            if len(found) >= limit:
                break
        return found

    async def remove_voice_mail(self, call_ids: Sequence[str]) -> int:
        """Take messages away; how many. VoiceMailError when there is none of a call, and those before it are gone then."""
        for call_id in call_ids:
            self.mails.remove(call_id)
        return len(call_ids)


def mail_of(call: CallRecord, path: Path) -> VoiceMail:
    """The message of a call that was made, kept at *path*."""
    told = {"call": call.id, "campaign": call.campaign, "lead": call.lead_id, "number": call.number, "at": call.started}
    return VoiceMail.model_validate({**told, "agent": call.agent, "seconds": _seconds(path), "path": str(path)})


def _seconds(path: Path) -> float:
    try:
        return round(float(soundfile.info(path).duration), 1)
    except (soundfile.LibsndfileError, RuntimeError):
        return 0.0  # damaged; the path leads to it
