"""The tone plan of a node, as ``[core]`` says."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from offhook_core import TonePlan
from offhook_core.plan_choice import resolve
from offhook_core.plan_file import read


def tone_plan(which: str, files: Iterable[Path] = ()) -> TonePlan:
    """Load and compile ``[core] plan``; every file of ``plan_files`` is checked, used or not.

    Raises:
        ValueError: A file says no plan, two have one name, or there is no plan of that name.
    """
    own = {}
    for path in files:
        plan = read(path)
        if plan.name in own:
            raise ValueError(f"plan_files: {path} and another file both name their plan {plan.name!r}; rename one")
        own[plan.name] = plan
    if which in own:
        return TonePlan(own[which])
    try:
        return resolve(which)
    except ValueError as wrong:
        more = f"; plan_files has: {', '.join(own)}" if own else ""
        raise ValueError(f"{wrong}{more}") from None
