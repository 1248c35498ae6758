"""Kept audio of calls, so that a result can be heard, seen and made again: one A-law WAV a call, with what is needed to replay it inside.

::

    recordings/019ce5b0-....wav     8 kHz, the audio from the callee; any player plays it
        chunk "ohrc"                JSON, see Kept: how each frame came, the time line, the settings in force; no telephone number

The folder is bounded: the oldest recordings go first. Off by default: recording calls needs a legal ground.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offhook.calls.evidence import packed, unpacked
from offhook.errors import OffhookError
from offhook.messages import CallFact, CallRecord
from offhook_core import FRAME_SAMPLES, Law, Marks, Valid, timeslots

log = logging.getLogger(__name__)

RATE = 8000
CHUNK = b"ohrc"
_WAV_LAW = {Law.ALAW: 6, Law.ULAW: 7, Law.LINEAR: 1}


class RecordingError(OffhookError):
    """A recording is missing, damaged, or cannot be written."""


class RecordingSettings(BaseModel):
    """``[recordings]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep: Literal["none", "doubtful", "all"] = Field(
        "none", description="Calls whose audio is kept: none, those whose result is doubtful, or all. Needs core.capture_s."
    )
    doubtful_below: float = Field(0.9, ge=0, le=1, description="A result with a smaller probability is doubtful.")
    most_mib: int = Field(1024, ge=1, le=1_000_000, description="Room for recordings; beyond it the oldest go, MiB.")
    voice_mail_mib: int = Field(256, ge=1, le=1_000_000, description="Room for voice mail; once it is full nobody is recorded, MiB.")

    def wants(self, probability: float | None) -> bool:
        """Is a call with this result to be kept?"""
        return self.keep == "all" or (self.keep == "doubtful" and (probability is None or probability < self.doubtful_below))


@dataclass(frozen=True, slots=True)
class Kept:
    """A call's audio, and all that is needed to hear it again exactly as it was.

    Args:
        call: The call's id, empty for a plain recording.
        law: Of the octets; LINEAR: int16 samples.
        audio: Frame after frame, oldest first.
        marks: How each frame came.
        evidence: The time line, without the number dialled.
        disposition: As it was decided, empty for a plain recording.
        probability: Of it.
    """

    FORMAT: ClassVar[str] = "offhook-recording/1"

    call: str
    law: Law
    audio: NDArray[Any]
    marks: Marks
    evidence: tuple[CallFact, ...] = ()
    disposition: str = ""
    probability: float | None = None

    @property
    def linear(self) -> NDArray[np.int16]:
        """The samples, 16 bit."""
        return np.asarray(self.audio, np.int16) if self.law is Law.LINEAR else timeslots.decode(self.audio, self.law)

    @property
    def answered_frame(self) -> int | None:
        """Frame of the answer, None when none was kept."""
        found = np.flatnonzero(self.marks.frames & Marks.ANSWERED)
        return int(found[0]) if found.size else None

    @property
    def in_force(self) -> str:
        """The settings in force, as key=value words."""
        return next((fact.detail for fact in self.evidence if fact.kind == "setting"), "")


