"""When a callee may be called: windows in the callee's own wall clock (D46, D49).

Pure functions of windows, zones and an instant. A number that may be in several zones, or in none that is known, may be called only while
the windows are open in every one of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

from offhook.messages import CallingWindows, Weekday

_DAY = dt.timedelta(days=1)
_DAYS = tuple(Weekday)
SEARCH_DAYS = 370
"""How far ahead the next opening is looked for; a year of holidays ends the search."""


@lru_cache(maxsize=1024)
def load_zone(name: str) -> ZoneInfo:
    """The IANA zone *name*; ValueError with a mend when there is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"'{name}' is not an IANA time zone; write for example Asia/Shanghai") from error


def zones_for(windows: CallingWindows, number_zones: Sequence[str]) -> tuple[str, ...]:
    """Zones that count for a number whose own zones are *number_zones* (empty: not known)."""
    if windows.zone is not None:
        return (windows.zone,)
    return tuple(number_zones) or windows.unknown_zones


def _open_in(windows: CallingWindows, zone: str, now: dt.datetime) -> bool:
    local = now.astimezone(load_zone(zone))
    if local.date() in windows.holidays:
        return False
    today = _DAYS[local.weekday()]
    clock = local.time()
    return any(today in w.days and w.start <= clock and (clock < w.end or w.end == dt.time(0)) for w in windows.windows)


def is_open(windows: CallingWindows, zones: Sequence[str], now: dt.datetime) -> bool:
    """May a callee in *zones* be called at *now* (aware)?"""
    if not windows.windows and not windows.holidays:
        return True
    if not windows.windows:
        return all(now.astimezone(load_zone(z)).date() not in windows.holidays for z in zones)
    return all(_open_in(windows, z, now) for z in zones)


def _edges(windows: CallingWindows, zone: str, after: dt.datetime, until: dt.datetime) -> set[dt.datetime]:
    """Instants in (after, until] at which a window begins in *zone*, and its midnights."""
    tz = load_zone(zone)
    starts = {dt.time(0), *(w.start for w in windows.windows)}
    day, last = after.astimezone(tz).date(), until.astimezone(tz).date()
    found = set()
    while day <= last:
        found |= {dt.datetime.combine(day, start, tz).astimezone(dt.UTC) for start in starts}
        day += _DAY
    return {edge for edge in found if after < edge <= until}


def next_open(windows: CallingWindows, zones: Sequence[str], now: dt.datetime) -> dt.datetime | None:
    """First instant from *now* on at which the callee may be called, UTC; *now* itself when open, None when not within a year."""
    if is_open(windows, zones, now):
        return now
    # An intersection can only open where one of its zones opens, so the edges are all the candidates there are; a day at a time.
    for days in range(SEARCH_DAYS):
        after = now + days * _DAY
        for edge in sorted(set().union(*(_edges(windows, zone, after, after + _DAY) for zone in zones))):
            if is_open(windows, zones, edge):
                return edge
    return None
