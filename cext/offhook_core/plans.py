"""The built-in tone plans: what the network of each country plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from offhook_core._native import ffi, lib
from offhook_core.enums import Tone
from offhook_core.errors import unknown_plan

CONFLICT = 1
FILLER = 2


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a cadence.

    Args:
        hz: Summed sines; none is silence.
        am_hz: Amplitude modulation of a single carrier, 0 for none.
        duration_ms: 0 lasts for ever.
    """

    hz: tuple[int, ...]
    am_hz: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class ToneSpec:
    """One tone of a plan: the segments of *once* are played first, then those of *loop* for ever.

    Args:
        tone: What it means.
        source: Where the row comes from.
        conflict: Another lineage of sources gives a different pattern.
        filler: The source itself says that the value is not specified.
    """

    tone: Tone
    once: tuple[Segment, ...]
    loop: tuple[Segment, ...]
    source: str
    conflict: bool
    filler: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The tones of one country's network; ``Event.row`` counts in *tones*."""

    name: str
    country: str
    tones: tuple[ToneSpec, ...]


class RowError(ValueError):
    """The matcher cannot work with a row.

    Args:
        name: Of the plan.
        row: From 0.
        why: In words.
    """

    def __init__(self, name: str, row: int, why: str) -> None:
        super().__init__(f"tone plan {name!r}: row {row}: {why}")
        self.row = row
        self.why = why


def _text(pointer: Any) -> str:
    return "" if pointer == ffi.NULL else str(ffi.string(pointer), "utf-8")


def names() -> list[str]:
    """Names of all built-in plans, sorted: ISO 3166 alpha-2 in lower case."""
    return [_text(lib.oh_plan_at(index).name) for index in range(lib.oh_plan_count())]


def find(name: str) -> Any:
    """The C plan of that name.

    Raises:
        ValueError: There is none; the message lists the close matches.
    """
    pointer = lib.oh_plan_find(name.encode())
    if pointer == ffi.NULL:
        raise unknown_plan(name, names())
    return pointer


def _segment(segment: Any) -> Segment:
    return Segment(tuple(hz for hz in segment.hz if hz), segment.am_hz, segment.duration_ms)


def plan(name: str) -> Plan:
    """The plan of that name with all its rows.

    Raises:
        ValueError: There is none; the message lists the close matches.
    """
    found = find(name)
    tones = []
    for index in range(found.count):
        spec = found.tones[index]
        segments = [_segment(spec.segments[i]) for i in range(spec.once + spec.loop)]
        tones.append(
            ToneSpec(
                tone=Tone(spec.tone),
                once=tuple(segments[: spec.once]),
                loop=tuple(segments[spec.once :]),
                source=_text(spec.source),
                conflict=bool(spec.flags & CONFLICT),
                filler=bool(spec.flags & FILLER),
            )
        )
    return Plan(_text(found.name), _text(found.country), tuple(tones))
