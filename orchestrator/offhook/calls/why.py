"""Why a call has the result it has: its evidence in the words of a telephone engineer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from offhook.calls.fusion import AFTER, BEFORE, Source
from offhook.calls.margins import Margin, margin_of
from offhook.errors import OffhookError
from offhook.messages import CallFact, CallRecord
from offhook.store import Store
from offhook_drivers.contract import Cause, Location

_SOURCE = {row.name: row.source for row in (*BEFORE, *AFTER)}


@dataclass(frozen=True, slots=True)
class Why:
    """A call's result and all that speaks for and against it.

    Args:
        record: The call.
        signs: Facts of kind sign, the strongest for the result first.
        guard: Fact of kind guard, None when no guard had a say.
        runner_up: The next likely result.
        verdicts: Every verdict on the way, in order; more than one name means that one was withdrawn.
        line: The time line: signalling, what was heard, what we did, verdicts.
        settings: In force then, by name.
        margin: How sure the verdict on who answered was; None where there was none.
    """

    record: CallRecord
    signs: tuple[CallFact, ...]
    guard: CallFact | None
    runner_up: CallFact | None
    verdicts: tuple[CallFact, ...]
    line: tuple[CallFact, ...]
    settings: dict[str, str]
    margin: Margin | None = None

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "call": self.record.model_dump(mode="json", exclude={"evidence"}),
            "disposition": self.record.disposition,
            "probability": self.record.probability,
            "rule": self.record.rule,
            "runner_up": None if self.runner_up is None else {"disposition": self.runner_up.name, "probability": _share(self.runner_up)},
            "guard": None if self.guard is None else {"name": self.guard.name, "what": self.guard.detail},
            "signs": [{"name": f.name, "source": source(f.name), "what": f.detail, "db": f.value} for f in self.signs],
            "verdicts": [{"t_ms": f.t_ms, "verdict": f.name, "why": f.detail, "probability": _share(f)} for f in self.verdicts],
            "time_line": [f.model_dump(mode="json", exclude_none=True) for f in self.line],
            "settings": self.settings,
            "margin": None if self.margin is None else self.margin.as_dict(),
        }


def explain(record: CallRecord) -> Why:
    """Sort a call's evidence."""
    by: dict[str, list[CallFact]] = {}
    for fact in record.evidence:
        by.setdefault(fact.kind, []).append(fact)
    apart = ("sign", "guard", "runner_up", "setting")
    settings = dict(word.split("=", 1) for fact in by.get("setting", ()) for word in fact.detail.split() if "=" in word)
    final = next((fact for fact in reversed(by.get("verdict", [])) if fact.detail.startswith("rule ")), None)
    return Why(
        record=record,
        signs=tuple(by.get("sign", ())),
        guard=next(iter(by.get("guard", ())), None),
        runner_up=next(iter(by.get("runner_up", ())), None),
        verdicts=tuple(fact for fact in by.get("verdict", ()) if fact is not final),
        line=tuple(sorted((fact for fact in record.evidence if fact.kind not in apart and fact is not final), key=lambda fact: fact.t_ms)),
        settings=settings,
        margin=margin_of(record.evidence, settings),
    )


def text(why: Why) -> list[str]:
    """The whole explanation, line by line."""
    record = why.record
    lines = [
        f"call {record.id}   campaign {record.campaign}   lead {record.lead_id}, attempt {record.attempt}",
        f"number {record.number}, dialled {record.dialled or '-'}   span {record.span}, channel {record.channel}   "
        f"{record.started:%Y-%m-%d %H:%M:%S} UTC, {record.duration_ms / 1000:.1f} s"
        if record.started
        else f"number {record.number}",
        "",
        f"RESULT    {record.disposition}{_percent(record.probability)}{_next(why.runner_up)}   rule {record.rule or '-'}",
        *_because(why),
        *(why.margin.text() if why.margin is not None else ()),
        "",
        "TIME LINE",
        *(f"{fact.t_ms / 1000:9.2f} s  {fact.kind:8}  {words(fact)}" for fact in why.line),
        "",
        "SETTINGS  " + (" ".join(f"{key}={value}" for key, value in why.settings.items()) or "not kept with this call"),
    ]
    return lines


def _because(why: Why) -> list[str]:
    lines = [f"{'BECAUSE' if at == 0 else '':9} {f.value or 0:+3.0f} dB  {f.name:18}  {_seen(f, why)}" for at, f in enumerate(why.signs)]
    if not lines:
        lines = [f"BECAUSE   {_no_sign(why.record)}"]
    if why.guard is not None:
        lines.append(f"GUARD     {why.guard.name}: {why.guard.detail}")
    changes = [fact for before, fact in zip(why.verdicts, why.verdicts[1:], strict=False) if before.name != fact.name]
    lines += [f"CHANGED   to {fact.name} at {fact.t_ms / 1000:.2f} s: {fact.detail}" for fact in changes]
    return lines


