"""The library of known announcements, fingerprints of recordings, and how alike two of them are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook_core._native import ffi, lib
from offhook_core.enums import EventKind
from offhook_core.errors import CoreError, check
from offhook_core.events import Event

SHORTEST_SAMPLES = 4000
"""A clip shorter than 0.5 s names nothing."""
MOST_CLIPS = 65535
ALIKE = 5.8
"""Agreement from which two recordings have a part in common."""
SAME_WRONG = 0.3
"""Share of wrong bits in the worst 0.64 s up to which all of the common stretch is the same recording."""
_FOUND = 256
_WHY = 200


@dataclass(frozen=True, slots=True, eq=False)
class LibraryClip:
    """A recording to be known.

    Args:
        samples: 16 bit, 8 kHz.
        number: 0 to 2**32 - 1; clips of one number are recordings of one announcement.
        name: What an event calls it.
        sort: Class of the announcement, told while several announcements of it fit; at most 256 different ones.
    """

    samples: NDArray[np.int16]
    number: int
    name: str
    sort: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """An announcement that was heard in a recording.

    Args:
        number: Of the announcement.
        name: Its name, or that of its class while only that is sure.
        provisional: Only the class is sure.
        at_s: When it was told, from the beginning of the recording.
        confidence: 0 to 1.
        margin: Agreement over what is asked for, or over that with the runner-up where this is more.
        score: Agreement, 10 when all is the same; 6.7 and more is told.
        rival: Number of the runner-up, None when there was none.
        rival_score: Agreement with it.
        place_s: How far into the recording it was when it was told.
    """

    number: int
    name: str
    provisional: bool
    at_s: float
    confidence: float
    margin: float
    score: float
    rival: int | None
    rival_score: float
    place_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """A recording as the library sees it: for each 20 ms 32 bits, and which of them are sure."""

    bits: NDArray[np.uint32]
    sure: NDArray[np.uint32]


class Library:
    """Known announcements; never changes once it is made, and may serve several engines.

    Args:
        clips: At least one.

    Raises:
        ValueError: No clip, too many, one too short or not 16 bit, or over 256 classes; the message names the clip.
        CoreError: The core could not allocate it.
    """

    def __init__(self, clips: Sequence[LibraryClip]) -> None:
        self._ptr: Any = ffi.NULL
        if not 1 <= len(clips) <= MOST_CLIPS:
            raise ValueError(f"a library has 1 to {MOST_CLIPS} clips, not {len(clips)}")
        self.names = {clip.number: clip.name for clip in clips}
        sorts = sorted({clip.sort for clip in clips})
        if len(sorts) > 256:
            raise ValueError(f"a library has at most 256 classes, not {len(sorts)}")
        self.sorts = dict(enumerate(sorts))
        codes = {name: code for code, name in self.sorts.items()}
        kept = [_samples(clip.samples, f"clip {clip.name!r}") for clip in clips]
        raw = ffi.new("oh_clip[]", len(clips))
        for one, clip, samples in zip(raw, clips, kept, strict=True):
            if samples.size < SHORTEST_SAMPLES:
                raise ValueError(f"clip {clip.name!r} has {samples.size} samples: at least {SHORTEST_SAMPLES} are needed")
            if not 0 <= clip.number < 1 << 32:
                raise ValueError(f"clip {clip.name!r}: number must be 0 to {(1 << 32) - 1}, not {clip.number}")
            one.audio = ffi.from_buffer("int16_t[]", samples)
            one.samples = samples.size
            one.number = clip.number
            one.sort = codes[clip.sort]
        self._own(lib.oh_library_new(raw, len(clips)), f"a library of {len(clips)} clips")

    @classmethod
    def unpack(cls, data: bytes, names: Mapping[int, str], sorts: Mapping[int, str]) -> Library:
        """A library from what :meth:`pack` gave.

        Args:
            data: The octets.
            names: Name of each number.
            sorts: Name of each class by its code.

        Raises:
            ValueError: The octets are damaged or of another version; the message says what is wrong.
        """
        self = cls.__new__(cls)
        self._ptr = ffi.NULL
        self.names, self.sorts = dict(names), dict(sorts)
        why = ffi.new("char[]", _WHY)
        ptr = lib.oh_library_unpack(ffi.from_buffer(data), len(data), why, _WHY)
        if ptr == ffi.NULL:
            raise ValueError(ffi.string(why).decode())
        self._own(ptr, "a library")
        return self

    def _own(self, ptr: Any, what: str) -> None:
        if ptr == ffi.NULL:
            raise CoreError(f"{what}: {os.strerror(ffi.errno)}")
        self._ptr = ffi.gc(ptr, lib.oh_library_free)

    @property
    def pointer(self) -> Any:
        """The ``oh_library``."""
        return self._ptr

    def __len__(self) -> int:
        return int(lib.oh_library_count(self._ptr))

    def pack(self) -> bytes:
        """The fingerprints as octets for a file, with version and checksum; names are not in it."""
        size = lib.oh_library_bytes(self._ptr)
        data = bytearray(size)
        check(lib.oh_library_pack(self._ptr, ffi.from_buffer(data), size), "oh_library_pack")
        return bytes(data)

    def shared(self, clip: int) -> int:
        """Per cent of a clip, by its place in the list given, that sounds the same in one of another number and cannot name it."""
        return check(lib.oh_library_shared(self._ptr, clip), f"shared({clip})")

    def match(self, samples: NDArray[np.int16]) -> list[Match]:
        """What is heard in a whole recording, in order."""
        audio = _samples(samples, "a recording")
        found = ffi.new("oh_match_found[]", _FOUND)
        count = check(lib.oh_library_match(self._ptr, ffi.from_buffer("int16_t[]", audio), audio.size, found, _FOUND), "match")
        return [
            Match(
                number=one.number,
                name=self._name(one.number, one.sort, bool(one.provisional)),
                provisional=bool(one.provisional),
                at_s=(one.at_frame + 1) * 0.02,
                confidence=one.confidence / 100,
                margin=one.margin / 100,
                score=one.score / 100,
                rival=one.rival if one.rival_score else None,
                rival_score=one.rival_score / 100,
                place_s=one.place * 0.02,
            )
            for one in (found[i] for i in range(count))
        ]

    def _name(self, number: int, sort: int, provisional: bool) -> str:
        return self.sorts.get(sort, str(sort)) if provisional else self.names.get(number, str(number))

    def named(self, event: Event) -> Event:
        """The event with the announcement's name as its detail; that of its class while it is provisional."""
        if event.kind != EventKind.ANNOUNCEMENT:
            return event
        return replace(event, detail=self._name(event.value, int(event.detail or 0), event.provisional))


