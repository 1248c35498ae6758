"""Days without calls: dates of one year, dates of every year, days counted from Easter, the nth weekday of a month, and stretches of days.

Pure functions of a date; dates are the callee's own.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, model_validator

from offhook.messages import Asked, Weekday

_DAYS = tuple(Weekday)


def easter(year: int) -> dt.date:
    """Easter Sunday of the Gregorian calendar (the rule of 1582 in integers, as Meeus, Jones and Butcher give it)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * k) // 451
    month, day = divmod(h + k - 7 * m + 114, 31)
    return dt.date(year, month, day + 1)


class NthWeekday(Asked):
    """The nth weekday of a month."""

    month: int = Field(ge=1, le=12)
    """Month, 1 to 12."""
    day: Weekday
    """Weekday."""
    nth: Literal[1, 2, 3, 4, 5, -1]
    """Which one in the month; -1 the last."""

    def matches(self, date: dt.date) -> bool:
        """Is it this day?"""
        if date.month != self.month or _DAYS[date.weekday()] is not self.day:
            return False
        if self.nth == -1:
            return (date + dt.timedelta(days=7)).month != date.month
        return (date.day - 1) // 7 + 1 == self.nth


class Stretch(Asked):
    """Days from one date to another, both included: school holidays, exams."""

    first: dt.date
    """First day."""
    last: dt.date
    """Last day."""

    @model_validator(mode="after")
    def _ordered(self) -> Stretch:
        if self.last < self.first:
            raise ValueError(f"ends on {self.last}, before it begins on {self.first}")
        return self


class DaySet(Asked):
    """A set of days; empty when nothing is given."""

    name: str = ""
    """What people call these days."""
    dates: tuple[dt.date, ...] = ()
    """Single days."""
    yearly: tuple[str, ...] = ()
    """Days of every year, "12-25"."""
    easter: tuple[int, ...] = ()
    """Days counted from Easter Sunday: -2 Good Friday, 1 Easter Monday."""
    nth: tuple[NthWeekday, ...] = ()
    """Such as the fourth Thursday of November."""
    stretches: tuple[Stretch, ...] = ()
    """From one day to another."""
    known_until: dt.date | None = None
    """Last day for which the dates are complete, where no formula gives them (a lunar calendar); none: they always are."""

    @model_validator(mode="after")
    def _days_exist(self) -> DaySet:
        for text in self.yearly:
            try:
                dt.date(2024, int(text[:2]), int(text[3:]))  # a leap year: 02-29 is a day
            except ValueError:
                raise ValueError(f"yearly: {text!r} is no day; write month and day, 12-25") from None
        return self

    def has(self, date: dt.date) -> bool:
        """Is *date* one of them?"""
        return (
            date in self.dates
            or f"{date:%m-%d}" in self.yearly
            or (bool(self.easter) and (date - easter(date.year)).days in self.easter)
            or any(one.matches(date) for one in self.nth)
            or any(one.first <= date <= one.last for one in self.stretches)
        )

    def days(self, first: dt.date, last: dt.date) -> list[dt.date]:
        """All of them from *first* to *last*, both included."""
        count = (last - first).days + 1
        return [day for day in (first + dt.timedelta(days=n) for n in range(count)) if self.has(day)]
