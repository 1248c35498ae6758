"""What the core can and cannot tell apart in a plan."""

from __future__ import annotations

import math
from dataclasses import dataclass

from offhook.tones.render import sound
from offhook_core import CallAnalyzer, Detect, EventKind, Tone, TonePlan, ToneSpec
from offhook_core.plan_distance import apart, same_pattern, turned_round

LONGEST_S = 45.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing an operator should know of a plan.

    Args:
        kind: ``"double"`` (one pattern, one tone), ``"alike"`` (one pattern, two tones), ``"near"`` (within the tolerance of each other),
            ``"turned"`` (one loop begun at two places), ``"shadowed"`` (played clean, it is heard as another tone) or ``"unheard"``.
        rows: The rows it is about.
        margin: How far they lie apart, in tolerances of the core; 0 the same, from 2 on they cannot be mixed up. None when not measured.
        text: In words.
    """

    kind: str
    rows: tuple[int, ...]
    margin: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What the core made of one row, played clean.

    Args:
        row: Number in the plan.
        tone: The row's own.
        heard: The tone that was told, ``""`` for none.
        heard_row: The row that was told.
        after_ms: When it was told.
        margin: Distance to the runner-up, in tolerances.
    """

    row: int
    tone: str
    heard: str
    heard_row: int | None
    after_ms: float
    margin: float


def listen(plan: TonePlan) -> list[Heard]:
    """Play every row clean to a channel with this plan."""
    told = []
    with CallAnalyzer(plan, law="linear", detectors=Detect.TONES | Detect.SIT) as analyzer:
        for number, row in enumerate(plan.tones):
            told.append(_hear(analyzer, number, row))
    return told


def _hear(analyzer: CallAnalyzer, number: int, row: ToneSpec) -> Heard:
    once_s, loop_s = (sum(one.duration_ms for one in part) / 1000 for part in (row.once, row.loop))
    analyzer.reset()
    events = analyzer.push(sound(row, min(LONGEST_S, once_s + 3 * loop_s + 6))) + analyzer.lost(0) + analyzer.flush()
    final = [event for event in events if event.kind is EventKind.TONE and not event.provisional and event.tone is not Tone.SIT_US]
    named = next((event for event in final if event.tone is row.tone), final[0] if final else None)
    name = row.tone.name.lower()
    if named is None:
        return Heard(number, name, "", None, 0.0, 0.0)
    return Heard(number, name, named.name, named.row, named.t_ms, named.margin_db / 10)


def findings(plan: TonePlan) -> list[Finding]:
    """What is ambiguous in the plan, nearest rows first; nothing when every row is heard as itself and for sure."""
    found = []
    rows = plan.tones
    for i, a in enumerate(rows):
        for j in range(i + 1, len(rows)):
            pair = _pair(i, a, j, rows[j])
            if pair is not None:
                found.append(pair)
    alike = {row for one in found if one.kind in ("double", "alike") for row in one.rows}
    for heard in listen(plan):
        if not heard.heard and rows[heard.row].tone is not Tone.SIT:
            text = "played clean it is not told: too long, too short, or other rows go on as long as it does"
            found.append(Finding("unheard", (heard.row,), None, text))
        elif heard.heard and heard.heard != heard.tone and heard.row not in alike:
            said = (heard.row,) if heard.heard_row is None else (heard.row, heard.heard_row)
            found.append(Finding("shadowed", said, 0.0, f"{heard.tone} played clean is told as {heard.heard}"))
    return sorted(found, key=lambda one: (math.inf if one.margin is None else one.margin, one.rows))


def _pair(i: int, a: ToneSpec, j: int, b: ToneSpec) -> Finding | None:
    one, other = a.tone.name.lower(), b.tone.name.lower()
    if same_pattern(a, b):
        if a.tone is b.tone:
            return Finding("double", (i, j), 0.0, f"{one} twice; one row is enough")
        return Finding("alike", (i, j), 0.0, f"{one} and {other} cannot be told apart; one of the names is told for both")
    if a.tone is b.tone:
        return None
    if turned_round(a, b):
        return Finding("turned", (i, j), 0.0, f"{one} and {other} are one loop begun at two places; only the beginning of the tone tells")
    margin = min(apart(a, b), apart(b, a))
    if margin < 1:
        return Finding("near", (i, j), round(margin, 2), f"{one} and {other} lie within the tolerance; the nearer one is told, later")
    return None
