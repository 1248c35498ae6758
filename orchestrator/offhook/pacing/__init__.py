"""Pacing: how many calls to launch now.

A policy is any object with ``tick_s`` and ``decide(state) -> int``; :func:`make` returns those of the engine by name.
The package needs numpy alone and can be used without the rest of the engine.
"""

from __future__ import annotations

from typing import Any

from .allocate import Level, promise, route, seen_by, share_lines
from .base import Counted, Mode, Paced, PacingView
from .learn import AgentModel, AnswerModel
from .modes import Broadcast, Manual, Precise, Preview, Progressive, Ratio
from .predictive import Predictive
from .rivals import AdaptiveLevel, WeightSum
from .rules import RULES, AbandonRule, Counts, Denominator, Start, Window, rule, upper_bound
from .state import AgentState, EventKind, Limits, LineState, Outcome, PacingEvent, PacingState, Policy

MODES: dict[str, type[Paced]] = {
    "manual": Manual,
    "preview": Preview,
    "progressive": Progressive,
    "ratio": Ratio,
    "precise": Precise,
    "predictive": Predictive,
    "broadcast": Broadcast,
    "level": AdaptiveLevel,
    "weights": WeightSum,
}


def make(mode: str, **settings: Any) -> Paced:
    """Return a policy by the name of its mode.

    Args:
        mode: ``manual``, ``preview``, ``progressive``, ``ratio``, ``precise``, ``predictive``, ``broadcast``; or a rival for comparison,
            ``level`` or ``weights``.
        settings: What the mode takes; see its class.

    Raises:
        ValueError: There is no such mode, or a setting is unknown or out of range; the text says which and what to give.
    """
    if mode not in MODES:
        raise ValueError(f"no pacing mode is called {mode!r}; there are {', '.join(MODES)}")
    made = MODES[mode]
    try:
        return made(**settings)
    except TypeError as error:
        raise ValueError(f"pacing mode {mode}: {str(error).split('() ', 1)[-1]}") from error


def switch(policy: Paced, mode: str, **settings: Any) -> Paced:
    """Return a policy of another mode that goes on with what *policy* has learned, also across modes that learn nothing."""
    new = make(mode, **settings)
    new.carry(policy.learned())
    return new


__all__ = [
    "MODES", "RULES", "AbandonRule", "AdaptiveLevel", "AgentModel", "AgentState", "AnswerModel", "Broadcast", "Counted", "Counts",
    "Denominator", "EventKind", "Level", "Limits", "LineState", "Manual", "Mode", "Outcome", "Paced", "PacingEvent",
    "PacingState", "PacingView", "Policy", "Precise", "Predictive", "Preview", "Progressive", "Ratio", "Start", "WeightSum",
    "Window", "make", "promise", "route", "rule", "seen_by", "share_lines", "switch", "upper_bound",
]  # fmt: skip
