"""Faults of whole spans of the software card: alarms, slips and CRC4 errors at set times, as a scenario tells them (``[[fault]]``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

TICK_S = 0.02
ALARM_BITS = {"yellow": 4, "red": 8, "ais": 16, "los": 32, "lfa": 64, "lmfa": 128}
"""``OH_ALARM_*`` of each kind that is an alarm."""


class SpanFault(BaseModel):
    """One fault of a span, once or again and again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["yellow", "red", "ais", "los", "lfa", "lmfa", "slip", "crc4"]
    span: int = Field(0, ge=0, le=31)
    at_s: float = Field(ge=0, description="Begin, from the start of the card.")
    for_s: float = Field(gt=0, description="How long it lasts.")
    every_s: float = Field(0, ge=0, description="From one begin to the next; 0: once.")
    per_minute: float = Field(60, gt=0, le=3000, description="Slips, or CRC4 errors.")

    @model_validator(mode="after")
    def _ends_before_it_begins_again(self) -> Self:
        if 0 < self.every_s <= self.for_s:
            raise ValueError(f"every_s {self.every_s:g} must be longer than for_s {self.for_s:g}, or 0 for once")
        return self


class SpanFaults:
    """Makes the faults of a scenario happen.

    Args:
        faults: Which.
        set_alarm: Takes a span and its alarm bits.
        set_errors: Takes a span, ticks between slips and ticks between CRC4 errors; 0 for none.
    """

    def __init__(
        self, faults: Sequence[SpanFault], set_alarm: Callable[[int, int], None], set_errors: Callable[[int, int, int], None]
    ) -> None:
        self._faults = faults
        self._set_alarm = set_alarm
        self._set_errors = set_errors
        self._present: set[int] = set()
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def start(self) -> None:
        """Count the times from now, on the running loop."""
        for index, fault in enumerate(self._faults):
            self._later(index, fault.at_s, self._begin)

    def close(self) -> None:
        """No more faults; those that are present stay."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _later(self, index: int, delay_s: float, then: Callable[[int], None]) -> None:
        self._timers[index] = asyncio.get_running_loop().call_later(delay_s, then, index)

    def _begin(self, index: int) -> None:
        self._present.add(index)
        self._apply(self._faults[index])
        self._later(index, self._faults[index].for_s, self._end)

    def _end(self, index: int) -> None:
        fault = self._faults[index]
        self._present.discard(index)
        self._apply(fault)
        if fault.every_s:
            self._later(index, fault.every_s - fault.for_s, self._begin)
        else:
            del self._timers[index]

    def _apply(self, changed: SpanFault) -> None:
        """All faults that a span has now, together."""
        present = [self._faults[index] for index in self._present if self._faults[index].span == changed.span]
        if changed.kind in ALARM_BITS:
            bits = 0
            for fault in present:
                bits |= ALARM_BITS.get(fault.kind, 0)
            self._set_alarm(changed.span, bits)
        else:
            self._set_errors(changed.span, _every(present, "slip"), _every(present, "crc4"))


def _every(present: Sequence[SpanFault], kind: str) -> int:
    """Ticks between two errors of a kind, 0 for none."""
    most = max((fault.per_minute for fault in present if fault.kind == kind), default=0.0)
    return max(1, round(60 / TICK_S / most)) if most else 0
