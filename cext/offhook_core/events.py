"""What the core heard, as small frozen facts."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, fields, make_dataclass
from functools import cache
from typing import Any

from offhook_core.enums import Answer, EventKind, LineFault, Sit, Tone

SAMPLES_PER_MS = 8
NO_ROW = 255

# struct oh_event, native order: at, onset, raised, value, channel, kind, tone, detail, flags, confidence, row, level, margin, 2 x Hz,
# 4 x cadence, rival, score, rival's score, place, sequence.
_LAYOUT = struct.Struct("=QQQIH6Bhh2H4HI4H")
EVENT_BYTES = _LAYOUT.size
_PROVISIONAL = 1
_CLEARED = 2

_TONE_NAMES = {tone.value: tone.name.lower() for tone in Tone}
_KIND_NAMES = {kind.value: kind.name.lower() for kind in EventKind}
_SITS = {sit.value: sit.name for sit in Sit if sit}
_FAULTS = {fault.value: fault.name.lower() for fault in LineFault}
_ANSWERS = {answer.value: answer.name.lower() for answer in Answer}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was heard on one channel.

    Args:
        channel: B-channel, from 0 over all spans.
        kind: Sort of event.
        name: What is heard, by its name in DESIGN: a tone such as ``"busy"``, else ``"tone_end"``, ``"speech"``, ``"speech_end"``,
            ``"silence"``, ``"music"``, ``"music_end"``, ``"prompt_done"``, ``"lost"``, ``"line"``, ``"answer"`` or ``"announcement"``.
        detail: DTMF key, SIT coding such as ``"IC"``, R2 signal, tone that ended, line fault, verdict or announcement (of a provisional one
            its class); ``""`` when there is none.
        at_sample: When it was decided; 8000 a second since the channel was reset.
        onset_sample: When the sound itself began.
        level_dbm0: Level of the signal while it is on.
        confidence: 0 to 1; for an answer the probability of its verdict.
        provisional: An early opinion; a final event, or nothing, follows.
        cleared: The condition named has ended.
        margin_db: Distance to the next best explanation; larger is surer.
        freq_hz: Measured frequencies, none to two.
        cadence_ms: Measured on, off, on, off; as many as were measured. Of an answer: spoken from the first word to the last, quiet since.
        value: Prompt token, length in ms or number in the library, by kind.
        row: Row in the channel's tone plan, None when it came from no row.
        tone: Signal of a tone or its end, ``Tone.NONE`` else.
        sequence: Counts the channel's events modulo 65536; a gap shows an overrun.
        raised_ns: Monotonic clock of the tick that raised it, 0 from a core that is fed by hand.
        score: Of an announcement: agreement with the recording, 10 when all is the same; 6.7 and more is told. Of an answer: see
            :attr:`p_person`.
        rival: Of an announcement: number in the library of the runner-up, None when there was none.
        rival_score: Agreement with the runner-up.
        place_ms: Of an announcement: how far into the recording it was when it was told.
    """

    channel: int
    kind: EventKind
    name: str
    detail: str
    at_sample: int
    onset_sample: int
    level_dbm0: float
    confidence: float
    provisional: bool
    cleared: bool
    margin_db: float
    freq_hz: tuple[float, ...]
    cadence_ms: tuple[int, ...]
    value: int
    row: int | None
    tone: Tone
    sequence: int
    raised_ns: int
    score: float = 0.0
    rival: int | None = None
    rival_score: float = 0.0
    place_ms: int = 0

    @property
    def t_ms(self) -> float:
        """When it was decided, in ms since the channel was reset."""
        return self.at_sample / SAMPLES_PER_MS

    @property
    def onset_ms(self) -> float:
        """When the sound began, in ms since the channel was reset."""
        return self.onset_sample / SAMPLES_PER_MS

    @property
    def p_person(self) -> float:
        """Of an answer: the probability of a person when the verdict was given; costs decide by it."""
        return self.score / 100 if self.kind == EventKind.ANSWER else 0.0

    @property
    def p(self) -> float:
        """Short for :attr:`confidence`."""
        return self.confidence


# A frozen dataclass sets each field through object.__setattr__, ten times slower than a plain one. Events come by the thousand, so they
# are made by a plain twin with the same slots and become an Event then.
_Draft: Any = make_dataclass("_Draft", [(field.name, field.type) for field in fields(Event)], slots=True)


def _detail(kind: int, tone: int, detail: int) -> str:
    if kind == EventKind.TONE:
        if tone == Tone.DTMF:
            return chr(detail)
        if tone in (Tone.SIT, Tone.SIT_US):
            return _SITS.get(detail, "")
        if tone in (Tone.R2_FWD, Tone.R2_BWD):
            return str(detail)
        return ""
    if kind == EventKind.TONE_END:
        return _TONE_NAMES.get(tone, str(tone))
    if kind == EventKind.LINE:
        return _FAULTS.get(detail, str(detail))
    if kind == EventKind.ANSWER:
        return _ANSWERS.get(detail, str(detail))
    if kind == EventKind.ANNOUNCEMENT:
        return str(detail)
    return ""


@cache
def _words(kind: int, tone: int, detail: int) -> tuple[EventKind, str, str, Tone]:
    """What the small numbers of an event mean; there are few different ones, and events come by the thousand."""
    name = _TONE_NAMES[tone] if kind == EventKind.TONE else _KIND_NAMES[kind]
    return EventKind(kind), name, _detail(kind, tone, detail), Tone(tone)


def decode(buffer: bytes | memoryview) -> Iterator[Event]:
    """Events from the octets of an array of ``oh_event``."""
    # fmt: off
    for (at, onset, raised, value, channel, kind, tone, detail, flags, confidence, row, level, margin,
         f0, f1, c0, c1, c2, c3, rival, score, rival_score, place, sequence) in _LAYOUT.iter_unpack(buffer):
        kind, name, detail, tone = _words(kind, tone, detail)
        event = _Draft(
            channel, kind, name, detail, at, onset, level / 100, confidence / 100,
            flags & _PROVISIONAL != 0, flags & _CLEARED != 0, margin / 100,
            (f0 / 10, f1 / 10) if f1 else (f0 / 10,) if f0 else (),
            (c0, c1, c2, c3) if c3 else tuple(ms for ms in (c0, c1, c2) if ms) if c0 else (),
            value, None if row == NO_ROW else row, tone, sequence, raised,
            score / 100, rival if rival_score else None, rival_score / 100, place * 20,
        )
        event.__class__ = Event
        yield event
    # fmt: on