def fingerprint(samples: NDArray[np.int16]) -> Fingerprint:
    """Print a whole recording of 16 bit and 8 kHz."""
    audio = _samples(samples, "a recording")
    frames = audio.size // 160
    bits, sure = np.zeros(max(frames, 1), np.uint32), np.zeros(max(frames, 1), np.uint32)
    count = check(
        lib.oh_fingerprint_make(
            ffi.from_buffer("int16_t[]", audio),
            audio.size,
            ffi.from_buffer("uint32_t[]", bits, require_writable=True),
            ffi.from_buffer("uint32_t[]", sure, require_writable=True),
            frames,
        ),
        "fingerprint",
    )
    return Fingerprint(bits[:count], sure[:count])


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two recordings are at their best place.

    Args:
        agree: :data:`ALIKE` and more when they have something in common.
        offset: Frame of 20 ms of the other one at which the first one begins; may be negative.
        worst: Share of wrong bits in the worst 0.64 s of what lies over each other, 0 to 1.
    """

    agree: float
    offset: int
    worst: float

    @property
    def same(self) -> bool:
        """All that lies over each other is the same recording."""
        return self.agree >= ALIKE and self.worst <= SAME_WRONG


def compare(one: Fingerprint, other: Fingerprint) -> Likeness:
    """Compare two recordings over all places."""
    raw = ffi.new("oh_fingerprint[2]")
    for to, print_ in zip(raw, (one, other), strict=True):
        to.bits, to.sure = ffi.from_buffer("uint32_t[]", print_.bits), ffi.from_buffer("uint32_t[]", print_.sure)
        to.frames = len(print_.bits)
    found = ffi.new("int[2]")
    agree = check(lib.oh_fingerprint_compare(raw, raw + 1, found, found + 1), "compare")
    return Likeness(agree / 100, int(found[0]), found[1] / 100)


def _samples(samples: Any, what: str) -> NDArray[np.int16]:
    array = np.asarray(samples)
    if array.dtype != np.int16 or array.ndim != 1:
        raise ValueError(f"{what} must be int16 samples of one dimension, not {array.dtype} of shape {array.shape}")
    return np.ascontiguousarray(array)
