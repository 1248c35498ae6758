"""The routes file (TOML): trunk groups, routes, rules for numbers. ``docs/e1.md`` has an example of each key."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from offhook.errors import ConfigError
from offhook.mistakes import explain
from offhook_drivers.contract import Attributes, NumberPlan, NumberType, Presentation, Screening

Digits = Annotated[str, Field(pattern=r"^[0-9*#+]{0,40}$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAY: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Table(BaseModel):
    """Base of the tables: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(Table):
    """Rewrite a number that begins with *prefix*: take *strip* characters off its front, put *add* there. The longest prefix wins."""

    prefix: Digits
    strip: int = Field(0, ge=0, le=40)
    add: Digits = ""

    def apply(self, number: str) -> str:
        """The number rewritten."""
        return self.add + number[self.strip :]


class Tariff(Table):
    """What a call costs, by the prefix of its E.164 number and the trunk's local time."""

    prefix: Digits = "+"
    per_minute: float = Field(0.0, ge=0, description="Price of a minute, in whatever currency all tariffs use.")
    setup: float = Field(0.0, ge=0, description="Price of an answered call besides.")
    start: dt.time = Field(dt.time(0), description="Holds from this time of the day.")
    end: dt.time = Field(dt.time(0), description="To this one; the same as start: all day.")
    days: tuple[Day, ...] = _DAY

    def holds(self, when: dt.datetime) -> bool:
        """Does it hold at *when*, local time? A span over midnight belongs to the day on which it begins."""
        day, time = when.weekday(), when.time().replace(tzinfo=None)
        if self.start == self.end:
            return _DAY[day] in self.days
        if self.start < self.end:
            return self.start <= time < self.end and _DAY[day] in self.days
        return (time >= self.start and _DAY[day] in self.days) or (time < self.end and _DAY[day - 1] in self.days)

    def price(self, minutes: float) -> float:
        """Of a call of that length."""
        return self.setup + self.per_minute * minutes


class Trunk(Table):
    """A trunk group: spans to one carrier."""

    name: str = Field(min_length=1, max_length=64)
    spans: tuple[int, ...] = Field(min_length=1, description="Spans of the driver, from 0.")
    hunt: Literal["round_robin", "up", "down", "least_used"] = Field("round_robin", description="Order in which its spans are taken.")
    calls_per_second: float = Field(0.0, ge=0, le=1000, description="Most call attempts a second, 0: no limit.")
    trunk_format: Literal["national", "e164", "international"] | None = Field(None, description="Instead of the one in [dial].")
    prefix: str | None = Field(None, pattern=r"^[0-9*#,]{0,20}$", description="Instead of the one in [dial].")
    mobile_prefix: str | None = Field(None, pattern=r"^[0-9]{0,4}$", description="Instead of the one in [dial].")
    out: tuple[Rule, ...] = Field((), description="Rules for the digits that are sent.")
    caller_id: Digits = Field("", description="Presented when the campaign has none.")
    caller_ids: dict[str, Digits] = Field({}, description="By campaign: instead of the campaign's own on this trunk.")
    presents_caller_id: bool = Field(True, description="False: the carrier shows a number of its own (S14).")
    called_type: Literal["unknown", "international", "national", "network", "subscriber", "abbreviated"] = "national"
    calling_type: Literal["unknown", "international", "national", "network", "subscriber", "abbreviated"] = "national"
    plan: Literal["unknown", "isdn", "national", "private"] = "isdn"
    presentation: Literal["allowed", "restricted"] = "allowed"
    screening: Literal["user_not_screened", "user_passed", "network"] = "user_not_screened"
    overlap: int = Field(0, ge=0, le=20, description="Digits in the SETUP; the rest goes one by one (S06). 0: all at once.")
    tariff: tuple[Tariff, ...] = ()
    zone: str = Field("Asia/Shanghai", description="Time zone of its tariffs.")

    @property
    def called_as(self) -> Attributes:
        """Attributes of called numbers."""
        return Attributes(NumberType[self.called_type.upper()], NumberPlan[self.plan.upper()])

    @property
    def calling_as(self) -> Attributes:
        """Attributes of calling numbers."""
        return Attributes(
            NumberType[self.calling_type.upper()],
            NumberPlan[self.plan.upper()],
            Presentation[self.presentation.upper()],
            Screening[self.screening.upper()],
        )


class Route(Table):
    """Numbers that begin with one of the prefixes go over these trunks; the longest prefix of all routes wins."""

    name: str = Field(min_length=1, max_length=64)
    prefixes: tuple[Digits, ...] = Field(min_length=1, description='Of the E.164 number, or of a short number as it is. "" is all.')
    trunks: tuple[str, ...] = Field(min_length=1, description="Sub-routes: trunk groups in order.")
    choose: Literal["order", "cheapest"] = Field("order", description="cheapest: by the tariffs of the moment, then in order.")
    minutes: float = Field(1.0, gt=0, le=600, description="Length of call that prices are compared for.")


class Routes(Table):
    """All of it. Without a file all spans are one trunk group and all numbers take it."""

    trunk: tuple[Trunk, ...] = ()
    route: tuple[Route, ...] = ()
    common: tuple[Rule, ...] = Field((), description="Rules for the E.164 number before its route is looked up.")
    cdr: tuple[Rule, ...] = Field((), description="Rules for the dialled digits as they are stored with the call.")

    @model_validator(mode="after")
    def _fits(self) -> Routes:
        names = [trunk.name for trunk in self.trunk]
        for kind, given in (("trunk", names), ("route", [route.name for route in self.route])):
            for name in given:
                if given.count(name) > 1:
                    raise ValueError(f"two {kind}s are called '{name}': rename one")
        owners: dict[int, str] = {}
        for trunk in self.trunk:
            for span in trunk.spans:
                if span < 0:
                    raise ValueError(f"trunk '{trunk.name}': span {span}: spans count from 0")
                if span in owners:
                    raise ValueError(f"span {span} is in trunk '{owners[span]}' and in '{trunk.name}': a span belongs to one trunk")
                owners[span] = trunk.name
        prefixes: dict[str, str] = {}
        for route in self.route:
            for name in route.trunks:
                if name not in names:
                    known = ", ".join(names) or "none"
                    raise ValueError(f"route '{route.name}': no trunk '{name}'; there are: {known}")
            for prefix in route.prefixes:
                if prefix in prefixes:
                    raise ValueError(f"prefix '{prefix}' is in route '{prefixes[prefix]}' and in '{route.name}': keep one")
                prefixes[prefix] = route.name
        if self.trunk and not self.route:
            raise ValueError('there are trunks but no route: add [[route]] with prefixes = [""] for all numbers')
        return self

    @classmethod
    def load(cls, path: Path) -> Routes:
        """Read a routes file.

        Raises:
            ConfigError: It cannot be read, or something in it is wrong; one line per mistake.
        """
        try:
            text = path.read_text(encoding="utf-8")
            return cls.model_validate(tomllib.loads(text))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: not TOML: {error}") from error
        except ValidationError as error:
            raise ConfigError(explain(error, str(path), text, cls)) from error

    def check_spans(self, spans: int) -> None:
        """Do all named spans exist?

        Raises:
            ConfigError: One does not.
        """
        for trunk in self.trunk:
            for span in trunk.spans:
                if span >= spans:
                    raise ConfigError(f"routes: trunk '{trunk.name}' names span {span}, the driver has 0 to {spans - 1}")
