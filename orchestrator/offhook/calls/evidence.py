"""What is kept of a call so that its result can be explained later: lines of a few octets each, stored with the call.

:class:`TimeLine` holds what happens, the settings in force and the signs that made the result. A line is stored as
``[t_ms, kind, name, detail, value, level_dbm0, confidence, margin_db, from_ms, hz]``, what is empty at the end left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import metadata
from typing import Any

from offhook.calls.fusion import AFTER, BEFORE, GUARDS, Result
from offhook.calls.prompts import Prompt
from offhook.messages import CallFact, CampaignSpec
from offhook_core import Event as Sound
from offhook_core import EventKind, isa

version = cache(metadata.version)
MAX_FACTS = 250
"""Lines kept of one call, its result not counted."""
_WORDS = {**GUARDS, **{row.name: row.what for row in (*BEFORE, *AFTER)}}  # not stored with every call


def in_force(hearing: str, campaign: CampaignSpec, prompt: Prompt | None, message: Prompt | None) -> str:
    """The settings that made the result, as ``key=value`` words: those of the node, then the campaign's that are not the defaults.

    ``offhook replay`` reads them; ``prompt`` and ``message`` are lengths in ms, ``keys`` those that mean something.
    """
    words = [f"offhook={version('offhook')}", f"isa={isa()}", *hearing.split()]
    for name, value in campaign.answer.model_dump(mode="json", exclude_defaults=True).items():
        words += [f"answer.{name}.{key}={one}" for key, one in value.items()] if isinstance(value, dict) else [f"answer.{name}={value}"]
    times = {name: getattr(campaign, name) for name in ("ring_timeout_s", "max_call_s", "prompt_plays", "dtmf_wait_ms")}
    words += [f"{name}={value:g}" for name, value in times.items() if value != CampaignSpec.model_fields[name].default]
    words += [f"keys={''.join(campaign.dtmf)}"] if campaign.dtmf else []
    words += [f"{name}={one.duration_ms}" for name, one in (("prompt", prompt), ("message", message)) if one is not None]
    return " ".join(words)


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


class TimeLine:
    """What happened in a call, in order, up to a limit.

    Args:
        reminders: What the checks wanted to be remembered: that the person is on the grey list, and why (L01).
    """

    def __init__(self, reminders: Sequence[str] = ()) -> None:
        self._facts = [CallFact(t_ms=0, kind="did", name="remind", detail=one) for one in reminders]
        self.in_force = ""  # settings, see in_force()

    def note(self, t_ms: int, kind: str, name: str, detail: str = "", value: float | None = None, confidence: int | None = None) -> None:
        """Something was signalled, decided or done."""
        if len(self._facts) < MAX_FACTS:
            fact = CallFact(t_ms=t_ms, kind=kind, name=str(name), detail=str(detail), value=value, confidence=confidence)
            self._facts.append(fact)

    def heard(self, event: Sound) -> None:
        """Something was heard."""
        if len(self._facts) >= MAX_FACTS:
            return
        t_ms, from_ms = round(event.t_ms), round(event.onset_ms)
        judged = event.kind == EventKind.ANSWER
        self._facts.append(
            CallFact(
                t_ms=t_ms,
                kind="heard",
                name=event.name,
                detail=event.detail,
                value=round(event.p_person, 4) if judged else event.value or None,
                level_dbm0=round(event.level_dbm0, 1),
                confidence=round(event.confidence * 100),
                margin_db=round(event.margin_db, 1) or None,
                from_ms=None if from_ms == t_ms else from_ms,
                hz=tuple(round(one) for one in event.freq_hz),
            )
        )

    def facts(self, result: Result | None, end_ms: int) -> tuple[CallFact, ...]:
        """All of it, and how the result came about."""
        setting = (CallFact(t_ms=end_ms, kind="setting", name="in_force", detail=self.in_force),) if self.in_force else ()
        return (*self._facts, *setting, *as_facts(result, end_ms))


def packed(fact: CallFact) -> list[Any]:
    """A line as stored."""
    line: list[Any] = [
        fact.t_ms,
        fact.kind,
        fact.name,
        "" if fact.detail == _WORDS.get(fact.name) else fact.detail,
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
        detail=detail or (_WORDS.get(name, "") if kind in ("sign", "guard") else ""),
        value=value,
        level_dbm0=level,
        confidence=confidence,
        margin_db=margin,
        from_ms=from_ms,
        hz=tuple(hz or ()),
    )
