"""When to try a lead again (L08, D50). Pure functions of the plan and what has happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from offhook.disposition import Disposition
from offhook.messages import RetryPlan


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a lead after a call."""

    again: bool
    after_s: float  # seconds from the end of the call; 0 when closed
    why: str


def after(plan: RetryPlan, disposition: Disposition, tries: Mapping[str, int]) -> Next:
    """What the plan says.

    Args:
        plan: The campaign's plan.
        disposition: Of the call that has just ended.
        tries: Calls of this lead so far by disposition, that call included.
    """
    rule = plan.rules.get(disposition)
    if rule is None:
        return Next(False, 0.0, f"no retry after {disposition}")
    if sum(tries.values()) >= plan.max_attempts:
        return Next(False, 0.0, f"{plan.max_attempts} attempts made")
    if tries.get(disposition, 0) >= rule.max_attempts:
        return Next(False, 0.0, f"{rule.max_attempts} times {disposition}")
    return Next(True, rule.after_s, f"again after {disposition}")
