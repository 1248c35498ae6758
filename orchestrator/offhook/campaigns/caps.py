"""What protects a person from too many calls: caps in sliding windows and rests after a result.

The contact policy has them for the whole database (:mod:`offhook.contacts.policy`); a campaign may be stricter with its own, never milder.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from offhook.said import Asked, CallKind

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class ContactCap(Asked):
    """At most so many attempts at one person in a sliding window (L05 to L08, D51)."""

    name: str = Field(min_length=1, max_length=40, description="What a verdict cites.")
    attempts: int = Field(ge=1, le=1000, description="Most attempts that count.")
    window_s: float | None = Field(None, gt=0, le=3660 * DAY_S, description="In so many seconds; none: ever, and then the lead is closed.")
    results: tuple[str, ...] = Field((), description="Results that count, e.g. person; empty: every attempt.")
    kinds: tuple[CallKind, ...] = Field((), description="Kinds of call that it counts and holds back; empty: all.")
    levels: tuple[str, ...] = Field((), description="Service levels of the contacts it holds for; empty: all.")
    per: Literal["person", "number"] = Field("person", description="Whether the person's other numbers count too.")
    part_of_day: bool = Field(False, description="Only attempts of the same day and part of day count; the next part is free again.")

    @model_validator(mode="after")
    def _part_has_no_window(self) -> ContactCap:
        if self.part_of_day and self.window_s is not None:
            raise ValueError(f"cap '{self.name}': part_of_day is a window of its own; remove window_s")
        return self


class ContactRest(Asked):
    """No attempt at a person for a while after a result."""

    name: str = Field(min_length=1, max_length=40, description="What a verdict cites.")
    after: tuple[str, ...] = Field(min_length=1, description="Results that begin it: a disposition, or refused.")
    rest_s: float = Field(gt=0, le=3660 * DAY_S, description="Seconds without attempts.")
    kinds: tuple[CallKind, ...] = Field((), description="Kinds of call it holds back; empty: all.")


class Protection(Asked):
    """Caps and rests of one campaign, beside those of the contact policy (客保); they count the person's calls of all campaigns."""

    caps: tuple[ContactCap, ...] = Field((), max_length=20)
    rests: tuple[ContactRest, ...] = Field((), max_length=20)

    @model_validator(mode="after")
    def _names_differ(self) -> Protection:
        differ([*(cap.name for cap in self.caps), *(rest.name for rest in self.rests)])
        return self


def differ(names: list[str]) -> None:
    """ValueError when two rules have one name."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two rules are called '{twice}'; a verdict must name one")
