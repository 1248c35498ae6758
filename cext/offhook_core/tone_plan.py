"""A tone plan in the form that the core reads: compiled once, nothing is allocated later."""

from __future__ import annotations

import re
from typing import Any

from offhook_core import plans
from offhook_core._native import ffi, lib
from offhook_core.plans import Plan, RowError, Segment, ToneSpec

_WHY_OCTETS = 160


class TonePlan:
    """A plan with its C memory, which lives as long as this object. Engines and analyzers keep the plans they were given.

    Args:
        plan: Its rows.

    Raises:
        RowError: The matcher cannot work with a row.
        ValueError: The matcher cannot work with the plan.
    """

    __slots__ = ("_keep", "plan", "pointer")

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._keep: list[Any] = []
        rows = self._new("oh_tone_spec[]", max(1, len(plan.tones)))
        for row, spec in zip(rows, plan.tones, strict=False):
            self._fill(row, spec)
        self.pointer = self._new("oh_tone_plan *")
        self.pointer.name = self._text(plan.name)
        self.pointer.country = self._text(plan.country)
        self.pointer.tones = rows
        self.pointer.count = len(plan.tones)
        why = ffi.new("char[]", _WHY_OCTETS)
        if lib.oh_plan_check(self.pointer, why, _WHY_OCTETS):
            words = str(ffi.string(why), "utf-8")
            row_number = re.match(r"row (\d+)(?:: |, )(.*)", words)
            if row_number is not None:
                raise RowError(plan.name, int(row_number[1]), row_number[2])
            raise ValueError(f"tone plan {plan.name!r}: {words}")

    @classmethod
    def built_in(cls, name: str) -> TonePlan:
        """The built-in plan of that name; the core's own memory is used.

        Raises:
            ValueError: There is none; the message lists the close matches.
        """
        made = cls.__new__(cls)
        made.pointer = plans.find(name)
        made.plan = plans.plan(name)
        made._keep = []
        return made

    @property
    def name(self) -> str:
        """What the plan is called."""
        return self.plan.name

    @property
    def tones(self) -> tuple[ToneSpec, ...]:
        """The rows; ``Event.row`` counts in them."""
        return self.plan.tones

    def __repr__(self) -> str:
        return f"TonePlan({self.plan.name!r}, {len(self.plan.tones)} rows)"

    def _new(self, kind: str, init: Any = None) -> Any:
        self._keep.append(ffi.new(kind) if init is None else ffi.new(kind, init))
        return self._keep[-1]

    def _text(self, text: str) -> Any:
        return self._new("char[]", text.encode())

    def _fill(self, row: Any, spec: ToneSpec) -> None:
        once, loop = len(spec.once), len(spec.loop)
        segments = self._new("oh_segment[]", max(1, once + loop))
        for one, wanted in zip(segments, spec.once + spec.loop, strict=False):
            self._fill_segment(one, wanted)
        row.tone = spec.tone
        row.once, row.loop = min(once, 255), min(loop, 255)  # more than the check allows, all the same
        row.flags = plans.CONFLICT * spec.conflict | plans.FILLER * spec.filler
        row.segments = segments
        row.source = self._text(spec.source)

    @staticmethod
    def _fill_segment(one: Any, wanted: Segment) -> None:
        for place, hz in enumerate(wanted.hz[:4]):
            one.hz[place] = hz
        one.am_hz = wanted.am_hz
        one.duration_ms = wanted.duration_ms
