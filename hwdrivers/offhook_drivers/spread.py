"""Numbers that differ from call to call, as scenarios write them, and the quantities with their limits.

Units are in the names: ``_s`` seconds, ``_ms`` milliseconds, ``_hz`` hertz, ``_dbm0`` level at the digital reference point.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


class Table(BaseModel):
    """A table of a scenario: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Spread(Table):
    """A number that differs from call to call.

    Written in TOML as a plain number, ``{min, max}`` (uniform), ``{mean, sd}`` with optional ``min`` and ``max`` (normal, held at the
    limits) or ``{choose = [...]}`` (each with the same chance).
    """

    mean: float | None = None
    sd: float | None = Field(default=None, ge=0)
    min: float | None = None
    max: float | None = None
    choose: tuple[float, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"choose": (value,)}
        return value

    @model_validator(mode="after")
    def _is_one_of_the_forms(self) -> Self:
        normal = self.mean is not None
        if self.choose is not None:
            if normal or self.sd is not None or self.min is not None or self.max is not None:
                raise ValueError("choose stands alone: take away mean, sd, min and max")
        elif normal != (self.sd is not None):
            raise ValueError("mean and sd belong together")
        elif not normal and (self.min is None or self.max is None):
            raise ValueError("give a number, {min, max}, {mean, sd} or {choose = [...]}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self

    def draw(self, rng: random.Random) -> float:
        """One value."""
        if self.choose is not None:
            return self.choose[0] if len(self.choose) == 1 else rng.choice(self.choose)
        low = -float("inf") if self.min is None else self.min
        high = float("inf") if self.max is None else self.max
        if self.mean is None or self.sd is None:
            return rng.uniform(low, high)
        return min(max(rng.gauss(self.mean, self.sd), low), high)


def within(low: float, high: float, unit: str) -> Callable[[Spread], Spread]:
    """Hold every value of a spread to what the quantity allows."""

    def check(spread: Spread) -> Spread:
        for value in (spread.mean, spread.min, spread.max, *(spread.choose or ())):
            if value is not None and not low <= value <= high:
                raise ValueError(f"{value:g} is outside {low:g} to {high:g} {unit}")
        if spread.mean is None:
            return spread
        return spread.model_copy(
            update={"min": low if spread.min is None else spread.min, "max": high if spread.max is None else spread.max}
        )

    return check


def const(value: float) -> Spread:
    """Always the same."""
    return Spread(choose=(value,))


def uniform(low: float, high: float) -> Spread:
    """Evenly between *low* and *high*."""
    return Spread(min=low, max=high)


def normal(mean: float, sd: float, low: float, high: float) -> Spread:
    """Normally about *mean*, held at *low* and *high*."""
    return Spread(mean=mean, sd=sd, min=low, max=high)


Seconds = Annotated[Spread, AfterValidator(within(0, 86400, "s"))]
Milliseconds = Annotated[Spread, AfterValidator(within(0, 60000, "ms"))]
Hertz = Annotated[Spread, AfterValidator(within(50, 3900, "Hz"))]
Level = Annotated[Spread, AfterValidator(within(-70, 3, "dBm0"))]
Noise = Annotated[Spread, AfterValidator(within(-90, -10, "dBm0"))]
Decibel = Annotated[Spread, AfterValidator(within(0, 60, "dB"))]
Percent = Annotated[Spread, AfterValidator(within(-20, 20, "%"))]
Blocks = Annotated[Spread, AfterValidator(within(1, 500, "blocks of 20 ms"))]
Share = Annotated[float, Field(ge=0, le=1)]
Causes = Annotated[tuple[Annotated[int, Field(ge=1, le=127)], ...], Field(min_length=1)]
Digits = Annotated[str, Field(pattern=r"^[0-9*#A-D]{1,16}$")]
ClipNames = Annotated[tuple[str, ...], Field(min_length=1)]