def _seen(sign: CallFact, why: Why) -> str:
    """A sign in words; of a cause, which one it was."""
    if not sign.name.startswith("cause_"):
        return sign.detail
    causes = [fact for fact in why.line if fact.kind == "signal" and fact.value is not None and fact.detail != "by us"]
    return "; ".join(dict.fromkeys(_signal(fact) for fact in causes)) or sign.detail


def _no_sign(record: CallRecord) -> str:
    if record.rule == "result_lost":
        return "the node died in mid-call; whatever was heard is lost"
    if record.rule == "driver_refused":
        return "the driver did not take the call"
    if record.disposition is not None and record.disposition.reached:
        return "somebody answered, and nothing told who before the call ended"
    return "no sign of any result came: no cause, no ringing, no tone, no announcement"


def words(fact: CallFact) -> str:
    """One line of the time line in words."""
    match fact.kind:
        case "signal":
            return _signal(fact)
        case "heard":
            return _heard(fact)
        case "verdict":
            return f"{fact.name}{_percent(_share(fact))}: {fact.detail}"
        case _:
            length = f", {fact.value / 1000:.1f} s" if fact.value and fact.name == "play" else ""
            return f"{fact.name} {fact.detail}".rstrip() + length


def _signal(fact: CallFact) -> str:
    said = f"{fact.name} {fact.detail}".rstrip()
    if fact.value is None:
        return said
    cause = int(fact.value)
    name = Cause(cause).name.lower().replace("_", " ") if cause in Cause.__members__.values() else "no name here"
    return f"{said}, cause {cause} ({name})"


def _heard(fact: CallFact) -> str:
    parts = [f"{fact.name} {fact.detail}".rstrip()]
    if fact.name == "music":
        parts = ["music: colour ringback if before the answer"]
    if fact.hz:
        parts.append("+".join(str(hz) for hz in fact.hz) + " Hz")
    if fact.value and fact.name in ("speech_end", "tone_end", "music_end", "lost"):
        parts.append(f"{fact.value / 1000:.2f} s long")
    elif fact.from_ms is not None:
        parts.append(f"from {fact.from_ms / 1000:.2f} s")
    if fact.level_dbm0:
        parts.append(f"{fact.level_dbm0:.1f} dBm0")
    if fact.confidence:
        parts.append(f"{fact.confidence} %")
    if fact.margin_db:
        parts.append(f"margin {fact.margin_db:.1f} dB")
    return ", ".join(parts)


def source(sign: str) -> Source:
    """Where a sign comes from."""
    return _SOURCE.get(sign, Source.ANSWER)


def location(value: int | None) -> str:
    """A Q.850 location in words."""
    return "-" if value is None else Location(value).name.lower().replace("_", " ") if value in set(Location) else str(value)


def _share(fact: CallFact) -> float | None:
    return None if fact.confidence is None else fact.confidence / 100


def _percent(p: float | None) -> str:
    return "" if p is None else f" {p:.0%}"


def _next(fact: CallFact | None) -> str:
    return "" if fact is None else f"   next {fact.name}{_percent(_share(fact))}"


# -- which call ---------------------------------------------------------------------------------------------------------------------


_CALL = re.compile(r"[0-9a-f]{8}-[0-9a-f-]*|(?=[0-9]*[a-f])[0-9a-f]{6,12}|last")


def is_call(what: str) -> bool:
    """Can *what* be a call's id, its beginning or end, or ``last``? Digits alone are a telephone number."""
    return _CALL.fullmatch(what.lower()) is not None


async def find_call(store: Store, what: str) -> CallRecord:
    """The call whose id is or begins or ends with *what*; ``last`` is the latest.

    Raises:
        OffhookError: There is none, or more than one.
    """
    ids = await _matching(store, what.lower())
    if not ids:
        raise OffhookError("no call yet" if what == "last" else f"no call '{what}'; offhook ctl calls lists the latest")
    if len(ids) > 1:
        raise OffhookError(f"'{what}' fits several calls: {', '.join(ids[:5])}{' ...' if len(ids) > 5 else ''}; write more of the id")
    found = await store.call(ids[0])
    assert found is not None
    return found


async def _matching(store: Store, what: str) -> Sequence[str]:
    from sqlalchemy import Connection, select

    from offhook.store.models import CallRow

    def work(connection: Connection) -> Sequence[str]:
        if what == "last":
            query = select(CallRow.id).order_by(CallRow.id.desc()).limit(1)
        elif len(what) == 36:
            query = select(CallRow.id).where(CallRow.id == what)
        else:
            query = select(CallRow.id).where(CallRow.id.startswith(what, autoescape=True)).order_by(CallRow.id).limit(10)
            found = list(connection.execute(query).scalars())
            if found:
                return found
            query = (
                select(CallRow.id).where(CallRow.id.endswith(what, autoescape=True)).limit(10)
            )  # the end tells calls of one second apart
        return list(connection.execute(query).scalars())

    return await store.read(work)
