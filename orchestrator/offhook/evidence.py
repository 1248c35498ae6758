"""What is kept of a call so that its result can be explained later: lines of a few octets each, stored with the call.

The time line itself is noted by :class:`offhook.call.Call` as things happen. This module adds the end of it, the signs that made the
result, and knows how a line is stored: ``[t_ms, kind, name, detail, value, level_dbm0, confidence, margin_db, from_ms, hz]``, what is empty
at the end left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from offhook.fusion import GUARDS, Result
from offhook.messages import CallFact


def as_facts(result: Result | None, t_ms: int) -> tuple[CallFact, ...]:
    """How a result came about, as the last lines of the evidence: signs, guard, runner-up, verdict."""
    if result is None:
        return ()
    facts = [CallFact(t_ms=t_ms, kind="sign", name=one.name, detail=one.what, value=one.db) for one in result.signs]
    if result.guard:
        facts.append(CallFact(t_ms=t_ms, kind="guard", name=result.guard, detail=GUARDS[result.guard]))
    if result.runner_up is not None:
        facts.append(CallFact(t_ms=t_ms, kind="runner_up", name=result.runner_up, confidence=round(result.runner_up_p * 100)))
    sure = round(result.p * 100)
    facts.append(CallFact(t_ms=t_ms, kind="verdict", name=result.disposition, detail=f"rule {result.rule}", confidence=sure))
    return tuple(facts)


def packed(fact: CallFact) -> list[Any]:
    """A line as stored."""
    line: list[Any] = [
        fact.t_ms,
        fact.kind,
        fact.name,
        fact.detail,
        fact.value,
        fact.level_dbm0,
        fact.confidence,
        fact.margin_db,
        fact.from_ms,
        list(fact.hz) or None,
    ]
    while line[-1] is None:
        line.pop()
    return line


def unpacked(line: Sequence[Any]) -> CallFact:
    """A stored line; those of earlier versions are shorter."""
    whole: list[Any] = [*line, *[None] * (10 - len(line))]
    t_ms, kind, name, detail, value, level, confidence, margin, from_ms, hz = whole
    return CallFact(
        t_ms=t_ms,
        kind=kind,
        name=name,
        detail=detail,
        value=value,
        level_dbm0=level,
        confidence=confidence,
        margin_db=margin,
        from_ms=from_ms,
        hz=tuple(hz or ()),
    )