def plain(samples: NDArray[np.int16], answered_ms: float | None) -> Kept:
    """A recording of which nothing is known but the moment of the answer, ms; None: never answered."""
    frames = -(-samples.size // FRAME_SAMPLES)
    whole = np.zeros(frames * FRAME_SAMPLES, np.int16)
    whole[: samples.size] = samples
    marks = np.full(frames, Valid.GOOD, np.uint8)
    if answered_ms is not None and frames:
        marks[min(frames - 1, int(answered_ms) // 20)] |= Marks.ANSWERED | Marks.ARMED
    return Kept("", Law.LINEAR, whole, Marks(0, marks))


class Recordings:
    """The folder.

    Args:
        folder: Made when the first call is kept.
        settings: What is kept.
        sealed: Told the call and the digest of its file once it is kept, see :mod:`offhook.store.chain`.
    """

    def __init__(self, folder: Path, settings: RecordingSettings, sealed: Callable[[str, str], None] = lambda call, sha256: None) -> None:
        self.folder = folder
        self.settings = settings
        self.sealed = sealed
        self._bytes: int | None = None  # on disk; not known before the first look

    def file(self, call_id: str) -> Path:
        """Where a call's recording lies, if it was kept."""
        return self.folder / f"{call_id}.wav"

    def save(self, record: CallRecord, law: Law, audio: NDArray[Any], marks: Marks) -> Path:
        """Keep a call, whole or not at all. Not for the event loop's thread.

        Raises:
            RecordingError: It cannot be written.
        """
        told = {
            "format": Kept.FORMAT,
            "call": record.id,
            "first": marks.first,
            "marks": _runs(marks.frames),
            "disposition": record.disposition,
            "probability": record.probability,
            "evidence": [packed(fact.model_copy(update={"detail": ""}) if fact.name == "dial" else fact) for fact in record.evidence],
        }
        data = _wav(law, audio, json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode())
        path = self.file(record.id)
        part = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            part.write_bytes(data)
            part.replace(path)
            self._make_room(len(data))
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise RecordingError(f"{path}: cannot be written: {error.strerror or error}") from error
        return path

    def _make_room(self, added: int) -> None:
        limit = self.settings.most_mib << 20
        self._bytes = sum(one.stat().st_size for one in self.folder.glob("*.wav")) if self._bytes is None else self._bytes + added
        if self._bytes <= limit:
            return
        for path in sorted(self.folder.glob("*.wav")):  # names begin with the time of the call
            size = path.stat().st_size
            path.unlink(missing_ok=True)
            self._bytes -= size
            if self._bytes <= limit * 9 // 10:
                return


def read(path: Path) -> Kept:
    """A recording that :meth:`Recordings.save` wrote.

    Raises:
        RecordingError: It is missing, damaged, or not one of ours.
    """
    try:
        chunks = _chunks(path.read_bytes())
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror or error}") from error
    if chunks is None or CHUNK not in chunks:
        raise RecordingError(f"{path}: holds no call that was kept; replay it as a plain recording with --answered-ms")
    try:
        told = _Told.model_validate_json(chunks[CHUNK])
        law = {code: one for one, code in _WAV_LAW.items()}[struct.unpack_from("<H", chunks[b"fmt "])[0]]
        audio = np.frombuffer(chunks[b"data"], np.int16 if law is Law.LINEAR else np.uint8)
        marks = _unrun(told.marks)
        evidence = tuple(unpacked(line) for line in told.evidence)
    except (ValidationError, KeyError, struct.error, ValueError, TypeError) as error:
        raise RecordingError(f"{path}: damaged ({str(error).splitlines()[0]}); copy it again") from error
    if audio.size != marks.size * FRAME_SAMPLES:
        raise RecordingError(f"{path}: cut short: {audio.size} samples of {marks.size * FRAME_SAMPLES}; copy it again")
    return Kept(told.call, law, audio, Marks(told.first, marks), evidence, told.disposition or "", told.probability)


def digest(path: Path) -> str:
    """SHA-256 of a file. OSError when it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_ours(path: Path) -> bool:
    """Was it written by :meth:`Recordings.save`?"""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError:
        return False
    return head[:4] == b"RIFF" and CHUNK in head


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal["offhook-recording/1"]
    call: str = Field(max_length=64)
    first: int = Field(ge=0)
    marks: str
    disposition: str | None
    probability: float | None
    evidence: list[list[Any]]


def _wav(law: Law, audio: NDArray[Any], told: bytes) -> bytes:
    data = np.ascontiguousarray(audio).tobytes()
    width = 2 if law is Law.LINEAR else 1
    format_ = struct.pack("<HHIIHHH", _WAV_LAW[law], 1, RATE, RATE * width, width, 8 * width, 0)
    body = b"".join(_chunk(name, content) for name, content in ((b"fmt ", format_), (CHUNK, told), (b"data", data)))
    return _chunk(b"RIFF", b"WAVE" + body)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _chunks(data: bytes) -> dict[bytes, bytes] | None:
    """The chunks of a WAV; None when it is none. A chunk that is cut short is left out."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > len(data):
            break
        found.setdefault(data[at : at + 4], data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return found


def _runs(marks: NDArray[np.uint8]) -> str:
    """``1x50,193,1x200``: equal marks in a row are written once."""
    if marks.size == 0:
        return ""
    edges = np.flatnonzero(np.diff(marks)) + 1
    starts = np.concatenate(([0], edges))
    lengths = np.diff(np.concatenate((starts, [marks.size])))
    return ",".join(f"{marks[at]}x{n}" if n > 1 else f"{marks[at]}" for at, n in zip(starts, lengths, strict=True))


def _unrun(text: str) -> NDArray[np.uint8]:
    marks: list[int] = []
    for run in text.split(",") if text else ():
        value, _, count = run.partition("x")
        times = int(count or 1)
        if not 0 <= int(value) <= 255 or not 1 <= times <= 3000:
            raise ValueError(f"marks {run[:20]!r}")
        marks += [int(value)] * times
    return np.array(marks, np.uint8)
