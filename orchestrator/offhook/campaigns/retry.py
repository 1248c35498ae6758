"""When to try a lead again, and on which number (L08, D50). Pure functions of the plan and what has happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offhook.calls.disposition import Disposition
from offhook.campaigns import windows
from offhook.messages import RetryPlan

PARTS = (dt.time(0), dt.time(12), dt.time(18))
"""Where the parts of a day begin, wall clock of the callee."""


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a lead after a call."""

    again: bool
    after_s: float  # seconds from the end of the call; 0 when closed
    why: str
    next_number: bool = False  # on the person's next number, if there is one
    other_part: bool = False  # not in the part of the day in which this call was made


def after(plan: RetryPlan, disposition: Disposition, tries: Mapping[str, int], cause: int | None = None) -> Next:
    """What the plan says.

    Args:
        plan: The campaign's plan.
        disposition: Of the call that has just ended.
        tries: Calls of this lead so far by disposition, that call included.
        cause: Q.850 cause of its clearing; a rule of the plan for it goes before that for the disposition.
    """
    rule = plan.rules.get(disposition)
    if rule is not None and cause is not None:
        rule = plan.causes.get(cause, rule)
    if rule is None:
        return Next(False, 0.0, f"no retry after {disposition}")
    if sum(tries.values()) >= plan.max_attempts:
        return Next(False, 0.0, f"{plan.max_attempts} attempts made")
    if tries.get(disposition, 0) >= rule.max_attempts:
        return Next(False, 0.0, f"{rule.max_attempts} times {disposition}")
    return Next(True, rule.after_s, f"again after {disposition}", rule.next_number, rule.other_part)


def due(following: Next, ended: dt.datetime, wait_s: float, zones: Sequence[str]) -> dt.datetime:
    """Not before: *wait_s* after the end of the call, and in another part of the callee's day where the plan says so.

    Args:
        following: What the plan says.
        ended: End of the call, aware.
        wait_s: Its ``after_s``, or longer.
        zones: IANA zones of the number; of several the first counts, of none UTC.
    """
    earliest = ended + dt.timedelta(seconds=wait_s)
    if not following.other_part:
        return earliest
    zone = windows.load_zone(zones[0]) if zones else dt.UTC
    local = ended.astimezone(zone)
    days = (local.date(), local.date() + dt.timedelta(days=1))
    ends = min(edge for day in days for part in PARTS if (edge := dt.datetime.combine(day, part, zone)) > local)
    return max(earliest, ends.astimezone(dt.UTC))
