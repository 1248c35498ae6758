"""A rule pack: what one country or region asks of whoever calls there, as data with sources, dates and examples.

Several files may carry one name: each is a version with its own dates, and the one in force on the callee's day counts.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from offhook.errors import OffhookError
from offhook.messages import Asked, Window
from offhook.mistakes import explain
from offhook.rules.calendar import DaySet

Pattern = r"^[a-z][a-z0-9-]{0,30}$"


class PackError(OffhookError):
    """A rule pack is wrong; the text names file, line, key and mend."""


class Kind(StrEnum):
    """What a call is for; rules differ by it."""

    MARKETING = "marketing"
    SURVEY = "survey"
    SERVICE = "service"  # revisit, care, information notice, appointment
    COLLECTION = "collection"  # reminders of debts
    EMERGENCY = "emergency"  # warnings of danger: no pack has rules for it


class _Rule(Asked):
    id: str = Field(pattern=Pattern)
    """Name of the rule inside its pack; with the pack's name and version it is what a verdict cites."""
    kinds: tuple[Kind, ...] = (Kind.MARKETING, Kind.SURVEY, Kind.SERVICE, Kind.COLLECTION)
    """Kinds of call it holds for."""
    prefixes: tuple[str, ...] = ()
    """E.164 beginnings it holds for, "+1305"; empty: the whole region of the pack."""
    source: str = Field(min_length=3)
    """Where it is written."""

    def concerns(self, kind: Kind, e164: str) -> bool:
        """Does it hold for a call of this kind to this number?"""
        return kind in self.kinds and (not self.prefixes or e164.startswith(self.prefixes))


class Hours(_Rule):
    """When such calls may be made, wall clock of the callee."""

    windows: tuple[Window, ...] = Field(min_length=1)
    """Open hours."""
    closed: tuple[str, ...] = ()
    """Names of day sets on which they are closed all day."""


class Cap(_Rule):
    """At most so many calls to one person in a sliding window."""

    attempts: int = Field(ge=1)
    """Most calls."""
    window_s: float = Field(gt=0)
    """In so many seconds."""
    results: tuple[str, ...] = ()
    """Dispositions that count; empty: every attempt."""


class Rest(_Rule):
    """No call to a person for a while after a result."""

    after: tuple[str, ...] = Field(min_length=1)
    """Results that begin it: a disposition, "abandoned" or "refused"."""
    rest_s: float = Field(gt=0)
    """Seconds without calls."""


class Consent(_Rule):
    """The person must have agreed before."""


class Conduct(_Rule):
    """How the call itself must be made."""

    ring_min_s: float = Field(0, ge=0, le=120)
    """Ring at least so long before giving up, s."""
    abandon_rule: str = ""
    """Rule of :data:`offhook.pacing.rules.RULES` that pacing keeps."""
    abandon_message: bool = False
    """A person whom no agent takes hears a recorded message."""
    caller_id: bool = False
    """A calling number must be shown."""
    keep_days: int = Field(0, ge=0)
    """Recordings and proof of consent are kept at least so many days."""


class Example(Asked):
    """A case that the pack must judge as said; ``offhook rules check`` tries all of them."""

    number: str
    """E.164."""
    kind: Kind
    """What the call is for."""
    at: dt.datetime
    """With its offset from UTC."""
    allowed: bool
    """What the pack must say about it."""
    consent: bool = True
    """Has the person agreed?"""
    zone: str
    """Zone of the callee."""

    @model_validator(mode="after")
    def _aware(self) -> Example:
        if self.at.tzinfo is None:
            raise ValueError("at needs an offset: 2026-12-24T10:00:00+01:00")
        return self


class RulePack(Asked):
    """One version of the rules of one place."""

    name: str = Field(pattern=Pattern)
    """Of the place: cn, us, gb."""
    version: int = Field(ge=1)
    """Counts up with every change of text."""
    regions: tuple[str, ...] = Field(min_length=1)
    """ISO 3166 regions of the numbers it holds for."""
    in_force: dt.date
    """First day, in the callee's zone."""
    until: dt.date | None = None
    """Last day; none: until a later version."""
    status: Literal["engineering default", "checked"] = "engineering default"
    """Whether the owner of the campaigns has checked it."""
    checked_by: str = ""
    """By whom and when, once it is."""
    note: str = ""
    """For people."""
    days: dict[str, DaySet] = Field(default_factory=dict)
    """Sets of days by name, for hours and for campaigns."""
    hours: tuple[Hours, ...] = ()
    """All that concern a call must be open."""
    cap: tuple[Cap, ...] = ()
    """All hold."""
    rest: tuple[Rest, ...] = ()
    """All hold."""
    consent: tuple[Consent, ...] = ()
    """All hold."""
    conduct: tuple[Conduct, ...] = ()
    """All hold; the strictest value counts."""
    example: tuple[Example, ...] = Field(min_length=1)
    """Cases; one at least."""

    @model_validator(mode="after")
    def _whole(self) -> RulePack:
        ids = [rule.id for rule in (*self.hours, *self.cap, *self.rest, *self.consent, *self.conduct)]
        for one in {one for one in ids if ids.count(one) > 1}:
            raise ValueError(f"two rules have the id '{one}'")
        for hours in self.hours:
            for name in hours.closed:
                if name not in self.days:
                    raise ValueError(f"hours '{hours.id}' are closed on '{name}', but there is no [days.{name}]")
        if self.until is not None and self.until < self.in_force:
            raise ValueError(f"until {self.until} is before in_force {self.in_force}")
        if self.status == "checked" and not self.checked_by:
            raise ValueError("status 'checked' needs checked_by: who, and when")
        return self

    @property
    def title(self) -> str:
        """As a verdict cites it: "fr 2"."""
        return f"{self.name} {self.version}"


def parse_pack(text: str, source: str) -> RulePack:
    """Check a pack's text.

    Raises:
        PackError: It is not TOML, or a key or a value is wrong; one line per mistake.
    """
    try:
        return RulePack.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PackError(f"{source}: not TOML: {error}") from error
    except ValidationError as error:
        raise PackError(explain(error, source, text, RulePack)) from error


def load_pack(path: Path) -> RulePack:
    """Read one file.

    Raises:
        PackError: The file cannot be read or is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
    return parse_pack(text, str(path))


@lru_cache(maxsize=1)
def builtin_packs() -> tuple[RulePack, ...]:
    """The packs that come with offhook, by name and version."""
    files = sorted((one for one in resources.files("offhook.rules").joinpath("packs").iterdir() if one.name.endswith(".toml")), key=str)
    return tuple(sorted((parse_pack(one.read_text("utf-8"), one.name) for one in files), key=lambda pack: (pack.name, pack.version)))
