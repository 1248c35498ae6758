"""Which tone plan is meant by a name, a path or a plan."""

from __future__ import annotations

from pathlib import Path

from offhook_core import plan_auto, plan_file
from offhook_core.plans import Plan
from offhook_core.tone_plan import TonePlan

PlanLike = str | Path | Plan | TonePlan
"""What stands for a plan: a built-in name, ``"auto"`` and its kin, the path of a TOML file, or the plan itself."""


def resolve(which: PlanLike) -> TonePlan:
    """The plan that is meant.

    Args:
        which: ``"cn"``; ``"auto"``, ``"auto:europe"``, ``"auto:cn,us,gb"``; the path of a TOML file, as a string when it ends with
            ``.toml`` or holds a slash; or a plan.

    Raises:
        PlanError: The file says no plan.
        ValueError: There is no such plan or region; the message lists the close matches.
    """
    if isinstance(which, TonePlan):
        return which
    if isinstance(which, Plan):
        return TonePlan(which)
    if isinstance(which, Path) or which.endswith(".toml") or "/" in which:
        return TonePlan(plan_file.read(Path(which)))
    if plan_auto.is_auto(which):
        return TonePlan(plan_auto.merged(which))
    return TonePlan.built_in(which)
