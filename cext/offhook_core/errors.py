"""Errors of the core, and checks whose message names the bad value and the allowed ones."""

from __future__ import annotations

import difflib
import os
from enum import IntEnum
from typing import TypeVar

_E = TypeVar("_E", bound=IntEnum)


class CoreError(RuntimeError):
    """The core refused an order, or its driver failed. The message names the call, the value and the reason."""


def check(status: int, call: str) -> int:
    """Pass a count on, or turn a negative errno into :class:`CoreError`."""
    if status < 0:
        raise CoreError(f"{call}: {os.strerror(-status)}")
    return int(status)


def named(enum: type[_E], value: str | int, what: str) -> _E:
    """The member of *enum* called *value* in any case, or with that number.

    Raises:
        ValueError: There is none; the message lists all.
    """
    if isinstance(value, str):
        member = enum.__members__.get(value.upper())
        if member is not None:
            return member
    elif value in list(enum):
        return enum(value)
    raise ValueError(f"unknown {what} {value!r}: use one of {', '.join(repr(name.lower()) for name in enum.__members__)}")


def unknown_plan(name: str, known: list[str]) -> ValueError:
    """The error for a tone plan that does not exist, with the closest names first."""
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(repr(match) for match in close)}? " if close else ""
    return ValueError(f"unknown tone plan {name!r}: {hint}There are {len(known)}, named by ISO 3166; `offhook tones list` shows them")
