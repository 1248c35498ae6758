"""What protects a person from us, over all campaigns and departments: caps in sliding windows, rests after a result, what lists mean.

One policy holds for the whole database; a new version of it holds from the next check on, and old versions stay to be read.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Literal

from pydantic import Field, field_validator, model_validator

from offhook.campaigns.caps import DAY_S as DAY_S
from offhook.campaigns.caps import HOUR_S, differ
from offhook.campaigns.caps import ContactCap as ContactCap
from offhook.campaigns.caps import ContactRest as ContactRest
from offhook.messages import Asked, CallKind

ListName = Literal["black", "red", "grey", "dnd"]


class Effect(StrEnum):
    """What a check does to a call."""

    PASS = "pass"
    REMIND = "remind"  # it is made, and the reminder stands in its record
    HOLD = "hold"  # not now
    REFUSE = "refuse"  # not at all: the lead is closed


_RESTS = (
    ContactRest(name="after an abandoned call", after=("abandoned",), rest_s=72 * HOUR_S),
    ContactRest(name="after a refusal", after=("refused",), rest_s=60 * DAY_S),
    ContactRest(name="after an unknown result", after=("unknown",), rest_s=HOUR_S),
)
_EFFECTS: dict[ListName, Effect] = {"black": Effect.REFUSE, "red": Effect.REFUSE, "dnd": Effect.REFUSE, "grey": Effect.REMIND}


class ContactPolicy(Asked):
    """The whole of it. The default has no caps, for only the owner knows them; its rests are those of the field."""

    caps: tuple[ContactCap, ...] = ()
    rests: tuple[ContactRest, ...] = _RESTS
    lists: dict[ListName, Effect] = Field(default_factory=lambda: dict(_EFFECTS), description="What it means to be on a list.")
    consent: tuple[CallKind, ...] = Field((), description="Kinds of call that are made only to contacts who consented.")
    day_parts: tuple[dt.time, ...] = Field(
        (dt.time(0), dt.time(12), dt.time(18)), min_length=1, description="Where the parts of a day begin, wall clock of the callee."
    )
    open_wait_s: float = Field(60, ge=1, le=3600, description="A person with whom another call is open is looked at again after so long.")

    @field_validator("day_parts")
    @classmethod
    def _rising(cls, parts: tuple[dt.time, ...]) -> tuple[dt.time, ...]:
        if list(parts) != sorted(set(parts)) or any(part.tzinfo for part in parts):
            raise ValueError("day_parts rise from the earliest to the latest and carry no zone")
        return parts

    @model_validator(mode="after")
    def _names_differ(self) -> ContactPolicy:
        differ([*(cap.name for cap in self.caps), *(rest.name for rest in self.rests)])
        return self

    def horizon_s(self) -> float | None:
        """How far back a check must look, seconds; None: to the beginning."""
        if any(cap.window_s is None and not cap.part_of_day for cap in self.caps):
            return None
        return max([2 * DAY_S, *(cap.window_s or 0 for cap in self.caps), *(rest.rest_s for rest in self.rests)])
