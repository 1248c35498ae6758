"""A shift measured from what was stored: "yesterday, with 12 agents".

The store's rows become plain :class:`Record` objects; this module turns them into a shift. It knows nothing of the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from offhook.pacing.state import Outcome

from .scenario import Scenario, ScenarioError, parse

MOST_VALUES = 2000


@dataclass(frozen=True, slots=True)
class Record:
    """One finished call.

    Attributes:
        hour: Hours from the start of the shift to the launch.
        outcome: How the engine judged it.
        setup_s: Launch to ringing, or to the end.
        ring_s: Ringing to answer, or to the end of ringing.
        detect_s: Answer to verdict.
        talk_s: Talk with an agent, 0 for none.
        wrap_s: Wrap-up after it.
    """

    hour: float
    outcome: Outcome
    setup_s: float
    ring_s: float = 0.0
    detect_s: float = 0.0
    talk_s: float = 0.0
    wrap_s: float = 0.0


def _values(seconds: list[float]) -> dict[str, Any] | None:
    if not seconds:
        return None
    step = max(1, len(seconds) // MOST_VALUES)
    return {"kind": "values", "values": sorted(seconds)[::step]}


def measured(records: Iterable[Record], agents: int, name: str = "measured", hours: float | None = None, lines: int = 240) -> Scenario:
    """Return the shift that *records* come from, with *agents* agents.

    Shares are taken hour by hour, lengths as they were measured.

    Raises:
        ScenarioError: There is no record.
    """
    calls = sorted(records, key=lambda r: r.hour)
    if not calls:
        raise ScenarioError(f"{name}: no call was stored in that time")
    shares: dict[str, list[tuple[float, float]]] = {"person": [], "machine": [], "busy": [], "unobtainable": [], "fax": []}
    for hour in range(int(calls[-1].hour) + 1):
        these = [r for r in calls if int(r.hour) == hour]
        if not these:
            continue
        for key in shares:
            shares[key].append((float(hour), sum(r.outcome is Outcome[key.upper()] for r in these) / len(these)))
    people = [r for r in calls if r.outcome is Outcome.PERSON]
    machines = [r for r in calls if r.outcome is Outcome.MACHINE]
    silent = sorted(r.ring_s for r in calls if r.outcome is Outcome.NO_ANSWER and r.ring_s > 0)
    network = {
        "setup": _values([r.setup_s for r in calls if r.ring_s > 0]),
        "person_ring": _values([r.ring_s for r in people]),
        "machine_ring": _values([r.ring_s for r in machines]),
        "no_answer_s": silent[len(silent) // 2] if silent else None,
        # the whole setup of these calls is in the records, so nothing is added to it
        "busy_s": 0.0,
        "unobtainable_s": 0.0,
    }
    detection = {
        "greeting": _values([r.detect_s for r in people]),
        "person": 0.0,  # the verdict is part of the measured time
        "machine": _values([r.detect_s for r in machines]),
    }
    work = {"talk": _values([r.talk_s for r in people if r.talk_s > 0]), "wrap": _values([r.wrap_s for r in people if r.talk_s > 0])}
    return parse(
        {
            "shift": {"name": name, "hours": hours or min(24.0, max(0.25, calls[-1].hour)), "lines": lines},
            "list": shares,
            "network": {k: v for k, v in network.items() if v is not None},
            "detection": {k: v for k, v in detection.items() if v is not None},
            "agents": {"group": [{"count": agents}], **{k: v for k, v in work.items() if v is not None}},
        },
        name,
    )
